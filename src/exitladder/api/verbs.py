"""``train``, ``tune``, ``backtest``, ``score``, ``report`` and more, from Python."""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pandas as pd

from exitladder.api.given import (
    BarsLike,
    LadderLike,
    Moment,
    SettingsLike,
    TradesLike,
    bars_and_trades,
    bars_of,
    call_of,
    ladder_of,
    market_for,
    moment_of,
    names_of,
    pooled_books,
    trade_files_of,
    with_estimators,
)
from exitladder.errors import InputTypeError, LadderError, TrackingError
from exitladder.runtime.progress import SILENT, Progress

if TYPE_CHECKING:
    from exitladder.cli.session import Session
    from exitladder.pipelines.advice.open_trades import Management
    from exitladder.pipelines.backtest import BacktestResult
    from exitladder.pipelines.exit_quality import ExitQuality
    from exitladder.pipelines.inputs.faulty_rows import FaultyTrade
    from exitladder.pipelines.score import ScoreResult
    from exitladder.pipelines.train import TrainResult
    from exitladder.pipelines.tune import TuneBookResult, TuneResult
    from exitladder.trades.trades import PlacedTrades, Trades


def train(
    bars: BarsLike | Mapping[str, BarsLike],
    trades: TradesLike | Mapping[str, TradesLike],
    settings: SettingsLike = None,
    *,
    fills: Any = None,
    with_labels: bool = False,
    with_paths: bool = False,
    estimator: Any = None,
    hold_estimator: Any = None,
    progress: Progress = SILENT,
) -> TrainResult:
    """Train the exhaustion model, record the run and register the model.

    Parameters
    ----------
    bars : DataFrame, path, mapping of symbol to DataFrame, or BarSet
        A table has the columns of a bars file; the timestamps may be its index. Without a column ``symbol``, its bars
        are those of the trades' one symbol. For a pooled model, a mapping of the book's name to its bars.
    trades : DataFrame, path or Trades
        A table has the columns of a trades file. For a pooled model, a mapping of the book's name to its trades.
    settings : Settings, mapping of tables, or path, optional
        Such as ``{"model": {"n_estimators": 100}}``; the defaults if left out.
    fills : DataFrame or path, optional
        The fills of these trades.
    with_labels : bool
        Also train on every other label and compare the results.
    with_paths : bool
        Also measure over the paths of combinatorial purged cross-validation.
    estimator : classifier, optional
        Of scikit-learn's interface, for the probability of exhaustion in place of LightGBM; by default that of
        ``model.estimator``.
    hold_estimator : regressor, optional
        For the value of holding; by default that of ``model.hold_estimator``.
    progress : Progress

    Returns
    -------
    TrainResult
        ``model`` is the reference to use as ``model=`` elsewhere; `to_frame` has the measures.

    Raises
    ------
    InputTypeError
        If an argument is of another type.
    TradesError
        If the trades are invalid or too few, or do not fit the bars.
    ModelError
        If the model cannot be trained on these rows.
    """
    from exitladder.models.estimators.trainer import Estimators
    from exitladder.pipelines import train as verb

    call: Session = call_of(settings, progress)
    books: tuple[str, ...] = ()
    if isinstance(trades, Mapping):
        if not isinstance(bars, Mapping):
            rule = "a mapping of books where trades are one"
            raise InputTypeError("bars", bars, rule, "Write bars={'BOOK': ..., ...} with the names of the trades")
        if fills is not None:
            rule = "None where trades are a mapping of books"
            raise InputTypeError("fills", fills, rule, "Leave it out: training needs entries only")
        books = tuple(trades)
        call, market, known = pooled_books(call, cast("Mapping[str, BarsLike]", bars), trades)
    else:
        call, market, known = bars_and_trades(call, bars, trades, fills=fills)
    return verb.train(
        market,
        known,
        with_estimators(call.settings, estimator, hold_estimator),
        with_labels=with_labels,
        with_paths=with_paths,
        estimators=Estimators(estimator, hold_estimator),
        books=books,
        progress=progress,
    )


