"""Cash dividends credited to positions on bars as traded: a long holding over the ex-date receives them."""

from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from exitladder.bars.bars import BarSet
from exitladder.bars.dividends import dividends_by_factor, dividends_of_set
from exitladder.bars.reading import bars_from_frame
from exitladder.errors import BarsError, ExitladderWarning, SettingsError
from exitladder.execution import Simulation, simulate, simulate_many, simulate_moments, simulate_own_exits
from exitladder.execution.many_ladders import simulate_outcomes
from exitladder.measures.cash import cash_flow
from exitladder.measures.summary import summarise
from exitladder.pipelines.inputs.dividends import with_known_dividends
from exitladder.pipelines.inputs.prepare import prepare
from exitladder.plans.file import ladder_from_mapping
from exitladder.plans.ladder import Ladder
from exitladder.settings.tables import DataSettings, Settings
from exitladder.statistics.intervals import Intervals
from exitladder.trades.adjust import adjust_trades
from exitladder.trades.checks import check_trades_on_bars
from exitladder.trades.files import trades_from_frame
from exitladder.trades.trades import PlacedTrades, Trades, place_trades

YAHOO = """Date,Open,High,Low,Close,Adj Close,Volume
2024-01-02,100,101,99,100,97,10
2024-01-03,100,101,99,100,97,10
2024-01-04,100,104,96.5,100,97,10
2024-01-05,100,101,99.5,100,97,10
2024-01-08,97.2,98,96,97.5,97.5,10
2024-01-09,97.5,98.5,97,98,98,10"""
HALF_AT_1R = ladder_from_mapping({"rungs": [{"fraction": 0.5, "target": "1R"}], "stop": {"initial": "2%"}})
RAW = DataSettings(adjust="none")


def table() -> pd.DataFrame:
    lines = [line.split(",") for line in YAHOO.splitlines()]
    frame = pd.DataFrame(lines[1:], columns=lines[0])
    return frame.assign(**{name: frame[name].astype(float) for name in lines[0][1:]})


def market(data: DataSettings = RAW, frame: pd.DataFrame | None = None) -> BarSet:
    bars, _ = bars_from_frame(table() if frame is None else frame, "DIV", adjust=data.adjust)
    return with_known_dividends(bars, data, frozenset({"DIV"}))


def trades(**columns: object) -> Trades:
    row = {
        "trade_id": "T1", "symbol": "DIV", "side": "long", "entry_time": "2024-01-04", "entry_price": 100.0,
        "quantity": 10.0, "stop_price": 94.0,
    }  # fmt: skip
    return trades_from_frame(pd.DataFrame([{**row, **columns}]))


def on(bars: BarSet, **columns: object) -> PlacedTrades:
    return place_trades(trades(**columns), bars)


def test_a_long_receives_the_dividend_that_the_adjusted_close_knows() -> None:
    """Known answer: the price fell by 2, the factor gives 3 in cash, and R is 6: +0.1667 R open, 10 in money."""
    done = simulate(on(market()), HALF_AT_1R)
    assert done.r[0] == pytest.approx(1 / 6) and done.pnl[0] == pytest.approx(10.0)
    frame, fills = done.trades_frame(), done.fills_frame()
    assert frame["status"].tolist() == ["open"] and frame["dividends"].tolist() == pytest.approx([30.0])
    assert fills["dividends"].tolist() == pytest.approx([0.0, 30.0])
    assert done.fills.net_r.sum() == pytest.approx(done.r[0])
    flow = cash_flow(frame, fills)
    assert flow is not None and flow.pnl.sum() == pytest.approx(10.0)
    assert summarise(frame, fills, HALF_AT_1R, intervals=Intervals(0.9, 100, 0))["dividends"] == pytest.approx(30.0)


def test_every_pipeline_credits_them() -> None:
    """Training, tuning, backtest, comparison and scoring all start with `prepare`."""
    bars, _ = bars_from_frame(table(), "DIV", adjust="none")
    placed = prepare(bars, trades(), Settings().with_values({"data": {"adjust": "none"}})).placed
    assert simulate(placed, HALF_AT_1R).r[0] == pytest.approx(1 / 6)


def test_adjusted_trades_on_adjusted_bars_agree() -> None:
    """The other way to count it: +1 of 5.82 is +0.1718 R; the difference is that R is measured in adjusted prices."""
    raw, _ = bars_from_frame(table(), "DIV", adjust="none")
    moved = adjust_trades(trades(), raw).trades
    bars = market(DataSettings())
    assert bars.dividends is None
    assert simulate(place_trades(moved, bars), HALF_AT_1R).r[0] == pytest.approx(1 / 5.82)


def test_trades_as_traded_on_adjusted_bars_are_reported() -> None:
    """The entry at 100 fits the adjusted bar, 93.6 to 100.9, too: its close as traded tells which one is meant."""
    with pytest.warns(ExitladderWarning, match=r"1 of 1 trades .* 'T1' at 100, but the bars are adjusted"):
        check_trades_on_bars(on(market(DataSettings())))
    raw, _ = bars_from_frame(table(), "DIV", adjust="none")
    moved = adjust_trades(trades(), raw).trades
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_trades_on_bars(place_trades(moved, market(DataSettings())))
        check_trades_on_bars(on(market()))


