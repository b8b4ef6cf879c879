"""`score`: advice rests on closed bars alone and on what the user really holds."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from exitladder.bars.bars import BarSet
from exitladder.clock import NO_TIME
from exitladder.errors import InputFileError, LadderError, OutputFileError
from exitladder.features import row_matrix
from exitladder.pipelines import score as scoring
from exitladder.pipelines.advice.advice import EXIT, HOLD, REDUCE, Advice, Holding, advise_closed, advise_open
from exitladder.pipelines.advice.open_trades import REPLAY, advice_job, last_rows, open_trades
from exitladder.pipelines.advice.orders import Order
from exitladder.pipelines.advice.rows.columns import COLUMNS
from exitladder.pipelines.advice.wording.counts import counts_text
from exitladder.pipelines.backtest import backtest
from exitladder.pipelines.report import report
from exitladder.pipelines.score import ScoreResult, records, write_scores
from exitladder.pipelines.tracking.flavour import ExhaustionPyfunc
from exitladder.pipelines.tracking.record import read_record
from exitladder.pipelines.train import TrainResult, train
from exitladder.plans.file import ladder_from_mapping
from exitladder.plans.ladder import Ladder
from exitladder.settings.tables import Settings
from exitladder.trades.trades import Trades


def score(*given: Any, **how: Any) -> ScoreResult:
    """Scores that follow each trade from its entry on, as a backtest does."""
    return scoring.score(*given, **{"management": REPLAY, **how})


def test_a_row_for_each_open_trade(
    bars: BarSet, some_open: Trades, classic: Ladder, trained: TrainResult, small: Settings
) -> None:
    result = score(bars, some_open, classic, trained.model, small)
    frame = result.frame
    record = read_record(Path(small.tracking.store), result.run_id)
    assert record is not None and record["tags"]["verdict"] in counts_text(records(frame))
    assert list(frame) == list(COLUMNS)
    assert set(frame["trade_id"]) == set(some_open.trade_id[some_open.is_open])
    assert frame["action"].isin([HOLD, REDUCE, EXIT]).all()
    held = frame[frame["action"] == HOLD]
    assert (held["action_quantity"] == 0).all()
    for row in held.to_dict("records"):
        stops = [o for o in row["orders"] if o["type"] == "stop" and o["rung"] is None]
        assert sum(stop["quantity"] for stop in stops) == row["quantity_open"]
        assert {stop["price"] for stop in stops} == {row["stop_price"]}
        assert (row["price"] - row["stop_price"]) * (1 if row["side"] == "long" else -1) > 0
    assert frame["exhaustion"].between(0, 1).all()


def test_advice_does_not_change_when_later_bars_do(
    bars: BarSet,
    trades: Trades,
    classic: Ladder,
    trained: TrainResult,
    small: Settings,
    scrambled_after: Callable[[BarSet, int], BarSet],
) -> None:
    moment = pd.Timestamp("2012-06-15", tz="UTC").value
    recent = trades.take((trades.entry_time < moment) & (trades.entry_time > moment - 60 * 86_400 * 10**9))
    now = score(bars, recent, classic, trained.model, small, asof=moment).frame
    then = score(scrambled_after(bars, moment), recent, classic, trained.model, small, asof=moment).frame
    cut = score(bars.until(moment), recent, classic, trained.model, small).frame
    assert len(now) > 3
    pd.testing.assert_frame_equal(now, then)
    pd.testing.assert_frame_equal(now, cut)
    assert (now["asof"] <= pd.Timestamp(moment, tz="UTC")).all()


def test_no_open_trade_is_an_empty_answer(
    bars: BarSet, some_open: Trades, classic: Ladder, trained: TrainResult, small: Settings
) -> None:
    result = score(bars, some_open.take(~some_open.is_open), classic, trained.model, small)
    assert result.frame.empty and list(result.frame) == list(COLUMNS)


def test_what_the_user_holds_bounds_every_order(
    bars: BarSet, some_open: Trades, classic: Ladder, trained: TrainResult, small: Settings
) -> None:
    few = replace(some_open, quantity_open=np.full(len(some_open), 7.0))
    frame = score(bars, few, classic, trained.model, small).frame
    assert (frame["quantity_open"] == 7).all()
    assert (frame["action_quantity"] <= 7).all()
    for orders in frame["orders"]:
        assert all(o["quantity"] <= 7 for o in orders)


@pytest.mark.parametrize("suffix", ["csv", "json", "html"])
def test_writes_every_form(
    suffix: str, bars: BarSet, some_open: Trades, classic: Ladder, trained: TrainResult, small: Settings, tmp_path: Path
) -> None:
    result = score(bars, some_open, classic, trained.model, small)
    frame, path = result.frame, tmp_path / f"scores.{suffix}"
    write_scores(frame, path, basis=result.basis)
    if suffix == "csv":
        back = pd.read_csv(path)
        assert list(back) == list(COLUMNS)
        assert json.loads(back["orders"][0]) == frame["orders"][0]
    elif suffix == "json":
        assert [row["trade_id"] for row in json.loads(path.read_text())] == list(frame["trade_id"])
    else:
        assert all(trade_id in path.read_text() for trade_id in frame["trade_id"])
        assert f"ladder &#39;classic&#39;, model {trained.model.removeprefix('models:/')}" in path.read_text()
        # the page of the run is the same but for charts, whose bars a run does not keep
        again = report(result.run_id, tmp_path / "again.html", small).read_text()
        assert again == path.read_text()


def test_a_damaged_file_of_scores_is_named(small: Settings, tmp_path: Path) -> None:
    (tmp_path / "scores.json").write_text('{"verdict": "", "rows": [{"trade_id": "T-1"}]}')
    with pytest.raises(InputFileError, match=r"scores\.json' must hold the scores"):
        report(str(tmp_path), tmp_path / "page.html", small)


def test_another_ending_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OutputFileError, match=r"\.csv, \.json or \.html"):
        write_scores(pd.DataFrame(columns=list(COLUMNS)), tmp_path / "scores.txt")


LIMIT = Order("limit", "sell", 25, 52.0, 1, "rung")
STOP = Order("stop", "sell", 100, 48.0, None, "stop")


def held(quantity: float) -> Holding:
    return Holding(quantity, 1, last=50.0, slices=frozenset({1}))


def brief(advice: Advice) -> list[tuple[str, float, float | None]]:
    return [(order.type, order.quantity, order.price) for order in advice.orders]


def test_book_and_ladder_agree() -> None:
    advice = advise_open(held(100), 100, [LIMIT, STOP], 48.0)
    assert (advice.action, advice.quantity) == (HOLD, 0)
    assert brief(advice) == [("limit", 25, 52.0), ("stop", 25, 48.0), ("stop", 75, 48.0)]


def test_slices_keep_their_quantity_and_the_stop_of_the_trade_covers_the_rest() -> None:
    own = [Order("limit", "sell", 25, 54.0, 1, "rung"), Order("stop", "sell", 25, 49.0, 1, "stop")]
    shared = [Order("limit", "sell", 50, 52.0, 2, "rung"), Order("stop", "sell", 75, 48.0, None, "stop")]
    standing = [own[0], shared[0], own[1], shared[1]]
    rungs = [("limit", 25, 54.0), ("stop", 25, 49.0), ("limit", 50, 52.0), ("stop", 50, 48.0)]
    assert brief(advise_open(held(100), 100, standing, 48.0)) == [*rungs, ("stop", 25, 48.0)]
    # The user holds less: the slice comes first, and both of its orders are for the same quantity.
    assert [order.quantity for order in advise_open(held(60), 100, standing, 48.0).orders] == [25, 25, 35, 35]
    assert [order.quantity for order in advise_open(held(10), 100, standing, 48.0).orders] == [10, 10]


def test_a_rung_that_the_user_missed_is_caught_up() -> None:
    advice = advise_open(held(100), 75, [STOP], 48.0)
    assert (advice.action, advice.quantity) == (REDUCE, 25)
    assert advice.orders[0].type == "market"
    assert advice.orders[-1].quantity == 75
    assert advice.warnings


def test_a_time_stop_closes_and_leaves_no_order_behind() -> None:
    due = Order("market", "sell", 100, None, None, "time")
    advice = advise_open(held(100), 100, [due], 48.0)
    assert (advice.action, advice.quantity) == (EXIT, 100)
    assert len(advice.orders) == 1
    assert np.isnan(advice.stop_price)


def test_an_order_for_the_close_stands_beside_the_stop() -> None:
    at_close = Order("market_on_close", "sell", 100, None, None, "session")
    advice = advise_open(held(60), 100, [LIMIT, STOP, at_close], 48.0)
    assert (advice.action, advice.quantity, advice.stop_price) == (HOLD, 0, 48.0)
    assert brief(advice)[-2:] == [("stop", 35, 48.0), ("market_on_close", 35, None)]
    assert sum(order.quantity for order in advice.orders if order.type == "market_on_close") == 60
    assert advice.reasons == ("The next bar is the last of the session; the rest is sold at its close.",)
    overdue = advise_open(held(100), 100, [Order("market", "sell", 100, None, None, "gap")], 48.0)
    assert overdue.action == EXIT and "max_gap" in overdue.reasons[0]


def test_a_trade_that_the_ladder_has_left_is_closed() -> None:
    advice = advise_closed(Holding(40, -1), "order stop", "2013-01-02")
    assert (advice.action, advice.quantity, advice.orders[0].side) == (EXIT, 40, "buy")


@pytest.fixture
def on_model() -> Ladder:
    """A ladder that acts on the model alone, without a time stop."""
    return ladder_from_mapping(
        {
            "rungs": [
                {"fraction": 0.5, "when": ["exhaustion >= 0.3", "bars_held >= 3"]},
                {"fraction": "rest", "when": ["exhaustion >= 0.0", "bars_held >= 70"]},
            ],
            "stop": {"initial": "9ATR"},
            "costs": {"lot": 1, "min_quantity": 1},
        }
    )


def test_score_lists_the_orders_that_a_backtest_fills(
    bars: BarSet, trades: Trades, on_model: Ladder, small: Settings
) -> None:
    """Also in the embargo after the model's training, and for trades held longer than the model is known to them."""
    moment = pd.Timestamp("2012-06-15", tz="UTC").value
    trained = train(bars.until(moment), trades.take(trades.entry_time < moment), small)
    model = trained.trained.model
    last = model.stages[-1]
    inside = [t for t in np.unique(bars.close_time) if last.last_label_ns <= t < last.valid_from_ns]
    assert inside
    recent = trades.take(trades.entry_time > inside[0] - 150 * 86_400 * 10**9)
    done = backtest(bars, recent, on_model, small, model=trained.model)
    fills = done.fills[done.fills["order"] == "rung"]
    later = [int(t) for t in np.unique(bars.close_time) if t >= last.valid_from_ns]
    compared = 0
    for asof in (int(inside[0]), int(inside[-1]), later[5], later[60]):
        frame = score(bars, recent, on_model, trained.model, small, asof=asof).frame.set_index("trade_id")
        for trade_id, row in frame.iterrows():
            following = bars.time[(bars.time >= asof)].min()
            filled = fills[(fills["trade_id"] == trade_id) & (fills["bar_time"] == pd.Timestamp(following, tz="UTC"))]
            listed = [(o["rung"], o["quantity"]) for o in row["orders"] if o["kind"] == "rung"]
            assert listed == list(zip(filled["rung"], filled["quantity"], strict=True))
            compared += 1
    assert compared > 3
    assert done.summary["signals_end"]["after_bars"] == 60
    assert done.summary["predictions"]["n_rows_in_embargo"] > 0


