"""The settings of a project (`exitladder.toml`): every key with its default and meaning.

Each table of the file is a frozen dataclass here. `exitladder init` writes the file with comments;
``--set table.key=value`` overrides a key on the command line.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from exitladder.errors import BarsError, LadderError, SettingsError
from exitladder.files.conventions import DECIMALS, STAMPS, Conventions
from exitladder.files.toml import only_keys
from exitladder.plans.costs import Costs
from exitladder.plans.units import Distance
from exitladder.settings.contracts import Contracts, contracts_from_mapping
from exitladder.settings.currencies import Currencies, currencies_from_mapping
from exitladder.settings.earlier_keys import refuse_earlier_search_keys
from exitladder.settings.impact import ImpactSettings
from exitladder.settings.keys import _checked, _key, _one, refuse_secrets
from exitladder.settings.options import OptionSearch, OptionSettings
from exitladder.settings.ranges import DistanceRange, distance_ranges, distance_steps
from exitladder.statistics.intervals import Intervals


@dataclass(frozen=True)
class ProjectSettings:
    """Project-wide settings."""

    name: str = _key("exitladder", "name of the project and of its MLflow experiment")
    seed: int = _key(0, "random seed of the whole project", least=0)
    threads: int = _key(0, "number of threads; 0: all cores", least=0)


@dataclass(frozen=True)
class DataSettings:
    """Reading of bars and trades."""

    tz: str = _key("UTC", "time zone of timestamps without one")
    stamps: str = _key("auto", "whether timestamps mark the start or end of a bar: auto, start or end", among=STAMPS)
    dayfirst: bool = _key(False, "read ambiguous dates such as 01/02/2024 with the day first")
    monthfirst: bool = _key(False, "read ambiguous dates such as 01/02/2024 with the month first")
    decimal: str = _key("auto", "decimal mark of numbers written as text: auto, . or ,", among=DECIMALS)
    columns: tuple[str, ...] = _key([], "names of the columns of bars in a text file without a header line", kind=str)
    symbol: str = _key("", "symbol of the bars, if the file has only one; empty: from the file")
    symbol_map: str = _key("", "CSV file of two columns: symbol in the bars, and its new name")
    side: str = _key("", "side of trades in a file without one: long or short", among=("", "long", "short"))
    adjust: str = _key(
        "auto",
        "prices of bars with adj_close: adj_close adjusts them, none reads them as traded, auto adjusts them unless "
        "the trades were entered at prices as traded",
        among=("auto", "adj_close", "none"),
    )
    dividends: str = _key(
        "auto",
        "cash dividends on unadjusted prices (adjust = none): auto credits those in adj_close, credit also those in a "
        "column dividend, ignore none; or the path of a file with symbol, date and dividend",
    )
    splits: str = _key(
        "leave_out",
        "trades open across a likely split that the prices are not adjusted for: leave_out or keep",
        among=("leave_out", "keep"),
    )
    outside_entries: str = _key(
        "leave_out",
        "trades with an entry outside its bar by more than 0.1 R: leave_out or keep",
        among=("leave_out", "keep"),
    )
    several_entries: str = _key(
        "last",
        "positions with several entries: last judges them from the last entry on, first from the first one, with the "
        "later entries as adds of your own exits. score follows an open position from its first entry with a plan that "
        "has adds, else from the last",
        among=("last", "first"),
    )
    max_unpacked_mb: int = _key(4000, "maximum size of an unpacked file, MB", least=1)
    max_columns: int = _key(2000, "maximum number of columns of a table", least=1)

    @property
    def conventions(self) -> Conventions:
        """How ambiguous files are read.

        Raises
        ------
        SettingsError
            If dates are to begin with the day and with the month.
        """
        if self.dayfirst and self.monthfirst:
            raise SettingsError(
                "Dates must begin with the day or with the month, but dayfirst and monthfirst are both set."
            )
        return Conventions(
            tz=self.tz,
            stamps=self.stamps,
            dates="dayfirst" if self.dayfirst else "monthfirst" if self.monthfirst else "auto",
            decimal=self.decimal,
            columns=self.columns,
            symbol=self.symbol,
            symbol_map=self.symbol_map,
            max_unpacked_mb=self.max_unpacked_mb,
            max_columns=self.max_columns,
        )


@dataclass(frozen=True)
class SeriesSettings:
    """A custom series for features; one table ``[[features.series]]`` each.

    Parameters
    ----------
    name : str
        Lowercase letters, digits and underscores; its columns are series_NAME, series_NAME_z_60, ...
    path : str
        CSV, Parquet or Feather file with timestamps and, for values by symbol, a column ``symbol``.
    column : str
        Column with the values.
    delay : str
        Time from a value's timestamp until it is known, such as ``1d`` or ``15m``; ``0`` if known at once.
    directed : bool
        True to negate the series for shorts.

    Raises
    ------
    SettingsError
        If a value has the wrong type or format.
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
                "The name of a series must consist of lowercase letters, digits and underscores and must not end like "
                f"one of its columns (_z_60, _change_5, _x4), but is {self.name!r}."
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
                f"The delay of the series '{self.name}' must be an integer with the unit s, m, h, d or w, such as "
                f"'1d', or '0', but is {self.delay!r}."
            ) from None


