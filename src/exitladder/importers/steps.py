"""What single programs' tables need before they can be read as all others."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import pandas as pd

from exitladder.errors import TradesError
from exitladder.importers.decode import units
from exitladder.importers.profiles import Found


@dataclass
class Prepared:
    """A table on its way to fills.

    Parameters
    ----------
    frame : DataFrame of str
        Columns by the profile's names.
    kind : {"fills", "round_trips"}
    zone : str
        Time zone that the file itself tells, else blank.
    notes : list of str
        What was left out or assumed.
    money : dict of str to float
        Sums in the file that belong to no fill, such as funding, by what they are.
    """

    frame: pd.DataFrame
    kind: str
    zone: str = ""
    notes: list[str] = field(default_factory=list)
    money: dict[str, float] = field(default_factory=dict)


Step = Callable[[Found, Prepared, Sequence[Found]], None]


def mt5_deals(found: Found, prepared: Prepared, others: Sequence[Found]) -> None:
    """Group deals of hedging accounts by the side they open or close; take stops from the orders."""
    frame = prepared.frame
    account = " ".join(cell for row in found.before for cell in row).lower()
    buys = frame["side"].str.lower().isin(["buy", "kauf", "compra", "achat"])
    closing = frame["direction"].str.lower().isin(["out", "ausgang", "sortie", "salida", "saida", "saída", "uscita"])
    if "hedge" in account or "hedging" in account:
        is_long = buys != closing
        frame["book"] = np.where(is_long, "long", "short")
        prepared.notes.append("hedging account: long and short deals of a symbol are separate positions")
    by = [o for o in others if o.profile.name == "mt5-orders"]
    if by:
        stops = dict(zip(by[0].frame["order_id"], by[0].frame["stop"], strict=True))
        frame["stop"] = [
            stops.get(order, "") if not out else "" for order, out in zip(frame["order_id"], closing, strict=True)
        ]
        prepared.notes.append("stop_price: from the S / L of the opening orders")


def mt5_python(found: Found, prepared: Prepared, others: Sequence[Found]) -> None:
    """Take millisecond or second stamps as texts of the server's clock."""
    number = pd.to_numeric(prepared.frame["time"], errors="coerce")
    if number.notna().all():
        unit: Literal["ms", "s"] = "ms" if number.max() > 1e11 else "s"
        prepared.frame["time"] = [s.isoformat() for s in pd.DatetimeIndex(pd.to_datetime(number.to_numpy(), unit=unit))]


def units_behind(found: Found, prepared: Prepared, others: Sequence[Found]) -> None:
    """Take the units behind quantities and fees (``0.5BTC``, ``1.2 USDT``) as base and fee currencies."""
    frame = prepared.frame
    if "fee_currency" not in frame and "fee" in frame:
        frame["fee_currency"] = units(frame["fee"])
    frame["base"] = units(frame["quantity"])
    if "currency" not in frame:
        amount = units(frame["amount"]) if "amount" in frame else np.full(len(frame), "", dtype=object)
        frame["currency"] = amount


def binance_spot(found: Found, prepared: Prepared, others: Sequence[Found]) -> None:
    """As `units_behind`; the header says whether stamps are in UTC."""
    units_behind(found, prepared, others)
    prepared.zone = "UTC" if "utc" in found.headers["time"].lower() else ""


def binance_futures(found: Found, prepared: Prepared, others: Sequence[Found]) -> None:
    """As `units_behind`; in hedge mode long and short fills of a symbol are separate positions."""
    binance_spot(found, prepared, others)
    frame = prepared.frame
    frame["base"] = ""
    if "position_side" in frame:
        side = frame["position_side"].str.strip().str.lower()
        frame["book"] = side.where(side.isin(["long", "short"]), "")
    if not (frame["currency"] != "").all():
        frame["currency"] = frame["fee_currency"].where(frame["currency"] == "", frame["currency"])
        coins = set(frame["fee_currency"]) - {"BNB", ""}
        if len(coins) == 1:
            frame["currency"] = coins.pop()


