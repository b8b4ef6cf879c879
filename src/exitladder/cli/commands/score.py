"""``exitladder score``: advice on each open trade for the next bar."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from exitladder.cli.inputs import (
    TradeFiles,
    bars_for_trades,
    bars_options,
    check_on_bars,
    load_bars,
    now_ns,
    out_option,
    path_option,
    trades_options,
)
from exitladder.cli.moments import moment_of
from exitladder.cli.screen import width_of
from exitladder.cli.session import Session, example, session_command
from exitladder.runtime.interpreting import interpret_if_small

if TYPE_CHECKING:
    import pandas as pd

    from exitladder.bars.bars import BarSet
    from exitladder.execution.book.tonight import AccountNow
    from exitladder.pipelines.advice.open_trades import Management
    from exitladder.pipelines.inputs.faulty_rows import FaultyTrade
    from exitladder.pipelines.score import ScoreResult
    from exitladder.trades.trades import Trades

# exit codes of --exit-code
NOT_SCORED, OLD_BARS = 3, 4
# open trades of a rule that nobody holds at once
_MANY = 50
_EXAMPLE = (
    "exitladder score --bars data/ --trades trades.csv --ladder tuned/recommended.toml \\",
    "  --model models:/exitladder-exhaustion@newest --previous yesterday.json --out today.json",
)


class _Money(click.types.FloatParamType):
    """An amount of money, in which no mark may be that of thousands as well as of decimals."""

    name = "float"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        text = str(value).strip()
        if isinstance(value, str) and (re.search(r"\.\d{3}$", text) or "," in text):
            digits = re.sub(r"[.,]", "", text)
            whole, _, rest = re.sub(r"[.,](?=.*[.,])", "", text).replace(",", ".").partition(".")
            decimal = f"{whole}.{rest.rstrip('0') or '0'}"
            if rest.isdigit() and len(rest) != 3:  # thousands have three digits
                self.fail(f"{text!r} has a comma. Write {decimal}.", param, ctx)
            self.fail(f"{text!r} can be read two ways. Write {digits} or {decimal}.", param, ctx)
        return float(super().convert(value, param, ctx))


@click.command("score", epilog=example(*_EXAMPLE))
@bars_options
@trades_options("Trades (.csv or .parquet); open ones are scored.")
@path_option("--ladder", "Ladder (.toml).")
@click.option(
    "--model",
    metavar="REF",
    help="Run id, models:/NAME/VERSION or models:/NAME@alias. Required if the ladder reads the model; otherwise adds "
    "its predictions and drift.",
)
@click.option("--asof", metavar="TIME", help="Use only bars closed by this time; a date means its end. Default: now.")
@path_option(
    "--previous",
    "Earlier output (.json or .csv) whose orders you placed: they are not listed as new, managed_from is kept, and "
    "changes are shown.",
    required=False,
)
@click.option(
    "--since-entry",
    is_flag=True,
    help="Follow the ladder from each entry on, as a backtest does.",
)
@click.option(
    "--assume",
    type=click.Choice(["followed", "untouched"]),
    help="Open quantity where quantity_open is blank: as the ladder would have left it, or all that was entered.",
)
@click.option(
    "--equity", type=_Money(), metavar="MONEY", help="Of the account at the last close; for limits and books."
)
@click.option("--peak-equity", type=_Money(), metavar="MONEY", help="Its highest close so far, for drawdown_equity.")
@click.option("--equity-before", type=_Money(), metavar="MONEY", help="At the close of the day before, for daily_loss.")
@click.option("--private", is_flag=True, help="Leave out names, quantities, prices and money: R only, to share.")
@click.option(
    "--exit-code",
    is_flag=True,
    help="Exit with 3 if an open trade could not be scored, else with 4 if bars are missing since the last ones.",
)
@path_option("--finer-bars", 'Bars of a shorter interval, for intrabar = "finer_bars".', required=False)
@out_option("Output file (.csv, .json or .html).", endings=(".csv", ".json", ".html"), required=False)
@session_command
def command(
    session: Session,
    bars: Path,
    repair: bool,
    interval: str | None,
    trades: TradeFiles,
    ladder: Path,
    model: str | None,
    out: Path | None,
    private: bool,
    exit_code: bool,
    **how: Any,
) -> None:
    """Advise on each open trade.

    Says in one sentence for each trade whether to hold, reduce or exit, and lists the orders for the next bar. If a
    trade cannot be scored, the output names it and the others are scored. Adds a warning to every row if the market
    has drifted away from the model's training data.
    """
    # imports the engine, compiled or not, as suits the trades
    frame, result = advice_on(session, ScoreFiles(bars, trades, ladder), model, how, repair=repair, interval=interval)
    from exitladder.pipelines.advice.private import without_money
    from exitladder.pipelines.advice.rows.columns import flat_scores
    from exitladder.pipelines.score import write_scores

    frame = without_money(frame) if private else frame
    if out is not None:
        with session.progress.stage("writing advice", 1):
            charts = result.charts() if out.suffix.lower() == ".html" and not private else None
            basis, notes = ("", ()) if private else (result.basis, result.notes)
            write_scores(frame, out, result.verdict, charts, basis, notes)
        session.say(f"advice on {len(frame)} open trades: {out}")
    if session.form == "table":
        from exitladder.cli.screens.score import score_screen

        session.write(score_screen(frame, width_of(session.stdout), verdict=result.verdict))
    else:
        session.emit(frame if session.form == "json" else flat_scores(frame))
    if exit_code and (frame["urgency"] == "ask").any():
        raise SystemExit(NOT_SCORED)
    if exit_code and (frame["bars_missed"] > 0).any():
        raise SystemExit(OLD_BARS)


@dataclass(frozen=True)
class ScoreFiles:
    """The files that advice is based on."""

    bars: Path
    trades: TradeFiles
    ladder: Path


def advice_on(
    session: Session,
    files: ScoreFiles,
    model: str | None,
    how: Mapping[str, Any],
    *,
    repair: bool = False,
    interval: str | None = None,
) -> tuple[pd.DataFrame, ScoreResult]:
    """Return the advice on the open trades of a file; the command and a served model give the same.

    Parameters
    ----------
    session : Session
    files : ScoreFiles
    model : str or None
        As for `exitladder.pipelines.score.score`.
    how : mapping
        Options of the command: asof, previous, since_entry, assume, finer_bars; equity, peak_equity, equity_before.
    repair : bool
    interval : str, optional
        As for `load_bars`.

    Returns
    -------
    frame : DataFrame
        With a row for each trade that could not be read.
    result : ScoreResult
    """
    from exitladder.plans.file import read_plan

    plan = read_plan(files.ladder)
    known, faulty = _valid_trades(session, files.trades)
    if known is not None and len(known) > _MANY and known.is_open.all():
        from exitladder.trades.entries import rules_of

        if rules_of(known):
            session.warn(
                f"All {len(known):,} trades are entries of exitladder trades make, and none has an exit, so each "
                "counts as held until today. Keep only the rows of trades that you hold."
            )
    still_open = set() if known is None else set(map(str, known.trade_id[known.is_open]))
    if known is None:
        from exitladder.pipelines.score import nothing_open, with_faulty

        managed = _management(session, how)
        result = nothing_open(plan)
    else:
        before = len(session.warned)
        session, market, known = bars_for_trades(
            session, files.bars, known, repair, interval, unfinished="ask" if how["asof"] is None else "keep"
        )
        # features, and finer bars, are not followed trade by trade
        if model is None and not how["finer_bars"] and set(plan.series) <= set(market.extra):
            interpret_if_small(_steps(known, market))
        # imports the engine
        managed = _management(session, how)
        from exitladder.pipelines.score import score, with_faulty

        # a daily bar is stamped with the date of its session, whatever the zone
        is_daily = bool((market.interval_ns >= 86_400 * 10**9).all())
        moment = moment_of(how["asof"], session.settings.data.tz, is_daily=is_daily)
        _check_placed(session, known, market, moment)
        finer = load_bars(session, how["finer_bars"], repair, None) if how["finer_bars"] else None
        result = score(
            market, known, plan, model, session.settings, asof=moment, finer=finer, management=managed,
            progress=session.progress,
        )  # fmt: skip
        noted = tuple(dict.fromkeys(session.warned[before:]))
        _tell(session, result, managed)
        result = replace(result, notes=(*result.notes, *noted))
    frame = with_faulty(result.frame, faulty, managed.previous)
    from exitladder.pipelines.advice.working.resting import left_over

    # a trade whose entry is dated after --asof has no row, and is open all the same
    left = left_over(managed.previous, set(frame["trade_id"]) | still_open)
    for text in left:
        session.warn(text)
    return frame, replace(result, notes=(*result.notes, *left))


def _account(how: Mapping[str, Any]) -> AccountNow | None:
    """Return the account at the last close as the options state it."""
    values = {name: how.get(name) for name in ("equity", "peak_equity", "equity_before")}
    for name, value in values.items():
        if value is not None and not (-1e15 < value < 1e15 and (value > 0 or name == "equity")):
            raise click.BadParameter("must be an amount of money.", param_hint=f"'--{name.replace('_', '-')}'")
    if values["equity"] is None:
        if any(value is not None for value in values.values()):
            raise click.UsageError("--peak-equity and --equity-before need --equity.")
        return None
    from exitladder.execution.book.tonight import AccountNow

    return AccountNow(values["equity"], values["peak_equity"], values["equity_before"])


def _steps(trades: Trades, bars: BarSet) -> int:
    """Return how many bars all open trades have lasted so far."""
    steps, place = 0, {symbol: k for k, symbol in enumerate(bars.symbols)}
    for symbol, entered, is_open in zip(trades.symbol, trades.entry_time, trades.is_open, strict=True):
        k = place.get(str(symbol))
        if is_open and k is not None:
            times = bars.time[bars.start[k] : bars.start[k + 1]]
            steps += len(times) - int(times.searchsorted(entered))
    return steps


def _valid_trades(session: Session, files: TradeFiles) -> tuple[Trades | None, tuple[FaultyTrade, ...]]:
    """Return the valid trades of a file, and the faulty ones, each with a warning."""
    from exitladder.pipelines.inputs.faulty_rows import read_valid_trades

    with session.progress.stage("reading trades", 1):
        known, faulty = read_valid_trades(
            files.trades, fills=files.fills, conventions=session.settings.data.conventions
        )
    for trade in faulty:
        session.warn(f"not scored: {trade.text}")
    return known, faulty


def _check_placed(session: Session, trades: Trades, bars: BarSet, moment: int | None) -> None:
    """Check the open trades that can be scored against the bars that they were entered in."""
    import numpy as np

    from exitladder.pipelines.advice.open_trades import open_trades
    from exitladder.pipelines.advice.scorable import why_not_scored

    still_open = open_trades(trades, moment)
    seen = bars if moment is None else bars.until(moment)
    can_be = np.array([not text for text in why_not_scored(still_open, seen, session.settings)], dtype=bool)
    if can_be.any():
        check_on_bars(session, still_open.take(can_be), bars)


def _management(session: Session, how: Mapping[str, Any]) -> Management:
    """Return from when the trades are managed, as the options say."""
    from exitladder.pipelines.advice.open_trades import Management
    from exitladder.pipelines.advice.working.previous import read_previous

    earlier = how["previous"]
    if earlier and not earlier.exists():
        session.warn(
            f"--previous names {earlier}, which does not exist. Orders of an earlier evening are not known, and stops "
            "begin at stop_price unless the trades file has working_stop or working_orders. On the first evening that "
            "is right; on a later one name the file of the evening before"
        )
        earlier = None
    return Management(
        since_entry=how["since_entry"],
        assume=how["assume"] or "",
        previous=read_previous(earlier) if earlier else {},
        clock_ns=now_ns() if how["asof"] is None else None,
        account=_account(how),
    )


def _tell(session: Session, result: ScoreResult, managed: Management) -> None:
    """Write what concerns all trades to stderr: drift, the tuning's verdict, old bars, what to save."""
    from exitladder.pipelines.advice.traded import adjusted_warning
    from exitladder.pipelines.advice.working.previous import is_same_bar

    if result.notice:
        session.warn(result.notice)
    traded = result.frame["traded_close"]
    unlike = result.frame.loc[traded.notna()].drop_duplicates("symbol")
    for symbol, close, market in zip(unlike["symbol"], unlike["price"], unlike["traded_close"], strict=True):
        session.warn(adjusted_warning(str(symbol), float(close), float(market)))
    if result.shadow:
        session.say(result.shadow)
    if result.verdict:
        session.say(result.verdict)
    for text in result.notes:
        session.warn(text)
    n_old = int((result.frame["bars_missed"] > 0).sum())
    if n_old:
        session.warn(
            f"bars are old for {n_old} of {len(result.frame)} open trades: at least "
            f"{int(result.frame['bars_missed'].max())} missing since the last one. Update the bars"
        )
    if is_same_bar(result.frame, managed.previous):
        session.say(
            "the earlier output (--previous) is of the same last bar: its orders are taken to be placed. If they are "
            "not, pass the output before it"
        )
    starts = result.frame.loc[(result.frame["managed_from"] != "") & (result.frame["bars_managed"] == 0)]
    kept = {*managed.previous, *_with_begin(result)}
    new = [t for t in starts["trade_id"] if t not in kept]
    if new:
        begin = starts.loc[starts["trade_id"].isin(new), "managed_from"].iloc[0]
        session.say(
            f"the ladder manages {len(new)} trade{'s' if len(new) != 1 else ''} from now on: pass this output with "
            f"--previous next time, or save managed_from = {begin} in the trades file "
            "(--since-entry follows the ladder from each entry)"
        )


def _with_begin(result: ScoreResult) -> set[str]:
    """Return the trades whose file says from when they are managed."""
    from exitladder.clock import NO_TIME

    if result.placed is None:
        return set()
    trades, begins = result.placed.trades, result.placed.trades.managed_from
    if begins is None:
        return set()
    return {str(t) for t, begin in zip(trades.trade_id, begins, strict=True) if begin != NO_TIME}
