"""Random markets, trades and ladders for hypothesis: small, rich in ties, gaps and edge cases."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
from hypothesis import strategies as st

from exitladder.execution.signals import Signals
from exitladder.plans.file import ladder_from_mapping
from exitladder.plans.ladder import Ladder, Rung, Stop
from exitladder.plans.units import Condition, Distance, Target
from exitladder.trades.trades import PlacedTrades

POLICIES = ("stop_first", "target_first", "ohlc", "nearer_extreme", "finer_bars")


@dataclass(frozen=True)
class World:
    """Everything a simulation needs, as plain rows. Prices are whole steps times `step`."""

    rows: list[list[float]]
    finer: dict[int, list[list[float]]]
    trades: list[dict[str, Any]]
    ladder: dict[str, Any]
    series: dict[str, list[float]]
    start: int = 100


@st.composite
def bar_rows(draw: st.DrawFn, step: float, n_least: int = 3, n_most: int = 16, start: int = 100) -> list[list[float]]:
    """Rows of open, high, low, close, volume on multiples of a step; prices tie often, some gap or stand still."""
    per = round(1 / step)
    count = draw(st.integers(n_least, n_most))
    price = start * per
    rows = []
    unit = max(per // 4, 1)
    for _ in range(count):
        if draw(st.integers(0, 9)) == 0:
            rows.append([price / per] * 4 + [0.0])  # nothing traded
            continue
        price = max(price + unit * draw(st.sampled_from([0, 0, 0, 1, -1, 3, -3, 9, -9])), 20 * per)
        close = max(price + unit * draw(st.integers(-6, 6)), 10 * per)
        high = max(price, close) + unit * draw(st.integers(0, 5))
        low = min(price, close) - unit * draw(st.integers(0, 5))
        rows.append(
            [price / per, high / per, low / per, close / per, float(draw(st.sampled_from([0, 1, 3, 10, 1000])))]
        )
        price = close
    return rows


@st.composite
def split_bar(draw: st.DrawFn, row: list[float]) -> list[list[float]]:
    """Finer rows that make a bar up: its extremes are reached, in one order or the other."""
    opened, high, low, close, volume = row
    turns = draw(st.sampled_from([[high, low], [low, high], [high, low, high], [low, high, low]]))
    points = [opened, *turns, close]
    rows = []
    for start, end in pairwise(points):
        rows.append([start, max(start, end), min(start, end), end, volume / 4])
    return rows


distances = st.sampled_from(["0.5R", "1R", "2R", "3R", "0.5ATR", "1ATR", "2ATR", "1%", "2%", "5%"])


@st.composite
def rungs(draw: st.DrawFn, with_slices: bool = False) -> list[dict[str, Any]]:
    """Up to four rungs whose fractions sum to at most 1; with slices, about half of them have their own stop."""
    out: list[dict[str, Any]] = []
    room = 100
    for _ in range(draw(st.integers(0, 4))):
        share = draw(st.sampled_from([10, 25, 30, 40, 50, 100]))
        if share > room:
            break
        room -= share
        rung: dict[str, Any] = {"fraction": share / 100}
        kind = draw(st.sampled_from(["limit", "limit", "limit", "stop_out", "price", "level", "signal"]))
        own = draw(slices()) if with_slices and draw(st.booleans()) else {}
        if own and draw(st.integers(0, 2)) == 0:
            out.append(rung | own)  # neither target nor conditions
            continue
        if kind == "limit":
            rung["target"] = draw(distances)
        elif kind == "stop_out":
            rung["target"] = "-" + draw(st.sampled_from(["0.25R", "0.5R", "1R", "1ATR", "1%"]))
        elif kind == "price":
            rung["target"] = draw(st.sampled_from([98.0, 100.0, 101.5, 103.0]))
        elif kind == "level":
            rung["target"] = draw(st.sampled_from(["fib 1.618", "resistance 1", "resistance 2"]))
        else:
            rung["when"] = draw(
                st.lists(
                    st.sampled_from(
                        [
                            "signal >= 0.5",
                            "signal < 0.5",
                            "open_r > 0.2501",
                            "open_r <= -0.1501",
                            "give_back_r >= 0.3751",
                            "bars_held >= 2",
                            "mfe_r > 0.7501",
                            "mae_r < -0.4001",
                            "stop_distance_r < 0.8001",
                            # Thresholds that prices on steps meet exactly.
                            "open_r >= 0.3",
                            "open_r > 0.3",
                            "open_r <= -0.1",
                            "open_r < 0.5",
                            "mfe_r >= 0.7",
                            "mae_r <= -0.3",
                            "give_back_r > 0.1",
                            "stop_distance_r <= 0.5",
                        ]
                    ),
                    min_size=1,
                    max_size=2,
                    unique=True,
                )
            )
            if draw(st.integers(0, 3)) == 0:
                rung["fraction"] = "rest"
                room += share
                own = {}
        out.append(rung | own)
    movers = movers_of(out)
    for number, rung in enumerate(out, start=1):
        others = [mover for mover in movers if mover != number]
        if "trail" in rung and "trail_from" not in rung and others and draw(st.booleans()):
            rung["trail_after"] = draw(st.sampled_from(others))
    return out


@st.composite
def slices(draw: st.DrawFn) -> dict[str, Any]:
    """The own stop and trail of a rung."""
    own: dict[str, Any] = {}
    if draw(st.booleans()):
        own["stop"] = draw(st.sampled_from(["0.25R", "0.5R", "1R", "0.5ATR", "1ATR", "3ATR", "0.5%", "1%", "5%"]))
    if not own or draw(st.booleans()):
        own["trail"] = draw(st.sampled_from(["0.5R", "1R", "0.5ATR", "1ATR", "2ATR", "1%", "3%"]))
        if draw(st.integers(0, 3)) == 0:
            own["trail_from"] = draw(st.sampled_from(["0.3R", "0.5R", "1R"]))
    if draw(st.booleans()):
        own["follow"] = True
    return own


def movers_of(some_rungs: list[dict[str, Any]]) -> list[int]:
    """Return the numbers of the rungs that may arm something: those with a trigger that do not sell the rest."""
    return [k for k, r in enumerate(some_rungs, start=1) if r["fraction"] != "rest" and ("target" in r or "when" in r)]


def without_slices(some_rungs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the same rungs under the trade's stop alone, without those that have nothing else to leave by."""
    plain = [{k: v for k, v in rung.items() if k in ("fraction", "target", "when")} for rung in some_rungs]
    return [rung for rung in plain if "target" in rung or "when" in rung]


