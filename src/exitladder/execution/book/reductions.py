"""Which positions the limits of risk reduce at a close, and to which share of their quantity (L1 to L4, B7, B8)."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from operator import ge, gt, le, lt
from typing import NamedTuple

import numpy as np

from exitladder.arrays import FloatArray, IntArray
from exitladder.execution.book.account import Standing, Terms, average_of, stop_of
from exitladder.execution.book.estimates import Estimates, JointReturns
from exitladder.execution.kernel import state as s
from exitladder.execution.kernel.state import Record
from exitladder.execution.signals import Signals
from exitladder.plans.limits import UNTIL, Book, Limit
from exitladder.plans.units import Condition

# A share just below the one that meets a limit exactly, since ">= x" holds at x; by more than what rounding to lots
# counts as equal.
_BELOW = 1 - 1e-8
_COMPARE = {">=": ge, "<=": le, ">": gt, "<": lt}


class Acted(NamedTuple):
    """One action of a book at a close.

    Parameters
    ----------
    time : int
        Of the close, nanoseconds since 1970 UTC.
    action : str
        The limit, such as ``limits[1]`` or ``book.limits[1]``, or ``target``, ``daily_loss`` or ``margin_call``.
    trade : int
        Position of the trade; -1 for the whole book.
    measure : str
        Name of the series that was read.
    value : float
    """

    time: int
    action: str
    trade: int
    measure: str
    value: float


@dataclass
class Firing:
    """What has fired, and what could not be judged.

    Parameters
    ----------
    active : set of (int, int)
        Limit and trade (-1: the book) whose conditions held at the last close that could be judged.
    fired, unknown : dict of str to int
        By limit: closes at which it reduced something, and at which a condition on it was unknown.
    time : int
        The close that is judged.
    acted : list of Acted
    """

    active: set[tuple[int, int]] = field(default_factory=set)
    fired: dict[str, int] = field(default_factory=dict)
    unknown: dict[str, int] = field(default_factory=dict)
    time: int = 0
    acted: list[Acted] = field(default_factory=list)

    def decide(self, key: tuple[int, int], name: str, limit: Limit, values: list[float]) -> bool:
        """Return whether a limit fires (L1, L2).

        Parameters
        ----------
        key : (int, int)
            Number of the limit and position of the trade, -1 for the book.
        name : str
            Of the limit.
        limit : Limit
        values : list of float
            Of its conditions; NaN where unknown.

        Returns
        -------
        bool
        """
        if any(math.isnan(value) for value in values):
            self.unknown[name] = self.unknown.get(name, 0) + 1
            return False
        if not all(holds(c, value) for c, value in zip(limit.when, values, strict=True)):
            self.active.discard(key)
            return False
        before = key in self.active
        self.active.add(key)
        return limit.repeat or limit.reduce_to == UNTIL or not before

    def count(self, name: str, trade: int, measure: str, value: float) -> None:
        """Note that a limit or the target acted.

        Parameters
        ----------
        name : str
        trade : int
            -1 for the whole book.
        measure : str
            Name of the series that was read.
        value : float
        """
        self.fired[name] = self.fired.get(name, 0) + 1
        self.note(name, trade, measure, value)

    def note(self, name: str, trade: int, measure: str, value: float) -> None:
        """Write an action down.

        Parameters
        ----------
        name : str
        trade : int
            -1 for the whole book.
        measure : str
            Name of the series that was read.
        value : float
        """
        self.acted.append(Acted(self.time, name, trade, measure, value))


def holds(condition: Condition, value: float) -> bool:
    """Whether a condition holds at a value; NaN never does."""
    return bool(_COMPARE[condition.operator](value, condition.threshold))


def share_until(condition: Condition, value: float) -> float:
    """Return the share of a quantity at which a measure that grows with it no longer meets a condition."""
    if not math.isfinite(value) or value <= 0:
        return 0.0 if value > 0 else 1.0
    share = condition.threshold / value
    return share * _BELOW if condition.operator == ">=" else min(share, 1.0)


def value_at(signals: Signals, name: str, i: int, bar: int) -> float:
    """Return a series of bars for a trade at any bar of its symbol, also before the trade.

    Parameters
    ----------
    signals : Signals
    name : str
    i : int
        The trade.
    bar : int

    Returns
    -------
    float
        NaN if unknown.
    """
    return float(signals.values[signals.base[signals.names.index(name), i] + bar])


class PositionMeasures:
    """The series that limits of one position read.

    Parameters
    ----------
    to : Record
    signals : Signals
    estimates : Estimates
    """

    def __init__(self, to: Record, signals: Signals, estimates: Estimates) -> None:
        self.to, self.signals, self.estimates = to, signals, estimates

    def value(self, name: str, now: Standing, k: int, bar: int, symbol: int, equity: float) -> float:
        """Return the value of a series for one position.

        Parameters
        ----------
        name : str
        now : Standing
        k : int
            Place of the position in `now`.
        bar, symbol : int
            The bar that has closed, and its symbol.
        equity : float

        Returns
        -------
        float
            NaN if unknown.
        """
        i = int(now.trades[k])
        state = self.to.states[i]
        if name == "volatility":
            return self.estimates.volatility(bar, symbol)
        if name in ("open_loss_equity", "open_gain_equity"):
            gain = float(now.gain[k]) * (-1 if name == "open_loss_equity" else 1)
            return over_equity(max(gain, 0.0), equity)
        if name in ("var", "cvar"):
            tail = self.estimates.tail(bar, symbol, float(state[s.SIDE]))[name == "cvar"]
            return over_equity(tail * abs(float(now.value[k])), equity)
        if name in self.signals.names:
            row = self.signals.names.index(name)
            inside = self.signals.first[row, i] <= bar < self.signals.end[row, i]
            return value_at(self.signals, name, i, bar) if inside else math.nan
        return self._of_state(name, i, float(state[s.SIDE]) * float(now.mark[k]))

    def _of_state(self, name: str, i: int, close: float) -> float:
        """Return a series of the trade's state, as conditions of rungs read it."""
        state = self.to.states[i]
        trade = np.array([i])
        base = float(average_of(self.to, trade, held=False)[0])
        risk = float(state[s.RISK])
        grown = self.to.growth.shape[1] > 0
        best = float(self.to.growth[i, s.G_BEST]) if grown else float(state[s.BEST] - base)
        worst = float(self.to.growth[i, s.G_WORST]) if grown else float(state[s.WORST] - base)
        open_r = (close - base) / risk
        return {
            "open_r": open_r,
            "mfe_r": best / risk,
            "mae_r": worst / risk,
            "give_back_r": best / risk - open_r,
            "bars_held": float(state[s.HELD]),
            "stop_distance_r": (close - float(stop_of(self.to.states[trade])[0])) / risk,
        }[name]


