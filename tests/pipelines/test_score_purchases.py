"""`score` of a plan with a target, or with adds and limits: tonight's purchases are those of the backtest."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from exitladder.bars.bars import Bars, BarSet
from exitladder.errors import LadderError
from exitladder.execution import ORDERS
from exitladder.execution.book.book import BookResult, simulate_book
from exitladder.execution.book.tonight import AccountNow
from exitladder.pipelines.advice.open_trades import Management
from exitladder.pipelines.advice.schema import score_schema
from exitladder.pipelines.score import records, score
from exitladder.plans.file import ladder_from_mapping
from exitladder.plans.ladder import Ladder
from exitladder.settings.loading import load_settings
from exitladder.settings.tables import Settings
from exitladder.trades.files import read_trades
from exitladder.trades.trade_fills import TradeFills
from exitladder.trades.trades import Trades, place_trades

ADD, ENTRY = ORDERS.index("add"), ORDERS.index("entry")
FROM, UNTIL = pd.Timestamp("2007-06-01").value, pd.Timestamp("2009-12-31").value


@pytest.fixture(scope="module")
def settings() -> Settings:
    return load_settings(None, ["tracking.enabled=false", "data.splits=keep", "project.threads=1"])


def own_fills(result: BookResult, moment: int) -> TradeFills:
    """The fills of a backtest up to a moment, as a broker's statement has them."""
    done, fills = result.simulation, result.simulation.fills
    bars, trades = done.placed.bars, done.placed.trades
    known = np.flatnonzero(bars.close_time[fills.bar] <= moment)
    known = known[np.argsort(fills.trade[known], kind="stable")]
    order, of = fills.order[known], fills.trade[known]
    # later in the bar than an entry in it: fills of the first moment are one entry
    time = np.where(order == ENTRY, trades.entry_time[of], bars.time[fills.bar[known]] + 3600 * 10**9)
    price = np.where(order == ENTRY, trades.entry_price[of], fills.price[known])
    start = np.searchsorted(of, np.arange(len(done) + 1))
    return TradeFills(start, time, np.isin(order, (ENTRY, ADD)), price, fills.quantity[known])


def evening(result: BookResult, moment: int, *, with_fills: bool) -> tuple[Trades, AccountNow]:
    """The positions that a backtest holds at a close, and its account."""
    done, fills = result.simulation, result.simulation.fills
    bars, trades = done.placed.bars, done.placed.trades
    held = np.zeros(len(done))
    np.add.at(held, fills.trade, np.where(bars.close_time[fills.bar] <= moment, fills.side * fills.quantity, 0.0))
    held *= trades.side
    trades = replace(trades, quantity_open=held)
    if with_fills:
        shown = own_fills(result, moment)
        entries = np.bincount(shown.trade, weights=shown.is_entry, minlength=len(done)).astype(np.int64)
        trades = replace(trades, fills=shown, n_entries=np.maximum(entries, 1))
    at = int(np.searchsorted(result.curve.time, moment, side="right")) - 1
    equity = result.curve.equity[: at + 1]
    return trades.take(np.flatnonzero(held > 1e-9)), AccountNow(
        float(equity[-1]), float(equity.max()), float(equity[-2]) if at else None
    )


def purchases(result: BookResult, moment: int) -> dict[str, float]:
    """What a backtest buys more of at the open after a close, by trade."""
    done, fills = result.simulation, result.simulation.fills
    at_open = (done.placed.bars.close_time[fills.bar - 1] == moment) & (fills.order == ADD)
    found: dict[str, float] = {}
    for trade, quantity in zip(fills.trade[at_open].tolist(), fills.quantity[at_open].tolist(), strict=True):
        found[str(done.placed.trades.trade_id[trade])] = quantity
    return found


def ended(result: BookResult, trade_id: str, moment: int) -> bool:
    """Whether a backtest holds nothing of a trade after the bar that follows a close."""
    done, fills = result.simulation, result.simulation.fills
    mine = fills.trade == list(done.placed.trades.trade_id).index(trade_id)
    return bool((mine & (done.placed.bars.close_time[fills.bar - 1] == moment) & (fills.order != ADD)).any())


