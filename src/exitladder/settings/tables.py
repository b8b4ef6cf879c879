"""The settings of a project (`exitladder.toml`): every key, its default and what it means.

Each table of the file is a frozen dataclass here; `exitladder init` writes them out with their
comments, and ``--set table.key=value`` overrides one on the command line.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from exitladder.errors import BarsError, LadderError, SettingsError
from exitladder.files.toml import only_keys
from exitladder.plans.costs import Costs
from exitladder.settings.contracts import Contracts, contracts_from_mapping
from exitladder.settings.currencies import Currencies, currencies_from_mapping
from exitladder.settings.keys import _checked, _key, _one


@dataclass(frozen=True)
class ProjectSettings:
    """What holds for the whole project."""

    name: str = _key("exitladder", "name of the project; its MLflow experiment")
    seed: int = _key(0, "every random choice follows from it", least=0)
    threads: int = _key(0, "threads to use; 0 means all cores", least=0)


@dataclass(frozen=True)
class DataSettings:
    """Where bars come from and how they are read."""

    tz: str = _key("UTC", "time zone of stamps that carry none")
    adjust: str = _key("auto", "adjust prices by adj_close where it is there: auto or none", among=("auto", "none"))
    splits: str = _key(
        "leave_out",
        "trades across a likely split that no adjustment has removed: leave_out or keep",
        among=("leave_out", "keep"),
    )


@dataclass(frozen=True)
class SeriesSettings:
    """A series of the user's own that features may refer to; one table ``[[features.series]]`` each.

    Parameters
    ----------
    name : str
        Small letters, digits and underscores; its columns are series_NAME, series_NAME_z_60, ...
    path : str
        CSV, Parquet or Feather with stamps and, for values by symbol, a column ``symbol``.
    column : str
        The column of its values.
    delay : str
        From a value's stamp until it is known, such as ``1d`` or ``15m``; ``0`` if at once.
    directed : bool
        True where a short should see it negated.

    Raises
    ------
    SettingsError
        If a value is not of its kind.
    """

    name: str
    path: str
    column: str
    delay: str
    directed: bool = False

    def __post_init__(self) -> None:
        for f in fields(self):
            _one(getattr(self, f.name), bool if f.name == "directed" else str, f"features.series.{f.name}")
        if not re.fullmatch(r"[a-z][a-z0-9_]*", self.name) or re.search(r"_(z|change)_[0-9]+$|_x[0-9]+$", self.name):
            raise SettingsError(
                "The name of a series must be small letters, digits and underscores, and not end like one of its "
                f"columns (_z_60, _change_5, _x4), but is {self.name!r}."
            )
        _ = self.delay_ns

    @property
    def delay_ns(self) -> int:
        """The delay in nanoseconds."""
        if self.delay.strip() == "0":
            return 0
        from exitladder.clock import interval_from_name

        try:
            return interval_from_name(self.delay)
        except BarsError:
            raise SettingsError(
                f"The delay of the series '{self.name}' must be a whole number with s, m, h, d or w, such as '1d', "
                f"or '0', but is {self.delay!r}."
            ) from None


@dataclass(frozen=True)
class FeatureSettings:
    """What the model sees of a bar."""

    names: tuple[str, ...] = _key(["default"], "features by name, family or set")
    benchmark: str = _key("", "symbol of the bars, or a file of bars, that cross-asset features refer to")
    exchange_tz: str = _key("UTC", "the exchange's time zone: time of day, weekday and volume by time of day go by it")
    series: tuple[SeriesSettings, ...] = _key(
        [], "own series; in place of this line a table [[features.series]] each: name, path, column, delay, directed"
    )


@dataclass(frozen=True)
class LabelSettings:
    """What the model learns."""

    initial_stop: str = _key("2ATR", "defines R for trades that bring no stop_price")
    max_bars: int = _key(120, "bars after the entry that the model looks at", least=2)
    exhaustion: str = _key(
        "race", "what `exhaustion` is the probability of: race or pivot_hazard", among=("race", "pivot_hazard")
    )
    decision: str = _key(
        "continuation_advantage",
        "what `hold_value_r` is: continuation_advantage, forward_return, remaining_mfe or triple_barrier",
        among=("continuation_advantage", "forward_return", "remaining_mfe", "triple_barrier"),
    )
    horizon_bars: int = _key(20, "bars that forward_return and triple_barrier look ahead", least=1)
    race_give_back_atr: float = _key(1.9, "exhaustion: price gives back this many ATR ...", least=0.01)
    race_extend_atr: float = _key(1.9, "... before it extends this many ATR", least=0.01)
    baseline_trail_atr: float = _key(3.0, "hold value: advantage of holding under a trail of this many ATR", least=0.01)
    reachable_trail_atr: float = _key(6.0, "train on bars that a trail of this many ATR would have reached", least=0.01)


@dataclass(frozen=True)
class ModelSettings:
    """LightGBM's parameters."""

    n_estimators: int = _key(150, "trees of a forest at most", least=1)
    patience: int = _key(30, "trees without a smaller held-out loss that end a forest; 0 grows all trees", least=0)
    ensemble: int = _key(
        3, "forests a stage, each holding out its share of the trades, averaged; 1 is one forest on all", least=1
    )
    tune_trials: int = _key(
        0, "parameters that Optuna tries in each stage's own folds in place of those below; 0 keeps those", least=0
    )
    learning_rate: float = _key(0.05, "shrinkage of each tree", least=1e-4, most=1)
    num_leaves: int = _key(15, "leaves of a tree", least=2)
    min_child_samples: int = _key(200, "rows in a leaf at least", least=1)
    subsample: float = _key(0.7, "share of rows each tree sees", least=0.05, most=1)
    colsample: float = _key(0.7, "share of features each tree sees", least=0.05, most=1)
    row_step: int = _key(1, "train on every n-th bar of a trade (bars of a trade overlap)", least=1)
    calibration: str = _key(
        "auto",
        "platt, isotonic, venn_abers or none, fitted on out-of-fold predictions; auto takes the best of three",
        among=("auto", "platt", "isotonic", "venn_abers", "none"),
    )
    memory_gb: float = _key(
        0.0, "GB that training may take; more rows are kept on disk; 0: three quarters of what is available", least=0
    )
    scheduler: str = _key("", "address of a Dask scheduler whose workers train on rows that exceed memory_gb")