def over_equity(money: float, equity: float) -> float:
    """Return an amount over equity; infinite if there is none left (B11)."""
    if equity > 0:
        return money / equity
    return math.inf if money > 0 else 0.0


@dataclass(frozen=True)
class BookMeasures:
    """The series that limits of a book read, of what would be left.

    Parameters
    ----------
    equity, peak : float
        Now, and its highest close.
    symbols : int64 array, shape (n_open,)
    joint : JointReturns
    terms : Terms
    """

    equity: float
    peak: float
    symbols: IntArray
    joint: JointReturns
    terms: Terms

    def value(self, name: str, now: Standing, share: FloatArray) -> float:
        """Return the value of a series.

        Parameters
        ----------
        name : str
        now : Standing
        share : float64 array, shape (n_open,)
            That each position keeps of its quantity.

        Returns
        -------
        float
            NaN if unknown.
        """
        value = now.value * share
        if name == "drawdown_equity":
            return max(1 - self.equity / self.peak, 0.0)
        if name == "exposure":
            return over_equity(float(np.abs(value).sum()), self.equity)
        if name == "net_exposure":
            return over_equity(abs(float(value.sum())), self.equity)
        if name == "margin_used":
            return over_equity(float(np.abs(value).sum()) * self.terms.margin, self.equity)
        if name == "open_loss_equity":
            return over_equity(max(-float((now.gain * share).sum()), 0.0), self.equity)
        held = value != 0
        if not held.any():
            return 0.0
        if self.equity <= 0:
            return math.inf
        return self.joint.tail(*net_shares(self.symbols[held], value[held], self.equity))[name == "cvar"]