def random_target(rng: np.random.Generator, value: float) -> Ladder:
    """A plan for positions that are worth so much when they are entered."""
    equity = value * float(rng.uniform(3, 12))
    wanted = value / equity * float(rng.uniform(0.8, 1.6))
    maximum = [{}, {"maximum": 1.5}, {"maximum_money": 1.5 * value}, {"maximum_units": value / 50}][rng.integers(4)]
    rungs = [[], [{"fraction": 0.3, "target": "1.5R"}, {"fraction": 0.2, "when": "bars_held >= 8"}]][rng.integers(2)]
    measure, usual = [("realised", 0.4), ("atr", 0.03)][rng.integers(2)]
    return ladder_from_mapping({
        "name": "targeted", "rungs": rungs, "stop": {"initial": "2ATR", "trail": "4ATR", "time": 50},
        "costs": {"tick": 0.01, "lot": [1, 10][rng.integers(2)], "min_quantity": 1, "slippage_bps": 3},
        "risk": {"window": 40}, "size": maximum,
        "target": {"volatility": wanted * usual, "measure": measure, "band": float(rng.uniform(0, 0.15)),
                   "trade_to": ["edge", "target"][rng.integers(2)]},
        "book": {"equity": equity, "margin": [0.5, 1.0][rng.integers(2)],
                 "daily_loss": 0.02, "daily_loss_action": "close"},
    })  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("with_fills", [True, False])
@pytest.mark.parametrize("seed", range(4))
def test_tonights_purchases_of_a_target_are_those_of_the_backtest(
    seed: int, with_fills: bool, bars: BarSet, trades: Trades, settings: Settings
) -> None:
    rng = np.random.default_rng([seed, with_fills])
    some = trades.take(np.flatnonzero((trades.entry_time > FROM) & (trades.entry_time < UNTIL)))
    some = some.take(np.sort(rng.choice(len(some), size=min(len(some), 40), replace=False)))
    some = replace(some, quantity=np.round(10_000.0 / some.entry_price, -1))
    some = some.take(np.flatnonzero(some.quantity > 0))
    plan = random_target(rng, 10_000.0)
    result = simulate_book(place_trades(some, bars), plan)
    times = result.curve.time
    begin = int(np.searchsorted(times, np.sort(some.entry_time)[8]))
    previous: dict[str, Any] = {}
    n_bought = 0
    for moment in times[begin : begin + 30].tolist():
        held, account = evening(result, moment, with_fills=with_fills)
        if not len(held):
            previous = {}
            continue
        how = Management(since_entry=True, previous=previous, account=account)
        frame = score(bars, held, plan, None, settings, asof=moment, management=how).frame
        rows = frame.to_dict("records")
        previous = {str(row["trade_id"]): row for row in rows}
        assert (frame["urgency"] != "ask").all(), frame[["trade_id", "summary"]].to_string()
        bought = purchases(result, moment)
        for row in rows:
            trade_id = str(row["trade_id"])
            orders = [o for o in row["orders"] if o["kind"] == "target" and "add" in o]
            said = sum(o["quantity"] for o in orders)
            if said and trade_id not in bought:  # a gap beyond the stop ends the trade before it is bought
                assert ended(result, trade_id, moment), (trade_id, moment)
                continue
            assert said == pytest.approx(bought.get(trade_id, 0.0)), (trade_id, pd.Timestamp(moment))
            n_bought += said > 0
            for order in orders:
                assert (order["side"], order["type"], order["reduce_only"]) == (
                    "buy" if row["side"] == "long" else "sell", "market", False,
                )  # fmt: skip
                # the stop for what is bought follows its fill
                (change,) = [c for c in row["replacements"] if c["after"] == order["id"]]
                assert sum(o["quantity"] for o in change["place"] if o["type"] == "stop") == pytest.approx(said)
            stops = sum(o["quantity"] for o in row["orders"] if o["type"] == "stop")
            sold = sum(o["quantity"] for o in row["orders"] if o["type"] == "market" and "add" not in o)
            assert stops + sold == pytest.approx(row["quantity_open"])
    assert n_bought > 0


def random_plan(rng: np.random.Generator, value: float) -> Ladder:
    """A plan with adds and limits for positions that are worth so much when they are entered."""
    adds = [{"quantity": 0.5, "at": "-0.4R"}, {"quantity": 0.4, "at": "0.8R"}, {"units": 20, "when": "open_r >= 1"}]
    chosen = [adds[k] for k in np.sort(rng.choice(3, size=int(rng.integers(1, 4)), replace=False))]
    rungs = [[], [{"fraction": 0.3, "target": "2R"}]][rng.integers(2)]
    limits = [{"when": f"open_loss_equity >= {rng.uniform(0.002, 0.01):.4f}", "reduce_to": 0.5},
              {"when": "open_r >= 1.5", "reduce_to": 0.6}]  # fmt: skip
    of_book = [{"when": f"exposure > {rng.uniform(0.3, 0.9):.2f}", "reduce_to": "until"}]
    return ladder_from_mapping({
        "name": "added", "rungs": rungs, "adds": chosen, "stop": {"initial": "2ATR", "trail": "5ATR", "time": 60},
        "costs": {"tick": 0.01, "lot": 1, "min_quantity": 1}, "limits": limits,
        "book": {"equity": value * float(rng.uniform(5, 12)), "limits": of_book},
    })  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(8))
