"""Trades of symbols with contracts of their own, executed contract by contract (rule S8)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from exitladder.arrays import FloatArray, FloatTable, IntArray
from exitladder.errors import SettingsError, TradesError
from exitladder.execution.coin_margined import costs_in_money, in_coins, ladder_in_prices
from exitladder.execution.kernel import state as s
from exitladder.execution.signals import Signals
from exitladder.execution.simulation import Simulation, TradeMoney
from exitladder.plans.adds import refuse_adds
from exitladder.plans.ladder import Ladder
from exitladder.settings.contracts import Contract, Contracts
from exitladder.settings.currencies import Currencies
from exitladder.trades.trades import PlacedTrades, Trades


def contract_groups(placed: PlacedTrades) -> list[tuple[Contract, IntArray]]:
    """Return the contracts of trades and the positions of the trades of each; nothing if no trade has one.

    Hours of trading alone are no contract of its own: they change neither money nor steps.

    Parameters
    ----------
    placed : PlacedTrades

    Returns
    -------
    list of (Contract, int64 array)
        Trades of an inverse contract are apart by side.

    Raises
    ------
    TradesError
        If a trade has another multiplier than its symbol.
    """
    known = placed.bars.contracts
    symbols = placed.bars.symbols
    used = [int(k) for k in np.unique(placed.symbol_index)]
    own = placed.trades.multiplier
    has_own = own is not None and not np.isnan(own).all()
    if not has_own and not any(symbols[k] in known for k in used):
        return []
    groups: dict[tuple[Contract, int], list[IntArray]] = {}
    for k in used:
        contract = known.get(symbols[k], Contract())
        rows = np.flatnonzero(placed.symbol_index == k)
        given = np.full(len(rows), np.nan) if own is None else own[rows]
        if (~np.isnan(given)).any():
            _check_multipliers(placed.trades, rows, multiplier_of(known, symbols[k]))
        sizes = np.where(np.isnan(given), contract.multiplier, given)
        sides = placed.trades.side[rows] if contract.inverse else np.zeros(len(rows), dtype=np.int8)
        for size, side in sorted(set(zip(sizes.tolist(), sides.tolist(), strict=True))):
            # what changes neither money nor steps makes no group of its own
            steps = (contract.tick, contract.lot, contract.min_quantity)
            plain = Contract(size, *steps, currency=contract.currency, inverse=contract.inverse)
            groups.setdefault((plain, int(side)), []).append(rows[(sizes == size) & (sides == side)])
    if not has_own and list(groups) == [(Contract(), 0)]:
        return []
    return [(contract, np.sort(np.concatenate(parts))) for (contract, _), parts in groups.items()]


def multiplier_of(contracts: Mapping[str, Contract], symbol: str) -> float | None:
    """Return the multiplier that a table of contracts gives a symbol, None if it gives none."""
    return (contracts if isinstance(contracts, Contracts) else Contracts(contracts)).multiplier_of(symbol)


def check_money(trades: Trades, contracts: Contracts, currencies: Currencies) -> None:
    """Refuse trades whose money the settings leave open: two multipliers, or a currency without a rate.

    Parameters
    ----------
    trades : Trades
    contracts : Contracts
    currencies : Currencies

    Raises
    ------
    TradesError
        If a trade has another multiplier than its symbol.
    SettingsError
        If a currency has no rate, or a coin-margined contract names no coin.
    """
    symbols = sorted(set(map(str, trades.symbol)))
    used = [contracts.contract_of(symbol) for symbol in symbols]
    currencies.check(contract.currency for contract in used)
    for symbol, contract in zip(symbols, used, strict=True):
        if contract.inverse and not contract.currency:
            raise SettingsError(
                f"A coin-margined contract must name the coin it pays in, but '{symbol}' has inverse = true and no "
                f'currency. Set symbols.{symbol}.currency, such as "BTC".'
            )
    coins = sorted({contract.currency for contract in used if contract.inverse})
    if coins and not currencies.account and any(contract.currency != coins[0] for contract in used):
        raise SettingsError(
            f"Profit in {', '.join(coins)} and in other money can be added up in the account's currency only: set "
            'currencies.account, such as --set currencies.account="USD", and a rate for each coin.'
        )
    if trades.multiplier is not None:
        for symbol in symbols:
            _check_multipliers(trades, np.flatnonzero(trades.symbol == symbol), contracts.multiplier_of(symbol))


def _check_multipliers(trades: Trades, rows: IntArray, of_symbol: float | None) -> None:
    if trades.multiplier is None or of_symbol is None:
        return
    given = trades.multiplier[rows]
    wrong = ~np.isnan(given) & (given != of_symbol)
    if not wrong.any():
        return
    i = int(np.argmax(wrong))
    symbol = trades.symbol[rows[i]]
    raise TradesError(
        f"A trade must have the multiplier of its symbol, but trade '{trades.trade_id[rows[i]]}' has "
        f"{given[i]:.10g} in the column multiplier and symbols.{symbol}.multiplier is {of_symbol:.10g}. "
        f"{int(wrong.sum())} trades of '{symbol}' are concerned. Correct one of them, or leave the column blank."
    )


def with_contract(ladder: Ladder, contract: Contract) -> Ladder:
    """Return a ladder whose costs are those of a contract: its multiplier, tick, lot and minimum quantity."""
    return replace(ladder, costs=contract.costs(ladder.costs))


def _run_ladder(ladder: Ladder, contract: Contract, placed: PlacedTrades, rows: IntArray) -> Ladder:
    """Return the ladder that the kernels run for these trades of a contract."""
    own = with_contract(ladder, contract)
    return ladder_in_prices(own, int(placed.trades.side[rows[0]])) if contract.inverse else own


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
    taken = replace(taken, trades=replace(taken.trades, multiplier=None))
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
    lots, multipliers, factors = np.zeros(n), np.ones(n), np.ones(n)
    coin_gross = np.full(n, np.nan)
    states = rungs = np.zeros(0)
    growth: FloatTable | None = None
    adds: FloatTable | None = None
    books = []
    for contract, rows in groups:
        own = with_contract(ladder, contract)
        if contract.inverse:
            refuse_adds(ladder, "Trades in coin-margined contracts")
        part, heard = _part(placed, rows, signals)
        done = run(part, _run_ladder(ladder, contract, placed, rows), heard)
        if not len(states):
            states = np.zeros((n, *done.states.shape[1:]))
            rungs = np.zeros((n, *done.rungs.shape[1:]))
            growth = None if done.growth is None else np.zeros((n, done.growth.shape[1]))
            adds = None if done.adds is None else np.zeros((n, *done.adds.shape[1:]))
        rates = _rates(placed, contract, rows)
        multipliers[rows] = factors[rows] = own.costs.multiplier * rates
        made, book = done.states, done.book.copy()
        if contract.inverse:
            coins = in_coins(done, own.costs, own.costs.multiplier)
            made, book = coins.states, coins.book
            factors[rows], coin_gross[rows] = coins.factors * rates, coins.gross * rates
        states[rows], rungs[rows] = made, done.rungs
        if growth is not None and done.growth is not None:
            growth[rows] = done.growth
        if adds is not None and done.adds is not None:
            adds[rows] = done.adds
        book[:, s.B_TRADE] = rows[book[:, s.B_TRADE].astype(np.int64)]
        books.append(book)
        lots[rows] = own.costs.lot
        ladder_run = done.ladder
    book = np.concatenate(books)
    book = book[np.argsort(book[:, s.B_TRADE], kind="stable")]
    # the costs that do not depend on the contract stay the ladder's
    same = replace(ladder_run, costs=ladder.costs)
    money = TradeMoney(lots, multipliers, factors, None if np.isnan(coin_gross).all() else coin_gross)
    return Simulation(placed, same, states, rungs, book, money=money, growth=growth, adds=adds)


def tables_by_group(
    run: Callable[[PlacedTrades, Sequence[Ladder], Signals | None], tuple[FloatTable, ...]],
    run_alone: Callable[[PlacedTrades, Ladder, Signals | None], tuple[FloatArray, ...]],
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
    run_alone : callable
        Returns the columns of one ladder for trades with their contracts, fill by fill: costs in coins need the fills.
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
        if contract.inverse:
            for ladder in ladders:
                refuse_adds(ladder, "Trades in coin-margined contracts")
        if contract.inverse and any(costs_in_money(ladder.costs) for ladder in ladders):
            own, heard = placed.take(rows), None if signals is None else signals.take(rows)
            columns = [run_alone(own, ladder, heard) for ladder in ladders]
            tables = tuple(np.stack(kind, axis=1) for kind in zip(*columns, strict=True))
        else:
            part, heard = _part(placed, rows, signals)
            tables = run(part, [_run_ladder(ladder, contract, placed, rows) for ladder in ladders], heard)
        whole = whole or tuple(np.empty((len(placed), len(ladders)), dtype=table.dtype) for table in tables)
        for target, table in zip(whole, tables, strict=True):
            target[rows] = table
    return whole
