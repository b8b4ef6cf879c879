"""Which trades a ladder has seen in its tuning: in-sample, out of sample or mixed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from exitladder.arrays import IntArray
from exitladder.plans.provenance import TunedOn, fingerprints
from exitladder.trades.trades import PlacedTrades

IN_SAMPLE, MIXED, OUT_OF_SAMPLE = "in_sample", "mixed", "out_of_sample"
WALK_FORWARD_COMMAND = (
    "exitladder backtest --walk-forward DIR --bars BARS --trades TRADES --out OUT (DIR is the --out folder of tune)"
)
Labels = npt.NDArray[np.object_]


@dataclass(frozen=True)
class SampleCounts:
    """How many trades of a run were in-sample, mixed and out of sample.

    Parameters
    ----------
    n_in_sample, n_mixed, n_out_of_sample : int
        A trade is mixed if the ladder was not tuned on it, but it was alive in the time that the tuning saw.
    """

    n_in_sample: int
    n_mixed: int
    n_out_of_sample: int

    @classmethod
    def of(cls, labels: Iterable[object]) -> SampleCounts:
        """Return the counts of these labels."""
        found = list(labels)
        return cls(*(found.count(name) for name in (IN_SAMPLE, MIXED, OUT_OF_SAMPLE)))

    @property
    def sample(self) -> str:
        """``out_of_sample`` or ``in_sample`` if no trade is the other, else ``mixed``.

        A run without any trade out of sample is in-sample if the ladder was tuned on any of its trades.
        """
        if self.n_in_sample == self.n_mixed == 0:
            return OUT_OF_SAMPLE
        return IN_SAMPLE if self.n_in_sample and not self.n_out_of_sample else MIXED

    @property
    def text(self) -> str:
        """The counts in one sentence; empty if every trade is out of sample."""
        if self.sample == OUT_OF_SAMPLE:
            return ""
        n = self.n_in_sample + self.n_mixed + self.n_out_of_sample
        text = f"The ladder was tuned on {self.n_in_sample:,} of these {n:,} trades"
        if self.n_mixed:
            text += f", and {self.n_mixed:,} more were alive in the time that its tuning saw"
        are = "is" if self.n_out_of_sample == 1 else "are"
        return f"{text}; {self.n_out_of_sample:,} {are} out of sample."

    def to_mapping(self) -> dict[str, Any]:
        """Return the values that commands print."""
        return {
            "sample": self.sample,
            "n_in_sample": self.n_in_sample,
            "n_mixed": self.n_mixed,
            "n_out_of_sample": self.n_out_of_sample,
        }


def samples_of(placed: PlacedTrades, tuned: TunedOn | None, ended: IntArray) -> Labels:
    """Return for each trade whether the ladder's tuning has seen it, shape (n_trades,).

    Parameters
    ----------
    placed : PlacedTrades
    tuned : TunedOn or None
        None for a ladder that was not tuned: every trade then counts as out of sample.
    ended : int64 array, shape (n_trades,)
        Last bar close of each trade's life, nanoseconds since 1970 UTC; the latest integer if it is still open.

    Returns
    -------
    object array of str, shape (n_trades,)
    """
    labels: Labels = np.full(len(placed), OUT_OF_SAMPLE, dtype=object)
    if tuned is None:
        return labels
    seen = np.array([item in tuned.trades for item in fingerprints_of(placed)], dtype=bool)
    alive = (placed.trades.entry_time < tuned.last) & (ended >= tuned.first)
    labels[alive] = MIXED
    labels[seen] = IN_SAMPLE
    return labels


def n_duplicates(placed: PlacedTrades) -> int:
    """Return the number of trades that share symbol, side and entry bar with an earlier one."""
    named = {"symbol": placed.trades.symbol, "side": placed.trades.side, "bar": placed.entry_bar}
    return int(pd.DataFrame(named).duplicated().sum())


def duplicate_note(placed: PlacedTrades) -> list[str]:
    """Return a sentence on near-duplicate trades if there are any: they count once as evidence, not each."""
    n = n_duplicates(placed)
    if not n:
        return []
    return [
        f"{n:,} of the {len(placed):,} trades are near-duplicates: they share symbol, side and entry bar with another "
        "one and add no evidence of their own."
    ]


def fingerprints_of(placed: PlacedTrades) -> list[str]:
    """Return the fingerprint of each trade by symbol, side and entry bar."""
    bars = placed.bars.time[placed.entry_bar]
    return fingerprints(map(str, placed.trades.symbol), placed.trades.side.tolist(), bars.tolist())
