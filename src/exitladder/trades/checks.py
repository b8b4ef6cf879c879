"""Whether trades could have been entered on the bars they are placed on."""

from __future__ import annotations

import warnings

import numpy as np
import numpy.typing as npt
import pandas as pd

from exitladder.arrays import FloatArray, IntArray
from exitladder.bars.atr import atr_of_set
from exitladder.bars.bars import BarSet
from exitladder.clock import DAY_NS, interval_name, stamp_text
from exitladder.errors import ExitladderWarning, TradesError
from exitladder.plans.units import Distance
from exitladder.trades.trades import PlacedTrades, Trades

# what a slipped or rounded price may lie beside its bar, as a share of the price
_FAR = 0.05
_ROUNDING = 1e-9
# share of trades far outside their bars that makes it a matter of the files and not of single rows
_SYSTEMATIC = 0.5
_ONE_PRICE = 1e-6
# E2: share of a trade's risk
_TOLERANCE = 0.1
DEFAULT_STOP = Distance(2.0, "ATR")
# prices that fit only the bar after their own, and the share that may contradict them
_TELLING, _REST = 5, 0.1
_MINUTE = 60 * 10**9
_USUAL_INTERVALS = tuple(
    int(minutes * _MINUTE) for minutes in (1440, 240, 60, 30, 15, 5, 1, 1 / 2, 1 / 4, 1 / 6, 1 / 12, 1 / 60)
)


def check_trades_on_bars(placed: PlacedTrades, without_stop: Distance = DEFAULT_STOP) -> npt.NDArray[np.bool_]:
    """Return which trades were entered at a price outside of their bar's low and high, shape (n_trades,).

    Warns with the number of those within a tenth of their risk, if any: slippage and rounding put a price a little
    outside. Those farther outside are left out by `exitladder.pipelines.inputs.prepare` (rule E2). Warns too if
    entries are at prices as traded and the bars were adjusted.

    Parameters
    ----------
    placed : PlacedTrades
    without_stop : Distance
        As in `fills_outside_bars`.

    Raises
    ------
    TradesError
        If at least half of the prices are outside by more than the larger of the bar's range and 5% of the price. Such
        trades are not of these bars: most often one of the two is adjusted for splits and the other is not.
    """
    placed, bar, price = _entries(placed)
    trades, bars = placed.trades, placed.bars
    _warn_of_traded_prices(placed, bar, price)
    low, high = bars.low[bar], bars.high[bar]
    beyond = np.maximum(low - price, price - high)
    outside = beyond > _ROUNDING * price
    far = beyond > np.maximum(high - low, _FAR * price)
    if far.any() and far.mean() >= _SYSTEMATIC:
        i = int(np.argmax(far))
        ratio = float(np.median((price / bars.open[bar])[far]))
        raise TradesError(
            "entry_price must be within its bar, but "
            f"trade '{trades.trade_id[i]}' of {trades.symbol[i]} was entered at {price[i]:.10g} and the bar of "
            f"{stamp_text(int(bars.time[bar[i]]))} runs from {low[i]:.10g} to {high[i]:.10g}. {int(far.sum())} of "
            f"{len(placed)} trades are concerned (median {ratio:.4g} times the bar's open). Probably one side is "
            "adjusted for splits or dividends and the other is not, or the times are of another zone: read the "
            "bars as traded with --set data.adjust=none (cash dividends are then credited), adjust the trades' prices "
            "(`exitladder trades adjust`), or check --tz."
        )
    slightly = outside & ~entered_outside(placed, without_stop)
    if slightly.any():
        i = int(np.argmax(slightly))
        warnings.warn(
            f"{int(slightly.sum())} of {len(placed)} trades were entered at a price outside of their bar by at most "
            f"0.1 R, such as '{trades.trade_id[i]}' at {price[i]:.10g} in a bar from {low[i]:.10g} to {high[i]:.10g} "
            f"({stamp_text(int(bars.time[bar[i]]))}). Their prices are taken as given.",
            ExitladderWarning,
            stacklevel=2,
        )
    return np.asarray(outside)