def test_a_trade_of_the_last_bar_has_its_orders(
    bars: BarSet, some_open: Trades, classic: Ladder, trained: TrainResult, small: Settings
) -> None:
    at = int(bars.time[bars.start[1] - 1])
    one = replace(
        some_open.take([0]),
        trade_id=np.array(["last"], dtype=object),
        symbol=np.array([bars.symbols[0]], dtype=object),
        entry_time=np.array([at + 1]),
        entry_price=np.array([float(bars.close[bars.start[1] - 1])]),
        exit_time=np.array([NO_TIME]),
        exit_price=np.array([np.nan]),
        stop_price=np.array([np.nan]),
        side=np.array([1], dtype=np.int8),
        quantity=np.array([100.0]),
    )
    (row,) = score(bars, one, classic, trained.model, small).frame.to_dict("records")
    assert [(o["type"], o["oco"], o["quantity"]) for o in row["orders"]] == [
        ("limit", "rung-1", 25.0),
        ("stop", "rung-1", 25.0),
        ("limit", "rung-2", 25.0),
        ("stop", "rung-2", 25.0),
        ("stop", None, 50.0),
    ]
    assert row["stop_price"] == row["orders"][-1]["price"] < one.entry_price[0]
    assert row["quantity_open"] == 100


def test_a_trade_entered_after_the_last_bar_is_named_alone(
    bars: BarSet, some_open: Trades, classic: Ladder, trained: TrainResult, small: Settings
) -> None:
    held = some_open.take(some_open.is_open)
    late = held.entry_time.copy()
    late[0] = int(bars.close_time.max()) + 3_600 * 10**9
    book = replace(held, entry_time=late)
    frame = score(bars, book, classic, trained.model, small).frame.set_index("trade_id")
    assert len(frame) == len(held)
    row = frame.loc[held.trade_id[0]]
    assert row["orders"] == [] and "after the last closed bar" in row["warnings"][0]
    assert all("after the last closed bar" not in w[0] for w in frame["warnings"].drop(held.trade_id[0]) if w)
    (alone,) = score(bars, book.take([0]), classic, trained.model, small).frame.to_dict("records")
    assert alone["urgency"] == "ask" and "Load newer bars" in alone["summary"]


