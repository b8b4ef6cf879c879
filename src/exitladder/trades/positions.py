"""Positions: fills grouped from flat to flat, and what of each is judged."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from exitladder.arrays import FloatArray, IntArray
from exitladder.clock import NO_TIME
from exitladder.errors import ExitladderWarning, TradesError
from exitladder.trades.fills import Fills
from exitladder.trades.trade_fills import TradeFills
from exitladder.trades.trades import Trades

GROUPINGS = ("positions", "fifo")
# what is left of a position may be an error of rounding, as a share of its largest size
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Positions:
    """Which part of which fill belongs to which position, in the order of time within each position.

    Parameters
    ----------
    start : int64 array, shape (n_positions + 1,)
        Parts of position i are ``start[i]`` to ``start[i + 1]``.
    fill : int64 array, shape (n_parts,)
        Row of the fill. A fill that closes one position and opens the next comes twice.
    quantity : float64 array, shape (n_parts,)
    is_entry : bool array, shape (n_parts,)
    side : int8 array, shape (n_positions,)
        +1 long, -1 short.
    left : float64 array, shape (n_positions,)
        Quantity still held; 0 if the position is closed.
    """

    start: IntArray
    fill: IntArray
    quantity: FloatArray
    is_entry: np.ndarray[tuple[int], np.dtype[np.bool_]]
    side: np.ndarray[tuple[int], np.dtype[np.int8]]
    left: FloatArray

    def __len__(self) -> int:
        return len(self.side)

    def parts(self, i: int) -> slice:
        """Return the rows of position i."""
        return slice(int(self.start[i]), int(self.start[i + 1]))


class _Open:
    """A position while its fills are read."""

    def __init__(self, side: int) -> None:
        self.side, self.held, self.most = side, 0.0, 0.0
        self.parts: list[tuple[int, float, bool]] = []

    def enter(self, fill: int, quantity: float) -> None:
        self.parts.append((fill, quantity, True))
        self.held += quantity
        self.most = max(self.most, self.held)

    def leave(self, fill: int, wanted: float, dust: float) -> float:
        """Sell at most the quantity held; return the rest of the fill."""
        sold = min(wanted, self.held)
        rest = self.held - sold
        if rest <= max(_ROUNDING, dust) * self.most:
            rest = 0.0
        self.parts.append((fill, sold, False))
        self.held = rest
        over = wanted - sold
        return 0.0 if over <= max(_ROUNDING, dust) * self.most else over


def group_fills(fills: Fills, grouping: str = "positions", *, dust: float = 0.0) -> Positions:
    """Return the positions that fills make up.

    Parameters
    ----------
    fills : Fills
        Grouped by `trade_id` where it is given, else by symbol; by time, in the order of the file where times
        are equal (reversed if the file begins with the newest).
    grouping : {"positions", "fifo"}
        ``positions``: from flat to flat, with several entries and exits. ``fifo``: every entry is a position of
        its own, and exits close the oldest first. Fills with a `trade_id` are always grouped by it.
    dust : float
        Share of a position's largest size below which the remainder counts as flat.

    Returns
    -------
    Positions

    Raises
    ------
    TradesError
        If the grouping is unknown.
    """
    if grouping not in GROUPINGS:
        raise TradesError(f"Fills are grouped as {' or '.join(GROUPINGS)}, but {grouping!r} was asked for.")
    done: list[_Open] = []
    for key, rows in _by_key(fills):
        fifo = grouping == "fifo" and key[0] == ""
        running: list[_Open] = []
        for i in rows:
            side, left = int(fills.side[i]), float(fills.quantity[i])
            while left > 0 and running and running[0].side != side:
                left = running[0].leave(i, left, dust)
                if running[0].held == 0.0:
                    running.pop(0)
            if left > 0:
                if fifo or not running:
                    running.append(_Open(side))
                    done.append(running[-1])
                running[-1].enter(i, left)
    done.sort(key=lambda p: (fills.time[p.parts[0][0]], p.parts[0][0]))
    sizes = [len(p.parts) for p in done]
    parts = [part for p in done for part in p.parts]
    return Positions(
        start=np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
        fill=np.array([p[0] for p in parts], dtype=np.int64),
        quantity=np.array([p[1] for p in parts], dtype=np.float64),
        is_entry=np.array([p[2] for p in parts], dtype=bool),
        side=np.array([p.side for p in done], dtype=np.int8),
        left=np.array([p.held for p in done], dtype=np.float64),
    )


def _by_key(fills: Fills) -> Iterator[tuple[tuple[str, str], list[int]]]:
    rows: dict[tuple[str, str], list[int]] = {}
    for i in in_time_order(fills.time).tolist():
        trade = str(fills.trade_id[i])
        rows.setdefault((trade, str(fills.symbol[i])), []).append(i)
    yield from rows.items()


def in_time_order(time: IntArray) -> IntArray:
    """Return the order of time; fills of one moment come in the file's order, reversed if it begins with the newest."""
    step = np.sign(np.diff(time))
    if step.sum() >= 0:
        return np.argsort(time, kind="stable")
    return len(time) - 1 - np.argsort(time[::-1], kind="stable")


