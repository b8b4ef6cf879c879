"""Commands of ``exitladder trades``: generate, check and import trades."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from exitladder.cli.commands.trades.exits import exits
from exitladder.cli.inputs import (
    bars_for_trades,
    bars_options,
    file_options,
    given_once,
    initial_stop,
    load_bars,
    load_trades,
    out_option,
    path_option,
    reading_options,
    refuse_misplaced,
    with_contracts,
)
from exitladder.cli.session import Session, example, session_command

if TYPE_CHECKING:
    from exitladder.errors import ExitladderError
    from exitladder.importers.profit import ClosedProfit
    from exitladder.importers.reading import ImportOptions
    from exitladder.trades.report import TradesReport
    from exitladder.trades.trades import Trades
from exitladder.files.places import TABLES


@click.group("trades", epilog=example("exitladder trades make --bars data/ --rule donchian --out trades.csv"))
def command() -> None:
    """Generate, check and import trades, and measure their exits."""


command.add_command(exits)


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
@out_option("Output file (.csv or .parquet); default: stdout.", endings=TABLES, required=False)
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
    RSI returns from an extreme. random: entries at random, as a baseline.
    """
    from exitladder.trades.entries import make_trades
    from exitladder.trades.files import write_trades

    market = load_bars(session, bars, repair, interval)
    trades = make_trades(market, rule, seed=session.settings.project.seed, progress=session.progress, **options)
    if out is None:
        session.emit(trades.to_frame())
        return
    write_trades(trades, out)
    session.show({"file": str(out), **_summary(trades)})


@command.command(
    "check", epilog=example("exitladder trades check trades.csv --bars data/", "exitladder trades check trades.csv")
)
@click.argument("source", required=False, type=click.Path(path_type=Path))
@path_option("--trades", "The same as SOURCE.", required=False)
@path_option("--fills", "Fills of these trades.", required=False)
@path_option("--bars", "Bars to check them against: a file or a folder of files.", required=False)
@reading_options
@session_command
def check(
    session: Session,
    source: Path | None,
    trades: Path | None,
    fills: Path | None,
    bars: Path | None,
    repair: bool,
    interval: str | None,
) -> None:
    """Check trades against every rule, and against their bars.

    Lists all faults, the three worst rows, the assumptions with the options that change them, and the next steps. Exit
    code 1 if any trade cannot be used as it is.
    """
    path = given_once(source, trades, "Name the trades once: as SOURCE or with --trades FILE.")
    report, error = _checked(session, path, fills, bars, repair, interval)
    if session.form == "table":
        session.write(report.text())
    else:
        session.emit(report.to_mapping())
    if error is not None:
        raise error


def _checked(
    session: Session, path: Path, fills: Path | None, bars: Path | None, repair: bool, interval: str | None
) -> tuple[TradesReport, ExitladderError | None]:
    """Return the report, and the error to end with."""
    from exitladder.errors import SettingsError, TradesError
    from exitladder.execution.contracts import check_money
    from exitladder.files.tables import read_table
    from exitladder.importers.imports import known_as
    from exitladder.trades.checks import fills_outside_bars
    from exitladder.trades.files import faults_of_table, read_trades, sound_trades
    from exitladder.trades.fills import is_fills_table
    from exitladder.trades.report import TradesReport, counts_of, describe
    from exitladder.trades.trades import place_trades

    how = session.settings.data.conventions
    report = TradesReport({"file": str(path)})
    table = read_table(path, conventions=how)
    if not is_fills_table(table.frame):
        faults = faults_of_table(table, how)
        if faults:
            report.counts["n_trades"] = len(table.frame)
            report.faults = [str(fault) for fault in faults]
            report.worst = report.faults[:3] if len(faults) > 1 else []
            rest = sound_trades(table, how) if bars is not None else None
            if bars is not None and rest is not None:
                report.worst = _outside_of(session, bars, rest, repair, interval) or report.worst
            kind = known_as(path) if "must have the columns" in report.faults[0] else ""
            advice = f"this is {kind}: `exitladder trades import {path} --out trades.csv` turns it into trades"
            report.to_do = [advice if kind else "correct the rows above, then check again"]
            more = f" {len(faults)} rules are broken in all." if len(faults) > 1 else ""
            return report, TradesError(f"{faults[0]}{more}")
    found = read_trades(path, fills=fills, conventions=how)
    report.counts |= counts_of(found)
    outside, placed = None, None
    error: ExitladderError | None = None
    try:
        check_money(found, session.settings.symbols, session.settings.currencies)
    except (SettingsError, TradesError) as fault:
        report.faults.append(str(fault))
        error = fault
    if bars is not None:
        session, market, found = bars_for_trades(session, bars, found, repair, interval)
        placed = place_trades(found, with_contracts(session, market))
        outside = fills_outside_bars(placed, initial_stop(session))
        try:
            report.counts["n_outside_bar"] = int(refuse_misplaced(session, placed).sum())
        except TradesError as fault:
            report.faults.append(str(fault))
            error = fault
    describe(found, report, how.tz, outside, placed)
    return report, error