def bybit(found: Found, prepared: Prepared, others: Sequence[Found]) -> None:
    """Keep one of the two rows that a spot fill has; sells have negative quantities."""
    frame = prepared.frame
    is_base = np.array([s.startswith(c) and s != c for c, s in zip(frame["currency"], frame["symbol"], strict=True)])
    inverse = frame["symbol"].str.endswith("USD").to_numpy() & is_base
    pairs = set(frame["symbol"][is_base & ~inverse])
    quote = frame["symbol"].isin(pairs).to_numpy() & ~is_base
    if inverse.any():
        raise TradesError(
            f"Quantities must be in units of the base, but {frame['symbol'][inverse].iloc[0]} is coin-margined, of "
            "which "
            f"the log gives US dollars ({frame['line'][inverse].iloc[0]}). Take these rows out."
        )
    fees = frame[quote].set_index(["symbol", "time", "price"])["fee"] if quote.any() else None
    frame["base"] = np.where(is_base, frame["currency"], "")
    frame["fee_currency"] = frame["currency"]
    if fees is not None:
        quotes = frame[quote].drop_duplicates(["symbol", "time", "price"]).set_index(["symbol", "time", "price"])
        for row in frame.index[is_base]:
            key = (frame.loc[row, "symbol"], frame.loc[row, "time"], frame.loc[row, "price"])
            frame.loc[row, "profit"] = ""
            if key in quotes.index and float(frame.loc[row, "fee"] or 0) == 0:
                frame.loc[row, "fee"], frame.loc[row, "fee_currency"] = (
                    quotes.loc[key, "fee"],
                    quotes.loc[key, "currency"],
                )
        for row in frame.index[is_base]:
            symbol, coin = frame.loc[row, "symbol"], frame.loc[row, "base"]
            frame.loc[row, "currency"] = symbol.removeprefix(coin)
        prepared.notes.append(f"{int(quote.sum())} rows are the money side of spot fills and were not read twice")
    frame["quantity"] = frame["quantity"].str.lstrip("-")
    prepared.frame = frame[~quote].reset_index(drop=True)


def okx(found: Found, prepared: Prepared, others: Sequence[Found]) -> None:
    """Read the zone of the first line; keep the row of a spot fill that is in the base currency."""
    frame = prepared.frame
    head = " ".join(cell for row in found.before for cell in row)
    if zone := re.search(r"Time Zone:\s*UTC([+-]\d{1,2})?(?::00)?", head):
        hours = int(zone[1] or 0)
        # names of the tz database count westward
        prepared.zone = "UTC" if hours == 0 else f"Etc/GMT{-hours:+d}"
        prepared.notes.append(f"stamps: UTC{hours:+d}, as the file's first line says")
    base = frame["symbol"].str.split("-").str[0]
    spot = frame["kind"].str.strip().str.lower().isin(["spot", "margin"])
    coin = frame["currency"] if "currency" in frame else frame["unit"]
    money_side = spot & (coin != base)
    if money_side.any():
        # the row of the base tells what was traded; the fee of a sell is in the row of the money
        place = frame["order_id"] + "|" + frame["time"]
        nth = place + "|" + place.groupby([place, money_side]).cumcount().astype(str)
        paid = frame[money_side].set_index(nth[money_side])
        for row in frame.index[spot & ~money_side]:
            if float(frame.loc[row, "fee"] or 0) == 0 and nth[row] in paid.index:
                frame.loc[row, "fee"] = paid.loc[nth[row], "fee"]
                frame.loc[row, "fee_currency"] = paid.loc[nth[row], "fee_currency"]
        prepared.notes.append(f"{int(money_side.sum())} rows are the money side of spot fills and were not read twice")
    contracts = ~spot & (frame["unit"].str.lower() == "cont")
    if contracts.any():
        prepared.notes.append("quantities of swaps and futures are numbers of contracts; their size is not in the file")
    frame["base"] = np.where(spot, base, "")
    frame["currency"] = frame["symbol"].str.split("-").str[1].fillna("")
    frame.loc[spot, "profit"] = ""
    prepared.frame = frame[~money_side].reset_index(drop=True)


