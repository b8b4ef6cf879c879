"""``exitladder backtest``: simulate a ladder on trades."""

from __future__ import annotations

from pathlib import Path

import click

from exitladder.cli.inputs import TradeFiles, bars_options, load_bars, load_trades, path_option, trades_options
from exitladder.cli.session import Session, example, session_command


@click.command(
    "backtest",
    epilog=example("exitladder backtest --bars data/ --trades trades.csv --ladder ladder.toml --out result/"),
)
@bars_options
@trades_options("Trades (.csv or .parquet).")
@path_option("--ladder", "Ladder (.toml).")
@path_option("--finer-bars", 'Bars of a shorter interval, for intrabar = "finer_bars".', required=False)
@click.option(
    "--model",
    metavar="REF",
    help="Model whose predictions the ladder uses: run id, models:/NAME/VERSION or models:/NAME@alias.",
)
@path_option("--out", "Folder for fills.csv, trades.csv, summary.json and after_exit.csv.")
@session_command
def command(
    session: Session,
    bars: Path,
    repair: bool,
    interval: str | None,
    trades: TradeFiles,
    ladder: Path,
    finer_bars: Path | None,
    model: str | None,
    out: Path,
) -> None:
    """Simulate a ladder on trades.

    Writes every fill, every trade, and a summary with confidence intervals.
    """
    from exitladder.pipelines.backtest import backtest
    from exitladder.plans.file import read_ladder

    plan = read_ladder(ladder)
    market = load_bars(session, bars, repair, interval)
    result = backtest(
        market,
        load_trades(session, trades, market),
        plan,
        session.settings,
        finer=load_bars(session, finer_bars, repair, None) if finer_bars else None,
        model=model,
        progress=session.progress,
    )
    result.write(out)
    session.emit({"run_id": result.run_id, "out": str(out), **result.summary})
