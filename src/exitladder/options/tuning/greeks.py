"""Implied volatilities and Greeks of all quotes of European value at once, which is much faster than one by one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from exitladder.options.black_scholes import greeks, implied_volatility
from exitladder.options.contracts import Contract
from exitladder.options.positions.measures import Valuer
from exitladder.options.positions.trades import OptionTrade
from exitladder.options.valuation import YEAR_NS, Sensitivities, Terms


def prepare(valuer: Valuer, trades: Sequence[OptionTrade]) -> None:
    """Let a valuer know the Greeks of the quotes of positions, from their entries on.

    Quotes that need dividends or the value of early exercise are left to it, and so are those after splits.

    Parameters
    ----------
    valuer : Valuer
    trades : sequence of OptionTrade
    """
    market = valuer.market
    first: dict[tuple[Contract, str], int] = {}
    for trade in trades:
        for contract, _ in trade.legs:
            key = (contract, trade.style)
            if contract in market.quotes and not market.events.dividends.get(contract.underlying):
                first[key] = min(first.get(key, trade.entry_time), trade.entry_time)
    keys: list[tuple[Contract, int, str]] = []
    rows: list[tuple[float, ...]] = []
    rates = (market.settings.rate, market.settings.dividend_yield)
    for (contract, style), begin in first.items():
        bars = market.quotes[contract]
        if bars.volatility is not None or not Terms(contract.right, 1.0, style == "american", rates).is_european:
            continue
        start = int(np.searchsorted(bars.end, begin))
        mids = 0.5 * (bars.at_close.bid + bars.at_close.ask)
        moment = market.clock.moment(contract.expiry)
        for i in range(start, len(bars)):
            if (contract, i, style) not in valuer.known:
                keys.append((contract, i, style))
                years = (moment - int(bars.end[i])) / YEAR_NS
                rows.append((mids[i], valuer.spot(contract, i), contract.strike, years, contract.right))
    if not keys:
        return
    mid, spot, strike, years, right = np.array(rows).T
    with np.errstate(invalid="ignore"):
        is_solvable = (mid > 0) & (spot > 0) & (years > 0)
    solved = np.where(is_solvable, implied_volatility(mid, spot, strike, np.maximum(years, 0.0), right, rates), np.nan)
    at = greeks(spot, strike, np.maximum(years, 0.0), solved, right, rates)
    for k, quote in enumerate(keys):
        found = (float(at.delta[k]), float(at.gamma[k]), float(at.vega[k]) / 100, float(at.theta[k]) / 365)
        valuer.known[quote] = float(solved[k]), Sensitivities(*found)