def _outside_of(session: Session, bars: Path, found: Trades, repair: bool, interval: str | None) -> list[str]:
    """Return the fills outside their bars among the rows that can be read, or the reason why they cannot be placed."""
    from exitladder.errors import TradesError
    from exitladder.trades.checks import fills_outside_bars
    from exitladder.trades.report import outside_texts
    from exitladder.trades.trades import place_trades

    try:
        session, market, found = bars_for_trades(session, bars, found, repair, interval)
        return outside_texts(fills_outside_bars(place_trades(found, market), initial_stop(session)))
    except TradesError as fault:
        return [str(fault)]


_IMPORT = (
    "exitladder trades import ReportHistory.html --tz Europe/Athens --out trades.csv --fills-out fills.csv",
    "exitladder trades import tradesv3.sqlite --out trades.csv --fills-out fills.csv",
    "exitladder trades import list-of-trades.csv --symbol AAPL --tz America/New_York --out trades.csv",
    "exitladder trades import broker.csv --map Ticker=symbol --map Size=quantity --out trades.csv",
)


@command.command("import", epilog=example(*_IMPORT))
@click.argument("sources", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--from", "program", default="", metavar="NAME", help="Program that wrote the file; default: from its headers."
)
@click.option("--map", "renames", multiple=True, metavar="OLD=NEW", help="Rename a column; may be repeated.")
@click.option(
    "--value", "values", multiple=True, metavar="COLUMN=VALUE", help="Fill a column with one value; repeatable."
)
@file_options
@click.option("--symbol", metavar="NAME", help="Symbol, if the file contains none (data.symbol).")
@click.option("--symbol-map", metavar="FILE", help="CSV of two columns: old and new name (data.symbol_map).")
@click.option("--side", type=click.Choice(["long", "short"]), help="Side of trades whose file has none (data.side).")
@click.option(
    "--group", "grouping", type=click.Choice(["positions", "fifo"]), default="positions", show_default=True,
    help="Fills from flat to flat, or each entry with the exits that close it, oldest first.",
)  # fmt: skip
@click.option(
    "--dust",
    type=click.FloatRange(0, 0.5),
    default=0.0,
    show_default=True,
    help="Treat a remainder below this share of the position as flat.",
)
@out_option("File for the trades (.csv or .parquet).", endings=TABLES)
@out_option("File for their fills (.csv or .parquet).", endings=TABLES, name="--fills-out", required=False)
@session_command
def import_(
    session: Session,
    sources: tuple[Path, ...],
    program: str,
    renames: tuple[str, ...],
    values: tuple[str, ...],
    out: Path,
    fills_out: Path | None,
    side: str | None,
    **grouping: Any,
) -> None:
    """Turn files of other programs into trades with their fills.

    Reads freqtrade (database, backtest), backtesting.py, vectorbt, MetaTrader 4 and 5, TradingView, Interactive
    Brokers, Binance, Bybit, OKX, NautilusTrader, Lean, and plain lists of fills or round trips. Other tables are read
    with --map. Rows left out and assumptions go to stderr. Files of one program may overlap: a fill counts once.
    """
    from exitladder.importers.imports import import_files, known_as
    from exitladder.importers.reading import options_of
    from exitladder.trades.files import write_trades
    from exitladder.trades.fills import write_fills
    from exitladder.trades.report import counts_of

    data = session.settings.data
    how = data.conventions
    options = options_of(how, side=side or data.side, symbol_map=_symbol_map(how.symbol_map), **grouping)
    if renames or values or not (program or known_as(sources[0])):
        given = _pairs("--value", values) | ({"side": side} if side else {})
        _import_by_columns(session, sources, renames, given, options, out, fills_out)
        return
    found = import_files(sources, program, options)
    session.say(f"read as: {found.format}")
    for line in found.notes:
        session.say(line)
    for what, amount in found.money.items():
        shown = f"{amount:,.2f}" if abs(amount) >= 0.1 else f"{amount:.3g}"
        session.say(f"not part of any trade's profit: {shown} {what}")
    if found.profit is not None:
        session.say(found.profit.text())
    write_trades(found.trades, out)
    files = {"file": str(out)}
    if fills_out is not None and found.fills is not None:
        write_fills(found.fills, fills_out)
        files["fills_file"] = str(fills_out)
    # in a table, the sentence above about the profit is enough
    profit = {} if found.profit is None or session.form == "table" else {"profit": _profit(found.profit)}
    session.show({**files, "format": found.format, **counts_of(found.trades), **profit})