@dataclass(frozen=True)
class FeatureSettings:
    """Features of the model."""

    names: tuple[str, ...] = _key(["default"], "features by name, family or set")
    benchmark: str = _key("", "benchmark of cross-asset features: a symbol of the bars, or a file of bars")
    exchange_tz: str = _key("UTC", "time zone of the exchange, for time of day, weekday and volume by time of day")
    series: tuple[SeriesSettings, ...] = _key(
        [],
        "custom series; replace this line by one table [[features.series]] each: name, path, column, delay, directed",
    )


@dataclass(frozen=True)
class LabelSettings:
    """Labels of the model."""

    initial_stop: str = _key("2ATR", "initial stop, and thus R, of trades without a stop_price")
    max_bars: int = _key(120, "bars after the entry that are labelled", least=2)
    exhaustion: str = _key(
        "race", "event whose probability is `exhaustion`: race or pivot_hazard", among=("race", "pivot_hazard")
    )
    decision: str = _key(
        "continuation_advantage",
        "label of `hold_value_r`: continuation_advantage, forward_return, remaining_mfe or triple_barrier",
        among=("continuation_advantage", "forward_return", "remaining_mfe", "triple_barrier"),
    )
    horizon_bars: int = _key(20, "horizon of forward_return and triple_barrier, bars", least=1)
    race_give_back_atr: float = _key(1.9, "exhaustion: price gives back this many ATR ...", least=0.01)
    race_extend_atr: float = _key(1.9, "... before it extends by this many ATR", least=0.01)
    baseline_trail_atr: float = _key(
        3.0, "hold value: advantage of holding with a trailing stop of this width, ATR", least=0.01
    )
    reachable_trail_atr: float = _key(
        6.0, "train on the bars that a trailing stop of this width would have reached, ATR", least=0.01
    )


