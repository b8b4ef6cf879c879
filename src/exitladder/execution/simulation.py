"""The results of a simulation: the outcome of every trade and every fill."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd

from exitladder.arrays import FloatArray, FloatTable, IntArray
from exitladder.execution.kernel import codes as o
from exitladder.execution.kernel import state as s
from exitladder.plans.ladder import Ladder
from exitladder.trades.trades import PlacedTrades

ORDERS = o.ORDERS
STATUS = o.STATUS


@dataclass(frozen=True)
class Fills:
    """Fills in rows: trade by trade, in the order in which they happened.

    Parameters
    ----------
    trade : int64 array, shape (n_fills,)
        Position of the trade.
    bar : int64 array, shape (n_fills,)
        Bar number through the whole `BarSet`.
    order : int64 array, shape (n_fills,)
        Position in ``ORDERS``. A row `mark` values the rest at the last close and is no sale.
    rung : int64 array, shape (n_fills,)
        Rung number from 1; 0 if no rung sold.
    side : int8 array, shape (n_fills,)
        +1 bought, -1 sold.
    quantity, price : float64 array, shape (n_fills,)
        The price paid or received, slippage included.
    commission, slippage : float64 array, shape (n_fills,)
        In account currency; slippage is measured from the market price, tick rounding included.
    financing : float64 array, shape (n_fills,)
        Paid (negative: received) since the fill before, in account currency. A trade's rows sum to its financing.
    r : float64 array, shape (n_fills,)
        R-multiple of the price, slippage included, before commission: 1 at a target of 1R; 0 at the entry. Of a plan
        with adds `net_r`, because there is no one price that all of its fills count from.
    net_r : float64 array, shape (n_fills,)
        Contribution to the trade's net r, after its own commission, its share of the entry's commission by
        quantity, and the financing since the fill before it. A trade's rows sum to its r.
    """

    trade: IntArray
    bar: IntArray
    order: IntArray
    rung: IntArray
    side: npt.NDArray[np.int8]
    quantity: FloatArray
    price: FloatArray
    commission: FloatArray
    slippage: FloatArray
    financing: FloatArray
    r: FloatArray
    net_r: FloatArray

    def __len__(self) -> int:
        return len(self.trade)


@dataclass(frozen=True)
class TradeMoney:
    """How the prices and lots of each trade become money; arrays of shape (n_trades,).

    Parameters
    ----------
    lots : float64 array
        Lot of each trade's contract.
    multipliers : float64 array
        Of the contract, times the rate of its currency at the entry.
    factors : float64 array
        Money per price x quantity: the multiplier, or multiplier / (entry x stop) for an inverse contract.
    coin_gross : float64 array, optional
        Profit before costs of trades in inverse contracts, NaN for others: it is not linear in the price.
    """

    lots: FloatArray
    multipliers: FloatArray
    factors: FloatArray
    coin_gross: FloatArray | None = None


@dataclass(frozen=True)
class Simulation:
    """Outcome of every trade, arrays of shape (n_trades,), in the order of the trades.

    Parameters
    ----------
    placed : PlacedTrades
    ladder : Ladder
    states : float64 array, shape (n_trades, n_places)
        How each trade ended; this and the two that follow are laid out in `exitladder.execution.kernel.state`.
    rungs : float64 array, shape (n_trades, n_rows, n_rungs)
    book : float64 array, shape (n_fills, n_columns)
    money : TradeMoney, optional
        Of each trade's contract; without it lot and multiplier of the ladder's costs count.
    credits : float64 array, shape (n_trades,), optional
        Cash dividends in price x quantity, positive if received; None if the bars pay none.
    fill_credits : float64 array, shape (n_fills,), optional
        The same by fill: those since the fill before.
    growth : float64 array, shape (n_trades, n_places), optional
        What a plan with adds or a maximum size amounts to; None for a ladder.
    adds : float64 array, shape (n_trades, n_rows, n_columns), optional
        The adds of such a plan.
    """

    placed: PlacedTrades
    ladder: Ladder
    states: FloatTable
    rungs: FloatTable
    book: FloatTable
    money: TradeMoney | None = None
    credits: FloatArray | None = None
    fill_credits: FloatArray | None = None
    growth: FloatTable | None = None
    adds: FloatTable | None = None

    def __len__(self) -> int:
        return len(self.placed)

    @cached_property
    def skip_code(self) -> IntArray:
        """Position in ``SKIP_REASONS``; 0 if the trade was simulated."""
        return self.states[:, s.SKIPPED_WHY].astype(np.int64)

    @cached_property
    def status(self) -> npt.NDArray[np.int8]:
        """Position in ``STATUS``: closed, open at the last bar, or skipped."""
        is_open = self.states[:, s.LEFT] > 0
        return np.where(self.skip_code > 0, o.SKIPPED, np.where(is_open, o.OPEN, o.CLOSED)).astype(np.int8)

    @cached_property
    def reason(self) -> npt.NDArray[np.object_]:
        """The order that closed the trade, why it was skipped, or "" while it is open."""
        closed = np.array(ORDERS, dtype=object)[self.states[:, s.LAST_ORDER].astype(np.int64)]
        skipped = np.array(o.SKIP_REASONS, dtype=object)[self.skip_code]
        return np.where(self.status == o.SKIPPED, skipped, np.where(self.status == o.OPEN, "", closed))

    @cached_property
    def risk(self) -> FloatArray:
        """R, the risk per unit, in price; NaN without a stop to define it."""
        risk = self.states[:, s.RISK]
        return np.where(risk > 0, risk, np.nan)

    @cached_property
    def quantity(self) -> FloatArray:
        """Quantity of the first entry, rounded down to the lot."""
        return self.in_units(self.states[:, s.START])

    @cached_property
    def quantity_entered(self) -> FloatArray:
        """Quantity of all entries: more than `quantity` if adds have filled; 0 if the trade was skipped."""
        if self.growth is None:
            return np.where(self.status == o.SKIPPED, 0.0, self.quantity)
        return np.where(self.status == o.SKIPPED, 0.0, self.in_units(self.growth[:, s.G_ENTERED]))

    @cached_property
    def average_entry(self) -> FloatArray:
        """Quantity-weighted price of all entries; NaN if the trade was skipped."""
        return self._counted(self.states[:, s.SIDE] * self._average)

    @property
    def _average(self) -> FloatArray:
        return self.states[:, s.ENTRY] if self.growth is None else self.growth[:, s.G_AVERAGE]

    @cached_property
    def planned(self) -> FloatArray:
        """Planned risk in price x quantity: R of the quantity, or W of a plan with adds."""
        return np.asarray(
            self.states[:, s.RISK] * self.quantity if self.growth is None else self.growth[:, s.G_PLANNED_RISK]
        )

    @cached_property
    def planned_risk(self) -> FloatArray:
        """Money lost if the plan goes as badly as it can without a gap and without costs; NaN if skipped."""
        return self._counted(self._money(self.planned))

    @cached_property
    def n_adds(self) -> IntArray:
        """Adds that filled."""
        return self._of_growth(s.G_MADE)

    @cached_property
    def dropped_adds(self) -> IntArray:
        """Adds that the maximum size, the lot, the minimum quantity or the bar's volume left without quantity."""
        return self._of_growth(s.G_DROPPED)

    @cached_property
    def inactive_adds(self) -> IntArray:
        """Adds that could not be resolved at the entry, or only at or beyond the stop."""
        return self._of_growth(s.G_INACTIVE)

    def _of_growth(self, place: int) -> IntArray:
        if self.growth is None:
            return np.zeros(len(self), dtype=np.int64)
        return np.where(self.status == o.SKIPPED, 0, self.growth[:, place]).astype(np.int64)

    @cached_property
    def grown_runners(self) -> npt.NDArray[np.bool_]:
        """Whether rungs that sum to the whole position left what later adds bought to the stop (PL4)."""
        whole = len(self.ladder.rungs) > 0 and self.ladder.runner <= 1e-9
        if self.growth is None or not whole:
            return np.zeros(len(self), dtype=np.bool_)
        fired = (self.rungs[:, s.STATUS, : len(self.ladder.rungs)] == o.DONE).all(axis=1)
        ended_by_rung = (self.status == o.CLOSED) & (self.states[:, s.LAST_ORDER] == o.RUNG)
        return np.asarray(fired & (self.n_adds > 0) & ~ended_by_rung & (self.status != o.SKIPPED))

    @cached_property
    def quantity_left(self) -> FloatArray:
        """Quantity still held at the last bar; 0 if the trade was skipped."""
        return np.where(self.status == o.SKIPPED, 0.0, self.in_units(self.states[:, s.LEFT]))

    @cached_property
    def exit_bar(self) -> IntArray:
        """Bar number of the last sale of a closed trade, else -1."""
        return np.where(self.status == o.CLOSED, self.states[:, s.LAST_BAR].astype(np.int64), -1)

    @cached_property
    def exit_price(self) -> FloatArray:
        """Quantity-weighted price of a closed trade's sales, NaN otherwise."""
        sold = np.where(self.status == o.CLOSED, self.states[:, s.SOLD], np.nan)
        return self.states[:, s.SIDE] * self.states[:, s.SOLD_VALUE] / sold

    @cached_property
    def pnl(self) -> FloatArray:
        """Profit after all costs in account currency, the rest marked at the last close; NaN if skipped."""
        net = self._net
        linear = self._money(net)
        if self.money is None or self.money.coin_gross is None:
            return self._counted(linear)
        in_coins = self.money.coin_gross - self._money(self.states[:, s.COMMISSION] + self.states[:, s.FINANCING])
        return self._counted(np.where(np.isnan(self.money.coin_gross), linear, in_coins))

    @cached_property
    def r(self) -> FloatArray:
        """Profit after all costs over the planned risk: in R of the quantity without adds; NaN if skipped."""
        net = self._net
        with np.errstate(divide="ignore", invalid="ignore"):
            return self._counted(net / self.planned)

    @property
    def _net(self) -> FloatArray:
        """Profit after costs and with dividends, in price x quantity."""
        net = self.states[:, s.GROSS] - self.states[:, s.COMMISSION] - self.states[:, s.FINANCING]
        return np.asarray(net if self.credits is None else net + self.credits)

    @cached_property
    def dividends(self) -> FloatArray:
        """Cash dividends received (negative: paid) in account currency; NaN if skipped."""
        return self._counted(self._money(np.zeros(len(self)) if self.credits is None else self.credits))

    @cached_property
    def dividends_r(self) -> FloatArray:
        """Cash dividends received (negative: paid) over the planned risk; NaN if skipped."""
        cash = np.zeros(len(self)) if self.credits is None else self.credits
        with np.errstate(divide="ignore", invalid="ignore"):
            return self._counted(cash / self.planned)

    @cached_property
    def money_per_r(self) -> FloatArray:
        """Money that `r` = 1 is worth: `pnl` is `r` times this, 1R of the quantity without adds; NaN if skipped."""
        return self._counted(self._money(self.risk * self.quantity if self.growth is None else self.planned))

    @cached_property
    def notional(self) -> FloatArray:
        """Entered quantity at the entry price in account currency; NaN if skipped."""
        return self._counted(self._money(np.abs(self.placed.trades.entry_price) * self.quantity))

    @cached_property
    def commission(self) -> FloatArray:
        """Commission of all fills in account currency."""
        return self._counted(self._money(self.states[:, s.COMMISSION]))

    @cached_property
    def financing(self) -> FloatArray:
        """Financing paid (negative: received) in account currency; it is in no fill's commission."""
        return self._counted(self._money(self.states[:, s.FINANCING]))

    @cached_property
    def mfe_r(self) -> FloatArray:
        """Best r reached while any quantity was open, before slippage; with adds per unit, from the average before."""
        if self.growth is not None:
            return self._counted(self.growth[:, s.G_BEST] / self.risk)
        return self._counted(self._r_of(self.states[:, s.BEST]))

    @cached_property
    def mae_r(self) -> FloatArray:
        """Worst r reached while any quantity was open, before slippage; with adds per unit, from the average before."""
        if self.growth is not None:
            return self._counted(self.growth[:, s.G_WORST] / self.risk)
        return self._counted(self._r_of(self.states[:, s.WORST]))

    @cached_property
    def exit_r(self) -> FloatArray:
        """R-multiple of `exit_price` from the average entry, before costs; of the last close while open."""
        return self._counted(np.where(self.status == o.OPEN, self._r_of(self._close), self._r_of(self._signed_exit)))

    @cached_property
    def give_back_r(self) -> FloatArray:
        """`mfe_r` less `exit_r`."""
        return np.asarray(self.mfe_r - self.exit_r)

    @cached_property
    def capture(self) -> FloatArray:
        """Net `r` / `mfe_r`, an open trade marked; NaN if the trade was skipped or never was in profit."""
        usable = (self.status != o.SKIPPED) & (self.mfe_r > 0)
        return np.where(usable, self.r / np.where(usable, self.mfe_r, 1.0), np.nan)

    @cached_property
    def bars_held(self) -> IntArray:
        """Closed bars since the entry, without the bar of the last fill."""
        return self.states[:, s.HELD].astype(np.int64)

    @cached_property
    def bars_in_market(self) -> IntArray:
        """Bars that each trade was exposed to: those held, and that of the last fill of a closed trade; 0 if skipped.

        Open trades were held through the bar that they are marked at.
        """
        return np.where(self.status == o.SKIPPED, 0, self.bars_held + (self.status == o.CLOSED))

    @cached_property
    def last_bar(self) -> IntArray:
        """Bar number of the last sale, or of the mark of an open trade; -1 if it was skipped."""
        return np.where(self.status == o.OPEN, self.placed.end_bar - 1, self.exit_bar)

    @cached_property
    def n_fills(self) -> IntArray:
        """Fills of each trade: the entry and every sale. The mark of an open trade is none (X8)."""
        return np.asarray(self.n_rows - (self.status == o.OPEN))

    @cached_property
    def n_rows(self) -> IntArray:
        """Number of rows of each trade in `fills`."""
        return self.states[:, s.FILLS].astype(np.int64)

    @cached_property
    def ambiguous_bars(self) -> IntArray:
        """Bars in which the order of high and low decided (X7b)."""
        return self.states[:, s.AMBIGUOUS].astype(np.int64)

    @cached_property
    def coarse_bars(self) -> IntArray:
        """Bars that fell back to ``stop_first`` because no finer bars made them up (policy ``finer_bars``)."""
        return self.states[:, s.COARSE].astype(np.int64)

    @cached_property
    def inactive_rungs(self) -> IntArray:
        """Rungs whose target could not be resolved at the entry."""
        return self.states[:, s.INACTIVE_RUNGS].astype(np.int64)

    @cached_property
    def small_rests(self) -> npt.NDArray[np.bool_]:
        """Whether a rest below the minimum quantity was left without an order of its own (S1a)."""
        return np.asarray(self.states[:, s.SMALL_REST] > 0)

    @cached_property
    def next_sessions(self) -> npt.NDArray[np.bool_]:
        """Whether a time of the session had passed at the entry, so that its exit is in the next session (X11)."""
        return np.asarray((self.states[:, s.DUE_PASSED] > 0) & (self.status != o.SKIPPED))

    @cached_property
    def fills(self) -> Fills:
        """Every fill of every trade that was simulated."""

        def whole(column: int) -> IntArray:
            return self.book[:, column].astype(np.int64)

        trade = whole(s.B_TRADE)
        bought = (self.book[:, s.B_ORDER] == o.ENTRY) | (self.book[:, s.B_ORDER] == o.ADD)
        trade_side = self.placed.trades.side[trade]
        return Fills(
            trade=trade,
            bar=whole(s.B_BAR),
            order=whole(s.B_ORDER),
            rung=whole(s.B_RUNG) + 1,
            side=np.where(bought, trade_side, -trade_side).astype(np.int8),
            quantity=self.book[:, s.B_QUANTITY],
            price=self.book[:, s.B_PRICE],
            commission=self._money(self.book[:, s.B_COMMISSION], trade),
            slippage=self._money(self.book[:, s.B_SLIPPAGE], trade),
            financing=self._money(self.book[:, s.B_FINANCING], trade),
            # of a plan: what the fill adds to the r of its trade, so that a trade's rows sum to it
            r=self._fill_r(trade, trade_side) if self.growth is None else self.book[:, s.B_NET_R],
            net_r=self.book[:, s.B_NET_R],
        )

    def _fill_r(self, rows: IntArray, trade_side: npt.NDArray[np.int8]) -> FloatArray:
        """R-multiple of each fill's price (the r(p) of the rules), slippage included, before commission."""
        return np.asarray((trade_side * self.book[:, s.B_PRICE] - self.states[rows, s.ENTRY]) / self.risk[rows])

    @cached_property
    def price_r(self) -> FloatArray:
        """R-multiple of each fill's price from the first entry, slippage included, before commission."""
        trade = self.book[:, s.B_TRADE].astype(np.int64)
        return self._fill_r(trade, self.placed.trades.side[trade])

    @property
    def _close(self) -> FloatArray:
        """Signed last close of each trade's symbol."""
        return self.states[:, s.SIDE] * self.placed.bars.close[self.placed.end_bar - 1]

    @property
    def _signed_exit(self) -> FloatArray:
        return self.states[:, s.SIDE] * self.exit_price

    def _r_of(self, signed_price: FloatArray) -> FloatArray:
        return np.asarray((signed_price - self._average) / self.risk)

    def _money(self, amount: FloatArray, trade: IntArray | slice = slice(None)) -> FloatArray:
        """Return amounts of price times quantity as money (S8)."""
        if self.money is None:
            return np.asarray(amount * self.ladder.costs.multiplier)
        return np.asarray(amount * self.money.factors[trade])

    def _counted(self, values: FloatArray) -> FloatArray:
        return np.where(self.status == o.SKIPPED, np.nan, values)

    def in_units(self, lots: FloatArray, trade: int | slice = slice(None)) -> FloatArray:
        """Return a number of lots as quantities, of all trades or of one."""
        if self.money is None:
            lot = self.ladder.costs.lot
            if lot <= 0:
                return np.array(lots)
            return np.asarray(lots / (1.0 / lot) if lot < 1 else lots * lot)
        step = self.money.lots[trade]
        safe = np.where(step > 0, step, 1.0)
        return np.where(safe < 1, lots / (1.0 / safe), lots * safe)

    def fills_frame(self) -> pd.DataFrame:
        """Return the table of ``fills.csv``: one row per fill in order; `fill` counts from 1 within a trade."""
        fills, placed = self.fills, self.placed
        first = np.concatenate([[0], np.cumsum(self.n_rows)])[:-1]
        table = pd.DataFrame(
            {
                "trade_id": placed.trades.trade_id[fills.trade],
                "fill": np.arange(len(fills)) - first[fills.trade] + 1,
                "bar_time": stamps(placed.bars.time[fills.bar]),
                "order": np.array(ORDERS, dtype=object)[fills.order],
                "rung": pd.Series(fills.rung, dtype="Int64").where(fills.rung > 0),
                "side": np.where(fills.side > 0, "buy", "sell"),
                "quantity": fills.quantity,
                "price": fills.price,
                "commission": fills.commission,
                "slippage": fills.slippage,
                "financing": fills.financing,
                "r": fills.r,
            }
        )
        if self.fill_credits is not None:
            table["dividends"] = self._money(self.fill_credits, fills.trade)
        return table

    def trades_frame(self) -> pd.DataFrame:
        """Return the table of ``trades.csv``: one row per trade, in their order.

        With ``quantity_entered``, ``average_entry``, ``planned_risk`` and ``n_adds`` of a plan (docs/plans.md). With
        ``multiplier`` if any is not 1, ``inverse`` if a contract is coin-margined, and ``dividends`` if the bars
        pay any.
        """
        trades = self.placed.trades
        multiplier = np.full(len(self), self.ladder.costs.multiplier)
        if self.money is not None:
            multiplier = self.money.multipliers
        exit_time = np.where(self.exit_bar >= 0, self.placed.bars.time[self.exit_bar], pd.NaT.value)
        table = pd.DataFrame(
            {
                "trade_id": trades.trade_id,
                "symbol": trades.symbol,
                "side": np.where(trades.side > 0, "long", "short"),
                "status": np.array(STATUS, dtype=object)[self.status],
                "reason": self.reason,
                "quantity": self.quantity,
                "entry_time": stamps(trades.entry_time),
                "entry_price": trades.entry_price,
                "risk": self.risk,
                "exit_time": stamps(exit_time),
                "exit_price": self.exit_price,
                "pnl": self.pnl,
                "financing": self.financing,
                "r": self.r,
                "mfe_r": self.mfe_r,
                "mae_r": self.mae_r,
                "give_back_r": self.give_back_r,
                "capture": self.capture,
                "bars_held": self.bars_held,
                "n_fills": self.n_fills,
                "ambiguous_bars": self.ambiguous_bars,
            }
        )
        if trades.n_entries is not None and (trades.n_entries > 1).any():
            # of several entries: entry_time is the last one's, entry_price their average
            table["n_entries"] = trades.n_entries
        if self.growth is not None:
            table["quantity_entered"] = self.quantity_entered
            table["average_entry"] = self.average_entry
            table["planned_risk"] = self.planned_risk
            table["n_adds"] = self.n_adds
        if self.credits is not None:
            table["dividends"] = self.dividends
        if self.money is not None and self.money.coin_gross is not None:
            return table.assign(multiplier=multiplier, inverse=~np.isnan(self.money.coin_gross))
        return table if (multiplier == 1).all() else table.assign(multiplier=multiplier)


def joined_tables(parts: Sequence[Simulation]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the tables of ``trades.csv`` and ``fills.csv`` of several simulations, one after another."""
    grown = any(part.growth is not None for part in parts)
    trades = pd.concat([_with_adds(part) if grown else part.trades_frame() for part in parts], ignore_index=True)
    for name, usual in (("multiplier", 1.0), ("inverse", False), ("dividends", 0.0)):
        if name in trades and trades[name].isna().any():
            trades[name] = [usual if pd.isna(value) else value for value in trades[name]]
    return trades, pd.concat([part.fills_frame() for part in parts], ignore_index=True)


def _with_adds(part: Simulation) -> pd.DataFrame:
    """Return the table of ``trades.csv`` with the columns of a plan; an exit ladder adds nothing."""
    table = part.trades_frame()
    if part.growth is not None:
        return table
    return table.assign(
        quantity_entered=part.quantity_entered,
        average_entry=part.average_entry,
        planned_risk=part.planned_risk,
        n_adds=part.n_adds,
    )


def stamps(nanoseconds: IntArray) -> pd.DatetimeIndex:
    """Return UTC stamps."""
    return pd.to_datetime(nanoseconds, utc=True, unit="ns")