@dataclass(frozen=True)
class ValidationSettings:
    """How honest the numbers are."""

    n_folds: int = _key(5, "walk-forward stages of the model", least=2)
    embargo_bars: int = _key(10, "bars left out between training and test", least=0)
    test_fraction: float = _key(
        0.5,
        "share of the trades, the latest ones, that are scored before anything is tuned on them",
        least=0.05,
        most=0.9,
    )
    n_test_parts: int = _key(4, "parts that these are cut into; the ladder is tuned anew before each", least=1)
    window: str = _key(
        "expanding",
        "what is tuned on: expanding (all trades before the part) or rolling (as many as before the first)",
        among=("expanding", "rolling"),
    )
    n_bootstrap: int = _key(2000, "resamples behind every interval", least=100)
    confidence: float = _key(0.95, "coverage of every interval", least=0.5, most=0.999)


@dataclass(frozen=True)
class TuningSettings:
    """How the ladder is searched."""

    n_trials: int = _key(1000, "candidate ladders of each search", least=1)
    sampler: str = _key(
        "mixture",
        "how candidates are found: mixture (Sobol' points, then crossings), tpe, nsga2, cmaes, qmc or random",
        among=("mixture", "tpe", "nsga2", "cmaes", "qmc", "random"),
    )
    batch_size: int = _key(64, "candidates looked at together", least=1)
    storage: str = _key(
        "",
        "where studies are kept: sqlite:///PATH, postgresql://USER@HOST/DATABASE or memory; "
        "empty: studies.db in tracking.store",
    )
    study: str = _key(
        "", "name of the study; empty: by its content, so that the same search goes on and another one begins anew"
    )
    workers: int = _key(1, "processes on this machine that share the search", least=1)
    scheduler: str = _key("", "address of a Dask scheduler whose workers look at the candidates")
    ahead: int = _key(
        0, "batches that all who share the search look at at once; 0: as many as this command has workers", least=0
    )
    objectives: tuple[str, ...] = _key(
        ["mean_minus_downside"],
        "what is best, the most important first: expectancy_r, mean_minus_downside, lower_bound, cvar_r, "
        "worst_block_r, profit_per_fill, capture, or of the account's daily results sharpe, sortino, calmar, ulcer",
        among=(
            "expectancy_r", "mean_minus_downside", "lower_bound", "cvar_r", "worst_block_r", "profit_per_fill",
            "capture", "sharpe", "sortino", "calmar", "ulcer",
        ),
    )  # fmt: skip
    downside_weight: float = _key(0.1, "weight of the downside deviation in mean_minus_downside", least=0)
    risk_per_trade: float = _key(
        0.01, "share of the account that 1R is, for calmar and ulcer, which compound", least=0.0001, most=1
    )
    robust: str = _key(
        "none",
        "each objective as it is (none), its lower confidence bound (lower_bound), its median over neighbours of the "
        "parameters (neighbours), or at costs times two (double_costs)",
        among=("none", "lower_bound", "neighbours", "double_costs"),
    )
    pruner: str = _key(
        "none",
        "wilcoxon: with one objective, give up a candidate that is worse than the best so far on the blocks of trades "
        "seen; none: look at every candidate on all trades",
        among=("none", "wilcoxon"),
    )
    prune_p: float = _key(0.1, "p value of the signed-rank test below which the pruner gives up", least=0, most=0.5)
    max_fills: float = _key(0.0, "constraint: fills a trade at most, the entry's counted; 0: any", least=0)
    max_cost_share: float = _key(0.0, "constraint: costs over the result before costs at most; 0: any", least=0, most=1)
    max_drawdown_r: float = _key(0.0, "constraint: deepest fall of the daily account at most, R; 0: any", least=0)
    min_trades: int = _key(0, "constraint: trades that count at least; 0: any", least=0)


