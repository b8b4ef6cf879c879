"""A plan tranche by tranche, as if every add filled at its planned price."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from exitladder.bars.bars import Bars, BarSet
from exitladder.clock import NO_TIME
from exitladder.errors import LadderError
from exitladder.execution.kernel import codes as o
from exitladder.execution.kernel import state as s
from exitladder.execution.one_ladder import simulate
from exitladder.execution.simulation import Simulation
from exitladder.plans.adds import Add
from exitladder.plans.costs import Costs
from exitladder.plans.ladder import Execution, Ladder, Stop
from exitladder.plans.size import without_size_rule
from exitladder.plans.units import Condition
from exitladder.trades.trades import AT_OPEN, Trades, place_trades

_HOUR = 3_600 * 10**9
_NEVER = (Condition("bars_held", ">=", 1e9),)


def tranches(
    plan: Ladder,
    *,
    entry: float,
    stop: float | None = None,
    quantity: float = 1.0,
    side: str = "long",
    atr: float | None = None,
) -> pd.DataFrame:
    """Return size, average entry, break-even and risk of a plan after each tranche, as if all of them filled.

    Parameters
    ----------
    plan : Ladder
    entry : float
        Price of the first entry.
    stop : float, optional
        The trade's own initial stop; without it that of the plan.
    quantity : float
        Of the first entry, whatever the rule of ``[size]``.
    side : {"long", "short"}
    atr : float, optional
        Known at the entry, in price; needed if the plan has distances in ATR.

    Returns
    -------
    DataFrame
        One row for the entry and each add that the prices and the maximum size allow, in the order planned:
        ``tranche``; ``price`` planned (of the entry for a signal add); ``quantity`` bought and ``held`` in total;
        ``average_entry``; ``breakeven`` price at which selling everything pays the commissions of all tranches, of the
        exit and its slippage; ``stop`` of the whole position then, as the plan states it; ``risk`` money lost if all
        that is held is sold there, before costs, negative if the stop locks in a profit. The attribute
        ``attrs["planned_risk"]`` is W.

    Raises
    ------
    LadderError
        If the trade cannot be entered with this plan, or the plan needs swings of a market.

    Examples
    --------
    >>> from exitladder.plans.file import ladder_from_mapping
    >>> unit = {"quantity": 1.0, "at": "0.5ATR", "spacing": "previous", "stop": "2ATR"}
    >>> plan = ladder_from_mapping({"adds": [unit, unit, unit], "stop": {"initial": "2ATR"}})
    >>> table = tranches(plan, entry=310.0, atr=2.5)
    >>> table[["price", "stop", "risk"]].to_numpy().tolist()
    [[310.0, 305.0, 5.0], [311.25, 306.25, 8.75], [312.5, 307.5, 11.25], [313.75, 308.75, 12.5]]
    """
    plan = without_size_rule(plan, plan.book.equity)
    done = _planned(plan, entry, stop, quantity, side, atr)
    sign = 1.0 if side == "long" else -1.0
    multiplier, lot = plan.costs.multiplier, plan.costs.lot
    held, cost = float(done.quantity[0]), float(done.quantity[0]) * entry
    level = float(sign * done.states[0, s.STOP])
    paid = _commission(plan.costs, entry, held)
    rows = [_row("entry", entry, held, (held, cost, paid), level, (sign, plan.costs, atr))]
    for k in _reached(done):
        assert done.adds is not None
        add, lots = plan.adds[k], float(done.adds[0, s.A_PLANNED_LOTS, k])
        price = float(sign * done.adds[0, s.A_PLANNED, k])
        bought = lots * lot if lot > 0 else lots
        held, cost, paid = held + bought, cost + bought * price, paid + _commission(plan.costs, price, bought)
        moved = _moved(add, price, cost / held, (sign, float(done.risk[0]), atr))
        if moved is not None and sign * moved > sign * level:
            level = moved
        rows.append(_row(f"add {k + 1}", price, bought, (held, cost, paid), level, (sign, plan.costs, atr)))
    table = pd.DataFrame(rows)
    table["risk"] *= multiplier
    table.attrs["planned_risk"] = float(done.planned_risk[0])
    return table


def _reached(done: Simulation) -> list[int]:
    """Return the adds with a quantity in the order in which the price reaches them; none of a ladder."""
    if done.adds is None:
        return []
    order = done.adds[0, s.A_REACHED, : len(done.ladder.adds)].astype(int)
    return [int(k) for k in order if done.adds[0, s.A_PLANNED_LOTS, k] > 0]


def _planned(
    plan: Ladder, entry: float, stop: float | None, quantity: float, side: str, atr: float | None
) -> Simulation:
    """Return the plan entered on bars that stay at the entry, with the ATR given.

    Parameters
    ----------
    plan : Ladder
    entry : float
    stop : float or None
    quantity : float
    side : {"long", "short"}
    atr : float or None

    Returns
    -------
    Simulation
        Of one trade.
    """
    if side not in ("long", "short"):
        raise LadderError(f"side must be long or short, but is {side!r}.")
    if any(add.at is not None and add.at.unit in ("fib", "resistance", "support") for add in plan.adds):
        raise LadderError("Levels of swings (fib, resistance, support) are known on bars only: use a backtest.")
    n = plan.atr_window + 3
    # A range of the ATR in each bar before the entry; without one, bars too few to have any.
    before = n - 2 if atr is not None else 1
    half = np.zeros(before + 2)
    half[:before] = 0.0 if atr is None else atr / 2
    price = np.full(len(half), float(entry))
    bars = Bars("X", _HOUR, np.arange(len(half), dtype=np.int64) * _HOUR, price, price + half, price - half, price)
    one = np.ones(1)
    trades = Trades(
        trade_id=np.array(["plan"], dtype=object),
        symbol=np.array(["X"], dtype=object),
        side=np.array([1 if side == "long" else -1], dtype=np.int8),
        entry_time=np.array([before * _HOUR]),
        entry_price=one * entry,
        quantity=one * quantity,
        stop_price=one * (np.nan if stop is None else stop),
        entry_at=np.array([AT_OPEN], dtype=np.int8),
        exit_time=np.array([NO_TIME]),
        exit_price=one * np.nan,
        quantity_open=one * np.nan,
        tag=np.array([""], dtype=object),
    )
    # Signals, volume and the order of prices play no part.
    quiet = replace(
        plan,
        rungs=(),
        adds=tuple(replace(add, when=_NEVER) if add.when else add for add in plan.adds),
        stop=Stop(initial=plan.stop.initial),
        execution=Execution(leverage=plan.execution.leverage, maintenance_margin=plan.execution.maintenance_margin),
    )
    done = simulate(place_trades(trades, BarSet([bars])), quiet)
    if done.skip_code[0]:
        raise LadderError(
            f"Plan '{plan.name}' cannot enter this trade: {o.SKIP_REASONS[int(done.skip_code[0])]}. "
            "Give stop or atr, or correct the quantity."
        )
    return done


def _commission(costs: Costs, price: float, quantity: float) -> float:
    """Return the commission of one fill in money (S2)."""
    notional = price * quantity * costs.multiplier
    return max(
        notional * costs.commission_bps / 1e4 + costs.commission_per_unit * quantity + costs.commission_fixed,
        costs.commission_min,
    )


def _moved(add: Add, price: float, average: float, terms: tuple[float, float, float | None]) -> float | None:
    """Return the stop that an add moves to as planned, None if it moves none.

    Parameters
    ----------
    add : Add
    price, average : float
        Of the add, and of all entries so far.
    terms : tuple of float
        Side, R in price, ATR.

    Returns
    -------
    float or None
        Not rounded to the tick.
    """
    sign, risk, atr = terms
    if add.stop is None:
        return None
    if isinstance(add.stop, str):
        return average
    unit = {"R": risk, "ATR": np.nan if atr is None else atr, "%": price / 100}[add.stop.unit]
    return price - sign * add.stop.value * unit


def _row(
    name: str,
    price: float,
    bought: float,
    total: tuple[float, float, float],
    level: float,
    terms: tuple[float, Costs, float | None],
) -> dict[str, object]:
    """Return a row of `tranches`.

    Parameters
    ----------
    name : str
    price, bought : float
    total : tuple of float
        Quantity held, its cost in price x quantity, and the commissions paid in money.
    level : float
        The stop.
    terms : tuple
        Side, costs, ATR.

    Returns
    -------
    dict
        Its risk without the multiplier.
    """
    (held, cost, paid), (sign, costs, atr) = total, terms
    average = cost / held
    slip = average * (costs.slippage_bps + costs.half_spread_bps) / 1e4 + costs.slippage_ticks * costs.tick
    slip += costs.slippage_atr * (atr or 0.0)
    leaving = (paid + _commission(costs, average, held)) / (held * costs.multiplier) + slip
    return {
        "tranche": name,
        "price": price,
        "quantity": bought,
        "held": held,
        "average_entry": average,
        "breakeven": average + sign * leaving,
        "stop": level,
        "risk": sign * (average - level) * held,
    }