def test_tonights_adds_and_reductions_are_those_of_the_backtest(
    seed: int, bars: BarSet, trades: Trades, settings: Settings
) -> None:
    rng = np.random.default_rng([seed, 7])
    some = trades.take(np.flatnonzero((trades.entry_time > FROM) & (trades.entry_time < UNTIL)))
    some = replace(some, quantity=np.round(10_000.0 / some.entry_price, -1))
    some = some.take(np.flatnonzero(some.quantity > 0))
    some = some.take(np.sort(rng.choice(len(some), size=60, replace=False)))
    plan = random_plan(rng, 10_000.0)
    result = simulate_book(place_trades(some, bars), plan)
    done, fills = result.simulation, result.simulation.fills
    ids = [str(name) for name in done.placed.trades.trade_id]
    times = result.curve.time
    begin = int(np.searchsorted(times, np.sort(some.entry_time)[10]))
    previous: dict[str, Any] = {}
    n_evenings = n_bought = n_sold = 0
    for moment in times[begin : begin + 40].tolist():
        held, account = evening(result, moment, with_fills=True)
        if not len(held):
            previous = {}
            continue
        how = Management(since_entry=True, previous=previous, account=account)
        frame = score(bars, held, plan, None, settings, asof=moment, management=how).frame
        is_known, rows = bool(previous), frame.to_dict("records")
        previous = {str(row["trade_id"]): row for row in rows}
        n_evenings += 1
        next_bar = bars.close_time[fills.bar - 1] == moment
        for row in rows:
            mine = next_bar & (fills.trade == ids.index(str(row["trade_id"])))
            sold = float(fills.quantity[mine & (fills.order == ORDERS.index("limit"))].sum())
            said = sum(o["quantity"] for o in row["orders"] if o["kind"] == "limit")
            if is_known and (sold or not mine.any()):
                assert said == pytest.approx(sold), (row["trade_id"], pd.Timestamp(moment), row["summary"])
                n_sold += sold > 0
            # every add that fills was listed with its quantity; what is listed at market fills
            adds = {o["add"]: o["quantity"] for o in row["orders"] if "add" in o}
            later = [o for c in row["replacements"] for o in c["place"] if "add" in o]
            adds |= {o["add"]: o["quantity"] for o in later}
            bought = fills.quantity[mine & (fills.order == ADD)].tolist()
            for quantity in bought:
                assert any(quantity == pytest.approx(listed) for listed in adds.values()), (row["trade_id"], moment)
                n_bought += 1
            if said:  # B7: a reduction withdraws the adds
                assert not adds and not bought
            market = [o for o in row["orders"] if "add" in o and o["type"] == "market"]
            if market and not ended(result, str(row["trade_id"]), moment):
                assert len(bought) >= len(market)
    assert n_evenings > 10 and n_bought + n_sold > 0


@pytest.mark.parametrize(
    ("table", "key"),
    [({"adds": [{"quantity": 1, "at": "1R", "stop": "average"}]}, "adds.stop"),
     ({"adds": [{"quantity": 1, "at": "1R"}], "rungs": [{"fraction": 0.5, "target": "2R"}],
       "add_rules": {"after_exit": True}}, "add_rules.after_exit")],
)  # fmt: skip
def test_adds_whose_state_no_file_tells_are_refused_beside_limits(
    table: dict[str, Any], key: str, bars: BarSet, trades: Trades, settings: Settings
) -> None:
    limits = [{"when": "open_r <= -0.5", "reduce_to": 0.5}]
    plan = ladder_from_mapping({"name": "both", "stop": {"initial": "2ATR"}, "limits": limits, **table})
    with pytest.raises(LadderError, match=f"has \\[\\[adds\\]\\] with {key} and limits"):
        score(bars, trades.take([0]), plan, None, settings)


DAY = 86_400 * 10**9
FOLLOWS: dict[str, Any] = {
    "name": "follows", "rungs": [{"fraction": 0.25, "target": "1R"}], "costs": {"lot": 1, "tick": 0.01},
    "target": {"volatility": 0.0048, "measure": "atr", "trade_to": "target"}, "book": {"equity": 100_000},
}  # fmt: skip


def market(*rows: list[float]) -> BarSet:
    table = np.array(rows, dtype=float)
    time = pd.Timestamp("2024-01-01").value + DAY * np.arange(len(table))
    prices = dict(zip(("open", "high", "low", "close"), table.T, strict=True))
    return BarSet([Bars(symbol="ACME", interval_ns=DAY, time=time, **prices, volume=None)])