def _profit(profit: ClosedProfit) -> dict[str, Any]:
    return {
        "n_closed": profit.n_positions,
        "currency": profit.currency,
        "basis": profit.basis,
        "by_file": profit.by_file,
        "from_fills": profit.from_fills,
        "residue": profit.residue,
        "commission": profit.commission,
        "swap": profit.swap,
        "contract_sizes": profit.multipliers,
        "residue_is": list(profit.explained),
    }


def _import_by_columns(
    session: Session,
    sources: tuple[Path, ...],
    renames: tuple[str, ...],
    values: dict[str, str],
    options: ImportOptions,
    out: Path,
    fills_out: Path | None,
) -> None:
    """Read one table whose columns the user names, of round trips, or of fills if it names their time and price."""
    from exitladder.importers.imports import table_imported
    from exitladder.trades.files import write_trades
    from exitladder.trades.fills import write_fills

    if len(sources) > 1:
        raise click.UsageError("--map and --value read one file; import the others alone.")
    how = session.settings.data.conventions
    found = table_imported(sources[0], _pairs("--map", renames), values, conventions=how, options=options)
    for line in found.notes:
        session.say(line)
    write_trades(found.trades, out)
    files = {"file": str(out)}
    if fills_out is not None and found.fills is not None:
        write_fills(found.fills, fills_out)
        files["fills_file"] = str(fills_out)
    session.show({**files, **_summary(found.trades)})


def _symbol_map(path: str) -> dict[str, str]:
    if not path:
        return {}
    from exitladder.files.tables import read_table

    frame = read_table(Path(path)).frame
    if frame.shape[1] != 2:
        raise click.BadParameter(
            f"must have two columns, old and new name, but has {frame.shape[1]}.", param_hint="--symbol-map"
        )
    old, new = (frame.iloc[:, k].astype("str") for k in (0, 1))
    return dict(zip(old, new, strict=True))


def _pairs(name: str, texts: tuple[str, ...]) -> dict[str, str]:
    pairs = {}
    for text in texts:
        left, equals, right = text.partition("=")
        if not equals or not left.strip() or not right.strip():
            raise click.BadParameter(f"must have the form LEFT=RIGHT, but is {text!r}.", param_hint=f"'{name}'")
        pairs[left.strip()] = right.strip()
    return pairs


def _summary(trades: Trades) -> dict[str, Any]:
    from exitladder.trades.report import counts_of

    return counts_of(trades)


@command.command(
    "adjust",
    epilog=example(
        "exitladder trades adjust --trades raw.csv --bars raw/ --out trades.csv",
        "exitladder trades adjust --trades raw.csv --bars raw/ --split AAPL,2020-08-31,4:1 --out trades.csv",
    ),
)
@path_option("--trades", "Trades at unadjusted prices (.csv or .parquet).")
@bars_options
@click.option("--split", "splits", multiple=True, metavar="SYMBOL,DATE,RATIO", help="A split; may be repeated.")
@path_option("--actions", "Splits and dividends: symbol, date, split or dividend (.csv or .parquet).", required=False)
@out_option("File for the adjusted trades (.csv or .parquet).", endings=TABLES)
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

    Uses the bars' adj_close, or the splits and actions given. Without this, trades at unadjusted prices do not match
    adjusted bars: their stops and targets are at the wrong level.
    """
    from exitladder.bars.actions import parse_split, read_actions
    from exitladder.bars.reading import read_bars
    from exitladder.trades.adjust import adjust_trades
    from exitladder.trades.files import write_trades

    given = [parse_split(text) for text in splits] + (read_actions(actions) if actions else [])
    found = load_trades(session, trades)
    data = session.settings.data
    raw, _ = read_bars(bars, tz=data.tz, adjust="none", repair=repair, interval=interval, conventions=data.conventions)
    done = adjust_trades(found, raw, given or None)
    write_trades(done.trades, out)
    session.show({"file": str(out), "n_adjusted": done.n_changed, **_summary(done.trades)})
