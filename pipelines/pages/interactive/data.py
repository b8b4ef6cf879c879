"""The data of the interactive charts of a page."""

from __future__ import annotations

import json
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from exitladder.pipelines.plots.data import cumulative_r, held_path
from exitladder.pipelines.plots.examples import TradeExample
from exitladder.pipelines.plots.style import policy_colours

# points per line; more cannot be told apart on a screen
_MOST_POINTS = 2_000
_ORDERS = {
    "rung": "rung",
    "stop": "stop",
    "breakeven": "break-even stop",
    "trail": "trailing stop",
    "mark": "last close",
}


def as_script(data: Mapping[str, Any]) -> str:
    r"""Return data as JSON for a script element.

    Examples
    --------
    >>> as_script({"text": "</script>"})
    '{"text":"\\u003c/script>"}'
    """
    return json.dumps(data, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")


def equity_data(net_r: pd.DataFrame, emphasised: str, untouched_from: pd.Timestamp | None) -> dict[str, Any]:
    """Return the cumulative net R of each policy.

    Parameters
    ----------
    net_r : DataFrame
        Net R by entry time, one column per policy.
    emphasised : str
        The highlighted policy.
    untouched_from : Timestamp or None
        Start of the out-of-sample part.

    Returns
    -------
    dict
        ``time``, ``boundary`` and ``lines`` of name, colour and values.
    """
    curves = cumulative_r(net_r)
    step = max(1, -(-len(curves) // _MOST_POINTS))
    curves = pd.concat([curves.iloc[:-1:step], curves.iloc[-1:]])
    colours = policy_colours([str(name) for name in curves], emphasised)
    return {
        "time": _stamps(pd.Series(curves.index)),
        "boundary": "" if untouched_from is None else f"{untouched_from:%Y-%m-%dT%H:%M}",
        "lines": [
            {
                "name": str(name),
                "colour": colours[str(name)],
                "main": name == emphasised,
                "values": _rounded(curves[name], 3),
            }
            for name in curves
        ],
    }


def trades_data(examples: Sequence[TradeExample], trades: pd.DataFrame, fills: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the bars, levels and fills of trades to choose from.

    Parameters
    ----------
    examples : sequence of TradeExample
    trades, fills : DataFrame
        With the columns of ``trades.csv`` and ``fills.csv``; the examples must be among them.

    Returns
    -------
    list of dict
        In order of entry.
    """
    position = pd.Index(trades["trade_id"])
    by_trade = dict(tuple(fills.groupby("trade_id", sort=False)))
    found = [
        _trade(one, trades.iloc[position.get_indexer([one.trade_id])[0]], by_trade[one.trade_id]) for one in examples
    ]
    return sorted(found, key=lambda trade: str(trade["entry"]["time"]))


def _trade(example: TradeExample, trade: pd.Series, fills: pd.DataFrame) -> dict[str, Any]:
    bars = example.bars
    exits = fills.iloc[1:]
    return {
        "symbol": str(trade["symbol"]),
        "side": str(trade["side"]),
        "id": example.trade_id,
        "r": round(float(trade["r"]), 3),
        "time": _stamps(bars["timestamp"]),
        **{name: _rounded(bars[name], 6) for name in ("open", "high", "low", "close")},
        "entry": {"time": _stamps(pd.Series([trade["entry_time"]]))[0], "price": float(trade["entry_price"])},
        "targets": [{"name": f"target {number}", "price": round(price, 6)} for number, price in example.targets],
        "stop": {"time": _stamps(pd.Series(example.stop.index)), "price": _rounded(example.stop, 6)},
        "fills": [
            {
                "time": _stamps(pd.Series([row["bar_time"]]))[0],
                "price": float(row["price"]),
                "text": _fill_text(row),
            }
            for row in exits.to_dict("records")
        ],
        **({"held": _held(fills)} if (fills["order"] == "add").any() else {}),
    }


def _fill_text(row: Mapping[Hashable, Any]) -> str:
    if row["order"] == "add":
        return f"{row['quantity']:g} added"
    return f"{row['quantity']:g} sold by {_ORDERS.get(str(row['order']), str(row['order']))}"


def _held(fills: pd.DataFrame) -> dict[str, Any]:
    """Return the quantity held and the average entry after each bar with fills, of a trade with adds."""
    path = held_path(fills)
    return {
        "time": _stamps(pd.Series(path.index)),
        "size": _rounded(path["held"], 6),
        "average": _rounded(path["average"], 6),
    }


def _stamps(values: pd.Series) -> list[str]:
    stamps = pd.to_datetime(values, utc=True, format="ISO8601")
    form = "%Y-%m-%d" if bool((stamps == stamps.dt.normalize()).all()) else "%Y-%m-%dT%H:%M"
    return [str(text) for text in stamps.dt.strftime(form)]


def _rounded(values: pd.Series, digits: int) -> list[float | None]:
    return [float(round(v, digits)) if np.isfinite(v) else None for v in values.astype(float)]
