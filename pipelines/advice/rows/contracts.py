"""What the venue of a symbol accepts, and which rungs of a ladder are slices."""

from __future__ import annotations

from exitladder.bars.bars import BarSet
from exitladder.clock import DAY_NS
from exitladder.pipelines.advice.orders import Venue
from exitladder.pipelines.advice.traded import price_step
from exitladder.plans.ladder import Ladder
from exitladder.settings.tables import Settings


def venue_of(ladder: Ladder, settings: Settings, bars: BarSet, symbol: int) -> Venue:
    """Return what the venue of a symbol accepts: ``[orders]``, the symbol's contract and the ladder's steps.

    Parameters
    ----------
    ladder : Ladder
    settings : Settings
    bars : BarSet
    symbol : int
        Position of the symbol.

    Returns
    -------
    Venue
    """
    contract = settings.symbols.contract_of(bars.symbols[symbol])
    costs, wanted = contract.costs(ladder.costs), settings.orders
    always = contract.session == "00:00-24:00"
    return Venue(
        oco_mode="reduce" if wanted.oco_mode == "reduce" else "oco",
        time_in_force=wanted.time_in_force,
        hours=wanted.hours,
        at_open="opg" if bars.interval_ns[symbol] >= DAY_NS and not always else "day",
        tick=costs.tick or price_step(bars, symbol),
        is_tick_found=costs.tick == 0,
        lot=costs.lot,
        min_quantity=costs.min_quantity,
        min_distance=contract.min_distance,
        exchange_tz=contract.exchange_tz or "UTC",
        is_always_open=always,
    )


def slices_of(ladder: Ladder) -> frozenset[int]:
    """Return the numbers of the rungs that are slices."""
    return frozenset(number for number, rung in enumerate(ladder.rungs, start=1) if rung.is_slice)
