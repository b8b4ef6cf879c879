"""The parts of a ladder that positions in options follow; every other part is refused by name."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace

from exitladder.errors import OptionsError, did_you_mean
from exitladder.options.positions.trades import OptionTrade
from exitladder.plans.adds import AddRules
from exitladder.plans.costs import Costs
from exitladder.plans.ladder import Execution, Ladder, Rung, Stop
from exitladder.plans.size import Size
from exitladder.plans.units import Condition

GREEKS = ("delta", "gamma", "vega", "theta")
GREEK_SERIES = (
    *GREEKS, "gamma_1pct", "theta_premium", "implied_volatility", *(f"position_{name}" for name in GREEKS),
)  # fmt: skip
SERIES = (
    "premium_r", "open_r", "mfe_r", "give_back_r", "bars_held", "days_to_expiry", "max_profit_share", "mark",
    *GREEK_SERIES,
)  # fmt: skip
"""Series that conditions of a plan on options can read (rule O6)."""
_TARGET_UNITS = ("R", "%", "price")
_COSTS = (
    "commission_bps", "commission_per_unit", "commission_fixed", "commission_min", "slippage_bps", "slippage_ticks",
    "tick", "multiplier",
)  # fmt: skip


@dataclass(frozen=True)
class OptionPlan:
    """When contracts of a position are closed, and what fills cost.

    Parameters
    ----------
    name : str
    rungs : tuple of Rung
        With conditions, or for single contracts with a target on the premium.
    stop_share : float
        Initial stop of trades without a stop_price: this share of the premium away; NaN without one.
    time : int or None
        Bars of quotes after which all is closed.
    costs : Costs
        Commissions are per contract and leg.
    """

    name: str
    rungs: tuple[Rung, ...]
    stop_share: float
    time: int | None
    costs: Costs
    has_stop: bool = True

    @property
    def conditions(self) -> tuple[Condition, ...]:
        """All conditions of the rungs."""
        return tuple(condition for rung in self.rungs for condition in rung.when)

    @property
    def reads_greeks(self) -> bool:
        """Whether a condition needs implied volatility."""
        return any(condition.series in GREEK_SERIES for condition in self.conditions)

    def stop_only(self) -> OptionPlan:
        """Return the plan that keeps its stop and has no other exit: set and forget."""
        return replace(self, name="stop only", rungs=(), time=None)

    def held(self) -> OptionPlan:
        """Return the plan that holds to expiry whatever happens: doing nothing. R stays that of the plan."""
        return replace(self, name="hold to expiry", rungs=(), time=None, has_stop=False)

    def quantities(self, quantity: int) -> list[int]:
        """Return the contracts of each rung; what rounding removes passes to the next one (X9).

        Examples
        --------
        >>> OptionPlan("p", (Rung(0.5), Rung(0.5)), math.nan, None, Costs()).quantities(3)
        [1, 2]
        """
        sold, found, total = 0, [], 0.0
        for rung in self.rungs:
            total += rung.fraction
            found.append(0 if rung.sells_rest else math.floor(quantity * total + 1e-9) - sold)
            sold += found[-1]
        return found


def option_plan(ladder: Ladder) -> OptionPlan:
    """Return the plan on options that a ladder states.

    Parameters
    ----------
    ladder : Ladder

    Returns
    -------
    OptionPlan

    Raises
    ------
    OptionsError
        If the ladder has a part that positions in options do not know.
    """
    refused = [*_refused_tables(ladder), *_refused_stops(ladder.stop), *_refused_costs(ladder.costs)]
    for number, rung in enumerate(ladder.rungs, start=1):
        refused += _refused_of_rung(rung, f"rungs[{number}]")
    if refused:
        raise OptionsError(
            f"A plan on options cannot have {', '.join(refused)}. It knows [[rungs]] with conditions or a target in R, "
            "% or a premium, stop.initial in % of the premium, stop.time in bars, and commissions. Leave the rest out."
        )
    for condition in (c for rung in ladder.rungs for c in rung.when):
        if condition.series not in SERIES:
            raise OptionsError(
                f"A condition on options can read {', '.join(SERIES)}, but one reads '{condition.series}'. "
                f"{did_you_mean(condition.series, SERIES)}"
            )
    initial = ladder.stop.initial
    if initial is not None and initial.unit != "%":
        raise OptionsError(f'stop.initial of options must be in % of the premium, such as "50%", but is {initial}.')
    share = math.nan if initial is None else initial.value / 100
    return OptionPlan(ladder.name, ladder.rungs, share, ladder.stop.time, ladder.costs)


def check_targets(plan: OptionPlan, trades: list[OptionTrade]) -> None:
    """Raise an error if a vertical would have a limit order on its net premium (O1)."""
    with_target = [n for n, rung in enumerate(plan.rungs, start=1) if rung.target is not None]
    vertical = next((trade for trade in trades if trade.second is not None), None)
    if with_target and vertical is not None:
        raise OptionsError(
            "A vertical has no limit order on its net premium, since bid and ask of different moments inside a bar "
            f"cannot be combined, but rungs[{with_target[0]}] has a target and trade '{vertical.trade_id}' is one. "
            'Write when = ["premium_r >= 1"] or when = ["max_profit_share >= 0.5"] instead.'
        )


def _refused_tables(ladder: Ladder) -> list[str]:
    tables = (
        ("[[adds]]", bool(ladder.adds)),
        ("[add_rules]", ladder.add_rules != AddRules()),
        ("[size]", ladder.size != Size()),
        ("[[limits]], [risk] or [book]", ladder.alone != ladder or ladder.book.equity is not None),
        ("[execution]", ladder.execution != Execution()),
    )
    return [name for name, is_there in tables if is_there]


def _refused_stops(stop: Stop) -> list[str]:
    known = ("initial", "time")
    return [f"stop.{f.name}" for f in fields(Stop) if f.name not in known and getattr(stop, f.name) != f.default]


def _refused_costs(costs: Costs) -> list[str]:
    refused = [f"costs.{f.name}" for f in fields(Costs) if f.name not in _COSTS and getattr(costs, f.name) != f.default]
    # contracts are lots of 1 anyhow
    return [name for name in refused if not (name in ("costs.lot", "costs.min_quantity") and _is_one(costs, name))]


def _is_one(costs: Costs, name: str) -> bool:
    return bool(getattr(costs, name.removeprefix("costs.")) == 1.0)


def _refused_of_rung(rung: Rung, place: str) -> list[str]:
    refused = [f"{place}.{name}" for name in ("stop", "trail") if getattr(rung, name) is not None]
    if rung.measured_from != "entry":
        refused.append(f"{place}.measured_from")
    if rung.target is not None and rung.target.unit not in _TARGET_UNITS:
        refused.append(f"{place}.target in {rung.target.unit}")
    if rung.target is not None and rung.target.unit != "price" and rung.target.value < 0:
        refused.append(f"{place}.target below the entry (use a stop)")
    return refused
