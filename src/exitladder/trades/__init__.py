"""Trades: read, checked, made by a rule, and their rows (trade, bar)."""

from __future__ import annotations

from exitladder.trades.trades import PlacedTrades, Trade, Trades, place_trades

__all__ = ["PlacedTrades", "Trade", "Trades", "place_trades"]
