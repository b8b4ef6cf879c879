"""What results of backtesters and bots need before they can be read as all others."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pandas as pd

from exitladder.errors import TradesError
from exitladder.importers.decode import units
from exitladder.importers.prepared import Prepared

# of an order in a result of freqtrade
_OF_ORDERS = ("amount", "safe_price", "ft_order_side", "order_filled_timestamp", "ft_is_entry")
# of a number in it: the last moment of pandas in milliseconds is below it
_MOST = 9e12
_EXPORT_AGAIN = "Run the backtest again, with --export trades, and import the file that it writes."


def lean(prepared: Prepared) -> None:
    """Take signed fill quantities; event numbers count within an order."""
    frame = prepared.frame
    frame["fill_id"] = frame["order_id"] + "-" + frame["fill_id"] if "fill_id" in frame else ""
    frame["symbol"] = frame["symbol"].str.split().str[0]


def lean_trades(prepared: Prepared) -> None:
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


def freqtrade_orders(prepared: Prepared) -> None:
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
    by = [o for o in prepared.others if o.profile.title == "freqtrade trades"]
    if not by or "trade_id" not in by[0].frame:
        return
    trades = by[0].frame.set_index("trade_id")
    owner = frame["trade_id"]
    for name in ("stop", "working", "fee_rate", "exit_fee_rate", "tag"):
        if name in trades:
            frame[name] = owner.map(trades[name]).fillna("")
    short = (
        trades["short"].str.lower().isin(["1", "true"]) if "short" in trades else pd.Series(False, index=trades.index)
    )
    entry_side = owner.map(short).map({True: "sell", False: "buy"})
    is_exit = frame["side"].str.lower() != entry_side
    if "exit_fee_rate" in frame:
        frame["fee_rate"] = np.where(is_exit, frame["exit_fee_rate"], frame["fee_rate"])
    last = ~owner.where(is_exit).duplicated(keep="last") & is_exit
    closed = trades["open"].str.lower().isin(["0", "false"]) if "open" in trades else trades["exit_time"] != ""
    # with partial exits the sum is realized_profit, and close_profit_abs of closed trades
    total = trades["profit"].where(closed, "") if "profit" in trades else pd.Series("", index=trades.index)
    frame["profit"] = np.where(last, owner.map(total).fillna(""), "")
    if "swap" in trades:
        frame["swap"] = np.where(last, owner.map(trades["swap"]).fillna(""), "")


def freqtrade_trades(prepared: Prepared) -> None:
    """Read the orders inside of trades as fills where there are any, else one round trip a trade.

    Raises
    ------
    TradesError
        If the table holds trades of several strategies, or an order of a trade is damaged.
    """
    frame = prepared.frame
    if "strategy" in frame and len(set(frame["strategy"])) > 1:
        raise TradesError(f"A result must be of one strategy, but holds {', '.join(sorted(set(frame['strategy'])))}.")
    if "trade_id" not in frame:
        frame["trade_id"] = [f"T-{n}" for n in range(1, len(frame) + 1)]
    frame["side"] = (
        np.where(frame["short"].str.lower().isin(["1", "true"]), "short", "long") if "short" in frame else "long"
    )
    lists = frame["orders"].str.startswith("[{") if "orders" in frame else pd.Series(False, index=frame.index)
    if lists.any() and not lists.all():
        row = frame[~lists].iloc[0]
        raise TradesError(
            f"Each trade of freqtrade lists its orders, but {row['line']} has {str(row['orders'])[:40]!r}. "
            f"{_EXPORT_AGAIN}"
        )
    if not lists.any():
        if "open" in frame:
            still = frame["open"].str.lower().isin(["1", "true"])
            frame.loc[still, ["exit_time", "exit_price"]] = ""
        return
    rows = []
    for trade in frame.to_dict("records"):
        orders = _filled_orders(str(trade["orders"]), str(trade["line"]))
        leaves = "sell" if trade["side"] == "long" else "buy"
        for n, order in enumerate(orders):
            is_entry = order["ft_is_entry"]
            # a stop on the exchange is an order of the kind "stoploss"
            side = order["ft_order_side"] if order["ft_order_side"] in ("buy", "sell") else leaves
            is_last = n == len(orders) - 1 and not is_entry
            rows.append(
                {
                    "trade_id": trade["trade_id"], "symbol": trade["symbol"], "line": trade["line"],
                    "side": side,
                    "time": pd.Timestamp(order["order_filled_timestamp"], unit="ms").isoformat(),
                    "quantity": repr(order["amount"]), "price": repr(order["safe_price"]),
                    "fee_rate": trade.get("fee_rate" if is_entry else "exit_fee_rate", ""),
                    "stop": trade.get("stop", ""), "working": trade.get("working", ""), "tag": trade.get("tag", ""),
                    "fill_id": f"{trade['trade_id']}-{n + 1}",
                    "profit": trade.get("profit", "") if is_last else "",
                    "swap": trade.get("swap", "") if is_last else "",
                }
            )  # fmt: skip
    prepared.frame = pd.DataFrame(rows, dtype=object)
    prepared.kind = "fills"


def _filled_orders(text: str, place: str) -> list[dict[str, Any]]:
    """Return the orders of a trade that have filled; an error names the one that is damaged."""
    found = []
    for k, order in enumerate(json.loads(text), start=1):
        where = f"order {k} of {place}"
        if not isinstance(order, dict):
            raise TradesError(f"Each order of freqtrade has named values, but {where} is {order!r}. {_EXPORT_AGAIN}")
        missing = [name for name in _OF_ORDERS if name not in order]
        if missing:
            raise TradesError(f"Each order of freqtrade has {missing[0]}, but {where} has not. {_EXPORT_AGAIN}")
        if order["order_filled_timestamp"] in (None, 0):  # cancelled
            continue
        for name in ("order_filled_timestamp", "amount", "safe_price"):
            value = order[name]
            is_number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
            if not is_number or value < 0 or value > _MOST:
                raise TradesError(
                    f"{name} of an order that freqtrade has filled is a number of 0 or more, but that of {where} is "
                    f"{value!r}. {_EXPORT_AGAIN}"
                )
        for name, kind, is_right in (
            ("ft_is_entry", "true or false", isinstance(order["ft_is_entry"], bool | int)),
            ("ft_order_side", "a text", isinstance(order["ft_order_side"], str)),
        ):
            if not is_right:
                raise TradesError(
                    f"{name} of an order of freqtrade is {kind}, but that of {where} is {order[name]!r}. "
                    f"{_EXPORT_AGAIN}"
                )
        numbers = {"amount": float(order["amount"]), "safe_price": float(order["safe_price"])}
        if numbers["amount"] > 0:
            moment = {"order_filled_timestamp": int(order["order_filled_timestamp"])}
            found.append(order | numbers | moment | {"ft_is_entry": bool(order["ft_is_entry"])})
    return found


def backtesting(prepared: Prepared) -> None:
    """Sizes carry the side."""
    frame = prepared.frame
    frame["side"] = frame["quantity"].str.startswith("-").map({True: "short", False: "long"})
    frame["quantity"] = frame["quantity"].str.lstrip("-")
    if "tag" in frame:
        frame["tag"] = frame["tag"].replace({"None": "", "nan": ""})
    else:
        frame["tag"] = ""


def vectorbt(prepared: Prepared) -> None:
    """Open rows carry an exit that never was."""
    frame = prepared.frame
    still = frame["status"].str.strip().str.lower() == "open"
    if still.any():
        frame.loc[still, ["exit_time", "exit_price", "profit", "exit_fee"]] = ""
        prepared.notes.append(
            f"{int(still.sum())} open rows: their exit is the last price of the data and was left out"
        )


def nautilus_positions(prepared: Prepared) -> None:
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
