"""The rules for bars, and the repair of each.

Every rule is checked on every row. Without `repair` a broken rule is an error; with it the rows are repaired in
the order below and each repair is counted. A repair never makes a price reachable that was not traded: it drops
rows, or moves a price into its bar.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from exitladder.arrays import BoolArray, FloatArray, IntArray
from exitladder.bars.checking.ranges import typical_range
from exitladder.bars.checking.report import Finding
from exitladder.bars.layouts.columns import PRICES
from exitladder.clock import NO_TIME, stamp_text
from exitladder.files.tables import Table

_CURE = "or let --repair (repair=True) {repair}"
# an open or close farther outside its bar than this many typical ranges is a bad tick, not rounding
_BAD_TICK = 2.0
# a bar farther from the closes around it than this many typical ranges is dropped
_LOST = 10.0
_HOUR = 3_600 * 10**9


@dataclass
class RawBars:
    """Rows of one symbol as read from the file.

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
        Nanoseconds since 1970 UTC; ``NO_TIME`` if unreadable.
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

    def copy(self) -> RawBars:
        """Return the same rows, whose repair leaves these alone."""
        return replace(self, columns=dict(self.columns))

    def place(self, i: int) -> str:
        """Return file, line and stamp of a row."""
        where = self.table.place(int(self.rows[i]))
        return where if self.time[i] == NO_TIME else f"{where}, {stamp_text(int(self.time[i]))}"

    def shown(self, positions: IntArray, off: FloatArray | None = None) -> pd.DataFrame:
        """Return rows as a table for the report; `off` is by how many typical ranges each price is off."""
        time = np.where(self.time[positions] == NO_TIME, pd.NaT.value, self.time[positions])
        volume = self.columns.get("volume")
        return pd.DataFrame(
            {
                "place": [self.table.place(int(self.rows[i])) for i in positions],
                "timestamp": pd.to_datetime(time, utc=True, unit="ns"),
                **{name: self.columns[name][positions] for name in PRICES},
                "volume": np.full(len(positions), np.nan) if volume is None else volume[positions],
                "ranges_off": np.full(len(positions), np.nan) if off is None else off,
            }
        )


