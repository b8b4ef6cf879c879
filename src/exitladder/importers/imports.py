"""Files of other programs turned into trades with their fills."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from exitladder.arrays import BoolArray
from exitladder.errors import InputFileError, TradesError, did_you_mean
from exitladder.files.conventions import PLAIN, Conventions
from exitladder.files.tables import Table, read_table
from exitladder.importers.broker_table import import_trades
from exitladder.importers.catalogue import NAMES, PROFILES
from exitladder.importers.profiles import Found, Profile, find_tables
from exitladder.importers.profit import ClosedProfit, closed_profit, with_contract_sizes
from exitladder.importers.reading import Executions, ImportOptions, read_executions
from exitladder.importers.sources import Sheet, open_source
from exitladder.runtime.shown import Shown
from exitladder.trades.fills import Fills, first_of_each, joined, with_ids
from exitladder.trades.positions import Positions, fills_of_positions, group_fills, trades_of_positions
from exitladder.trades.trades import Trades


@dataclass(frozen=True, repr=False)
class Imported(Shown):
    """The result of an import, with notes on how the file was read.

    Parameters
    ----------
    trades : Trades
        With their fills.
    fills : Fills or None
        One row a fill and trade; `trade_id` filled in. None for a table whose columns the user named.
    format : str
        The format.
    notes : list of str
        Rows left out and assumptions, with the option that changes them.
    profit : ClosedProfit, optional
        The program's profit compared with the fills.
    money : dict of str to float
        Sums in the file that belong to no fill, such as funding.
    """

    trades: Trades
    fills: Fills | None
    format: str
    notes: list[str]
    profit: ClosedProfit | None
    money: dict[str, float]

    def headline(self) -> str:
        """Return how the file was read, and the trades in it."""
        return f"{self.format}; {self.trades.headline()}."

    def to_frame(self) -> pd.DataFrame:
        """Return the trades as a table, as ``trades.csv`` has them."""
        return self.trades.to_frame()


def import_files(
    sources: Sequence[str | Path | pd.DataFrame], name: str = "", options: ImportOptions | None = None
) -> Imported:
    """Return the trades in files of other programs.

    Parameters
    ----------
    sources : sequence of path or DataFrame
        Files of one program. A fill that comes in two of them counts once.
    name : str
        Of the program, one of `NAMES`; blank: found by the headers.
    options : ImportOptions, optional

    Returns
    -------
    Imported
        The trades with their fills, and notes about the import.

    Raises
    ------
    InputFileError
        If a file cannot be read, or no table in it is known.
    TradesError
        If the file leaves something open that must be asked for, or its rows break a rule.
    """
    options = options or ImportOptions()
    profiles = _profiles(name)
    parts: list[Executions] = []
    for source in sources:
        sheets = [Sheet.of_frame("table", source)] if isinstance(source, pd.DataFrame) else open_source(source)
        label = "table" if isinstance(source, pd.DataFrame) else Path(source).name
        found = find_tables(sheets, profiles)
        parts += _read(found, label, options, sheets)
    titles = list(dict.fromkeys(p.profile.title for p in parts))
    if len(titles) > 1:
        raise TradesError(
            f"Files imported together must be of one kind, but are {' and '.join(titles)}. Import each alone."
        )
    whole, repeats = _joined(parts)
    positions = group_fills(whole.fills, options.grouping, dust=options.dust)
    trades, sized = with_contract_sizes(trades_of_positions(whole.fills, positions), whole, positions)
    notes = list(dict.fromkeys(note for part in parts for note in part.notes))
    trades, working = _with_working_stops(trades, whole, positions)
    notes += [*repeats, *working]
    notes += sized + _told(trades)
    return Imported(
        trades,
        fills_of_positions(whole.fills, positions, trades.trade_id),
        titles[0],
        notes,
        closed_profit(whole, positions, trades.trade_id),
        whole.money,
    )


def table_imported(
    source: str | Path | pd.DataFrame,
    columns: Mapping[str, str],
    values: Mapping[str, str],
    *,
    conventions: Conventions = PLAIN,
) -> Imported:
    """Return the trades of one table of round trips whose columns the user names.

    Parameters
    ----------
    source : path or DataFrame
    columns : mapping of str to str
        From the table's columns to those of trades.
    values : mapping of str to str
        Columns that are the same for every trade.
    conventions : Conventions

    Returns
    -------
    Imported
        Without fills.

    Raises
    ------
    TradesError
        If a name is unknown, or the trades break a rule.
    """
    if isinstance(source, pd.DataFrame):
        table = Table.from_frame(source, "table")
    else:
        table = read_table(source, conventions=conventions)
    trades, notes = import_trades(table, columns, values, conventions=conventions)
    return Imported(trades, None, "a table of trades", list(notes), None, {})


def known_as(source: str | Path | pd.DataFrame) -> str:
    """Return what kind of table a file holds, blank where none is known."""
    sheets = [Sheet.of_frame("table", source)] if isinstance(source, pd.DataFrame) else open_source(source)
    found = [f.profile.title for f in find_tables(sheets, PROFILES) if f.profile.kind != "helper"]
    return found[0] if found else ""


def _profiles(name: str) -> tuple[Profile, ...]:
    if not name:
        return PROFILES
    if name not in NAMES:
        raise TradesError(f"Unknown program '{name}'. {did_you_mean(name, NAMES)}")
    return tuple(p for p in PROFILES if p.name == name or p.kind == "helper")


def _read(found: list[Found], label: str, options: ImportOptions, sheets: Sequence[Sheet]) -> list[Executions]:
    """Return the executions of the best kind of table in a file."""
    known = [f for f in found if f.profile.kind != "helper"]
    if not known:
        heads = next((row for sheet in sheets for row in sheet.rows if sum(map(bool, row)) > 1), [])
        if not any(sheet.rows for sheet in sheets):
            raise InputFileError(f"A file to import must hold a table, but '{label}' holds none. Export it again.")
        if heads and sum(any(row) for sheet in sheets for row in sheet.rows) == 1:
            raise InputFileError(
                f"A file to import must hold a trade or a fill, but '{label}' ends with its line of column names "
                f"({', '.join(heads[:8])}). Export a period that has trades."
            )
        raise InputFileError(
            f"No table in '{label}' is of a known kind (first columns: {', '.join(heads[:8])}). Name its columns with "
            f"--map OLD=NEW, or its program with --from: {', '.join(NAMES)}."
        )
    best = known[0].profile
    if best.kind == "refused":
        raise TradesError(f"'{label}' is {best.title} and cannot be imported. {best.refusal}")
    chosen = [f for f in known if f.profile is best]
    strategies = [f.sheet.name for f in chosen if ", strategy " in f.sheet.name]
    if len(strategies) > 1:
        raise TradesError(
            f"A result must be of one strategy, but '{label}' holds {len(strategies)}: {'; '.join(strategies)}. Export "
            "one of them alone."
        )
    done, faults = [], []
    for table in chosen:
        try:
            done.append(read_executions(table, [f for f in found if f is not table], options))
        except TradesError as fault:
            if "no row of it is a trade" not in str(fault):
                raise
            faults.append(fault)
        # A program's file is known by its headers alone: its rows may lack what the reader of that program builds on.
        except (KeyError, ValueError, TypeError, IndexError, AttributeError, OverflowError) as cause:
            reason = " ".join(str(cause).split()).rstrip(".")[:200]
            raise TradesError(
                f"'{label}' looks like {table.profile.title}, but its rows do not fit together "
                f"({type(cause).__name__}: {reason}). Export it again, or import a list of fills."
            ) from cause
    if not done:
        raise faults[0]
    return done


def _joined(parts: Sequence[Executions]) -> tuple[Executions, list[str]]:
    """Return the executions of all files as one, and notes on those that come again."""
    has_id = np.concatenate([part.fills.fill_id != "" for part in parts])
    is_fill = np.concatenate([np.full(len(part.fills), part.profile.kind == "fills") for part in parts])
    fills = joined([with_ids(part.fills) for part in parts])
    keep = first_of_each(fills)
    money: dict[str, float] = {}
    for part in parts:
        for name, amount in part.money.items():
            money[name] = money.get(name, 0.0) + amount
    columns: dict[str, Any] = {
        name: np.concatenate([getattr(p, name) for p in parts])[keep]
        for name in ("profit", "swap", "multiplier", "currency", "is_inverse", "working_stop")
    }
    return replace(parts[0], fills=fills.take(keep), money=money, **columns), _repeats(fills, keep, has_id, is_fill)


def _repeats(fills: Fills, keep: BoolArray, has_id: BoolArray, is_fill: BoolArray) -> list[str]:
    """Return notes on fills that were counted once although they came twice, and on equal ones that were not."""
    notes = []
    by_id, by_content = int((~keep & has_id).sum()), int((~keep & ~has_id).sum())
    if by_id:
        notes.append(f"{by_id} fills came a second time and were counted once")
    if by_content:
        notes.append(
            f"{by_content} fills came a second time, in another file and without an id (same symbol, time, side, "
            "quantity and price), and were counted once. If they are fills of their own, put all into one file, or add "
            "a fill_id"
        )
    # the ids made from contents count up within a file
    again = keep & ~has_id & is_fill & pd.Series(fills.fill_id).str.fullmatch(r"[0-9a-f]{12}-\d+").to_numpy(dtype=bool)
    if again.any():
        notes.append(
            f"{int(again.sum())} fills without an id repeat symbol, time, side, quantity and price of another one in "
            "their file and were counted as fills of their own. If the file repeats rows, remove them, or add a fill_id"
        )
    return notes


def _with_working_stops(trades: Trades, whole: Executions, positions: Positions) -> tuple[Trades, list[str]]:
    """Return trades with the stop that the program holds now for each open position, where its fills agree on one."""
    if not np.isfinite(whole.working_stop).any():
        return trades, []
    found = np.full(len(trades), np.nan)
    for i in np.flatnonzero(trades.is_open):
        part = positions.parts(int(i))
        stops = whole.working_stop[positions.fill[part][positions.is_entry[part]]]
        if len(stops) and (stops == stops[0]).all():
            found[i] = stops[0]
    known = int(np.isfinite(found).sum())
    if not known:
        return trades, []
    text = f"working_stop: the stop of {whole.profile.title} now, of {known} open trades; correct it if it has moved"
    return replace(trades, working_stop=found), [text]


def _told(trades: Trades) -> list[str]:
    """Return what every reader should know of these trades."""
    notes = []
    several = trades.n_entries > 1 if trades.n_entries is not None else np.zeros(len(trades), dtype=bool)
    if several.any():
        notes.append(
            f"{int(several.sum())} positions have several entries, such as '{trades.trade_id[several][0]}': they are "
            "judged from the last entry on, at the average price of the quantity held then (column n_entries)"
        )
    without = int(np.isnan(trades.stop_price).sum())
    if without:
        notes.append(f"{without} of {len(trades)} trades have no stop_price: labels.initial_stop then defines R")
    return notes