@dataclass(frozen=True)
class ModelSettings:
    """LightGBM parameters."""

    n_estimators: int = _key(150, "maximum number of trees per forest", least=1)
    patience: int = _key(
        30, "early stopping: trees without improvement of the held-out loss; 0: no early stopping", least=0
    )
    ensemble: int = _key(
        3, "forests per stage, averaged; each holds out its own share of the trades; 1: one forest on all", least=1
    )
    tune_trials: int = _key(
        0, "Optuna trials of the parameters below, within each stage's own folds; 0: no tuning", least=0
    )
    learning_rate: float = _key(0.05, "learning rate", least=1e-4, most=1)
    num_leaves: int = _key(15, "leaves per tree", least=2)
    min_child_samples: int = _key(200, "minimum number of rows per leaf", least=1)
    subsample: float = _key(0.7, "share of rows sampled per tree", least=0.05, most=1)
    colsample: float = _key(0.7, "share of features sampled per tree", least=0.05, most=1)
    combine: str = _key(
        "stack",
        "what predicts: stack (the past's constant, a linear model and the forest, weighted by their held-out loss; "
        "silent without a gain over the constant) or forest (the forest alone)",
        among=("stack", "forest"),
    )
    screen: bool = _key(
        True,
        "use a family of features beyond the default set only in stages whose held-out rows it predicts better",
    )
    by_symbol: bool = _key(
        True,
        "give a symbol with enough trades a linear model of its own where it predicts better on held-out rows",
    )
    book: str = _key("", "book of a pooled model that symbols of no book belong to; empty: none")
    forget: tuple[str, ...] = _key(
        ["off"],
        "how stages forget: off (all of the past counts alike), window (only the latest trades train) or decay (later "
        "trades weigh more); of several, each series of a stage takes the one that was clearly best out of fold",
        among=("off", "window", "decay"),
    )
    memory: float = _key(
        0.25,
        "length of the window, and half-life of the decay, as a share of the trades that a stage could train on",
        least=0.05,
        most=1,
    )
    row_step: int = _key(3, "train on every n-th bar of a trade (bars of a trade overlap)", least=1)
    calibration: str = _key(
        "auto",
        "platt, isotonic, venn_abers or none, fitted to out-of-fold predictions; auto selects the best of the three",
        among=("auto", "platt", "isotonic", "venn_abers", "none"),
    )
    memory_gb: float = _key(
        0.0, "memory limit of training, GB; rows beyond it are kept on disk; 0: 75% of the available memory", least=0
    )
    scheduler: str = _key("", "address of a Dask scheduler whose workers train if the rows exceed memory_gb")
    estimator: str = _key(
        "",
        "classifier of scikit-learn for the probability of exhaustion, such as "
        "sklearn.linear_model.LogisticRegression(C=0.1); empty: LightGBM",
    )
    hold_estimator: str = _key(
        "",
        "regressor of scikit-learn for the value of holding, such as sklearn.linear_model.Ridge(alpha=10); empty: "
        "LightGBM",
    )


@dataclass(frozen=True)
class ValidationSettings:
    """Walk-forward validation and confidence intervals."""

    n_folds: int = _key(5, "walk-forward stages of the model", least=2)
    embargo_bars: int = _key(10, "embargo between training and test, bars", least=0)
    test_fraction: float = _key(
        0.5,
        "share of the trades, the latest ones, scored out of sample",
        least=0.05,
        most=0.9,
    )
    n_test_parts: int = _key(4, "test parts; the ladder is tuned again before each", least=1)
    window: str = _key(
        "expanding",
        "training window: expanding (all trades before the part) or rolling (as many as before the first part)",
        among=("expanding", "rolling"),
    )
    n_bootstrap: int = _key(2000, "bootstrap resamples of every confidence interval", least=100)
    confidence: float = _key(0.95, "confidence level of every interval", least=0.5, most=0.999)


