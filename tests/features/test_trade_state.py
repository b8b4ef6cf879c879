"""Trade state against a slow reference, row by row."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exitladder.bars.atr import atr_of_set
from exitladder.bars.bars import BarSet
from exitladder.errors import FeatureError
from exitladder.features.families.trade_state import DEFAULT_RISK_ATR, STATE_NAMES, trade_risk, trade_state_rows
from exitladder.trades.rows import trade_rows
from exitladder.trades.trades import AT_CLOSE, PlacedTrades


def reference(placed: PlacedTrades, atr: np.ndarray, i: int, bar: int) -> dict[str, float]:
    """One row, from the definitions."""
    b, side, entry = placed.bars, int(placed.trades.side[i]), float(placed.trades.entry_price[i])
    lived = range(int(placed.first_bar[i]), bar + 1)
    known = int(placed.entry_bar[i]) - (placed.entry_at[i] != AT_CLOSE)
    stop = float(placed.trades.stop_price[i])
    risk = abs(entry - stop) if np.isfinite(stop) else DEFAULT_RISK_ATR * atr[known]
    ups = [0.0] + [max(side * (b.high[t] - entry), side * (b.low[t] - entry)) for t in lived]
    downs = [0.0] + [min(side * (b.high[t] - entry), side * (b.low[t] - entry)) for t in lived]
    now, held = side * (b.close[bar] - entry), len(lived)
    best, worst = max(ups), min(downs)
    return {
        "held": held,
        "open_r": now / risk,
        "mfe_r": best / risk,
        "mae_r": worst / risk,
        "give_back_r": (best - now) / risk,
        "give_back_share": min(1.0, (best - now) / best) if best > 0 else 1.0,
        "bars_since_mfe": held - ups.index(best),
        "range_position": (now - worst) / (best - worst) if best > worst else 0.5,
        "open_atr": now / atr[bar],
        "mfe_atr": best / atr[bar],
        "give_back_atr": (best - now) / atr[bar],
        "risk_atr": risk / atr[bar],
        "stop_distance_atr": side * (b.close[bar] - (entry - side * risk)) / atr[bar],
        "drift_atr": now / atr[bar] / np.sqrt(held),
        "atr_since_entry": atr[bar] / atr[known],
        "participation": np.log(placed.trades.quantity[i] / b.volume[bar - 19 : bar + 1].mean()),
        "side": side,
        "days_held": (b.close_time[bar] - placed.trades.entry_time[i]) / (24 * 3600 * 10**9),
    }


def test_every_row_is_what_the_definitions_say(placed: PlacedTrades) -> None:
    rows = trade_rows(placed, 40)
    atr = atr_of_set(placed.bars)
    got = trade_state_rows(placed, rows, atr, STATE_NAMES)
    for row, (i, bar) in enumerate(zip(rows.trade, rows.bar, strict=True)):
        want = reference(placed, atr, int(i), int(bar))
        np.testing.assert_allclose(got[row], [want[name] for name in STATE_NAMES], rtol=1e-12, atol=1e-12)


def test_columns_come_in_the_order_asked_for(placed: PlacedTrades) -> None:
    rows = trade_rows(placed, 10)
    atr = atr_of_set(placed.bars)
    every = trade_state_rows(placed, rows, atr, STATE_NAMES)
    some = trade_state_rows(placed, rows, atr, ["risk_atr", "held"])
    assert np.array_equal(some, every[:, [STATE_NAMES.index("risk_atr"), STATE_NAMES.index("held")]])


def test_unknown_name_is_refused(placed: PlacedTrades) -> None:
    with pytest.raises(FeatureError, match="Did you mean 'open_r'"):
        trade_state_rows(placed, trade_rows(placed, 5), atr_of_set(placed.bars), ["open_rr"])


@settings(max_examples=25, deadline=None)
@given(cut=st.integers(1, 39))
def test_a_row_knows_nothing_of_later_bars(placed: PlacedTrades, cut: int) -> None:
    """Rows of the first `cut` bars are the same to the bit when no later row exists."""
    atr = atr_of_set(placed.bars)
    long, short = trade_rows(placed, 40), trade_rows(placed, cut)
    every = trade_state_rows(placed, long, atr, STATE_NAMES)
    within = np.arange(long.n_rows) - np.repeat(long.start[:-1], long.lengths)
    assert np.array_equal(every[within < cut], trade_state_rows(placed, short, atr, STATE_NAMES), equal_nan=True)


def test_without_stop_and_atr_risk_is_unknown_but_the_rest_is_not(placed: PlacedTrades) -> None:
    atr = np.full(placed.bars.n_bars, np.nan)
    risk = trade_risk(placed, atr)
    assert np.array_equal(np.isnan(risk), np.isnan(placed.trades.stop_price))
    rows = trade_rows(placed, 5)
    got = trade_state_rows(placed, rows, atr, ("held", "give_back_share", "bars_since_mfe", "range_position"))
    assert np.isfinite(got).all()


def test_a_stop_on_the_wrong_side_gives_no_risk(placed: PlacedTrades) -> None:
    wrong = replace(
        placed, trades=replace(placed.trades, stop_price=placed.trades.entry_price * (1 + placed.trades.side * 0.01))
    )
    assert np.isnan(trade_risk(wrong, atr_of_set(placed.bars))).all()


def test_a_short_is_a_long_of_the_negated_market_to_the_bit(placed: PlacedTrades) -> None:
    trades, bars = placed.trades, placed.bars
    mirrored = BarSet(
        replace(b, open=-b.open, high=-b.low, low=-b.high, close=-b.close) for b in (bars[s] for s in bars.symbols)
    )
    other = replace(
        placed,
        bars=mirrored,
        trades=replace(
            trades,
            side=-trades.side,
            entry_price=-trades.entry_price,
            stop_price=-trades.stop_price,
        ),
    )
    rows = trade_rows(placed, 30)
    one = trade_state_rows(placed, rows, atr_of_set(bars), STATE_NAMES)
    two = trade_state_rows(other, rows, atr_of_set(mirrored), STATE_NAMES)
    side = STATE_NAMES.index("side")
    assert np.array_equal(one[:, side], -two[:, side]) and set(one[:, side]) == {-1.0, 1.0}
    assert np.array_equal(np.delete(one, side, axis=1), np.delete(two, side, axis=1), equal_nan=True)


def test_state_does_not_depend_on_the_unit_of_price(placed: PlacedTrades) -> None:
    trades, bars, k = placed.trades, placed.bars, 2.0**-20
    small = BarSet(
        replace(b, open=b.open * k, high=b.high * k, low=b.low * k, close=b.close * k)
        for b in (bars[s] for s in bars.symbols)
    )
    other = replace(
        placed,
        bars=small,
        trades=replace(trades, entry_price=trades.entry_price * k, stop_price=trades.stop_price * k),
    )
    rows = trade_rows(placed, 30)
    one = trade_state_rows(placed, rows, atr_of_set(bars), STATE_NAMES)
    two = trade_state_rows(other, rows, atr_of_set(small), STATE_NAMES)
    assert np.array_equal(one, two, equal_nan=True)


def test_participation_of_silent_bars_is_missing(placed: PlacedTrades) -> None:
    rows, atr = trade_rows(placed, 40), atr_of_set(placed.bars)
    quiet = BarSet([replace(placed.bars[s], volume=np.zeros(len(placed.bars[s]))) for s in placed.bars.symbols])
    none = BarSet([replace(placed.bars[s], volume=None) for s in placed.bars.symbols])
    for bars in (quiet, none):
        silent = trade_state_rows(replace(placed, bars=bars), rows, atr, STATE_NAMES)
        traded = trade_state_rows(placed, rows, atr, STATE_NAMES)
        k = STATE_NAMES.index("participation")
        assert np.isnan(silent[:, k]).all() and np.isfinite(traded[:, k]).all()
        assert np.array_equal(np.delete(silent, k, axis=1), np.delete(traded, k, axis=1), equal_nan=True)
