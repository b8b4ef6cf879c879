"""The step that each profile names, by its name."""

from __future__ import annotations

import numpy as np

from exitladder.importers import steps_of_brokers as brokers
from exitladder.importers import steps_of_programs as programs
from exitladder.importers.prepared import Prepared, Step


def plain(prepared: Prepared) -> None:
    """Read `is_short` as the side, and the filled quantity rather than the ordered one."""
    frame = prepared.frame
    if "filled" in frame:
        frame["quantity"] = frame["filled"]
        frame = prepared.frame = frame.drop(columns=["status"], errors="ignore")
    if "short" in frame and "side" not in frame:
        frame["side"] = np.where(frame["short"].str.lower().isin(["1", "true", "yes"]), "short", "long")
        prepared.notes.append("side: from is_short")


STEPS: dict[str, Step] = {
    "mt5_deals": brokers.mt5_deals,
    "mt5_python": brokers.mt5_python,
    "units": brokers.units_behind,
    "binance_spot": brokers.binance_spot,
    "binance_futures": brokers.binance_futures,
    "bybit": brokers.bybit,
    "okx": brokers.okx,
    "lean": programs.lean,
    "lean_trades": programs.lean_trades,
    "freqtrade_orders": programs.freqtrade_orders,
    "freqtrade_trades": programs.freqtrade_trades,
    "backtesting": programs.backtesting,
    "vectorbt": programs.vectorbt,
    "nautilus_positions": programs.nautilus_positions,
    "tradingview": brokers.tradingview,
    "plain": plain,
}
