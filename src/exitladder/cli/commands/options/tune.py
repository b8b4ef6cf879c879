"""``exitladder options tune``: plans on options chosen from the past and scored on what followed."""

from __future__ import annotations

from pathlib import Path

import click

from exitladder.cli.commands.options.files import PositionFiles, market_options, read_positions, warn_of_costs
from exitladder.cli.inputs import out_option, path_option
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
@market_options
@out_option("Folder for recommended.toml, tuned.toml, folds/, trials.csv, net_r.csv and tune.json.", "folder")
@session_command
def tune(
    session: Session,
    trades: Path,
    plan: Path | None,
    files: PositionFiles,
    out: Path,
) -> None:
    """Tune a plan on positions in calls, puts and verticals.

    All plans of [options_search] are tried on the positions that had expired before a cut, the best simple one is
    scored once on the positions entered after it, and the result is compared with holding to expiry. docs/options.md
    explains the search, the recommendation and the files.
    """
    from exitladder.cli.screens.options.tune import tuning_screen
    from exitladder.pipelines.options.notes import data_notes
    from exitladder.pipelines.options.tuning.files import tuning_summary, write_tuning
    from exitladder.pipelines.options.tuning.tuned import tune_options
    from exitladder.plans.file import read_ladder

    own = None if plan is None else read_ladder(plan)
    if own is not None:
        warn_of_costs(session, own)
    known, market, volatilities = read_positions(session, trades, files)
    found = tune_options(known, own, market, session.settings, session.progress)
    notes = data_notes(market, known, found.choices[-1].ladder(found.policies), volatilities)
    summary = tuning_summary(found, market, session.settings, tuple(notes))
    write_tuning(found, market, summary, out, session.progress)
    if session.form == "table":
        session.write(tuning_screen(summary, str(out), width_of(session.stdout)))
        return
    session.emit({"out": str(out), **summary})
