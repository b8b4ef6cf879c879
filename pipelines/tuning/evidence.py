"""Evidence from the test parts beyond the mean: selection bias, all exits tested at once, the account."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from exitladder.arrays import FloatArray, IntArray
from exitladder.clock import DAY_NS
from exitladder.measures.cash import DAYS_PER_YEAR, CashFlow
from exitladder.pipelines.tuning.choice import Choice, Tuning
from exitladder.pipelines.tuning.folds import WalkForward
from exitladder.pipelines.tuning.policies import SIMPLEST, TUNED
from exitladder.plans.ladder import Ladder
from exitladder.statistics.comparison import Comparison
from exitladder.statistics.intervals import Intervals
from exitladder.statistics.metrics import falls_of_sum, max_drawdown_of_sum, sharpe_ratio, sortino_ratio
from exitladder.statistics.overfitting import pbo_cscv
from exitladder.statistics.sharpe import SharpeMoments, dsr_of, min_trl, psr
from exitladder.statistics.spa import N_BOOTSTRAP, SuperiorAbility, superior_ability

_PBO_BLOCKS = 10
_MOST_TRIALS, _MOST_PAIRS = 1000, 8_000_000


@dataclass(frozen=True)
class SearchLuck:
    """How much of the gain over the baseline the search and the sample explain.

    Parameters
    ----------
    dsr : float
        Deflated Sharpe ratio of the gain per trade on the test parts, for all trials of all folds' searches, with
        the variance of the trials' Sharpe ratios on the same trades.
    psr : float
        Probability that the true Sharpe ratio of that gain is above 0.
    min_track_record : float
        Trades after which `psr` would reach the confidence if the true Sharpe ratio of the gain were the measured
        one; infinite if the gain is not above 0.
    pbo : float
        Of the last fold's search, by cross-validation inside its training part.
    n_trials : int
        Ladders that the folds' searches evaluated.
    """

    dsr: float
    psr: float
    min_track_record: float
    pbo: float
    n_trials: int


def search_luck(
    tuning: Tuning,
    choices: Sequence[Choice],
    gain: FloatArray,
    baseline: FloatArray,
    against: Comparison,
    walk: WalkForward,
) -> SearchLuck:
    """Return how much of the gain the search and the sample explain.

    Parameters
    ----------
    tuning : Tuning
    choices : sequence of Choice
        One a fold.
    gain, baseline : float64 array, shape (n_test,)
        Net R of the stitched tuned ladders less that of the baseline, and of the baseline.
    against : Comparison
        Of the two.
    walk : WalkForward

    Returns
    -------
    SearchLuck
    """
    test = walk.test
    n_trials = sum(choice.search.n_trials for choice in choices)
    ladders = _some([ladder for choice in choices for ladder in choice.search.ladders], int(test.sum()))
    trials = tuning.net_r(ladders, test) - baseline[:, None]
    known = np.isfinite(trials).all(axis=1) & np.isfinite(gain)
    sharpes = np.full(max(n_trials, len(ladders)), np.nan)
    if known.sum() > 1:
        spread = trials[known].std(axis=0)
        # Trials that were not distinct, or not executed again here, count as tried but not for the variance.
        sharpes[: len(ladders)] = np.divide(
            trials[known].mean(axis=0), spread, out=np.zeros(len(ladders)), where=spread > 0
        )
    moments = SharpeMoments.of(gain)
    n_effective = moments.n if math.isnan(against.n_effective) else min(float(moments.n), against.n_effective)
    shape = {"skew": moments.skew, "kurtosis": moments.kurtosis}
    needed = min_trl(moments.sharpe, confidence=against.confidence, **shape)
    return SearchLuck(
        dsr=dsr_of(gain, sharpes, n_effective=n_effective),
        psr=psr(moments.sharpe, n_effective, **shape),
        min_track_record=needed * moments.n / n_effective if n_effective else math.nan,
        pbo=_pbo(tuning, choices[-1], walk.folds[-1].cut),
        n_trials=n_trials,
    )


def _pbo(tuning: Tuning, choice: Choice, cut: int) -> float:
    """Return the probability of overfitting of a search, on the trades it was run on.

    The test part is not used: it is scored once. The question here is whether the best ladder on one half of the past
    is also good on the other half.
    """
    ladders = _some(choice.search.ladders, int(choice.training.sum()))
    return pbo_cscv(tuning.net_r(ladders, choice.training, cut), n_blocks=_PBO_BLOCKS).pbo


def _some(ladders: Sequence[Ladder], n_trades: int) -> list[Ladder]:
    """Return the distinct ladders, or evenly spaced ones if there are more than an estimate needs."""
    distinct = list(dict.fromkeys(ladders))
    most = int(np.clip(_MOST_PAIRS // max(n_trades, 1), 50, _MOST_TRIALS))
    if len(distinct) <= most:
        return distinct
    return [distinct[k] for k in np.linspace(0, len(distinct) - 1, most).astype(np.int64)]


def all_at_once(
    net_r: Mapping[str, FloatArray], time: IntArray, benchmarks: Sequence[str], intervals: Intervals
) -> dict[str, SuperiorAbility]:
    """Return for each benchmark whether any of the other exits beats it, all of them considered.

    Parameters
    ----------
    net_r : mapping of str to float64 array, shape (n_test,)
    time : int64 array, shape (n_test,)
        Entry times.
    benchmarks : sequence of str
        Names of the exits to beat.
    intervals : Intervals
        Its confidence and seed; this test has its own number of resamples.

    Returns
    -------
    dict of str to SuperiorAbility
        By benchmark; a name that is given twice is tested once.
    """
    return {
        name: superior_ability(
            {k: v for k, v in net_r.items() if k not in (name, SIMPLEST)},
            net_r[name],
            time=time,
            intervals=replace(intervals, n_bootstrap=N_BOOTSTRAP),
        )
        for name in dict.fromkeys(benchmarks)
    }


def account(marked: Mapping[str, CashFlow | None], first_entry: int) -> pd.DataFrame:
    """Return the account of each policy over all test parts, every trade risking 1R.

    Each trade is executed to its end by the choice of the fold in which it was entered, so accounts run on over the
    cuts. Open positions are valued at every close.

    Parameters
    ----------
    marked : mapping of str to CashFlow or None
        By policy, from `exitladder.measures.marked.marked_account`; None if it executed no trade.
    first_entry : int
        Time of the first entry in a test part, nanoseconds since 1970 UTC.

    Returns
    -------
    DataFrame
        A row per policy: policy, n_days (calendar days, the same for all), total_r, sharpe and sortino (of
        daily results, annualised), max_drawdown_r (at any close), calmar (R a year over the drawdown), ulcer_r (of
        daily drawdowns).
    """
    first = first_entry // DAY_NS
    n_days = max([first, *(flow.last_day for flow in marked.values() if flow is not None)]) - first + 1
    rows = []
    for name, flow in marked.items():
        daily = np.zeros(n_days) if flow is None else np.bincount(flow.day + flow.first_day - first, flow.pnl, n_days)
        falls = falls_of_sum(daily)
        deepest = 0.0 if flow is None else max_drawdown_of_sum(flow.pnl)
        rows.append(
            {
                "policy": name,
                "n_days": n_days,
                "total_r": float(daily.sum()),
                "sharpe": sharpe_ratio(daily, DAYS_PER_YEAR),
                "sortino": sortino_ratio(daily, DAYS_PER_YEAR),
                "max_drawdown_r": deepest,
                "calmar": float(daily.sum()) * DAYS_PER_YEAR / n_days / -deepest if deepest < 0 else math.nan,
                "ulcer_r": math.sqrt(float(np.mean(falls[1:] ** 2))),
            }
        )
    return pd.DataFrame(rows)


def risk_of(board: pd.DataFrame, accounts: pd.DataFrame, baseline: str) -> dict[str, tuple[float, float]]:
    """Return measures of risk as label: (tuned, baseline).

    Parameters
    ----------
    board : DataFrame
        The table of a `Scoreboard`.
    accounts : DataFrame
        From `account`.
    baseline : str
        Name of the policy that the tuned one is compared with.

    Returns
    -------
    dict of str to (float, float)
        All in R.
    """
    by_trade, by_account = board.set_index("policy"), accounts.set_index("policy")

    def pair(table: pd.DataFrame, column: str) -> tuple[float, float]:
        values = table[column].astype(float)
        return float(values[TUNED]), float(values[baseline])

    return {
        "standard deviation per trade (R)": pair(by_trade, "sd_r"),
        "mean of the worst 5% of trades (R)": pair(by_trade, "cvar_r"),
        "max drawdown of the account (R)": pair(by_account, "max_drawdown_r"),
    }
