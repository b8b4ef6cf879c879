"""``exitladder score``: advice on each open trade for the next bar."""

from __future__ import annotations

import re
from pathlib import Path

import click

from exitladder.cli.inputs import (
    TradeFiles,
    bars_for_trades,
    bars_options,
    check_on_bars,
    load_bars,
    load_trades,
    out_option,
    path_option,
    trades_options,
)
from exitladder.cli.screen import width_of
from exitladder.cli.session import Session, example, session_command

_EXAMPLE = (
    "exitladder score --bars data/ --trades trades.csv --ladder tuned/recommended.toml \\",
    "  --model models:/exitladder-exhaustion@newest --out advice.html",
)


_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


@click.command("score", epilog=example(*_EXAMPLE))
@bars_options
@trades_options("Trades (.csv or .parquet); open ones are scored.")
@path_option("--ladder", "Ladder (.toml).")
@click.option(
    "--model",
    metavar="REF",
    help="Run id, models:/NAME/VERSION or models:/NAME@alias. Required if the ladder reads the model; otherwise adds "
    "its predictions, reasons and drift.",
)
@click.option(
    "--asof", metavar="TIME", help="Use only bars closed by this time; a date means its end. Default: all bars."
)
@path_option("--finer-bars", 'Bars of a shorter interval, for intrabar = "finer_bars".', required=False)
@out_option("Output file (.csv, .json or .html).", endings=(".csv", ".json", ".html"), required=False)
@session_command
def command(
    session: Session,
    bars: Path,
    repair: bool,
    interval: str | None,
    trades: TradeFiles,
    ladder: Path,
    model: str | None,
    asof: str | None,
    finer_bars: Path | None,
    out: Path | None,
) -> None:
    """Advise on each open trade.

    Says for each trade whether to hold, reduce or exit, with reasons, and lists the orders for the next bar. Adds a
    warning to every row if the market has drifted away from the model's training data.
    """
    from exitladder.pipelines.advice.open_trades import entered_after, flat_scores, open_trades
    from exitladder.pipelines.score import score, write_scores
    from exitladder.plans.file import read_ladder

    plan = read_ladder(ladder)
    session, market, known = bars_for_trades(
        session, bars, load_trades(session, trades), repair, interval, unfinished="ask" if asof is None else "keep"
    )
    # a daily bar is stamped with the date of its session, whatever the zone
    is_daily = bool((market.interval_ns >= 86_400 * 10**9).all())
    moment = _moment(asof, session.settings.data.tz, is_daily=is_daily)
    still_open = open_trades(known, moment)
    entered = still_open.take(~entered_after(still_open, market))
    check_on_bars(session, entered, market)
    finer = load_bars(session, finer_bars, repair, None) if finer_bars else None
    result = score(market, known, plan, model, session.settings, asof=moment, finer=finer, progress=session.progress)
    if result.notice:
        session.warn(result.notice)
    if result.verdict:
        session.say(result.verdict)
    if out is not None:
        with session.progress.stage("writing advice", 1):
            write_scores(result.frame, out, result.verdict)
        session.say(f"advice on {len(result.frame)} open trades: {out}")
    if session.form == "table":
        from exitladder.cli.screens.score import score_screen

        session.write(score_screen(result.frame, width_of(session.stdout)))
        return
    session.emit(result.frame if session.form == "json" else flat_scores(result.frame))


def _moment(asof: str | None, tz: str, *, is_daily: bool) -> int | None:
    if asof is None:
        return None
    import pandas as pd

    from exitladder.clock import NO_TIME
    from exitladder.files.stamps import stamps_to_ns

    # A date means its end: at its start, not even that day's bar has begun.
    day = pd.to_datetime(asof, errors="coerce") if _DATE.fullmatch(asof.strip()) else pd.NaT
    until = asof if pd.isna(day) else f"{day + pd.Timedelta(days=1):%Y-%m-%d}"
    moment = int(stamps_to_ns(pd.Series([until]), "UTC" if is_daily and not pd.isna(day) else tz)[0])
    if moment == NO_TIME:
        raise click.BadParameter(
            f"must be a timestamp such as 2024-01-31T15:30Z, but is {asof!r}.", param_hint="'--asof'"
        )
    return moment
