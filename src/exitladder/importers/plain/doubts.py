"""Positions that may be the rest of something a file of fills does not show."""

from __future__ import annotations

from exitladder.trades.fills import Fills
from exitladder.trades.positions import Positions
from exitladder.trades.trades import Trades

# a split by one of these ratios, within this share
_SPLITS = (2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 10.0, 15.0, 20.0, 25.0, 50.0, 1.5, 0.5, 0.2, 0.25, 0.1, 0.05, 0.04, 0.02)
_NEAR = 0.1


def doubtful_positions(fills: Fills, positions: Positions, trades: Trades) -> list[str]:
    """Return notes on positions turned round across a likely split, and on symbols that begin with a sale.

    Parameters
    ----------
    fills : Fills
    positions : Positions
        Of these fills.
    trades : Trades
        One a position.

    Returns
    -------
    list of str
    """
    return [*_across_splits(fills, positions, trades), *_sold_first(fills, positions, trades)]


def _across_splits(fills: Fills, positions: Positions, trades: Trades) -> list[str]:
    """Return a note on each position that was left and turned round by one fill at about the price after a split."""
    notes = []
    opened_by = {int(positions.fill[positions.start[i]]) for i in range(len(positions))}
    for i in range(len(positions)):
        part = positions.parts(i)
        first, last = int(positions.fill[part][0]), int(positions.fill[part][-1])
        if positions.left[i] != 0.0 or last == first or last not in opened_by:
            continue
        ratio = trades.entry_price[i] / fills.price[last]
        near = min((abs(ratio / split - 1), split) for split in _SPLITS)[1]
        if abs(ratio / near - 1) < _NEAR:
            notes.append(
                f"'{trades.trade_id[i]}' was entered at {trades.entry_price[i]:.6g} and turned round at "
                f"{fills.price[last]:.6g}: if {trades.symbol[i]} split {near:g} for 1 between, adjust quantity and "
                "price of the fills before it"
            )
    return notes


def _sold_first(fills: Fills, positions: Positions, trades: Trades) -> list[str]:
    first: dict[str, int] = {}
    for i in range(len(positions)):
        first.setdefault(str(trades.symbol[i]), i)
    names = [
        name
        for name, i in first.items()
        if positions.side[i] < 0 and fills.trade_id[positions.fill[positions.start[i]]] == ""
    ]
    if not names:
        return []
    begin = "1 symbol begins" if len(names) == 1 else f"{len(names)} symbols begin"
    return [
        f"{begin} with a sale, such as {names[0]}, read as short: if it closed a purchase from before the file begins, "
        "add that purchase or take the sale out"
    ]
