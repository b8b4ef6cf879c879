"""A ladder as parameters of ccxt's ``create_order``: for one position in numbers, or as shares and distances."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from exitladder import __version__
from exitladder.errors import LadderError, did_you_mean
from exitladder.exporters.asks import ASKS, Ask
from exitladder.exporters.ccxt_adds import (
    NO_TRIGGER,
    ORDER_OF_ADDS,
    add_order,
    adds_in_numbers,
    adds_in_shares,
    after_adds,
    can_add,
    moves_of_adds,
)
from exitladder.exporters.ccxt_venues import CCXT_VERSION, VENUES, Venue
from exitladder.exporters.plan import plan_of
from exitladder.exporters.programs.exit_rules import Part
from exitladder.exporters.programs.growing import Growing
from exitladder.exporters.targets import target_named
from exitladder.plans.file import ladder_fingerprint
from exitladder.plans.ladder import Ladder

SCHEMA_NAME, SCHEMA_VERSION = "exitladder.ccxt_orders", 1


@dataclass(frozen=True)
class OpenPosition:
    """The position that orders are for.

    Parameters
    ----------
    symbol : str
        As ccxt writes it, such as ``BTC/USDT:USDT``.
    side : int
        +1 long, -1 short.
    entry : float
    quantity : float
        In ccxt's amount: contracts on many swaps.
    stop : float, optional
        Initial stop; NaN if the ladder's own applies.
    atr : float, optional
        Known at the entry; NaN if the ladder needs none.
    """

    symbol: str
    side: int
    entry: float
    quantity: float
    stop: float = math.nan
    atr: float = math.nan


def check_exchanges(names: Sequence[str]) -> None:
    """Raise an error if an exchange is unknown.

    Parameters
    ----------
    names : sequence of str
        ccxt ids.

    Raises
    ------
    LadderError
    """
    for name in names:
        if name not in VENUES:
            raise LadderError(
                f"An exchange must be one of {', '.join(sorted(VENUES))}, but is {name!r}. {did_you_mean(name, VENUES)}"
            )


def ccxt_json(
    ladder: Ladder, hooked: Sequence[Ask], position: OpenPosition | None = None, exchanges: Sequence[str] = ()
) -> str:
    """Return the orders of a ladder as JSON.

    Parameters
    ----------
    ladder : Ladder
    hooked : sequence of Ask
        What no order can express; the JSON lists it for the client to do.
    position : OpenPosition, optional
        Without it, amounts are shares and prices are distances from the entry.
    exchanges : sequence of str
        ccxt ids; all known ones if empty.

    Returns
    -------
    str

    Raises
    ------
    LadderError
        If an exchange is unknown or lacks the orders of an add, or the position does not fit the ladder.
    """
    names = list(exchanges) or sorted(VENUES)
    check_exchanges(names)
    for name in names:
        if exchanges and not can_add(ladder, VENUES[name]):
            number = next(n for n, add in enumerate(ladder.adds, start=1) if add.is_averaging is False)
            raise LadderError(
                f"An exchange must have the orders that the plan asks for, but {name} cannot express "
                f"adds[{number}].at = '{ladder.adds[number - 1].trigger}': {NO_TRIGGER}. Choose another exchange, or "
                "leave out pyramiding adds."
            )
    left_out = {name: NO_TRIGGER for name in names if not can_add(ladder, VENUES[name])}
    table = {
        "schema": SCHEMA_NAME,
        "version": SCHEMA_VERSION,
        "made_by": f"exitladder {__version__}",
        "fingerprint": ladder_fingerprint(ladder),
        "name": ladder.name,
        "ccxt": CCXT_VERSION,
        "differs": list(target_named("ccxt").differs),
        "position": None if position is None else _position_table(position),
        "exchanges": {name: _of_venue(ladder, VENUES[name], position) for name in names if name not in left_out},
        **({"left_out": left_out} if left_out else {}),
        "moves": [*_moves(ladder), *moves_of_adds(ladder)],
        "hooks": [{"ask": ASKS[ask.kind], "place": ask.place, "value": ask.value} for ask in hooked],
    }
    return json.dumps(table, indent=2) + "\n"


def _position_table(position: OpenPosition) -> dict[str, Any]:
    return {
        "symbol": position.symbol,
        "side": "long" if position.side > 0 else "short",
        "entry_price": position.entry,
        "quantity": position.quantity,
        "stop_price": None if math.isnan(position.stop) else position.stop,
        "atr": None if math.isnan(position.atr) else position.atr,
    }


def _of_venue(ladder: Ladder, venue: Venue, position: OpenPosition | None) -> dict[str, Any]:
    orders = _in_shares(ladder) if position is None else _in_numbers(ladder, position)
    notes = []
    if venue.is_spot:
        notes.append("Spot: limits and stops compete for the same coins. Place the stop, and the limits client-side.")
    else:
        notes.append("Open reduce-only orders may count against the position: all limits and one stop per part fit it.")
    if venue.hedged:
        notes.append("Hedge mode: send positionSide (LONG or SHORT) and leave reduceOnly out.")
    if ladder.stop.trail is not None and not venue.trailing:
        notes.append("No trailing orders: move the stop as `moves` says.")
    elif ladder.stop.trail is not None:
        notes.append(
            "Trailing orders of the exchange follow every tick; the ladder's trail follows closed bars: use `moves`."
        )
    found = {"market": venue.market, "orders": [_order(order, venue) for order in orders], "notes": notes}
    if not ladder.adds:
        return found
    notes.append(ORDER_OF_ADDS)
    if position is not None:
        later = after_adds(lambda: _begun(ladder, position), lambda state: _closing(state, position))
        found["after_adds"] = [row | {"orders": [_order(order, venue) for order in row["orders"]]} for row in later]
    return found


def _order(order: dict[str, Any], venue: Venue) -> dict[str, Any]:
    if order["kind"].startswith("add"):
        return add_order(order, venue)
    params: dict[str, Any] = {} if venue.is_spot else {"reduceOnly": True}
    if order["kind"] == "limit":
        return order | {"type": "limit", "params": params | {"timeInForce": "GTC"}}
    trigger = "stopLossPrice" if venue.stop_loss else "triggerPrice"
    return {**order, "type": "market", "price": None, "params": params | {trigger: order["price"]}}


def _in_numbers(ladder: Ladder, position: OpenPosition) -> list[dict[str, Any]]:
    orders = _closing(_begun(ladder, position), position)
    return orders + adds_in_numbers(_begun(ladder, position), position.symbol)


def _begun(ladder: Ladder, position: OpenPosition) -> Growing:
    try:
        return Growing(plan_of(ladder), position.side, position.entry, position.quantity, position.stop, position.atr)
    except ValueError as error:
        raise LadderError(
            f"The position must fit the ladder, but {error}. Pass --stop-price on the side of the loss, and --atr."
        ) from None


def _closing(state: Growing, position: OpenPosition) -> list[dict[str, Any]]:
    """Return the orders that close a position: limits, then a stop for each part."""
    limits, stops = [], []
    for part in state.open_parts:
        units = state.units(part.quantity)
        if math.isfinite(part.limit):
            limits.append(_row(position, "limit", part, units, state.side * part.limit))
        stops.append(_row(position, "stop", part, units, state.side * state.level_of(part)))
    return limits + stops


def _row(position: OpenPosition, kind: str, part: Part, units: float, price: float) -> dict[str, Any]:
    return {
        "kind": kind,
        "rung": part.number or None,
        "oco": f"rung {part.number}" if part.number else "runner",
        "symbol": position.symbol,
        "type": "",
        "side": "sell" if position.side > 0 else "buy",
        "amount": units,
        "price": price,
    }


def _in_shares(ladder: Ladder) -> list[dict[str, Any]]:
    limits, stops = [], []
    for number, rung in enumerate(ladder.rungs, start=1):
        if rung.sells_rest:
            continue
        level = f"-{rung.stop}" if rung.stop else "initial stop"
        if rung.target is not None and rung.target.value > 0:
            limits.append(_share("limit", number, rung.fraction, str(rung.target)))
        elif rung.target is not None:
            level = str(rung.target)
        stops.append(_share("stop", number, rung.fraction, level))
    if ladder.runner > 1e-9:
        stops.append(_share("stop", 0, ladder.runner, "initial stop"))
    return limits + stops + adds_in_shares(ladder)


def _share(kind: str, rung: int, share: float, distance: str) -> dict[str, Any]:
    return {
        "kind": kind,
        "rung": rung or None,
        "oco": f"rung {rung}" if rung else "runner",
        "symbol": None,
        "type": "",
        "side": "close",
        "amount": {"share_of_original": share},
        "price": {"from_entry": distance} if distance[-1].isalpha() or distance.endswith("%") else {"at": distance},
    }


def _moves(ladder: Ladder) -> list[dict[str, str]]:
    """Return what to replace after which event."""
    moves = [
        {"when": "an order fills", "do": "cancel the other order of its oco group"},
        {"when": "an order fills in part", "do": "reduce the other order of its oco group to the amount left"},
    ]
    stop = ladder.stop
    if stop.breakeven_after is not None:
        offset = f" {stop.breakeven_offset}" if stop.breakeven_offset.value else ""
        moves.append({"when": f"rung {stop.breakeven_after} has filled", "do": f"move the stop to the entry{offset}"})
    parts: list[tuple[str, Any]] = [("the stop", stop)]
    parts += [(f"the stop of rung {n}", rung) for n, rung in enumerate(ladder.rungs, start=1)]
    for name, part in parts:
        if part.trail is None:
            continue
        armed = ""
        if part.trail_after is not None:
            armed = f" once rung {part.trail_after} has filled"
        elif part.trail_from is not None:
            armed = f" once the best price is {part.trail_from} from the entry"
        moves.append(
            {"when": f"a bar closes{armed}", "do": f"raise {name} to the best price less {part.trail}; never lower it"}
        )
    return moves
