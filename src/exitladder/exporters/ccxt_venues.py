"""What exchanges can do with the parameters of ccxt's ``create_order``, as ccxt itself says.

Made from ``exchange.features`` of ccxt 4.5.90 (linear swaps where the exchange has them, else spot); a test compares.
Columns: market, stopLossPrice, triggerPrice, trailing, hedged.
"""

from __future__ import annotations

from typing import NamedTuple

CCXT_VERSION = "4.5.90"


class Venue(NamedTuple):
    """What one exchange accepts."""

    market: str
    stop_loss: bool
    trigger: bool
    trailing: bool
    hedged: bool

    @property
    def is_spot(self) -> bool:
        """Whether it trades coins themselves, where no order is reduce-only."""
        return self.market == "spot"


VENUES = {
    "binance": Venue("swap", True, True, True, True),
    "bitget": Venue("swap", True, True, True, True),
    "bybit": Venue("swap", True, True, True, True),
    "coinbase": Venue("spot", True, True, False, False),
    "gate": Venue("swap", True, True, False, False),
    "hyperliquid": Venue("swap", True, False, False, False),
    "kraken": Venue("spot", True, False, True, False),
    "krakenfutures": Venue("swap", True, True, False, False),
    "kucoin": Venue("swap", True, True, False, False),
    "okx": Venue("swap", True, True, True, False),
}
