"""``exitladder options tune``: plans on options chosen from the past and scored on what followed."""

from __future__ import annotations

from pathlib import Path

import click

from exitladder.cli.commands.options.files import MarketFiles, read_market, warn_of_costs
from exitladder.cli.inputs import out_option, path_option, reading_options
from exitladder.cli.screen import width_of
from exitladder.cli.session import Session, example, session_command


@click.command(
    "tune",
    epilog=example(
        "exitladder options tune --trades trades.csv --quotes quotes.csv --bars AAPL.csv --out tuned/",
        "exitladder options tune --trades trades.csv --quotes quotes.csv --bars AAPL.csv --plan own.toml --out tuned/ "
        "--set options_search.n_exits=1",
    ),
)
@path_option("--trades", "Positions: symbol, side, entry_time, quantity, expiry, strike, right.")
@path_option("--plan", "Your plan (.toml): a candidate, whose stop gives R and whose costs count.", required=False)
@path_option("--quotes", "Quotes of the contracts: bid and ask, as bars or snapshots.", required=False)
@path_option("--volatility", "Instead of --quotes: implied volatilities, for quotes by the model.", required=False)
@path_option("--bars", "Bars of the underlyings, as traded: for Greeks and settlement.", required=False)
@path_option("--actions", "Splits and dividends: symbol, date, split or dividend, announced.", required=False)
@path_option("--settlements", "Settlement prices: underlying, expiry, price (settlement = file).", required=False)
@click.option("--underlying", default="", metavar="SYMBOL", help="The underlying, if the quotes have no such column.")
@reading_options
@out_option("Folder for recommended.toml, tuned.toml, folds/, trials.csv, net_r.csv and tune.json.", "folder")
@session_command
def tune(
    session: Session,
    trades: Path,
    plan: Path | None,
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
    """Tune a plan on positions in calls, puts and verticals.

    All plans of [options_search] are tried on the positions that had expired before a cut, the best simple one is
    scored once on the positions entered after it, and the result is compared with holding to expiry. docs/options.md
    explains the search, the recommendation and the files.
    """
    from exitladder.cli.screens.options.tune import tuning_screen
    from exitladder.options.modelled import read_volatilities, with_modelled_quotes
    from exitladder.options.positions.trades import read_option_trades
    from exitladder.pipelines.options.notes import data_notes
    from exitladder.pipelines.options.tuning.files import tuning_summary, write_tuning
    from exitladder.pipelines.options.tuning.tuned import tune_options
    from exitladder.plans.file import read_ladder

    if (quotes is None) == (volatility is None):
        raise click.UsageError("Give either --quotes FILE or --volatility FILE.")
    how = session.settings.data.conventions
    own = None if plan is None else read_ladder(plan)
    if own is not None:
        warn_of_costs(session, own)
    files = MarketFiles(quotes, bars, actions, settlements, underlying)
    market = read_market(session, files, repair, interval)
    known = read_option_trades(trades, session.settings.options, how)
    volatilities = None if volatility is None else read_volatilities(volatility, underlying, how)
    if volatilities is not None:
        with session.progress.stage("quotes by the model", 1):
            market = with_modelled_quotes(market, known, volatilities)
    found = tune_options(known, own, market, session.settings, session.progress)
    notes = data_notes(market, known, found.choices[-1].ladder(found.policies), volatilities)
    summary = tuning_summary(found, market, session.settings, tuple(notes))
    write_tuning(found, market, summary, out, session.progress)
    if session.form == "table":
        session.write(tuning_screen(summary, str(out), width_of(session.stdout)))
        return
    session.emit({"out": str(out), **summary})