@dataclass(frozen=True)
class Judged:
    """A position as it is judged: from its last entry on, at the average price of the quantity held then."""

    entry_time: int
    price: float
    quantity: float
    n_entries: int
    first_exit: int


def judge(time: IntArray, price: FloatArray, quantity: FloatArray, is_entry: np.ndarray) -> Judged:
    """Return what of a position is judged until ladders can add to positions.

    Parameters
    ----------
    time : int64 array, shape (n_fills,)
        Nanoseconds since 1970 UTC, increasing.
    price, quantity : float64 array, shape (n_fills,)
    is_entry : bool array, shape (n_fills,)

    Returns
    -------
    Judged
        `price` follows S7: an exit does not change the average, an entry does. `first_exit` is the position of
        the first fill after the last entry. Entries at one moment count as one.
    """
    last = int(np.flatnonzero(is_entry)[-1])
    held = average = 0.0
    for k in range(last + 1):
        if not is_entry[k]:
            held -= quantity[k]
        elif held <= 0.0:
            held, average = float(quantity[k]), float(price[k])
        else:
            more = float(quantity[k])
            if price[k] != average:
                average = (held * average + more * float(price[k])) / (held + more)
            held += more
    n_entries = len(np.unique(time[: last + 1][is_entry[: last + 1]]))
    return Judged(int(time[last]), average, held, n_entries, last + 1)


def trades_of_fills(fills: Fills, grouping: str = "positions", *, dust: float = 0.0) -> Trades:
    """Return the positions that fills make up, as trades with their fills.

    Parameters
    ----------
    fills : Fills
        `symbol` must be filled in.
    grouping : {"positions", "fifo"}
    dust : float
        See `group_fills`.

    Returns
    -------
    Trades
        In order of their first fill. Ids are those of the fills, with ``.2``, ``.3`` … where an id went flat and
        was opened again; without ids they are made of symbol, first fill and side, so that later fills change none.
    """
    return trades_of_positions(fills, group_fills(fills, grouping, dust=dust))


def trades_of_positions(fills: Fills, positions: Positions) -> Trades:
    """Return positions as trades; see `trades_of_fills`."""
    n = len(positions)
    judged, exit_price, exit_time, stop, ids, tags = [], np.full(n, np.nan), np.full(n, NO_TIME), [], [], []
    multiplier = np.full(n, np.nan)
    open_quantity = np.full(n, np.nan)
    used: dict[str, int] = {}
    price, time = fills.price[positions.fill], fills.time[positions.fill]
    for i in range(n):
        part = positions.parts(i)
        found = judge(time[part], price[part], positions.quantity[part], positions.is_entry[part])
        judged.append(found)
        first = int(positions.fill[part.start])
        name = str(fills.trade_id[first]) or _name(fills, first, int(positions.side[i]))
        used[name] = used.get(name, 0) + 1
        ids.append(name if used[name] == 1 else f"{name}.{used[name]}")
        tags.append(fills.tag[first])
        stop.append(fills.stop_price[first])
        multiplier[i] = _one_multiplier(fills, positions.fill[part], name)
        rest = slice(part.start + found.first_exit, part.stop)
        if positions.left[i] == 0.0:
            exit_time[i] = time[part.stop - 1]
            exit_price[i] = _mean(price[rest], positions.quantity[rest])
        else:
            open_quantity[i] = positions.left[i]
    first_fill = positions.fill[positions.start[:-1]]
    average = np.array([j.price for j in judged])
    return Trades(
        trade_id=np.array(ids, dtype=object),
        symbol=fills.symbol[first_fill],
        side=positions.side,
        entry_time=np.array([j.entry_time for j in judged], dtype=np.int64),
        entry_price=average,
        quantity=np.array([j.quantity for j in judged]),
        stop_price=_on_its_side(np.array(stop, dtype=np.float64), average, positions.side),
        entry_at=np.full(n, -1, dtype=np.int8),
        exit_time=exit_time.astype(np.int64),
        exit_price=exit_price,
        quantity_open=open_quantity,
        tag=np.array(tags, dtype=object),
        n_entries=np.array([j.n_entries for j in judged], dtype=np.int64),
        fills=TradeFills(
            start=positions.start, time=time, is_entry=positions.is_entry, price=price, quantity=positions.quantity
        ),
        multiplier=None if np.isnan(multiplier).all() else multiplier,
    )


