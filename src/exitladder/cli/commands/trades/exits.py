"""``exitladder trades exits``: measure the exits of your own trades."""

from __future__ import annotations

from pathlib import Path

import click

from exitladder.cli.inputs import TradeFiles, bars_options, load_bars_and_trades, out_option, trades_options
from exitladder.cli.session import Session, example, session_command
from exitladder.files.places import TABLES


def _numbers(_: click.Context, __: click.Parameter, text: str) -> tuple[int, ...]:
    """Return the numbers of a text such as ``1,5,20``."""
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdigit() and int(part) > 0 for part in parts):
        raise click.BadParameter(f"must be whole numbers of at least 1 with commas, such as 1,5,20, but is {text!r}.")
    return tuple(dict.fromkeys(int(part) for part in parts))


@click.command(
    "exits",
    epilog=example(
        "exitladder trades exits --trades trades.csv --bars data/ --target 2R",
        "exitladder trades exits --trades trades.csv --fills fills.csv --bars data/ --out exits.csv",
    ),
)
@trades_options("Trades with exit_time and exit_price (.csv or .parquet).")
@bars_options
@click.option("--target", metavar="TARGET", help="Target of the set-and-forget exit, such as 2R, 3ATR or 5%.")
@click.option(
    "--bars-later", callback=_numbers, default="5", show_default=True, metavar="N,…", help="Exits N bars later."
)
@click.option(
    "--sessions-later", callback=_numbers, default="1,2,3", show_default=True, metavar="N,…",
    help="Exits at the end of the Nth later session.",
)  # fmt: skip
@out_option("File for one row per trade (.csv or .parquet).", endings=TABLES, required=False)
@session_command
def exits(
    session: Session,
    bars: Path,
    repair: bool,
    interval: str | None,
    trades: TradeFiles,
    target: str | None,
    bars_later: tuple[int, ...],
    sessions_later: tuple[int, ...],
    out: Path | None,
) -> None:
    """Measure the exits of your own trades.

    MFE, MAE and heat; efficiency; the best last exit within the trade's own risk; the exit some bars or sessions later;
    the effect of managing (against set and forget) and of scaling out (against a full hold). In R, % of the entry price
    and money, with confidence intervals. Measures marked as hindsight describe the past and cannot be traded.
    """
    from exitladder.files.output import write_table
    from exitladder.measures.exits.later import Horizons
    from exitladder.pipelines.exit_quality import own_exit_quality
    from exitladder.plans.units import Target

    session, market, known = load_bars_and_trades(session, bars, trades, repair, interval)
    found = own_exit_quality(
        market,
        known,
        session.settings,
        target=None if target is None else Target.parse(target, "--target"),
        horizons=Horizons(bars_later, sessions_later),
        progress=session.progress,
    )
    for note in found.notes:
        session.say(note)
    if out is not None:
        write_table(found.table, out)
        session.say(f"one row per trade: {out}")
    if session.form == "table":
        session.write(found.text(session.settings.intervals.confidence))
    elif session.form == "csv":
        session.emit(found.rows())
    else:
        session.emit(found.to_mapping())
