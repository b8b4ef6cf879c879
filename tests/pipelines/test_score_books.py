"""`score` of a plan with limits or a book: tonight's reductions are those of the backtest, from what is really held."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from exitladder.bars.atr import atr_of_set
from exitladder.bars.bars import BarSet
from exitladder.cli.screens.score import score_screen
from exitladder.errors import LadderError
from exitladder.execution import ORDERS
from exitladder.execution.book.book import BookResult, simulate_book
from exitladder.execution.book.tonight import AccountNow
from exitladder.pipelines.advice.open_trades import Management
from exitladder.pipelines.score import records, score
from exitladder.plans.file import ladder_from_mapping
from exitladder.plans.ladder import Ladder
from exitladder.settings.loading import load_settings
from exitladder.settings.tables import Settings
from exitladder.trades.files import trades_from_frame
from exitladder.trades.trades import Trades, place_trades

EXIT: dict[str, Any] = {"rungs": [], "stop": {"initial": "2ATR", "trail": "4ATR", "time": 60},
                        "costs": {"tick": 0.01, "lot": 1, "min_quantity": 1}}  # fmt: skip
LIMITED = ladder_from_mapping({
    **EXIT, "name": "limited", "risk": {"level": 0.95},
    "limits": [{"when": "open_loss_equity >= 0.002", "reduce_to": 0.5},
               {"when": ["var > 0.004"], "reduce_to": "until"}],
    "book": {"equity": 100_000, "limits": [{"when": "drawdown_equity >= 0.02", "reduce_to": 0.5},
                                           {"when": "var > 0.01", "reduce_to": "until"}]},
})  # fmt: skip
TARGETED = ladder_from_mapping({
    **EXIT, "name": "targeted", "risk": {"window": 60},
    "target": {"volatility": 0.03, "band": 0.05, "trade_to": "target"}, "book": {"equity": 100_000},
})  # fmt: skip

SALES = [ORDERS.index("limit"), ORDERS.index("target")]


@pytest.fixture(scope="module")
def settings() -> Settings:
    return load_settings(None, ["tracking.enabled=false", "data.splits=keep", "project.threads=1"])


def evening(result: BookResult, bars: BarSet, moment: int) -> tuple[Trades, AccountNow]:
    """The positions that a backtest holds at a close, and its account."""
    done, fills = result.simulation, result.simulation.fills
    close = bars.close_time[fills.bar]
    held = np.zeros(len(done))
    np.add.at(held, fills.trade, np.where(close <= moment, fills.side * fills.quantity, 0.0))
    held *= done.placed.trades.side
    kept = np.flatnonzero(held > 1e-9)
    trades = replace(done.placed.trades, quantity_open=held).take(kept)
    at = int(np.searchsorted(result.curve.time, moment, side="right")) - 1
    return trades, AccountNow(float(result.curve.equity[at]), float(np.max(result.curve.equity[: at + 1])))


@pytest.mark.slow
@pytest.mark.parametrize("plan", [LIMITED, TARGETED])
def test_tonights_reductions_are_what_the_backtest_sells_at_the_next_open(
    plan: Ladder, bars: BarSet, trades: Trades, settings: Settings
) -> None:
    placed = place_trades(trades, bars)
    result = simulate_book(placed, plan)
    fills = result.simulation.fills
    times = np.unique(bars.close_time)
    previous: dict[str, Any] = {}
    n_checked = 0
    for moment in times[(times > pd.Timestamp("2009-01-01").value) & (times < pd.Timestamp("2009-08-01").value)]:
        some, account = evening(result, bars, int(moment))
        if not len(some):
            previous = {}
            continue
        how = Management(since_entry=True, previous=previous, account=account)
        frame = score(bars, some, plan, None, settings, asof=int(moment), management=how).frame
        is_known = bool(previous)
        previous = {str(row["trade_id"]): row for row in frame.to_dict("records")}
        said = {
            str(row["trade_id"]): sum(o["quantity"] for o in row["orders"] if o["kind"] in ("limit", "target"))
            for row in frame.to_dict("records")
        }
        next_open = bars.close_time[fills.bar - 1] == moment
        for trade_id, i in zip(placed.trades.trade_id, range(len(placed)), strict=True):
            mine = next_open & (fills.trade == i)
            quantity = float(fills.quantity[mine & np.isin(fills.order, SALES)].sum())
            # on the first evening nothing is known of the one before
            if str(trade_id) not in said or not is_known:
                continue
            if quantity or not mine.any():
                assert said[str(trade_id)] == pytest.approx(quantity), (trade_id, pd.Timestamp(moment))
                n_checked += quantity > 0
    assert n_checked > 10


@pytest.fixture
def three(bars: BarSet) -> Trades:
    """Three open longs of AAPL, GOOG and IBM, entered at the close of 14 February 2013."""
    day = pd.Timestamp("2013-02-14")
    rows = []
    for symbol, held in (("AAPL", 100), ("GOOG", 30), ("IBM", 200)):
        own = bars[symbol].to_frame()
        close = float(own.loc[own["timestamp"] == day.tz_localize("UTC"), "close"].iloc[0])
        one = {"trade_id": symbol, "symbol": symbol, "side": "long", "entry_time": day, "entry_price": close}
        rows.append({**one, "entry_at": "close", "quantity": held, "quantity_open": held, "stop_price": close * 0.7})
    return trades_from_frame(pd.DataFrame(rows))


def plan(**tables: Any) -> Ladder:
    return ladder_from_mapping({"name": "p", "rungs": [], "costs": {"tick": 0.01, "lot": 1}, **tables})


def advice(bars: BarSet, three: Trades, settings: Settings, ladder: Ladder, *account: float, **how: Any) -> Any:
    done = score(bars, three, ladder, None, settings, management=Management(account=AccountNow(*account), **how))
    return done.frame.set_index("trade_id")


def sold(frame: pd.DataFrame) -> dict[str, tuple[str, float]]:
    return {
        str(name): (order["kind"], order["quantity"])
        for name, orders in frame["orders"].items()
        for order in orders
        if order["type"] == "market"
    }


HELD = {"AAPL": 100, "GOOG": 30, "IBM": 200}


def values(bars: BarSet) -> dict[str, float]:
    return {symbol: held * float(bars[symbol].close[-1]) for symbol, held in HELD.items()}


def test_a_limit_of_exposure_sells_of_every_position_and_says_why(
    bars: BarSet, three: Trades, settings: Settings
) -> None:
    exposure = sum(values(bars).values())
    ladder = plan(book={"equity": 1e5, "limits": [{"when": "exposure > 0.5", "reduce_to": "until"}]})
    frame = advice(bars, three, settings, ladder, exposure)
    # exposure is 1.0 of equity: half of each goes, sales rounded up
    assert sold(frame) == {"AAPL": ("limit", 50), "GOOG": ("limit", 15), "IBM": ("limit", 100)}
    assert all("book.limits[1] fires: exposure is 1." in " ".join(reasons) for reasons in frame["reasons"])
    assert (frame["action"] == "reduce").all() and frame.loc["AAPL", "limits_held"] == ["book.limits[1]"]
    assert "a limit of risk has fired" in frame.loc["AAPL", "summary"]
    assert "50 at market (limit)" in score_screen(frame.reset_index(), 80)
    stops = [order["quantity"] for order in frame.loc["AAPL", "orders"] if order["type"] == "stop"]
    assert stops == [50]
    assert not sold(advice(bars, three, settings, ladder, 2.1 * exposure))


def test_a_limit_fires_once_until_it_does_not_hold_any_more(bars: BarSet, three: Trades, settings: Settings) -> None:
    ladder = plan(book={"equity": 1e5, "limits": [{"when": "drawdown_equity >= 0.1", "reduce_to": 0.5}]})
    first = advice(bars, three, settings, ladder, 85_000.0, 100_000.0)
    assert {order for order, _ in sold(first).values()} == {"limit"}
    rows = {str(name): {**row, "trade_id": name} for name, row in first.to_dict("index").items()}
    # the same close again: the same orders
    again = advice(bars, three, settings, ladder, 85_000.0, 100_000.0, previous=rows)
    assert sold(again) == sold(first) and again.loc["IBM", "limits_fired"] == ["book.limits[1]"]
    earlier = {name: {**row, "asof": row["asof"] - pd.Timedelta(days=1)} for name, row in rows.items()}
    second = advice(bars, three, settings, ladder, 84_000.0, 100_000.0, previous=earlier)
    assert sold(second) == {} and second.loc["IBM", "limits_held"] == ["book.limits[1]"]
    # from a CSV file they are texts
    as_text = {name: {**row, "limits_held": "book.limits[1]", "limits_fired": ""} for name, row in earlier.items()}
    assert sold(advice(bars, three, settings, ladder, 84_000.0, 100_000.0, previous=as_text)) == {}


def test_daily_loss_and_margin_sell_whole_positions(bars: BarSet, three: Trades, settings: Settings) -> None:
    loss = plan(book={"equity": 1e5, "daily_loss": 0.02, "daily_loss_action": "close"})
    closed = advice(bars, three, settings, loss, 97_900.0, 100_000.0, 100_000.0)
    assert sold(closed) == {name: ("daily_loss", held) for name, held in HELD.items()}
    assert (closed["action"] == "exit").all()
    assert sold(advice(bars, three, settings, loss, 98_100.0, 100_000.0, 100_000.0)) == {}
    margin = plan(book={"equity": 1e5, "margin": 0.5}, execution={"leverage": 2, "maintenance_margin": 0.4})
    worth = values(bars)
    total = sum(worth.values())
    called = sold(advice(bars, three, settings, margin, 0.39 * total))
    # largest margin first, until half of the rest fits
    order, rest = sorted(worth, key=lambda name: -worth[name]), total
    expected = {}
    while 0.5 * rest > 0.39 * total:
        name = order.pop(0)
        expected[name] = ("margin_call", HELD[name])
        rest -= worth[name]
    assert called == expected and len(expected) < 3
    assert sold(advice(bars, three, settings, margin, 0.41 * total)) == {}
    # a position of a book has no liquidation price of its own, which 5 times leverage would put above its stop
    high = plan(book={"equity": 1e5, "max_open": 9}, execution={"leverage": 5, "maintenance_margin": 0.1})
    assert (advice(bars, three, settings, high, total)["stop_kind"] == "stop").all()


def test_a_target_sells_and_buys_and_says_why(bars: BarSet, three: Trades, settings: Settings) -> None:
    target = {"volatility": 0.05, "measure": "atr", "trade_to": "target", "band": 0.0}
    ladder = plan(target=target, book={"equity": 1e5})
    last = {symbol: int(bars.start[k + 1]) - 1 for k, symbol in enumerate(bars.symbols)}
    atr = atr_of_set(bars, ladder.atr_window)
    found = sold(advice(bars, three, settings, ladder, 1_000.0))
    expected = {name: held - np.floor(1_000 * 0.05 / atr[last[name]]) for name, held in HELD.items()}
    assert found == {name: ("target", quantity) for name, quantity in expected.items() if quantity > 0}
    assert len(found) >= 2
    # rich: bought in the order of the file, as far as the equity less what is held allows
    frame = advice(bars, three, settings, ladder, 150_000.0)
    free, expected = 150_000.0 - sum(values(bars).values()), {}
    for name, held in HELD.items():
        price = float(bars[name].close[-1])
        wanted = 150_000 * 0.05 / atr[last[name]] * price - held * price
        expected[name] = ("target", float(np.floor(min(wanted, free) / price)))
        free -= expected[name][1] * price
    assert sold(frame) == {name: order for name, order in expected.items() if order[1] > 0} and free > 0
    assert (frame.loc["AAPL", "action"], frame.loc["AAPL", "urgency"]) == ("add", "add")
    assert any("less than its volatility target (atr volatility 0.0" in text for text in frame.loc["AAPL", "reasons"])
    assert "more at the open: the position carries less than its volatility target" in frame.loc["AAPL", "summary"]
    assert f"buy {expected['AAPL'][1]:g} at market (target)" in score_screen(frame.reset_index(), 80)
    blank = replace(three, quantity_open=np.array([100.0, np.nan, 200.0]))
    unknown = advice(bars, blank, settings, ladder, 150_000.0)
    assert not sold(unknown) and any("buys nothing" in text for text in unknown.loc["AAPL", "warnings"])


def test_what_no_file_states_is_asked_for_and_what_is_unknown_is_said(
    bars: BarSet, three: Trades, settings: Settings
) -> None:
    book = {"equity": 1e5, "limits": [{"when": "drawdown_equity >= 0.1", "reduce_to": 0.5}]}
    daily = {"equity": 1e5, "daily_loss": 0.02, "daily_loss_action": "close"}
    poor = Management(account=AccountNow(9e4))
    with pytest.raises(LadderError, match="--equity"):
        score(bars, three, plan(book=book), None, settings)
    with pytest.raises(LadderError, match="--peak-equity"):
        score(bars, three, plan(book=book), None, settings, management=poor)
    with pytest.raises(LadderError, match="--equity-before"):
        score(bars, three, plan(book=daily), None, settings, management=poor)
    with pytest.raises(LadderError, match="has none"):
        score(bars, three, plan(), None, settings, management=poor)
    blank = replace(three, quantity_open=np.array([100.0, np.nan, 200.0]))
    known = Management(account=AccountNow(9e4, 1e5))
    found = score(bars, blank, plan(book=book), None, settings, management=known).frame
    assert sold(found.set_index("trade_id")) == {}
    assert any("not judged" in text for text in found["warnings"].iloc[0])
    # limits on the state of trades need no account
    own = score(bars, three, plan(limits=[{"when": "bars_held >= 0", "reduce_to": 0.5}]), None, settings).frame
    assert sold(own.set_index("trade_id")) == {"AAPL": ("limit", 50), "GOOG": ("limit", 15), "IBM": ("limit", 100)}
    assert records(own)[0]["limits_fired"] == ["limits[1]"]
