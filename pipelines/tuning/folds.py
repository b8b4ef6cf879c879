"""Walk-forward over trades: the cuts in time between trades to tune on and trades to score once."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pandas as pd

from exitladder.arrays import IntArray
from exitladder.errors import TradesError
from exitladder.pipelines.inputs.prepare import Prepared
from exitladder.settings.tables import Settings, ValidationSettings
from exitladder.trades.trades import PlacedTrades

LEAST_TRADES = 20
# Longest holding periods to try if that of the settings excludes too many trades, bars.
_SHORTER = (100, 50, 20)
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class TuningFold:
    """One cut: the trades before it that are tuned on, and those after it that are scored once.

    Parameters
    ----------
    training, test : bool array, shape (n_trades,)
    cut : int
        The test part's first entry, nanoseconds since 1970 UTC.
    n_purged : int
        Trades entered before the cut that are in neither part: their exits could still have been open then.
    """

    training: Mask
    test: Mask
    cut: int
    n_purged: int

    @property
    def cut_time(self) -> pd.Timestamp:
        """The cut as a time stamp."""
        return pd.Timestamp(self.cut, tz="UTC")


@dataclass(frozen=True)
class WalkForward:
    """Test parts that follow one another, each with the training part before it.

    Parameters
    ----------
    folds : tuple of TuningFold
        In time order; the test parts adjoin.
    final : bool array, shape (n_trades,)
        Trades to tune the final ladder on: all whose longest holding period has ended by the last bar.
    n_asked : int
        Test parts that the settings ask for; fewer are made if one would be too small.
    longest : tuple of int
        Longest time stop searched, and the one of the settings, bars; empty if they are equal.
    """

    folds: tuple[TuningFold, ...]
    final: Mask
    n_asked: int
    longest: tuple[int, ...] = ()

    @property
    def test(self) -> Mask:
        """Trades of any test part, shape (n_trades,): all that were entered from the first cut on."""
        return np.asarray(np.logical_or.reduce([fold.test for fold in self.folds]))

    @property
    def cut(self) -> int:
        """The first cut, nanoseconds since 1970 UTC; nothing after it was known to the first tuning."""
        return self.folds[0].cut

    @property
    def cut_time(self) -> pd.Timestamp:
        """The first cut as a time stamp."""
        return self.folds[0].cut_time

    def fold_of(self, entry_time: IntArray) -> IntArray:
        """Return the fold whose choice executes a trade; those before the first cut are executed by its choice."""
        cuts = np.array([fold.cut for fold in self.folds], dtype=np.int64)
        return np.maximum(np.searchsorted(cuts, entry_time, side="right") - 1, 0).astype(np.int64)

    def part_of(self) -> npt.NDArray[np.str_]:
        """Return for each trade "training" (of the first fold), "purged" or "test", shape (n_trades,)."""
        return np.where(self.test, "test", np.where(self.folds[0].training, "training", "purged"))

    def note(self) -> str:
        """Return a sentence for each way in which the cuts differ from those asked for; empty if there is none."""
        said = []
        if len(self.folds) != self.n_asked:
            made = "one test part" if len(self.folds) == 1 else f"{len(self.folds)} test parts"
            said.append(
                f"The trades allow only {made} instead of {self.n_asked} (validation.n_test_parts): "
                f"each must hold at least {LEAST_TRADES} trades."
            )
        if self.longest:
            said.append(
                f"Holding periods of up to {self.longest[0]} bars are searched instead of {self.longest[1]} "
                "(search.time_bars): longer ones would leave too few trades to tune on."
            )
        return " ".join(said)


def fitting_walk(prepared: Prepared, settings: Settings) -> tuple[WalkForward, Settings]:
    """Return the cuts, and the settings with the longest holding period that leaves enough trades to tune on.

    A long holding period excludes many trades before a cut. If it excludes more than half of those before the first
    one, or leaves too few, shorter ones are tried, and every candidate then has a time stop.

    Parameters
    ----------
    prepared : Prepared
    settings : Settings

    Returns
    -------
    walk : WalkForward
    settings : Settings
        With the shorter ``search.time_bars``, or as given.

    Raises
    ------
    TradesError
        See `walk_forward`.
    """
    least, longest = min(settings.search.time_bars), max(settings.search.time_bars)
    refused, found = None, None
    for bars in (longest, *(n for n in _SHORTER if least <= n < longest)):
        try:
            found = bars, walk_forward(prepared, settings.validation, bars)
        except TradesError as error:
            refused = refused or error
            continue
        first = found[1].folds[0]
        if 2 * first.n_purged <= (prepared.entry_time < first.cut).sum():
            break
    if found is None:
        assert refused is not None
        raise refused
    bars, walk = found
    if bars == longest:
        return walk, settings
    shorter = {"time_bars": [least, bars], "time_stop": ["bars"]}
    return replace(walk, longest=(bars, longest)), settings.with_values({"search": shorter})


def walk_forward(prepared: Prepared, settings: ValidationSettings, longest_bars: int) -> WalkForward:
    """Return the cuts: the latest trades in parts of about equal size, each scored after tuning on earlier trades.

    A trade belongs to the training part of a cut only if the longest holding period that any candidate could give it
    (`longest_bars`, and the embargo after it) ends before the cut. So no bar that prices a training exit
    falls into the time of the test part, nor into the embargo before it.

    Parameters
    ----------
    prepared : Prepared
    settings : ValidationSettings
    longest_bars : int
        Bars that any candidate can hold a trade.

    Returns
    -------
    WalkForward
        Fewer parts than the settings ask for if one of them would be too small.

    Raises
    ------
    TradesError
        If there are too few trades for even one test part and a training part before it.
    """
    asked = settings.n_test_parts
    reach = _Reach.of(prepared, longest_bars + settings.embargo_bars)
    folds: tuple[TuningFold, ...] = ()
    for n_parts in range(asked, 0, -1):
        folds = _folds(prepared.entry_time, reach, settings, n_parts)
        if len(folds) == n_parts and all(fold.test.sum() >= LEAST_TRADES for fold in folds):
            break
    first = folds[0]
    for part, name in ((first.training, "training"), (first.test, "test")):
        if part.sum() < LEAST_TRADES:
            raise TradesError(
                f"The {name} part must hold at least {LEAST_TRADES} trades, but holds "
                f"{int(part.sum())} of {len(part)} (cut at {first.cut_time:%Y-%m-%d}). "
                "Bring more trades, or change validation.test_fraction or search.time_bars."
            )
    final = reach.ended_by(reach.last_close)
    return WalkForward(folds, final if final.sum() >= LEAST_TRADES else np.ones(len(final), dtype=bool), asked)


def _folds(time: IntArray, reach: _Reach, settings: ValidationSettings, n_parts: int) -> tuple[TuningFold, ...]:
    n = len(time)
    n_test = max(1, round(n * settings.test_fraction))
    edges = [n - n_test + round(k * n_test / n_parts) for k in range(n_parts)]
    cuts = np.unique(time[edges])
    ends = [*cuts[1:], np.iinfo(np.int64).max]
    folds = []
    for cut, end in zip(cuts, ends, strict=True):
        before = time < cut
        training = before & reach.ended_by(int(cut))
        purged = int((before & ~training).sum())
        if settings.window == "rolling":
            # As many trades back from the cut as there are before the first cut.
            training &= np.cumsum(before[::-1])[::-1] <= int((time < cuts[0]).sum())
        folds.append(TuningFold(training, (time >= cut) & (time < end), int(cut), purged))
    return tuple(folds)


@dataclass(frozen=True)
class _Reach:
    """When the longest holding period of each trade ends, and whether its symbol's bars end before that."""

    end: IntArray
    is_cut_short: Mask
    last_close: int

    @classmethod
    def of(cls, prepared: Prepared, longest_bars: int) -> _Reach:
        placed = prepared.placed
        wanted = placed.first_bar + longest_bars
        bar = np.maximum(np.minimum(wanted, placed.end_bar - 1), placed.entry_bar)
        close = placed.bars.close_time
        return cls(close[bar].astype(np.int64), np.asarray(wanted > placed.end_bar - 1), int(close.max()))

    def ended_by(self, moment: int) -> Mask:
        """Whether the longest holding period ended by a moment; if the symbol's bars ended before, so did the trade."""
        return np.asarray((self.end <= moment) & ~(self.is_cut_short & (self.end >= self.last_close)))


def known_by(placed: PlacedTrades, moment: int) -> PlacedTrades:
    """Return the trades as they were known at a moment, without bars that closed and exits that happened later.

    A trade still open then is open at the last bar that had closed. Candidates cannot hold past the moment because of
    purging; the user's own ladder and exits can.

    Parameters
    ----------
    placed : PlacedTrades
        Entered before the moment.
    moment : int
        Nanoseconds since 1970 UTC.
    """
    close, start = placed.bars.close_time, placed.bars.start
    end = np.array([low + np.searchsorted(close[low:high], moment, side="right") for low, high in pairwise(start)])
    return replace(
        placed, trades=placed.trades.known_at(moment), end_bar=np.minimum(placed.end_bar, end[placed.symbol_index])
    )