def lean(found: Found, prepared: Prepared, others: Sequence[Found]) -> None:
    """Take signed fill quantities; event numbers count within an order."""
    frame = prepared.frame
    frame["fill_id"] = frame["order_id"] + "-" + frame["fill_id"] if "fill_id" in frame else ""
    frame["symbol"] = frame["symbol"].str.split().str[0]


def lean_trades(found: Found, prepared: Prepared, others: Sequence[Found]) -> None:
    """Take the ticker out of Lean's symbols, which may be objects or lists."""

    def ticker(text: str) -> str:
        if text.startswith(("[", "{")):
            content = json.loads(text)
            content = content[0] if isinstance(content, list) and content else content
            text = (
                (content.get("value") or content.get("Value") or content.get("id", ""))
                if isinstance(content, dict)
                else str(content)
            )
        return text.split()[0] if text else ""

    prepared.frame["symbol"] = prepared.frame["symbol"].map(ticker)
    prepared.frame["quantity"] = prepared.frame["quantity"].str.lstrip("-")
    prepared.frame = prepared.frame.drop(columns=["trade_id"], errors="ignore")


def freqtrade_orders(found: Found, prepared: Prepared, others: Sequence[Found]) -> None:
    """Take price and quantity as freqtrade does, and fees, stops and profit from the trades."""
    frame = prepared.frame
    for name in ("average", "stop_price", "ft_price"):
        if name in frame:
            filled = frame[name].where(~frame[name].isin(["", "0"]), "")
            frame["price"] = (
                filled.where(filled != "", frame["price"])
                if name == "average"
                else frame["price"].where(~frame["price"].isin(["", "0"]), filled)
            )
    if "order_date" in frame:
        frame["time"] = frame["time"].where(frame["time"] != "", frame["order_date"])
    quantity = pd.to_numeric(frame["quantity"], errors="coerce").fillna(0.0)
    if "fee_base" in frame:
        quantity -= pd.to_numeric(frame["fee_base"], errors="coerce").fillna(0.0)
    frame["quantity"] = [repr(float(q)) for q in quantity]
    by = [o for o in others if o.profile.title == "freqtrade trades"]
    if not by or "trade_id" not in by[0].frame:
        return
    trades = by[0].frame.set_index("trade_id")
    owner = frame["trade_id"]
    for name, source in (
        ("stop", "stop"),
        ("fee_rate", "fee_rate"),
        ("exit_fee_rate", "exit_fee_rate"),
        ("multiplier", "multiplier"),
    ):
        if source in trades:
            frame[name] = owner.map(trades[source]).fillna("")
    short = (
        trades["short"].str.lower().isin(["1", "true"]) if "short" in trades else pd.Series(False, index=trades.index)
    )
    entry_side = owner.map(short).map({True: "sell", False: "buy"})
    is_exit = frame["side"].str.lower() != entry_side
    if "exit_fee_rate" in frame:
        frame["fee_rate"] = np.where(is_exit, frame["exit_fee_rate"], frame["fee_rate"])
    if "tag" in trades:
        frame["tag"] = owner.map(trades["tag"]).fillna("")
    last = ~owner.where(is_exit).duplicated(keep="last") & is_exit
    closed = trades["open"].str.lower().isin(["0", "false"]) if "open" in trades else trades["exit_time"] != ""
    # with partial exits the sum is realized_profit, and close_profit_abs of closed trades
    total = trades["profit"].where(closed, "") if "profit" in trades else pd.Series("", index=trades.index)
    frame["profit"] = np.where(last, owner.map(total).fillna(""), "")
    if "swap" in trades:
        frame["swap"] = np.where(last, owner.map(trades["swap"]).fillna(""), "")


