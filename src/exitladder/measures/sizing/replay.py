"""Resampled trades under a size rule, compiled."""

from __future__ import annotations

from typing import NamedTuple

import numba
import numpy as np

from exitladder.arrays import FloatArray, FloatTable, IntArray, IntTable

# Money of each trade is fixed; a share of equity; either, times the factor of a run of wins; the Kelly fraction.
MONEY, SHARE, STREAK_OF_MONEY, STREAK_OF_SHARE, KELLY = range(5)


class Rule(NamedTuple):
    """A size rule for the replay.

    Parameters
    ----------
    kind : int
    factor, maximum_factor : float
    wins : int
    kelly_fraction, kelly_cap, fraction : float
    minimum_trades : int
    """

    kind: int
    factor: float = 1.0
    maximum_factor: float = 1.0
    wins: int = 1
    kelly_fraction: float = 0.0
    kelly_cap: float = 0.0
    fraction: float = 0.0
    minimum_trades: int = 0


@numba.njit(cache=True, error_model="numpy")
def kelly_multiple(rule: Rule, n: int, n_wins: int, gained: float, lost: float, squares: float) -> float:
    """Return the share at risk of the Kelly rule over its base, as `ClosedTrades.kelly` defines it.

    Parameters
    ----------
    rule : Rule
    n, n_wins : int
    gained, lost, squares : float
        Sums of wins, of losses and of squares in R.

    Returns
    -------
    float
    """
    if n < rule.minimum_trades:
        return 1.0
    if gained <= lost:
        return 0.0
    mean = (gained - lost) / n
    variance = max(squares - n * mean * mean, 0.0) / max(n - 1, 1)
    shrunk = mean * mean / (mean * mean + variance / n)
    share = rule.kelly_cap
    if n_wins < n and lost > 0.0:
        p = n_wins / n
        found = p / (lost / (n - n_wins)) - (1.0 - p) / (gained / n_wins)
        share = min(share, rule.kelly_fraction * shrunk * found)
    return max(share, 0.0) / rule.fraction


class Lived(NamedTuple):
    """The trades of a replay, in order of entry.

    Parameters
    ----------
    edges : int64 array, shape (n_units + 1,)
        Trades of unit k of the resampling are ``edges[k]`` to ``edges[k + 1]``.
    entry, close : int64 array, shape (n_trades,)
        When each is entered, and when its result is known; nanoseconds since 1970 UTC.
    r : float64 array, shape (n_trades,)
        Net result over the planned risk.
    base : float64 array, shape (n_trades,)
        Planned risk before the multiple of the rule: over the starting equity for `MONEY`, over the equity at the entry
        for `SHARE`.
    """

    edges: IntArray
    entry: IntArray
    close: IntArray
    r: FloatArray
    base: FloatArray


@numba.njit(cache=True, error_model="numpy")
def replay(draws: IntTable, lived: Lived, rule: Rule, ruin: float) -> FloatTable:
    """Return how each resample of trades ends, the account starting at 1.

    Inside a block, trades overlap as they did: each is sized from the results known at its entry. Between blocks, all
    are closed.

    Parameters
    ----------
    draws : int64 array, shape (n_resamples, n_units)
        Units in the order drawn.
    lived : Lived
    rule : Rule
    ruin : float
        Equity, as a share of the start, at or below which the account is ruined.

    Returns
    -------
    float64 array, shape (n_resamples, 3)
        Final equity, maximum drawdown as a share of the peak (at most 0), and 1 if it was ruined; results count when
        trades close. An account that has lost everything trades no more.
    """
    out = np.zeros((len(draws), 3))
    # what is open, the next to close last: when, its result in R, and in money
    waits = np.zeros(len(lived.r) + 1, dtype=np.int64)
    result, change = np.zeros(len(waits)), np.zeros(len(waits))
    for b in range(len(draws)):
        equity, peak, deepest, ruined = 1.0, 1.0, 0.0, 0.0
        in_a_row, n, n_wins, gained, lost, squares, n_open = 0, 0, 0, 0.0, 0.0, 0.0, 0
        for place in range(len(draws[b]) + 1):
            is_end = place == len(draws[b])
            unit = 0 if is_end else draws[b, place]
            is_jump = is_end or (place > 0 and unit != draws[b, place - 1] + 1)
            for i in range(0 if is_end else lived.edges[unit], 1 if is_end else lived.edges[unit + 1]):
                while n_open > 0 and (is_jump or waits[n_open - 1] <= lived.entry[i]):
                    n_open -= 1
                    one = result[n_open]
                    equity = max(equity + change[n_open], 0.0)
                    peak = max(peak, equity)
                    deepest = min(deepest, equity / peak - 1.0)
                    if equity <= ruin:
                        ruined = 1.0
                    n += 1
                    squares += one * one
                    if one > 0.0:
                        n_wins += 1
                        gained += one
                        in_a_row += 1
                    else:
                        lost -= one
                        in_a_row = 0
                is_jump = False
                if is_end:
                    break
                multiple = 1.0
                if rule.kind == STREAK_OF_MONEY or rule.kind == STREAK_OF_SHARE:
                    multiple = min(rule.factor ** (in_a_row // rule.wins), rule.maximum_factor)
                elif rule.kind == KELLY:
                    multiple = kelly_multiple(rule, n, n_wins, gained, lost, squares)
                at_risk = lived.base[i] * multiple
                if rule.kind != MONEY and rule.kind != STREAK_OF_MONEY:
                    at_risk *= equity
                if equity <= 0.0:
                    at_risk = 0.0
                at = n_open
                while at > 0 and waits[at - 1] <= lived.close[i]:
                    waits[at], result[at], change[at] = waits[at - 1], result[at - 1], change[at - 1]
                    at -= 1
                waits[at], result[at], change[at] = lived.close[i], lived.r[i], at_risk * lived.r[i]
                n_open += 1
        out[b, 0], out[b, 1], out[b, 2] = equity, deepest, ruined
    return out