def net_shares(symbols: IntArray, value: FloatArray, equity: float) -> tuple[IntArray, FloatArray]:
    """Return each symbol that is held, and its net value over equity.

    Parameters
    ----------
    symbols : int64 array, shape (n_open,)
    value : float64 array, shape (n_open,)
        Signed.
    equity : float
        Above 0.

    Returns
    -------
    symbols : int64 array, shape (n_held,)
    shares : float64 array, shape (n_held,)
    """
    held, where = np.unique(symbols, return_inverse=True)
    return held, np.bincount(where, weights=value) / equity


def position_shares(
    limits: Iterable[Limit], now: Standing, at: list[tuple[int, int, int]], equity: float,
    measures: PositionMeasures, firing: Firing,
) -> FloatArray:  # fmt: skip
    """Return the share that limits of positions leave of each; the smallest counts (B7).

    Parameters
    ----------
    limits : iterable of Limit
    now : Standing
    at : list of (int, int, int)
        Place in `now`, bar and symbol of each position whose bar has closed.
    equity : float
    measures : PositionMeasures
    firing : Firing

    Returns
    -------
    float64 array, shape (n_open,)
    """
    share = np.ones(len(now.trades))
    for number, limit in enumerate(limits):
        name = f"limits[{number + 1}]"
        for k, bar, symbol in at:
            values = [measures.value(c.series, now, k, bar, symbol, equity) for c in limit.when]
            if not firing.decide((number, int(now.trades[k])), name, limit, values):
                continue
            firing.count(name, int(now.trades[k]), limit.when[0].series, values[0])
            wanted = share_until(limit.when[0], values[0]) if limit.reduce_to == UNTIL else float(limit.reduce_to)
            share[k] = min(share[k], wanted)
    return share


def book_shares(book: Book, now: Standing, share: FloatArray, measures: BookMeasures, firing: Firing) -> FloatArray:
    """Return the share that the limits of the book leave of each position, after those of positions (L4, B8).

    Parameters
    ----------
    book : Book
    now : Standing
    share : float64 array, shape (n_open,)
        That the limits of positions leave.
    measures : BookMeasures
    firing : Firing

    Returns
    -------
    float64 array, shape (n_open,)
    """
    found = share
    for number, limit in enumerate(book.limits):
        name = f"book.limits[{number + 1}]"
        values = [measures.value(c.series, now, share) for c in limit.when]
        if not firing.decide((number, -1), name, limit, values) or not len(now.trades):
            continue
        firing.count(name, -1, limit.when[0].series, values[0])
        if book.reduce == "pro_rata":
            kept = share_until(limit.when[0], values[0]) if limit.reduce_to == UNTIL else float(limit.reduce_to)
            found = np.minimum(found, share * kept)
        else:
            found = np.minimum(found, _largest_first(limit, now, share, measures))
    return found


def _largest_first(limit: Limit, now: Standing, share: FloatArray, measures: BookMeasures) -> FloatArray:
    """Return shares with the positions of the largest open risk sold first, the last of them as far as needed."""
    kept = share.copy()
    risks = now.risk * share
    if limit.reduce_to == UNTIL:
        condition = limit.when[0]

        def is_met(shares: FloatArray) -> bool:
            return holds(condition, measures.value(condition.series, now, shares))
    else:
        allowed = float(limit.reduce_to) * float(risks.sum())

        def is_met(shares: FloatArray) -> bool:
            return float((now.risk * shares).sum()) > allowed * (1 + 1e-12)

    for k in np.argsort(-risks, kind="stable"):
        if not is_met(kept):
            break
        before = kept[k]
        kept[k] = 0.0
        if not is_met(kept):
            kept[k] = _largest_share(is_met, kept, int(k), float(before))
            break
    return kept


def _largest_share(is_met: Callable[[FloatArray], bool], kept: FloatArray, k: int, most: float) -> float:
    """Return the largest share of position k, at most `most`, with which a limit no longer holds."""
    low, high = 0.0, most
    tried = kept.copy()
    for _ in range(50):
        tried[k] = 0.5 * (low + high)
        low, high = (low, tried[k]) if is_met(tried) else (tried[k], high)
    return low
