"""A position in options while it is open: its legs, premium, risk and fills."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from exitladder.options.contracts import Contract
from exitladder.options.positions.trades import OptionTrade
from exitladder.plans.costs import Costs


def slipped(costs: Costs, price: float, is_buy: bool) -> float:
    """Return the price of a market order after slippage.

    Parameters
    ----------
    costs : Costs
    price : float
        The quote, per unit.
    is_buy : bool

    Returns
    -------
    float
        Never below 0.
    """
    slip = price * costs.slippage_bps * 1e-4 + costs.slippage_ticks * costs.tick
    return price + slip if is_buy else max(price - slip, 0.0)


@dataclass
class Leg:
    """One contract of a position.

    Parameters
    ----------
    number : int
        1 or 2.
    contract : Contract
    sign : int
        1 if bought, -1 if sold.
    entry : float
        Price per unit at the entry.
    """

    number: int
    contract: Contract
    sign: int
    entry: float


@dataclass(frozen=True)
class Fill:
    """One fill of one leg; `r` is net of costs."""

    time: int
    order: str
    rung: int
    leg: Leg
    contract: Contract
    is_buy: bool
    quantity: int
    price: float
    commission: float
    slippage: float
    underlying_cost: float
    r: float


@dataclass
class Position:
    """A position: its legs, premium and costs, and every fill so far.

    Parameters
    ----------
    trade : OptionTrade
    legs : list of Leg
        Of the structure that is held `held` times.
    premium : float
        P0: net premium per unit at the entry, as paid (long) or received (short).
    risk : float
        R per unit.
    stop : float
        Stop on the premium; NaN without one.
    largest_profit : float
        Per unit; NaN if there is none.
    held, quantity : int
        Contracts, or verticals, now and entered; after a split in those of the split.
    entered : int
        Contracts, or verticals, at the entry.
    kept : list of (Leg, int)
        Long legs of verticals that found no bid, kept to expiry (O2).
    """

    trade: OptionTrade
    legs: list[Leg]
    premium: float
    risk: float
    stop: float
    largest_profit: float
    held: int
    quantity: int
    entered: int
    costs: Costs
    kept: list[tuple[Leg, int]] = field(default_factory=list)
    fills: list[Fill] = field(default_factory=list)
    entry_prices: tuple[float, ...] = ()
    entry_slippage: tuple[float, ...] = ()
    entry_cost: float = 0.0
    gross: float = 0.0
    paid: float = 0.0
    notes: set[str] = field(default_factory=set)

    @property
    def side(self) -> int:
        """1 for a premium paid, -1 for one received."""
        return self.trade.side

    @property
    def money_at_risk(self) -> float:
        """R of the whole position in money; a split leaves it as it is."""
        return self.risk * self.quantity * self.trade.multiplier

    @property
    def is_over(self) -> bool:
        """Whether nothing is left."""
        return self.held == 0 and not self.kept

    def profit_r(self, mark: float) -> float:
        """Return the profit per unit at a premium, in R."""
        return self.side * (mark - self.premium) / self.risk

    def net_premium(self, prices: list[float]) -> float:
        """Return the net premium of the structure from the prices of its legs."""
        return self.side * math.fsum(leg.sign * price for leg, price in zip(self.legs, prices, strict=True))

    def commission(self, quantity: int, price: float) -> float:
        """Return the commission of a fill of one leg."""
        costs = self.costs
        by_size = costs.commission_bps * 1e-4 * price * quantity * self.trade.multiplier
        return max(by_size + costs.commission_per_unit * quantity + costs.commission_fixed, costs.commission_min)

    def close_leg(
        self,
        leg: Leg,
        quantity: int,
        quoted: float,
        when: tuple[int, str, int],
        *,
        kind: str,
        underlying_cost: float = 0,
    ) -> None:
        """Book the end of some contracts of a leg.

        Parameters
        ----------
        leg : Leg
        quantity : int
        quoted : float
            Price before slippage.
        when : (int, str, int)
            Time, order code, number of the rung (0 without one).
        kind : {"market", "limit", "settled"}
            Slippage is paid by market orders, commission by all but settlements.
        underlying_cost : float
            Cost of trading the underlying, in money.
        """
        is_buy = leg.sign < 0
        price = slipped(self.costs, quoted, is_buy) if kind == "market" else quoted
        commission = 0.0 if kind == "settled" else self.commission(quantity, price)
        multiplier = self.trade.multiplier
        gross = leg.sign * (price - leg.entry) * quantity * multiplier
        shared = self.entry_cost * quantity / (self.quantity * len(self.trade.legs))
        net = gross - commission - underlying_cost - shared
        self.gross += gross
        self.paid += commission + underlying_cost + shared
        slippage = abs(price - quoted) * quantity * multiplier
        time, order, rung = when
        self.fills.append(
            Fill(
                time=time,
                order=order,
                rung=rung,
                leg=leg,
                contract=leg.contract,
                is_buy=is_buy,
                quantity=quantity,
                price=price,
                commission=commission,
                slippage=slippage,
                underlying_cost=underlying_cost,
                r=net / self.money_at_risk,
            )
        )

    def split(self, ratio: int) -> None:
        """Turn the position into that after a split of `ratio` shares for one (O9)."""
        # a leg that is partly kept is also one of the structure
        each = {id(leg): leg for leg in [*self.legs, *(leg for leg, _ in self.kept)]}
        for leg in each.values():
            leg.contract, leg.entry = leg.contract.after_split(ratio), leg.entry / ratio
        self.held, self.quantity = self.held * ratio, self.quantity * ratio
        self.kept = [(leg, quantity * ratio) for leg, quantity in self.kept]
        for name in ("premium", "risk", "stop", "largest_profit"):
            setattr(self, name, getattr(self, name) / ratio)
        self.notes.add("split")
