"""``exitladder options backtest``: positions in options on quotes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from exitladder.cli.commands.options.files import MarketFiles, read_market, warn_of_costs
from exitladder.cli.inputs import out_option, path_option, reading_options
from exitladder.cli.screen import width_of
from exitladder.cli.session import Session, example, session_command


@click.command(
    "backtest",
    epilog=example(
        "exitladder options backtest --trades trades.csv --quotes quotes.csv --bars AAPL.csv --plan plan.toml "
        "--out result/",
        "exitladder options backtest --trades trades.csv --volatility iv.csv --bars AAPL.csv --plan plan.toml "
        "--set options.half_spread=0.05 --out result/",
    ),
)
@path_option("--trades", "Positions: symbol, side, entry_time, quantity, expiry, strike, right.")
@path_option("--plan", "Plan (.toml): conditions on premium, Greeks and time.")
@path_option("--quotes", "Quotes of the contracts: bid and ask, as bars or snapshots.", required=False)
@path_option("--volatility", "Instead of --quotes: implied volatilities, for quotes by the model.", required=False)
@path_option("--bars", "Bars of the underlyings, as traded: for Greeks and settlement.", required=False)
@path_option("--actions", "Splits and dividends: symbol, date, split or dividend, announced.", required=False)
@path_option("--settlements", "Settlement prices: underlying, expiry, price (settlement = file).", required=False)
@click.option("--underlying", default="", metavar="SYMBOL", help="The underlying, if the quotes have no such column.")
@reading_options
@out_option("Folder for fills.csv, trades.csv, decisions.csv, summary.json and ladder.toml.", "folder")
@session_command
def backtest(
    session: Session,
    trades: Path,
    plan: Path,
    quotes: Path | None,
    volatility: Path | None,
    bars: Path | None,
    actions: Path | None,
    settlements: Path | None,
    underlying: str,
    repair: bool,
    interval: str | None,
    out: Path,
) -> None:
    """Backtest a plan on positions in calls, puts and verticals.

    Sales fill at the bid and purchases at the ask of the next usable quote after the decision, never at the mid. The
    results are compared with doing nothing: holding every position to expiry. docs/options.md has the file formats and
    a worked example.
    """
    from exitladder.cli.screens.options.backtest import options_screen
    from exitladder.options.modelled import read_volatilities, with_modelled_quotes
    from exitladder.options.positions.trades import read_option_trades
    from exitladder.pipelines.options.backtest import backtest_options
    from exitladder.pipelines.options.notes import data_notes
    from exitladder.plans.file import read_ladder

    if (quotes is None) == (volatility is None):
        raise click.UsageError("Give either --quotes FILE or --volatility FILE.")
    how = session.settings.data.conventions
    ladder = read_ladder(plan)
    warn_of_costs(session, ladder)
    files = MarketFiles(quotes, bars, actions, settlements, underlying)
    market = read_market(session, files, repair, interval)
    known = read_option_trades(trades, session.settings.options, how)
    volatilities = None if volatility is None else read_volatilities(volatility, underlying, how)
    if volatilities is not None:
        with session.progress.stage("quotes by the model", 1):
            market = with_modelled_quotes(market, known, volatilities)
    notes = data_notes(market, known, ladder, volatilities)
    more: dict[str, Any] = {"notes": notes, "command": session.command, "progress": session.progress}
    result = backtest_options(known, ladder, market, session.settings, **more)
    result.write(out, session.progress)
    if session.form == "table":
        session.write(options_screen(result.summary, str(out), width_of(session.stdout)))
        return
    session.emit({"run_id": result.run_id, "out": str(out), **result.summary})
