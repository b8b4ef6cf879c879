"""The model card: definitions, training data, performance, value and limitations.

After Mitchell et al., *Model Cards for Model Reporting* (2019). Every number was measured in the training run
that stores the card.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pandas as pd

from exitladder.clock import stamp_text
from exitladder.models.drift import LEAST_WINDOWS, LEVEL, WINDOW
from exitladder.pipelines.pages.card_limits import SERIES_WORDS, known_limits, label_words
from exitladder.pipelines.pages.page import KeyNumber, PageLink, PageTable, Reproduction, Tone, Verdict, anchor, render
from exitladder.pipelines.plots.picture import Picture
from exitladder.pipelines.plots.style import signed
from exitladder.pipelines.tracking.provenance import versions
from exitladder.pipelines.training.model import Trained
from exitladder.settings.tables import Settings
from exitladder.statistics.comparison import Comparison

# The card's file name among the artifacts of a run.
MODEL_CARD = "model_card.html"

_VERDICTS: dict[str, Verdict] = {"edge": "better", "harm": "worse", "no edge": "no_difference", "": "none"}
_WORDS: dict[Verdict, str] = {"better": "Edge", "worse": "Harm", "no_difference": "No demonstrated edge", "none": ""}
_CALIBRATIONS = {"platt": "Platt", "isotonic": "isotonic", "venn_abers": "Venn-Abers", "none": "none"}
_MEASURES = {
    "log_loss": ("Log loss", ".4f"),
    "brier": ("Brier", ".4f"),
    "auc": ("AUC", ".3f"),
    "expectancy_r": ("Expectancy (R)", "+.3f"),
}


@dataclass(frozen=True)
class CardSection:
    """A section of the card; empty parts are omitted."""

    title: str
    texts: Sequence[str] = ()
    facts: Sequence[tuple[str, str]] = ()
    tables: Sequence[PageTable] = ()
    points: Sequence[str] = ()
    pictures: Sequence[Picture] = ()


@dataclass(frozen=True)
class ModelCard:
    """Content of the model card."""

    title: str
    subtitle: str
    verdict: Verdict
    verdict_text: str
    key_numbers: Sequence[KeyNumber]
    sections: Sequence[CardSection]
    warnings: Sequence[str] = ()
    reproduction: Reproduction | None = field(default=None)
    links: Sequence[PageLink] = ()

    def contents(self) -> list[tuple[str, str]]:
        """Return anchor and title of each section, in order."""
        found = [(anchor(section.title), section.title) for section in self.sections]
        return found + ([("again", "Reproduction")] if self.reproduction else [])

    @property
    def verdict_word(self) -> str:
        """The verdict in two or three words; empty if there is none."""
        return _WORDS[self.verdict]

    def html(self) -> str:
        """Return the card as a self-contained HTML file."""
        return render("card.html.jinja", page=self)


def model_card(
    trained: Trained,
    settings: Settings,
    pictures: Sequence[Picture],
    *,
    name: str = "",
    run_id: str = "",
    command: str = "",
) -> ModelCard:
    """Return the card of a trained model.

    Parameters
    ----------
    trained : Trained
    settings : Settings
        Settings of the training run.
    pictures : sequence of Picture
        Pictures from `exitladder.pipelines.plots.pictures.model_pictures`.
    name : str
        Registered name of the model.
    run_id : str
    command : str
        The command that trained it, as it was typed; empty if it was trained from Python.

    Returns
    -------
    ModelCard
    """
    span = trained.model.context["training"]
    evaluation = [picture for picture in pictures if picture.kind == "calibration"]
    return ModelCard(
        title=f"Model card: {name or 'exhaustion model'}",
        subtitle=f"{span['n_trades']:,} trades in {span['n_symbols']} symbols, {_day(span['first_row_ns'])} to "
        f"{_day(span['last_row_ns'])}",
        verdict=_VERDICTS[trained.value.finding],
        verdict_text=verdict_of(trained),
        key_numbers=_key_numbers(trained, settings.validation.confidence),
        warnings=[f"The leak check (look-ahead) raised a flag: {text}" for text in trained.leaks.reasons],
        sections=[
            CardSection("Predictions", label_words(settings)),
            _training(trained, settings),
            replace(_quality(trained, settings), pictures=evaluation),
            _worth(trained),
            *_of_books(trained),
            CardSection("Feature importance", pictures=[p for p in pictures if p not in evaluation]),
            _leaks(trained),
            _drift(trained),
            CardSection("Limitations", points=known_limits(trained, settings)),
        ],
        reproduction=Reproduction(
            command=command,
            seed=settings.project.seed,
            versions=versions(),
            run_id=run_id,
        ),
    )


def verdict_of(trained: Trained) -> str:
    """Return a few sentences on the model's value in R, the finding first, and its predictive performance."""
    metrics = trained.model.metrics
    constant = trained.baselines.get("constant", {}).get("log_loss", math.nan)
    better = constant - metrics["log_loss"]
    if not math.isfinite(better):
        result = "No trade was predicted out of fold, so the model's predictive performance is unknown."
    else:
        size = f"{abs(better):.4f} {'lower' if better > 0 else 'higher'} than"
        size = "equal to" if round(better, 4) == 0 else size
        result = (
            f"Out of fold, the log loss is {size} that of the base rate, and the AUC is {metrics['auc']:.3f} (0.5: no "
            "skill)."
        )
    found = trained.value.comparison
    if found is None or not found.is_known:
        return f"There are too few trades to measure the value of the model's signal. {result}"
    finding = {"edge": "The model has an edge", "harm": "The model is harmful"}.get(
        trained.value.finding, "The model has no demonstrated edge"
    )
    worth = (
        f"{finding}: exiting on the model's signal or the trailing stop, rather than at the best trailing stop alone, "
        f"{_change(found)} on {found.n:,} out-of-sample trades."
    )
    shuffled = trained.value.shuffled_gain_r
    placebo = f" With predictions shuffled between trades, the same tuning changed it by {shuffled:+.3f} R."
    aged = trained.value.same_age_gain_r
    if math.isfinite(aged):
        placebo += f" Shuffled at equal age, by {aged:+.3f} R, which a time stop may earn as well."
    return f"{worth}{placebo if math.isfinite(shuffled) else ''} {result}"


