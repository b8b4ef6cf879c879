"""What conditions of a plan on options read at a close (rules O4 to O6)."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from exitladder.clock import DAY_NS
from exitladder.options.contracts import Contract
from exitladder.options.market import OptionMarket
from exitladder.options.positions.entering import index_at
from exitladder.options.positions.plan import GREEKS
from exitladder.options.positions.position import Position
from exitladder.options.valuation import Sensitivities


@dataclass
class Valuer:
    """Implied volatilities and Greeks of contracts at closes of their quotes, each found once.

    Parameters
    ----------
    market : OptionMarket
    """

    market: OptionMarket
    known: dict[tuple[Contract, int, str], tuple[float, Sensitivities]] = field(default_factory=dict)
    n_unknown: int = 0

    def at_close(self, contract: Contract, i: int, style: str) -> tuple[float, Sensitivities]:
        """Return the implied volatility of a quote's mid and its Greeks; NaN where unknown.

        Parameters
        ----------
        contract : Contract
        i : int
            Number of the quote.
        style : {"american", "european"}

        Returns
        -------
        volatility : float
        greeks : Sensitivities
        """
        key = (contract, i, style)
        if key not in self.known:
            self.known[key] = self._found(contract, i, style)
            self.n_unknown += math.isnan(self.known[key][0])
        return self.known[key]

    def _found(self, contract: Contract, i: int, style: str) -> tuple[float, Sensitivities]:
        bars = self.market.quotes[contract]
        moment = int(bars.end[i])
        mid = 0.5 * (float(bars.at_close.bid[i]) + float(bars.at_close.ask[i]))
        spot, years = self.spot(contract, i), self.market.years(contract, moment)
        terms = self.market.terms(contract, moment, style)
        volatility = terms.implied(mid, spot, years) if bars.volatility is None else float(bars.volatility[i])
        return volatility, terms.sensitivities(spot, years, volatility)

    def spot(self, contract: Contract, i: int) -> float:
        """Return the underlying's price beside a quote: that of the quotes' file, else the last one of the bars."""
        bars = self.market.quotes[contract]
        beside = float(bars.spot[i])
        return beside if beside > 0 else self.market.spot(contract.underlying, int(bars.end[i]))


def leg_mark(position: Position, number: int, market: OptionMarket, start: int, last_ask: dict[int, float]) -> float:
    """Return the price at which a leg is valued at a close: a bought leg's bid, a sold leg's ask; NaN if unknown.

    Parameters
    ----------
    position : Position
    number : int
        Place of the leg among those of the position.
    market : OptionMarket
    start : int
        Of the quote.
    last_ask : dict of int to float
        The last ask of each sold leg, kept here from close to close.

    Returns
    -------
    float
    """
    leg = position.legs[number]
    sides = market.quotes[leg.contract].at_close
    i = index_at(market, leg.contract, start)
    bid, ask = float(sides.bid[i]), float(sides.ask[i])
    if leg.sign > 0:
        return bid if not math.isnan(bid) else 0.0 if not math.isnan(ask) else math.nan
    if not math.isnan(ask):
        last_ask[leg.number] = ask
    return math.nan if sides.is_crossed[i] else last_ask.get(leg.number, math.nan)


def series(position: Position, mark: float, state: dict[str, float], valuer: Valuer, start: int) -> dict[str, float]:
    """Return the values of all series without Greeks at a close; NaN makes a condition false.

    Parameters
    ----------
    position : Position
    mark : float
        Net premium at which the position is valued.
    state : dict of str to float
        ``bars_held`` and ``mfe_r``.
    valuer : Valuer
    start : int
        Of the quotes.

    Returns
    -------
    dict of str to float
    """
    market, contract = valuer.market, position.legs[0].contract
    bars = market.quotes[contract]
    date = market.clock.date_of(int(bars.end[index_at(market, contract, start)]))
    r = position.profit_r(mark)
    gained = position.side * (mark - position.premium)
    return {
        "premium_r": r,
        "open_r": r,
        "mark": mark,
        "mfe_r": state["mfe_r"],
        "give_back_r": state["mfe_r"] - r,
        "bars_held": state["bars_held"],
        "days_to_expiry": (market.clock.date(contract.expiry) - date) / DAY_NS,
        "max_profit_share": gained / position.largest_profit if position.largest_profit > 0 else math.nan,
    }


def greek_series(position: Position, mark: float, valuer: Valuer, start: int) -> dict[str, float]:
    """Return the Greeks of a position at a close, signed by the position: a short call's delta is negative.

    Parameters
    ----------
    position : Position
    mark : float
    valuer : Valuer
    start : int
        Of the quotes.

    Returns
    -------
    dict of str to float
    """
    market, style = valuer.market, position.trade.style
    net = dict.fromkeys(GREEKS, 0.0)
    volatility, spot = math.nan, math.nan
    for leg in position.legs:
        i = index_at(market, leg.contract, start)
        found, greeks = valuer.at_close(leg.contract, i, style)
        if leg is position.legs[0]:
            volatility, spot = found, valuer.spot(leg.contract, i)
        for name in GREEKS:
            net[name] += leg.sign * getattr(greeks, name)
    size = position.held * position.trade.multiplier
    whole = {f"position_{name}": value * size for name, value in net.items()}
    # decay of what the position is worth: of a long and of a short it is positive where time lowers the premium
    decay = -position.side * net["theta"]
    return {
        **net,
        **whole,
        "gamma_1pct": net["gamma"] * size * spot**2 / 100,
        "theta_premium": decay / mark if mark > 0 else math.nan,
        "implied_volatility": volatility,
    }