@st.composite
def stops(draw: st.DrawFn, some_rungs: list[dict[str, Any]]) -> dict[str, Any]:
    """What the stop does."""
    movers = movers_of(some_rungs)
    stop: dict[str, Any] = {"initial": draw(st.sampled_from(["2ATR", "1ATR", "2%", "3%"]))}
    numbers = st.sampled_from(movers or [1])
    if draw(st.booleans()) and movers:
        stop["breakeven_after"] = draw(numbers)
        stop["breakeven_offset"] = draw(st.sampled_from(["0R", "0.1R", "-0.25R", "0.5ATR", "0.5%"]))
    if draw(st.booleans()):
        stop["trail"] = draw(st.sampled_from(["0.5R", "1R", "0.5ATR", "1ATR", "2ATR", "1%", "3%"]))
        arm = draw(st.sampled_from(["entry", "entry", "rung", "r"]))
        if arm == "rung" and movers:
            stop["trail_after"] = draw(numbers)
        elif arm == "r":
            stop["trail_from"] = draw(st.sampled_from(["0.3R", "0.5R", "1R"]))
    if draw(st.integers(0, 2)) == 0:
        stop["time"] = draw(st.integers(1, 6))
    return stop


@st.composite
def costs(draw: st.DrawFn, step: float) -> dict[str, Any]:
    """Costs, lots and ticks, often none."""
    if draw(st.booleans()):
        return {}
    out: dict[str, Any] = {}
    for name, values in {
        "commission_bps": [2.0, 10.0],
        "commission_per_unit": [0.01],
        "commission_fixed": [1.0],
        "commission_min": [2.5],
        "slippage_bps": [1.0, 7.0],
        "half_spread_bps": [0.5],
        "slippage_atr": [0.05],
        "funding_bps_per_bar": [1.0, -2.0],
        "borrow_bps_per_bar": [3.0],
    }.items():
        if draw(st.integers(0, 3)) == 0:
            out[name] = draw(st.sampled_from(values))
    if draw(st.booleans()):
        out["tick"] = draw(st.sampled_from([step, step * 2, 0.01, 0.25, 0.0001]))
        if draw(st.booleans()):
            out["slippage_ticks"] = 1.0
    if draw(st.booleans()):
        out["lot"] = draw(st.sampled_from([0.1, 1.0, 0.0001]))
    if draw(st.booleans()):
        out["min_quantity"] = draw(st.sampled_from([1.0, 2.0, 5.0]))
    return out