def follows(
    bars: BarSet,
    settings: Settings,
    held: float,
    fills: pd.DataFrame | None = None,
    *,
    size: dict[str, Any] | None = None,
    **how: Any,
) -> dict[str, Any]:
    """A long of 100 at 100 with its stop at 90; an ATR of 4 calls for 120."""
    row = {
        "trade_id": "T1", "symbol": "ACME", "side": "long", "entry_time": "2024-01-16", "entry_price": 100.0,
        "entry_at": "open", "quantity": max(100.0, held), "stop_price": 90.0, "managed_from": "2024-01-16",
        **({"quantity_open": held} if fills is None else {}),
    }  # fmt: skip
    trades = read_trades(pd.DataFrame([row]), fills=fills)
    known = Management(account=AccountNow(100_000.0), **how)
    found = score(bars, trades, ladder_from_mapping({**FOLLOWS, "size": size or {}}), None, settings, management=known)
    return {str(name): value for name, value in found.frame.iloc[0].items()}


QUIET = [[100.0, 102.0, 98.0, 100.0]] * 16


def test_a_purchase_that_has_filled_is_recognised_and_its_stop_joins_the_other(settings: Settings) -> None:
    first = follows(market(*QUIET), settings, 100.0)
    assert first["instructions"][-1].startswith("PLACE BUY 20 ACME MARKET") or any(
        text.startswith("PLACE BUY 20 ACME MARKET") for text in first["instructions"]
    )
    (after,) = [change for change in first["replacements"] if change["after"] == "target"]
    assert [(o["type"], o["quantity"], o["price"]) for o in after["place"]] == [("stop", 20.0, 90.0)]
    jsonschema = pytest.importorskip("jsonschema", reason="jsonschema comes with the extra notebooks")
    jsonschema.validate(json.loads(json.dumps(records(pd.DataFrame([first])), default=str)), score_schema())
    # bought at the open: 120 are held, and the stop for 20 is in the market beside those for 100
    known = {"T1": first}
    second = follows(market(*QUIET, QUIET[0]), settings, 120.0, previous=known)
    assert second["urgency"] == "hold" and second["checks"] == []
    assert sum(o["quantity"] for o in second["orders"] if o["type"] == "stop") == 120
    assert not any(o["type"] == "market" for o in second["orders"])
    assert sorted(o["quantity"] for o in second["working"] if o["type"] == "stop") == [20.0, 25.0, 75.0]
    # the same close again: it waits still
    again = follows(market(*QUIET), settings, 100.0, previous=known)
    assert any(text.startswith("LEAVE BUY 20 ACME MARKET") for text in again["instructions"])
    # the file does not show it: it is named before anything is bought again
    unseen = follows(market(*QUIET, QUIET[0]), settings, 100.0, previous=known)
    assert any("BUY 20 ACME MARKET; see whether it filled" in text for text in unseen["checks"])
    assert "see whether it filled. If not, buy 20 more at the open" in unseen["summary"]
    # more than was ordered is asked about
    more = follows(market(*QUIET, QUIET[0]), settings, 150.0, previous=known)
    assert more["urgency"] == "ask" and "rose from 100 to 150" in more["summary"]


def test_a_purchase_and_a_sale_of_one_bar_are_told_apart(settings: Settings) -> None:
    first = follows(market(*QUIET), settings, 100.0)
    up = market(*QUIET, [100.0, 111.0, 99.0, 108.0])  # rung 1 at 110 was reached: 25 of it are sold
    second = follows(up, settings, 95.0, previous={"T1": first})
    assert not any("fell" in text or "see whether" in text for text in second["checks"])
    assert sum(o["quantity"] for o in second["orders"] if o["type"] == "stop") == 95


def test_a_purchase_in_the_fills_counts_from_the_first_entry(settings: Settings) -> None:
    first = follows(market(*QUIET), settings, 100.0)
    rows = [("T1", "2024-01-16", "buy", 100.0, 100.0), ("T1", "2024-01-17", "buy", 20.0, 102.0)]
    fills = pd.DataFrame(rows, columns=["trade_id", "time", "side", "quantity", "price"])
    row = follows(market(*QUIET, QUIET[0]), settings, 120.0, fills, previous={"T1": first})
    assert (row["urgency"], row["quantity_open"], row["stop_price"]) == ("hold", 120, 90)
    # the rung keeps the size of the first entry, at 1R above it
    assert [(o["quantity"], o["price"]) for o in row["orders"] if o["type"] == "limit"] == [(25, 110)]
    assert row["open_pnl"] == pytest.approx(-2 * 20)


def test_the_maximum_size_cuts_a_purchase(settings: Settings) -> None:
    bars = market(*QUIET)
    for size, quantity in (({"maximum": 1.1}, 10), ({"maximum_units": 115}, 15), ({"maximum_money": 11_250}, 12)):
        row = follows(bars, settings, 100.0, size=size)
        assert [o["quantity"] for o in row["orders"] if o["kind"] == "target"] == [quantity]
    assert not [o for o in follows(bars, settings, 100.0, size={"maximum": 1})["orders"] if o["kind"] == "target"]