def test_ignored_dividends_are_reported() -> None:
    with pytest.warns(ExitladderWarning, match="dividends not counted"):
        bars = market(DataSettings(adjust="none", dividends="ignore"))
    done = simulate(on(bars), HALF_AT_1R)
    assert done.r[0] == pytest.approx(-1 / 3) and "dividends" not in done.trades_frame()


def test_a_short_pays_it() -> None:
    done = simulate(on(market(), side="short", stop_price=106.0), HALF_AT_1R)
    assert done.r[0] == pytest.approx(-1 / 6) and done.dividends[0] == pytest.approx(-30.0)


@pytest.mark.parametrize(
    ("columns", "cash"),
    [
        ({"entry_time": "2024-01-05", "entry_at": "close"}, 30.0),
        ({"entry_time": "2024-01-08", "entry_price": 97.2, "entry_at": "open"}, 0.0),
        ({"exit_time": "2024-01-08", "exit_price": 97.2}, 30.0),
        ({"exit_time": "2024-01-05", "exit_price": 100.0}, 0.0),
    ],
    ids=["entered at the close before", "entered at the open of the ex-date", "left there", "left the day before"],
)
def test_whoever_holds_over_the_open_of_the_ex_date_gets_it(columns: dict[str, object], cash: float) -> None:
    book = on(market(), **columns)
    done = simulate_own_exits(book, HALF_AT_1R) if "exit_time" in columns else simulate(book, HALF_AT_1R)
    assert done.dividends[0] == pytest.approx(cash)


def test_what_was_sold_before_gets_none() -> None:
    """Half is sold at 1R = 103 on 2024-01-04: 5 shares get 3 each, 15 of a risk of 30."""
    done = simulate(on(market(), stop_price=97.0, entry_time="2024-01-03"), HALF_AT_1R)
    assert done.fills_frame()["order"].tolist() == ["entry", "stop"]
    done = simulate(
        on(market(), stop_price=96.0), ladder_from_mapping({"rungs": [{"fraction": 0.5, "target": "0.5R"}]})
    )
    assert done.fills_frame()["dividends"].tolist() == pytest.approx([0.0, 0.0, 15.0])
    assert done.r[0] == pytest.approx((0.5 * 2 + 0.5 * (-4) + 1.5) / 4)


def test_splits_and_rounding_are_no_dividends() -> None:
    close = np.array([400.0, 404.0, 100.0, 101.0, 100.5])
    split = np.array([0.25, 0.25, 1.0, 1.0, 1.0])
    assert not dividends_by_factor(close, close * split).any()
    rng = np.random.default_rng(0)
    walk = np.round(10 + np.cumsum(rng.normal(0, 0.1, 500)), 2)
    factor = np.where(np.arange(500) < 250, 0.97, 1.0)
    found = dividends_by_factor(walk, np.round(walk * factor, 2))
    assert np.flatnonzero(found).tolist() == [250]
    assert found[250] == pytest.approx(0.03 * walk[249], abs=0.011)


def test_a_column_of_dividends_counts_where_its_prices_are_known_to_be_raw() -> None:
    plain = table().drop(columns="Adj Close").assign(Dividends=[0.0, 0, 0, 0, 2.5, 0])
    with pytest.warns(ExitladderWarning, match="column dividends without adj_close"):
        assert market(RAW, plain).dividends is None
    bars = market(DataSettings(adjust="none", dividends="credit"), plain)
    assert simulate(on(bars), HALF_AT_1R).r[0] == pytest.approx((25 - 20) / 60)
    # beside adj_close the column is exact, and the factor is not asked
    both = market(RAW, table().assign(Dividends=plain["Dividends"]))
    assert both.dividends is not None and both.dividends.sum() == 2.5
    with pytest.raises(SettingsError, match="needs bars with a column dividend"):
        market(DataSettings(adjust="none", dividends="credit"), plain.drop(columns="Dividends"))
    with pytest.raises(SettingsError, match="prices as traded only"):
        market(DataSettings(dividends="credit"), plain)
    with pytest.raises(BarsError, match=r"pays 250 on 2024-01-08"):
        market(DataSettings(adjust="none", dividends="credit"), plain.assign(Dividends=plain["Dividends"] * 100))


def test_a_file_of_dividends(tmp_path) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "dividends.csv"
    path.write_text("symbol,date,dividend\nDIV,2024-01-06,2.5\nDIV,2030-01-01,1\n")
    bars = market(DataSettings(adjust="none", dividends=str(path)), table().drop(columns="Adj Close"))
    # a Saturday: the first bar after it
    assert simulate(on(bars), HALF_AT_1R).dividends[0] == pytest.approx(25.0)


