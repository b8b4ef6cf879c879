"""``exitladder plan``: a plan tranche by tranche, before the trade."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import click

from exitladder.cli.session import Session, example, session_command
from exitladder.errors import LadderError


@click.command(
    "plan",
    epilog=example(
        "exitladder plan plan.toml --entry 100 --stop 90 --quantity 3",
        "exitladder plan plan.toml --entry 310 --atr 2.5 --equity 100000",
    ),
)
@click.argument("plan", type=click.Path(path_type=Path))
@click.option("--entry", type=float, required=True, help="Price of the first entry.")
@click.option("--stop", type=float, help="Initial stop; without it, that of the plan.")
@click.option("--quantity", type=float, help="First quantity; without it, the rule of [size] gives it.")
@click.option("--side", type=click.Choice(["long", "short"]), default="long", help="Side of the position.")
@click.option("--atr", type=float, help="ATR known at the entry, if the plan needs it.")
@click.option("--equity", type=float, help="Equity now; without it, that of [book].")
@session_command
def command(
    session: Session,
    plan: Path,
    entry: float,
    stop: float | None,
    quantity: float | None,
    side: str,
    atr: float | None,
    equity: float | None,
) -> None:
    """Show a plan tranche by tranche, as if every add filled.

    One row for the entry and each add: the price planned, the quantity bought and held, the average entry, the price
    that pays all costs, the stop of the whole position, and the money lost there. The last line is the planned risk of
    the trade, by which a size rule gives the quantity.
    """
    from dataclasses import replace

    from exitladder.execution.tranches import tranches
    from exitladder.measures.sizing.before import first_quantity
    from exitladder.plans.file import read_plan
    from exitladder.plans.limits import Book

    for name, value in (("entry", entry), ("stop", stop), ("quantity", quantity), ("atr", atr), ("equity", equity)):
        if value is not None and not (math.isfinite(value) and value > 0):
            raise LadderError(f"--{name} must be a number above 0, but is {value!r}.")
    ladder = read_plan(plan)
    if equity is not None:
        ladder = replace(ladder, book=Book(equity))
    trade: dict[str, Any] = {"entry": entry, "stop": stop, "side": side, "atr": atr}
    if quantity is None:
        if ladder.size.rule == "file":
            raise click.UsageError("Give --quantity, or a rule in [size] of the plan that gives it.")
        quantity = first_quantity(ladder, **trade)
    table = tranches(ladder, quantity=quantity, **trade)
    session.emit(table)
    risk = table.attrs["planned_risk"]
    share = "" if ladder.book.equity is None else f", {risk / ladder.book.equity:.2%} of equity"
    session.say(f"planned risk {risk:,.2f}{share}; costs not included")
