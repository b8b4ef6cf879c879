"""Bars and trades prepared for every pipeline: placed trades, their R, rows and features."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from exitladder.arrays import FloatArray, IntArray
from exitladder.bars.atr import atr_of_set
from exitladder.bars.bars import BarSet
from exitladder.errors import TradesError
from exitladder.execution import simulate
from exitladder.execution.contracts import check_money
from exitladder.features import FeatureSet, feature_set_of
from exitladder.pipelines.inputs.dividends import with_known_dividends
from exitladder.pipelines.inputs.usable_trades import NO_NOTES, TradeNotes, usable_trades
from exitladder.plans.ladder import Execution, Ladder, Stop
from exitladder.plans.units import Distance
from exitladder.runtime.progress import SILENT, Progress
from exitladder.settings.tables import Settings
from exitladder.trades.rows import TradeRows, trade_rows
from exitladder.trades.session_dates import on_session_dates
from exitladder.trades.trade_fills import from_first_entry
from exitladder.trades.trades import PlacedTrades, Trades, place_trades


@dataclass(frozen=True)
class Prepared:
    """Trades on their bars with all data that does not depend on a ladder.

    Parameters
    ----------
    placed : PlacedTrades
        Sorted by entry time.
    atr : float64 array, shape (n_bars,)
        Wilder's ATR, in price.
    risk : float64 array, shape (n_trades,)
        1R in price; NaN if a trade has none (no stop and no ATR yet).
    rows : TradeRows
        At most `labels.max_bars` per trade.
    features : FeatureSet
    notes : TradeNotes
        On the trades that were left out, and on doubts about the others.
    books : tuple of str
        Of pooled trades, whose symbols are called BOOK/SYMBOL; none if they are not pooled.
    """

    placed: PlacedTrades
    atr: FloatArray
    risk: FloatArray
    rows: TradeRows
    features: FeatureSet
    notes: TradeNotes = NO_NOTES
    books: tuple[str, ...] = ()

    @property
    def entry_time(self) -> IntArray:
        """Entry time of each trade, nanoseconds since 1970 UTC, shape (n_trades,)."""
        return self.placed.trades.entry_time

    def take(self, trades: npt.NDArray[np.bool_] | IntArray) -> Prepared:
        """Return the part that belongs to these trades (positions or mask)."""
        placed = self.placed.take(trades)
        lengths = self.rows.lengths[trades]
        return Prepared(
            placed=placed,
            atr=self.atr,
            risk=self.risk[trades],
            rows=TradeRows(
                np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64), placed.first_bar.astype(np.int64)
            ),
            features=self.features,
            notes=self.notes,
            books=self.books,
        )


def placed_at_entries(trades: Trades, settings: Settings) -> Trades:
    """Return the trades placed at the entry that ``data.several_entries`` names, coin-margined ones at the last."""
    if settings.data.several_entries == "last":
        return trades
    inverse = [symbol for symbol, contract in settings.symbols.items() if contract.inverse]
    return from_first_entry(trades, np.isin(trades.symbol.astype(str), inverse))


def base_ladder(settings: Settings, name: str = "base") -> Ladder:
    """Return a ladder without rungs that carries the settings' costs and initial stop."""
    return Ladder(
        name=name,
        stop=Stop(initial=Distance.parse(settings.labels.initial_stop, "labels.initial_stop")),
        costs=settings.costs,
        execution=Execution(),
    )


def prepare(
    bars: BarSet,
    trades: Trades,
    settings: Settings,
    *,
    max_bars: int | None = None,
    keeps_all: bool = False,
    ladder: Ladder | None = None,
    progress: Progress = SILENT,
) -> Prepared:
    """Return the trades placed on their bars, sorted by entry time, with risk, rows and feature set.

    Parameters
    ----------
    bars : BarSet
    trades : Trades
    settings : Settings
    max_bars : int, optional
        Rows per trade at most; ``labels.max_bars`` by default.
    keeps_all : bool
        Whether doubtful trades are kept, with a warning, as open ones must be; see `usable_trades`.
    ladder : Ladder, optional
        The ladder to execute. Its costs and its initial stop decide which ticks are too wide; those of the settings by
        default.
    progress : Progress

    Returns
    -------
    Prepared

    Raises
    ------
    TradesError
        If there is no trade, a trade is outside its bars, or all are left out.
    """
    if len(trades) == 0:
        raise TradesError("There must be at least one trade, but there is none.")
    if settings.symbols:
        check_money(trades, settings.symbols, settings.currencies)
        bars = bars.with_contracts(settings.symbols, settings.currencies)
    base = base_ladder(settings)
    with progress.stage("placing trades", 3) as advance:
        bars = with_known_dividends(bars, settings.data, frozenset(map(str, trades.symbol)))
        trades = on_session_dates(trades, bars, settings.data.tz)
        order = np.lexsort((trades.trade_id.astype(str), trades.entry_time))
        placed = place_trades(trades.take(order), bars)
        advance(1)
        placed, notes = usable_trades(
            placed,
            settings,
            base if ladder is None else replace(base, stop=Stop(initial=ladder.stop.initial), costs=ladder.costs),
            max_bars=max_bars or settings.labels.max_bars,
            keeps_all=keeps_all,
        )
        advance(1)
        # R is known at the entry: no trade needs to be walked to its end for it
        left_at_once = replace(base, stop=replace(base.stop, time=1))
        prepared = Prepared(
            placed=placed,
            atr=atr_of_set(bars, base.atr_window),
            risk=simulate(placed, left_at_once).risk,
            rows=trade_rows(placed, max_bars or settings.labels.max_bars),
            features=feature_set_of(settings, bars),
            notes=notes,
        )
        advance(1)
    return prepared
