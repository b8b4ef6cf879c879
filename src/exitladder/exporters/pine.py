"""A ladder as a Pine v6 strategy: one exit order per rung with limit and stop, the rest last."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from exitladder.exporters import pine_adds
from exitladder.exporters.asks import Ask
from exitladder.exporters.header import plain
from exitladder.exporters.plan import plan_of
from exitladder.plans.ladder import STATE_SERIES, Ladder

_ENTRIES = """\
// ---- Your entries: replace this part -------------------------------------------------------------------
bool goLong = false
bool goShort = false
float entryQuantity = 100.0
float ownStop = na  // absolute price of the initial stop; na for that of the ladder
// ---------------------------------------------------------------------------------------------------------"""


def pine_file(ladder: Ladder, header: Sequence[str], hooked: Sequence[Ask], title: str) -> str:
    """Return a ladder as a Pine v6 strategy.

    Parameters
    ----------
    ladder : Ladder
    header : sequence of str
        Lines without comment signs.
    hooked : sequence of Ask
        What becomes a function to fill in.
    title : str
        Of the strategy.

    Returns
    -------
    str
    """
    plan = plan_of(ladder)
    blocks = [
        "//@version=6",
        "\n".join(f"// {line}".rstrip() for line in header),
        f'strategy("{plain(title)}", overlay = true, {_entries_allowed(plan)}, initial_capital = 1000000,\n'
        "     default_qty_type = strategy.fixed, default_qty_value = 1, process_orders_on_close = false,\n"
        "     calc_on_every_tick = false, calc_on_order_fills = false)",
        _hooks(hooked),
        _ENTRIES,
        _functions(plan),
        _state(plan),
        _entry_code(plan),
        _opened(plan),
        _closed_bar(plan),
        *(["\n".join(pine_adds.flat_lines(plan))] if plan.get("adds") else []),
        _orders(plan),
    ]
    return "\n\n".join(block for block in blocks if block) + "\n"


def _entries_allowed(plan: dict[str, Any]) -> str:
    """Return how many entries the strategy may hold; with adds, an exit sells the entry that it names."""
    n = len(plan.get("adds", []))
    return f'pyramiding = {n + 1}, close_entries_rule = "ANY"' if n else "pyramiding = 0"


def hook_names(hooked: Sequence[Ask]) -> list[str]:
    """Return the names of the functions that a Pine file leaves to its user."""
    names = {
        "series_condition": "seriesValue",
        "swing_target": "levelPrice",
        "clock": "mustLeave",
        "own_stop": "ownStop",
    }
    return [name for kind, name in names.items() if any(ask.kind == kind for ask in hooked)]


def _hooks(hooked: Sequence[Ask]) -> str:
    kinds = {ask.kind for ask in hooked}
    parts = []
    if "series_condition" in kinds:
        parts.append(
            "// Return the value of a series at this bar's close; for a short that of the mirrored market.\n"
            "seriesValue(simple string name, int side) =>\n"
            '    runtime.error("fill in seriesValue: the ladder has a condition on " + name)\n    float(na)'
        )
    if "swing_target" in kinds:
        parts.append(
            "// Return the price of a swing target: kind is fib or resistance.\n"
            "levelPrice(simple string kind, float value, int side) =>\n"
            '    runtime.error("fill in levelPrice: the ladder has a target at a swing, " + kind)\n    float(na)'
        )
    if "clock" in kinds:
        parts.append(
            "// Return whether the clock ends the position at this bar's close.\n"
            'mustLeave() =>\n    runtime.error("fill in mustLeave: the ladder has an exit by the clock")\n    false'
        )
    return "\n\n".join(parts)