def freqtrade_trades(found: Found, prepared: Prepared, others: Sequence[Found]) -> None:
    """Read the orders inside of trades as fills where there are any, else one round trip a trade."""
    frame = prepared.frame
    if "strategy" in frame and len(set(frame["strategy"])) > 1:
        raise TradesError(f"A result must be of one strategy, but holds {', '.join(sorted(set(frame['strategy'])))}.")
    if "trade_id" not in frame:
        frame["trade_id"] = [f"T-{n}" for n in range(1, len(frame) + 1)]
    frame["side"] = (
        np.where(frame["short"].str.lower().isin(["1", "true"]), "short", "long") if "short" in frame else "long"
    )
    has_orders = "orders" in frame and frame["orders"].str.startswith("[{").all()
    if not has_orders:
        if "open" in frame:
            still = frame["open"].str.lower().isin(["1", "true"])
            frame.loc[still, ["exit_time", "exit_price"]] = ""
        return
    rows = []
    for trade in frame.to_dict("records"):
        orders = [o for o in json.loads(trade["orders"]) if o.get("order_filled_timestamp") and o.get("amount")]
        leaves = "sell" if trade["side"] == "long" else "buy"
        for n, order in enumerate(orders):
            is_entry = bool(order.get("ft_is_entry"))
            # a stop on the exchange is an order of the kind "stoploss"
            side = order["ft_order_side"] if order["ft_order_side"] in ("buy", "sell") else leaves
            is_last = n == len(orders) - 1 and not is_entry
            rows.append(
                {
                    "trade_id": trade["trade_id"], "symbol": trade["symbol"], "line": trade["line"],
                    "side": side,
                    "time": pd.Timestamp(int(order["order_filled_timestamp"]), unit="ms").isoformat(),
                    "quantity": repr(float(order["amount"])), "price": repr(float(order["safe_price"])),
                    "fee_rate": trade.get("fee_rate" if is_entry else "exit_fee_rate", ""),
                    "stop": trade.get("stop", ""), "tag": trade.get("tag", ""),
                    "fill_id": f"{trade['trade_id']}-{n + 1}",
                    "profit": trade.get("profit", "") if is_last else "",
                    "swap": trade.get("swap", "") if is_last else "",
                    "multiplier": trade.get("multiplier", ""),
                }
            )  # fmt: skip
    prepared.frame = pd.DataFrame(rows, dtype=object)
    prepared.kind = "fills"


def backtesting(found: Found, prepared: Prepared, others: Sequence[Found]) -> None:
    """Sizes carry the side."""
    frame = prepared.frame
    frame["sign"] = frame["quantity"].str.startswith("-").map({True: "short", False: "long"})
    frame["side"] = frame["sign"]
    frame["quantity"] = frame["quantity"].str.lstrip("-")
    if "tag" in frame:
        frame["tag"] = frame["tag"].replace({"None": "", "nan": ""})
    else:
        frame["tag"] = ""


def vectorbt(found: Found, prepared: Prepared, others: Sequence[Found]) -> None:
    """Open rows carry an exit that never was."""
    frame = prepared.frame
    still = frame["status"].str.strip().str.lower() == "open"
    if still.any():
        frame.loc[still, ["exit_time", "exit_price", "profit", "exit_fee"]] = ""
        prepared.notes.append(
            f"{int(still.sum())} open rows: their exit is the last price of the data and was left out"
        )


def nautilus_positions(found: Found, prepared: Prepared, others: Sequence[Found]) -> None:
    """Money is written with its currency, several as a list."""
    frame = prepared.frame
    for name in ("fee", "profit"):
        if name in frame:
            frame[name] = frame[name].str.strip("[]'\"")
    if "fee" in frame:
        frame["fee_currency"] = units(frame["fee"])
    if "profit" in frame:
        frame["currency"] = units(frame["profit"])
    frame.loc[frame["exit_time"].isin(["", "0"]), ["exit_time", "exit_price"]] = ""


