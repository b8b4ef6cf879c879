"""Splits and dividends: found with their evidence, adjusted by, and followed by the trades."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exitladder.bars.actions import Action, apply_actions, parse_split, read_actions
from exitladder.bars.bars import BarSet
from exitladder.bars.checking.splits import RATIOS, crosses_split, likely_splits, unresolved_splits
from exitladder.bars.reading import bars_from_frame, check_bar_files, read_bars
from exitladder.errors import BarsError, TradesError
from exitladder.execution import simulate
from exitladder.plans.file import ladder_from_mapping
from exitladder.trades.adjust import across_splits, adjust_trades
from exitladder.trades.files import trades_from_frame
from exitladder.trades.trades import place_trades

DAYS = 120


def walk(ratio: float = 1.0, at: int = 60, *, volume_follows: bool = True, seed: int = 3) -> pd.DataFrame:
    """Return a year's half of a stock that splits (new for old) before day `at`."""
    rng = np.random.default_rng(seed)
    close = 100 * np.exp(np.cumsum(rng.normal(0, 0.01, DAYS)))
    open_ = np.concatenate([[100.0], close[:-1]]) * np.exp(rng.normal(0, 0.002, DAYS))
    table = pd.DataFrame({"open": open_, "close": close})
    table["high"], table["low"] = table.max(axis=1) * 1.003, table.min(axis=1) * 0.997
    table["volume"] = np.round(rng.gamma(20, 50_000, DAYS))
    table.loc[at:, ["open", "high", "low", "close"]] /= ratio
    if volume_follows:
        table.loc[at:, "volume"] *= ratio
    return table.set_index(pd.date_range("2024-01-01", periods=DAYS))


def one(table: pd.DataFrame, symbol: str = "ACME") -> BarSet:
    return bars_from_frame(table, symbol)[0]


@pytest.mark.parametrize(("new", "old"), [*RATIOS, *((old, new) for new, old in RATIOS)])
def test_every_usual_ratio_is_found_with_its_evidence(new: int, old: int) -> None:
    (split,) = likely_splits(one(walk(new / old))["ACME"])
    assert (split.ratio, split.bar) == (f"{new}:{old}", 60)
    assert "agrees" in split.evidence and np.exp(split.jump) == pytest.approx(new / old, rel=0.01)


@given(st.integers(0, 200))
def test_a_market_without_splits_has_none(seed: int) -> None:
    assert likely_splits(one(walk(seed=seed))["ACME"]) == []


def test_a_fall_on_news_is_no_small_split() -> None:
    table = walk(5 / 4, volume_follows=False)
    assert likely_splits(one(table)["ACME"]) == []
    crash = walk(1.9, volume_follows=False)
    crash.loc[crash.index[60], "volume"] = 20 * crash["volume"].iloc[60]
    assert likely_splits(one(crash)["ACME"]) == []


def test_a_bad_tick_is_no_split() -> None:
    table = walk()
    table.loc[table.index[60], ["open", "high", "low", "close"]] /= 2
    assert likely_splits(one(table)["ACME"]) == []


@given(st.sampled_from(RATIOS), st.integers(0, 50))
def test_adjusting_undoes_a_split(ratio: tuple[int, int], seed: int) -> None:
    new, old = ratio
    raw, true = one(walk(new / old, seed=seed)), one(walk(seed=seed))
    adjusted = apply_actions(raw, [parse_split(f"ACME,2024-03-01,{new}:{old}")])["ACME"]
    np.testing.assert_allclose(adjusted.close, true["ACME"].close * old / new, rtol=1e-12)
    assert adjusted.volume is not None and true["ACME"].volume is not None
    np.testing.assert_allclose(adjusted.volume, true["ACME"].volume * new / old, rtol=1e-12)
    assert unresolved_splits(adjusted) == []


def test_a_split_that_prices_do_not_show_is_refused() -> None:
    bars = one(walk(2.0))
    with pytest.raises(BarsError, match=r"a ratio of 1.* and not 3.*adjusted already"):
        apply_actions(bars, [parse_split("ACME,2024-03-15,3:1")])
    done = apply_actions(bars, [parse_split("ACME,2024-03-01,2:1")])
    with pytest.raises(BarsError, match="adjusted already"):
        apply_actions(done, [parse_split("ACME,2024-03-01,2:1")])
    with pytest.raises(BarsError, match="outside its bars"):
        apply_actions(bars, [parse_split("ACME,2030-03-01,2:1")])
    with pytest.raises(BarsError, match=r"no bars of 'ACMF'\. Did you mean 'ACME'"):
        apply_actions(bars, [parse_split("ACMF,2024-03-01,2:1")])


