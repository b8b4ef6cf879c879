"""Definitions and limitations on the model card, as they follow from the settings."""

from __future__ import annotations

from exitladder.models.calibration.calibrators import discriminates
from exitladder.models.drift import WINDOW
from exitladder.pipelines.inputs.predictions import MODEL_SERIES
from exitladder.pipelines.training.model import Trained
from exitladder.settings.tables import Settings

SERIES_WORDS = {"exhaustion": "exhaustion", "hold_value_r": "the value of holding"}


def label_words(settings: Settings) -> list[str]:
    """Return the definitions of `exhaustion` and `hold_value_r` under these settings."""
    labels = settings.labels
    exhaustion = {
        "race": f"price gives back {labels.race_give_back_atr:g} ATR before it extends {labels.race_extend_atr:g} ATR "
        "in the trade's direction, by high and low, counted from the close of the bar",
        "pivot_hazard": "the bar holds the best price of the trade before it first gives back "
        f"{labels.race_give_back_atr:g} ATR",
    }[labels.exhaustion]
    decision = {
        "continuation_advantage": "the expected gain of holding with a trailing stop of "
        f"{labels.baseline_trail_atr:g} ATR over selling now, in R",
        "forward_return": f"the expected return of holding for {labels.horizon_bars} more bars, in R",
        "remaining_mfe": "the expected further move before price gives back "
        f"{labels.race_give_back_atr:g} ATR from its best, in R",
        "triple_barrier": f"the mean of a triple barrier of {labels.horizon_bars} bars: 1 if price extends "
        f"{labels.race_extend_atr:g} ATR first, -1 if it gives back {labels.race_give_back_atr:g}, 0 for neither",
    }[labels.decision]
    return [
        f"Exhaustion is the calibrated probability that {exhaustion}. The model predicts it at every close of a trade, "
        f"for at most {labels.max_bars} bars after entry.",
        f"The value of holding (hold_value_r in a ladder's conditions) is {decision}. Lower values favour selling.",
    ]


def known_limits(trained: Trained, settings: Settings) -> list[str]:
    """Return the limitations of the model: untrained ranges, uncovered risks, and problems found."""
    span, labels = trained.model.context["training"], settings.labels
    limits = []
    last = trained.model.stages[-1]
    limits += [
        f"The last stage is silent on {SERIES_WORDS[series]}: on rows held out of its training, or in the predictions "
        "of the stages before it, it did not beat the mean of the past. It predicts that mean, and no rule on it acts."
        for series in MODEL_SERIES
        if last.silent(series)
    ]
    if not last.silent("exhaustion") and not discriminates(last.calibrator):
        limits.append(
            "The last stage predicts the same exhaustion, the base rate, for every row: the differences between its "
            "trees' predictions did not hold out of fold. A rule on exhaustion then acts on all trades or on none."
        )
    if trained.value.finding in ("no edge", "harm"):
        limits.append(
            "The model shows no gain over the best trailing stop. Acting on its signal is a bet without evidence."
        )
    for side, n in (("long", span["n_long"]), ("short", span["n_short"])):
        if not n:
            limits.append(f"The model was trained on no {side} trade and must not be used for one.")
    limits += [
        "The model was trained on the entries it was given. Its performance with other entry rules, symbols, bar "
        "intervals or markets is unknown.",
        f"It was trained on bars that a trailing stop of {labels.reachable_trail_atr:g} ATR would have reached, up to "
        f"{labels.max_bars} bars after entry. Trades held beyond either limit are outside its training range.",
        "Bars of one trade overlap, and trades of the same week are correlated, so the effective sample size given "
        "above is far smaller than the number of rows. The confidence intervals account for this, but not for changes "
        "in the market.",
        "The probabilities were calibrated on past data. They hold as long as the market stays similar; the years in "
        "the table above show past deviations.",
        f"Drift monitoring checks each quantity separately over {WINDOW} bars. It does not flag variation that also "
        "occurred in training, and it cannot detect relations that change while each quantity keeps its distribution.",
        "Adjusted prices and symbols selected because they are known today (survivorship bias) make past results look "
        "better than they were; the model cannot correct for either.",
    ]
    return limits