def _one_multiplier(fills: Fills, rows: IntArray, name: str) -> float:
    """Return the multiplier of a position's fills, NaN if none of them has one; they must agree."""
    given = fills.multiplier[rows]
    given = given[~np.isnan(given)]
    if not len(given):
        return np.nan
    if (given != given[0]).any():
        other = given[given != given[0]][0]
        raise TradesError(
            f"The fills of a position must have one multiplier, but those of '{name}' have {given[0]:.10g} and "
            f"{other:.10g}. Correct the column, or give each position a trade_id of its own."
        )
    return float(given[0])


def _name(fills: Fills, first: int, side: int) -> str:
    stamp = pd.Timestamp(int(fills.time[first]), tz="UTC").strftime("%Y%m%dT%H%M%S")
    return f"{fills.symbol[first]}-{stamp}-{'L' if side > 0 else 'S'}"


def _mean(price: FloatArray, quantity: FloatArray) -> float:
    if (price == price[0]).all():
        return float(price[0])
    return float((price * quantity).sum() / quantity.sum())


def _on_its_side(stop: FloatArray, entry: FloatArray, side: np.ndarray) -> FloatArray:
    """Return stops, NaN where one is not on the losing side of the entry: it was moved after the entry."""
    return np.where(side * (entry - stop) > 0, stop, np.nan)


def with_fills(trades: Trades, fills: Fills) -> Trades:
    """Return trades of which entry, quantity and exits follow from their fills.

    Parameters
    ----------
    trades : Trades
        Its stop, tag and `entry_at` stay (`entry_at` only where there is one entry).
    fills : Fills
        `trade_id` names the trade. Trades without fills stay as they are.

    Raises
    ------
    TradesError
        If a fill names an unknown trade, or the fills of a trade do not make up one position of its side.
    """
    number = {str(name): i for i, name in enumerate(trades.trade_id)}
    unknown = [str(t) for t in fills.trade_id if str(t) not in number]
    if unknown:
        raise TradesError(
            f"Every fill must belong to a trade, but {len(unknown)} fills name trades that are not there, such as "
            f"'{unknown[0]}'. Add these trades, correct trade_id, or take the fills out."
        )
    owner = np.array([number[str(t)] for t in fills.trade_id], dtype=np.int64)
    other = (fills.symbol != "") & (fills.symbol != trades.symbol[owner])
    if other.any():
        i = int(np.argmax(other))
        raise TradesError(
            f"A fill must have the symbol of its trade, but '{fills.trade_id[i]}' is in {trades.symbol[owner[i]]} and "
            f"a fill of it in {fills.symbol[i]}. Correct the symbol or the trade_id."
        )
    alike = replace(fills, symbol=trades.symbol[owner], stop_price=trades.stop_price[owner], tag=trades.tag[owner])
    positions = group_fills(alike)
    found = trades_of_positions(alike, positions)
    place = np.array([number[str(alike.trade_id[f])] for f in positions.fill[positions.start[:-1]]], dtype=np.int64)
    _check_one_position(trades, found, place)
    _warn_of_other_entries(trades, found, place)
    merged = {name: getattr(trades, name).copy() for name in _FROM_FILLS}
    for name, column in merged.items():
        column[place] = getattr(found, name)
    single = found.n_entries == 1 if found.n_entries is not None else np.ones(len(found), dtype=bool)
    entry_at = trades.entry_at.copy()
    entry_at[place[~single]] = -1
    multiplier = _merged_multiplier(trades, found, place)
    n_entries = np.ones(len(trades), dtype=np.int64) if trades.n_entries is None else trades.n_entries.copy()
    n_entries[place] = 1 if found.n_entries is None else found.n_entries
    spread = _spread(found, place, len(trades))
    return replace(trades, **merged, entry_at=entry_at, n_entries=n_entries, fills=spread, multiplier=multiplier)


