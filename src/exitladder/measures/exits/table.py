"""The table of exits: one row per closed trade with every measure, in R, with the worth of 1R in per cent and money."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from exitladder.execution.simulation import Simulation, stamps
from exitladder.measures.exits.best_exit import best_exits
from exitladder.measures.exits.closed import ClosedTrades, Columns, closed_trades
from exitladder.measures.exits.efficiency import efficiencies
from exitladder.measures.exits.excursions import excursion_bars, position_excursions, price_excursions
from exitladder.measures.exits.later import HORIZONS, Horizons, later_exits
from exitladder.measures.exits.managing import managing
from exitladder.measures.exits.scaling import scaling
from exitladder.measures.exits.sessions import Sessions
from exitladder.measures.exits.way import ways

KEYS = ("trade_id", "symbol", "side", "entry_time", "percent_per_r", "money_per_r", "n_exits", "mfe_time", "mae_time")
"""Columns that describe the trade; all others are measures."""


@dataclass(frozen=True)
class ExitTables:
    """Makes tables of exits for simulations of the same bars.

    Parameters
    ----------
    sessions : Sessions
    horizons : Horizons
        How much later positions are sold.
    """

    sessions: Sessions
    horizons: Horizons = HORIZONS

    def of(self, simulation: Simulation, plan: Simulation | None = None) -> pd.DataFrame:
        """Return the table of exits of a simulation.

        Parameters
        ----------
        simulation : Simulation
            Of a ladder, or of the user's own exits: then trades without an own exit have no row.
        plan : Simulation, optional
            The same trades under `exitladder.measures.exits.managing.set_and_forget`.

        Returns
        -------
        DataFrame
            One row per closed trade, in trade order, with the columns `KEYS` and the measures of the other modules:
            ``…_r`` in R, the others as shares. ``percent_per_r`` and ``money_per_r`` are 1R in per cent of the entry
            price and in account currency (multiplier included). Columns named ``hindsight_…`` use prices that were
            not known at the exit.
        """
        closed = closed_trades(simulation)
        position = position_excursions(closed)
        columns: Columns = {
            "net_r": closed.net_r,
            **price_excursions(closed),
            **position,
            **efficiencies(closed),
            **best_exits(closed, position["position_mae_r"], self.sessions),
            **ways(closed, plan),
            **managing(closed, plan),
            **scaling(closed),
            **later_exits(closed, self.sessions, self.horizons),
        }
        return pd.DataFrame({**_keys(closed), **columns})


def _keys(closed: ClosedTrades) -> dict[str, object]:
    simulation, rows = closed.simulation, closed.rows
    trades, bars = simulation.placed.trades, simulation.placed.bars
    money = simulation.money
    multiplier = simulation.ladder.costs.multiplier if money is None else money.multipliers[rows]
    risk = simulation.risk[rows]
    mfe_bar, mae_bar = excursion_bars(closed)
    return {
        "trade_id": trades.trade_id[rows],
        "symbol": trades.symbol[rows],
        "side": np.where(trades.side[rows] > 0, "long", "short"),
        "entry_time": stamps(trades.entry_time[rows]),
        "percent_per_r": 100.0 * risk / trades.entry_price[rows],
        # of a plan with adds, the money that its net R counts in
        "money_per_r": risk * simulation.quantity[rows] * multiplier
        if simulation.growth is None
        else simulation.money_per_r[rows],
        "n_exits": closed.n_exits,
        "mfe_time": stamps(bars.time[mfe_bar]),
        "mae_time": stamps(bars.time[mae_bar]),
    }
