"""The model's card: what it was trained on, how far it can be believed, what it is worth, and where it ends.

After Mitchell et al., *Model Cards for Model Reporting* (2019). Every number was measured in the training run
that the card is kept with.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pandas as pd

from exitladder.files.output import Content
from exitladder.models.drift import LEAST_WINDOWS, LEVEL, WINDOW
from exitladder.pipelines.pages.card_limits import known_limits, label_words
from exitladder.pipelines.pages.page import KeyNumber, PageTable, Reproduction, Tone, Verdict, render
from exitladder.pipelines.plots.picture import Picture
from exitladder.pipelines.plots.pictures import model_pictures
from exitladder.pipelines.tracking.provenance import versions
from exitladder.pipelines.training.model import Trained
from exitladder.pipelines.training.record import model_name
from exitladder.settings.tables import Settings

# The file of a run that the card is kept in.
MODEL_CARD = "model_card.html"

_VERDICTS: dict[str, Verdict] = {"edge": "better", "harm": "worse", "no edge": "no_difference", "": "none"}
_CALIBRATIONS = {"platt": "Platt", "isotonic": "isotonic", "venn_abers": "Venn-Abers", "none": "none"}
_MEASURES = {
    "log_loss": ("Log loss", ".4f"),
    "brier": ("Brier", ".4f"),
    "auc": ("AUC", ".3f"),
    "expectancy_r": ("Expectancy (R)", "+.3f"),
}


@dataclass(frozen=True)
class CardSection:
    """A part of the card; what is empty is left out."""

    title: str
    texts: Sequence[str] = ()
    facts: Sequence[tuple[str, str]] = ()
    tables: Sequence[PageTable] = ()
    points: Sequence[str] = ()
    pictures: Sequence[Picture] = ()


@dataclass(frozen=True)
class ModelCard:
    """All that the card shows."""

    title: str
    subtitle: str
    verdict: Verdict
    verdict_text: str
    key_numbers: Sequence[KeyNumber]
    sections: Sequence[CardSection]
    warnings: Sequence[str] = ()
    reproduction: Reproduction | None = field(default=None)

    def html(self) -> str:
        """Return the card as one HTML file that needs no other."""
        return render("card.html.jinja", page=self)


def model_card(
    trained: Trained, settings: Settings, pictures: Sequence[Picture], *, name: str = "", run_id: str = ""
) -> ModelCard:
    """Return the card of a trained model.

    Parameters
    ----------
    trained : Trained
    settings : Settings
        Those it was trained with.
    pictures : sequence of Picture
        What `exitladder.pipelines.plots.pictures.model_pictures` gives of it.
    name : str
        What the model is registered as.
    run_id : str
    """
    span = trained.model.context["training"]
    evaluation = [picture for picture in pictures if picture.kind == "calibration"]
    return ModelCard(
        title=f"Model card: {name or 'exhaustion model'}",
        subtitle=f"{span['n_trades']:,} trades in {span['n_symbols']} symbols, {_day(span['first_row_ns'])} to "
        f"{_day(span['last_row_ns'])}",
        verdict=_VERDICTS[trained.value.finding],
        verdict_text=verdict_of(trained),
        key_numbers=_key_numbers(trained),
        warnings=[f"The check for knowledge of the future raised a flag: {text}" for text in trained.leaks.reasons],
        sections=[
            CardSection("What it says", label_words(settings)),
            _training(trained, settings),
            replace(_quality(trained, settings), pictures=evaluation),
            _worth(trained),
            CardSection("What it goes by", pictures=[p for p in pictures if p not in evaluation]),
            _leaks(trained),
            _drift(trained),
            CardSection("Where it ends", points=known_limits(trained, settings)),
        ],
        reproduction=Reproduction(
            command="exitladder train --bars … --trades … --settings …",
            seed=settings.project.seed,
            versions=versions(),
            run_id=run_id,
        ),
    )


def training_pages(trained: Trained, settings: Settings, run_id: str) -> dict[str, Content]:
    """Return the card and the pictures of a trained model, by file name.

    Parameters
    ----------
    trained : Trained
    settings : Settings
        Those it was trained with.
    run_id : str
    """
    pictures = model_pictures(trained)
    card = model_card(trained, settings, pictures, name=model_name(settings.project), run_id=run_id)
    return {**{f"pictures/{picture.kind}.svg": picture.image for picture in pictures}, MODEL_CARD: card.html()}


def verdict_of(trained: Trained) -> str:
    """Return in one or two sentences how well the model predicts and what that is worth."""
    metrics = trained.model.metrics
    constant = trained.baselines.get("constant", {}).get("log_loss", math.nan)
    better = constant - metrics["log_loss"]
    if not math.isfinite(better):
        result = "No trade was predicted out of fold, so nothing is known of how well the model predicts."
    else:
        size = f"{abs(better):.4f} {'less' if better > 0 else 'more'}"
        result = (
            f"Out of fold its probabilities lose {size} a row than the base rate of the time (log loss), and tell "
            f"rows apart with an AUC of {metrics['auc']:.3f}, where 0.5 is a coin."
        )
    found = trained.value.comparison
    if found is None or not found.is_known:
        return f"{result} There are too few trades to say what its word is worth."
    worth = (
        "Leaving on its word or at a trail, rather than at the best trail alone, came to "
        f"{found.difference_r:+.3f} R a trade ({found.confidence:.0%} interval {found.low:+.3f} to {found.high:+.3f}) "
        f"on {found.n} trades that neither had seen"
    )
    predicted = {"edge": "an edge", "harm": "a harm", "no edge": "no edge that this data can show"}[
        trained.value.finding
    ]
    shuffled = trained.value.shuffled_gain_r
    heard = f" Hearing what it said of other trades, the same tuning came to {shuffled:+.3f} R."
    return f"{result} {worth}: {predicted}.{heard if math.isfinite(shuffled) else ''}"


def _key_numbers(trained: Trained) -> list[KeyNumber]:
    result, found = trained.to_mapping(), trained.value.comparison
    constant = trained.baselines.get("constant", {}).get("log_loss", math.nan)
    shown = [
        KeyNumber("log loss", _number(result["log_loss"], ".4f"), f"base rate of the time: {_number(constant, '.4f')}"),
        KeyNumber("AUC", _number(result["auc"], ".3f"), "0.5 is a coin"),
        KeyNumber(
            "calibration error",
            _number(result["calibration_error"], ".3f"),
            _interval(result.get("calibration_error_interval")),
        ),
        KeyNumber("base rate", _number(result["base_rate"], ".1%"), "how often exhaustion came"),
    ]
    if found is not None and found.is_known:
        tones: dict[str, Tone] = {"edge": "good", "harm": "bad"}
        note = f"a trade; {found.low:+.3f} to {found.high:+.3f}"
        shown.append(
            KeyNumber(
                "against the best trail", f"{found.difference_r:+.3f} R", note, tones.get(trained.value.finding, "")
            )
        )
    return shown


def _training(trained: Trained, settings: Settings) -> CardSection:
    span, context = trained.model.context["training"], trained.model.context
    worth = ", ".join(f"{name} {n:,.0f}" for name, n in trained.n_effective.items())
    spans = trained.model.spans()
    facts = [
        ("symbols", f"{span['n_symbols']}: {_some(span['symbols'])}"),
        ("bars", ", ".join(context.get("intervals", []))),
        ("trades", f"{span['n_trades']:,} with labels, of {span['n_long']:,} long and {span['n_short']:,} short"),
        ("rows", f"{span['n_rows']:,} bars of trades; worth of independent labels: {worth}"),
        ("rows decided", f"{_day(span['first_row_ns'])} to {_day(span['last_row_ns'])}"),
        ("last label known", _day(span["last_label_ns"])),
        ("features", f"{len(trained.model.names)}, with up to {_warm_up(context)} bars of warm-up"),
        (
            "trees",
            f"LightGBM, {settings.model.ensemble} forests a stage of up to {settings.model.n_estimators} trees with "
            f"{settings.model.num_leaves} leaves",
        ),
    ]
    stages = PageTable(
        "Stages",
        "Walk-forward: a stage answers from its day on, until the next does, and learnt only from labels that were "
        "known an embargo before. The last one answers what is open now.",
        pd.DataFrame(
            {
                "Answers from": [f"{stamp:%Y-%m-%d %H:%M}" for stamp in spans["valid_from"]],
                "Last label": [f"{stamp:%Y-%m-%d %H:%M}" for stamp in spans["last_label"]],
                "Rows": spans["n_rows"],
                "Trades": spans["n_trades"],
                "Calibration": spans["calibration"].map(_CALIBRATIONS),
            }
        ),
        {"Rows": ",.0f", "Trades": ",.0f"},
    )
    return CardSection("What it was trained on", facts=facts, tables=[stages])


def _quality(trained: Trained, settings: Settings) -> CardSection:
    result = trained.to_mapping()
    rows = [{"": "this model", **{name: result[name] for name in ("log_loss", "brier", "auc")}}]
    rows += [{"": name, **measured} for name, measured in trained.baselines.items()]
    table = pd.DataFrame(rows)
    shown = [name for name in _MEASURES if name in table and table[name].notna().any()]
    heads = {name: _MEASURES[name][0] for name in shown}
    against = PageTable(
        "Beside plain baselines",
        "On the same rows and trades, all out of fold. Lower is better for log loss and Brier, higher for the rest. "
        "Expectancy is the mean net R a trade of leaving that way (on a probability or at a trail), on the later half "
        "of the trades predicted.",
        table[["", *shown]].rename(columns=heads),
        {heads[name]: _MEASURES[name][1] for name in shown},
    )
    counts = result["predictions"]
    text = (
        f"{result['n_rows_out_of_fold']:,} rows of {result['n_trades_out_of_fold']:,} trades were predicted by a "
        f"stage that had not seen them; of all {counts['n_rows']:,} rows {counts['n_rows_without_prediction']:,} lie "
        "before the first stage and are not predicted. None was predicted in-sample. The correlation of hold_value_r "
        f"with what came is {_number(result['hold_correlation'], '.3f')}."
    )
    tables = [against] if trained.calibration.empty else [against, _by_group(trained.calibration, settings)]
    return CardSection("How far it can be believed", [text], tables=tables)


def _by_group(calibration: pd.DataFrame, settings: Settings) -> PageTable:
    def measured(name: str, form: str) -> list[str]:
        return [
            f"{row[name]:{form}}"
            + (
                f" ({row[f'{name}_low']:{form}} to {row[f'{name}_high']:{form}})"
                if math.isfinite(row[f"{name}_low"])
                else ""
            )
            for row in calibration.to_dict("records")
        ]

    return PageTable(
        "For whom the probability holds",
        f"By side, symbol and year of the row. In brackets the {settings.validation.confidence:.0%} interval, from "
        "blocks of trades; none where there are too few. Where the mean prediction lies far from the base rate, it was "
        "off.",
        pd.DataFrame(
            {
                "Rows of": [
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
        return CardSection("What follows from it", ["Too few trades were predicted to tune an exit on its word."])
    result = policy.to_mapping()
    advised = (
        f"leave on {result['condition']}, or at a trail of {result['trail']}"
        if policy.uses_model
        else f"a trail of {result['trail_alone']} alone: on the model's word nothing was gained"
    )
    facts = [
        ("advised", advised),
        ("tuned on", f"{policy.n_trades:,} trades predicted out of fold; {policy.n_tried:,} ladders tried"),
        ("gain there", f"{policy.gain_r:+.3f} R a trade, as the best of many: it flatters"),
    ]
    return CardSection("What follows from it", facts=facts)


def _leaks(trained: Trained) -> CardSection:
    facts: list[tuple[str, str]] = [("verdict", trained.leaks.verdict)]
    facts += [(name.replace("_", " "), _number(value, ".3f")) for name, value in trained.leaks.measures.items()]
    text = (
        "In every training, features are held against the bar that follows, labels are shuffled, and predictions that "
        "are too good are flagged."
    )
    return CardSection("Whether it knows the future", [text], facts=facts, points=trained.leaks.notes)


def _drift(trained: Trained) -> CardSection:
    kept = trained.model.context.get("drift") or {}
    monitored = [*kept.get("bars", {}).get("watched", []), *kept.get("rows", {}).get("watched", [])]
    if not monitored:
        return CardSection(
            "What it will be watched by",
            [
                f"Nothing: the training span has fewer than {LEAST_WINDOWS} windows of {WINDOW} bars, too few to "
                "measure drift by."
            ],
        )
    n = min(w["n_windows"] for w in monitored)
    text = (
        f"The distributions of {len(monitored)} quantities are kept with the model: features on all bars of the "
        "symbols, trade state and answers on the rows of trades. When it is asked, the last "
        f"{WINDOW} bars are held against them, measured by how far at least {n} windows of training lay apart; at a "
        f"level of {LEVEL:.0%} for all together what has moved is named."
    )
    return CardSection("What it will be watched by", [text])


def _warm_up(context: Any) -> int:
    columns = context["features"].get("columns", {})
    return max((int(c.get("warm_up", 0)) for c in columns.values()), default=0)


def _day(time_ns: int) -> str:
    return f"{pd.Timestamp(int(time_ns), tz='UTC'):%Y-%m-%d}"


def _number(value: float, form: str) -> str:
    return f"{value:{form}}" if math.isfinite(value) else "–"


def _interval(ends: Sequence[float] | None) -> str:
    return f"interval {ends[0]:.3f} to {ends[1]:.3f}" if ends and all(map(math.isfinite, ends)) else ""


def _some(names: Sequence[str], most: int = 12) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
