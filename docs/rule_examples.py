"""The examples of docs/execution.md: tiny made-up markets, each executed by the engine itself.

Bars are numbered from 1, the bar of the entry. `told` says in one line what the engine did; the page quotes these
lines, and a test holds the page to them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from exitladder.bars.bars import Bars, BarSet
from exitladder.clock import NO_TIME
from exitladder.execution import Simulation, simulate
from exitladder.execution.standing import standing_orders
from exitladder.pipelines.plots.style import signed
from exitladder.plans.file import ladder_from_mapping
from exitladder.settings.contracts import Contract, Contracts
from exitladder.trades.trades import ENTRY_AT, PlacedTrades, Trades, place_trades

HOUR = 3_600 * 10**9
DAY = 24 * HOUR
Row = Sequence[float]


@dataclass(frozen=True)
class Case:
    """A few bars, one trade and one ladder.

    Parameters
    ----------
    rows : sequence of (open, high, low, close) or (open, high, low, close, volume)
    ladder : mapping
        As in a ladder file.
    title : str
        Of its panel, where an example has several.
    side, entry, stop, quantity, entry_bar, entry_at
        The trade; `entry_bar` is a position in `rows`.
    finer : mapping of int to sequence of rows
        Shorter bars inside the bar at that position.
    path : sequence of str
        The way that a walking policy takes through the last bar, for the picture.
    facts : sequence of str
        Keys of `FACTS` that are told after the fills.
    first_hour : int, optional
        UTC hour at which the first bar begins, if bars last an hour; else they last a day.
    session : str
        Hours of trading on that clock.
    """

    rows: Sequence[Row]
    ladder: Mapping[str, Any]
    title: str = ""
    side: int = 1
    entry: float = 100.0
    stop: float = 98.0
    quantity: float = 100.0
    entry_bar: int = 0
    entry_at: str = "open"
    finer: Mapping[int, Sequence[Row]] = field(default_factory=dict)
    path: Sequence[str] = ()
    facts: Sequence[str] = ()
    first_hour: int | None = None
    session: str = ""

    @property
    def interval(self) -> int:
        """The length of a bar in nanoseconds."""
        return DAY if self.first_hour is None else HOUR

    @property
    def first(self) -> int:
        """When the first bar begins, in nanoseconds."""
        return (self.first_hour or 0) * HOUR


@dataclass(frozen=True)
class Example:
    """The cases of one rule, drawn side by side, on one scale of prices or each on its own."""

    name: str
    cases: Sequence[Case]
    columns: int = 2
    one_scale: bool = True


def bars_of(rows: Sequence[Row], interval: int = DAY, first: int = 0) -> Bars:
    """Return bars of the symbol X from rows of prices."""
    table = np.array([row[:4] for row in rows], dtype=np.float64)
    volume = np.array([row[4] for row in rows], dtype=np.float64) if len(rows[0]) > 4 else None
    time = first + np.arange(len(rows), dtype=np.int64) * interval
    opened, high, low, close = (np.ascontiguousarray(table[:, k]) for k in range(4))
    return Bars("X", interval, time, opened, high, low, close, volume)


def placed(case: Case) -> PlacedTrades:
    """Return the case's trade on its bars."""
    trade = Trades(
        trade_id=np.array(["T"], dtype=object),
        symbol=np.array(["X"], dtype=object),
        side=np.array([case.side], dtype=np.int8),
        entry_time=np.array([case.first + case.entry_bar * case.interval], dtype=np.int64),
        entry_price=np.array([case.entry]),
        quantity=np.array([case.quantity]),
        stop_price=np.array([case.stop]),
        entry_at=np.array([ENTRY_AT.index(case.entry_at)], dtype=np.int8),
        exit_time=np.array([NO_TIME], dtype=np.int64),
        exit_price=np.array([np.nan]),
        quantity_open=np.array([np.nan]),
        tag=np.array([""], dtype=object),
    )
    bars = BarSet([bars_of(case.rows, case.interval, case.first)])
    if case.session:
        bars = bars.with_contracts(Contracts({"X": Contract(session=case.session, exchange_tz="UTC")}))
    return place_trades(trade, bars)