def tune(
    bars: BarsLike,
    trades: TradesLike,
    settings: SettingsLike = None,
    *,
    fills: Any = None,
    model: Any = None,
    ladder: LadderLike | None = None,
    fresh: bool = False,
    out: str | os.PathLike[str] | None = None,
    command: str = "",
    progress: Progress = SILENT,
) -> TuneResult | TuneBookResult:
    """Tune a ladder walk-forward, evaluate it out of sample, and record the run.

    With a plan that has a book, limits or a target, the exits stay and the numbers of the book are tuned.

    Parameters
    ----------
    bars : DataFrame, path, mapping of symbol to DataFrame, or BarSet
    trades : DataFrame, path or Trades
    settings : Settings, mapping of tables, or path, optional
    fills : DataFrame or path, optional
    model : str, path or TrainResult, optional
        A model that the ladders may read.
    ladder : Ladder, mapping or path, optional
        Your own ladder. The search starts from it, and the result is compared with it.
    fresh : bool
        Delete the kept studies of this tuning and start again.
    out : path, optional
        Folder for the page and the files of ``exitladder tune``; by default the run alone has them.
    command : str
        Shown on the page under how to get the same numbers again.
    progress : Progress

    Returns
    -------
    TuneResult or TuneBookResult
        ``recommended`` is the exit to use, ``ladder`` the tuned one; `to_frame` has the exits side by side, or the
        accounts of a book.

    Raises
    ------
    InputTypeError
        If an argument is of another type.
    TradesError
        If the trades are invalid or too few, or do not fit the bars.
    TrackingError
        If there is no such model.
    """
    from exitladder.pipelines import tune as verb

    own = None if ladder is None else ladder_of(ladder)
    call, market, known = bars_and_trades(call_of(settings, progress), bars, trades, fills=fills)
    with contextlib.ExitStack() as stack:
        folder = Path(out) if out is not None else Path(stack.enter_context(tempfile.TemporaryDirectory())) / "tuned"
        if own is not None and own.shares_account:
            return verb.tune_numbers(
                market, known, call.settings, model=stack.enter_context(_reference(model)), plan=own, out=folder,
                command=command, progress=progress,
            )  # fmt: skip
        return verb.tune(
            market, known, call.settings, model=stack.enter_context(_reference(model)), ladder=own, fresh=fresh,
            out=folder, command=command, progress=progress,
        )  # fmt: skip


def backtest(
    bars: BarsLike,
    trades: TradesLike,
    ladder: LadderLike | None = None,
    settings: SettingsLike = None,
    *,
    walk_forward: str | os.PathLike[str] | None = None,
    fills: Any = None,
    finer: BarsLike | None = None,
    model: Any = None,
    out: str | os.PathLike[str] | None = None,
    progress: Progress = SILENT,
) -> BacktestResult:
    """Simulate a ladder, or the ladders of a walk-forward, on trades, and record the run.

    Parameters
    ----------
    bars : DataFrame, path, mapping of symbol to DataFrame, or BarSet
    trades : DataFrame, path or Trades
    ladder : Ladder, mapping or path, optional
        Such as ``{"rungs": [{"fraction": 0.5, "target": "1R"}]}``.
    settings : Settings, mapping of tables, or path, optional
    walk_forward : path, optional
        Instead of a ladder: the folder of ``tune``; each trade runs under the ladder tuned before it.
    fills : DataFrame or path, optional
    finer : DataFrame, path, mapping or BarSet, optional
        Bars of a shorter interval for the policy ``finer_bars``.
    model : str, path or TrainResult, optional
        Needed if the ladder reads the model.
    out : path, optional
        Folder for the tables, ``summary.json`` and the ladder.
    progress : Progress

    Returns
    -------
    BacktestResult
        ``trades``, ``fills`` and ``summary``; `to_frame` has one row per trade.

    Raises
    ------
    InputTypeError
        If an argument is of another type.
    LadderError
        If neither or both of `ladder` and `walk_forward` are given, or the ladder is invalid.
    TradesError
        If the trades are invalid or do not fit the bars.
    """
    from exitladder.pipelines import backtest as verb

    if (ladder is None) == (walk_forward is None):
        raise LadderError(
            f"A backtest needs a ladder or a walk-forward's folder, but {'none is' if ladder is None else 'both are'} "
            "given. Write ladder={'rungs': [...]} or walk_forward='tuned/'."
        )
    plan = None if ladder is None else ladder_of(ladder)
    call, market, known = bars_and_trades(call_of(settings, progress), bars, trades, fills=fills)
    more: dict[str, Any] = {"finer": None if finer is None else bars_of(call, finer), "progress": progress}
    with _reference(model) as reference:
        if plan is not None:
            result = verb.backtest(market, known, plan, call.settings, model=reference, **more)
        else:
            folder = Path(str(walk_forward))
            result = verb.backtest_walk_forward(market, known, folder, call.settings, model=reference, **more)
    if out is not None:
        result.write(Path(out), progress, from_run=True)
    return result