@st.composite
def executions(draw: st.DrawFn, policies: tuple[str, ...] = POLICIES) -> dict[str, Any]:
    """How orders meet bars."""
    out: dict[str, Any] = {"intrabar": draw(st.sampled_from(policies))}
    if draw(st.integers(0, 3)) == 0:
        out["limit_fill"] = "through"
    if draw(st.integers(0, 3)) == 0:
        out["participation"] = draw(st.sampled_from([0.1, 0.5, 1.0]))
    if draw(st.integers(0, 3)) == 0:
        out["leverage"] = draw(st.sampled_from([1.0, 10.0, 40.0]))
        out["maintenance_margin"] = draw(st.sampled_from([0.0, 0.005]))
    return out


@st.composite
def worlds(draw: st.DrawFn, policies: tuple[str, ...] = POLICIES, with_slices: bool | None = None) -> World:
    """A market of one symbol, some trades in it, and a ladder; half of the ladders have slices unless it is said."""
    step, start = draw(st.sampled_from([(0.25, 100), (0.01, 100), (0.01, 1_000_000)]))
    rows = draw(bar_rows(step, start=start))
    some_rungs = draw(rungs(draw(st.booleans()) if with_slices is None else with_slices))
    ladder: dict[str, Any] = {
        "atr_window": draw(st.sampled_from([1, 2])),
        "rungs": some_rungs,
        "stop": draw(stops(some_rungs)),
        "costs": draw(costs(step)),
        "execution": draw(executions(policies)),
    }
    finer = {}
    if ladder["execution"]["intrabar"] == "finer_bars":
        finer = {t: draw(split_bar(row)) for t, row in enumerate(rows) if draw(st.integers(0, 3))}
    trades = []
    for _ in range(draw(st.integers(1, 3))):
        bar = draw(st.integers(0, len(rows) - 1))
        at = draw(st.sampled_from(["open", "open", "intrabar", "close"]))
        side = draw(st.sampled_from([1, -1]))
        entry = {"open": rows[bar][0], "close": rows[bar][3], "intrabar": rows[bar][draw(st.integers(0, 3))]}[at]
        if draw(st.integers(0, 5)) == 0:
            entry = rows[bar][draw(st.integers(0, 3))]  # a fill that differs from the bar's price
        away = draw(st.sampled_from([1.0, 2.0, 2.5, 4.0, 1.0008]))
        trades.append(
            {
                "bar": bar,
                "at": at,
                "side": side,
                "entry": entry,
                "stop": entry - side * away if draw(st.integers(0, 3)) else None,
                "quantity": draw(st.sampled_from([1.0, 3.0, 10.0, 12.5, 100.0])),
                "quarter": draw(st.integers(0, 3)),
            }
        )
    series = {"signal": [draw(st.sampled_from([0.2, 0.7, float("nan")])) for _ in rows]}
    return World(rows, finer, trades, ladder, series, start)


ADD_CONDITIONS = [
    ["signal >= 0.5"],
    ["open_r > 0.2501"],
    ["open_r < -0.1001"],
    ["bars_held >= 1"],
    ["bars_held <= 2"],
    ["mfe_r >= 0.3", "mae_r > -0.9001"],
    ["give_back_r >= 0.2001"],
    ["stop_distance_r > 0.5001"],
]


