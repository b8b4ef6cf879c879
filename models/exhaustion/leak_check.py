"""Checks for knowledge of the future, run in every training.

Future shift: no feature and no prediction may correlate with the next bar; the same features taken one bar later
must, or the check has no power to detect a leak. Shuffled labels: if each trade gets the labels of another trade,
no skill may remain. Implausible skill: neither a single feature nor the model may discriminate between the labels
better than markets allow. The checks are cheap and find gross leaks; passing them proves nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from exitladder.arrays import FloatArray, IntArray
from exitladder.models.calibration.measures import auc
from exitladder.models.exhaustion.model import ExhaustionModel
from exitladder.models.forests.boosting import BinnedRows, booster_parameters
from exitladder.models.forests.rows import TrainingRows
from exitladder.models.splits import PurgedWalkForward
from exitladder.settings.tables import ModelSettings
from exitladder.trades.rows import TradeRows
from exitladder.trades.trades import PlacedTrades

# On markets with a strong planted signal the honest values stay well below these; features that know the
# next bar exceed them.
MOST_FOLLOWING = 0.2
MOST_AUC_OF_A_FEATURE = 0.75
MOST_AUC = 0.85
MOST_SHUFFLED_AUC = 0.53
_ROWS = 40_000
_TREES = 40


@dataclass(frozen=True)
class LeakReport:
    """What the checks found.

    Parameters
    ----------
    reasons : tuple of str
        One sentence per finding; empty if all checks passed.
    measures : mapping of str to float
        next_bar_correlation (the greatest of all features), predicted_correlation (of the predictions),
        shifted_correlation (of the features taken one bar later), feature_auc (the greatest of all
        features), auc (out of fold) and shuffled_auc.
    notes : tuple of str
        Checks without the power to detect a leak; these flag nothing.
    """

    reasons: tuple[str, ...]
    measures: Mapping[str, float]
    notes: tuple[str, ...] = ()

    @property
    def verdict(self) -> Literal["passed", "flagged"]:
        """``flagged`` where there is a reason."""
        return "flagged" if self.reasons else "passed"


def next_bar_return(placed: PlacedTrades, rows: TradeRows, atr: FloatArray) -> FloatArray:
    """Return the trade's gain from the open to the close of the bar after each row, in ATR.

    From the open, because a decision is filled there: a bid-ask bounce across the close is not foresight. Looks
    ahead: no feature may know it.

    Parameters
    ----------
    placed : PlacedTrades
    rows : TradeRows
    atr : float64 array, shape (n_bars,)
        Average true range known at each bar's close, in price.

    Returns
    -------
    float64 array, shape (n_rows,)
        NaN where no bar follows.
    """
    bars, trade, bar = placed.bars, rows.trade, rows.bar
    following = np.minimum(bar + 1, bars.n_bars - 1)
    gain = placed.trades.side[trade] * (bars.close[following] - bars.open[following])
    known = (bar + 1 < placed.end_bar[trade]) & (atr[bar] > 0)
    return np.where(known, gain / np.where(known, atr[bar], 1.0), np.nan)


def check_leaks(
    rows: TrainingRows,
    model: ExhaustionModel,
    next_return: FloatArray,
    *,
    n_folds: int = 5,
    embargo_ns: int = 0,
    seed: int = 0,
    threads: int = 0,
) -> LeakReport:
    """Test whether features or model know the future.

    Parameters
    ----------
    rows : TrainingRows
        Those the model was trained on.
    model : ExhaustionModel
    next_return : float64 array, shape (n_rows,)
        From `next_bar_return`, ATR.
    n_folds : int
        Walk-forward folds of the check with shuffled labels.
    embargo_ns : int
        Embargo, nanoseconds.
    seed, threads : int
        0 threads means all cores.

    Returns
    -------
    LeakReport
    """
    evaluation = np.flatnonzero(rows.is_used & np.isfinite(rows.race))
    if len(evaluation) > _ROWS:
        evaluation = np.sort(np.random.default_rng(seed).choice(evaluation, _ROWS, replace=False))
    reasons: list[str] = []
    notes: list[str] = []
    following = _following(rows, evaluation, next_return, model, threads, reasons, notes)
    feature_auc = _feature_auc(rows, evaluation, reasons)
    measured = float(model.metrics["auc"])
    if measured > MOST_AUC:
        reasons.append(
            f"The out-of-fold AUC must stay below {MOST_AUC} to be believable, but is {measured:.3f}. Look for a "
            "feature that is computed from the label or from later bars."
        )
    shuffled = _shuffled_auc(rows, evaluation, model.settings, n_folds, embargo_ns, seed, threads)
    n_trades = len(np.unique(rows.trade[evaluation]))
    most = max(MOST_SHUFFLED_AUC, 0.5 + 4 * np.sqrt(1 / (3 * n_trades)))
    if shuffled > most:
        reasons.append(
            f"With labels shuffled among trades no skill may be left, but the out-of-fold AUC is {shuffled:.3f} "
            f"(at most {most:.3f}). Then training and test overlap and no other number holds; check that every "
            "trade has its own number and that its rows are stamped with the closes of their bars."
        )
    measures = {
        **following,
        "feature_auc": feature_auc,
        "auc": measured,
        "shuffled_auc": shuffled,
    }
    return LeakReport(tuple(reasons), measures, tuple(notes))


def _following(
    rows: TrainingRows,
    evaluation: IntArray,
    next_return: FloatArray,
    model: ExhaustionModel,
    threads: int,
    reasons: list[str],
    notes: list[str],
) -> dict[str, float]:
    """Return the greatest rank correlations with the next bar's return: of features, predictions, later features."""
    chosen = evaluation[np.isfinite(next_return[evaluation])]
    following = next_return[chosen]
    # Bars at one time move together, so times are counted and not rows.
    n_times = len(np.unique(rows.time_ns[chosen]))
    most = max(MOST_FOLLOWING, 6 / np.sqrt(max(n_times, 1)))
    greatest, X = 0.0, rows.X[chosen]
    for k, name in enumerate(rows.names):
        rho = _rank_correlation(X[:, k], following)
        greatest = max(greatest, abs(rho))
        if abs(rho) > most:
            reasons.append(
                f"No feature may follow the bar after it, but '{name}' has a rank correlation of {rho:.3f} with the "
                f"next bar's return (at most {most:.2f} is believable). Check that it reads completed bars only."
            )
    symbols = None if rows.symbols is None else rows.symbols.take(chosen)
    result = model.predict(X, rows.time_ns[chosen], threads=threads, symbols=symbols)
    predicted = max(abs(_rank_correlation(values, following)) for values in (result.exhaustion, result.hold_value_r))
    if predicted > most:
        reasons.append(
            f"No prediction may follow the bar after it, but the model's have a rank correlation of {predicted:.3f} "
            f"with the next bar's return (at most {most:.2f} is believable). Some features together know that bar."
        )
    later = rows_after(rows)[chosen]
    has_later = later >= 0
    X = rows.X[later[has_later]]
    shifted = max(abs(_rank_correlation(column, following[has_later])) for column in X.T)
    if shifted <= most:
        notes.append(
            f"The check for features that know the next bar has no power here: even taken one bar later, no feature "
            f"has a rank correlation above {most:.2f} with that bar's return (the greatest is {shifted:.3f}). A "
            "feature that reads one bar too many would have passed."
        )
    return {
        "next_bar_correlation": greatest,
        "predicted_correlation": predicted,
        "shifted_correlation": shifted,
    }