def _functions(plan: dict[str, Any]) -> str:
    tick = f"{plan['tick']!r}" if plan["tick"] else "syminfo.mintick"
    lot = f"math.floor(amount / {plan['lot']!r} + 1e-9) * {plan['lot']!r}" if plan["lot"] else "amount"
    return (
        f"// Against the trader: down for a long, up for a short.\n"
        f"toTick(float price, int side) =>\n"
        f"    side > 0 ? math.floor(price / {tick} + 1e-6) * {tick} : math.ceil(price / {tick} - 1e-6) * {tick}\n"
        f"toLots(float amount) =>\n    {lot}\n"
        f"atrValue = ta.rma(ta.tr, {plan['atr_window']})" + (f"\n{pine_adds.HELD}" if plan.get("adds") else "")
    )


def _state(plan: dict[str, Any]) -> str:
    lines = [
        "var int side = 0", "var float entryPrice = na", "var float risk = na", "var float stopAtEntry = na",
        "var float entryAtr = na", "var float asked = na", "var float best = na", "var float worst = na",
        "var float trailLine = na", "var bool isEven = false", "var bool isArmed = false", "var int held = 0",
        "var int seen = 0", "var float pendingAtr = na",
    ]  # fmt: skip
    for n, rung in enumerate(plan["rungs"], start=1):
        lines += [f"var bool done{n} = false", f"var float lots{n} = 0.0"]
        if rung.get("target"):
            lines.append(f"var float target{n} = na")
        if rung.get("when") and not rung.get("rest"):
            lines.append(f"var bool sent{n} = false")
        if _is_slice(rung):
            lines += [f"var float stop{n} = na", f"var float line{n} = na", f"var bool armed{n} = false"]
    if plan.get("adds"):
        lines += ["var float bought = 0.0", *pine_adds.state_lines(plan)]
    return "// State of the position.\n" + "\n".join(lines)


def _is_slice(rung: dict[str, Any]) -> bool:
    return bool(rung.get("stop") or rung.get("trail"))


def _distance(width: list[Any], price: str, atr: str) -> str:
    value, unit = width
    if unit == "R":
        return f"{value!r} * risk"
    return f"{value!r} * {atr}" if unit == "ATR" else f"{price} * {value / 100!r}"


def _entry_code(plan: dict[str, Any]) -> str:
    initial = plan["stop"].get("initial")
    own = 'runtime.error("set ownStop: the ladder has no initial stop of its own")\n        '
    wanted = "na"
    if initial:
        own = ""
        wanted = f"toTick(close - direction * {_distance(initial, 'close', 'atrValue')}, direction)"
    # The stop rests from the entry on; where it follows from the entry's price, the close is taken for that bar.
    return f"""\
// An entry at the next open. Its stop rests from then on, the rungs from the bar after it.
if strategy.position_size == 0 and (goLong or goShort)
    int direction = goLong ? 1 : -1
    float wanted = ownStop
    if na(wanted)
        {own}wanted := {wanted}
    asked := ownStop
    pendingAtr := atrValue
    strategy.entry(goLong ? "long" : "short", goLong ? strategy.long : strategy.short, qty = entryQuantity)
    strategy.exit("first stop", goLong ? "long" : "short", stop = wanted)"""