@dataclass(frozen=True)
class SearchSettings:
    """The search space of the ladder; a range of one value fixes it, an empty one leaves its part out."""

    n_rungs: tuple[int, ...] = _key(
        [0, 3], "fewest and most price rungs; with none the stop, the trail or the model ends it", least=0
    )
    least_fraction: float = _key(0.1, "no rung sells less of the position than this share", least=0.01, most=1)
    fraction_step: float = _key(0.05, "shares are multiples of this", least=0.01, most=0.5)
    target_units: tuple[str, ...] = _key(
        ["R"], "units of the targets, R, ATR or %; of several one is chosen a ladder", among=("R", "ATR", "%")
    )
    first_target_r: tuple[float, ...] = _key([0.5, 4.0], "first target, R", least=0.01)
    target_gap_r: tuple[float, ...] = _key([0.25, 4.0], "distance from a target to the next, R", least=0.01)
    target_step_r: float = _key(0.25, "targets lie on multiples of this, R", least=0.01)
    first_target_atr: tuple[float, ...] = _key([1.0, 8.0], "first target, ATR", least=0.01)
    target_gap_atr: tuple[float, ...] = _key([0.5, 8.0], "distance from a target to the next, ATR", least=0.01)
    target_step_atr: float = _key(0.5, "targets lie on multiples of this, ATR", least=0.01)
    first_target_percent: tuple[float, ...] = _key([1.0, 20.0], "first target, %", least=0.01)
    target_gap_percent: tuple[float, ...] = _key([0.5, 20.0], "distance from a target to the next, %", least=0.01)
    target_step_percent: float = _key(0.5, "targets lie on multiples of this, %", least=0.01)
    stop: tuple[float, ...] = _key(
        [],
        "initial stop of trades that bring none, in the unit of labels.initial_stop (results stay in R of that one); "
        "empty: labels.initial_stop itself",
        least=0.01,
        kind=float,
    )
    stop_step: float = _key(0.5, "initial stops lie on multiples of this", least=0.01)
    breakeven_after: tuple[int, ...] = _key(
        [0, 3], "number of the rung whose fill moves the stop to the entry; 0: never", least=0
    )
    breakeven_offset_r: tuple[float, ...] = _key([0.0, 0.0], "added to the entry in the trade's favour, R", least=0)
    breakeven_offset_step_r: float = _key(0.05, "offsets lie on multiples of this, R", least=0.01)
    trail: tuple[str, ...] = _key(
        ["off", "entry", "rung", "from_r"],
        "what may arm the trail: off (there is none), entry, rung (its fill) or from_r (an MFE)",
        among=("off", "entry", "rung", "from_r"),
    )
    trail_after: tuple[int, ...] = _key([1, 1], "number of the rung that arms the trail", least=1)
    trail_from_r: tuple[float, ...] = _key([0.5, 4.0], "MFE that arms the trail, R", least=0.01)
    trail_units: tuple[str, ...] = _key(
        ["ATR"], "units of the trail, ATR, R or %; of several one is chosen a ladder", among=("ATR", "R", "%")
    )
    trail_atr: tuple[float, ...] = _key([1.5, 8.0], "width of the trail, ATR", least=0.01)
    trail_step_atr: float = _key(0.25, "trails lie on multiples of this, ATR", least=0.01)
    trail_r: tuple[float, ...] = _key([0.5, 4.0], "width of the trail, R", least=0.01)
    trail_step_r: float = _key(0.25, "trails and what arms them lie on multiples of this, R", least=0.01)
    trail_percent: tuple[float, ...] = _key([1.0, 20.0], "width of the trail, %", least=0.01)
    trail_step_percent: float = _key(0.5, "trails lie on multiples of this, %", least=0.01)
    time_bars: tuple[int, ...] = _key([10, 100], "time stop, bars", least=1)
    exhaustion: tuple[float, ...] = _key([0.5, 0.9], "threshold of the model's rung")
    exhaustion_min_r: tuple[float, ...] = _key(
        [0.0, 2.0], "open R that the model's rung needs at least; empty: it needs none", kind=float
    )
    hold_value_r: tuple[float, ...] = _key(
        [], "threshold of the hold value's rung, R; empty: between low quantiles of what the model says", kind=float
    )
    hold_value_min_r: tuple[float, ...] = _key(
        [], "open R that the hold value's rung needs at least; empty: it needs none", kind=float
    )
    indicator_rungs: tuple[str, ...] = _key(
        [], 'further rungs the search may add, such as "rsi_14 >= 60..85 and open_r >= 0..2"', kind=str
    )


