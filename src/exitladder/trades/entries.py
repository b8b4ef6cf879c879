"""Trades made from bars by a named rule: something to exit from where the user has no trades yet.

A rule looks at closed bars only. Its decision at the close of a bar is entered at the open of the
next one, with a stop that was known at the decision.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
import talib

from exitladder.bars.atr import wilder_atr
from exitladder.bars.bars import Bars, BarSet
from exitladder.clock import NO_TIME
from exitladder.errors import TradesError, did_you_mean
from exitladder.runtime.progress import SILENT, Progress
from exitladder.trades.trades import AT_OPEN, Trades

IntArray = npt.NDArray[np.int64]
SIDES = ("both", "long", "short")
_DAY = 86_400 * 10**9
_MADE_ID = re.compile(r"\d{8}(?:T\d{6})?-([LS])")


@dataclass(frozen=True)
class EntryOptions:
    """What the rules and the sizing of entries read; see `make_trades`.

    Raises
    ------
    TradesError
        If a value is impossible.
    """

    window: int = 20
    fast_window: int = 5
    threshold: float = 30.0
    stop_atr: float = 2.0
    atr_window: int = 14
    sides: str = "both"
    risk_money: float = 1000.0
    lot: float = 1.0
    cooldown_bars: int = 5
    seed: int = 0

    def __post_init__(self) -> None:
        least = {"window": 2, "fast_window": 2, "atr_window": 1, "cooldown_bars": 0, "lot": 0, "seed": 0}
        for name, limit in least.items():
            if not limit <= getattr(self, name) < np.inf:
                raise TradesError(f"{name} must be at least {limit}, but is {getattr(self, name)}.")
        for name in ("stop_atr", "risk_money", "threshold"):
            if not 0 < getattr(self, name) < np.inf:
                raise TradesError(f"{name} must be a number greater than 0, but is {getattr(self, name)}.")
        if self.sides not in SIDES:
            raise TradesError(
                f"sides must be both, long or short, but is {self.sides!r}. {did_you_mean(self.sides, SIDES)}"
            )


Rule = Callable[[Bars, EntryOptions], npt.NDArray[np.int8]]


def donchian(bars: Bars, options: EntryOptions) -> npt.NDArray[np.int8]:
    """Return +1 where the close breaks above the highest high of the previous `window` bars, -1 for lows.

    Only fresh breakouts: the close before did not break out to that side.
    """
    n, window = len(bars), options.window
    out = np.zeros(n, dtype=np.int8)
    if n > window:
        highest, lowest = talib.MAX(bars.high, window)[:-1], talib.MIN(bars.low, window)[:-1]
        up = np.append(False, bars.close[1:] > highest)
        down = np.append(False, bars.close[1:] < lowest)
        out[1:][up[1:] & ~up[:-1]] = 1
        out[1:][down[1:] & ~down[:-1]] = -1
    return out


def ma_cross(bars: Bars, options: EntryOptions) -> npt.NDArray[np.int8]:
    """Return +1 where the mean close of `fast_window` bars crosses above that of `window` bars, -1 below."""
    if options.fast_window >= options.window:
        raise TradesError(
            f"fast_window must be smaller than window, but is {options.fast_window} with window={options.window}."
        )
    if len(bars) <= options.window:
        return np.zeros(len(bars), dtype=np.int8)
    difference = talib.SMA(bars.close, options.fast_window) - talib.SMA(bars.close, options.window)
    return _crossings(difference, 0.0) - _crossings(-difference, 0.0)


def rsi_reversal(bars: Bars, options: EntryOptions) -> npt.NDArray[np.int8]:
    """Return +1 where the RSI of `fast_window` bars comes back above `threshold`, -1 below 100 less it."""
    if len(bars) <= options.fast_window:
        return np.zeros(len(bars), dtype=np.int8)
    rsi = talib.RSI(bars.close, options.fast_window)
    return _crossings(rsi, options.threshold) - _crossings(100 - rsi, options.threshold)


def random(bars: Bars, options: EntryOptions) -> npt.NDArray[np.int8]:
    """Return +1 or -1 at random bars, one in `window` on average; the baseline that knows nothing.

    A bar's draw follows from seed, symbol and the bar's number, so that later bars change nothing.
    """
    generator = np.random.default_rng([options.seed, zlib.crc32(bars.symbol.encode())])
    draws = generator.random((len(bars), 2))
    side = np.where(draws[:, 1] < 0.5, 1, -1)
    return np.where(draws[:, 0] < 1 / options.window, side, 0).astype(np.int8)


RULES: dict[str, Rule] = {"donchian": donchian, "ma_cross": ma_cross, "rsi_reversal": rsi_reversal, "random": random}


def make_trades(
    bars: BarSet,
    rule: str = "donchian",
    *,
    window: int = 20,
    fast_window: int = 5,
    threshold: float = 30.0,
    stop_atr: float = 2.0,
    atr_window: int = 14,
    sides: str = "both",
    risk_money: float = 1000.0,
    lot: float = 1.0,
    cooldown_bars: int = 5,
    seed: int = 0,
    progress: Progress = SILENT,
) -> Trades:
    """Return open trades that a named rule enters, each at the open after the bar that decided it.

    Parameters
    ----------
    bars : BarSet
    rule : str
        A name of `RULES`: donchian, ma_cross, rsi_reversal or random.
    window : int
        Bars of the breakout's channel or of the slower average; the mean distance of random entries.
    fast_window : int
        Bars of the faster average, or of the RSI.
    threshold : float
        RSI below which a fall counts as oversold (100 less it: overbought).
    stop_atr : float
        Distance of the stop from the entry, in ATR known at the decision.
    atr_window : int
        Bars of Wilder's ATR.
    sides : {"both", "long", "short"}
    risk_money : float
        Money lost at the stop: the quantity is this over the distance to the stop, rounded down to the lot.
    lot : float
        Step of the quantity; 0 means continuous.
    cooldown_bars : int
        Bars after a decision of the same symbol and side during which there is no other.
    seed : int
        What random entries follow from, together with the symbol.
    progress : Progress

    Returns
    -------
    Trades
        In order of entry; ids such as ``AAPL-20050103-L`` do not depend on later bars. None has an exit.

    Raises
    ------
    TradesError
        If the rule is unknown, an option is impossible, or the rule enters nothing at all.

    Notes
    -----
    Does not look ahead: the last bar's close decides nothing, as no open follows; a stop that would be at
    or below 0, and a quantity that rounds to 0, make no trade.

    Examples
    --------
    >>> from exitladder.sample import load_sample_bars
    >>> trades = make_trades(load_sample_bars()[0], "donchian", sides="long")
    >>> trades[0].trade_id, trades[0].risk > 0
    ('IBM-20000606-L', True)
    """
    if rule not in RULES:
        raise TradesError(f"Unknown entry rule '{rule}'. {did_you_mean(rule, RULES)}")
    options = EntryOptions(
        window, fast_window, threshold, stop_atr, atr_window, sides, risk_money, lot, cooldown_bars, seed
    )
    members = []
    with progress.stage("making trades", len(bars)) as advance:
        for own in (bars[symbol] for symbol in bars):
            members.append(_entries(own, RULES[rule](own, options), options))
            advance(1)
    table = pd.concat(members, ignore_index=True)
    if table.empty:
        raise TradesError(
            f"The rule '{rule}' enters no trade on {bars.n_bars} bars of {', '.join(bars.symbols[:8])}. Bring "
            "more bars, a shorter window, more risk_money or a smaller lot."
        )
    return _as_trades(table.sort_values(["entry_time", "trade_id"], ignore_index=True, kind="stable"), rule)


def rules_of(trades: Trades) -> tuple[str, ...]:
    """Return the rules that made these trades; none if one of them was not made by `make_trades`.

    A file shows it by its columns tag and trade_id: ``donchian`` and ``AAPL-20050103-L``.

    Examples
    --------
    >>> from exitladder.sample import load_sample_bars
    >>> rules_of(make_trades(load_sample_bars()[0], "donchian", sides="long"))
    ('donchian',)
    """
    rules = set(map(str, trades.tag))
    if not len(trades) or not rules <= set(RULES):
        return ()
    names = zip(map(str, trades.trade_id), map(str, trades.symbol), trades.side > 0, strict=True)
    is_made = all(
        name.startswith(f"{symbol}-")
        and (found := _MADE_ID.fullmatch(name, len(symbol) + 1))
        and (found[1] == "L") == long
        for name, symbol, long in names
    )
    return tuple(sorted(rules)) if is_made else ()


def _entries(bars: Bars, signal: npt.NDArray[np.int8], options: EntryOptions) -> pd.DataFrame:
    atr = wilder_atr(bars.high, bars.low, bars.close, options.atr_window)
    wanted = {"both": (1, -1), "long": (1,), "short": (-1,)}[options.sides]
    found = [_spaced(np.flatnonzero(signal[:-1] == s), options.cooldown_bars) for s in wanted]
    decided = np.concatenate(found)
    side = np.concatenate([np.full(len(f), s, dtype=np.int64) for f, s in zip(found, wanted, strict=True)])
    entry = bars.open[decided + 1]
    stop = entry - side * options.stop_atr * atr[decided]
    with np.errstate(divide="ignore", invalid="ignore"):
        quantity = options.risk_money / np.abs(entry - stop)
        if options.lot > 0:
            # a quotient such as 172.99999999999997 is 173 lots
            quantity = np.floor(quantity / options.lot * (1 + 1e-12)) * options.lot
    usable = np.isfinite(stop) & (stop > 0) & (stop != entry) & np.isfinite(quantity) & (quantity > 0)
    time = bars.time[decided + 1]
    whole_days = bars.interval_ns % _DAY == 0
    stamps = pd.to_datetime(time, unit="ns", utc=True).strftime("%Y%m%d" if whole_days else "%Y%m%dT%H%M%S")
    ids = [f"{bars.symbol}-{when}-{'L' if s > 0 else 'S'}" for when, s in zip(stamps, side, strict=True)]
    table = pd.DataFrame(
        {
            "trade_id": np.array(ids, dtype=object),
            "symbol": np.full(len(ids), bars.symbol, dtype=object),
            "side": side,
            "entry_time": time,
            "entry_price": entry,
            "quantity": quantity,
            "stop_price": stop,
        }
    )
    entered: pd.DataFrame = table.loc[usable]
    return entered


def _spaced(decided: IntArray, cooldown_bars: int) -> IntArray:
    """Return decisions each more than `cooldown_bars` after the one kept before."""
    kept: list[int] = []
    for bar in decided.tolist():
        if not kept or bar - kept[-1] > cooldown_bars:
            kept.append(bar)
    return np.array(kept, dtype=np.int64)


def _crossings(values: npt.NDArray[np.float64], level: float) -> npt.NDArray[np.int8]:
    above = values > level
    known = ~np.isnan(values)
    out = np.zeros(len(values), dtype=np.int8)
    out[1:] = above[1:] & ~above[:-1] & known[:-1]
    return out


def _as_trades(table: pd.DataFrame, rule: str) -> Trades:
    n = len(table)
    return Trades(
        trade_id=table["trade_id"].to_numpy(dtype=object),
        symbol=table["symbol"].to_numpy(dtype=object),
        side=table["side"].to_numpy(dtype=np.int8),
        entry_time=table["entry_time"].to_numpy(dtype=np.int64),
        entry_price=table["entry_price"].to_numpy(dtype=np.float64),
        quantity=table["quantity"].to_numpy(dtype=np.float64),
        stop_price=table["stop_price"].to_numpy(dtype=np.float64),
        entry_at=np.full(n, AT_OPEN, dtype=np.int8),
        exit_time=np.full(n, NO_TIME, dtype=np.int64),
        exit_price=np.full(n, np.nan),
        quantity_open=np.full(n, np.nan),
        tag=np.full(n, rule, dtype=object),
    )