def _opened(plan: dict[str, Any]) -> str:
    stop = plan["stop"]
    initial = stop.get("initial")
    own = f"entryPrice - side * {_distance(initial, 'entryPrice', 'entryAtr')}" if initial else "na"
    has_adds = bool(plan.get("adds"))
    first = ' and not str.startswith(strategy.opentrades.entry_id(0), "add ")' if has_adds else ""
    lines = [
        "// The position that was entered at this bar's open.",
        "bool isOpen = strategy.position_size != 0",
        f"bool isNew = isOpen and (side == 0 or strategy.opentrades.entry_bar_index(0) == bar_index{first})",
        "if isNew",
        "    side := strategy.position_size > 0 ? 1 : -1",
        "    entryPrice := strategy.opentrades.entry_price(0)",
        "    entryAtr := pendingAtr",
        f"    float initialStop = na(asked) ? {own} : asked",
        "    risk := side * (entryPrice - initialStop)",
        "    stopAtEntry := toTick(initialStop, side)",
        "    best := entryPrice",
        "    worst := entryPrice",
        "    trailLine := na",
        "    isEven := false",
        f"    isArmed := {_armed(stop)}",
        "    held := 0",
        "    seen := strategy.closedtrades",
        f"    {'bought :=' if has_adds else 'float bought ='} math.abs(strategy.position_size)",
        "    float passedOn = 0.0",
        "    float asks = 0.0",
    ]
    for n, rung in enumerate(plan["rungs"], start=1):
        lines += [f"    done{n} := false"]
        if rung.get("target"):
            lines.append(f"    target{n} := toTick({_target(rung['target'])}, side)")
        if rung.get("rest"):
            continue
        kept = "0.0" if _is_slice(rung) else "passedOn"
        lines += [
            f"    asks := {rung['fraction']!r} * bought + {kept}",
            f"    lots{n} := toLots(asks)",
        ]
        if _is_slice(rung):
            lines += [f"    done{n} := lots{n} <= 0", *_slice_entry(n, rung)]
        else:
            unknown = f" or na(target{n})" if rung.get("target") else ""
            lines += [
                f"    done{n} := lots{n} <= 0{unknown}",
                f"    passedOn := lots{n} <= 0 ? asks : 0.0" if not unknown else
                f"    passedOn := na(target{n}) ? passedOn : lots{n} <= 0 ? asks : 0.0",
            ]  # fmt: skip
    if has_adds:
        lines += pine_adds.entry_lines(plan, _distance)
    return "\n".join(lines)


def _slice_entry(n: int, rung: dict[str, Any]) -> list[str]:
    lines = [f"    stop{n} := stopAtEntry", f"    line{n} := na", f"    armed{n} := {_armed(rung)}"]
    if rung.get("stop"):
        away = _distance(rung["stop"], "entryPrice", "entryAtr")
        lines.append(f"    float own{n} = toTick(entryPrice - side * {away}, side)")
        lines.append(f"    stop{n} := not na(own{n}) and side * own{n} > side * stopAtEntry ? own{n} : stopAtEntry")
    return lines


def _armed(part: dict[str, Any]) -> str:
    return "true" if part.get("trail") and not (part.get("trail_after") or part.get("trail_from")) else "false"


def _target(target: list[Any]) -> str:
    value, unit = target
    if unit == "price":
        return repr(value)
    if unit in ("fib", "resistance"):
        return f'levelPrice("{unit}", {value!r}, side)'
    return f"entryPrice + side * {_distance(target, 'entryPrice', 'entryAtr')}"


