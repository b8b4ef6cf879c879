"""``exitladder trades``: generate, check and import trades."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from exitladder.cli.inputs import bars_options, fitted_to_bars, load_bars, load_trades, path_option, reading_options
from exitladder.cli.session import Session, example, session_command

if TYPE_CHECKING:
    from exitladder.trades.trades import Trades


@click.group("trades", epilog=example("exitladder trades make --bars data/ --rule donchian --out trades.csv"))
def command() -> None:
    """Generate, check and import trades."""


@command.command(
    "make", epilog=example("exitladder trades make --bars data/ --rule donchian --window 55 --out trades.csv")
)
@bars_options
@click.option("--rule", default="donchian", show_default=True, help="donchian, ma_cross, rsi_reversal or random.")
@click.option("--window", type=int, default=20, show_default=True, help="Bars of the channel or slow average.")
@click.option("--fast-window", type=int, default=5, show_default=True, help="Bars of the fast average or RSI.")
@click.option("--threshold", type=float, default=30.0, show_default=True, help="RSI level for oversold.")
@click.option("--stop-atr", type=float, default=2.0, show_default=True, help="Stop distance, ATR.")
@click.option("--atr-window", type=int, default=14, show_default=True, help="Bars of the ATR.")
@click.option("--sides", default="both", show_default=True, help="both, long or short.")
@click.option("--risk-money", type=float, default=1000.0, show_default=True, help="Money at risk per trade (1R).")
@click.option("--lot", type=float, default=1.0, show_default=True, help="Lot size; 0: none.")
@click.option("--cooldown-bars", type=int, default=5, show_default=True, help="Minimum bars between entries.")
@path_option("--out", "Output file (.csv or .parquet); default: stdout.", required=False)
@session_command
def make(
    session: Session,
    bars: Path,
    repair: bool,
    interval: str | None,
    rule: str,
    out: Path | None,
    **options: Any,
) -> None:
    """Generate trades with an entry rule.

    Each trade enters at the open after its signal bar, with a stop known at that time. donchian: a close beyond the
    highest high or lowest low of the preceding bars. ma_cross: a fast average crosses a slow one. rsi_reversal: the
    RSI returns from an extreme. random: the baseline.
    """
    from exitladder.trades.entries import make_trades
    from exitladder.trades.files import write_trades

    trades = make_trades(
        load_bars(session, bars, repair, interval), rule, seed=session.settings.project.seed, **options
    )
    if out is None:
        session.emit(trades.to_frame())
        return
    write_trades(trades, out)
    session.emit({"file": str(out), **_summary(trades)})


@command.command("check", epilog=example("exitladder trades check --trades trades.csv --bars data/"))
@path_option("--trades", "Trades (.csv or .parquet).")
@path_option("--bars", "Bars to check them against: a file or a folder of files.", required=False)
@reading_options
@session_command
def check(session: Session, trades: Path, bars: Path | None, repair: bool, interval: str | None) -> None:
    """Validate trades, with --bars also against their bars."""
    from exitladder.trades.checks import check_trades_on_bars
    from exitladder.trades.trades import place_trades

    found = load_trades(session, trades)
    summary = {"file": str(trades), **_summary(found)}
    if bars is not None:
        market = load_bars(session, bars, repair, interval)
        placed = place_trades(fitted_to_bars(session, found, market), market)
        summary["n_outside_bar"] = int(check_trades_on_bars(placed).sum())
    session.emit(summary)


_IMPORT = (
    "exitladder trades import broker.csv --out trades.csv --map Ticker=symbol --map Size=quantity \\",
    '  --map "Open Time=entry_time" --map "Open Price=entry_price" --value tag=broker',
)


@command.command("import", epilog=example(*_IMPORT))
@click.argument("source", type=click.Path(path_type=Path))
@click.option("--map", "renames", multiple=True, metavar="OLD=NEW", help="Rename a column; repeatable.")
@click.option("--value", "values", multiple=True, metavar="COLUMN=VALUE", help="Fill a column; repeatable.")
@click.option("--tz", metavar="ZONE", help="Time zone of timestamps without one (data.tz).")
@path_option("--out", "Output file (.csv or .parquet).")
@session_command
def import_(session: Session, source: Path, renames: tuple[str, ...], values: tuple[str, ...], out: Path) -> None:
    """Import a broker's list of round trips.

    --map renames columns. buy and sell mean long and short; without a side, the sign of the quantity determines it;
    without a trade_id, trades are numbered. A summary of the import goes to stderr.
    """
    from exitladder.files.tables import read_table
    from exitladder.importers.broker_table import import_trades
    from exitladder.trades.files import write_trades

    table = read_table(source)
    trades, notes = import_trades(
        table, _pairs("--map", renames), _pairs("--value", values), tz=session.settings.data.tz
    )
    for line in notes:
        session.say(line)
    write_trades(trades, out)
    session.emit({"file": str(out), **_summary(trades)})


def _pairs(name: str, texts: tuple[str, ...]) -> dict[str, str]:
    pairs = {}
    for text in texts:
        left, equals, right = text.partition("=")
        if not equals or not left.strip() or not right.strip():
            raise click.BadParameter(f"must have the form LEFT=RIGHT, but is {text!r}.", param_hint=f"'{name}'")
        pairs[left.strip()] = right.strip()
    return pairs


def _summary(trades: Trades) -> dict[str, Any]:
    import numpy as np

    return {
        "n_trades": len(trades),
        "n_open": int(trades.is_open.sum()),
        "n_long": int((trades.side > 0).sum()),
        "n_short": int((trades.side < 0).sum()),
        "n_without_stop": int(np.isnan(trades.stop_price).sum()),
        "symbols": sorted(set(trades.symbol)),
        "first_entry": trades[int(np.argmin(trades.entry_time))].entry_time,
        "last_entry": trades[int(np.argmax(trades.entry_time))].entry_time,
    }
