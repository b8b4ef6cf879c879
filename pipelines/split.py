"""The one cut in time between what may be learnt from and what is never touched."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from exitladder.errors import TradesError
from exitladder.pipelines.prepare import Prepared
from exitladder.settings import Settings

LEAST_TRADES = 20


@dataclass(frozen=True)
class Holdout:
    """Which trades are learnt from and which are only ever scored.

    Parameters
    ----------
    training, test : bool array, shape (n_trades,)
        Trades in neither were purged: their exits could still have been open at the cut.
    cut : int
        The test part's first entry, nanoseconds since 1970 UTC.
    """

    training: npt.NDArray[np.bool_]
    test: npt.NDArray[np.bool_]
    cut: int

    @property
    def n_purged(self) -> int:
        """Trades between the two parts that belong to neither."""
        return int((~self.training & ~self.test).sum())

    @property
    def cut_time(self) -> pd.Timestamp:
        """The cut as a time stamp."""
        return pd.Timestamp(self.cut, tz="UTC")


def hold_out(prepared: Prepared, settings: Settings, longest_bars: int) -> Holdout:
    """Return the split: the latest trades are the test part, earlier ones that end before it the training part.

    A trade belongs to the training part only if the longest life that any candidate could give it
    (`longest_bars`, and the embargo after it) ends before the first entry of the test part. So no
    bar that prices a training exit lies in the test part's time.

    Raises
    ------
    TradesError
        If either part is too small to say anything.
    """
    time = prepared.entry_time
    n_test = max(1, round(len(time) * settings.validation.test_fraction))
    cut = int(time[len(time) - n_test])
    test = time >= cut
    bars = prepared.placed.bars
    reach = np.minimum(
        prepared.placed.first_bar + longest_bars + settings.validation.embargo_bars, prepared.placed.end_bar - 1
    )
    reach = np.maximum(reach, prepared.placed.entry_bar)
    interval = bars.interval_ns[prepared.placed.symbol_index]
    training = ~test & (bars.time[reach] + interval <= cut)
    for part, name in ((training, "training"), (test, "test")):
        if part.sum() < LEAST_TRADES:
            raise TradesError(
                f"The {name} part must hold at least {LEAST_TRADES} trades to learn or say anything, but holds "
                f"{int(part.sum())} of {len(time)} (cut at {pd.Timestamp(cut, tz='UTC'):%Y-%m-%d}). "
                "Bring more trades, or change validation.test_fraction or search.time_bars."
            )
    return Holdout(training=training, test=test, cut=cut)