@st.composite
def adds(draw: st.DrawFn) -> list[dict[str, Any]]:
    """One to four adds of every kind, near enough to fill often."""
    out: list[dict[str, Any]] = []
    for k in range(draw(st.integers(1, 4))):
        amount = draw(
            st.sampled_from([{"quantity": 1.0}, {"quantity": 0.5}, {"quantity": 2.0}, {"units": 2.0}, {"money": 250.0}])
        )
        add: dict[str, Any] = dict(amount)
        kind = draw(st.sampled_from(["down", "down", "up", "up", "price", "level", "signal", "signal"]))
        if kind == "signal":
            add["when"] = draw(st.sampled_from(ADD_CONDITIONS))
        elif kind == "price":
            add["at"] = draw(st.sampled_from([98.0, 99.0, 100.0, 101.0, 102.5]))
        elif kind == "level":
            add["at"] = draw(st.sampled_from(["fib 0.5", "fib 1.618", "resistance 1", "support 1", "support 2"]))
        else:
            if kind == "down":
                add["at"] = draw(st.sampled_from(["-0.1R", "-0.25R", "-0.3R", "-0.25ATR", "-0.5ATR", "-0.3%", "-1%"]))
            else:
                add["at"] = draw(st.sampled_from(["0.1R", "0.25R", "0.5R", "1R", "0.25ATR", "0.5ATR", "1ATR", "0.5%"]))
            # the entry, that all later ones of a chain are measured from, comes first
            if k == 0 or out[-1].get("spacing") == "previous" or draw(st.booleans()):
                add["spacing"] = draw(st.sampled_from(["entry", "previous"]))
            if add["at"].endswith("ATR") and draw(st.booleans()):
                add["atr"] = "current"
        if draw(st.integers(0, 2)) == 0:
            stop = draw(st.sampled_from(["0.5R", "1R", "0.5ATR", "2ATR", "1%", "average", "average+costs"]))
            if not (kind == "down" or str(add.get("at")).startswith("support")) or not stop.startswith("av"):
                add["stop"] = stop
        out.append(add)
    return out


@st.composite
def plan_tables(draw: st.DrawFn, world: World) -> dict[str, Any]:
    """The ladder of a world as a plan with adds."""
    plan: dict[str, Any] = {**world.ladder, "adds": draw(adds())}
    rungs = [dict(rung) for rung in plan["rungs"]]
    for rung in rungs:
        if str(rung.get("target", "")).endswith(("R", "ATR", "%")) and draw(st.integers(0, 2)) == 0:
            rung["measured_from"] = "average"
    plan["rungs"] = rungs
    if "breakeven_after" in plan["stop"] and draw(st.booleans()):
        plan["stop"] = {**plan["stop"], "breakeven_from": "average"}
    if draw(st.booleans()):
        plan["size"] = draw(
            st.sampled_from([{"maximum": 1.0}, {"maximum": 2.0}, {"maximum": 2.5}, {"maximum_units": 12.0},
                             {"maximum_money": 1500.0}])
        )  # fmt: skip
    rules: dict[str, Any] = {}
    if draw(st.integers(0, 2)) == 0:
        rules["after_exit"] = True
    if draw(st.integers(0, 2)) == 0:
        rules["until_bars"] = draw(st.integers(1, 4))
    if rules:
        plan["add_rules"] = rules
    return plan


conditions = st.one_of(
    st.builds(
        Condition,
        st.sampled_from(["signal", "late"]),
        st.sampled_from([">=", "<=", ">", "<"]),
        st.sampled_from([-1.0, 0.0, 0.25, 0.5, 1.0, float("inf")]),
    ),
    st.builds(
        Condition,
        st.sampled_from(["open_r", "mfe_r", "mae_r", "give_back_r"]),
        st.sampled_from([">=", "<=", ">", "<"]),
        st.sampled_from([-0.5, -0.25, -0.0, 0.0, 0.25, 0.5, 0.75]),
    ),
    st.builds(
        Condition, st.just("bars_held"), st.sampled_from([">=", "<=", ">", "<"]), st.sampled_from([1.0, 2.0, 3.0])
    ),
)


def plain_tables(world: World) -> list[dict[str, Any]]:
    """Settings of ladders that fit a batch, with the costs of a world but for financing."""
    costs = {k: v for k, v in world.ladder["costs"].items() if k not in ("funding_bps_per_bar", "borrow_bps_per_bar")}
    return [{"atr_window": 1, "costs": costs, "execution": {"limit_fill": fill}} for fill in ("touch", "through")]


@st.composite
def signals_of(draw: st.DrawFn, placed: PlacedTrades) -> Signals:
    """What `plain_ladders` with signals read; one series begins a bar late and ends a bar early, as predictions may."""
    values = st.lists(
        st.sampled_from([-1.0, 0.0, -0.0, 0.25, 0.5, 1.0, np.nan, np.inf]),
        min_size=placed.bars.n_bars,
        max_size=placed.bars.n_bars,
    )
    sides = [{name: np.array(draw(values)) for name in ("signal", "late")} for _ in range(2)]
    signals = Signals.from_bars(placed, sides[0], sides[1])
    signals.first[1] += 1
    signals.end[1] -= 1
    return signals


