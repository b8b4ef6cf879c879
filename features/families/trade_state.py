"""Trade state: state of an open trade at a bar's close, independent of its ladder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from exitladder.arrays import FloatArray, IntArray
from exitladder.bars.bars import BarSet
from exitladder.clock import DAY_NS
from exitladder.errors import FeatureError, did_you_mean
from exitladder.features.windows import moving_sum
from exitladder.runtime.compiling import njit
from exitladder.trades.rows import TradeRows
from exitladder.trades.trades import AT_CLOSE, PlacedTrades

STATE_FAMILY = "trade_state"
# The risk of a trade that brings no stop, in ATR known at its entry.
DEFAULT_RISK_ATR = 2.0
# Bars whose mean volume is the usual one.
USUAL_BARS = 20
_NO_R, _NO_ATR = "R unknown", "ATR unknown"


@dataclass(frozen=True)
class StateFeature:
    """One column of trade state."""

    name: str
    formula: str
    unit: str
    may_miss: str = ""
    version: int = 1

    def definition(self) -> str:
        """Return name and version: the version changes whenever the numbers do, a better wording changes nothing."""
        return f"{self.name}|{self.version}"


# The order is that of the kernel's slots.
STATE_FEATURES = (
    StateFeature("held", "closed bars since the entry", "bars"),
    StateFeature("open_r", "(close − entry price) / R", "R", _NO_R),
    StateFeature("mfe_r", "(best price since the entry − entry price) / R; at least 0", "R", _NO_R),
    StateFeature("mae_r", "(worst price since the entry − entry price) / R; at most 0", "R", _NO_R),
    StateFeature("give_back_r", "mfe_r − open_r", "R", _NO_R),
    StateFeature("give_back_share", "give_back_r / mfe_r, at most 1; 1 if mfe_r is 0", "0 to 1"),
    StateFeature("bars_since_mfe", "closed bars since the bar of the best price; held if that is the entry's", "bars"),
    StateFeature("range_position", "(close − worst) / (best − worst) since the entry; 0.5 if they are equal", "0 to 1"),
    StateFeature("open_atr", "(close − entry price) / ATR(14)", "ATR", _NO_ATR),
    StateFeature("mfe_atr", "(best price since the entry − entry price) / ATR(14)", "ATR", _NO_ATR),
    StateFeature("give_back_atr", "(best price since the entry − close) / ATR(14)", "ATR", _NO_ATR),
    StateFeature("risk_atr", "R / ATR(14)", "ATR", "R or ATR unknown"),
    StateFeature(
        "stop_distance_atr",
        "(close − initial stop, R from the entry price) / ATR(14)",
        "ATR",
        "R or ATR unknown",
    ),
    StateFeature("drift_atr", "open_atr / square root of held", "ATR per root bar", _NO_ATR),
    StateFeature("atr_since_entry", "ATR(14) / ATR(14) known at the entry", "ratio", _NO_ATR),
    StateFeature(
        "participation",
        f"log of the trade's quantity / mean volume of the last {USUAL_BARS} bars",
        "log",
        f"no volume in the last {USUAL_BARS} bars, or fewer bars",
    ),
    StateFeature("side", "1 for a long trade, −1 for a short one", "1 or −1"),
    StateFeature("days_held", "time from the entry to the bar's close, nights and holidays included", "days"),
)
STATE_NAMES = tuple(f.name for f in STATE_FEATURES)
N_STATE = len(STATE_FEATURES)
(
    _HELD, _OPEN_R, _MFE_R, _MAE_R, _GIVE_BACK_R, _GIVE_BACK_SHARE, _SINCE_MFE, _RANGE_POSITION, _OPEN_ATR, _MFE_ATR,
    _GIVE_BACK_ATR, _RISK_ATR, _STOP_DISTANCE_ATR, _DRIFT_ATR, _ATR_SINCE_ENTRY, _PARTICIPATION, _SIDE,
    _DAYS_HELD,
) = range(N_STATE)  # fmt: skip


def atr_at_entry(placed: PlacedTrades, atr: FloatArray) -> FloatArray:
    """Return the ATR of the last bar closed at or before each entry, in price, shape (n_trades,).

    NaN where it is not known yet. `atr` has the shape (n_bars,) of the whole bar set.
    """
    bar = placed.entry_bar - (placed.entry_at != AT_CLOSE)
    known = bar >= placed.bars.start[placed.symbol_index]
    return np.where(known, atr[np.maximum(bar, 0)], np.nan)


def trade_risk(placed: PlacedTrades, atr: FloatArray) -> FloatArray:
    """Return the risk R of each trade, in price, shape (n_trades,).

    The distance to the stop if the trade has one, else two ATR known at the entry. A trade
    without either (or with a stop at its entry price) has NaN.
    """
    own = placed.trades.side * (placed.trades.entry_price - placed.trades.stop_price)
    risk = np.where(np.isfinite(placed.trades.stop_price), own, DEFAULT_RISK_ATR * atr_at_entry(placed, atr))
    return np.where(risk > 0, risk, np.nan)


def trade_state_rows(placed: PlacedTrades, rows: TradeRows, atr: FloatArray, names: Sequence[str]) -> FloatArray:
    """Return the trade state at the close of each row's bar, shape (n_rows, n_names).

    Parameters
    ----------
    placed : PlacedTrades
    rows : TradeRows
    atr : float64 array, shape (n_bars,)
        ATR(14) of the whole bar set, in price.
    names : sequence of str
        Columns; see `describe_catalogue`.

    Returns
    -------
    float64 array
        NaN only if unknown: R in columns of R, the ATR in columns of ATR, the usual volume in participation.

    Raises
    ------
    FeatureError
        If a name is unknown.

    Notes
    -----
    Does not look ahead: a row knows the trade's bars up to its own close.
    """
    out = np.empty((rows.n_rows, len(names)))
    fill_state(placed, rows, atr, state_slots(names), None, out, 0)
    return out


def state_slots(names: Sequence[str]) -> IntArray:
    """Return the kernel's slot of each name."""
    for name in names:
        if name not in STATE_NAMES:
            raise FeatureError(f"Unknown trade-state feature '{name}'. {did_you_mean(name, STATE_NAMES)}")
    return np.array([STATE_NAMES.index(name) for name in names], dtype=np.int64)