def score(
    bars: BarsLike,
    trades: TradesLike,
    ladder: LadderLike,
    model: Any = None,
    settings: SettingsLike = None,
    *,
    asof: Moment = None,
    fills: Any = None,
    finer: BarsLike | None = None,
    management: Management | None = None,
    progress: Progress = SILENT,
) -> ScoreResult:
    """Advise on each open trade for the next bar, and record the run.

    A trade that cannot be read or scored is named in its row, and the others are scored.

    Parameters
    ----------
    bars : DataFrame, path, mapping of symbol to DataFrame, or BarSet
    trades : DataFrame, path or Trades
        Closed ones serve to measure drift.
    ladder : Ladder, mapping or path
    model : str, path or TrainResult, optional
        Needed if the ladder reads the model.
    settings : Settings, mapping of tables, or path, optional
    asof : str, date, Timestamp or int, optional
        Only bars closed by then are used. A date without a time means its end, as for ``--asof``; a moment without a
        time zone is in ``data.tz``; an integer is in nanoseconds since 1970 UTC. Without it, all finished bars.
    fills : DataFrame or path, optional
    finer : DataFrame, path, mapping or BarSet, optional
    management : Management, optional
        From when the ladder manages the trades, by default from ``managed_from`` on, or from the next bar; and the
        account at the last close, which a plan with limits on its equity needs.
    progress : Progress

    Returns
    -------
    ScoreResult
        `to_frame` has one row per open trade: what to do, in one sentence, with the orders for the next bar.

    Raises
    ------
    InputTypeError
        If an argument is of another type.
    SettingsError
        If `asof` is no moment.
    LadderError
        If the ladder reads the model and there is none, or walks finer bars and none are given.
    """
    from dataclasses import replace

    from exitladder.pipelines import score as verb
    from exitladder.pipelines.advice.open_trades import Management
    from exitladder.pipelines.inputs.faulty_rows import read_valid_trades
    from exitladder.trades.trades import Trades

    plan = ladder_of(ladder)
    call: Session = call_of(settings, progress)
    known = trades if isinstance(trades, Trades) else None
    faulty: tuple[FaultyTrade, ...] = ()
    if known is None:
        files = trade_files_of(trades, fills)
        known, faulty = read_valid_trades(files.trades, fills=files.fills, conventions=call.settings.data.conventions)
    if known is None:
        result = verb.nothing_open(plan)
    else:
        call, market, known = market_for(call, bars, known, "ask" if asof is None else "keep")
        moment = moment_of(asof, call.settings.data.tz, market)
        _check_placed(call, known, market, moment)
        managed = management or Management(clock_ns=time.time_ns() if asof is None else None)
        with _reference(model) as reference:
            result = verb.score(
                market, known, plan, reference, call.settings, asof=moment,
                finer=None if finer is None else bars_of(call, finer), management=managed, progress=progress,
            )  # fmt: skip
    earlier = {} if management is None else management.previous
    return replace(result, frame=verb.with_faulty(result.frame, faulty, earlier))