def _warn_of_traded_prices(placed: PlacedTrades, bar: IntArray, price: FloatArray) -> None:
    """Warn if more entries are at an open or close as traded than at an adjusted one, on bars that were adjusted."""
    bars = placed.bars
    if bars.factor is None or not len(placed):
        return
    ends, factor = np.stack([bars.open[bar], bars.close[bar]]), bars.factor[bar]
    adjusted = np.isclose(ends, price, rtol=_ONE_PRICE, atol=0).any(axis=0)
    traded = np.isclose(ends / factor, price, rtol=_ONE_PRICE, atol=0).any(axis=0) & ~adjusted
    if traded.sum() <= adjusted.sum():
        return
    i = int(np.argmax(traded))
    warnings.warn(
        f"{int(traded.sum())} of {len(placed)} trades were entered at an open or close as traded, such as "
        f"'{placed.trades.trade_id[i]}' at {price[i]:.10g}, but the bars are adjusted by adj_close, and their "
        "stops and targets would be met at other prices. Read the bars as traded (--set data.adjust=none; cash "
        "dividends are then credited), or adjust the trades too (`exitladder trades adjust`).",
        ExitladderWarning,
        stacklevel=3,
    )


def _entries(placed: PlacedTrades) -> tuple[PlacedTrades, IntArray, FloatArray]:
    """Return the trades whose entry can be compared with its bar, with the bar and price that contradict it most.

    A position of several entries is held fill by fill; where only its average is known it is left out.
    """
    trades = placed.trades
    if trades.n_entries is None:
        return placed, placed.entry_bar, trades.entry_price
    bar, price = placed.entry_bar.copy(), trades.entry_price.copy()
    keep = trades.n_entries <= 1
    if trades.fills is not None:
        owner = trades.fills.trade
        fill_bar = bars_of_times(placed, owner, trades.fills.time)
        usable = trades.fills.is_entry & (fill_bar >= 0)
        beyond = _beyond(placed.bars, fill_bar, trades.fills.price)
        worst: dict[int, int] = {}
        for f in np.flatnonzero(usable).tolist():
            i = int(owner[f])
            if i not in worst or beyond[f] > beyond[worst[i]]:
                worst[i] = f
        for i, f in worst.items():
            bar[i], price[i], keep[i] = fill_bar[f], trades.fills.price[f], True
    rows = np.flatnonzero(keep)
    return placed.take(rows), bar[rows], price[rows]


def _bars_around(placed: PlacedTrades, owner: IntArray, time: IntArray) -> tuple[IntArray, IntArray]:
    """Return the bars before and after times without a bar, -1 before the first and after the last one."""
    bars = placed.bars
    before, after = np.full(len(time), -1, dtype=np.int64), np.full(len(time), -1, dtype=np.int64)
    symbol = placed.symbol_index[owner]
    for k in np.unique(symbol):
        rows = np.flatnonzero(symbol == k)
        low, high = int(bars.start[k]), int(bars.start[k + 1])
        at = low + np.searchsorted(bars.time[low:high], time[rows], side="right")
        before[rows], after[rows] = np.where(at > low, at - 1, -1), np.where(at < high, at, -1)
    return before, after


def bars_of_times(placed: PlacedTrades, owner: IntArray, time: IntArray) -> IntArray:
    """Return the bar of each time, -1 if there is none.

    Parameters
    ----------
    placed : PlacedTrades
    owner : int64 array, shape (n,)
        Positions of the trades that the times belong to.
    time : int64 array, shape (n,)
        Nanoseconds since 1970 UTC.

    Returns
    -------
    int64 array, shape (n,)
        Positions counted through all bars of the set.
    """
    before, _ = _bars_around(placed, owner, time)
    bars = placed.bars
    length = np.asarray(bars.interval_ns)[placed.symbol_index[owner]]
    return np.where((before >= 0) & (time < bars.time[before] + length), before, -1)


def after_the_bars(placed: PlacedTrades, owner: IntArray, time: IntArray) -> npt.NDArray[np.bool_]:
    """Return which times are more than a bar's length after the last bar of their symbol has ended, shape (n,).

    Parameters
    ----------
    placed : PlacedTrades
    owner : int64 array, shape (n,)
        Positions of the trades that the times belong to.
    time : int64 array, shape (n,)
        Nanoseconds since 1970 UTC.

    Returns
    -------
    bool array, shape (n,)
        An exit at such a time has no bar, and its effect on the trade is unknown.
    """
    bars = placed.bars
    k = placed.symbol_index[owner]
    last = bars.time[bars.start[k + 1] - 1]
    return np.asarray(time > last + 2 * np.asarray(bars.interval_ns)[k])


def _beyond(bars: BarSet, bar: IntArray, price: FloatArray) -> FloatArray:
    """Return how far prices are outside their bars, 0 inside, NaN if there is no bar."""
    return _outside(price, bars.low[bar], bars.high[bar], known=bar >= 0)


