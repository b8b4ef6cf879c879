"""``exitladder trades``: make, check and import trades."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from exitladder.cli.inputs import bars_options, load_bars, load_trades, path_option, reading_options
from exitladder.cli.session import Session, example, session_command

if TYPE_CHECKING:
    from exitladder.trades.trades import Trades


@click.group("trades", epilog=example("exitladder trades make --bars data/ --rule donchian --out trades.csv"))
def command() -> None:
    """Make, check and import trades."""


@command.command(
    "make", epilog=example("exitladder trades make --bars data/ --rule donchian --window 55 --out trades.csv")
)
@bars_options
@click.option("--rule", default="donchian", show_default=True, help="donchian, ma_cross, rsi_reversal or random.")
@click.option("--window", type=int, default=20, show_default=True, help="Bars of the channel or of the slower average.")
@click.option("--fast-window", type=int, default=5, show_default=True, help="Bars of the faster average or of the RSI.")
@click.option("--threshold", type=float, default=30.0, show_default=True, help="RSI that counts as oversold.")
@click.option("--stop-atr", type=float, default=2.0, show_default=True, help="Distance of the stop, ATR.")
@click.option("--atr-window", type=int, default=14, show_default=True, help="Bars of the ATR.")
@click.option("--sides", default="both", show_default=True, help="both, long or short.")
@click.option("--risk-money", type=float, default=1000.0, show_default=True, help="Money lost at the stop.")
@click.option("--lot", type=float, default=1.0, show_default=True, help="Step of the quantity; 0 for none.")
@click.option("--cooldown-bars", type=int, default=5, show_default=True, help="Bars without another entry.")
@path_option("--out", "File for the trades (.csv or .parquet); without it they go to stdout.", required=False)
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
    """Make entries by a named rule.

    Each is at the open after the bar that decided it, with a stop that was known then. donchian: a close beyond
    the highest high or lowest low of the bars before. ma_cross: a faster average crosses a slower one.
    rsi_reversal: the RSI comes back from an extreme. random: the baseline.
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
    session.emit({"file": str(out), **_described(trades)})


@command.command("check", epilog=example("exitladder trades check --trades trades.csv --bars data/"))
@path_option("--trades", "Trades (.csv or .parquet).")
@path_option("--bars", "Bars to hold them against: a file, or a folder of files.", required=False)
@reading_options
@session_command
def check(session: Session, trades: Path, bars: Path | None, repair: bool, interval: str | None) -> None:
    """Hold trades to every rule, and to their bars."""
    from exitladder.trades.checks import check_trades_on_bars
    from exitladder.trades.trades import place_trades

    found = load_trades(session, trades)
    described = {"file": str(trades), **_described(found)}
    if bars is not None:
        placed = place_trades(found, load_bars(session, bars, repair, interval))
        described["n_outside_bar"] = int(check_trades_on_bars(placed).sum())
    session.emit(described)


_IMPORT = (
    "exitladder trades import broker.csv --out trades.csv --map Ticker=symbol --map Size=quantity \\",
    '  --map "Open Time=entry_time" --map "Open Price=entry_price" --value tag=broker',
)


@command.command("import", epilog=example(*_IMPORT))
@click.argument("source", type=click.Path(path_type=Path))
@click.option("--map", "renames", multiple=True, metavar="OLD=NEW", help="Rename a column; may be repeated.")
@click.option("--value", "values", multiple=True, metavar="COLUMN=VALUE", help="Fill a column; may be repeated.")
@click.option("--tz", metavar="ZONE", help="Time zone of stamps that carry none (data.tz).")
@path_option("--out", "File for the trades (.csv or .parquet).")
@session_command
def import_(session: Session, source: Path, renames: tuple[str, ...], values: tuple[str, ...], out: Path) -> None:
    """Turn a broker's list of round trips into trades.

    Columns are renamed by --map. buy and sell are read as long and short; without a side, the sign of the
    quantity tells it; without a trade_id, trades are numbered. What was understood is told on stderr.
    """
    from exitladder.files.tables import read_table
    from exitladder.importers.broker_table import import_trades
    from exitladder.trades.files import write_trades

    table = read_table(source)
    trades, described = import_trades(
        table, _pairs("--map", renames), _pairs("--value", values), tz=session.settings.data.tz
    )
    for line in described:
        session.say(line)
    write_trades(trades, out)
    session.emit({"file": str(out), **_described(trades)})


def _pairs(name: str, texts: tuple[str, ...]) -> dict[str, str]:
    pairs = {}
    for text in texts:
        left, equals, right = text.partition("=")
        if not equals or not left.strip() or not right.strip():
            raise click.BadParameter(f"must read LEFT=RIGHT, but is {text!r}.", param_hint=f"'{name}'")
        pairs[left.strip()] = right.strip()
    return pairs


def _described(trades: Trades) -> dict[str, Any]:
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


@command.command(
    "adjust",
    epilog=example(
        "exitladder trades adjust --trades raw.csv --bars raw/ --out trades.csv",
        "exitladder trades adjust --trades raw.csv --bars raw/ --split AAPL,2020-08-31,4:1 --out trades.csv",
    ),
)
@path_option("--trades", "Trades at prices as traded (.csv or .parquet).")
@bars_options
@click.option("--split", "splits", multiple=True, metavar="SYMBOL,DATE,RATIO", help="A split; may be repeated.")
@path_option("--actions", "Splits and dividends: symbol, date, split or dividend (.csv or .parquet).", required=False)
@path_option("--out", "File for the adjusted trades (.csv or .parquet).")
@session_command
def adjust(
    session: Session,
    trades: Path,
    bars: Path,
    repair: bool,
    interval: str | None,
    splits: tuple[str, ...],
    actions: Path | None,
    out: Path,
) -> None:
    """Adjust the prices of trades as their bars are adjusted.

    By the bars' adj_close, or by the splits and actions given. Without this, trades at prices as traded do not fit
    adjusted bars: their stops and targets are at another level.
    """
    from exitladder.bars.actions import parse_split, read_actions
    from exitladder.bars.reading import read_bars
    from exitladder.trades.adjust import adjust_trades
    from exitladder.trades.files import write_trades

    given = [parse_split(text) for text in splits] + (read_actions(actions) if actions else [])
    found = load_trades(session, trades)
    raw, _ = read_bars(bars, tz=session.settings.data.tz, adjust="none", repair=repair, interval=interval)
    done = adjust_trades(found, raw, given or None)
    write_trades(done.trades, out)
    session.emit({"file": str(out), "n_adjusted": done.n_changed, **_described(done.trades)})
