"""Trades of symbols with contracts of their own, executed contract by contract (rule S8)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from exitladder.arrays import FloatArray, FloatTable, IntArray
from exitladder.errors import LadderError
from exitladder.execution.kernel import state as s
from exitladder.execution.signals import Signals
from exitladder.execution.simulation import Simulation
from exitladder.plans.ladder import Ladder
from exitladder.settings.contracts import Contract
from exitladder.trades.trades import PlacedTrades


def contract_groups(placed: PlacedTrades) -> list[tuple[Contract, IntArray]]:
    """Return the contracts of trades and the positions of the trades of each; nothing if no symbol has its own.

    Hours of trading alone are no contract of its own: they change neither money nor steps.

    Parameters
    ----------
    placed : PlacedTrades

    Raises
    ------
    LadderError
        If a trade is in an inverse contract, whose money is not linear in the price.
    """
    known = placed.bars.contracts
    symbols = placed.bars.symbols
    used = [int(k) for k in np.unique(placed.symbol_index)]
    if not any(symbols[k] in known for k in used):
        return []
    groups: dict[Contract, list[int]] = {}
    for k in used:
        contract = known.get(symbols[k], Contract())
        if contract.inverse:
            raise LadderError(
                f"'{symbols[k]}' is an inverse contract: its money is not linear in the price, and it cannot be "
                f"simulated in coins yet. Set symbols.{symbols[k]}.inverse = false to judge it in price R."
            )
        # what changes neither money nor steps makes no group of its own
        steps = (contract.tick, contract.lot, contract.min_quantity)
        plain = Contract(contract.multiplier, *steps, currency=contract.currency)
        groups.setdefault(plain, []).append(k)
    if list(groups) == [Contract()]:
        return []
    return [(contract, np.flatnonzero(np.isin(placed.symbol_index, members))) for contract, members in groups.items()]


def with_contract(ladder: Ladder, contract: Contract) -> Ladder:
    """Return a ladder whose costs are those of a contract: its multiplier, tick, lot and minimum quantity."""
    return replace(ladder, costs=contract.costs(ladder.costs))


def _rates(placed: PlacedTrades, contract: Contract, rows: IntArray) -> FloatArray:
    """Return units of the account's currency for one of the contract's, as known at each entry."""
    currencies = placed.bars.currencies
    if currencies is None:
        return np.ones(len(rows))
    rates: FloatArray = currencies.rate(contract.currency, placed.trades.entry_time[rows], placed.bars)
    return rates


def _part(placed: PlacedTrades, rows: IntArray, signals: Signals | None) -> tuple[PlacedTrades, Signals | None]:
    hours = {symbol: contract.hours for symbol, contract in placed.bars.contracts.items()}
    taken = replace(placed.take(rows), bars=placed.bars.with_contracts(hours))
    return taken, None if signals is None else signals.take(rows)


def simulate_groups(
    run: Callable[[PlacedTrades, Ladder, Signals | None], Simulation],
    groups: Sequence[tuple[Contract, IntArray]],
    placed: PlacedTrades,
    ladder: Ladder,
    signals: Signals | None = None,
) -> Simulation:
    """Return one simulation of trades in several contracts.

    Parameters
    ----------
    run : callable
        Simulates trades whose bars have no contracts.
    groups : sequence of (Contract, int64 array)
        As `contract_groups` gives them.
    placed : PlacedTrades
    ladder : Ladder
    signals : Signals, optional

    Returns
    -------
    Simulation
        Of all trades, in the order of `placed`, with the lot and the multiplier of each.
    """
    n = len(placed)
    lots, multipliers = np.zeros(n), np.ones(n)
    states = rungs = np.zeros(0)
    books = []
    for contract, rows in groups:
        own = with_contract(ladder, contract)
        part, heard = _part(placed, rows, signals)
        done = run(part, own, heard)
        if not len(states):
            states = np.zeros((n, *done.states.shape[1:]))
            rungs = np.zeros((n, *done.rungs.shape[1:]))
        states[rows], rungs[rows] = done.states, done.rungs
        book = done.book.copy()
        book[:, s.B_TRADE] = rows[book[:, s.B_TRADE].astype(np.int64)]
        books.append(book)
        lots[rows] = own.costs.lot
        multipliers[rows] = own.costs.multiplier * _rates(placed, contract, rows)
        ladder_run = done.ladder
    book = np.concatenate(books)
    book = book[np.argsort(book[:, s.B_TRADE], kind="stable")]
    # the costs that do not depend on the contract stay the ladder's
    same = replace(ladder_run, costs=ladder.costs)
    return Simulation(placed, same, states, rungs, book, lots=lots, multipliers=multipliers)


def tables_by_group(
    run: Callable[[PlacedTrades, Sequence[Ladder], Signals | None], tuple[FloatTable, ...]],
    groups: Sequence[tuple[Contract, IntArray]],
    placed: PlacedTrades,
    ladders: Sequence[Ladder],
    signals: Signals | None,
) -> tuple[FloatTable, ...]:
    """Return tables of shape (n_trades, n_ladders) of trades in several contracts.

    Parameters
    ----------
    run : callable
        Returns the tables of trades whose bars have no contracts.
    groups : sequence of (Contract, int64 array)
    placed : PlacedTrades
    ladders : sequence of Ladder
    signals : Signals, optional

    Returns
    -------
    tuple of float array, shape (n_trades, n_ladders)
        One for each table that `run` returns, of the same type; rows in the order of `placed`.
    """
    whole: tuple[FloatTable, ...] = ()
    for contract, rows in groups:
        part, heard = _part(placed, rows, signals)
        tables = run(part, [with_contract(ladder, contract) for ladder in ladders], heard)
        whole = whole or tuple(np.empty((len(placed), len(ladders)), dtype=table.dtype) for table in tables)
        for target, table in zip(whole, tables, strict=True):
            target[rows] = table
    return whole