def finer_bars(case: Case) -> BarSet | None:
    """Return the case's shorter bars."""
    for bar, rows in case.finer.items():
        return BarSet([bars_of(rows, DAY // len(rows), bar * DAY)])
    return None


def run(case: Case) -> Simulation:
    """Return what the engine makes of a case."""
    return simulate(placed(case), ladder_from_mapping(case.ladder), finer=finer_bars(case))


def describe(case: Case) -> str:
    """Return in one line what the engine did."""
    done = run(case)
    parts = []
    for row, bar in zip(done.fills_frame().to_dict("records"), done.fills.bar, strict=True):
        if row["order"] == "entry":
            continue
        amount = f"{row['quantity']:g} @ {row['price']:.2f}"
        if row["order"] == "mark":
            parts.append(f"left at the end: {row['quantity']:g}, marked at {row['price']:.2f}")
        else:
            parts.append(f"bar {bar - case.entry_bar + 1}: {order_name(row)}, {amount}")
    return " · ".join([*(parts or ["no fill"]), *(FACTS[name](done) for name in case.facts)])


def order_name(row: Mapping[Any, Any]) -> str:
    """Return what filled: ``rung 2``, ``stop``, ``stop of rung 2``, ..."""
    if row["order"] == "rung":
        return f"rung {int(row['rung'])}"
    return str(row["order"]) if pd.isna(row["rung"]) else f"{row['order']} of rung {int(row['rung'])}"


def _resting(done: Simulation) -> str:
    orders = standing_orders(done)
    return " · ".join(
        f"rung {row['rung']} rests at {row['price']:.2f}" for row in orders[orders["kind"] == "rung"].to_dict("records")
    )


def _counted(n: int, what: str) -> str:
    return f"{n} {what}" + ("" if n == 1 else "s")


FACTS: dict[str, Callable[[Simulation], str]] = {
    "resting": _resting,
    "net": lambda done: f"net {signed(float(done.r[0]), 4)} R",
    "profit": lambda done: f"P&L {signed(float(done.pnl[0]))}",
    "mfe": lambda done: f"MFE {signed(float(done.mfe_r[0]))} R",
    "mae": lambda done: f"MAE {signed(float(done.mae_r[0]))} R",
    "held": lambda done: f"{_counted(int(done.bars_held[0]), 'bar')} held",
    "ambiguous": lambda done: _counted(int(done.ambiguous_bars[0]), "ambiguous bar"),
    "commission": lambda done: "commission " + " + ".join(f"{c:.2f}" for c in done.fills.commission if c > 0),
    "financing": lambda done: f"financing {signed(-float(done.financing[0]))}",
}


def plan(
    *rungs: tuple[float, str | list[str]] | Mapping[str, Any], costs: Any = None, execution: Any = None, **stop: Any
) -> dict[str, Any]:
    """Return a ladder as a mapping; a rung is a fraction with a target or a list of conditions, or a table."""
    steps = [
        rung
        if isinstance(rung, Mapping)
        else {"fraction": rung[0], "when" if isinstance(rung[1], list) else "target": rung[1]}
        for rung in rungs
    ]
    return {"rungs": steps, "stop": stop, "costs": costs or {}, "execution": execution or {}}


CALM = (100.0, 100.6, 99.5, 100.3)
FLAT = (100.0, 100.4, 99.6, 100.0)
BOTH = (100.6, 103.0, 97.0, 100.0)
GAPPED = {"slippage_bps": 10, "tick": 0.01}


def _policy(title: str, policy: str, **more: Any) -> Case:
    return Case([CALM, BOTH], plan((0.5, "1R"), execution={"intrabar": policy}), title, **more)


def _late_day(title: str, rows: Sequence[Row], **stop: Any) -> Case:
    return Case(rows, plan(**stop), title, facts=["held"], first_hour=13, session="09:00-16:00")


AFTERNOON = [CALM, (100.3, 101.4, 100.0, 101.0), (101.0, 101.2, 100.2, 100.8)]
SWINGS = (10, 9, 8, 7, 6, 5, 6, 7, 8, 9, 10, 9, 8, 9, 8, 8, 8, 8)

EXAMPLES: tuple[Example, ...] = (
    Example(
        "worked",
        [
            Case(
                [
                    (50.0, 51.0, 49.0, 50.8),
                    (50.8, 52.5, 50.5, 52.2),
                    (52.2, 53.0, 51.0, 51.5),
                    (54.5, 55.0, 53.9, 54.2),
                    (53.0, 53.5, 49.5, 49.9),
                ],
                plan((0.25, "1R"), (0.25, "2R"), breakeven_after=1),
                entry=50.0,
                stop=48.0,
                facts=["net", "profit", "mfe"],
            )
        ],
    ),
    Example(
        "targets",
        [
            Case(
                [
                    *[(v, v + 0.5, v - 0.5, v) for v in map(float, SWINGS)],
                    (9.0, 9.5, 8.6, 9.2),
                    (9.2, 9.6, 8.7, 9.0),
                    (9.0, 9.4, 8.5, 8.8),
                    (8.8, 9.2, 8.4, 8.6),
                ],
                plan((0.25, "resistance 1"), (0.25, "1R"), (0.25, "fib 1.5"), (0.25, "80%")),
                entry=9.0,
                stop=6.0,
                entry_bar=18,
                facts=["resting"],
            )
        ],
    ),
    Example(
        "x1",
        [
            Case(
                [CALM, (100.2, 102.6, 100.0, 102.4), (102.0, 103.4, 101.6, 103.0), (103.0, 103.6, 102.4, 103.2)],
                plan((0.5, ["open_r >= 1"])),
            )
        ],
    ),
    Example(
        "x2",
        [
            Case(
                [(100.0, 101.4, 99.8, 101.2), (97.0, 97.6, 96.2, 97.2)],
                plan((0.25, ["open_r >= 0.5"]), costs=GAPPED),
                "a. market orders, then the stop",
            ),
            Case([CALM, (97.0, 99.0, 96.5, 98.5)], plan(costs=GAPPED), "b. a gap beyond the stop"),
            Case(
                [CALM, (107.0, 107.5, 105.8, 106.4)],
                plan((0.25, "1R"), (0.25, "2R"), costs=GAPPED),
                "c. a gap beyond the rungs",
            ),
        ],
        columns=3,
        one_scale=False,
    ),
    Example(
        "x3",
        [
            _policy("stop_first (default)", "stop_first"),
            _policy("target_first", "target_first"),
            _policy("ohlc", "ohlc", path=("open", "high", "low", "close")),
            _policy("nearer_extreme", "nearer_extreme", path=("open", "high", "low", "close")),
            _policy(
                "finer_bars, low first",
                "finer_bars",
                finer={1: [(100.6, 100.8, 97.0, 99.0), (99.0, 103.0, 98.8, 100.0)]},
            ),
            _policy(
                "finer_bars, high first",
                "finer_bars",
                finer={1: [(100.6, 103.0, 100.4, 102.6), (102.6, 102.7, 97.0, 100.0)]},
            ),
        ],
        columns=3,
    ),
    Example("x4", [Case([CALM, (100.2, 103.5, 97.0, 103.0)], plan(), facts=["mfe", "mae", "held"])]),
    Example(
        "x5",
        [
            Case(
                [CALM, (100.3, 102.5, 99.0, 101.0), (101.0, 101.4, 97.2, 97.6)],
                plan((0.5, "1R"), breakeven_after=1),
                "breakeven after rung 1",
            ),
            Case(
                [
                    (100.0, 103.0, 99.5, 102.6),
                    (102.6, 105.0, 102.2, 104.6),
                    (104.6, 106.0, 104.2, 105.4),
                    (105.4, 105.6, 102.4, 103.2),
                ],
                plan((0.5, "2R"), trail="1R", trail_after=1),
                "a trail of 1R, armed by rung 1",
            ),
        ],
        one_scale=False,
    ),
    Example(
        "x6",
        [
            Case([(100.0, 101.0, 97.4, 100.2), CALM], plan(), "entered at the open"),
            Case([(100.6, 101.0, 97.4, 100.2), CALM], plan(), "entered inside the bar", entry_at="intrabar"),
        ],
    ),
    Example(
        "x7",
        [
            Case(
                [CALM, (100.0, 101.2, 99.6, 101.0), (101.0, 101.5, 100.4, 100.8), (100.6, 101.0, 100.0, 100.4)],
                plan(time=3),
                facts=["held"],
            )
        ],
    ),
    Example(
        "x7b",
        [
            Case([CALM, BOTH], plan((0.5, "1R")), "both in reach", facts=["ambiguous"]),
            Case(
                [CALM, (102.5, 103.0, 97.0, 100.0)],
                plan((0.5, "1R")),
                "the rung was settled at the open",
                facts=["ambiguous"],
            ),
        ],
    ),
    Example(
        "x8",
        [
            Case(
                [CALM, (100.3, 102.5, 99.6, 101.4), (101.4, 101.8, 100.5, 101.0)],
                plan((0.5, "1R"), costs={"commission_fixed": 1.0}),
                facts=["net", "commission"],
            )
        ],
    ),
    Example(
        "x9",
        [
            Case(
                [CALM, (100.0, 104.6, 99.8, 104.2), (104.2, 104.4, 102.8, 103.0)],
                plan((0.05, "1R"), (0.25, "2R"), costs={"lot": 1}),
                quantity=10.0,
            )
        ],
    ),
    Example(
        "x10",
        [
            Case(
                [CALM, (100.3, 100.5, 98.8, 99.4), (99.4, 102.5, 99.2, 102.2)],
                plan({"fraction": 0.5, "target": "2R", "stop": "0.5R"}, (0.5, "1R")),
                facts=("net",),
            )
        ],
    ),
    Example(
        "x11",
        [
            _late_day("session_close = true", AFTERNOON, session_close=True),
            _late_day('clock = "15:30"', AFTERNOON, clock="15:30"),
            _late_day("a stop in reach first", [*AFTERNOON[:2], (101.0, 101.2, 97.6, 100.8)], session_close=True),
        ],
        columns=3,
    ),
    Example(
        "s1",
        [
            Case(
                [CALM, (100.0, 102.6, 99.8, 102.2), (102.2, 102.8, 101.4, 102.0)],
                plan((0.95, "1R"), costs={"lot": 1, "min_quantity": 10}),
                quantity=100.7,
            )
        ],
    ),
    Example(
        "s2",
        [
            Case(
                [CALM, (100.3, 102.6, 99.8, 101.0), (101.0, 101.2, 97.4, 97.8)],
                plan(
                    (0.5, "1R"),
                    costs={
                        "commission_bps": 10,
                        "commission_per_unit": 0.01,
                        "commission_fixed": 0.5,
                        "commission_min": 7.0,
                    },
                ),
                facts=["commission", "net"],
            )
        ],
    ),
    Example(
        "s3",
        [
            Case(
                [CALM, (100.3, 102.6, 99.8, 101.0), (101.0, 101.2, 97.4, 97.8)],
                plan((0.5, "1R"), costs={"slippage_bps": 1, "half_spread_bps": 2, "slippage_ticks": 1, "tick": 0.01}),
            )
        ],
    ),
    Example(
        "s4",
        [
            Case(
                [
                    (100.0, 100.5, 99.5, 100.0, 1000),
                    (99.0, 99.2, 97.0, 97.5, 400),
                    (97.0, 98.0, 96.0, 97.0, 200),
                    (96.5, 97.2, 96.0, 97.0, 1000),
                ],
                plan(execution={"participation": 0.1}),
            )
        ],
    ),
    Example(
        "s5",
        [
            Case(
                [FLAT, FLAT, FLAT],
                plan(time=2, costs={"funding_bps_per_bar": 10}),
                "long",
                facts=["financing", "net"],
            ),
            Case(
                [FLAT, FLAT, FLAT],
                plan(time=2, costs={"funding_bps_per_bar": 10, "borrow_bps_per_bar": 4}),
                "short",
                side=-1,
                stop=102.0,
                facts=["financing", "net"],
            ),
        ],
    ),
    Example(
        "s6",
        [
            Case(
                [CALM, (99.0, 99.5, 94.0, 95.0)],
                plan(costs={"tick": 0.01}, execution={"leverage": 20, "maintenance_margin": 0.01}),
                "the stop is beyond the liquidation",
                stop=92.0,
            ),
            Case(
                [CALM, (99.0, 99.5, 94.0, 95.0)],
                plan(costs={"tick": 0.01}, execution={"leverage": 20, "maintenance_margin": 0.01}),
                "the stop is hit first",
            ),
        ],
    ),
)


def example(name: str) -> Example:
    """Return an example by its name."""
    return next(e for e in EXAMPLES if e.name == name)
