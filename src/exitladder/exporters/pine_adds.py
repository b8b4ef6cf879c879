"""The adds of a plan in Pine: entries of their own, and exits spread over the entries that are open."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Distance = Callable[[list[Any], str, str], str]
HELD = """\
// The quantity held of one entry, and a purchase's price to the tick: up for a long, down for a short.
heldOf(string id) =>
    float total = 0.0
    if strategy.opentrades > 0
        for i = 0 to strategy.opentrades - 1
            if strategy.opentrades.entry_id(i) == id
                total += math.abs(strategy.opentrades.size(i))
    total
upTick(float price, int side) =>
    toTick(price, -side)"""


def ids(plan: dict[str, Any]) -> list[str]:
    """Return the Pine expression of every entry's name: the first entry, then the adds."""
    return ["entryId", *(f'"add {k}"' for k in range(1, len(plan["adds"]) + 1))]


def state_lines(plan: dict[str, Any]) -> list[str]:
    """Return the declarations of what adds change."""
    lines = [
        "var float stopBase = na", "var float entered = 0.0", "var float average = na", "var float averageBefore = na",
        "var float rise = 0.0", "var float fall = 0.0", "var int made = 0", "var bool isReduced = false",
    ]  # fmt: skip
    for n, _ in enumerate(plan["rungs"], start=1):
        lines.append(f"var bool sold{n} = false")
    for k, add in enumerate(plan["adds"], start=1):
        lines.append(f"var bool gone{k} = false")
        if add.get("at"):
            lines.append(f"var float addLevel{k} = na")
    return lines


def entry_lines(plan: dict[str, Any], distance: Distance) -> list[str]:
    """Return what a new position sets: adds are measured from its entry.

    Parameters
    ----------
    plan : dict
    distance : callable
        Gives the Pine expression of a distance, of a price and an ATR.

    Returns
    -------
    list of str
    """
    lines = [
        "    stopBase := stopAtEntry", "    entered := bought", "    average := entryPrice",
        "    averageBefore := entryPrice", "    rise := 0.0", "    fall := 0.0", "    made := 0",
        "    isReduced := false",
    ]  # fmt: skip
    for n, _ in enumerate(plan["rungs"], start=1):
        lines.append(f"    sold{n} := false")
    for k, add in enumerate(plan["adds"], start=1):
        if not add.get("at"):
            lines.append(f"    gone{k} := false")
            continue
        if _is_chained(plan, k):
            # it rests once the add before has filled
            ends = f"gone{k - 1}" if plan["adds"][k - 2].get("at") else "false"
            lines += [f"    addLevel{k} := na", f"    gone{k} := {ends}"]
            continue
        away = distance(add["at"], "entryPrice", "entryAtr")
        lines.append(f"    addLevel{k} := upTick(entryPrice + side * {away}, side)")
        beyond = f" or side * addLevel{k} <= side * initialStop" if add["at"][0] < 0 else ""
        lines.append(f"    gone{k} := na(addLevel{k}){beyond}")
    return lines


def _is_chained(plan: dict[str, Any], k: int) -> bool:
    """Whether add k, from 1, rests from the fill of the add before it; the first one rests from the entry."""
    return k > 1 and bool(plan["adds"][k - 1].get("previous"))


def closed_lines(plan: dict[str, Any], distance: Distance) -> list[str]:
    """Return what the adds that filled in the closed bar change: average, sizes of rungs, stop.

    Parameters
    ----------
    plan : dict
    distance : callable
        As for `entry_lines`.

    Returns
    -------
    list of str
    """
    lines = [
        "    rise := math.max(rise, side * (side > 0 ? high : low) - side * averageBefore)",
        "    fall := math.min(fall, side * (side > 0 ? low : high) - side * averageBefore)",
        "    for i = 0 to strategy.opentrades - 1",
        "        string filled = strategy.opentrades.entry_id(i)",
        "        float paid = strategy.opentrades.entry_price(i)",
        "        float amount = math.abs(strategy.opentrades.size(i))",
        "        bool isAdd = false",
        "        float moved = na",
    ]
    for k, add in enumerate(plan["adds"], start=1):
        lines += [
            f'        if filled == "add {k}" and not gone{k}',
            f"            gone{k} := true",
            "            isAdd := true",
        ]
        if isinstance(add.get("stop"), list):
            lines.append(f"            moved := paid - side * {distance(add['stop'], 'paid', 'entryAtr')}")
        if k < len(plan["adds"]) and _is_chained(plan, k + 1):
            away = distance(plan["adds"][k]["at"], "paid", "entryAtr")
            lines += [
                f"            addLevel{k + 1} := upTick(paid + side * {away}, side)",
                f"            gone{k + 1} := gone{k + 1} or na(addLevel{k + 1})",
            ]
    lines += [
        "        if isAdd",
        "            average := (entered * average + amount * paid) / (entered + amount)",
        "            entered += amount",
        "            made += 1",
        "            hasGrown := true",
    ]
    for k, add in enumerate(plan["adds"], start=1):
        if add.get("stop") == "average":
            lines += [f'            if filled == "add {k}"', "                moved := average"]
    lines += [
        "            if not na(moved)",
        "                stopBase := side * math.max(side * stopBase, side * toTick(moved, side))",
        "    averageBefore := average",
        "    float passed = 0.0",
        "    float wants = 0.0",
    ]
    for n, rung in enumerate(plan["rungs"], start=1):
        if rung.get("rest"):
            continue
        known = f"not na(target{n}) and " if rung.get("target") else ""
        lines += [
            f"    wants := {rung['fraction']!r} * entered + passed",
            f"    if {known}not isNew",
            "        passed := toLots(wants) <= 0 ? wants : 0.0",
            f"        if not sold{n}",
            f"            lots{n} := toLots(wants)",
            f"            done{n} := lots{n} <= 0",
        ]
    return lines


