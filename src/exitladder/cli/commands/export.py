"""``exitladder export``: a ladder for another program."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import click

from exitladder.cli.inputs import out_option
from exitladder.cli.session import Session, example, session_command
from exitladder.errors import LadderError
from exitladder.exporters.targets import NAMES

_CCXT = (
    click.option("--side", type=click.Choice(["long", "short"]), help="ccxt: side of the position."),
    click.option("--entry-price", type=float, help="ccxt: price of the entry."),
    click.option("--stop-price", type=float, help="ccxt: initial stop; without it, that of the ladder."),
    click.option("--quantity", type=float, help="ccxt: quantity of the position."),
    click.option("--atr", type=float, help="ccxt: ATR known at the entry, if the ladder needs it."),
    click.option("--market", metavar="SYMBOL", help="ccxt: market, such as BTC/USDT:USDT."),
    click.option("--exchange", multiple=True, metavar="ID", help="ccxt: exchange; repeatable, default all known ones."),
)


def _ccxt_options(function: Any) -> Any:
    for option in reversed(_CCXT):
        function = option(function)
    return function


@click.command(
    "export",
    epilog=example(
        "exitladder export ladder.toml --to backtesting --out exits.py",
        "exitladder export ladder.toml --to ccxt --exchange bybit --market BTC/USDT:USDT "
        "--side long --entry-price 100 --stop-price 95 --quantity 13",
    ),
)
@click.argument("ladder", type=click.Path(path_type=Path))
@click.option("--to", required=True, type=click.Choice(NAMES), help="Program that the file is for.")
@out_option("File to write; default: stdout.", required=False)
@click.option("--hooks", is_flag=True, help="Write functions to fill in for rules that the program cannot express.")
@_ccxt_options
@session_command
def command(session: Session, ladder: Path, to: str, out: Path | None, hooks: bool, **ccxt: Any) -> None:
    """Write a ladder as code, script or orders for another program.

    Every file says which of its fills differ from exitladder's. A rule that the program cannot express is refused; with
    --hooks the file has a function for it that raises an error until you fill it in. docs/exports.md lists the rules by
    program.
    """
    from exitladder.exporters import export_ladder
    from exitladder.exporters.ccxt_orders import check_exchanges
    from exitladder.files.output import write_text
    from exitladder.plans.file import read_plan

    check_exchanges(ccxt["exchange"])
    position = _position(to, ccxt)
    made = export_ladder(
        read_plan(ladder), to, hooks=hooks, position=position, exchanges=ccxt["exchange"] if to == "ccxt" else ()
    )
    for name in made.hooks:
        session.warn(f"{made.target.title} cannot do this itself, fill it in: {name}")
    if out is None:
        session.stdout.write(made.text)
        return
    write_text(made.text, out)
    session.say(f"{out}: {made.target.title}")
    for text in made.differs:
        session.say(f"differs: {text}")


def _position(to: str, given: dict[str, Any]) -> Any:
    """Return the position that ccxt's orders are for, None if none is given."""
    names = {name: value for name, value in given.items() if value not in (None, ())}
    if to != "ccxt":
        if names:
            name = next(iter(names)).replace("_", "-")
            raise click.UsageError(f"--{name} applies to --to ccxt only.")
        return None
    names.pop("exchange", None)
    if not names:
        return None
    missing = [name for name in ("side", "entry_price", "quantity", "market") if name not in names]
    if missing:
        options = ", ".join(f"--{name.replace('_', '-')}" for name in missing)
        raise click.UsageError(f"Orders for a position need {options} as well.")
    for name in ("entry_price", "stop_price", "quantity", "atr"):
        value = names.get(name, 1.0)
        if not (math.isfinite(value) and value > 0):
            raise LadderError(f"--{name.replace('_', '-')} must be a number above 0, but is {value!r}.")
    from exitladder.exporters.ccxt_orders import OpenPosition

    return OpenPosition(
        names["market"], 1 if names["side"] == "long" else -1, names["entry_price"], names["quantity"],
        names.get("stop_price", math.nan), names.get("atr", math.nan),
    )  # fmt: skip
