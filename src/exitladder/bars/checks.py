"""The rules that bars must keep, and how a broken one is mended.

Every rule is looked for on every row. Without `repair` a broken rule is an error; with it the rows
are mended in the order written here, and each mend is counted.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from exitladder.arrays import BoolArray, FloatArray, IntArray
from exitladder.bars.columns import PRICES
from exitladder.bars.report import Finding
from exitladder.clock import NO_TIME, stamp_text
from exitladder.files.tables import Table

_CURE = "or let --repair (repair=True) {mend}"


@dataclass
class RawBars:
    """Rows of one symbol as they stand in the file.

    Parameters
    ----------
    symbol : str
    table : Table
        Where the rows come from.
    stamp_label : object
        The table's column with the stamps.
    rows : int64 array, shape (n,)
        Position of each row in the table.
    time : int64 array, shape (n,)
        Nanoseconds since 1970 UTC; ``NO_TIME`` where unreadable.
    columns : dict of str to float64 array, shape (n,)
        ``open, high, low, close``, maybe ``volume`` and ``adj_close``, and further series.
    """

    symbol: str
    table: Table
    stamp_label: object
    rows: IntArray
    time: IntArray
    columns: dict[str, FloatArray]

    def __len__(self) -> int:
        return len(self.rows)

    def keep(self, which: npt.ArrayLike) -> None:
        """Keep these rows: a mask, or positions in a new order."""
        chosen = np.asarray(which)
        self.rows, self.time = self.rows[chosen], self.time[chosen]
        self.columns = {name: values[chosen] for name, values in self.columns.items()}

    def place(self, i: int) -> str:
        """Return file, line and stamp of a row."""
        where = self.table.place(int(self.rows[i]))
        return where if self.time[i] == NO_TIME else f"{where}, {stamp_text(int(self.time[i]))}"


def check_bars(raw: RawBars, *, repair: bool) -> list[Finding]:
    """Return what breaks a rule; with `repair`, mend `raw` in place.

    Parameters
    ----------
    raw : RawBars
    repair : bool
        Sort; drop repeated stamps, rows without a price and rows with a price of 0 or less; widen high
        and low to hold open and close; set an unusable volume to 0.
    """
    checks = _Checks(raw, repair)
    checks.stamps_readable()
    checks.prices_known()
    checks.prices_positive()
    checks.stamps_sorted()
    checks.stamps_unique()
    checks.range_holds()
    checks.volume_usable()
    if not len(raw):
        message = f"There must be at least one bar of '{raw.symbol}', but {raw.table.name} has none."
        checks.findings.append(Finding(raw.symbol, "error", "no_rows", 0, raw.table.name, message))
    return checks.findings


class _Checks:
    def __init__(self, raw: RawBars, repair: bool) -> None:
        self.raw = raw
        self.repair = repair
        self.findings: list[Finding] = []

    def _found(
        self, broken: BoolArray, name: str, rule: str, value: str, repair_rule: str, cure: str, first: int = -1
    ) -> bool:
        """Note a broken rule; return whether it is to be mended. `first` is the row that `value` tells of."""
        count = int(np.count_nonzero(broken))
        if not count:
            return False
        raw = self.raw
        place = raw.place(int(np.argmax(broken)) if first < 0 else first)
        more = f" {count - 1} more rows of '{raw.symbol}' are like it." if count > 1 else ""
        ending = f"Mended: {repair_rule}." if self.repair else f"{cure}, {_CURE.format(mend=repair_rule)}."
        message = f"{rule}, but {value} ({place}).{more} {ending}"
        self.findings.append(Finding(raw.symbol, "mended" if self.repair else "error", name, count, place, message))
        return self.repair

    def stamps_readable(self) -> None:
        broken = self.raw.time == NO_TIME
        if not broken.any():
            return
        shown = self.raw.table.frame[self.raw.stamp_label].iloc[int(self.raw.rows[np.argmax(broken)])]
        rule = "Every bar needs a timestamp that can be read in its time zone"
        cure = "Write ISO 8601 with its offset such as 2024-01-31T15:30Z"
        if self._found(broken, "unreadable_stamp", rule, f"it is {_shown(shown)}", "drop such rows", cure):
            self.raw.keep(~broken)

    def prices_known(self) -> None:
        columns = self.raw.columns
        broken = ~np.all([np.isfinite(columns[name]) for name in PRICES], axis=0)
        if broken.any():
            i = int(np.argmax(broken))
            name = next(n for n in PRICES if not np.isfinite(columns[n][i]))
            value = f"{name} is {columns[name][i]:g}" if np.isinf(columns[name][i]) else f"{name} is NaN"
            rule, cure = "Every price must be a finite number", "Fill in the price or take the row out"
            if self._found(broken, "nan_price", rule, value, "drop such rows", cure):
                self.raw.keep(~broken)

    def prices_positive(self) -> None:
        columns = self.raw.columns
        broken = np.any([columns[name] <= 0 for name in PRICES], axis=0)
        if broken.any():
            i = int(np.argmax(broken))
            name = next(n for n in PRICES if columns[n][i] <= 0)
            rule = (
                "Every price must be greater than 0 (negative prices have been real, as in crude oil in April 2020, "
                "but percentages and R make no sense there)"
            )
            cure = "Take these rows out, or shift the whole series by a constant and the trades with it"
            if self._found(
                broken, "price_not_positive", rule, f"{name} is {columns[name][i]:g}", "drop such rows", cure
            ):
                self.raw.keep(~broken)

    def stamps_sorted(self) -> None:
        time = self.raw.time
        broken = np.concatenate([[False], (time[1:] < time[:-1]) & (time[1:] != NO_TIME)])
        if broken.any():
            i = int(np.argmax(broken))
            value = f"{stamp_text(int(time[i]))} comes after {stamp_text(int(time[i - 1]))}"
            rule = "Stamps must increase from row to row"
            if self._found(broken, "unsorted", rule, value, "sort them", "Sort the file"):
                self.raw.keep(np.argsort(time, kind="stable"))

    def stamps_unique(self) -> None:
        raw = self.raw
        order = np.argsort(raw.time, kind="stable")
        time = raw.time[order]
        repeats = np.concatenate([[False], (time[1:] == time[:-1]) & (time[1:] != NO_TIME)])
        if not repeats.any():
            return
        same = repeats.copy()
        for values in raw.columns.values():
            column = values[order]
            same[1:] &= (column[1:] == column[:-1]) | (np.isnan(column[1:]) & np.isnan(column[:-1]))
        unsorted = np.empty(len(order), dtype=np.int64)
        unsorted[order] = np.arange(len(order))
        rule = f"Each stamp of '{raw.symbol}' must come once"
        exact, other = same, repeats & ~same
        for broken, name, what, repair_rule in (
            (exact, "duplicate", "comes again with the same values", "drop the repeats"),
            (other, "conflicting_duplicate", "comes again with other values", "keep the last of them"),
        ):
            if broken.any():
                i = int(order[np.argmax(broken)])
                value = f"{stamp_text(int(raw.time[i]))} {what}"
                self._found(broken[unsorted], name, rule, value, repair_rule, "Take out the repeats", first=i)
        if self.repair:
            # sorted by now; the last of each stamp is the one that counts
            raw.keep(np.append(raw.time[1:] != raw.time[:-1], True))

    def range_holds(self) -> None:
        columns = self.raw.columns
        open_, high, low, close = (columns[name] for name in PRICES)
        inverted = high < low
        if inverted.any():
            i = int(np.argmax(inverted))
            rule, value = "high must not lie below low", f"high is {high[i]:.10g} and low is {low[i]:.10g}"
            repair_rule, cure = "widen high and low to hold all four prices", "Correct the row or take it out"
            self._found(inverted, "high_below_low", rule, value, repair_rule, cure)
        outside = ~inverted & ((np.maximum(open_, close) > high) | (np.minimum(open_, close) < low))
        if outside.any():
            i = int(np.argmax(outside))
            name, price = ("open", open_[i]) if not low[i] <= open_[i] <= high[i] else ("close", close[i])
            rule = "open and close must lie between low and high"
            value = f"{name} is {price:.10g}, low {low[i]:.10g}, high {high[i]:.10g}"
            repair_rule, cure = "widen high and low to hold them", "Correct the row or take it out"
            self._found(outside, "outside_high_low", rule, value, repair_rule, cure)
        if self.repair and (inverted.any() or outside.any()):
            stack = np.stack([open_, high, low, close])
            columns["high"], columns["low"] = stack.max(axis=0), stack.min(axis=0)

    def volume_usable(self) -> None:
        volume = self.raw.columns.get("volume")
        if volume is None or np.isnan(volume).all():
            return  # a source without volume; features that need it say so
        for broken, name, rule in (
            (~np.isfinite(volume), "nan_volume", "volume must be a number on every row or on none"),
            (volume < 0, "negative_volume", "volume must be 0 or more"),
        ):
            if broken.any():
                value = f"it is {'NaN' if name == 'nan_volume' else format(volume[np.argmax(broken)], 'g')}"
                # 0 is the pessimistic reading: nothing is known to have traded
                if self._found(broken, name, rule, value, "set it to 0", "Correct the volume"):
                    volume = self.raw.columns["volume"] = np.where(broken, 0.0, volume)


def _shown(value: object) -> str:
    return "blank" if pd.isna(value) else repr(value if isinstance(value, (int, float)) else str(value))  # type: ignore[call-overload]
