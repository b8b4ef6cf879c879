"""How far price went for and against a trade while it was held: of its price, and of its position."""

from __future__ import annotations

import numpy as np

from exitladder.arrays import IntArray
from exitladder.measures.exits.closed import ClosedTrades, Columns
from exitladder.measures.exits.walks import first_reached, position_extremes, walks_of


def price_excursions(closed: ClosedTrades) -> Columns:
    """Return ``mfe_r``, ``mae_r`` and ``hindsight_give_back_r``: MFE minus the exit, known only afterwards."""
    mfe, mae = closed.simulation.mfe_r[closed.rows], closed.simulation.mae_r[closed.rows]
    return {"mfe_r": mfe, "mae_r": mae, "hindsight_give_back_r": mfe - closed.exit_r}


def excursion_bars(closed: ClosedTrades) -> tuple[IntArray, IntArray]:
    """Return the first bars at which MFE and MAE were reached, both shape (n,); the entry bar where price never moved.

    Of the bar of the last fill only the open and the fills count, as for MFE and MAE (rule X4).
    """
    walks, entry_bar = walks_of(closed), closed.simulation.placed.entry_bar[closed.rows].astype(np.int64)
    mfe, mae = closed.simulation.mfe_r[closed.rows], closed.simulation.mae_r[closed.rows]
    return first_reached(walks, mfe, 1.0, entry_bar), first_reached(walks, mae, -1.0, entry_bar)


def position_excursions(closed: ClosedTrades) -> Columns:
    """Return ``position_mfe_r`` and ``position_mae_r``: best and worst profit of the position, exits made included.

    In R of the entered quantity, before commission. Earlier partial exits count at the prices they got, and only the
    quantity still held moves with price. Within a bar of a partial exit the order of prices is unknown: the gain
    counts the quantity after it, the loss the worse of before and after.
    """
    best, worst = position_extremes(walks_of(closed))
    return {"position_mfe_r": best, "position_mae_r": worst}
