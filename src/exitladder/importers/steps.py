"""The step that each profile names, by its name."""

from __future__ import annotations

from exitladder.importers import steps_of_brokers as brokers
from exitladder.importers import steps_of_programs as programs
from exitladder.importers.plain.accounts import keep_accounts_apart, leave_out_orphans
from exitladder.importers.plain.columns import (
    add_costs,
    ask_for_the_price,
    blank_open_exits,
    coins_of_fees,
    find_side,
    forget_triggers,
    leave_out_money,
    leave_out_options,
    prices_of_cash,
    refuse_round_trips,
)
from exitladder.importers.plain.ids import own_ids
from exitladder.importers.plain.stamps import join_times, settle_dates, zone_of_header
from exitladder.importers.prepared import Prepared, Step


def plain(prepared: Prepared) -> None:
    """Read what the headers of a list of any broker leave open; the filled quantity counts, not the ordered one."""
    if "filled" in prepared.frame:
        prepared.frame["quantity"] = prepared.frame["filled"]
        prepared.frame = prepared.frame.drop(columns=["status"], errors="ignore")
    if prepared.kind == "fills":
        ask_for_the_price(prepared)
        refuse_round_trips(prepared)
    blank_open_exits(prepared)
    join_times(prepared)
    settle_dates(prepared)
    zone_of_header(prepared)
    find_side(prepared)
    add_costs(prepared)
    forget_triggers(prepared)
    prices_of_cash(prepared)
    coins_of_fees(prepared)
    own_ids(prepared)
    leave_out_options(prepared)
    leave_out_money(prepared)
    if prepared.kind == "fills":
        keep_accounts_apart(prepared)
        leave_out_orphans(prepared)


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
    "amibroker": brokers.amibroker,
    "tradovate": brokers.tradovate,
    "tradingview": brokers.tradingview,
    "plain": plain,
}