@dataclass(frozen=True)
class TuningSettings:
    """Search for the ladder."""

    n_trials: int = _key(1000, "candidate ladders per search", least=1)
    sampler: str = _key(
        "mixture",
        "sampler of candidates: mixture (Sobol' points, then crossover), tpe, nsga2, cmaes, qmc or random",
        among=("mixture", "tpe", "nsga2", "cmaes", "qmc", "random"),
    )
    batch_size: int = _key(64, "candidates evaluated together", least=1)
    storage: str = _key(
        "",
        "storage of the studies: sqlite:///PATH, postgresql://USER@HOST/DATABASE or memory; "
        "empty: studies.db in tracking.store",
    )
    study: str = _key(
        "",
        "name of the study; empty: derived from its content, so the same search resumes and any other starts over",
    )
    workers: int = _key(1, "worker processes on this machine", least=1)
    scheduler: str = _key("", "address of a Dask scheduler whose workers evaluate the candidates")
    ahead: int = _key(
        0, "batches in progress at once, over all processes of the search; 0: the number of workers", least=0
    )
    objectives: tuple[str, ...] = _key(
        ["mean_minus_downside"],
        "objectives, the most important first: expectancy_r, mean_minus_downside, lower_bound, cvar_r, "
        "worst_block_r, profit_per_fill, capture, r_per_bar, r_per_capital_day, excess_r (over the market's drift), or "
        "on the account's daily results "
        "sharpe, sortino, calmar, ulcer",
        among=(
            "expectancy_r", "mean_minus_downside", "lower_bound", "cvar_r", "worst_block_r", "profit_per_fill",
            "capture", "r_per_bar", "r_per_capital_day", "excess_r", "sharpe", "sortino", "calmar", "ulcer",
        ),
    )  # fmt: skip
    downside_weight: float = _key(0.1, "weight of the downside deviation in mean_minus_downside", least=0)
    risk_per_trade: float = _key(
        0.01, "share of the account risked per trade (1R), for calmar and ulcer, which compound", least=0.0001, most=1
    )
    robust: str = _key(
        "none",
        "robust form of each objective: as it is (none), its lower confidence bound (lower_bound), its median over "
        "neighbouring parameters (neighbours), or with doubled costs (double_costs)",
        among=("none", "lower_bound", "neighbours", "double_costs"),
    )
    pruner: str = _key(
        "none",
        "wilcoxon: with one objective, stop the evaluation of a candidate that is worse than the best so far on the "
        "blocks of trades evaluated; none: evaluate every candidate on all trades",
        among=("none", "wilcoxon"),
    )
    prune_p: float = _key(0.1, "p-value of the signed-rank test below which a candidate is pruned", least=0, most=0.5)
    max_fills: float = _key(0.0, "constraint: maximum fills per trade, including the entry; 0: none", least=0)
    max_cost_share: float = _key(
        0.0, "constraint: maximum costs as a share of the gross result; 0: none", least=0, most=1
    )
    max_drawdown_r: float = _key(0.0, "constraint: maximum drawdown of the account at any close, R; 0: none", least=0)
    min_trades: int = _key(0, "constraint: minimum number of trades with a result; 0: none", least=0)
    sizes: tuple[str, ...] = _key(
        ["off"],
        "size rules compared with constant size, after the exit is chosen: fraction, volatility, anti_martingale, "
        "kelly; off: none",
        among=("off", "fraction", "volatility", "anti_martingale", "kelly"),
    )
    size_fraction: tuple[float, ...] = _key(
        [0.0025, 0.02], "smallest and largest share of equity that their first quantity risks", least=0.0001
    )
    size_volatility: tuple[float, ...] = _key(
        [0.02, 0.2], "smallest and largest target of the rule volatility, share of equity per year", least=0.001
    )
    size_ruin: float = _key(
        0.01, "constraint: maximum risk of ruin of a size rule within the trades it is chosen on", least=0, most=1
    )
    size_equity: float = _key(
        0.0, "money in the account before the first trade, for sizes; 0: equity in [book] of the plan", least=0
    )
    book_objective: str = _key(
        "sharpe",
        "objective of the numbers of a book, of its account at daily closes: sharpe, calmar (return per year over "
        "drawdown) or return_per_year",
        among=("sharpe", "calmar", "return_per_year"),
    )
    book_trials: int = _key(60, "combinations of its numbers that are tried; all if there are no more", least=1)