def _closed_bar(plan: dict[str, Any]) -> str:
    stop = plan["stop"]
    lines = [
        "// The closed bar: rungs that filled, extremes, trails. Stops move here and are in force from the next bar.",
        "if isOpen or side != 0",
        "    while seen < strategy.closedtrades",
        "        string id = strategy.closedtrades.exit_id(seen)",
        "        float paid = strategy.closedtrades.exit_price(seen)",
    ]
    has_adds = bool(plan.get("adds"))
    if has_adds:
        lines[1:1] = ["bool isStopped = false", "bool hasGrown = false"]
        lines += [
            "        isReduced := true",
            "        isStopped := isStopped or side * paid <= side * stopNow[1] + 1e-9 * paid",
        ]
    fired: list[str] = []
    for n, rung in enumerate(plan["rungs"], start=1):
        if rung.get("rest"):
            continue
        name = f'str.startswith(id, "rung {n} ")' if has_adds else f'id == "rung {n}"'
        by_rung = "true"
        if rung.get("target"):
            above = f"side * (paid - target{n}) > -1e-9 * paid"
            below = f"side * paid > side * stopNow[1] and side * (paid - target{n}) <= 1e-9 * paid"
            by_rung = below if _is_partial(rung["target"]) else above
            if rung["target"][1] == "price":
                by_rung = f"side * (target{n} - entryPrice) > 0 ? {above} : {below}"
        sold = f"\n            sold{n} := true" if has_adds else ""
        fired.append(f"        if {name} and not done{n}\n            done{n} := true{sold}")
        acts = _acts(plan, n)
        if rung.get("when"):
            fired.append(_sent(n, acts))
        elif acts:
            inside = "\n".join(f"                {act}" for act in acts)
            fired.append(f"            if {by_rung}\n{inside}")
    lines += [text for text in fired if not text.startswith("    if sent")]
    lines += ["        seen += 1"]
    lines += [text for text in fired if text.startswith("    if sent")]
    if has_adds:
        lines += ["if isStopped and not isNew", "    isOpen := false"]
    lines += ["if not isOpen", "    side := 0"] if has_adds else ["    if not isOpen", "        side := 0"]
    lines += ["if isOpen",
              "    best := side * math.max(side * best, side > 0 ? high : -low)",
              "    worst := side * math.min(side * worst, side > 0 ? low : -high)",
              "    held += 1"]  # fmt: skip
    lines += _trail("", stop)
    for n, rung in enumerate(plan["rungs"], start=1):
        if _is_slice(rung):
            lines += _trail(str(n), rung)
    lines += [
        *(pine_adds.closed_lines(plan, _distance) if has_adds else []),
        f"    stopNow := {'stopBase' if has_adds else 'stopAtEntry'}",
        *(
            [f"    float even = toTick(entryPrice + side * {_offset(stop)}, side)",
             "    if isEven and not na(even) and side * even > side * stopNow", "        stopNow := even"]
            if stop.get("breakeven_after") else []
        ),
        *(
            ["    if isArmed and not na(trailLine) and side * trailLine > side * stopNow",
             "        stopNow := trailLine"]
            if stop.get("trail") else []
        ),
    ]  # fmt: skip
    return "var float stopNow = na\n" + "\n".join(lines)


def _sent(n: int, acts: list[str]) -> str:
    """Return what the market order of rung n does once it has filled; it follows the loop over fills."""
    return "\n".join([f"    if sent{n}", f"        sent{n} := false", *(f"        {act}" for act in acts)])


def _is_partial(target: list[Any]) -> bool:
    return bool(target[0] < 0 and target[1] in ("R", "ATR", "%"))


def _offset(stop: dict[str, Any]) -> str:
    return _distance(stop["offset"], "entryPrice", "entryAtr")


def _acts(plan: dict[str, Any], n: int) -> list[str]:
    """Return what the fill of a rung moves."""
    acts = ["isEven := true"] if plan["stop"].get("breakeven_after") == n else []
    acts += ["isArmed := true"] if plan["stop"].get("trail_after") == n else []
    return acts + [f"armed{m} := true" for m, rung in enumerate(plan["rungs"], start=1) if rung.get("trail_after") == n]


def _trail(n: str, part: dict[str, Any]) -> list[str]:
    if not part.get("trail"):
        return []
    name, armed = (f"line{n}", f"armed{n}") if n else ("trailLine", "isArmed")
    lines = []
    if part.get("trail_from"):
        lines += [
            f"    if side * (best - entryPrice) >= {part['trail_from'][0]!r} * risk - 1e-10 * entryPrice",
            f"        {armed} := true",
        ]
    away = _distance(part["trail"], "best", "atrValue")
    return [
        *lines,
        f"    float level{n} = toTick(best - side * {away}, side)",
        f"    if not na(level{n}) and (na({name}) or side * level{n} > side * {name})",
        f"        {name} := level{n}",
    ]