def state_after_adds() -> list[str]:
    """Return the lines that measure the trade's series from the average entry once an add has filled."""
    return [
        "    if made > 0",
        "        open_r := side * (close - average) / risk",
        "        mfe_r := rise / risk",
        "        mae_r := fall / risk",
    ]


def free_lines(plan: dict[str, Any]) -> list[str]:
    """Return the quantity of each entry that no exit order has reserved yet."""
    entries = range(len(plan["adds"]) + 1)
    lines = [
        "    if hasGrown",
        "        // An exit order keeps its reserved quantity: cancel all of them, so that rungs can grow.",
    ]
    lines += [f'        strategy.cancel("rest {k}")' for k in entries]
    for n, rung in enumerate(plan["rungs"], start=1):
        lines += [f'        strategy.cancel("rung {n} {k}")' for k in entries if not rung.get("rest")]
    return [*lines, *(f"    float free{k} = heldOf({name})" for k, name in enumerate(ids(plan)))]


def rung_exits(plan: dict[str, Any], n: int, prices: str) -> list[str]:
    """Return the exit orders of a rung, one per entry until its quantity is reached.

    Parameters
    ----------
    plan : dict
    n : int
        Number of the rung.
    prices : str
        The arguments limit and stop.

    Returns
    -------
    list of str
    """
    lines = [f"        float need{n} = lots{n}"]
    for k, name in enumerate(ids(plan)):
        lines += [
            f"        float take{n}_{k} = math.min(need{n}, free{k})",
            f"        need{n} -= take{n}_{k}",
            f"        free{k} -= take{n}_{k}",
            f"        if take{n}_{k} > 1e-9",
            f'            strategy.exit("rung {n} {k}", {name}, qty = take{n}_{k}, {prices})',
            "        else",
            f'            strategy.cancel("rung {n} {k}")',
        ]
    return lines


def rung_sales(plan: dict[str, Any], n: int) -> list[str]:
    """Return the market orders of a rung whose conditions hold."""
    lines = []
    for k, name in enumerate(ids(plan)):
        lines += [
            f'            strategy.cancel("rung {n} {k}")',
            f"            if take{n}_{k} > 1e-9",
            f'                strategy.close({name}, qty = take{n}_{k}, comment = "rung {n} {k}")',
        ]
    return [*lines, f"            sold{n} := true"]


def rest_lines(plan: dict[str, Any]) -> list[str]:
    """Return the stop of what no rung sells, for each entry; those of adds wait for their entries."""
    return [f'    strategy.exit("rest {k}", {name}, stop = stopNow)' for k, name in enumerate(ids(plan))]


def add_orders(plan: dict[str, Any], condition: Callable[..., str]) -> list[str]:
    """Return the orders of the adds for the next bar, none above the maximum size.

    Parameters
    ----------
    plan : dict
    condition : callable
        Gives the Pine expression of a comparison.

    Returns
    -------
    list of str
    """
    may = ["not leave"]
    may += [] if plan.get("after_exit") else ["not isReduced"]
    may += [f"held < {plan['until_bars']}"] if plan.get("until_bars") else []
    lines = [f"    bool mayAdd = {' and '.join(may)}", "    float room = " + _room(plan["maximum"])]
    # One that is due fills at the next open, before those that rest.
    for k, add in sorted(enumerate(plan["adds"], start=1), key=lambda row: "at" in row[1]):
        price = f"addLevel{k}" if add.get("at") else "close"
        lines.append(f"    float buys{k} = toLots(math.min({_wanted(add, price)}, room))")
        order = f'strategy.entry("add {k}", side > 0 ? strategy.long : strategy.short, qty = buys{k}'
        if add.get("at"):
            kind = "stop" if add["at"][0] > 0 else "limit"
            order += f", {kind} = addLevel{k}"
            when = f"side * addLevel{k} > side * stopNow"
        else:
            when = " and ".join(condition(*one) for one in add["when"])
        lines += [
            f"    if mayAdd and not gone{k} and buys{k} > 0 and {when}",
            f"        room -= buys{k}",
            f"        {order})",
            "    else",
            f'        strategy.cancel("add {k}")',
        ]
    return lines


def _room(maximum: dict[str, float]) -> str:
    held = "math.abs(strategy.position_size)"
    if "quantity" in maximum:
        return f"toLots({maximum['quantity']!r} * bought) - {held}"
    if "units" in maximum:
        return f"toLots({maximum['units']!r}) - {held}"
    if "money" in maximum:
        return f"toLots({maximum['money']!r} / math.max(close, average)) - {held}"
    return "1e15"


def _wanted(add: dict[str, Any], price: str) -> str:
    if "money" in add:
        return f"toLots({add['money']!r} / {price})"
    return f"toLots({add['quantity']!r} * bought)" if "quantity" in add else f"toLots({add['units']!r})"


def flat_lines(plan: dict[str, Any]) -> list[str]:
    """Return what happens without a position: no add rests; one that filled after the stop is sold."""
    return [
        "// Without a position no add rests. One that the bar reached after the stop is sold at the next open.",
        "if not isOpen",
        *(f'    strategy.cancel("add {k}")' for k in range(1, len(plan["adds"]) + 1)),
        "    if strategy.position_size != 0",
        '        strategy.close_all(comment = "after the stop")',
    ]
