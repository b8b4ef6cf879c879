"""``exitladder backtest``: simulate a ladder on trades."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from exitladder.cli.inputs import (
    TradeFiles,
    bars_options,
    load_bars,
    load_bars_and_trades,
    out_option,
    path_option,
    trades_options,
)
from exitladder.cli.screen import width_of
from exitladder.cli.session import Session, example, session_command


@click.command(
    "backtest",
    epilog=example("exitladder backtest --bars data/ --trades trades.csv --ladder ladder.toml --out result/"),
)
@bars_options
@trades_options("Trades (.csv or .parquet).")
@path_option("--ladder", "Ladder (.toml).", required=False)
@click.option(
    "--walk-forward",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Instead of --ladder: the output folder of tune; each trade runs under the ladder tuned before it.",
)
@path_option("--finer-bars", 'Bars of a shorter interval, for intrabar = "finer_bars".', required=False)
@click.option(
    "--model",
    metavar="REF",
    help="Model whose predictions the ladder uses: run id, models:/NAME/VERSION or models:/NAME@alias.",
)
@out_option("Folder for fills.csv, trades.csv, summary.json, after_exit.csv and exit_quality.csv.", "folder")
@session_command
def command(
    session: Session,
    bars: Path,
    repair: bool,
    interval: str | None,
    trades: TradeFiles,
    ladder: Path | None,
    walk_forward: Path | None,
    finer_bars: Path | None,
    model: str | None,
    out: Path,
) -> None:
    """Simulate a ladder on trades.

    Writes every fill, every trade, and a summary with confidence intervals. Also measures the exits: heat,
    efficiency, better exits in hindsight, later exits, and the effect of managing and scaling out.

    Trades that the ladder was tuned on count as in-sample and give no verdict. With --walk-forward, all trades are
    out of sample.
    """
    from exitladder.pipelines.backtest import backtest, backtest_walk_forward
    from exitladder.plans.file import read_plan

    if (ladder is None) == (walk_forward is None):
        raise click.UsageError("Give either --ladder FILE or --walk-forward DIR.")
    plan = read_plan(ladder) if ladder is not None else None
    if plan is not None and not plan.costs.has_rates_of(session.settings.costs):
        session.warn(
            "The costs of the ladder differ from [costs] of the settings. This backtest uses the ladder's, for your "
            "own exits too; tune, train and trades exits use the settings'. Compare their results only with the same "
            "costs in both."
        )
    session, market, known = load_bars_and_trades(session, bars, trades, repair, interval)
    finer = load_bars(session, finer_bars, repair, None) if finer_bars else None
    more: dict[str, Any] = {"finer": finer, "model": model, "command": session.command, "progress": session.progress}
    if plan is not None:
        result = backtest(market, known, plan, session.settings, **more)
    else:
        assert walk_forward is not None
        result = backtest_walk_forward(market, known, walk_forward, session.settings, **more)
    result.write(out, session.progress, from_run=True)
    for note in result.exits.notes:
        session.say(note)
    if session.form == "table":
        from exitladder.cli.screens.backtest import backtest_screen

        session.write(backtest_screen(result.summary, str(out), result.run_id, width_of(session.stdout)))
        return
    session.emit({"run_id": result.run_id, "out": str(out), **result.summary})
