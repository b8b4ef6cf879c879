"""``exitladder options score``: advice on each open position for the next quote."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from exitladder.cli.commands.options.files import MarketFiles, read_market
from exitladder.cli.inputs import now_ns, out_option, path_option, reading_options
from exitladder.cli.moments import moment_of
from exitladder.cli.screen import width_of
from exitladder.cli.session import Session, example, session_command

if TYPE_CHECKING:
    from exitladder.options.market import OptionMarket
    from exitladder.pipelines.options.score.score import Evening

# exit codes of --exit-code, those of `exitladder score`
NOT_SCORED, OLD_QUOTES = 3, 4


@click.command(
    "score",
    epilog=example(
        "exitladder options score --trades open.csv --quotes quotes.csv --bars AAPL.csv --plan plan.toml \\",
        "  --previous yesterday.json --out tonight.json",
    ),
)
@path_option("--trades", "Positions (.csv or .parquet); those without exit_time are scored.")
@path_option("--quotes", "Quotes of the contracts since the entries: bid and ask, as bars or snapshots.")
@path_option("--plan", "Plan (.toml): conditions on premium, Greeks and time.")
@path_option("--bars", "Bars of the underlyings, as traded: for Greeks and for moneyness at expiry.", required=False)
@path_option("--actions", "Splits and dividends: symbol, date, split or dividend, announced.", required=False)
@click.option("--underlying", default="", metavar="SYMBOL", help="The underlying, if the quotes have no such column.")
@click.option("--asof", metavar="TIME", help="Use only quotes known by this time; a date means its end. Default: now.")
@path_option(
    "--previous",
    "Earlier output (.json or .csv) whose orders you placed: they are not listed as new, managed_from is kept, and "
    "changes are shown.",
    required=False,
)
@click.option("--since-entry", is_flag=True, help="Follow the plan from each entry on, as a backtest does.")
@click.option(
    "--assume",
    type=click.Choice(["followed", "untouched"]),
    help="Contracts held where quantity_open is blank: what the plan would have left, or all that was entered; a blank "
    "entry_price is that of the quotes.",
)
@click.option("--private", is_flag=True, help="Leave out names, quantities, premiums and money: R only, to share.")
@click.option(
    "--exit-code",
    is_flag=True,
    help="Exit with 3 if a position could not be scored, else with 4 if quotes of a position are old.",
)
@reading_options
@out_option("Output file (.csv, .json or .html).", endings=(".csv", ".json", ".html"), required=False)
@session_command
def score(
    session: Session,
    trades: Path,
    quotes: Path,
    plan: Path,
    bars: Path | None,
    actions: Path | None,
    underlying: str,
    repair: bool,
    interval: str | None,
    private: bool,
    exit_code: bool,
    out: Path | None,
    **how: Any,
) -> None:
    """Advise on each open position in options.

    Says in one sentence for each position whether to hold, reduce or close it at the next quote, and lists the orders.
    They are those that a backtest of the plan fills there. If a position cannot be scored, the output names it and the
    others are scored.
    """
    from exitladder.pipelines.options.score.columns import flat_rows
    from exitladder.pipelines.options.score.reading import read_open_positions
    from exitladder.pipelines.options.score.score import score_options, starting_now, write_options_score
    from exitladder.pipelines.options.score.tracked import recorded_score
    from exitladder.plans.file import read_ladder

    ladder = read_ladder(plan)
    conventions = session.settings.data.conventions
    with session.progress.stage("reading positions", 1):
        positions = read_open_positions(trades, session.settings.options, conventions)
    for one in positions.faulty:
        session.warn(f"not scored: {one.text}")
    market = read_market(session, MarketFiles(quotes, bars, actions, None, underlying), repair, interval)
    evening = _evening(session, market, how)
    with session.progress.stage("scoring open positions", 1):
        result = score_options(positions, ladder, market, evening)
    for text in result.notes if session.form != "table" else ():  # the screen has them
        session.warn(text)
    if begins := starting_now(result, evening, positions):
        session.say(begins)
    trades_known = [one.trade for one in positions.known]
    recorded_score(result, trades_known, ladder, market, session.settings)
    if private:
        from exitladder.pipelines.options.score.private import without_money

        result = without_money(result)
    if out is not None:
        with session.progress.stage("writing advice", 1):
            if out.suffix.lower() == ".html":
                from exitladder.files.output import write_text
                from exitladder.pipelines.pages.options.score import options_score_html

                write_text(options_score_html(result.records(), result.basis, result.notes), out)
            else:
                write_options_score(result, out)
        session.say(f"advice on {len(result.frame)} open positions: {out}")
    if session.form == "table":
        from exitladder.cli.screens.options.score import options_score_screen

        session.write(options_score_screen(result.records(), result.notes, width_of(session.stdout)))
    else:
        session.emit(result.frame if session.form == "json" else flat_rows(result.frame))
    if exit_code and (result.frame["urgency"] == "ask").any():
        raise SystemExit(NOT_SCORED)
    if exit_code and (result.frame["quotes_missed"].astype("float64") > 0).any():
        raise SystemExit(OLD_QUOTES)


def _evening(session: Session, market: OptionMarket, how: dict[str, Any]) -> Evening:
    """Return the moment, the earlier output and the assumptions that the options state."""
    import pandas as pd

    from exitladder.pipelines.advice.working.previous import read_previous
    from exitladder.pipelines.options.score.score import Evening

    earlier = how["previous"]
    if earlier and not earlier.exists():
        session.warn(
            f"--previous names {earlier}, which does not exist. Orders of an earlier evening are not known. On the "
            "first evening that is right; on a later one name the file of the evening before"
        )
        earlier = None
    moment = moment_of(how["asof"], session.settings.data.tz, is_daily=market.clock.is_daily)
    now = now_ns() if moment is None else None
    assert moment is not None or now is not None
    return Evening(
        moment=int(moment if moment is not None else now or 0),
        clock="" if now is None else f"{pd.Timestamp(now, tz='UTC'):%Y-%m-%dT%H:%M:%SZ}",
        since_entry=how["since_entry"],
        assume=how["assume"] or "",
        previous=read_previous(earlier) if earlier else {},
    )