@dataclass(frozen=True)
class TrackingSettings:
    """Where runs are kept."""

    store: str = _key("mlruns", "folder of the MLflow store and its artifacts")
    enabled: bool = _key(True, "track every run")


@dataclass(frozen=True)
class Settings:
    """All settings of a project.

    Examples
    --------
    >>> from exitladder.settings.loading import load_settings
    >>> load_settings(None, ["tuning.n_trials=50", "costs.commission_bps=2"]).tuning.n_trials
    50
    """

    project: ProjectSettings = field(default_factory=ProjectSettings)
    data: DataSettings = field(default_factory=DataSettings)
    features: FeatureSettings = field(default_factory=FeatureSettings)
    labels: LabelSettings = field(default_factory=LabelSettings)
    model: ModelSettings = field(default_factory=ModelSettings)
    validation: ValidationSettings = field(default_factory=ValidationSettings)
    tuning: TuningSettings = field(default_factory=TuningSettings)
    search: SearchSettings = field(default_factory=SearchSettings)
    costs: Costs = field(default_factory=Costs)
    symbols: Contracts = field(default_factory=Contracts)
    currencies: Currencies = field(default_factory=Currencies)
    tracking: TrackingSettings = field(default_factory=TrackingSettings)

    def with_values(self, table: Mapping[str, Any], place: str = "settings") -> Settings:
        """Return these settings with the values of nested tables put in; unknown keys are refused."""
        changed: dict[str, Any] = {}
        for name, values in only_keys(table, [f.name for f in fields(self)], place, SettingsError).items():
            part = getattr(self, name)
            if isinstance(part, Contracts):
                changed[name] = Contracts({**part, **contracts_from_mapping(values)})
                continue
            if isinstance(part, Currencies):
                changed[name] = currencies_from_mapping(values, part)
                continue
            only_keys(values, [f.name for f in fields(part)], name, SettingsError)
            if isinstance(part, Costs):
                try:
                    changed[name] = replace(part, **values)
                except LadderError as error:
                    raise SettingsError(str(error)) from None
            else:
                known = {f.name: f for f in fields(part)}
                if name == "features" and "series" in values:
                    values = {**values, "series": _own_series(values["series"])}
                changed[name] = replace(
                    part, **{key: _checked(value, known[key], f"{name}.{key}") for key, value in values.items()}
                )
        return replace(self, **changed)

    def to_mapping(self) -> dict[str, dict[str, Any]]:
        """Return the settings as nested tables of plain values."""
        return {
            part.name: getattr(self, part.name).to_mapping()
            if isinstance(getattr(self, part.name), (Contracts, Currencies))
            else {f.name: _plain(getattr(getattr(self, part.name), f.name)) for f in fields(getattr(self, part.name))}
            for part in fields(self)
        }


def _own_series(tables: Any) -> tuple[SeriesSettings, ...]:
    """Return the declared series, each from its table; names must differ."""
    if isinstance(tables, (str, Mapping)) or not isinstance(tables, Iterable):
        raise SettingsError(f"features.series must be tables [[features.series]], but is {tables!r}.")
    found = []
    known = [f.name for f in fields(SeriesSettings)]
    for table in tables:
        if isinstance(table, SeriesSettings):
            found.append(table)
            continue
        given = only_keys(table, known, "features.series", SettingsError)
        for key in known[:-1]:
            if key not in given:
                raise SettingsError(f"A series must have {', '.join(known[:-1])}, but one lacks {key} ({dict(given)}).")
        found.append(SeriesSettings(**given))
    names = [s.name for s in found]
    for name in names:
        if names.count(name) > 1:
            raise SettingsError(
                f"Each series must have a name of its own, but '{name}' comes {names.count(name)} times."
            )
    return tuple(found)


def _plain(value: Any) -> Any:
    """Return tuples as lists and series as tables."""
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return asdict(value) if isinstance(value, SeriesSettings) else value