def _change(found: Comparison) -> str:
    """Return what the model's signal changed, in words; with no difference in any trade, that it changed nothing."""
    if found.difference_r == found.low == found.high == 0:
        return "never changed an exit"
    interval = f"{found.confidence:.0%} CI [{found.low:+.3f}, {found.high:+.3f}]"
    return f"changed the result by {found.difference_r:+.3f} R per trade ({interval})"


def _key_numbers(trained: Trained, confidence: float) -> list[KeyNumber]:
    result, found = trained.to_mapping(), trained.value.comparison
    constant = trained.baselines.get("constant", {}).get("log_loss", math.nan)
    shown = [
        KeyNumber("log loss", _number(result["log_loss"], ".4f"), f"of the base rate: {_number(constant, '.4f')}"),
        KeyNumber("AUC", _number(result["auc"], ".3f"), "0.5: no skill"),
        KeyNumber(
            "calibration error",
            _number(result["calibration_error"], ".3f"),
            _interval(result.get("calibration_error_interval"), confidence),
        ),
        KeyNumber("base rate", _number(result["base_rate"], ".1%"), "frequency of exhaustion"),
    ]
    if found is not None and found.is_known:
        tones: dict[str, Tone] = {"edge": "good", "harm": "bad"}
        note = f"per trade; {found.confidence:.0%} CI [{signed(found.low, 3)}, {signed(found.high, 3)}]"
        tone = tones.get(trained.value.finding, "")
        shown.append(KeyNumber("vs best trailing stop", f"{signed(found.difference_r, 3)} R", note, tone))
    return shown