@pytest.mark.parametrize("text", ["ACME,2024-03-01", "ACME,2024-03-01,0:1", "ACME,01/03/2024,2:1", ",2024-03-01,2:1"])
def test_other_spellings_of_a_split_are_refused(text: str) -> None:
    with pytest.raises(BarsError, match=r"must (read|be)"):
        parse_split(text)


def test_a_file_of_actions(tmp_path: Path) -> None:
    path = tmp_path / "actions.csv"
    path.write_text("Symbol,Date,Dividends,Stock Splits\nACME,2024-03-01,0,2\nACME,2024-04-02,1.5,\n")
    assert read_actions(path) == [
        Action("ACME", pd.Timestamp("2024-03-01").value, factor=2.0),
        Action("ACME", pd.Timestamp("2024-04-02").value, dividend=1.5),
    ]
    bars = one(walk(2.0))
    adjusted = apply_actions(bars, read_actions(path))["ACME"]
    before = bars["ACME"].close[91]  # the close before 2 April
    assert adjusted.close[91] == pytest.approx(before - 1.5)
    assert adjusted.close[0] == pytest.approx(bars["ACME"].close[0] / 2 * (1 - 1.5 / before))
    path.write_text("Symbol,Date,Dividends\nACME,2024-04-02,-1\n")
    with pytest.raises(BarsError, match=r"number of 0 or more, but is -1 \(actions.csv, line 2\)"):
        read_actions(path)


@given(st.lists(st.integers(0, 99), max_size=4), st.integers(0, 99), st.integers(0, 30))
def test_trades_across_a_split(splits: list[int], entry: int, length: int) -> None:
    from exitladder.bars.checking.splits import Split

    known = [Split("A", bar, 0, "2:1", 0.7, 1.0) for bar in splits]
    expected = any(entry < bar <= entry + length for bar in splits)
    assert crosses_split(np.array([entry]), np.array([entry + length]), known).tolist() == [expected]


def test_splits_of_real_stocks(shared_data: Path) -> None:
    found = {}
    for name in ("AAPL", "AIG", "BAC", "EEM", "IWM", "QQQ", "USO"):
        (report,) = [check_bar_files(shared_data / "lean-usa" / f"{name}-1d.parquet", adjust="none")]
        (finding,) = [f for f in report.findings if f.rule == "possible_split"]
        assert finding.rows is not None
        found[name] = [f"{t:%Y-%m-%d}" for t in finding.rows["timestamp"]]
    assert found == {
        "AAPL": ["2000-06-21", "2005-02-28", "2014-06-09", "2020-08-31"],
        "AIG": ["1998-08-03", "1999-08-02", "2000-07-31"],
        "BAC": ["2004-08-30"],
        "EEM": ["2003-04-11", "2005-06-09", "2008-07-24"],  # the first is a change of company under one ticker
        "IWM": ["2005-06-09"],
        "QQQ": ["2000-03-20"],
        "USO": ["2020-04-29"],
    }


DIV = (
    "Date,Open,High,Low,Close,Adj Close,Volume\n2024-01-02,100,101,99,100,97,10\n2024-01-03,100,101,99,100,97,10\n"
    "2024-01-04,100,104,96.5,100,97,10\n2024-01-05,100,101,99.5,100,97,10\n2024-01-08,97.2,98,96,97.5,97.5,10\n"
    "2024-01-09,97.5,98.5,97,98,98,10\n"
)
TRADES = "trade_id,symbol,side,entry_time,entry_price,quantity,stop_price\nT1,DIV,long,2024-01-04,100,10,94\n"
L1 = {"rungs": [{"fraction": 0.5, "target": "1R"}], "stop": {"initial": "2%"}}


def net_r(trades: pd.DataFrame, path: Path, adjust: str) -> float:
    bars, _ = read_bars(path, adjust=adjust)
    return float(simulate(place_trades(trades_from_frame(trades), bars), ladder_from_mapping(L1)).r[0])