def report(
    source: Any, out: str | os.PathLike[str], settings: SettingsLike = None, progress: Progress = SILENT
) -> Path:
    """Write the page of a run as one file that opens without a network.

    Parameters
    ----------
    source : str, path or result
        A run id, the folder of ``backtest`` or ``tune``, or what one of them returned.
    out : path
        The file to write.
    settings : Settings, mapping of tables, or path, optional
        They name the store that run ids are looked up in.
    progress : Progress

    Returns
    -------
    Path
        `out`.

    Raises
    ------
    InputTypeError
        If the source is of another type.
    InputFileError
        If the source holds no backtest, no tuning and no model card.
    TrackingError
        If there is no such run.
    """
    from exitladder.pipelines import report as verb

    found = getattr(source, "run_id", source)
    if found == "":
        raise TrackingError(
            "A page is made of a recorded run, but tracking is off (tracking.enabled). Write the result to a folder "
            "with out=, and give that folder."
        )
    if not isinstance(found, (str, os.PathLike)):
        raise InputTypeError(
            "source", source, "a run id, a folder or a result", "Write source='tuned/' or source=result"
        )
    return verb.report(str(found), Path(out), call_of(settings).settings, progress)


def features_frame(
    bars: BarsLike,
    features: Any = None,
    side: str | int = "long",
    *,
    settings: SettingsLike = None,
    workers: int = 1,
    scheduler: str = "",
) -> pd.DataFrame:
    """Return the features at every bar's close: symbol, timestamp (UTC, bar start), one column per feature.

    Parameters
    ----------
    bars : DataFrame, path, mapping of symbol to DataFrame, or BarSet
        A table without a column ``symbol`` needs ``settings={"data": {"symbol": "AAPL"}}`` if the symbol matters.
    features : str, list of str, or FeatureSet, optional
        Names of features, families or sets; by default those of the settings (``default``).
    side : {"long", "short"}
        Whose view; +1 and -1 mean the same.
    settings : Settings, mapping of tables, or path, optional
        They name the benchmark and the series that features refer to.
    workers : int
        Processes that share the symbols.
    scheduler : str
        Address of a Dask scheduler whose workers share the symbols instead.

    Returns
    -------
    DataFrame
        One row per bar.

    Raises
    ------
    InputTypeError
        If an argument is of another type.
    FeatureError
        If a name is unknown, or the benchmark or a series cannot be read.
    """
    from exitladder.features import FeatureSet, feature_set_of
    from exitladder.features import features_frame as verb

    signs = {"long": 1, "short": -1, 1: 1, -1: -1}
    if side not in signs:
        raise InputTypeError("side", side, "'long' or 'short'", "Write side='long'")
    call = call_of(settings)
    market = bars_of(call, bars)
    wanted = features if isinstance(features, FeatureSet) else feature_set_of(call.settings, market, names_of(features))
    return verb(market, wanted, signs[side], workers=workers, scheduler=scheduler)


def make_trades(bars: BarsLike, rule: str = "donchian", **options: Any) -> Trades:
    """Return open trades that a named rule enters, each at the open after the bar that decided it.

    Parameters
    ----------
    bars : DataFrame, path, mapping of symbol to DataFrame, or BarSet
    rule : {"donchian", "ma_cross", "rsi_reversal", "random"}
    **options
        Those of `exitladder.trades.entries.make_trades`, such as ``window``.

    Returns
    -------
    Trades

    Raises
    ------
    InputTypeError
        If the bars are of another type.
    TradesError
        If the rule or an option is unknown, or nothing is entered.
    """
    from exitladder.trades import entries

    return entries.make_trades(bars_of(call_of(None), bars), rule, **options)


