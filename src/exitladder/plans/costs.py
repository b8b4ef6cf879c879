"""Trading costs, and the price and quantity steps of the market (rules S1 to S3 and S5)."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

from exitladder.errors import LadderError

_STEPS = frozenset({"tick", "lot", "min_quantity", "multiplier"})


@dataclass(frozen=True)
class Costs:
    """Trading costs and market steps; all zero means trading without costs or steps.

    Parameters
    ----------
    commission_bps : float
        Commission in basis points of a fill's notional.
    commission_per_unit : float
        Commission per unit of quantity, in account currency.
    commission_fixed : float
        Commission per fill, in account currency.
    commission_min : float
        Minimum commission per fill, in account currency.
    slippage_bps, slippage_ticks, slippage_atr : float
        Slippage of market and stop fills, in basis points of the price, in ticks, and as a
        fraction of the ATR known at the decision; they add up. Limit fills have none.
    half_spread_bps : float
        Half the bid-ask spread in basis points, paid like slippage.
    funding_bps_per_bar : float
        Funding per bar on the notional held, paid by longs and received by shorts; may be negative.
    borrow_bps_per_bar : float
        Borrow fee per bar on the notional held, paid by shorts.
    tick : float
        Tick size; prices round to it against the trader. 0 means continuous prices.
    lot : float
        Lot size; quantities round down to it. 0 means continuous quantities.
    min_quantity : float
        Smallest quantity of an order.
    multiplier : float
        Money per point of price and unit of quantity: 50 for the E-mini S&P 500, 100,000 for a forex lot. It changes
        results in R only through commissions that are amounts of money: per unit, per fill and the minimum.

    Raises
    ------
    LadderError
        If a value is negative (funding excepted), infinite or NaN, or the multiplier is 0.
    """

    commission_bps: float = 0.0
    commission_per_unit: float = 0.0
    commission_fixed: float = 0.0
    commission_min: float = 0.0
    slippage_bps: float = 0.0
    slippage_ticks: float = 0.0
    slippage_atr: float = 0.0
    half_spread_bps: float = 0.0
    funding_bps_per_bar: float = 0.0
    borrow_bps_per_bar: float = 0.0
    tick: float = 0.0
    lot: float = 0.0
    min_quantity: float = 0.0
    multiplier: float = 1.0

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, bool) or not isinstance(value, (int, float)):
                raise LadderError(f"costs.{field.name} must be a number, but is {value!r}.")
            if not math.isfinite(value):
                raise LadderError(f"costs.{field.name} must be finite, but is {value}.")
            if value < 0 and field.name != "funding_bps_per_bar":
                raise LadderError(
                    f"costs.{field.name} must be 0 or more (a cost is a positive number), but is {value}."
                )
            object.__setattr__(self, field.name, float(value))
        if self.multiplier == 0:
            raise LadderError("costs.multiplier must be greater than 0 (1 for shares and coins), but is 0.")
        if self.slippage_ticks > 0 and self.tick == 0:
            raise LadderError(f"costs.slippage_ticks={self.slippage_ticks:g} needs the tick size; set costs.tick.")

    def times(self, factor: float) -> Costs:
        """Return the costs multiplied by `factor`; tick, lot and minimum quantity are unchanged.

        Examples
        --------
        >>> Costs(commission_bps=2.0, tick=0.01).times(2).commission_bps
        4.0
        """
        return Costs(**{f.name: getattr(self, f.name) * (1.0 if f.name in _STEPS else factor) for f in fields(self)})

    @property
    def is_free(self) -> bool:
        """Whether trading costs nothing: all is 0 but the steps of price and quantity and the multiplier."""
        return all(getattr(self, f.name) == 0 for f in fields(self) if f.name not in _STEPS)

    def has_rates_of(self, other: Costs) -> bool:
        """Return whether trading costs the same; steps of price and quantity and the multiplier do not count."""
        return not self.rates_unlike(other)

    def rates_unlike(self, other: Costs) -> list[str]:
        """Return the names of costs that differ; steps of price and quantity and the multiplier do not count."""
        names = (f.name for f in fields(self) if f.name not in _STEPS)
        return [name for name in names if getattr(self, name) != getattr(other, name)]
