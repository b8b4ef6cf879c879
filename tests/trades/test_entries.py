"""Named entry rules: known answers, and no look ahead."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exitladder.bars.atr import wilder_atr
from exitladder.bars.bars import Bars, BarSet
from exitladder.bars.reading import bars_from_frame
from exitladder.errors import TradesError
from exitladder.sample import load_sample_bars
from exitladder.trades.checks import check_trades_on_bars
from exitladder.trades.entries import RULES, EntryOptions, make_trades, rules_of
from exitladder.trades.files import read_trades, write_trades
from exitladder.trades.trades import AT_OPEN, place_trades


def walk(n: int, seed: int = 0, symbol: str = "ACME") -> BarSet:
    rng = np.random.default_rng(seed)
    close = 100 * np.exp(np.cumsum(rng.normal(0, 0.02, n)))
    open_ = np.append(100.0, close[:-1]) * np.exp(rng.normal(0, 0.005, n))
    table = pd.DataFrame(
        {
            "open": open_,
            "high": np.maximum(open_, close) * (1 + rng.random(n) * 0.01),
            "low": np.minimum(open_, close) * (1 - rng.random(n) * 0.01),
            "close": close,
        },
        index=pd.date_range("2020-01-01", periods=n, freq="h"),
    )
    return bars_from_frame(table, symbol)[0]


def cut(bars: BarSet, n: int) -> BarSet:
    parts = []
    for s in bars:
        own = bars[s]
        parts.append(Bars(s, own.interval_ns, own.time[:n], own.open[:n], own.high[:n], own.low[:n], own.close[:n]))
    return BarSet(parts)


def test_donchian_by_hand() -> None:
    bars = walk(400)["ACME"]
    window, expected = 20, []
    for t in range(len(bars)):
        if t < window:
            expected.append(0)
            continue
        is_up = bars.close[t] > bars.high[t - window : t].max()
        was_up = t > window and bars.close[t - 1] > bars.high[t - 1 - window : t - 1].max()
        is_down = bars.close[t] < bars.low[t - window : t].min()
        was_down = t > window and bars.close[t - 1] < bars.low[t - 1 - window : t - 1].min()
        expected.append(1 if is_up and not was_up else -1 if is_down and not was_down else 0)
    assert RULES["donchian"](bars, EntryOptions(window=window)).tolist() == expected
    assert {1, -1} <= set(expected)


@pytest.mark.parametrize("rule", sorted(RULES))
def test_entry_is_the_next_open_with_a_stop_known_before(rule: str) -> None:
    bars = walk(600)
    own = bars["ACME"]
    trades = make_trades(bars, rule, stop_atr=2.5, cooldown_bars=3)
    placed = place_trades(trades, bars)
    assert (placed.entry_at == AT_OPEN).all() and not check_trades_on_bars(placed).any()
    assert (trades.entry_price == own.open[placed.entry_bar]).all()
    atr = wilder_atr(own.high, own.low, own.close, 14)[placed.entry_bar - 1]
    assert (trades.stop_price == trades.entry_price - trades.side * 2.5 * atr).all()
    assert (trades.quantity == np.floor(1000 / np.abs(trades.entry_price - trades.stop_price))).all()
    for side in (1, -1):
        assert (np.diff(np.sort(placed.entry_bar[trades.side == side])) > 3).all()
    assert trades.is_open.all() and len(set(trades.trade_id)) == len(trades)
    assert (np.diff(trades.entry_time) >= 0).all()


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 1000), n=st.integers(60, 399))
@pytest.mark.parametrize("rule", sorted(RULES))
def test_later_bars_change_nothing(rule: str, seed: int, n: int) -> None:
    bars = walk(400, seed)
    full = make_trades(bars, rule, window=10)
    kept = full.take(full.entry_time <= bars["ACME"].time[n - 1])
    try:
        short = make_trades(cut(bars, n), rule, window=10)
    except TradesError:
        assert len(kept) == 0
        return
    assert short.fingerprint() == kept.fingerprint()


def test_sides_and_ids() -> None:
    bars, _ = load_sample_bars()
    both = make_trades(bars, "donchian")
    long = make_trades(bars, "donchian", sides="long")
    assert set(long.side) == {1} and set(both.side) == {1, -1}
    assert set(long.trade_id) == set(both.trade_id[both.side > 0])
    assert both.trade_id[0] == f"{both.symbol[0]}-{both[0].entry_time:%Y%m%d}-{'L' if both.side[0] > 0 else 'S'}"
    assert len(set(both.trade_id)) == len(both) > 500


def test_random_follows_from_its_seed() -> None:
    bars = walk(2000)
    first, again = make_trades(bars, "random", seed=3), make_trades(bars, "random", seed=3)
    assert first.fingerprint() == again.fingerprint()
    assert first.fingerprint() != make_trades(bars, "random", seed=4).fingerprint()
    signals = RULES["random"](bars["ACME"], EntryOptions(window=10))
    assert 130 < np.count_nonzero(signals) < 270


def test_moving_averages_and_rsi_cross_where_they_should() -> None:
    up_down = np.concatenate([np.linspace(100, 50, 60), np.linspace(50, 100, 60)])
    table = pd.DataFrame(
        dict.fromkeys(("open", "high", "low", "close"), up_down), index=pd.date_range("2024-01-01", periods=120)
    )
    bars = bars_from_frame(table, "ACME")[0]["ACME"]
    crossing = RULES["ma_cross"](bars, EntryOptions())
    fast = pd.Series(up_down).rolling(5).mean() > pd.Series(up_down).rolling(20).mean()
    assert np.flatnonzero(crossing == 1).tolist() == [int(np.flatnonzero(fast[60:])[0]) + 60]
    back = RULES["rsi_reversal"](bars, EntryOptions(fast_window=14))
    assert 60 < np.flatnonzero(back == 1)[0] < 70 and (back >= 0).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rule": "donchain"}, "Unknown entry rule 'donchain'. Did you mean 'donchian'?"),
        ({"window": 1}, "window must be at least 2, but is 1."),
        ({"stop_atr": 0.0}, "stop_atr must be a number greater than 0"),
        ({"risk_money": float("nan")}, "risk_money must be a number greater than 0"),
        ({"lot": -1.0}, "lot must be at least 0"),
        ({"sides": "up"}, "sides must be both, long or short, but is 'up'"),
        ({"rule": "ma_cross", "fast_window": 20}, "fast_window must be smaller than window"),
        ({"window": 399}, "enters no trade on 300 bars"),
        ({"risk_money": 0.001}, "enters no trade"),
    ],
)
def test_impossible_options(options: dict[str, object], message: str) -> None:
    with pytest.raises(TradesError, match=message):
        make_trades(walk(300), **options)  # type: ignore[arg-type]


def test_lots_are_snapped_and_may_be_continuous() -> None:
    bars = walk(300)
    lots = make_trades(bars, lot=0.1).quantity / 0.1
    np.testing.assert_allclose(lots, np.round(lots), rtol=1e-9)
    free = make_trades(bars, lot=0.0)
    np.testing.assert_allclose(free.quantity * np.abs(free.entry_price - free.stop_price), 1000)


@pytest.mark.parametrize("interval", ["h", "D"])
def test_made_trades_are_known_by_their_file(interval: str, tmp_path: Path) -> None:
    table = pd.DataFrame(walk(300)["ACME"].to_frame()).assign(
        timestamp=pd.date_range("2020-01-01", periods=300, freq=interval)
    )
    made = make_trades(bars_from_frame(table.set_index("timestamp")[["open", "high", "low", "close"]], "A-C.ME")[0])
    write_trades(made, tmp_path / "made.csv")
    read = read_trades(tmp_path / "made.csv")
    assert rules_of(read) == ("donchian",)
    assert rules_of(replace(read, tag=np.full(len(read), "breakout", dtype=object))) == ()
    own = read.trade_id.copy()
    own[3] = "42"
    assert rules_of(replace(read, trade_id=own)) == rules_of(read.take(read.side > 2)) == ()
