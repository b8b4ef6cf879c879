"""Working orders that the trades file states: the columns ``working_stop`` and ``working_orders``."""

from __future__ import annotations

import re

from exitladder.errors import TradesError
from exitladder.pipelines.advice.working.orders import WORKING_ORDERS, Working

_NONE = ("none", "-", "0")
# a comma before three digits may separate thousands, and is not read
_NUMBER = r"(\d+(?:\.\d+|,(?:\d{1,2}|\d{4,}))?(?:[eE][+-]?\d+)?)"
_ORDER = re.compile(
    rf"(?:(?P<side>buy|sell)\s+)?(?P<quantity>{_NUMBER})\s+(?:(?P<symbol>\S+)\s+)??(?P<type>limit|stop)\s+@?\s*"
    rf"(?P<price>{_NUMBER})(?:\s+(?P<force>gtc|day))?(?:\s+oco\s+(?P<oco>\S+))?",
    re.IGNORECASE,
)


def stated_orders(
    text: str, side: int, trade_id: str = "", symbol: str = "", *, may_add: bool = False
) -> list[Working] | None:
    """Return the orders that a cell of ``working_orders`` states.

    Parameters
    ----------
    text : str
        Orders separated by ``;``, each ``[SELL] QUANTITY [SYMBOL] LIMIT|STOP PRICE [GTC|DAY] [OCO GROUP]``, as the
        page copies them; ``none`` if nothing works.
    side : int
        Of the trade: +1 long, -1 short.
    trade_id, symbol : str
        For the message and to recognise the symbol.
    may_add : bool
        Whether orders that add to the position are read too: their ``add`` is 0, as the cell does not say which.

    Returns
    -------
    list of Working or None
        None for a blank cell.

    Raises
    ------
    TradesError
        If an order cannot be read.

    Examples
    --------
    >>> [order.price for order in stated_orders("25 limit 102; SELL 75 ACME STOP 98 GTC", 1) or []]
    [102.0, 98.0]
    >>> stated_orders("none", 1), stated_orders("", 1)
    ([], None)
    """
    if not text.strip():
        return None
    if text.strip().lower() in _NONE:
        return []
    closing, opening = ("sell", "buy") if side > 0 else ("buy", "sell")
    found: list[Working] = []
    for part in filter(None, (piece.strip() for piece in re.split(r"[;\n|]", text))):
        match = _ORDER.fullmatch(part)
        named = None if match is None else match["symbol"]
        is_other = bool(named and symbol and named.upper() != symbol.upper())
        if match is None or is_other or _value(match["quantity"]) <= 0 or _value(match["price"]) <= 0:
            why = f"'{part[:60]}' is an order of {named}, not of {symbol}" if is_other else f"has '{part[:60]}'"
            raise TradesError(
                "working_orders must list orders such as 'SELL 25 LIMIT 102; SELL 75 STOP 98', or 'none', but trade "
                f"'{trade_id}' {why}. Correct it, or leave the cell blank."
            )
        wanted = (match["side"] or closing).lower()
        if wanted == opening and not may_add:
            raise TradesError(
                f"working_orders of a ladder without adds lists orders that close the position, but trade '{trade_id}' "
                f"has '{part[:60]}', which adds to a {'long' if side > 0 else 'short'}. Take it out of the cell."
            )
        found.append(
            Working(
                match["type"].lower(), wanted, _value(match["quantity"]), _value(match["price"]), WORKING_ORDERS,
                oco=match["oco"], add=0 if wanted == opening else None, time_in_force=(match["force"] or "").lower(),
            )
        )  # fmt: skip
    return found


def _value(text: str) -> float:
    return float(text.replace(",", "."))
