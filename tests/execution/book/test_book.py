"""Books: known answers, and the invariants of docs/design/books.md, against single trades and an own computation."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exitladder.bars.bars import BarSet
from exitladder.errors import BarsError, LadderError
from exitladder.execution import ORDERS, Simulation, simulate
from exitladder.execution.book.book import BookResult, simulate_book
from exitladder.plans.file import ladder_from_mapping
from exitladder.settings.contracts import Contract

MakeBars = Callable[..., Any]
Place = Callable[..., Any]
HOUR = 3_600 * 10**9


@pytest.fixture
def flat(bars_from: MakeBars) -> Callable[[str, Sequence[float]], Any]:
    """Bars whose four prices are one."""
    return lambda symbol, closes: bars_from([(c, c, c, c) for c in closes], symbol=symbol)


def at_close(symbol: str, quantity: float = 100, **more: Any) -> dict[str, Any]:
    """An entry at the close of the first bar, at 100."""
    return {"trade_id": symbol, "symbol": symbol, "quantity": quantity, "stop": 10, "entry": 100, "at": "close"} | more


def plan(book: Mapping[str, Any] | None = None, **more: Any) -> Any:
    """A plan that only sells at its stop."""
    return ladder_from_mapping({"rungs": [], **({"book": book} if book else {}), **more})


def orders(done: Simulation) -> list[tuple[int, int, str, float, float]]:
    """Trade, bar, order, quantity and price of every fill."""
    f = done.fills
    names = [ORDERS[k] for k in f.order]
    return list(zip(f.trade.tolist(), f.bar.tolist(), names, f.quantity.tolist(), f.price.tolist(), strict=True))


LEVERAGED: dict[str, Any] = {"leverage": 10, "maintenance_margin": 0.05}


def test_a_margin_call_at_closes(flat: Any, placed_on: Place) -> None:
    """The worked case: no call at 93; at 91 the second follows the first, each at its next open."""
    bars = BarSet([flat(name, [100, 100, 93, 91, 90, 90]) for name in "AB"])
    placed = placed_on(bars, [at_close("A"), at_close("B")])
    result = simulate_book(placed, plan({"equity": 2500, "margin_call": "close"}, execution=LEVERAGED))
    assert result.curve.equity.tolist() == [2500, 2500, 1100, 700, 500, 500]
    assert result.curve.margin_used.tolist()[:4] == pytest.approx([2000, 2000, 1860, 1820])
    assert [(row[1] % 6, row[2], row[4]) for row in orders(result.simulation)] == [
        (0, "entry", 100.0), (4, "margin_call", 90.0), (0, "entry", 100.0), (4, "margin_call", 90.0),
    ]  # fmt: skip
    assert result.n_margin_calls == 2 and result.n_worst_calls == 0


def test_worst_prices_together_liquidate_inside_the_bar(bars_from: MakeBars, placed_on: Place) -> None:
    rows = [(100, 100, 100, 100), (100, 101, 92, 100), (100, 100, 100, 100)]
    placed = placed_on(BarSet([bars_from(rows, symbol=name) for name in "AB"]), [at_close("A"), at_close("B")])
    worst = simulate_book(placed, plan({"equity": 2500}, execution=LEVERAGED))
    # 2500 − 2 × 800 = 900 < 920: the first is sold at 92, whose margin 920 > 900 takes the second too
    assert [row[2:] for row in orders(worst.simulation) if row[2] != "entry"] == [("margin_call", 100.0, 92.0)] * 2
    assert worst.n_worst_calls == 2 and worst.curve.equity[-1] == 900
    at_closes = simulate_book(placed, plan({"equity": 2500, "margin_call": "close"}, execution=LEVERAGED))
    assert at_closes.n_worst_calls == 0 and at_closes.curve.equity[-1] == 2500


def test_the_daily_loss_stops_entries_until_the_next_day(flat: Any, placed_on: Place) -> None:
    closes = [100.0] * 9 + [99.0, 98.1, 98.0, 98.0] + [98.0] * 20
    bars = BarSet([flat("A", closes), flat("B", closes)])
    later = [
        {"trade_id": f"b{k}", "symbol": "B", "bar": k, "quantity": 1, "stop": 10, "entry": 98, "at": "open"}
        for k in (11, 12, 24)
    ]
    placed = placed_on(bars, [at_close("A", 1000), *later])
    result = simulate_book(placed, plan({"equity": 100_000, "daily_loss": 0.02, "margin": 0.1}))
    assert result.simulation.reason.tolist() == ["", "", "book_daily_loss", ""]
    assert result.left_out == {"book_daily_loss": 1} and result.n_daily_losses == 1
    closing = plan({"equity": 100_000, "daily_loss": 0.02, "margin": 0.1, "daily_loss_action": "close"})
    sold = [row[1:] for row in orders(simulate_book(placed, closing).simulation) if row[0] == 0][-1]
    assert sold == (12, "daily_loss", 1000.0, 98.0)


@pytest.mark.parametrize(
    ("book", "taken", "why"),
    [
        ({"equity": 1e6, "max_open": 2}, 2, "book_max_open"),
        ({"equity": 25_000}, 2, "book_margin"),
        ({"equity": 5_000, "margin": 0.2}, 2, "book_margin"),
        ({"equity": 30_000}, 3, ""),
    ],
)
def test_entries_without_room_are_left_out(
    book: dict[str, Any], taken: int, why: str, flat: Any, placed_on: Place
) -> None:
    placed = placed_on(BarSet([flat(name, [100.0] * 4) for name in "ABC"]), [at_close(name) for name in "ABC"])
    result = simulate_book(placed, plan(book))
    assert int((result.simulation.status != 2).sum()) == taken
    assert result.simulation.reason.tolist()[taken:] == [why] * (3 - taken)


def test_an_exit_frees_its_place_at_the_close_of_its_bar(flat: Any, placed_on: Place) -> None:
    bars = BarSet([flat("A", [100, 100, 5, 5, 5]), flat("B", [100] * 5)])
    entries = [
        {"trade_id": f"b{k}", "symbol": "B", "bar": k, "quantity": 1, "stop": 10, "entry": 98, "at": "open"}
        for k in (2, 3)
    ]
    result = simulate_book(placed_on(bars, [at_close("A"), *entries]), plan({"equity": 1e6, "max_open": 1}))
    assert result.simulation.reason.tolist() == ["stop", "book_max_open", ""]


def test_pro_rata_rounds_sales_up_to_the_lot(flat: Any, placed_on: Place) -> None:
    bars = BarSet([flat(name, [100, 100, 100, 100]) for name in "ABC"])
    placed = placed_on(bars, [at_close("A", 100), at_close("B", 50), at_close("C", 30)])
    book = {"equity": 100_000, "limits": [{"when": "exposure >= 0.15", "reduce_to": 0.5}]}
    result = simulate_book(placed, plan(book, costs={"lot": 10}))
    assert [row[1:4] for row in orders(result.simulation) if row[2] == "limit"] == [
        (1, "limit", 50.0), (5, "limit", 30.0), (9, "limit", 20.0),
    ]  # fmt: skip
    # it holds no longer at the next close, so it does not fire again
    assert result.fired == {"book.limits[1]": 1}


def test_largest_risk_goes_first_and_only_as_far_as_needed(flat: Any, placed_on: Place) -> None:
    bars = BarSet([flat(name, [100, 100, 100, 100]) for name in "AB"])
    placed = placed_on(bars, [at_close("A", 100, stop=90), at_close("B", 100, stop=10)])
    limit = {"when": "exposure > 0.15", "reduce_to": "until"}
    result = simulate_book(placed, plan({"equity": 100_000, "reduce": "largest_risk", "limits": [limit]}))
    assert [row for row in orders(result.simulation) if row[2] == "limit"] == [
        (1, 5, "limit", pytest.approx(50.0), 100.0)
    ]


def test_a_limit_of_a_position_fires_once_and_again_only_after_it_did_not_hold(flat: Any, placed_on: Place) -> None:
    bars = BarSet([flat("A", [100, 100, 90, 88, 95, 89, 89, 89])])
    limits = [{"when": "open_loss_equity >= 0.05", "reduce_to": 0.5}]
    # half is sold after a loss of 1,000 at 90; the rest has lost 250 at 95, and 550 of 10,850 at 89
    result = simulate_book(placed_on(bars, [at_close("A")]), plan({"equity": 12_000}, limits=limits))
    assert [row[1:] for row in orders(result.simulation) if row[2] == "limit"] == [
        (3, "limit", 50.0, 88.0), (6, "limit", 25.0, 89.0),
    ]  # fmt: skip
    again = [{**limits[0], "repeat": True}]
    result = simulate_book(placed_on(bars, [at_close("A")]), plan({"equity": 12_000}, limits=again))
    assert [row[1:3] for row in orders(result.simulation) if row[2] == "limit"][:2] == [(3, "limit"), (4, "limit")]


def test_until_leaves_what_the_condition_allows(flat: Any, placed_on: Place) -> None:
    bars = BarSet([flat("A", [100, 100, 90, 90, 90])])
    limits = [{"when": "open_loss_equity >= 0.05", "reduce_to": "until"}]
    result = simulate_book(placed_on(bars, [at_close("A")]), plan({"equity": 15_000}, limits=limits, costs={"lot": 1}))
    # equity 14,000 at 90: a loss of 10 a unit may not reach 700, so 69 are kept
    assert [row[1:] for row in orders(result.simulation) if row[2] == "limit"] == [(3, "limit", 31.0, 90.0)]


def test_a_gap_through_the_stop_comes_before_the_limit_and_the_limit_before_limit_rungs(
    bars_from: MakeBars, placed_on: Place
) -> None:
    limits = [{"when": "open_r <= -0.2", "reduce_to": 0.5}]
    down = [(100, 100, 100, 100), (100, 100, 95, 95), (80, 80, 80, 80)]
    up = [(100, 100, 100, 100), (100, 100, 95, 95), (130, 130, 130, 130)]
    ladder = plan(None, limits=limits, rungs=[{"fraction": 0.4, "target": "1R"}])
    for rows, expected in [
        (down, [("stop", 100.0, 80.0)]),
        (up, [("limit", 50.0, 130.0), ("rung", 40.0, 130.0)]),
    ]:
        placed = placed_on(BarSet([bars_from(rows, symbol="A")]), [at_close("A", stop=85)])
        done = simulate_book(placed, ladder).simulation
        assert [row[2:] for row in orders(done) if row[2] != "entry" and row[2] != "mark"] == expected


def test_no_money_left_closes_everything_and_enters_nothing_any_more(flat: Any, placed_on: Place) -> None:
    bars = BarSet([flat("A", [100, 100, 60, 60, 60, 60])])
    late = {"trade_id": "late", "symbol": "A", "bar": 5, "quantity": 1, "stop": 10, "entry": 98, "at": "open"}
    result = simulate_book(placed_on(bars, [at_close("A"), late]), plan({"equity": 3_000, "margin": 0.1}))
    assert result.simulation.reason.tolist() == ["margin_call", "book_ruined"]
    assert result.curve.equity[-1] == -1_000


def test_marks_that_are_too_old_are_refused_and_ended_symbols_counted(flat: Any, placed_on: Place) -> None:
    hourly = flat("A", [100.0] * 400)
    gap = flat("B", [100.0] * 3)
    holed = type(gap)("B", HOUR, np.array([0, HOUR, 300 * HOUR]), gap.open, gap.high, gap.low, gap.close, None)
    entries = [at_close("A"), at_close("B")]
    with pytest.raises(BarsError, match=r"at most 7 days old.*trade 'B' is open"):
        simulate_book(placed_on(BarSet([hourly, holed]), entries), plan({"equity": 1e6}))
    assert (
        simulate_book(placed_on(BarSet([hourly, holed]), entries), plan({"equity": 1e6, "stale_days": 30})).n_ended == 1
    )


def test_the_daily_loss_counts_where_stops_have_closed_everything(flat: Any, placed_on: Place) -> None:
    bars = BarSet([flat("A", [100, 100, 97, 97, 97]), flat("B", [100] * 5)])
    late = {"trade_id": "late", "symbol": "B", "bar": 3, "quantity": 1, "stop": 10, "entry": 100, "at": "open"}
    placed = placed_on(bars, [at_close("A", stop=98), late])
    result = simulate_book(placed, plan({"equity": 10_000, "daily_loss": 0.02}))
    assert result.simulation.reason.tolist() == ["stop", "book_daily_loss"] and result.n_daily_losses == 1


def test_a_limit_of_the_book_fires_again_after_the_book_was_flat(flat: Any, placed_on: Place) -> None:
    bars = BarSet([flat("A", [100] * 9)])
    late = {"trade_id": "late", "symbol": "A", "bar": 5, "quantity": 100, "stop": 10, "entry": 100, "at": "open"}
    book = {"equity": 10_000, "limits": [{"when": "exposure >= 0.5", "reduce_to": 0.0}]}
    result = simulate_book(placed_on(bars, [at_close("A"), late]), plan(book))
    assert result.simulation.reason.tolist() == ["limit", "limit"] and result.fired == {"book.limits[1]": 2}


ADDS: dict[str, Any] = {"adds": [{"quantity": 1.0, "at": "-0.4R"}], "add_rules": {"after_exit": True}}


def test_a_reduction_withdraws_adds_for_good(flat: Any, placed_on: Place) -> None:
    placed = placed_on(BarSet([flat("A", [100, 100, 95, 94, 88, 88, 88])]), [at_close("A", stop=80)])
    ladder = plan({"equity": 100_000}, limits=[{"when": "open_r <= -0.2", "reduce_to": 0.5}], **ADDS)
    done = simulate_book(placed, ladder).simulation
    assert [row[2:4] for row in orders(done)] == [("entry", 100.0), ("limit", 50.0), ("mark", 50.0)]


def test_no_add_fills_while_the_daily_loss_holds(flat: Any, placed_on: Place) -> None:
    closes = [100.0] * 9 + [97.0, 91.0, 91.0] + [91.0] * 20
    placed = placed_on(BarSet([flat("A", closes)]), [at_close("A", stop=80)])
    held = simulate_book(placed, plan({"equity": 20_000, "daily_loss": 0.01, "margin": 0.1}, **ADDS)).simulation
    free = simulate_book(placed, plan({"equity": 20_000, "margin": 0.1}, **ADDS)).simulation
    # the loss at bar 9 holds the add back until the day's last bar, number 23
    assert [row[1] for row in orders(free) if row[2] == "add"] == [10]
    assert [row[1] for row in orders(held) if row[2] == "add"] == [24]


def test_an_entry_inside_a_bar_is_marked_at_its_close_and_margin_is_that_of_whole_lots(
    bars_from: MakeBars, placed_on: Place
) -> None:
    rows = [(100, 110, 80, 85)] + [(85, 85, 85, 85)] * 3
    entry = at_close("A", 105, entry=95, at="intrabar", stop=70)
    result = simulate_book(
        placed_on(BarSet([bars_from(rows, symbol="A")]), [entry]),
        plan({"equity": 9_500, "max_open": 1}, costs={"lot": 10}),
    )
    assert result.curve.equity.tolist() == [8_500] * 4


def test_a_daily_loss_needs_days_that_all_symbols_share(flat: Any, placed_on: Place) -> None:
    bars = BarSet([flat("A", [100] * 4), flat("B", [100] * 4)])
    zones = {"A": Contract(exchange_tz="Asia/Tokyo"), "B": Contract(exchange_tz="America/New_York")}
    placed = placed_on(bars.with_contracts(zones), [at_close("A"), at_close("B")])
    with pytest.raises(LadderError, match="days that all symbols share"):
        simulate_book(placed, plan({"equity": 1e6, "daily_loss": 0.02}))


def test_a_day_is_a_session_where_sessions_cross_midnight(bars_from: MakeBars, placed_on: Place) -> None:
    # Hourly bars of futures that trade from 18:00 to 17:00, Monday 12:00 to Tuesday 14:00 in New York. The loss is
    # reached on Monday at 20:00, which is Tuesday's session: no entry at 09:00 either.
    start = pd.Timestamp("2024-01-08 12:00", tz="America/New_York")
    bars = bars_from([(c, c, c, c) for c in [100.0] * 8 + [97.9] * 19], symbol="ES", first=start.value)
    hours = Contract(exchange_tz="America/New_York", session="18:00-17:00")
    entries = [
        at_close("ES", size, entry=price, stop=10, time=start.value + k * HOUR, trade_id=f"b{k}")
        for k, size, price in ((0, 1000, 100), (9, 1, 97.9), (21, 1, 97.9))
    ]
    new_york = Contract(exchange_tz="America/New_York")
    for contract, third in ((hours, "book_daily_loss"), (new_york, "")):
        placed = placed_on(BarSet([bars]).with_contracts({"ES": contract}), entries)
        result = simulate_book(placed, plan({"equity": 100_000, "daily_loss": 0.02, "margin": 0.1}))
        assert result.simulation.reason.tolist() == ["", "book_daily_loss", third]


@pytest.mark.parametrize(
    ("table", "match"),
    [
        ({"book": {"max_open": 3}}, "must have equity"),
        ({"book": {"equity": 1e5, "max_open": 3}, "size": {"rule": "fraction", "fraction": 0.01}}, "size rule"),
        ({"book": {"equity": -1}}, "above 0"),
        ({"book": {"equity": 1e5, "max_open": 0}}, "at least 1"),
        ({"book": {"equity": 1e5, "margin": 2}}, "at most 1"),
        ({"book": {"equity": 1e5, "margin_call": "never"}}, "one of worst, close"),
        ({"book": {"equity": 1e5, "limits": [{"when": "rsi_14 > 70", "reduce_to": 0.5}]}}, "belong in"),
        ({"limits": [{"when": "var > 0.02", "reduce_to": 0.5}]}, "book.equity is not set"),
        ({"limits": [{"when": "open_r > 1"}]}, "must have reduce_to"),
        ({"limits": [{"when": "open_r > 1", "reduce_to": 1.0}]}, "below 1"),
        ({"limits": [{"when": "open_r > 1", "reduce_to": "until"}]}, "measure that shrinks"),
        ({"limits": [{"when": [], "reduce_to": 0.5}]}, "list of conditions"),
        ({"risk": {"level": 0.95}}, "has no limits"),
        ({"book": {"equity": 1e5, "daily_loss_action": "close"}}, "daily_loss is not"),
        ({"book": {"equity": 1e5, "reduce": "largest_risk"}}, "there are none"),
        ({"book": {"equity": 10**400}}, "at most 1e"),
        ({"risk": {"level": 1.5}}, "risk.level"),
        ({"risk": {"window": 50}, "book": {"equity": 1e5, "limits": [{"when": "var > 0.02", "reduce_to": 0.5}]}}, "99"),
        ({"risk": {"degrees": 2}}, "above 2"),
        ({"limits": [{"when": "open_r < 0", "reduce_to": 0}], "rungs": [{"fraction": 1, "stop": "1R"}]}, "cannot yet"),
    ],
)
def test_tables_that_make_no_sense_are_refused(table: dict[str, Any], match: str) -> None:
    with pytest.raises(LadderError, match=match):
        ladder_from_mapping({"rungs": [], **table})


def _random_book(seed: int, placed_on: Place, bars_from: MakeBars) -> Any:
    rng = np.random.default_rng(seed)
    members = []
    for name in "ABC":
        closes = 100 * np.exp(np.cumsum(0.01 * rng.standard_normal(60)))
        opens = np.concatenate([[100.0], closes[:-1]]) * np.exp(0.003 * rng.standard_normal(60))
        highs = np.maximum(opens, closes) * np.exp(np.abs(0.004 * rng.standard_normal(60)))
        lows = np.minimum(opens, closes) * np.exp(-np.abs(0.004 * rng.standard_normal(60)))
        members.append(bars_from(np.stack([opens, highs, lows, closes], axis=1).tolist(), symbol=name))
    bars = BarSet(members)
    entries = []
    for k in range(12):
        symbol, bar, side = "ABC"[k % 3], int(rng.integers(16, 50)), int(rng.choice([-1, 1]))
        price = float(bars[symbol].open[bar])
        entries.append({
            "trade_id": f"t{k}", "symbol": symbol, "bar": bar, "side": side, "quantity": float(rng.integers(1, 50)),
            "entry": price, "stop": price * (1 - 0.03 * side), "at": "open",
        })  # fmt: skip
    return placed_on(bars, entries)


LADDER: dict[str, Any] = {
    "rungs": [{"fraction": 0.5, "target": "1R"}], "stop": {"trail": "2ATR", "breakeven_after": 1},
    "costs": {"commission_bps": 2, "slippage_bps": 1},
}  # fmt: skip


@given(seed=st.integers(0, 10_000))
@settings(max_examples=25)
def test_money_is_kept_and_a_book_without_bounds_is_its_trades(
    seed: int, placed_on: Place, bars_from: MakeBars
) -> None:
    placed = _random_book(seed, placed_on, bars_from)
    alone = simulate(placed, ladder_from_mapping(LADDER))
    book = simulate_book(placed, ladder_from_mapping({**LADDER, "book": {"equity": 1e6}}))
    np.testing.assert_array_equal(book.simulation.book, alone.book)
    np.testing.assert_array_equal(book.simulation.r, alone.r)
    np.testing.assert_array_equal(book.simulation.mfe_r, alone.mfe_r)
    np.testing.assert_array_equal(book.simulation.bars_held, alone.bars_held)
    assert book.curve.equity[-1] == pytest.approx(1e6 + np.nansum(alone.pnl), abs=1e-6)
    # equity at every close from the fills alone: cash plus what is held
    f, bars = alone.fills, placed.bars
    for k in (20, 35, 59):
        cash = 1e6
        for i in range(len(placed)):
            side, held = int(placed.trades.side[i]), 0.0
            first = int(bars.start[placed.symbol_index[i]])
            rows = [r for r in np.flatnonzero(f.trade == i) if f.bar[r] <= first + k and ORDERS[f.order[r]] != "mark"]
            for r in rows:
                flow = f.quantity[r] * f.price[r] * (1 if ORDERS[f.order[r]] == "entry" else -1) * side
                cash -= flow + f.commission[r]
                held += f.quantity[r] * (1 if ORDERS[f.order[r]] == "entry" else -1)
            cash += side * held * bars.close[first + k]
        assert book.curve.equity[k] == pytest.approx(cash, abs=1e-6)


@given(seed=st.integers(0, 10_000))
@settings(max_examples=15)
def test_a_limit_only_sells_and_knows_nothing_later(seed: int, placed_on: Place, bars_from: MakeBars) -> None:
    placed = _random_book(seed, placed_on, bars_from)
    table = {
        **LADDER, "limits": [{"when": "open_loss_equity > 0.002", "reduce_to": 0.5}],
        "risk": {"level": 0.9, "window": 12},
        "book": {"equity": 20_000, "margin": 0.5, "daily_loss": 0.05,
                 "limits": [{"when": "var > 0.02", "reduce_to": "until"}]},
    }  # fmt: skip
    ladder = ladder_from_mapping(table)
    result: BookResult = simulate_book(placed, ladder)
    bought = np.bincount(result.simulation.fills.trade, weights=np.where(result.simulation.fills.order == 0, 1, 0))
    assert bought.max() <= 1
    cut = 40
    changed = BarSet([placed.bars[name].head(cut) for name in placed.bars])
    known = [i for i in range(len(placed)) if placed.entry_bar[i] - placed.bars.start[placed.symbol_index[i]] < cut]
    earlier = simulate_book(place_again(placed, changed, known), ladder)
    np.testing.assert_array_equal(result.curve.equity[:cut], earlier.curve.equity)


def place_again(placed: Any, bars: BarSet, rows: list[int]) -> Any:
    """Some of the trades on fewer bars."""
    from exitladder.trades.trades import place_trades

    return place_trades(placed.trades.take(np.array(rows)), bars)