@dataclass(frozen=True)
class AccountSettings:
    """Limits of one account; with any, results of the trades that it could take are shown as well."""

    max_open: int = _key(0, "most positions open at one time; 0: no limit", least=0)
    capital: float = _key(
        0.0,
        "most capital tied up at one time, in account currency: notional at entry prices over execution.leverage; "
        "0: no limit",
        least=0,
    )

    @property
    def is_limited(self) -> bool:
        """Whether there is any limit."""
        return self.max_open > 0 or self.capital > 0


@dataclass(frozen=True)
class OrderSettings:
    """Orders of `score`: what the venue accepts."""

    oco_mode: str = _key(
        "oco",
        "oco: a group per rung, its limit and the stop of its quantity cancel each other; reduce: one stop per "
        "position, replaced after each rung",
        among=("oco", "reduce"),
    )
    time_in_force: str = _key("gtc", "resting orders: gtc (good till cancelled) or day", among=("gtc", "day"))
    hours: str = _key(
        "regular", "limit orders: regular or extended hours; all others: regular", among=("regular", "extended")
    )


# Defaults by unit. The simple exits that a tuned ladder is compared with have targets in R and trails in ATR, also if
# the search has other units.
_RANGES: dict[str, dict[str, tuple[float, float]]] = {
    "first_target": {"R": (0.25, 10.0), "ATR": (0.5, 20.0), "%": (1.0, 20.0)},
    "target_gap": {"R": (0.25, 4.0), "ATR": (0.5, 8.0), "%": (0.5, 20.0)},
    "trail_width": {"R": (0.5, 4.0), "ATR": (1.5, 16.0), "%": (1.0, 20.0)},
    "add_distance": {"R": (0.25, 2.0), "ATR": (0.25, 2.0), "%": (0.5, 5.0)},
    "add_stop_width": {"R": (0.5, 2.0), "ATR": (1.0, 4.0), "%": (1.0, 10.0)},
}
_STEPS: dict[str, dict[str, float]] = {
    "target_step": {"R": 0.25, "ATR": 0.5, "%": 0.5},
    "trail_step": {"ATR": 0.25, "R": 0.25, "%": 0.5},
    "add_step": {"R": 0.25, "ATR": 0.25, "%": 0.5},
}


def _default_ranges(name: str, *units: str) -> list[DistanceRange]:
    return [DistanceRange(*_RANGES[name][unit], unit) for unit in units]


def _default_steps(name: str) -> list[Distance]:
    return [Distance(value, unit) for unit, value in _STEPS[name].items()]