def random_world(seed: int) -> tuple[PlacedTrades, list[Ladder]]:
    rng = np.random.default_rng(seed)
    n = 120
    frames = []
    for symbol in ("A", "B"):
        close = 100 * np.exp(np.cumsum(rng.normal(0, 0.01, n)))
        open_ = np.concatenate([[100.0], close[:-1]]) * np.exp(rng.normal(0, 0.003, n))
        high, low = np.maximum(open_, close) * 1.004, np.minimum(open_, close) * 0.996
        cash = np.where(rng.random(n) < 0.06, 1.5, 0.0) if symbol == "A" else np.zeros(n)
        frames.append(
            pd.DataFrame(
                {
                    "timestamp": pd.date_range("2024-01-01", periods=n), "open": open_, "high": high, "low": low,
                    "close": close, "dividend": cash, "symbol": symbol,
                }
            )
        )  # fmt: skip
    bars, _ = bars_from_frame(pd.concat(frames, ignore_index=True), adjust="none")
    bars = bars.with_dividends(dividends_of_set(bars, trust_column=True))
    rows = []
    for i in range(60):
        symbol, at = "AB"[i % 2], int(rng.integers(20, n - 2))
        price = float(bars[symbol].open[at])
        side = 1 if rng.random() < 0.6 else -1
        rows.append(
            {
                "trade_id": f"T{i}", "symbol": symbol, "side": "long" if side > 0 else "short",
                "entry_time": pd.Timestamp(int(bars[symbol].time[at]), tz="UTC"), "entry_price": price,
                "quantity": 10.0, "stop_price": price * (1 - side * 0.02),
            }
        )  # fmt: skip
    ladders = [
        ladder_from_mapping({"rungs": [{"fraction": 0.5, "target": "1R"}], "costs": {"commission_bps": 2.0}, **more})
        for more in (
            {"stop": {"initial": "2%"}},
            {"stop": {"initial": "2%", "breakeven_after": 1, "time": 12}},
            {"stop": {"initial": "2%", "trail": "3ATR"}},
        )
    ]
    return place_trades(trades_from_frame(pd.DataFrame(rows)), bars), ladders


def sales_of_each_trade(done: Simulation) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Per trade the bars' times (ns) and the quantities of its fills, without its entry and what is still open."""
    fills = done.fills_frame()
    fills = fills[~fills["order"].isin(["entry", "mark"])]
    times = pd.DatetimeIndex(fills["bar_time"]).as_unit("ns").asi8
    rows = fills.groupby("trade_id").indices
    quantity = fills["quantity"].to_numpy()
    return {str(name): (times[row], quantity[row]) for name, row in rows.items()}


@pytest.mark.parametrize("seed", [0, 1])
def test_batches_equal_one_by_one(seed: int) -> None:
    """Tuning, backtest and comparison read one number, to the bit; here against the sum over the bars as well."""
    book, ladders = random_world(seed)
    many, outcomes = simulate_many(book, ladders), simulate_outcomes(book, ladders)
    assert (outcomes.net_r == many).all()
    n_paid = 0
    for m, plan in enumerate(ladders):
        done = simulate(book, plan)
        assert done.r.tolist() == many[:, m].tolist()
        assert simulate_moments(book, ladders).mean_r[m] == pytest.approx(done.r.mean())
        without = simulate(replace(book, bars=book.bars.with_dividends(None)), plan)
        assert outcomes.last_bar[:, m].tolist() == simulate_outcomes(without.placed, [plan]).last_bar[:, 0].tolist()
        sales = sales_of_each_trade(without)
        for i, name in enumerate(book.trades.trade_id):
            sold_at, sold = sales.get(name, (np.array([], dtype=np.int64), np.array([])))
            own = book.bars[str(book.trades.symbol[i])]
            expected = 0.0
            for stamp, cash in zip(own.time, own.extra["dividend"], strict=True):
                if stamp > book.trades.entry_time[i]:
                    expected += cash * (10.0 - sold[sold_at < stamp].sum()) * book.trades.side[i]
            n_paid += expected != 0
            assert done.dividends[i] == pytest.approx(expected, abs=1e-9)
            gain = done.r[i] - without.r[i]
            assert gain == pytest.approx(expected / (without.risk[i] * 10.0), abs=1e-9)
    assert n_paid > 20


def test_dividends_of_a_contract_are_money_times_its_multiplier() -> None:
    book = on(market())
    own = replace(book, trades=replace(book.trades, multiplier=np.array([100.0])))
    done = simulate(own, HALF_AT_1R)
    assert done.r[0] == pytest.approx(1 / 6) and done.dividends[0] == pytest.approx(3000.0)
    assert simulate_many(own, [HALF_AT_1R])[0, 0] == done.r[0]


def test_bars_known_by_a_moment_keep_their_dividends() -> None:
    bars = market()
    known = bars.until(int(bars.close_time[4]))
    assert known.dividends is not None and known.dividends.tolist() == pytest.approx([0, 0, 0, 0, 3.0])
    assert bars.until(int(bars.close_time[3])).dividends is None