def tradingview(found: Found, prepared: Prepared, others: Sequence[Found]) -> None:
    """Join the two rows of each trade number; trade numbers of one entry are legs of one position."""
    frame = prepared.frame
    kind = frame["type"].str.strip().str.lower()
    is_entry = kind.str.contains("entry|einstieg|entrada|entrée|ingresso", regex=True)
    side = np.where(kind.str.contains("short|verkauf|corta|corto|vente"), "short", "long")
    entries = frame[is_entry].assign(side=side[is_entry]).drop_duplicates("number").set_index("number")
    exits = frame[~is_entry].drop_duplicates("number").set_index("number")
    numbers = sorted(entries.index, key=lambda n: (len(n), n))
    lost = sorted(set(exits.index) - set(numbers))
    if lost:
        prepared.notes.append(
            f"{len(lost)} trade numbers have no entry in the file and were left out, such as {lost[0]}"
        )
    legs = pd.DataFrame({"trade_id": numbers}, dtype=object)
    for name, source in (
        ("side", "side"),
        ("quantity", "quantity"),
        ("entry_time", "time"),
        ("entry_price", "price"),
        ("tag", "signal"),
        ("line", "line"),
    ):
        if source in entries:
            legs[name] = [entries.loc[n, source] for n in numbers]
    closed = exits.reindex(numbers)
    still = closed["time"].isna() | closed["time"].str.strip().str.lower().eq("open")
    if "signal" in closed:
        still |= closed["signal"].str.strip().str.lower().eq("open")
    still_list = still.to_list()
    for name, source in (("exit_time", "time"), ("exit_price", "price"), ("profit", "profit"), ("fee", "fee")):
        if source in closed:
            legs[name] = ["" if off or pd.isna(v) else v for off, v in zip(still_list, closed[source], strict=True)]
    if "value" in entries:
        legs["value"] = [entries.loc[n, "value"] for n in numbers]
    if "symbol" in entries:
        legs["symbol"] = [entries.loc[n, "symbol"].split(":")[-1] for n in numbers]
    legs["currency"] = found.currency
    if "fee" in legs and found.currency:
        legs["fee_currency"] = found.currency
    key = legs["side"] + "|" + legs["entry_time"] + "|" + legs["entry_price"]
    legs["trade_id"] = legs["trade_id"].groupby(key).transform("first")
    regrouped = len(legs) - legs["trade_id"].nunique()
    if regrouped:
        prepared.notes.append(
            f"{len(legs)} trade numbers are {legs['trade_id'].nunique()} entries left in parts: regrouped"
        )
    prepared.frame, prepared.kind = legs, "round_trips"


def plain(found: Found, prepared: Prepared, others: Sequence[Found]) -> None:
    """Read `is_short` as the side, and what was filled rather than what was ordered."""
    frame = prepared.frame
    if "filled" in frame:
        frame["quantity"] = frame["filled"]
        frame = prepared.frame = frame.drop(columns=["status"], errors="ignore")
    if "short" in frame and "side" not in frame:
        frame["side"] = np.where(frame["short"].str.lower().isin(["1", "true", "yes"]), "short", "long")
        prepared.notes.append("side: from is_short")


STEPS: dict[str, Step] = {
    "mt5_deals": mt5_deals,
    "mt5_python": mt5_python,
    "units": units_behind,
    "binance_spot": binance_spot,
    "binance_futures": binance_futures,
    "bybit": bybit,
    "okx": okx,
    "lean": lean,
    "lean_trades": lean_trades,
    "freqtrade_orders": freqtrade_orders,
    "freqtrade_trades": freqtrade_trades,
    "backtesting": backtesting,
    "vectorbt": vectorbt,
    "nautilus_positions": nautilus_positions,
    "tradingview": tradingview,
    "plain": plain,
}