def _outside(price: FloatArray, low: FloatArray, high: FloatArray, known: npt.NDArray[np.bool_]) -> FloatArray:
    out = np.maximum(np.maximum(low - price, price - high), 0.0)
    return np.where(known, np.where(out > _ROUNDING * price, out, 0.0), np.nan)


def exits_between_bars(placed: PlacedTrades) -> npt.NDArray[np.bool_]:
    """Return the trades with an own exit at a time between two bars of their symbol, shape (n_trades,).

    Such an exit, on a weekend or outside the session, is executed in the bar before it.
    """
    own = placed.trades.own_exits()
    before, after = _bars_around(placed, own.trade, own.time)
    is_between = (bars_of_times(placed, own.trade, own.time) < 0) & (before >= 0) & (after >= 0)
    found = np.zeros(len(placed), dtype=bool)
    found[own.trade[is_between]] = True
    return found


def refuse_end_stamps(placed: PlacedTrades) -> None:
    """Reject bars stamped at their end that were read as stamped at their start, where prices of trades show it.

    Read so, the bar of every entry and exit comes one bar too early: its prices are those of the bar after it.

    Parameters
    ----------
    placed : PlacedTrades
        On bars of which nothing says which end their stamps mark. Bars of calendar dates are not concerned.

    Raises
    ------
    TradesError
        If at least five prices of entries and exits fit only the bar after their own, and at most one in ten of those
        that fit one of the two alone fits its own.
    """
    bars = placed.bars
    owner, time, price, _ = _every_fill(placed.trades)
    bar = bars_of_times(placed, owner, time)
    following = np.minimum(bar + 1, len(bars.time) - 1)
    length = np.asarray(bars.interval_ns)[placed.symbol_index[owner]]
    usable = (bar >= 0) & ((length < DAY_NS) | (bars.time[bar] % DAY_NS != 0)) & (bar + 1 < placed.end_bar[owner])
    usable &= bars.time[following] - bars.time[bar] == length
    bar, following, price, owner = bar[usable], following[usable], price[usable], owner[usable]
    fits_own, fits_next = _beyond(bars, bar, price) == 0, _beyond(bars, following, price) == 0
    own, later = fits_own & ~fits_next, fits_next & ~fits_own
    if later.sum() < _TELLING or own.sum() > _REST * (own.sum() + later.sum()):
        return
    i = int(np.argmax(later))
    raise TradesError(
        f"Prices of trades must be within their bars, but {int(later.sum())} entries and exits fit only the bar after "
        f"their own and {int(own.sum())} only their own, such as {price[i]:.10g} of trade "
        f"'{placed.trades.trade_id[owner[i]]}', whose bar of {stamp_text(int(bars.time[bar[i]]))} runs from "
        f"{bars.low[bar[i]]:.10g} to {bars.high[bar[i]]:.10g}. The bars are most likely stamped at their end: pass "
        "--stamps end, or --stamps start if they are not (data.stamps)."
    )


def fills_outside_bars(placed: PlacedTrades, without_stop: Distance = DEFAULT_STOP) -> pd.DataFrame:
    """Return the fills outside their bar by more than a tenth of the trade's risk (E2).

    An exit between two bars, as on a weekend, is held to the lower low and the higher high of both.

    Parameters
    ----------
    placed : PlacedTrades
    without_stop : Distance
        What stands for the risk of trades that bring no stop: `labels.initial_stop`.

    Returns
    -------
    DataFrame
        A row a fill, the worst first: trade (position), trade_id, fill (entry or exit), time, price, low, high,
        risks (how far outside, in risks).
    """
    trades = placed.trades
    owner, time, price, is_entry = _every_fill(trades)
    bar = bars_of_times(placed, owner, time)
    first, last = bar.copy(), bar.copy()
    between = np.flatnonzero((bar < 0) & ~is_entry)
    first[between], last[between] = _bars_around(placed, owner[between], time[between])
    low = np.minimum(placed.bars.low[first], placed.bars.low[last])
    high = np.maximum(placed.bars.high[first], placed.bars.high[last])
    beyond = _outside(price, low, high, known=(first >= 0) & (last >= 0))
    risk = np.abs(trades.entry_price - trades.stop_price)
    missing = np.isnan(risk)
    if missing.any():
        risk = np.where(missing, _risk(placed, without_stop), risk)
    marked = np.flatnonzero(beyond > _TOLERANCE * risk[owner] * (1 + _ROUNDING))
    table = pd.DataFrame(
        {
            "trade": owner[marked],
            "trade_id": trades.trade_id[owner[marked]],
            "fill": np.where(is_entry[marked], "entry", "exit"),
            "time": pd.to_datetime(time[marked], unit="ns", utc=True),
            "price": price[marked],
            "low": low[marked],
            "high": high[marked],
            "risks": beyond[marked] / risk[owner[marked]],
        }
    )
    return table.sort_values("risks", ascending=False, ignore_index=True, kind="stable")