def place_trades(trades: TradesLike, bars: BarsLike, settings: SettingsLike = None) -> PlacedTrades:
    """Return the trades with the bars they live on, as `exitladder.simulate` takes them.

    Parameters
    ----------
    trades : DataFrame, path or Trades
    bars : DataFrame, path, mapping of symbol to DataFrame, or BarSet
    settings : Settings, mapping of tables, or path, optional
        They say how ambiguous tables are read.

    Returns
    -------
    PlacedTrades

    Raises
    ------
    InputTypeError
        If an argument is of another type.
    TradesError
        If the trades are invalid or do not fit the bars.
    """
    from exitladder.bars.bars import BarSet
    from exitladder.trades.trades import Trades
    from exitladder.trades.trades import place_trades as verb

    if isinstance(trades, Trades) and isinstance(bars, BarSet):
        return verb(trades, bars)
    _, market, known = bars_and_trades(call_of(settings), bars, trades)
    return verb(known, market)


def measure_exits(
    bars: BarsLike,
    trades: TradesLike,
    settings: SettingsLike = None,
    *,
    fills: Any = None,
    target: str | None = None,
    progress: Progress = SILENT,
) -> ExitQuality:
    """Return the user's own exits, measured, as ``exitladder trades exits`` does.

    Parameters
    ----------
    bars : DataFrame, path, mapping of symbol to DataFrame, or BarSet
    trades : DataFrame, path or Trades
    settings : Settings, mapping of tables, or path, optional
    fills : DataFrame or path, optional
    target : str, optional
        Of the set-and-forget exit, such as ``"2R"``.
    progress : Progress

    Returns
    -------
    ExitQuality
        `rows` has the measures with intervals, `to_frame` one row per trade.

    Raises
    ------
    InputTypeError
        If an argument is of another type.
    TradesError
        If no trade has an own exit, or the trades do not fit the bars.
    """
    from exitladder.pipelines.exit_quality import own_exit_quality
    from exitladder.plans.units import Target

    call, market, known = bars_and_trades(call_of(settings, progress), bars, trades, fills=fills)
    goal = None if target is None else Target.parse(target, "target")
    return own_exit_quality(market, known, call.settings, target=goal, progress=progress)


@contextlib.contextmanager
def _reference(model: Any) -> Iterator[str | None]:
    """Give the reference of a model; one that was trained without tracking is saved while the block runs."""
    if model is None or isinstance(model, str):
        yield model
    elif isinstance(model, os.PathLike):
        yield os.fspath(model)
    elif hasattr(model, "trained"):
        if model.model:
            yield str(model.model)
            return
        from exitladder.models.exhaustion.file import save_model

        with tempfile.TemporaryDirectory() as folder:
            save_model(model.trained.model, Path(folder) / "model")
            yield str(Path(folder) / "model")
    else:
        raise InputTypeError(
            "model", model, "a reference, a folder or the result of exitladder.train",
            "Write model='models:/NAME@newest' or model=result",
        )  # fmt: skip


def _check_placed(call: Any, trades: Trades, bars: Any, moment: int | None) -> None:
    """Check the open trades that can be scored against the bars that they were entered in."""
    import numpy as np

    from exitladder.cli.inputs import check_on_bars
    from exitladder.pipelines.advice.open_trades import open_trades
    from exitladder.pipelines.advice.scorable import why_not_scored

    still_open = open_trades(trades, moment)
    if not len(still_open):
        return
    seen = bars if moment is None else bars.until(moment)
    can_be = np.array([not text for text in why_not_scored(still_open, seen, call.settings)], dtype=bool)
    if can_be.any():
        check_on_bars(call, still_open.take(can_be), bars)