def test_trades_as_traded_on_adjusted_bars(run: Callable[..., object], tmp_path: Path) -> None:
    """A dividend of 2.80 lies between entry and end: raw it is a loss, adjusted it is a gain."""
    (tmp_path / "DIV.csv").write_text(DIV)
    (tmp_path / "t.csv").write_text(TRADES)
    raw = pd.read_csv(tmp_path / "t.csv")
    assert net_r(raw, tmp_path / "DIV.csv", "none") == pytest.approx(-1 / 3, abs=1e-9)
    report = check_bar_files(tmp_path / "DIV.csv", adjust="none")
    assert any("dividends that its adj_close knows are credited as cash" in text for text in report.assumed)
    done = run("trades", "adjust", "--trades", "t.csv", "--bars", "DIV.csv", "--out", "adjusted.csv")
    assert done.exit_code == 0, done.stderr  # type: ignore[attr-defined]
    adjusted = pd.read_csv(tmp_path / "adjusted.csv")
    assert net_r(adjusted, tmp_path / "DIV.csv", "auto") == pytest.approx(0.1718, abs=1e-4)
    again = run("trades", "adjust", "--trades", "adjusted.csv", "--bars", "DIV.csv", "--out", "twice.csv")
    assert again.exit_code == 1 and "adjusted already" in again.stderr  # type: ignore[attr-defined]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., object]:
    """Run a command in an empty folder."""
    from click.testing import CliRunner

    from exitladder.cli import main

    monkeypatch.chdir(tmp_path)
    return lambda *args: CliRunner().invoke(main, [str(a) for a in args])


def book(entry: str, price: float, quantity: float = 10.0) -> pd.DataFrame:
    row = {"trade_id": "T1", "symbol": "ACME", "side": "long", "entry_time": entry, "entry_price": price}
    return pd.DataFrame([{**row, "quantity": quantity, "stop_price": price * 0.9}])


def test_trades_follow_a_split_in_price_and_quantity() -> None:
    bars = one(walk(4.0))
    price = float(bars["ACME"].open[50])
    before = trades_from_frame(book("2024-02-20", price))
    done = adjust_trades(before, bars, [parse_split("ACME,2024-03-01,4:1")])
    assert done.n_changed == 1
    assert done.trades.entry_price[0] == pytest.approx(price / 4) and done.trades.quantity[0] == 40
    assert done.trades.stop_price[0] == pytest.approx(price * 0.9 / 4)
    with pytest.raises(TradesError, match="need an adj_close column"):
        adjust_trades(before, bars)


def test_a_trade_across_a_split_is_named_and_one_after_it_is_not() -> None:
    bars = one(walk(4.0))
    own = bars["ACME"]
    table = pd.concat(
        [book("2024-02-20", float(own.open[50])), book("2024-03-05", float(own.open[64])).assign(trade_id="T2")]
    )
    placed = place_trades(trades_from_frame(table), bars)
    assert across_splits(placed, 20).tolist() == [True, False]
    assert across_splits(placed, 5).tolist() == [False, False]


def test_trades_across_a_split_are_left_out_and_counted() -> None:
    from exitladder.errors import ExitladderWarning
    from exitladder.pipelines.inputs.prepare import prepare
    from exitladder.settings.loading import load_settings

    bars = one(walk(4.0))
    own = bars["ACME"]
    rows = [(k, f"T{k}") for k in (30, 50, 64, 80)]
    table = pd.concat(
        [book(f"{pd.Timestamp(own.time[k]):%Y-%m-%d}", float(own.open[k])).assign(trade_id=name) for k, name in rows]
    )
    trades = trades_from_frame(table)
    with pytest.warns(ExitladderWarning, match=r"1 of 4 trades \(ACME\) may be held across an unadjusted split"):
        kept = prepare(bars, trades, load_settings(None), max_bars=15)
    assert kept.placed.trades.trade_id.tolist() == ["T30", "T64", "T80"]
    everything = prepare(bars, trades, load_settings(None, ["data.splits=keep"]), max_bars=15)
    assert len(everything.placed) == 4
    with pytest.raises(TradesError, match="2 of 2 trades"):
        prepare(bars, trades.take([0, 1]), load_settings(None), max_bars=60)
