"""The examples of adds and sizes in docs/plans.md: made-up bars and trades, each executed by the engine itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from rule_examples import DAY, Case, bars_of

from exitladder.bars.bars import BarSet
from exitladder.clock import NO_TIME
from exitladder.measures.sizing import Sized, simulate_sized
from exitladder.plans.file import ladder_from_mapping
from exitladder.trades.trades import ENTRY_AT, Trades, place_trades

Row = tuple[float, float, float, float]


def way(*closes: float, first: float = 100.0, wick: float = 0.3) -> list[Row]:
    """Return bars that open at the close before and go to these closes."""
    opens = [first, *closes[:-1]]
    return [(o, max(o, c) + wick, min(o, c) - wick, c) for o, c in zip(opens, closes, strict=True)]


TREND = way(100.6, 101.7, 102.4, 103.6, 104.1, 105.9, 107.4, 107.0, 108.8, 110.1, 108.6, 106.9, 105.5)
RANGE = way(101.2, 102.3, 103.2, 102.1, 100.3, 98.9)
PULLBACK = way(99.2, 98.3, 97.4, 98.2, 97.1, 98.6, 100.2, 101.9, 103.4)
FALL = way(99.0, 97.8, 98.3, 96.9, 95.6, 93.9)
CONFIRMED = way(100.4, 100.9, 101.6, 102.5, 102.9, 104.2, 105.3, 106.4)
FAILED = way(100.4, 101.2, 102.4, 102.6, 101.3, 99.2, 97.0, 94.6)

TURTLE = {"quantity": 1.0, "at": "0.25R", "spacing": "previous", "stop": "1R"}
PYRAMID = {"adds": [TURTLE] * 3, "stop": {"trail": "1R"}}
AVERAGE = {
    "adds": [{"quantity": 1.0, "at": "-0.4R"}, {"quantity": 1.0, "at": "-0.7R"}],
    "rungs": [{"fraction": 1.0, "target": "0.8R"}],
}
DOUBLE = AVERAGE | {"adds": [{"quantity": 2.0, "at": "-0.4R"}, {"quantity": 4.0, "at": "-0.7R"}]}
SIGNAL = {"adds": [{"quantity": 1.0, "when": ["bars_held >= 3", "open_r >= 0.4"]}]}


@dataclass(frozen=True)
class Technique:
    """One way to add, where it helps and where it hurts.

    Parameters
    ----------
    name : str
        Of the picture.
    cases : sequence of Case
    """

    name: str
    cases: Sequence[Case]


def _pair(name: str, plan: Mapping[str, Any], helps: list[Row], hurts: list[Row]) -> Technique:
    kept: dict[str, Any] = {"stop": 96.0, "quantity": 10.0, "ladder": plan}
    return Technique(name, (Case(helps, title="helps", **kept), Case(hurts, title="hurts", **kept)))


TECHNIQUES = (
    _pair("pyramid", PYRAMID, TREND, RANGE),
    _pair("average", AVERAGE, PULLBACK, FALL),
    _pair("double", DOUBLE, PULLBACK, FALL),
    _pair("signal", SIGNAL, CONFIRMED, FAILED),
)

EQUITY = 100_000.0
SIZES: dict[str, dict[str, Any]] = {
    "fixed fraction, 2%": {"rule": "fraction", "fraction": 0.02},
    "volatility target, 20%": {"rule": "volatility", "target_volatility": 0.2, "window": 10},
    "anti-martingale, 1%, ×2, at most ×4": {
        "rule": "anti_martingale", "fraction": 0.01, "factor": 2.0, "maximum_factor": 4.0,
    },
    "half Kelly, at most 10%": {"rule": "kelly", "fraction": 0.02, "kelly_cap": 0.1, "minimum_trades": 10},
}  # fmt: skip
N_TRADES = 40


def sized(rule: Mapping[str, Any]) -> Sized:
    """Return 40 trades of a fixed draw that win or lose 1R, under a size rule; bars are wider from trade 20 on."""
    rng = np.random.default_rng(11)
    rows: list[Row] = list(way(*(100 + 0.5 * (k % 2) for k in range(20))))
    bar, entry, stop = [], [], []
    for k in range(N_TRADES):
        width = 1.0 if k < N_TRADES // 2 else 2.5
        last = rows[-1][3]
        bar.append(len(rows))
        entry.append(last)
        stop.append(last - width)
        rows += way(last + (width if rng.random() < 0.55 else -width), last, first=last, wick=0.0)
    n = len(bar)
    trades = Trades(
        trade_id=np.array([f"T{k:02d}" for k in range(n)], dtype=object),
        symbol=np.full(n, "X", dtype=object),
        side=np.ones(n, dtype=np.int8),
        entry_time=np.array(bar, dtype=np.int64) * DAY,
        entry_price=np.array(entry),
        quantity=np.full(n, 1.0),
        stop_price=np.array(stop),
        entry_at=np.full(n, ENTRY_AT.index("open"), dtype=np.int8),
        exit_time=np.full(n, NO_TIME),
        exit_price=np.full(n, np.nan),
        quantity_open=np.full(n, np.nan),
        tag=np.full(n, "", dtype=object),
    )
    plan = {"rungs": [{"fraction": 1.0, "target": "1R"}], "size": rule, "book": {"equity": EQUITY}}
    return simulate_sized(place_trades(trades, BarSet([bars_of(rows)])), ladder_from_mapping(plan))