def _training(trained: Trained, settings: Settings) -> CardSection:
    span, context = trained.model.context["training"], trained.model.context
    effective = ", ".join(f"{SERIES_WORDS.get(name, name)} {n:,.0f}" for name, n in trained.n_effective.items())
    spans = trained.model.spans()
    facts = [
        ("symbols", f"{span['n_symbols']}: {_some(span['symbols'])}"),
        ("bars", ", ".join(context.get("intervals", []))),
        ("trades", f"{span['n_trades']:,} labelled ({span['n_long']:,} long, {span['n_short']:,} short)"),
        ("rows", f"{span['n_rows']:,} bars of trades; effective sample size: {effective}"),
        ("span of the rows", f"{_day(span['first_row_ns'])} to {_day(span['last_row_ns'])}"),
        ("last label known", _day(span["last_label_ns"])),
        ("features", f"{len(trained.model.names)}, with up to {_warm_up(context)} bars of warm-up"),
        (
            "trees",
            f"LightGBM, {settings.model.ensemble} forests per stage, up to {settings.model.n_estimators} trees with "
            f"{settings.model.num_leaves} leaves each",
        ),
    ]
    stages = PageTable(
        "Stages",
        "Walk-forward: each stage predicts from its date until the next stage begins, and was trained only on labels "
        "known before that date minus the embargo. The last stage predicts trades that are open now. A stage is silent "
        "on a series if it does not beat the mean of the past by a standard error: no rule then acts on it.",
        pd.DataFrame(
            {
                "Predicts from": [stamp_text(stamp.value) for stamp in spans["valid_from"]],
                "Last label": [stamp_text(stamp.value) for stamp in spans["last_label"]],
                "Rows": spans["n_rows"],
                "Trades": spans["n_trades"],
                "Calibration": spans["calibration"].map(_CALIBRATIONS),
                "Silent on": [
                    ", ".join(SERIES_WORDS.get(name, name) for name in text.split(", ")) or "nothing"
                    for text in spans["silent"]
                ],
            }
        ),
        {"Rows": ",.0f", "Trades": ",.0f"},
    )
    return CardSection("Training data", facts=facts, tables=[stages])


def _quality(trained: Trained, settings: Settings) -> CardSection:
    result = trained.to_mapping()
    rows = [{"Predictor": "this model", **{name: result[name] for name in ("log_loss", "brier", "auc")}}]
    rows += [{"Predictor": name, **measured} for name, measured in trained.baselines.items()]
    table = pd.DataFrame(rows)
    shown = [name for name in _MEASURES if name in table and table[name].notna().any()]
    heads = {name: _MEASURES[name][0] for name in shown}
    against = PageTable(
        "Baselines",
        "On the same rows and trades, all out of fold. Lower is better for log loss and Brier, higher for the rest. "
        "Expectancy is the mean net R per trade of exiting by that rule (a probability or a trailing stop), on the "
        "later half of the predicted trades.",
        table[["Predictor", *shown]].rename(columns=heads),
        {heads[name]: _MEASURES[name][1] for name in shown},
    )
    counts = result["predictions"]
    text = (
        f"{result['n_rows_out_of_fold']:,} rows of {result['n_trades_out_of_fold']:,} trades were predicted out of "
        f"fold. Of all {counts['n_rows']:,} rows, {counts['n_rows_without_prediction']:,} are before the first stage "
        "and have no prediction. No row was predicted in-sample. The correlation of the value of holding with the "
        f"outcome is {_number(result['hold_correlation'], '.3f')}."
    )
    tables = [against] if trained.calibration.empty else [against, _by_group(trained.calibration, settings)]
    return CardSection("Out-of-fold performance", [text], tables=tables)


def _by_group(calibration: pd.DataFrame, settings: Settings) -> PageTable:
    def measured(name: str, form: str) -> list[str]:
        return [
            f"{row[name]:{form}}"
            + (
                f" [{row[f'{name}_low']:{form}}, {row[f'{name}_high']:{form}}]"
                if math.isfinite(row[f"{name}_low"])
                else ""
            )
            for row in calibration.to_dict("records")
        ]

    return PageTable(
        "Calibration by group",
        f"By side, symbol and year of the row. Brackets: {settings.validation.confidence:.0%} CI from blocks of trades "
        "(if there are enough). A mean prediction far from the base rate indicates miscalibration.",
        pd.DataFrame(
            {
                "Group": [
                    "all" if row["by"] == "all" else f"{row['by']} {row['group']}"
                    for row in calibration.to_dict("records")
                ],
                "Trades": calibration["n_trades"],
                "Base rate": calibration["base_rate"],
                "Predicted": calibration["predicted"],
                "AUC": calibration["auc"],
                "Log loss": measured("log_loss", ".3f"),
                "Calibration error": measured("calibration_error", ".3f"),
            }
        ),
        {"Trades": ",.0f", "Base rate": ".1%", "Predicted": ".1%", "AUC": ".3f"},
    )


