"""The plans on options that a search tries: all combinations of few exits, and the plans that are always tried."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, product

from exitladder.errors import SettingsError
from exitladder.options.positions.trades import OptionTrade
from exitladder.options.tuning.exits import Exit, exits_of, values_of
from exitladder.plans.ladder import Ladder, Rung, Stop
from exitladder.plans.units import Condition, Distance
from exitladder.settings.options import OptionSearch

MOST = 50_000
"""Plans; more are a mistake in the settings."""
HALF, DAYS, BOTH = "half of maximum profit", "21 days to expiry", "half or 21 days"
_HALF, _DAYS = Condition("max_profit_share", ">=", 0.5), Condition("days_to_expiry", "<=", 21.0)


@dataclass(frozen=True)
class Candidate:
    """A plan of the search.

    Parameters
    ----------
    rungs : tuple of Rung
        Parts first, then exits that close the rest.
    stop : float
        ``stop.initial`` of positions without a stop_price, as a share of the premium; NaN without one.
    n_parts : int
        Decisions that it makes beyond the stop that is there anyway: the fewer, the simpler.
    """

    rungs: tuple[Rung, ...]
    stop: float
    n_parts: int

    def ladder(self, base: Ladder, name: str) -> Ladder:
        """Return the plan as a ladder with the costs of another one.

        Parameters
        ----------
        base : Ladder
        name : str

        Returns
        -------
        Ladder
        """
        initial = None if math.isnan(self.stop) else Distance(float(f"{self.stop * 100:.10g}"), "%")
        return replace(base, name=name, rungs=self.rungs, stop=Stop(initial=initial), tuned=None)


def needs_stop(trades: Sequence[OptionTrade]) -> bool:
    """Return whether a position has no R without ``stop.initial``: a short call or put without a stop_price."""
    return any(t.side < 0 and t.second is None and math.isnan(t.stop_price) for t in trades)


def classics(trades: Sequence[OptionTrade], stop: float) -> dict[str, Candidate]:
    """Return the rules of thumb: close at half of the maximum profit, at 21 days to expiry, at the first of both.

    Parameters
    ----------
    trades : sequence of OptionTrade
        Without a short and without a vertical no position has a maximum profit.
    stop : float
        That of the positions anyway.

    Returns
    -------
    dict of str to Candidate
    """
    half, days = (Rung(0.0, when=(condition,), sells_rest=True) for condition in (_HALF, _DAYS))
    found = {
        HALF: Candidate((half,), stop, 1),
        DAYS: Candidate((days,), stop, 1),
        BOTH: Candidate((half, days), stop, 2),
    }
    has_most = any(trade.side < 0 or trade.second is not None for trade in trades)
    return found if has_most else {DAYS: found[DAYS]}


def grid(search: OptionSearch, trades: Sequence[OptionTrade], stop: float) -> list[Candidate]:
    """Return all plans of a search, the simplest first.

    Parameters
    ----------
    search : OptionSearch
    trades : sequence of OptionTrade
        Stops are searched only if one of them has no stop_price.
    stop : float
        ``stop.initial`` that the positions have anyway, as a share of the premium; NaN without one.

    Returns
    -------
    list of Candidate

    Raises
    ------
    SettingsError
        If there are too many.
    """
    exits = exits_of(search.exits, search.n_values)
    stops = [(stop, 0), *((share, 1) for share in _stops(search, trades, stop))]
    found = []
    for rungs in _rung_lists(exits, search):
        n_exits = sum(rung.sells_rest for rung in rungs) + any(not rung.sells_rest for rung in rungs)
        found += [
            Candidate(rungs, share, len(rungs) + counts)
            for share, counts in stops
            if n_exits + counts <= search.n_exits
        ]
        if len(found) > MOST:
            raise SettingsError(
                f"A search must have at most {MOST:,} plans, but [options_search] allows more. Lower n_exits, n_values "
                "or n_rungs, or leave exits out."
            )
    return sorted(found, key=lambda one: one.n_parts)


def _stops(search: OptionSearch, trades: Sequence[OptionTrade], stop: float) -> list[float]:
    """Return the other stops to try, as shares of the premium."""
    if all(not math.isnan(trade.stop_price) for trade in trades) or not search.stop:
        return []
    shares = [value / 100 for value in values_of(search.stop[0], search.stop[-1], search.n_values)]
    without = [] if math.isnan(stop) or needs_stop(trades) else [math.nan]
    return without + [share for share in shares if share != stop]


def _rung_lists(exits: Sequence[Exit], search: OptionSearch) -> Iterator[tuple[Rung, ...]]:
    """Return the rungs of all plans: exits alone, then parts followed by exits of the rest."""
    yield from _rests(exits, search.n_exits)
    for one in (one for one in exits if one.takes_profit):
        for n, share in product(range(1, search.n_rungs + 1), sorted({search.fractions[0], search.fractions[-1]})):
            if n * share > 1 + 1e-9:
                continue
            for choice in combinations(one.choices, n):
                parts = tuple(Rung(share, when=when) for when in choice)
                # the rest leaves on the same series only further on
                later = Exit(one.text, one.choices[one.choices.index(choice[-1]) + 1 :])
                others = [later if other is one else other for other in exits]
                for rest in _rests([other for other in others if other.choices], search.n_exits - 1):
                    yield (*parts, *rest)


def _rests(exits: Sequence[Exit], most: int) -> Iterator[tuple[Rung, ...]]:
    """Return all ways to close the rest on at most so many exits, whichever comes first."""
    for n in range(most + 1):
        for some in combinations(exits, n):
            for choice in product(*(one.choices for one in some)):
                yield tuple(Rung(0.0, when=when, sells_rest=True) for when in choice)