def check_bars(raw: RawBars, *, repair: bool) -> list[Finding]:
    """Return the broken rules; with `repair`, repair `raw` in place.

    Parameters
    ----------
    raw : RawBars
    repair : bool
        Sort; drop repeated stamps, rows without a stamp or a price and rows with a price of 0 or less; swap high
        and low if they are exchanged; move open and close into their bar; drop bars far from all others; set an
        unusable volume to 0. Rows with four prices whose stamp cannot be read are never dropped.
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


_HOUR = 3_600 * 10**9
_DAY, _SUNDAY = 24 * _HOUR, 6


class _Checks:
    def __init__(self, raw: RawBars, repair: bool) -> None:
        self.raw = raw
        self.repair = repair
        self.findings: list[Finding] = []

    def _found(
        self,
        broken: BoolArray,
        name: str,
        sentence: tuple[str, str],
        cure: tuple[str, str],
        off: FloatArray | None = None,
    ) -> bool:
        """Note a broken rule; return whether to repair it. The worst row is shown, by `off`, else the first.

        `sentence` is the rule and its value, `cure` the cure by hand and by repair.
        """
        rows = np.flatnonzero(broken)
        if not len(rows):
            return False
        raw = self.raw
        worst = int(rows[np.argmax(off[rows])]) if off is not None else int(rows[0])
        place = raw.place(worst)
        more = f" {len(rows)} rows of '{raw.symbol}' are affected." if len(rows) > 1 else ""
        ending = f"Repaired: {cure[1]}." if self.repair else f"{cure[0]}, {_CURE.format(repair=cure[1])}."
        message = f"{sentence[0]}, but {sentence[1]} ({place}).{more} {ending}"
        shown = raw.shown(rows, None if off is None else off[rows])
        severity = "repaired" if self.repair else "error"
        self.findings.append(Finding(raw.symbol, severity, name, len(rows), place, message, shown))
        return self.repair

    def stamps_readable(self) -> None:
        raw = self.raw
        broken = raw.time == NO_TIME
        if not broken.any():
            return
        given = raw.table.frame[raw.stamp_label].iloc[raw.rows[broken]]
        blank = broken.copy()
        blank[broken] = given.isna().to_numpy() | (given.astype("str").str.strip() == "").to_numpy()
        priced = np.all([np.isfinite(raw.columns[name]) for name in PRICES], axis=0)
        rule = "Every bar needs a timestamp that can be read in its time zone"
        cure = "Write ISO 8601 with its offset such as 2024-01-31T15:30Z"
        unread = broken & ~blank & priced
        if unread.any():
            # a stamp is there and so are its prices: the fault may be in how it was read
            shown = raw.table.frame[raw.stamp_label].iloc[int(raw.rows[np.argmax(unread)])]
            place, count = raw.place(int(np.argmax(unread))), int(unread.sum())
            more = f" {count} rows of '{raw.symbol}' are affected." if count > 1 else ""
            message = f"{rule}, but it is {_shown(shown)} ({place}).{more} {cure}; --repair keeps such rows."
            rows = raw.shown(np.flatnonzero(unread))
            self.findings.append(Finding(raw.symbol, "error", "unreadable_stamp", count, place, message, rows))
        useless = broken & ~unread
        if useless.any():
            shown = raw.table.frame[raw.stamp_label].iloc[int(raw.rows[np.argmax(useless)])]
            sentence = (rule, f"it is {_shown(shown)}")
            if self._found(useless, "unreadable_stamp", sentence, (cure, "drop such rows")):
                raw.keep(~useless)

    def prices_known(self) -> None:
        columns = self.raw.columns
        broken = ~np.all([np.isfinite(columns[name]) for name in PRICES], axis=0)
        if broken.any():
            i = int(np.argmax(broken))
            name = next(n for n in PRICES if not np.isfinite(columns[n][i]))
            value = f"{name} is {columns[name][i]:g}" if np.isinf(columns[name][i]) else f"{name} is NaN"
            cure = ("Fill in the price or remove the row", "drop such rows")
            if self._found(broken, "nan_price", ("Every price must be a finite number", value), cure):
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
            cure = ("Remove these rows, or shift the whole series and its trades by a constant", "drop such rows")
            if self._found(broken, "price_not_positive", (rule, f"{name} is {columns[name][i]:g}"), cure):
                self.raw.keep(~broken)

    def stamps_sorted(self) -> None:
        time = self.raw.time
        broken = np.concatenate([[False], (time[1:] < time[:-1]) & (time[1:] != NO_TIME)])
        if broken.any():
            i = int(np.argmax(broken))
            value = f"{stamp_text(int(time[i]))} comes after {stamp_text(int(time[i - 1]))}"
            sentence = ("Stamps must increase from row to row", value)
            if self._found(broken, "unsorted", sentence, ("Sort the file", "sort them")):
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
        if self._is_repeated_hour(time[repeats & ~same]):
            broken = (repeats & ~same)[unsorted]
            i, count = int(np.argmax(broken)), int(broken.sum())
            place = raw.place(i)
            message = (
                f"Each stamp of '{raw.symbol}' must appear once, but {count} appear again with other values, all in "
                f"the night of a Sunday on which clocks may go back, first {stamp_text(int(raw.time[i]))} ({place}). "
                "Pass the time zone of the stamps with --tz; --repair keeps both bars of such a stamp."
            )
            rows = raw.shown(np.flatnonzero(broken))
            self.findings.append(Finding(raw.symbol, "error", "conflicting_duplicate", count, place, message, rows))
            return
        rule = f"Each stamp of '{raw.symbol}' must appear once"
        for broken, name, what, repair_rule in (
            (same, "duplicate", "appears again with the same values", "drop the repeats"),
            (
                repeats & ~same,
                "conflicting_duplicate",
                "appears again with other values",
                "keep the last valid one",
            ),
        ):
            if broken.any():
                first = order[np.argmax(broken)]
                sentence = (rule, f"{stamp_text(int(raw.time[first]))} {what}")
                self._found(broken[unsorted], name, sentence, ("Remove the repeats", repair_rule))
        if self.repair:
            # sorted by now; the last bar of each stamp counts, and a row without a possible range only if all are so
            is_first = np.append(True, (raw.time[1:] != raw.time[:-1]) | (raw.time[1:] == NO_TIME))
            inverted, swapped = self._inverted()
            rank = np.arange(len(raw)) + np.where(inverted & ~swapped, 0, len(raw))
            keep: BoolArray = np.zeros(len(raw), dtype=bool)
            keep[np.maximum.reduceat(rank, np.flatnonzero(is_first)) % len(raw)] = True
            raw.keep(keep)

    @staticmethod
    def _is_repeated_hour(time: IntArray) -> bool:
        """Return whether stamps are all in the hours that come twice when daylight saving ends."""
        if not len(time):
            return False
        stamps = pd.DatetimeIndex(time.view("M8[ns]"))
        month, day = np.asarray(stamps.month), np.asarray(stamps.day)
        # the last Sunday of October, the first of November, in the south the first of April
        ends = ((month == 10) & (day >= 25)) | (np.isin(month, (4, 11)) & (day <= 7))
        in_night = (time % _DAY > 0) & (time % _DAY < 4 * _HOUR)
        return bool((ends & np.asarray(stamps.day_of_week == _SUNDAY) & in_night).all())

    def _inverted(self) -> tuple[BoolArray, BoolArray]:
        """Return the rows whose high is below their low, and those of them that hold all prices once exchanged."""
        open_, high, low, close = self._finite_prices()
        inverted = high < low
        return inverted, inverted & (np.maximum(open_, close) <= low) & (np.minimum(open_, close) >= high)

    def _finite_prices(self) -> list[FloatArray]:
        """Return the prices; an infinite one is no price, and has been reported as such."""
        columns = (self.raw.columns[name] for name in PRICES)
        return [np.where(np.isfinite(values), values, np.nan) for values in columns]

    def range_holds(self) -> None:
        open_, high, low, close = self._finite_prices()
        inverted, swapped = self._inverted()
        outside = ~inverted & ((np.maximum(open_, close) > high) | (np.minimum(open_, close) < low))
        if not (inverted.any() or outside.any()):
            return
        usual = typical_range(np.maximum(high, low), np.minimum(high, low), close)
        with np.errstate(divide="ignore", invalid="ignore"):
            beyond = np.maximum(np.maximum(open_, close) - high, low - np.minimum(open_, close))
            off = np.where(outside, beyond / usual, np.where(inverted, (low - high) / usual, np.nan))
        off = np.where(np.isnan(off) & (inverted | outside), 0.0, off)
        lost = (inverted & ~swapped) | (outside & self._is_lost(low, high, close, usual, np.flatnonzero(outside)))
        self._swap_or_drop(inverted, off)
        for broken, name, repair_rule in (
            (
                outside & (off > _BAD_TICK),
                "bad_tick",
                "move open and close into the bar, drop bars far from all others",
            ),
            (outside & ~(off > _BAD_TICK), "outside_high_low", "move open and close into the bar"),
        ):
            if broken.any():
                i = int(np.flatnonzero(broken)[np.argmax(off[broken])])
                named, price = ("open", open_[i]) if not low[i] <= open_[i] <= high[i] else ("close", close[i])
                value = f"{named} is {price:.10g}, low {low[i]:.10g}, high {high[i]:.10g}"
                value += f", {off[i]:.1f} typical ranges outside" if name == "bad_tick" and np.isfinite(off[i]) else ""
                sentence = ("open and close must be between low and high", value)
                self._found(broken, name, sentence, ("Correct the row or remove it", repair_rule), off)
        if self.repair:
            columns = self.raw.columns
            columns["high"], columns["low"] = np.where(swapped, low, high), np.where(swapped, high, low)
            for name in ("open", "close"):
                columns[name] = np.where(outside, np.clip(columns[name], low, high), columns[name])
            self.raw.keep(~lost)

    def _swap_or_drop(self, inverted: BoolArray, off: FloatArray) -> None:
        if inverted.any():
            columns = self.raw.columns
            i = int(np.flatnonzero(inverted)[np.argmax(off[inverted])])
            value = f"high is {columns['high'][i]:.10g} and low is {columns['low'][i]:.10g}"
            sentence = ("high must not be below low", value)
            repair_rule = "swap high and low if they hold open and close, drop the row otherwise"
            self._found(inverted, "high_below_low", sentence, ("Correct the row or remove it", repair_rule), off)

    def _is_lost(
        self, low: FloatArray, high: FloatArray, close: FloatArray, usual: FloatArray, rows: IntArray
    ) -> BoolArray:
        """Return which of the rows have a bar far from the closes around it: it is the bar that is wrong."""
        lost = np.zeros(len(close), dtype=bool)
        if len(close) < 3:
            return lost
        around = rows[:, None] + np.array([-2, -1, 1, 2])
        near = np.where((around >= 0) & (around < len(close)), close[np.clip(around, 0, len(close) - 1)], np.nan)
        known = np.isfinite(near).any(axis=1)
        rows, middle = rows[known], np.nanmedian(near[known], axis=1)
        lost[rows] = np.maximum(low[rows] - middle, middle - high[rows]) > _LOST * usual[rows]
        return lost

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
                if self._found(broken, name, (rule, value), ("Correct the volume", "set it to 0")):
                    volume = self.raw.columns["volume"] = np.where(broken, 0.0, volume)


def is_short_step(step: int, usual: int) -> bool:
    """Return whether a step is shorter than the bar by more than a change of daylight saving time (nanoseconds)."""
    slack = _HOUR if usual >= 2 * _HOUR else 0
    if usual >= 27 * 24 * _HOUR:
        slack = usual // 8  # months differ
    return step < usual - slack


def _shown(value: object) -> str:
    if pd.api.types.is_scalar(value) and pd.isna(value):  # type: ignore[call-overload]
        return "blank"
    return repr(value if isinstance(value, (int, float)) else str(value)[:60])