@dataclass(frozen=True)
class SearchSettings:
    """Search space of the ladder; a range of one value fixes a part, an empty range removes it."""

    n_rungs: tuple[int, ...] = _key(
        [0, 3], "number of price rungs; with 0, only the stop, the trailing stop or the model exits", least=0
    )
    least_fraction: float = _key(0.1, "minimum share of the position that a rung sells", least=0.01, most=1)
    fraction_step: float = _key(0.05, "step of the shares", least=0.01, most=0.5)
    first_target: tuple[DistanceRange, ...] = _key(
        _default_ranges("first_target", "R"),
        "first target, in R, ATR or %; of ranges in several units, "
        '[["0.5R", "4R"], ["1ATR", "8ATR"]], each ladder takes one',
        kind=DistanceRange,
    )
    target_gap: tuple[DistanceRange, ...] = _key(
        _default_ranges("target_gap", "R", "ATR", "%"),
        "distance from one target to the next: a range for each unit of first_target",
        kind=DistanceRange,
    )
    target_step: tuple[Distance, ...] = _key(
        _default_steps("target_step"),
        "step of the targets; a unit left out has 0.25R, 0.5ATR or 0.5%",
        kind=Distance,
    )
    stop: tuple[float, ...] = _key(
        [],
        "initial stop of trades without one, in the unit of labels.initial_stop (results stay in R of that stop); "
        "empty: labels.initial_stop itself",
        least=0.01,
        kind=float,
    )
    stop_step: float = _key(0.5, "step of the initial stop", least=0.01)
    breakeven_after: tuple[int, ...] = _key(
        [0, 3], "number of the rung whose fill moves the stop to break-even; 0: never", least=0
    )
    breakeven_offset_r: tuple[float, ...] = _key([0.0, 0.0], "added to the entry in the trade's favour, R", least=0)
    breakeven_offset_step_r: float = _key(0.05, "step of the offset, R", least=0.01)
    trail: tuple[str, ...] = _key(
        ["off", "entry", "rung", "from_r"],
        "triggers that may arm the trailing stop: off (no trailing stop), entry, rung (its fill) or from_r (an MFE)",
        among=("off", "entry", "rung", "from_r"),
    )
    trail_after: tuple[int, ...] = _key([1, 1], "number of the rung that arms the trailing stop", least=1)
    trail_from_r: tuple[float, ...] = _key([0.5, 4.0], "MFE that arms the trail, R", least=0.01)
    trail_width: tuple[DistanceRange, ...] = _key(
        _default_ranges("trail_width", "ATR"),
        "distance of the trail from the best price, in R, ATR or %; of ranges in several units each ladder takes one",
        kind=DistanceRange,
    )
    trail_step: tuple[Distance, ...] = _key(
        _default_steps("trail_step"),
        "trail widths are multiples of this, trail_from_r of the step in R; a unit left out has 0.25ATR, 0.25R or 0.5%",
        kind=Distance,
    )
    time_stop: tuple[str, ...] = _key(
        ["bars"],
        "time stops that a ladder may have: bars (after as many as time_bars says), off (none), or both",
        among=("bars", "off"),
    )
    time_bars: tuple[int, ...] = _key(
        [1, 250],
        "time stop, bars; trades entered fewer bars before a test part than the greatest are not tuned on",
        least=1,
    )
    model_rungs: tuple[str, ...] = _key(
        ["exhaustion", "hold_value_r"],
        "conditions on the model to try, in rungs and in its own exit: exhaustion, hold_value_r, both (at once) or "
        "exit_rank (both as one rank)",
        among=("exhaustion", "hold_value_r", "both", "exit_rank"),
    )
    exhaustion: tuple[float, ...] = _key([0.5, 0.9], "threshold of the exhaustion rung")
    exhaustion_min_r: tuple[float, ...] = _key(
        [0.0, 2.0], "minimum open R of the exhaustion rung; empty: no minimum", kind=float
    )
    hold_value_r: tuple[float, ...] = _key(
        [], "threshold of the hold-value rung, R; empty: between low quantiles of the predictions", kind=float
    )
    hold_value_min_r: tuple[float, ...] = _key(
        [], "minimum open R of the hold-value rung; empty: no minimum", kind=float
    )
    exit_rank: tuple[float, ...] = _key([0.8, 1.0], "threshold of the rung on the rank of both series", least=0, most=1)
    slices: tuple[str, ...] = _key(
        ["off"],
        "own exits that a price rung may have (a slice): off (none), stop or trail (armed from the entry)",
        among=("off", "stop", "trail"),
    )
    slice_stop_r: tuple[float, ...] = _key(
        [0.25, 0.75], "own stop of a slice, R; its step is that of trail_step in R", least=0.01, most=1
    )
    clock: tuple[str, ...] = _key(
        [],
        'exits by the clock to choose from: "off", "session_close" or times such as "15:55"; empty: as in --ladder',
        kind=str,
    )
    signal_sells: tuple[str, ...] = _key(
        ["rest", "part"],
        "quantity of a rung on the model or an indicator: rest (no earlier rung sells it), part (of it) or all "
        "(everything still held, slices included)",
        among=("rest", "part", "all"),
    )
    indicator_rungs: tuple[str, ...] = _key(
        [],
        'additional rungs, such as "rsi_14 >= 60..85 and open_r >= 0..2"; "classic": known exits',
        kind=str,
    )
    adds: tuple[str, ...] = _key(
        ["off"],
        "adds that a plan may have: off (none), average (below the entry) or pyramid (beyond it)",
        among=("off", "average", "pyramid"),
    )
    n_adds: tuple[int, ...] = _key([1, 3], "number of adds of a plan that has any", least=1)
    add_distance: tuple[DistanceRange, ...] = _key(
        _default_ranges("add_distance", "ATR"),
        "distance from the entry to the first add and from one to the next (a pyramid: from the fill before), in R, "
        "ATR or %; averaging adds stay above the initial stop",
        kind=DistanceRange,
    )
    add_step: tuple[Distance, ...] = _key(
        _default_steps("add_step"),
        "step of add_distance; a unit left out has 0.25R, 0.25ATR or 0.5%",
        kind=Distance,
    )
    add_factor: tuple[float, ...] = _key(
        [1.0, 1.0], "quantity of each add, as a multiple of the quantity before it; 2: doubling", least=0.01
    )
    add_factor_step: float = _key(0.25, "step of add_factor", least=0.01)
    add_stop: tuple[str, ...] = _key(
        ["off"],
        "where a pyramiding add moves the stop of the whole position: off (it stays), average (the average entry) or "
        "fill (add_stop_width from the fill)",
        among=("off", "average", "fill"),
    )
    add_stop_width: tuple[DistanceRange, ...] = _key(
        _default_ranges("add_stop_width", "ATR"),
        "distance of that stop from the fill of the add, in R, ATR or %; its steps are those of trail_step",
        kind=DistanceRange,
    )
    add_maximum: tuple[float, ...] = _key(
        [], "most that may be held, as a multiple of the first quantity, in steps of 0.5; empty: no maximum", kind=float
    )
    book: tuple[str, ...] = _key(
        ["plan"],
        "numbers of a book that tune varies: plan (all that the plan states, from half to twice) or ranges such as "
        '"book.max_open = 2..10" and "limits[1].open_loss_equity >= 0.002..0.02"',
    )

    def __post_init__(self) -> None:
        for name in _RANGES:
            object.__setattr__(self, name, distance_ranges(getattr(self, name), f"search.{name}"))
        for name in _STEPS:
            object.__setattr__(self, name, distance_steps(getattr(self, name), f"search.{name}"))

    @property
    def target_units(self) -> tuple[str, ...]:
        """Units of the targets; each ladder takes one."""
        return tuple(item.unit for item in self.first_target)

    @property
    def trail_units(self) -> tuple[str, ...]:
        """Units of the trail; each ladder takes one."""
        return tuple(item.unit for item in self.trail_width)

    def limits(self, name: str, unit: str) -> tuple[float, float]:
        """Return the least and the greatest distance that a key gives in a unit, or its default in that unit.

        Parameters
        ----------
        name : {"first_target", "target_gap", "trail_width", "add_distance", "add_stop_width"}
        unit : {"R", "ATR", "%"}

        Returns
        -------
        (float, float)
            In `unit`.
        """
        given: dict[str, tuple[float, float]] = {item.unit: item.limits for item in getattr(self, name)}
        return given.get(unit, _RANGES[name][unit])

    def step(self, name: str, unit: str) -> float:
        """Return the step of targets (``target_step``), trails or adds in a unit, or its default."""
        given: dict[str, float] = {item.unit: item.value for item in getattr(self, name)}
        return given.get(unit, _STEPS[name][unit])


