"""What a model's answers mean, and what they do not: the words of its card that follow from the settings."""

from __future__ import annotations

from exitladder.models.calibration.calibrators import tells_apart
from exitladder.models.drift import WINDOW
from exitladder.pipelines.training.model import Trained
from exitladder.settings.tables import Settings


def label_words(settings: Settings) -> list[str]:
    """Return what `exhaustion` and `hold_value_r` are, as these settings define them."""
    labels = settings.labels
    exhaustion = {
        "race": f"price gives back {labels.race_give_back_atr:g} ATR before it extends {labels.race_extend_atr:g} ATR "
        "in the trade's direction, by high and low, counted from the close of the bar",
        "pivot_hazard": "the bar holds the best price of the trade before it first gives back "
        f"{labels.race_give_back_atr:g} ATR",
    }[labels.exhaustion]
    decision = {
        "continuation_advantage": "what keeping the unit under a trail of "
        f"{labels.baseline_trail_atr:g} ATR is expected to bring over selling it now, in R",
        "forward_return": f"what holding for {labels.horizon_bars} more bars is expected to bring, in R",
        "remaining_mfe": "how much further price is expected to go before it gives back "
        f"{labels.race_give_back_atr:g} ATR from its best, in R",
        "triple_barrier": f"the mean of a triple barrier of {labels.horizon_bars} bars: 1 where price extends "
        f"{labels.race_extend_atr:g} ATR first, -1 where it gives back {labels.race_give_back_atr:g}, 0 for neither",
    }[labels.decision]
    return [
        f"exhaustion is the calibrated probability that {exhaustion}. It is asked at every close of a trade, "
        f"for at most {labels.max_bars} bars after its entry.",
        f"hold_value_r is {decision}. The less it is, the more speaks for selling.",
    ]


def known_limits(trained: Trained, settings: Settings) -> list[str]:
    """Return where the model ends: what it has not seen, what its numbers leave out, and what was found wrong."""
    span, labels = trained.model.context["training"], settings.labels
    limits = []
    if not tells_apart(trained.model.stages[-1].calibrator):
        limits.append(
            "Its last stage gives every row the same exhaustion, the base rate: what its trees tell apart did not hold "
            "out of fold. A rule on exhaustion then acts on all trades or on none."
        )
    if trained.value.finding in ("no edge", "harm"):
        limits.append("No gain over the best trailing stop is shown. To act on it is a bet, not a finding.")
    for side, n in (("long", span["n_long"]), ("short", span["n_short"])):
        if not n:
            limits.append(f"It has seen no {side} trade and must not be asked about one.")
    limits += [
        "It has learnt from entries such as those it was given. After other entry rules, on other symbols, bar lengths "
        "or markets, nothing is known of it.",
        f"It has learnt from bars that a trail of {labels.reachable_trail_atr:g} ATR would have reached. What is held "
        f"beyond that, or longer than {labels.max_bars} bars, it has not seen.",
        "Bars of one trade overlap, and trades of one week share their fate: the rows are worth far fewer independent "
        "ones, which is told above. Intervals allow for that, and not for markets that change.",
        "Probabilities were calibrated on the past. They hold for as long as the market is like it; the years in the "
        "table above show how far they strayed.",
        f"The watch for drift looks at each quantity by itself over {WINDOW} bars. It is quiet about what varied as "
        "much in training, and blind to relations that change while each quantity stays as it was.",
        "Adjusted prices, and symbols chosen because they are known today, make the past look better than it was; the "
        "model cannot know either.",
    ]
    return limits
