"""``exitladder options backtest``: positions in options on quotes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from exitladder.cli.commands.options.files import PositionFiles, market_options, read_positions, warn_of_costs
from exitladder.cli.inputs import out_option, path_option
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
@market_options
@out_option("Folder for fills.csv, trades.csv, decisions.csv, summary.json and ladder.toml.", "folder")
@session_command
def backtest(
    session: Session,
    trades: Path,
    plan: Path,
    files: PositionFiles,
    out: Path,
) -> None:
    """Backtest a plan on positions in calls, puts and verticals.

    Sales fill at the bid and purchases at the ask of the next usable quote after the decision, never at the mid. The
    results are compared with doing nothing: holding every position to expiry. docs/options.md has the file formats and
    a worked example.
    """
    from exitladder.cli.screens.options.backtest import options_screen
    from exitladder.pipelines.options.backtest import backtest_options
    from exitladder.pipelines.options.notes import data_notes
    from exitladder.plans.file import read_ladder

    ladder = read_ladder(plan)
    warn_of_costs(session, ladder)
    known, market, volatilities = read_positions(session, trades, files)
    notes = data_notes(market, known, ladder, volatilities)
    more: dict[str, Any] = {"notes": notes, "command": session.command, "progress": session.progress}
    result = backtest_options(known, ladder, market, session.settings, **more)
    result.write(out, session.progress)
    if session.form == "table":
        session.write(options_screen(result.summary, str(out), width_of(session.stdout)))
        return
    session.emit({"run_id": result.run_id, "out": str(out), **result.summary})