def rows_after(rows: TrainingRows) -> IntArray:
    """Return the row of the same trade that follows each row in time, -1 after the last, shape (n_rows,)."""
    order = np.lexsort((rows.time_ns, rows.trade))
    after = np.full(len(rows), -1, dtype=np.int64)
    same = rows.trade[order[1:]] == rows.trade[order[:-1]]
    after[order[:-1][same]] = order[1:][same]
    return after


def _feature_auc(rows: TrainingRows, evaluation: IntArray, reasons: list[str]) -> float:
    """Return the AUC of the best single feature for the race label, at least one half."""
    greatest = 0.5
    enough = len(np.unique(rows.trade[evaluation])) >= 30
    for name, column in zip(rows.names, rows.X[evaluation].T, strict=True):
        known = np.isfinite(column)
        found = auc(column[known], rows.race[evaluation[known]])
        if np.isnan(found):
            continue
        apart = max(found, 1 - found)
        greatest = max(greatest, apart)
        if enough and apart > MOST_AUC_OF_A_FEATURE:
            reasons.append(
                f"No single feature should predict exhaustion with an AUC above {MOST_AUC_OF_A_FEATURE}, but '{name}' "
                f"has {apart:.3f}. Check that it is not made from the label."
            )
    return greatest


def _shuffled_auc(
    rows: TrainingRows,
    evaluation: IntArray,
    settings: ModelSettings,
    n_folds: int,
    embargo_ns: int,
    seed: int,
    threads: int,
) -> float:
    """Return the out-of-fold AUC after giving each trade another one's labels; NaN where nothing can be trained.

    A control of the measurement itself. Labels move by whole trades, so that neighbours within a trade stay
    alike: a split that shares trades between training and test shows as skill.
    """
    y = shuffled_by_trade(rows.trade[evaluation], rows.time_ns[evaluation], rows.race[evaluation], seed)
    quick = replace(
        settings, forget=("off",), min_child_samples=min(settings.min_child_samples, max(1, len(evaluation) // 50))
    )
    parameters = booster_parameters(quick, "binary", seed, threads)
    folds = PurgedWalkForward(n_folds, embargo_ns).folds(
        rows.time_ns[evaluation], rows.over_ns[evaluation], rows.trade[evaluation]
    )
    scores, weights = [], []
    for fold in folds:
        if len(np.unique(y[fold.train])) < 2 or len(np.unique(y[fold.test])) < 2:
            continue
        train = evaluation[fold.train]
        forest = BinnedRows(rows.X, rows.names, parameters, train).train(
            np.arange(len(train)), y[fold.train], _TREES, "binary"
        )
        scores.append(auc(forest.predict(rows.X[evaluation[fold.test]], threads), y[fold.test]))
        weights.append(len(fold.test))
    return float(np.average(scores, weights=weights)) if scores else float("nan")


def shuffled_by_trade(trade: IntArray, time_ns: IntArray, y: FloatArray, seed: int) -> FloatArray:
    """Return labels with each trade's rows relabelled from another trade, rotated by a random number of bars.

    Parameters
    ----------
    trade, time_ns : int64 array, shape (n_rows,)
        Each row's trade and time.
    y : float64 array, shape (n_rows,)
        Labels.
    seed : int

    Returns
    -------
    float64 array, shape (n_rows,)
    """
    rng = np.random.default_rng(seed)
    order = np.lexsort((time_ns, trade))
    _, start, length = np.unique(trade[order], return_index=True, return_counts=True)
    other = rng.permutation(len(start))
    turn = rng.integers(0, length[other])
    number = np.repeat(np.arange(len(start)), length)
    within = np.arange(len(order)) - start[number]
    source = start[other[number]] + (within + turn[number]) % length[other[number]]
    out = np.empty_like(y)
    out[order] = y[order[source]]
    return out


def _rank_correlation(x: npt.NDArray[np.floating], y: FloatArray) -> float:
    known = np.isfinite(x)
    if known.sum() < 3:
        return 0.0
    a, b = pd.Series(x[known]).rank().to_numpy(), pd.Series(y[known]).rank().to_numpy()
    if a.std() == 0 or b.std() == 0:
        return 0.0
    return float(np.corrcoef(a, b)[0, 1])