@st.composite
def plain_ladders(draw: st.DrawFn, tables: list[dict[str, Any]], with_signals: bool = False) -> Ladder:
    """A ladder that fits a batch; costs and steps are drawn from a few, so that several share a batch."""
    units = st.sampled_from(["R", "ATR", "%"])
    amounts = st.sampled_from([0.25, 0.5, 1.0, 1.5, 2.0, 3.1])
    splits: list[tuple[float, ...]] = [(), (1.0,), (0.5,), (0.25, 0.25), (0.3, 0.3, 0.4), (0.1, 0.2, 0.1, 0.6)]
    split = draw(st.sampled_from(splits))

    def rung(fraction: float) -> Rung:
        if with_signals and draw(st.booleans()):
            return Rung(fraction, None, tuple(draw(st.lists(conditions, min_size=1, max_size=3))))
        return Rung(fraction, Target(draw(amounts), draw(units)))

    rungs = tuple(rung(f) for f in split)
    stop: dict[str, Any] = {"initial": draw(st.sampled_from([Distance(2.0, "ATR"), Distance(2.0, "%")]))}
    if len(split) > 0 and draw(st.booleans()):
        stop["breakeven_after"] = draw(st.integers(1, len(split)))
        stop["breakeven_offset"] = Distance(draw(st.sampled_from([0.0, 0.25, -0.5])), draw(units))
    if draw(st.booleans()):
        stop["trail"] = Distance(draw(amounts), draw(units))
        armed = draw(st.sampled_from(["entry", "rung", "r"]))
        if armed == "rung" and split:
            stop["trail_after"] = draw(st.integers(1, len(split)))
        elif armed == "r":
            stop["trail_from"] = Distance(draw(amounts), "R")
    if draw(st.booleans()):
        stop["time"] = draw(st.integers(1, 8))
    table = draw(st.sampled_from(tables))
    return replace(ladder_from_mapping(table), rungs=rungs, stop=Stop(**stop))


@st.composite
def part_ladders(draw: st.DrawFn, tables: list[dict[str, Any]], with_signals: bool, timed: bool) -> Ladder:
    """A ladder that fits a batch in parts: slices, a rung that sells the rest, exits by the clock, any of them."""
    plain = draw(plain_ladders(tables, with_signals))
    units = st.sampled_from(["R", "ATR", "%"])
    amounts = st.sampled_from([0.25, 0.5, 1.0, 1.5, 2.0, 3.1])
    stops = st.builds(Distance, st.sampled_from([0.25, 0.5, 1.0]), units)
    rungs = list(plain.rungs)
    room = 1.0 - sum(rung.fraction for rung in rungs)
    if room > 0.2 and draw(st.booleans()):
        rungs.append(Rung(0.2, stop=draw(stops)))  # neither target nor conditions
    for j, rung in enumerate(rungs):
        if draw(st.booleans()):
            continue
        own: dict[str, Any] = {"stop": draw(stops), "follow": draw(st.booleans())}
        if draw(st.booleans()):
            own["trail"] = Distance(draw(amounts), draw(units))
            others = [k for k, other in enumerate(rungs) if k != j and (other.target or other.when)]
            armed = draw(st.sampled_from(["entry", "rung", "r"]))
            if armed == "rung" and others:
                own["trail_after"] = draw(st.sampled_from(others)) + 1
            elif armed == "r":
                own["trail_from"] = Distance(draw(amounts), "R")
            if draw(st.booleans()):
                del own["stop"]
        rungs[j] = replace(rung, **own)
    for _ in range(draw(st.sampled_from([0, 0, 1, 2])) if with_signals else 0):
        when = tuple(draw(st.lists(conditions, min_size=1, max_size=2)))
        # At the end, so that the numbers of the rungs that arm something stay.
        rungs.insert(len(rungs), Rung(0.0, None, when, sells_rest=True))
    stop = plain.stop
    if timed and draw(st.booleans()):
        times: dict[str, Any] = draw(
            st.sampled_from(
                [
                    {"hours": 2.0}, {"hours": 5.5}, {"sessions": 1}, {"sessions": 2}, {"session_close": True},
                    {"clock": "05:00"}, {"clock": "15:30"}, {"max_gap": 2.0}, {"session_close": True, "max_gap": 0.5},
                    {"clock": "03:00"}, {"session_close": True, "clock": "04:00"},
                ]
            )
        )  # fmt: skip
        if {"hours", "sessions"} & set(times):
            times["time"] = None
        stop = replace(stop, **times)
    return replace(plain, rungs=tuple(rungs), stop=stop)