def _worth(trained: Trained) -> CardSection:
    policy = trained.policy
    if policy is None:
        return CardSection("Recommended exit", ["Too few trades were predicted to tune an exit on the model's signal."])
    result = policy.to_mapping()
    trail, alone = result["trail"], result["trail_alone"]
    if policy.uses_model:
        recommended = f"exit on {result['condition']}" + (f", or at a trailing stop of {trail}" if trail else "")
    else:
        what = f"a trailing stop of {alone} alone" if alone else "no trailing stop, only the initial and the time stop"
        recommended = f"{what}: the model's signal added no gain"
    facts = [
        ("recommendation", recommended),
        ("tuned on", f"{policy.n_trades:,} trades predicted out of fold; {policy.n_tried:,} ladders tried"),
        ("gain on these", f"{policy.gain_r:+.3f} R per trade; the best of many, so biased upwards"),
    ]
    return CardSection("Recommended exit", facts=facts)


def _of_books(trained: Trained) -> list[CardSection]:
    """Return the section on the books of a pooled model; none if it is not pooled."""
    if not trained.books:
        return []
    rows = [book.to_mapping() for book in trained.books]
    ends = [row["value_interval"] or [math.nan, math.nan] for row in rows]
    table = PageTable(
        "Books",
        "The gain is how much smaller the log loss is than that of the mean of the book's own past, out of fold. "
        "Threshold and trail are tuned on the earlier half of the book's predicted trades and executed on the rest.",
        pd.DataFrame(
            {
                "Book": [row["name"] for row in rows],
                "Trades": [row["n_trades"] for row in rows],
                "Gain in log loss": [_with_error(row["log_loss_gain"], row["log_loss_gain_error"]) for row in rows],
                "Silent stages (exhaustion, value)": [
                    f"{row['n_stages_silent_on_exhaustion']}, {row['n_stages_silent_on_hold_value_r']}" for row in rows
                ],
                "Model minus trail (R)": [
                    "" if row["value_r"] is None else f"{row['value_r']:+.3f} [{low:+.3f}, {high:+.3f}]"
                    for row, (low, high) in zip(rows, ends, strict=True)
                ],
                "Finding": [row["value_finding"] or "too few trades" for row in rows],
            }
        ),
        {"Trades": ",.0f"},
    )
    text = "The model was trained on several books together. Each has its own level, calibration and threshold."
    return [CardSection("Books", [text], tables=[table])]


def _with_error(mean: float | None, error: float | None) -> str:
    if mean is None:
        return ""
    return f"{mean:+.4f}" + ("" if error is None else f" ± {error:.4f}")


def _leaks(trained: Trained) -> CardSection:
    facts: list[tuple[str, str]] = [("verdict", trained.leaks.verdict)]
    facts += [(name.replace("_", " "), _number(value, ".3f")) for name, value in trained.leaks.measures.items()]
    text = (
        "Every training run tests the features against the following bar, repeats the training with shuffled labels, "
        "and flags predictions that are too good to be true."
    )
    return CardSection("Leak check", [text], facts=facts, points=trained.leaks.notes)


def _drift(trained: Trained) -> CardSection:
    kept = trained.model.context.get("drift") or {}
    monitored = [*kept.get("bars", {}).get("watched", []), *kept.get("rows", {}).get("watched", [])]
    if not monitored:
        return CardSection(
            "Drift monitoring",
            [
                f"None: the training span has fewer than {LEAST_WINDOWS} windows of {WINDOW} bars, too few to "
                "measure drift."
            ],
        )
    n = min(w["n_windows"] for w in monitored)
    text = (
        f"The model stores the distributions of {len(monitored)} quantities: features on all bars of the symbols, "
        f"trade state and predictions on the rows of trades. Scoring compares the last {WINDOW} bars with them, "
        f"relative to the variation between at least {n} training windows, and names the quantities that have "
        f"drifted, at a joint significance level of {LEVEL:.0%}."
    )
    return CardSection("Drift monitoring", [text])


def _warm_up(context: Any) -> int:
    columns = context["features"].get("columns", {})
    return max((int(c.get("warm_up", 0)) for c in columns.values()), default=0)


def _day(time_ns: int) -> str:
    return f"{pd.Timestamp(int(time_ns), tz='UTC'):%Y-%m-%d}"


def _number(value: float, form: str) -> str:
    return f"{value:{form}}" if math.isfinite(value) else "–"


def _interval(ends: Sequence[float] | None, confidence: float) -> str:
    return f"{confidence:.0%} CI [{ends[0]:.3f}, {ends[1]:.3f}]" if ends and all(map(math.isfinite, ends)) else ""


def _some(names: Sequence[str], most: int = 12) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