def test_a_ladder_on_finer_bars_needs_them(
    bars: BarSet, some_open: Trades, classic: Ladder, trained: TrainResult, small: Settings
) -> None:
    walked = replace(classic, execution=replace(classic.execution, intrabar="finer_bars"))
    with pytest.raises(LadderError, match="Name them with --finer-bars"):
        score(bars, some_open, walked, trained.model, small)


def test_a_ladder_that_does_not_read_the_model_needs_none(
    bars: BarSet, some_open: Trades, classic: Ladder, trained: TrainResult, small: Settings, tmp_path: Path
) -> None:
    with pytest.raises(LadderError, match=r"'classic' reads exhaustion and no model is given.*--model REF"):
        score(bars, some_open, classic, None, small)
    plain = replace(classic, rungs=tuple(rung for rung in classic.rungs if not rung.when))
    alone = score(bars, some_open, plain, None, small)
    result = score(bars, some_open, plain, trained.model, small)
    beside = result.frame
    same = ["trade_id", "action", "action_quantity", "stop_price", "orders", "open_r", "bars_held", "price"]
    pd.testing.assert_frame_equal(alone.frame[same], beside[same])
    assert alone.frame[["exhaustion", "hold_value_r"]].isna().all(axis=None)
    assert not any("prediction" in text for texts in alone.frame["warnings"] for text in texts)
    assert alone.notice == "" and alone.drift.empty
    # its view is shown beside the trade, but explains nothing of what the ladder does
    assert beside["exhaustion"].notna().any()
    of_model = [[text for text in texts if text != result.notice] for texts in beside["warnings"]]
    assert [*beside["reasons"], *of_model] == [*alone.frame["reasons"], *alone.frame["warnings"]]
    assert any(score(bars, some_open, classic, trained.model, small).frame["reasons"])
    write_scores(alone.frame, tmp_path / "advice.html")
    assert ">nan" not in (tmp_path / "advice.html").read_text().lower()


def test_the_registered_model_answers_with_the_numbers_of_the_scores(
    bars: BarSet, some_open: Trades, classic: Ladder, trained: TrainResult, small: Settings
) -> None:
    """The features of the last bars as JSON, as a server of the model receives them."""
    frame = score(bars, some_open, classic, trained.model, small).frame.set_index("trade_id")
    prepared = advice_job(bars, open_trades(some_open), small, trained.model).prepared
    rows = last_rows(prepared)
    matrix = row_matrix(prepared.placed, prepared.rows, prepared.features, select=rows)
    table = pd.DataFrame(matrix.values, columns=list(matrix.names))
    table["time"] = pd.to_datetime(bars.close_time[prepared.rows.bar_of(rows)]).strftime("%Y-%m-%dT%H:%M:%S")
    received = pd.DataFrame(**json.loads(table.to_json(orient="split", double_precision=15)))
    answer = ExhaustionPyfunc(trained.trained.model).predict(received)
    for k, trade_id in enumerate(prepared.placed.trades.trade_id):
        for name in ("exhaustion", "hold_value_r"):
            assert answer[name].iloc[k] == pytest.approx(frame.loc[trade_id, name], rel=1e-12)