def fill_state(
    placed: PlacedTrades,
    rows: TradeRows,
    atr: FloatArray,
    slots: IntArray,
    select: IntArray | None,
    out: npt.NDArray[np.floating],
    column: int,
) -> None:
    """Write trade state into the columns of `out` from `column` on.

    Row k of `out` is row ``select[k]``; `select` increases strictly, None takes all rows.

    Parameters
    ----------
    placed : PlacedTrades
    rows : TradeRows
    atr : float64 array, shape (n_bars,)
        ATR known at each bar's close, in price.
    slots : int64 array, shape (n_names,)
        The columns to write; see `state_slots`.
    select : int64 array, shape (n_selected,), or None
    out : float array, shape (n_selected, at least column + n_names)
        Written in place.
    column : int
    """
    bars = placed.bars
    _state_kernel(
        rows.start,
        rows.first_bar,
        placed.trades.side,
        placed.trades.entry_price,
        trade_risk(placed, atr),
        atr_at_entry(placed, atr),
        bars.high,
        bars.low,
        bars.close,
        atr,
        placed.trades.quantity,
        _usual_volume(placed.bars) if _PARTICIPATION in slots else np.empty(0),
        bars.close_time,
        placed.trades.entry_time,
        slots,
        np.empty(0, dtype=np.int64) if select is None else select,
        select is None,
        out,
        column,
    )


def _usual_volume(bars: BarSet) -> FloatArray:
    """Return the mean volume of the last bars of the same symbol, shape (n_bars,); missing volume counts as none."""
    out = np.full(bars.n_bars, np.nan)
    for begin, end in pairwise(bars.start):
        if end - begin >= USUAL_BARS:
            volume = bars.volume[begin:end]
            out[begin:end] = moving_sum(np.where(volume > 0.0, volume, 0.0), USUAL_BARS) / USUAL_BARS
    return out


@njit(cache=True, error_model="numpy")
def _state_kernel(  # type: ignore[no-untyped-def]
    start,
    first_bar,
    side,
    entry_price,
    risk,
    atr_entry,
    high,
    low,
    close,
    atr,
    quantity,
    usual,
    close_time,
    entry_time,
    slots,
    select,
    every,
    out,
    column,
):
    """Walk each trade once, and write the rows that are wanted."""
    state = np.empty(N_STATE)
    n_slots = len(slots)
    k = 0
    for i in range(len(first_bar)):
        last_row = start[i + 1]
        if every:
            last_row_wanted = last_row - 1
        else:
            if k == len(select):
                return
            if select[k] >= last_row:
                continue
            last_row_wanted = last_row - 1
        s = float(side[i])
        price = entry_price[i]
        r = risk[i]
        state[_GIVE_BACK_SHARE] = 1.0
        best, worst = 0.0, 0.0
        since = 0
        shift = first_bar[i] - start[i]
        for row in range(start[i], last_row_wanted + 1):
            bar = row + shift
            up = s * ((high[bar] if s > 0 else low[bar]) - price)
            down = s * ((low[bar] if s > 0 else high[bar]) - price)
            since += 1
            if up > best:
                best = up
                since = 0
            if down < worst:
                worst = down
            if not every:
                if k == len(select):
                    return
                if select[k] != row:
                    continue
            held = float(row - start[i] + 1)
            now = s * (close[bar] - price)
            a = atr[bar] if atr[bar] > 0.0 else np.nan
            state[_HELD] = held
            state[_OPEN_R] = now / r
            state[_MFE_R] = best / r
            state[_MAE_R] = worst / r
            state[_GIVE_BACK_R] = (best - now) / r
            state[_GIVE_BACK_SHARE] = min((best - now) / best, 1.0) if best > 0.0 else 1.0
            state[_SINCE_MFE] = float(since)
            state[_RANGE_POSITION] = (now - worst) / (best - worst) if best > worst else 0.5
            state[_OPEN_ATR] = now / a
            state[_MFE_ATR] = best / a
            state[_GIVE_BACK_ATR] = (best - now) / a
            state[_RISK_ATR] = r / a
            state[_STOP_DISTANCE_ATR] = (now + r) / a
            state[_DRIFT_ATR] = now / a / np.sqrt(held)
            state[_ATR_SINCE_ENTRY] = a / atr_entry[i] if atr_entry[i] > 0.0 else np.nan
            if len(usual):
                state[_PARTICIPATION] = np.log(quantity[i] / usual[bar]) if usual[bar] > 0.0 else np.nan
            state[_SIDE] = s
            state[_DAYS_HELD] = max(close_time[bar] - entry_time[i], 0) / DAY_NS
            target = row if every else k
            for c in range(n_slots):
                out[target, column + c] = state[slots[c]]
            k += 1