def entered_outside(placed: PlacedTrades, without_stop: Distance = DEFAULT_STOP) -> npt.NDArray[np.bool_]:
    """Return the trades with an entry outside its bar by more than a tenth of their risk (E2), shape (n_trades,).

    Parameters
    ----------
    placed : PlacedTrades
    without_stop : Distance
        As in `fills_outside_bars`.

    Returns
    -------
    bool array, shape (n_trades,)
        Of a position of several entries each is held to its own bar.
    """
    out = np.zeros(len(placed), dtype=bool)
    table = fills_outside_bars(placed, without_stop)
    out[table["trade"][(table["fill"] == "entry").to_numpy()].to_numpy(dtype=np.int64)] = True
    return out


def same_bar_trips(placed: PlacedTrades) -> tuple[npt.NDArray[np.bool_], int]:
    """Return the trades that were entered and closed by their own exit inside one bar, and the interval they need.

    Parameters
    ----------
    placed : PlacedTrades

    Returns
    -------
    is_same : bool array, shape (n_trades,)
        These bars cannot order entry, extremes and exit.
    interval_ns : int
        The longest usual interval that is not longer than the holding times of nine in ten of them, which puts entry
        and exit on different bars; 0 if their times are equal (dates alone, for example).
    """
    trades = placed.trades
    closed = np.flatnonzero(~trades.is_open)
    same = np.zeros(len(placed), dtype=bool)
    same[closed] = bars_of_times(placed, closed, trades.exit_time[closed]) == placed.entry_bar[closed]
    held = (trades.exit_time - trades.entry_time)[same]
    if not len(held):
        return same, 0
    least = float(np.quantile(held, 0.1))
    return same, next((length for length in _USUAL_INTERVALS if length <= least), 0)


def same_bar_text(placed: PlacedTrades) -> str:
    """Return what to say of trades inside one bar, with the finer interval that would be needed; empty if none is."""
    same, interval = same_bar_trips(placed)
    if not same.any():
        return ""
    cure = (
        f"bars of {interval_name(interval)} or shorter would separate them"
        if interval
        else "their times are equal; give times of day, and bars of a shorter interval"
    )
    return (
        f"{int(same.sum())} of {len(placed)} trades were entered and closed inside one bar: these bars do not show the "
        f"order of entry, high, low and exit ({cure})"
    )


def _every_fill(trades: Trades) -> tuple[IntArray, IntArray, FloatArray, npt.NDArray[np.bool_]]:
    """Return owner, time, price and kind of all entries and exits that the files tell."""
    single = np.ones(len(trades), dtype=bool) if trades.n_entries is None else trades.n_entries <= 1
    owner, time, price, is_entry = [], [], [], []
    has_fills = np.zeros(len(trades), dtype=bool)
    if trades.fills is not None:
        has_fills = np.diff(trades.fills.start) > 0
        owner.append(trades.fills.trade)
        time.append(trades.fills.time)
        price.append(trades.fills.price)
        is_entry.append(trades.fills.is_entry)
    plain, closed = np.flatnonzero(~has_fills & single), np.flatnonzero(~has_fills & ~trades.is_open)
    owner += [plain, closed]
    time += [trades.entry_time[plain], trades.exit_time[closed]]
    price += [trades.entry_price[plain], trades.exit_price[closed]]
    is_entry += [np.ones(len(plain), dtype=bool), np.zeros(len(closed), dtype=bool)]
    return np.concatenate(owner), np.concatenate(time), np.concatenate(price), np.concatenate(is_entry)


def _risk(placed: PlacedTrades, distance: Distance) -> FloatArray:
    price = placed.trades.entry_price
    if distance.unit == "%":
        return price * distance.value / 100
    atr = atr_of_set(placed.bars, 14)
    known = np.maximum(placed.entry_bar - 1, placed.bars.start[placed.symbol_index])
    bar_range = placed.bars.high[placed.entry_bar] - placed.bars.low[placed.entry_bar]
    return distance.value * np.where(np.isnan(atr[known]), bar_range, atr[known])