@dataclass(frozen=True)
class TrackingSettings:
    """Tracking of runs."""

    store: str = _key(
        "mlruns",
        "MLflow store: a folder, sqlite:///PATH, postgresql://USER@HOST/DATABASE or http://SERVER; "
        "if it is mlruns, MLFLOW_TRACKING_URI takes precedence",
    )
    folder: str = _key("", "folder of the run records; empty: the store, or mlruns if the store is not a folder")
    enabled: bool = _key(True, "track every run")


@dataclass(frozen=True)
class PromotionSettings:
    """The gate that a run must pass to be promoted; stored with each run, so a later change is found."""

    verdict: str = _key(
        "better",
        "verdict that a tuned or backtested exit needs: better, not_worse (also no_difference) or any",
        among=("better", "not_worse", "any"),
    )
    min_trades: int = _key(100, "fewest trades out of sample", least=0)
    min_days: int = _key(60, "fewest days on which these trades were entered; of a model: days it predicted", least=0)
    finding: str = _key(
        "edge",
        "finding that a model needs: edge, no_harm (also no edge) or any",
        among=("edge", "no_harm", "any"),
    )
    max_drifted: int = _key(3, "most features that had drifted at the last score with the model", least=0)
    schema: str = _key(
        "same",
        "whether a model must have the champion's features and bar interval: same or any",
        among=("same", "any"),
    )


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
    account: AccountSettings = field(default_factory=AccountSettings)
    orders: OrderSettings = field(default_factory=OrderSettings)
    options: OptionSettings = field(default_factory=OptionSettings)
    options_search: OptionSearch = field(default_factory=OptionSearch)
    impact: ImpactSettings = field(default_factory=ImpactSettings)
    tracking: TrackingSettings = field(default_factory=TrackingSettings)
    promotion: PromotionSettings = field(default_factory=PromotionSettings)

    def __post_init__(self) -> None:
        """Take a mapping for a table, and refuse anything else that is no table."""
        for one in fields(self):
            part: Any = getattr(self, one.name)
            kind: Any = one.default_factory
            if isinstance(kind, type) and not isinstance(part, kind):
                if not isinstance(part, Mapping):
                    raise SettingsError(
                        f"{one.name} must be a table, but is {part!r}. Write Settings({one.name}={{'key': value}}) or "
                        f"Settings().with_values({{'{one.name}': {{'key': value}}}})."
                    )
                made = Settings().with_values({one.name: part})
                object.__setattr__(self, one.name, getattr(made, one.name))

    @property
    def intervals(self) -> Intervals:
        """How confidence intervals are made: ``validation.confidence``, ``validation.n_bootstrap`` and the seed."""
        return Intervals(self.validation.confidence, self.validation.n_bootstrap, self.project.seed)

    def with_values(self, table: Mapping[str, Any], place: str = "settings") -> Settings:
        """Return these settings updated with the values of nested tables; unknown keys are rejected."""
        refuse_secrets(table)
        changed: dict[str, Any] = {}
        for name, values in only_keys(table, [f.name for f in fields(self)], place, SettingsError).items():
            part = getattr(self, name)
            if name == "search":
                refuse_earlier_search_keys(values, place)
            if isinstance(part, Contracts):
                changed[name] = contracts_from_mapping(values).over(part)
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
            else {f.name: plain(getattr(getattr(self, part.name), f.name)) for f in fields(getattr(self, part.name))}
            for part in fields(self)
        }


def _own_series(tables: Any) -> tuple[SeriesSettings, ...]:
    """Return the custom series from their tables; names must be unique."""
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
                raise SettingsError(
                    f"A series must have {', '.join(known[:-1])}, but {key} is missing in {dict(given)}."
                )
        found.append(SeriesSettings(**given))
    names = [s.name for s in found]
    for name in names:
        if names.count(name) > 1:
            raise SettingsError(f"Names of series must be unique, but '{name}' occurs {names.count(name)} times.")
    return tuple(found)


def plain(value: Any) -> Any:
    """Return a setting as lists, tables and plain values, as TOML and JSON hold them."""
    if isinstance(value, tuple) and value and all(isinstance(item, DistanceRange) for item in value):
        # One range is written flat.
        found = [item.to_plain() for item in value]
        return found[0] if len(found) == 1 else found
    if isinstance(value, tuple):
        return [plain(item) for item in value]
    if isinstance(value, Distance):
        return str(value)
    return asdict(value) if isinstance(value, SeriesSettings) else value
