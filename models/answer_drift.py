"""Sequential test of whether a model's probabilities still come true, with a stated rate of false alarms.

Every bucket of predictions bets against the model: each alternative states that the odds have shifted, or that
predictions carry less information than they claim. If the model is right, a bet pays its stake on average, so the
accumulated winnings grow by one per new trade on average. They reach a threshold A once in at least A trades on
average (an e-detector), whatever the market does in between. Under an alternative they grow exponentially.

Source: J. Shin, A. Ramdas, A. Rinaldo, E-detectors: a nonparametric framework for sequential change detection (2022);
the recursion is that of Shiryaev and Roberts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from exitladder.arrays import FloatArray, IntArray
from exitladder.errors import ModelError
from exitladder.models.calibration.calibrators import logit, sigmoid

# One false alarm in so many trades at most, on average.
TRADES_PER_FALSE_ALARM = 2_000
# The odds are these many times the stated ones, and the log-odds keep these shares of their distance from the usual.
SHIFTS = (-0.7, -0.35, 0.0, 0.35, 0.7)
SHARES = (1.0, 0.5, 0.0, -0.5)
# Fewer answers support no statement.
LEAST_ANSWERS = 20
# Rows whose usual time to an outcome sets the width of the buckets.
_FIRST = 200


@dataclass(frozen=True)
class AnswerDrift:
    """The result of the test on all answers known so far.

    Parameters
    ----------
    n_trades, n_answers : int
        Trades with predictions since training, and rows whose outcome is known.
    predicted, observed : float
        Mean probability of exhaustion and share of rows that were exhausted.
    loss_gain : float
        How much smaller the log loss is than that of the past's constant; below zero, predictions do harm.
    evidence : float
        Accumulated winnings, in trades; above the threshold at the end or at some time before if `has_changed`.
    has_changed : bool
        Whether the threshold was reached.
    changed_ns : int
        When it was reached first; 0 if it was not.
    """

    n_trades: int
    n_answers: int
    predicted: float
    observed: float
    loss_gain: float
    evidence: float
    has_changed: bool
    changed_ns: int

    @property
    def warning(self) -> str:
        """The sentence if probabilities no longer agree with outcomes, else empty."""
        return self.sentence if self.has_changed else ""

    @property
    def sentence(self) -> str:
        """The finding in one sentence; empty with too few answers."""
        if self.n_answers < LEAST_ANSWERS:
            return ""
        said = (
            f"over {self.n_trades:,} trades since training, predicted exhaustion averages {self.predicted:.0%} and "
            f"{self.observed:.0%} of the rows were exhausted; log loss is {1e3 * abs(self.loss_gain):.1f} thousandths "
            f"{'below' if self.loss_gain >= 0 else 'above'} that of a constant"
        )
        if not self.has_changed:
            return f"The model's probabilities still agree with outcomes: {said}."
        return (
            f"The model's probabilities no longer agree with outcomes: {said}. A correct model gives such an alarm "
            f"once in {TRADES_PER_FALSE_ALARM:,} trades at most. Train the model again before acting on it."
        )

    def to_mapping(self) -> dict[str, float | int | bool]:
        """Return plain values."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


NO_ANSWERS = AnswerDrift(0, 0, float("nan"), float("nan"), float("nan"), 0.0, has_changed=False, changed_ns=0)


def watch_answers(
    predicted: FloatArray,
    outcome: FloatArray,
    constant: FloatArray,
    time_ns: IntArray,
    known_ns: IntArray,
    trade: IntArray,
    *,
    threshold: float = TRADES_PER_FALSE_ALARM,
) -> AnswerDrift:
    """Test predictions against their outcomes in the order in which they became known.

    Predictions whose outcome was still open when another was made are no independent evidence. So rows are taken in
    buckets: all rows decided within the usual time to an outcome (that of the first rows), then all rows of the next
    such stretch, which begins after all of these outcomes were known, and so on. A bucket's bet is the mean over its
    rows.

    Parameters
    ----------
    predicted : float64 array, shape (n,)
        Probability of exhaustion, made at `time_ns`.
    outcome : float64 array, shape (n,)
        0 or 1.
    constant : float64 array, shape (n,)
        The past's constant at the time, as a probability.
    time_ns, known_ns : int64 array, shape (n,)
        When each prediction was made and its outcome known.
    trade : int64 array, shape (n,)
    threshold : float
        Trades per false alarm.

    Returns
    -------
    AnswerDrift

    Raises
    ------
    ModelError
        If an outcome was known when it was predicted.
    """
    if (known_ns <= time_ns).any():
        raise ModelError("An outcome must be known after its prediction, but some are known at or before it.")
    if not len(predicted):
        return NO_ANSWERS
    order = np.argsort(time_ns, kind="stable")
    p, y, c = (np.asarray(values, dtype=np.float64)[order] for values in (predicted, outcome, constant))
    time, known, of = time_ns[order], known_ns[order], trade[order]
    bets = _bets(logit(p), y, logit(c))
    _, first_rows = np.unique(of, return_index=True)
    is_new = np.zeros(len(p), dtype=np.int64)
    is_new[first_rows] = 1
    width = int(np.median((known - time)[:_FIRST]))
    wealth, most, changed_ns, at = np.zeros(bets.shape[1]), 0.0, 0, 0
    while at < len(p):
        end = int(np.searchsorted(time, time[at] + width, side="right"))
        over = int(known[at:end].max())
        following = max(end, int(np.searchsorted(time, over, side="left")))
        wealth = bets[at:end].mean(axis=0) * (wealth + is_new[at:following].sum())
        most = max(most, float(wealth.mean()))
        if not changed_ns and wealth.mean() >= threshold:
            changed_ns = over
        at = following
    gain = np.logaddexp(0.0, logit(c)) - y * logit(c) - np.logaddexp(0.0, logit(p)) + y * logit(p)
    return AnswerDrift(
        len(first_rows), len(p), float(p.mean()), float(y.mean()), float(gain.mean()), most, changed_ns > 0, changed_ns
    )


def _bets(said: FloatArray, y: FloatArray, usual: FloatArray) -> FloatArray:
    """Return each alternative's likelihood of an outcome over the model's, shape (n, n_alternatives)."""
    found = []
    for share in SHARES:
        for shift in SHIFTS:
            if share == 1.0 and shift == 0.0:
                continue
            other = usual + share * (said - usual) + shift
            q, p = sigmoid(other), sigmoid(said)
            found.append(np.where(y > 0, q / p, (1 - q) / (1 - p)))
    return np.column_stack(found)
