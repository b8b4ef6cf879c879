"""A ladder as plain numbers and names: the data that every export is written from."""

from __future__ import annotations

from typing import Any

from exitladder.plans.adds import Add
from exitladder.plans.file import ladder_fingerprint
from exitladder.plans.ladder import Ladder, Rung, Stop
from exitladder.plans.units import Distance, Target


def plan_of(ladder: Ladder) -> dict[str, Any]:
    """Return a ladder as nested dicts of numbers, booleans and names.

    Distances, targets and conditions are lists such as ``[1.5, "R"]`` and ``["open_r", ">=", 0.5]``. Settings that are
    not used are left out, but for the keys that code may rely on: ``rungs``, ``stop`` and the steps of the market.

    Examples
    --------
    >>> from exitladder.plans.file import ladder_from_mapping
    >>> ladder = ladder_from_mapping({"rungs": [{"fraction": 0.5, "target": "1R"}], "stop": {"initial": "2ATR"}})
    >>> plan = plan_of(ladder)
    >>> plan["rungs"], plan["stop"]
    ([{'fraction': 0.5, 'target': [1.0, 'R']}], {'initial': [2.0, 'ATR']})
    """
    costs, execution = ladder.costs, ladder.execution
    return {
        "name": ladder.name,
        "fingerprint": ladder_fingerprint(ladder),
        "atr_window": ladder.atr_window,
        "tick": costs.tick,
        "lot": costs.lot,
        "min_quantity": costs.min_quantity,
        "through": execution.limit_fill == "through",
        "series": list(ladder.series),
        "rungs": [_rung(rung) for rung in ladder.rungs],
        "stop": _stop(ladder.stop),
        **_adds(ladder),
        "costs": {
            "commission_rate": costs.commission_bps / 1e4,
            "commission_per_unit": costs.commission_per_unit,
            "commission_fixed": costs.commission_fixed,
            "commission_min": costs.commission_min,
            "slippage_rate": (costs.slippage_bps + costs.half_spread_bps) / 1e4,
            "slippage_ticks": costs.slippage_ticks,
            "slippage_atr": costs.slippage_atr,
        },
    }


def _adds(ladder: Ladder) -> dict[str, Any]:
    """Return what a plan adds, and within which limits; nothing for a ladder."""
    if not ladder.adds:
        return {}
    size, rules = ladder.size, ladder.add_rules
    limits = {"quantity": size.maximum, "units": size.maximum_units, "money": size.maximum_money}
    found: dict[str, Any] = {
        "adds": [_add(add) for add in ladder.adds],
        "maximum": {name: value for name, value in limits.items() if value is not None},
    }
    if rules.after_exit:
        found["after_exit"] = True
    if rules.until_bars is not None:
        found["until_bars"] = rules.until_bars
    return found


def _add(add: Add) -> dict[str, Any]:
    table: dict[str, Any] = {
        name: float(getattr(add, name)) for name in ("quantity", "units", "money") if getattr(add, name) is not None
    }
    if add.at is not None:
        table["at"] = _pair(add.at)
    else:
        table["when"] = [[c.series, c.operator, float(c.threshold)] for c in add.when]
    if add.spacing == "previous":
        table["previous"] = True
    if add.stop is not None:
        table["stop"] = add.stop if isinstance(add.stop, str) else _pair(add.stop)
    return table


def _pair(value: Distance | Target) -> list[Any]:
    return [float(value.value), value.unit]


def _rung(rung: Rung) -> dict[str, Any]:
    table: dict[str, Any] = {"rest": True} if rung.sells_rest else {"fraction": float(rung.fraction)}
    for name in ("target", "stop", "trail", "trail_from"):
        value = getattr(rung, name)
        if value is not None:
            table[name] = _pair(value)
    if rung.when:
        table["when"] = [[c.series, c.operator, float(c.threshold)] for c in rung.when]
    if rung.trail_after is not None:
        table["trail_after"] = rung.trail_after
    if rung.follow:
        table["follow"] = True
    return table


def _stop(stop: Stop) -> dict[str, Any]:
    table: dict[str, Any] = {}
    for name in ("initial", "trail", "trail_from"):
        value = getattr(stop, name)
        if value is not None:
            table[name] = _pair(value)
    if stop.breakeven_after is not None:
        table |= {"breakeven_after": stop.breakeven_after, "offset": _pair(stop.breakeven_offset)}
    for name in ("trail_after", "time", "hours", "sessions", "clock", "max_gap"):
        value = getattr(stop, name)
        if value is not None:
            table[name] = value
    if stop.session_close:
        table["session_close"] = True
    return table