def _warn_of_other_entries(trades: Trades, found: Trades, place: IntArray) -> None:
    """Warn of trades whose own quantity or entry price differs from that of their one entry."""
    single = np.ones(len(found), dtype=bool) if found.n_entries is None else found.n_entries == 1
    for name, word in (("quantity", "quantity"), ("entry_price", "entry price")):
        own, filled = getattr(trades, name)[place], getattr(found, name)
        differs = single & ~np.isclose(own, filled, rtol=_SAME)
        if differs.any():
            i = int(np.argmax(differs))
            warnings.warn(
                f"The {word} of {int(differs.sum())} trades differs from that of their fills, such as "
                f"'{trades.trade_id[place[i]]}': {own[i]:.10g} and {filled[i]:.10g} filled. The fills count; if some "
                "are missing, add them.",
                ExitladderWarning,
                stacklevel=4,
            )


def _merged_multiplier(trades: Trades, found: Trades, place: IntArray) -> FloatArray | None:
    """Return the multipliers of trades, from their fills where they have none; both must agree."""
    if found.multiplier is None:
        return trades.multiplier
    out = np.full(len(trades), np.nan) if trades.multiplier is None else trades.multiplier.copy()
    own = out[place]
    wrong = ~np.isnan(own) & ~np.isnan(found.multiplier) & (own != found.multiplier)
    if wrong.any():
        i = int(np.argmax(wrong))
        raise TradesError(
            f"A trade and its fills must have one multiplier, but trade '{trades.trade_id[place[i]]}' has "
            f"{own[i]:.10g} and its fills have {found.multiplier[i]:.10g}. Correct one of them or leave it blank."
        )
    out[place] = np.where(np.isnan(own), found.multiplier, own)
    return out


# an average of fills that was rounded is still the same price
_SAME = 1e-4
_FROM_FILLS = ("entry_time", "entry_price", "quantity", "exit_time", "exit_price", "quantity_open")


def _check_one_position(trades: Trades, found: Trades, place: IntArray) -> None:
    names, counts = np.unique(place, return_counts=True)
    if (counts > 1).any():
        name = trades.trade_id[names[np.argmax(counts > 1)]]
        raise TradesError(
            f"The fills of a trade must make up one position, but those of '{name}' go flat and open again. Give each "
            "position a trade_id of its own."
        )
    wrong = trades.side[place] != found.side
    if wrong.any():
        i = int(place[np.argmax(wrong)])
        side = "long" if trades.side[i] > 0 else "short"
        raise TradesError(
            f"The first fill of a {side} must be a {'buy' if side == 'long' else 'sell'}, but that of "
            f"'{trades.trade_id[i]}' is not. Correct the side of the trade or of its fills."
        )


def _spread(found: Trades, place: IntArray, n: int) -> TradeFills:
    """Return the fills in the order of all n trades, of which those not in `place` have none."""
    assert found.fills is not None
    order = np.argsort(place, kind="stable")
    own = found.fills.take(order)
    sizes = np.zeros(n, dtype=np.int64)
    sizes[place[order]] = np.diff(own.start)
    return replace(own, start=np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64))


def fills_of_positions(fills: Fills, positions: Positions, trade_id: npt.NDArray[np.object_]) -> Fills:
    """Return one fill a part, each with the id of its trade.

    Parameters
    ----------
    fills : Fills
    positions : Positions
        Of these fills.
    trade_id : object array of str, shape (n_positions,)

    Returns
    -------
    Fills
        A fill that closes one position and opens the next becomes two, ``/1`` and ``/2`` behind its id, with the
        commission split by quantity.
    """
    parts = fills.take(positions.fill)
    times = np.bincount(positions.fill, minlength=len(fills))
    seen: dict[int, int] = {}
    ids = parts.fill_id.copy()
    for k, fill in enumerate(positions.fill.tolist()):
        if times[fill] > 1 and ids[k]:
            seen[fill] = seen.get(fill, 0) + 1
            ids[k] = f"{ids[k]}/{seen[fill]}"
    share = positions.quantity / parts.quantity
    commission = np.where(share == 1.0, parts.commission, parts.commission * share)
    owner = np.repeat(trade_id, np.diff(positions.start))
    return replace(parts, trade_id=owner, fill_id=ids, quantity=positions.quantity, commission=commission)