def _orders(plan: dict[str, Any]) -> str:
    has_adds = bool(plan.get("adds"))
    lines = [
        "// Orders for the next bar: one exit per rung with its limit and its stop, the rest last.",
        "if isOpen",
        '    string entryId = side > 0 ? "long" : "short"',
        "    bool leave = false",
        "    // It reserves the whole position, and nothing would be left for the rungs.",
        '    strategy.cancel("first stop")',
    ]
    if _has_conditions(plan):
        lines += [
            "    float open_r = side * (close - entryPrice) / risk",
            "    float mfe_r = side * (best - entryPrice) / risk",
            "    float mae_r = side * (worst - entryPrice) / risk",
            *(pine_adds.state_after_adds() if has_adds else []),
            "    float give_back_r = mfe_r - open_r",
            "    float stop_distance_r = side * (close - stopNow) / risk",
            "    float slack = 1e-10 * entryPrice / risk",
        ]
    if has_adds:
        lines += pine_adds.free_lines(plan)
    for n, rung in enumerate(plan["rungs"], start=1):
        lines += _rung_orders(n, rung, plan if has_adds else None)
    if plan["stop"].get("time"):
        lines.append(f"    leave := leave or held >= {plan['stop']['time']}")
    if any(plan["stop"].get(name) for name in ("hours", "sessions", "clock", "max_gap", "session_close")):
        lines.append("    leave := leave or mustLeave()")
    lines += [
        *(pine_adds.add_orders(plan, _condition) if has_adds else []),
        *(pine_adds.rest_lines(plan) if has_adds else ['    strategy.exit("rest", entryId, stop = stopNow)']),
        "    if leave",
        '        strategy.close_all(comment = "leave")',
    ]
    return "\n".join(lines)


def _has_conditions(plan: dict[str, Any]) -> bool:
    return any(part.get("when") for part in [*plan["rungs"], *plan.get("adds", [])])


def _rung_orders(n: int, rung: dict[str, Any], grown: dict[str, Any] | None = None) -> list[str]:
    """Return the orders of one rung; `grown` is the plan if it has adds."""
    when = " and ".join(_condition(*condition) for condition in rung.get("when", []))
    if rung.get("rest"):
        return [f"    leave := leave or ({when})"]
    lines = [f"    if not done{n}"]
    stop = "stopNow"
    if _is_slice(rung):
        stop = f"slice{n}"
        lines.append(f"        float slice{n} = stop{n}")
        if rung.get("follow"):
            lines.append(f"        slice{n} := side * math.max(side * slice{n}, side * stopNow)")
        if rung.get("trail"):
            lines.append(f"        if armed{n} and not na(line{n}) and side * line{n} > side * slice{n}")
            lines.append(f"            slice{n} := line{n}")
    limit = ""
    target = rung.get("target")
    nearer = f"side * math.max(side * {stop}, side * target{n})"
    if target and _is_partial(target):
        stop = nearer
    elif target and target[1] == "price":
        # A price that the entry has passed is a partial stop-out, not a limit that would fill at once.
        lines.append(f"        bool above{n} = side * (target{n} - entryPrice) > 0")
        limit, stop = f"limit = above{n} ? target{n} : na, ", f"above{n} ? {stop} : {nearer}"
    elif target:
        limit = f"limit = target{n}, "
    if grown is not None:
        lines += pine_adds.rung_exits(grown, n, f"{limit}stop = {stop}")
        if when:
            lines += [f"        if {when}", *pine_adds.rung_sales(grown, n)]
            lines += [f"            done{n} := true", f"            sent{n} := true"]
        return lines
    lines.append(f'        strategy.exit("rung {n}", entryId, qty = lots{n}, {limit}stop = {stop})')
    if when:
        # A market order at the next open; its exit order goes with it.
        lines += [
            f"        if {when}",
            f'            strategy.cancel("rung {n}")',
            f'            strategy.close(entryId, qty = lots{n}, comment = "rung {n}")',
            f"            done{n} := true",
            f"            sent{n} := true",
        ]
    return lines


def _condition(name: str, operator: str, threshold: float) -> str:
    if name == "bars_held":
        return f"held {operator} {threshold!r}"
    if name in STATE_SERIES:
        sign = "+" if operator in (">=", "<") else "-"
        return f"{name} {sign} slack {operator} {threshold!r}"
    return f'seriesValue("{plain(name)}", side) {operator} {threshold!r}'
