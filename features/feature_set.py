"""Which features a model sees, in which order."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from exitladder.errors import FeatureError
from exitladder.features.catalogue import expand_name, find_column
from exitladder.features.families.series import series_name
from exitladder.features.families.trade_state import STATE_FEATURES, STATE_NAMES
from exitladder.features.feature import Column, wilder_memory
from exitladder.features.market import ATR_WINDOW
from exitladder.features.outside import NOTHING, Outside


@dataclass(frozen=True)
class FeatureSet:
    """Named columns: those of bars first, then those of trade state.

    Parameters
    ----------
    bar_names, state_names : tuple of str
    outside : Outside
        The benchmark and the series that columns may refer to; `exitladder.features.feature_set_of`
        reads them as the settings say.

    Examples
    --------
    >>> features = FeatureSet.from_names(["rsi_14", "roc_20", "open_r"])
    >>> features.names
    ('rsi_14', 'roc_20', 'open_r')
    >>> features.warm_up
    263
    """

    bar_names: tuple[str, ...]
    state_names: tuple[str, ...]
    outside: Outside = field(default=NOTHING, compare=False, repr=False)

    @classmethod
    def from_names(cls, names: Sequence[str] = ("default",), outside: Outside = NOTHING) -> FeatureSet:
        """Return the set that these sets (``default``, ``all``), families and single names make up.

        Raises
        ------
        FeatureError
            If a name is unknown or there is none.
        """
        if isinstance(names, str):
            names = (names,)
        has_benchmark, series = bool(outside.benchmark), tuple(outside.series)
        wanted = tuple(
            dict.fromkeys(c for name in names for c in expand_name(name, has_benchmark=has_benchmark, series=series))
        )
        if not wanted:
            raise FeatureError("A feature set needs at least one feature, but names none. 'default' is a good start.")
        return cls(
            bar_names=tuple(n for n in wanted if n not in STATE_NAMES),
            state_names=tuple(n for n in wanted if n in STATE_NAMES),
            outside=outside,
        )

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle by names: the receiving process looks up the columns' formulas."""
        return FeatureSet, (self.bar_names, self.state_names, self.outside)

    @property
    def names(self) -> tuple[str, ...]:
        """All columns in order."""
        return self.bar_names + self.state_names

    @cached_property
    def columns(self) -> tuple[Column, ...]:
        """The columns of bars."""
        found = tuple(find_column(name) for name in self.bar_names)
        return tuple(c for c in found if c is not None)

    @property
    def needs_benchmark(self) -> bool:
        """Whether a column refers to a benchmark."""
        return any(c.feature.needs == "benchmark" for c in self.columns)

    @property
    def reads_clock(self) -> bool:
        """Whether a column goes by the exchange's clock."""
        return any(c.feature.reads_clock for c in self.columns)

    @property
    def series_names(self) -> tuple[str, ...]:
        """The series that columns refer to, once each."""
        return tuple(dict.fromkeys(filter(None, (series_name(unframed_name(c)) for c in self.columns))))

    @property
    def warm_up(self) -> int:
        """Bars to load before the first bar whose values are wanted."""
        state = ATR_WINDOW + wilder_memory(ATR_WINDOW) if self.state_names else 0
        return max([state, *(c.warm_up for c in self.columns)], default=0)

    def fingerprint(self) -> str:
        """Return a SHA-256 over the names and the definition of every column."""
        state = [f.definition() for name in self.state_names for f in STATE_FEATURES if f.name == name]
        return hashlib.sha256("\n".join([*(c.definition() for c in self.columns), *state]).encode()).hexdigest()


def unframed_name(column: Column) -> str:
    """Return the column's name without its higher frame."""
    return column.name.removesuffix(f"_x{column.frame}")
