"""Advice on each open trade for the next bar, with reasons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from exitladder.bars.bars import BarSet
from exitladder.errors import LadderError, OutputFileError
from exitladder.files.output import csv_text, json_text, write_json, write_table, write_text
from exitladder.models.answer_drift import NO_ANSWERS, AnswerDrift
from exitladder.pipelines.advice.adds.happened import as_the_plan_enters
from exitladder.pipelines.advice.advice import ACTIONS, HOLD
from exitladder.pipelines.advice.bar_age import with_ages
from exitladder.pipelines.advice.contradictions import why_contradicted
from exitladder.pipelines.advice.drift import drift_notice, drift_now, no_drift
from exitladder.pipelines.advice.managed import Managed, moment_text
from exitladder.pipelines.advice.open_trades import Management, advice_job, follow_open, open_trades, score_open
from exitladder.pipelines.advice.rows.columns import COLUMNS, LIMIT_COLUMNS, by_urgency, flat_scores, order_columns
from exitladder.pipelines.advice.rows.unscored import faulty_row, not_scored
from exitladder.pipelines.advice.scorable import old_bars_text, why_not_scored
from exitladder.pipelines.advice.wording.counts import counts_text
from exitladder.pipelines.advice.working.identity import of_same_trades
from exitladder.pipelines.inputs.faulty_rows import FaultyTrade
from exitladder.pipelines.inputs.job import Job
from exitladder.pipelines.inputs.predictions import READABLE
from exitladder.pipelines.training.answers import answers_now, log_answers
from exitladder.plans.file import ladder_fingerprint
from exitladder.plans.ladder import Ladder
from exitladder.plans.provenance import TunedOn
from exitladder.plans.size import without_size_rule
from exitladder.runtime.progress import SILENT, Progress
from exitladder.runtime.shown import Shown
from exitladder.settings.tables import Settings
from exitladder.trades.session_dates import on_session_dates
from exitladder.trades.targets import check_price_targets
from exitladder.trades.trades import PlacedTrades, Trades

if TYPE_CHECKING:
    from exitladder.pipelines.pages.trade_chart import TradeChart

TODAY = Management()


@dataclass(frozen=True)
class Followed:
    """The scored trades as the ladder followed them, which their charts show."""

    job: Job
    ladder: Ladder
    managed: Managed

    @property
    def basis(self) -> str:
        """The ladder and the model, in words."""
        model = self.job.reference.removeprefix("models:/")
        return f"ladder '{self.ladder.name}'" + (f", model {model}" if model else "")


@dataclass(frozen=True, repr=False)
class ScoreResult(Shown):
    """The advice on every open trade.

    Parameters
    ----------
    frame : DataFrame
        The columns of `COLUMNS`, one row an open trade; ``orders`` holds lists of dict, ``reasons``
        and ``warnings`` lists of str.
    drift : DataFrame
        The drift of the last bars from the model's training data; see `exitladder.pipelines.advice.drift.drift_now`.
        Features that have moved are named in the warnings of every row.
    notice : str
        That warning, and one if the model's probabilities no longer agree with outcomes; empty if nothing has moved.
    verdict : str
        The verdict of the ladder's tuning; empty for a ladder that was not tuned.
    answers : AnswerDrift
        The model's probabilities against the outcomes since its training.
    placed : PlacedTrades, optional
        The trades that were scored, on their bars.
    shadow : str
        With the champion: how the challenger's predictions compare so far; empty without a challenger.
    followed : Followed, optional
    notes : tuple of str
        Warnings that concern all trades, such as bars that are old; the page shows them at its top.
    """

    run_id: str
    frame: pd.DataFrame
    drift: pd.DataFrame
    notice: str
    verdict: str = ""
    answers: AnswerDrift = NO_ANSWERS
    placed: PlacedTrades | None = field(default=None, repr=False)
    shadow: str = ""
    followed: Followed | None = field(default=None, repr=False)
    notes: tuple[str, ...] = ()

    @property
    def basis(self) -> str:
        """The ladder and the model that the advice comes from, as the page names them; empty without open trades."""
        return "" if self.followed is None else self.followed.basis

    def headline(self) -> str:
        """Return how many trades are open and to act on, and what warns of drift."""
        n_act = int((self.frame["action"] != HOLD).sum()) if len(self.frame) else 0
        return " ".join(filter(None, [f"{len(self.frame)} open trades, {n_act} to act on.", self.notice, self.verdict]))

    def to_frame(self) -> pd.DataFrame:
        """Return the advice, one row per open trade."""
        return self.frame

    def preview(self, n: int = 8) -> tuple[pd.DataFrame, int]:
        """Return the advice on the most urgent trades in a few columns, and the number of trades."""
        named = [name for name in ("trade_id", "symbol", "urgency", "action", "summary") if name in self.frame]
        return self.frame[named].head(n), len(self.frame)

    def charts(self) -> dict[str, TradeChart]:
        """Return the chart of each trade that was scored, by trade_id."""
        from exitladder.pipelines.pages.charts import charts_of

        if self.followed is None:
            return {}
        return charts_of(self.followed.job, self.followed.ladder, self.followed.managed, self.frame)


def score(
    bars: BarSet | pd.DataFrame,
    trades: Trades | pd.DataFrame,
    ladder: Ladder,
    model: str | None,
    settings: Settings,
    *,
    asof: int | str | pd.Timestamp | None = None,
    finer: BarSet | None = None,
    management: Management = TODAY,
    progress: Progress = SILENT,
) -> ScoreResult:
    """Return advice on each open trade for the bar after `asof`.

    A trade that cannot be scored is named in its row, and the others are scored. If the ladder stands for the user's
    own exits (``choice = "own_exits"`` in its ``[tuned]`` table), there are no orders, and the reason says why.

    Parameters
    ----------
    bars : BarSet or DataFrame
        A table has the columns of a bars file; without ``symbol``, its bars are those of the trades' one symbol.
    trades : Trades or DataFrame
        Closed ones serve to measure drift. A table has the columns of a trades file.
    ladder : Ladder
    model : str or None
        A REF: run id, ``models:/NAME/VERSION``, ``models:/NAME@alias`` or a model folder. None only for a ladder that
        does not read the model: there are then no predictions and no drift.
    settings : Settings
    asof : int, str or Timestamp, optional
        A moment (an integer is in nanoseconds since 1970 UTC); only bars closed by then are used, and trades entered
        later or ended before are left out. All bars by default.
    finer : BarSet, optional
        Bars of a shorter interval, needed if the ladder's policy is ``finer_bars``.
    management : Management
        From when the ladder manages the trades, by default from ``managed_from`` on, or from the next bar; and the
        account at the last close, which a plan with limits on its equity needs.
    progress : Progress

    Returns
    -------
    ScoreResult
        Its frame has no rows if no trade is open.

    Raises
    ------
    LadderError
        If the ladder walks finer bars and none are given, or reads the model and there is none.
    TrackingError
        If there is no such model.
    FeatureError
        If the model's features cannot be computed on these bars as they were in its training.
    """
    bars, trades, moment = _as_given(bars, trades, asof, settings)
    trades = as_the_plan_enters(on_session_dates(trades, bars, settings.data.tz, settings.symbols), ladder)
    _check_ladder(ladder, model, finer)
    plan = ladder
    if plan.shares_account:
        from exitladder.pipelines.advice.book import BookTonight, check_account

        management = replace(management, book=BookTonight(plan, check_account(plan, management.account)))
    elif management.account is not None:
        raise LadderError(
            f"The equity of the account serves the limits of a plan, but '{plan.name}' has none. Leave --equity out."
        )
    ladder = without_size_rule(plan.alone)  # an open trade has its quantity
    if plan.shares_account:  # in a book the account is liquidated, not the position (B5)
        ladder = replace(ladder, execution=replace(ladder.execution, leverage=0.0))
    seen = bars if moment is None else bars.until(moment)
    if finer is not None and moment is not None:
        finer = finer.until(moment)
    everyone = open_trades(trades, moment)
    _check_entries(everyone, ladder, settings)
    if not len(everyone):
        return nothing_open(ladder)
    check_price_targets(ladder, everyone)
    earlier, others, of_ladder = of_same_trades(management.previous, everyone, ladder)
    management = replace(management, previous=earlier)
    texts = why_not_scored(everyone, seen, settings, may_add=bool(ladder.adds))
    for i, trade_id in enumerate(map(str, everyone.trade_id)):
        texts[i] = texts[i] or why_contradicted(everyone, i, earlier.get(trade_id), management.assume, seen, plan)
    scored = np.array([text == "" for text in texts])
    newest = pd.Timestamp(int(seen.close_time.max()), tz="UTC")
    named = [
        not_scored(everyone, int(i), newest, texts[i], earlier.get(str(everyone.trade_id[i])))
        for i in np.flatnonzero(~scored)
    ]
    old = old_bars_text(seen, moment, management.clock_ns)
    notes = tuple(filter(None, [old, of_ladder, *others.values()]))
    if not scored.any():
        frame = _about(pd.DataFrame(named, columns=list(COLUMNS)), everyone, ladder, others, of_ladder)
        frame = with_ages(order_columns(frame), seen, moment, management.clock_ns)
        return replace(nothing_open(ladder), frame=frame, notes=notes)
    still_open = everyone.take(scored)
    if management.book is not None:
        management = replace(management, book=replace(management.book, is_complete=bool(scored.all())))
    job = advice_job(seen, still_open, settings, model, progress, ladder)
    with job.run("score", ladder) as run:
        with progress.stage("scoring open trades", 1):
            followed = follow_open(job, ladder, finer, management)
            frame = score_open(job, ladder, finer, management, followed)
        if named:
            more = _without_limits(pd.DataFrame(named, columns=frame.columns))
            frame = pd.concat([frame, more], ignore_index=True)
        with progress.stage("drift", 1) as advance:
            drift = drift_now(seen, trades, still_open.symbol, job.model, job.settings)
            advance(1)
        answers = log_answers(run, answers_now(seen, trades, job.model, job.settings))
        notice = " ".join(filter(None, [drift_notice(drift, len(set(still_open.symbol))), answers.warning]))
        frame = with_ages(frame, seen, moment, management.clock_ns)
        frame = _about(frame, everyone, ladder, others, of_ladder)
        if notice:
            frame["warnings"] = [[*warnings, notice] for warnings in frame["warnings"]]
        if ladder.tuned is not None and ladder.tuned.choice == "own_exits":
            frame = without_orders(frame, everyone, ladder.tuned)
        if management.clock_ns is not None:
            frame["clock"] = f"{pd.Timestamp(management.clock_ns, tz='UTC'):%Y-%m-%dT%H:%M:%SZ}"
        frame = by_urgency(frame).reset_index(drop=True)
        run.log_metrics({"n_open": len(frame), **{f"n_{a}": int((frame["action"] == a).sum()) for a in ACTIONS}})
        run.log_metrics({"n_moved": int(drift["has_moved"].sum()), "n_trades": len(frame)})
        advised = counts_text(records(frame[["urgency", "side", "stop_before", "stop_price", "orders"]]))
        run.log_tags({"verdict": advised.split(": ", 1)[1]})
        run.describe(f"Advice on {advised}. {notice}".strip())
        run.log_result(f"{len(frame)} open, {int((frame['action'] != HOLD).sum())} to act on")
        if run.folder is not None:  # long texts
            basis = Followed(job, ladder, followed[0]).basis
            saved = {"verdict": tuning_verdict(ladder), "basis": basis, "notes": notes, "rows": records(frame)}
            run.log_artifact(json_text(saved) + "\n", "scores.json")
            run.log_artifact(csv_text(flat_scores(frame)), "scores.csv")
        run.log_artifact(csv_text(drift), "drift.csv")
        shadow = ""
        if model is not None:
            from exitladder.pipelines.promotion.shadow import shadow_score

            shadow = shadow_score(job, model, trades, run)
    done = ScoreResult(run.run_id, frame, drift, notice, tuning_verdict(ladder), answers, job.prepared.placed)
    return replace(done, shadow=shadow, followed=Followed(job, ladder, followed[0]), notes=notes)


def _without_limits(rows: pd.DataFrame) -> pd.DataFrame:
    """Return rows of trades that are not scored, of which no limit is judged."""
    for name in LIMIT_COLUMNS:
        if name in rows:
            rows[name] = [[] for _ in range(len(rows))]
    return rows


def _about(
    frame: pd.DataFrame, trades: Trades, ladder: Ladder, others: Mapping[str, str], of_ladder: str
) -> pd.DataFrame:
    """Return scores with what later ones recognise the trades by, and what earlier ones were not recognised by."""
    moments = {moment: moment_text(moment) for moment in map(int, np.unique(trades.entry_time))}
    entries = {str(name): moments[int(t)] for name, t in zip(trades.trade_id, trades.entry_time, strict=True)}
    ids = [str(trade_id) for trade_id in frame["trade_id"]]
    checks = [
        [*([others[name]] if name in others else []), *texts] for name, texts in zip(ids, frame["checks"], strict=True)
    ]
    warnings = [[of_ladder, *texts] if of_ladder else texts for texts in frame["warnings"]]
    return frame.assign(
        # a trade that is asked about keeps that of the earlier scores, until it is settled
        entry_time=[kept or entries[trade_id] for kept, trade_id in zip(frame["entry_time"], ids, strict=True)],
        ladder=ladder_fingerprint(ladder),
        checks=pd.Series(checks, index=frame.index, dtype=object),
        warnings=pd.Series(warnings, index=frame.index, dtype=object),
    )


def nothing_open(ladder: Ladder) -> ScoreResult:
    """Return the result without any open trade."""
    frame = order_columns(pd.DataFrame(columns=list(COLUMNS)))
    return ScoreResult("", frame, no_drift(), "", tuning_verdict(ladder))


def with_faulty(
    frame: pd.DataFrame, faulty: Sequence[FaultyTrade], previous: Mapping[str, Mapping[str, Any]] | None = None
) -> pd.DataFrame:
    """Return the scores with a row for each trade that could not be read, which keeps what earlier scores said.

    Parameters
    ----------
    frame : DataFrame
    faulty : sequence of FaultyTrade
    previous : mapping, optional
        Rows of earlier scores by trade_id.

    Returns
    -------
    DataFrame
    """
    known = previous or {}
    rows = [faulty_row(trade.trade_id, trade.symbol, trade.text, known.get(trade.trade_id)) for trade in faulty]
    if not rows:
        return frame
    more = _without_limits(pd.DataFrame(rows, columns=list(frame.columns)))
    return by_urgency(more if frame.empty else pd.concat([frame, more], ignore_index=True)).reset_index(drop=True)


def _as_given(
    bars: BarSet | pd.DataFrame,
    trades: Trades | pd.DataFrame,
    asof: int | str | pd.Timestamp | None,
    settings: Settings,
) -> tuple[BarSet, Trades, int | None]:
    """Return bars, trades and the moment; tables are read by the rules of the files."""
    how = settings.data.conventions
    if isinstance(trades, pd.DataFrame):
        from exitladder.trades.files import read_trades

        trades = read_trades(trades, conventions=how)
    if isinstance(bars, pd.DataFrame):
        from exitladder.bars.reading import read_bars

        symbols = set(map(str, trades.symbol))
        if "symbol" not in bars and len(symbols) == 1 and not how.symbol:
            how = replace(how, symbol=symbols.pop())
        bars = read_bars(bars, tz=settings.data.tz, conventions=how)[0]
    if isinstance(asof, (str, pd.Timestamp)):
        from exitladder.files.stamps import stamps_to_ns

        asof = int(stamps_to_ns(pd.Series([asof]), settings.data.tz)[0])
    return bars, trades, asof


def _check_ladder(ladder: Ladder, model: str | None, finer: BarSet | None) -> None:
    """Refuse a ladder that needs finer bars or a model that are not given, and a maximum in equity."""
    if ladder.size.maximum_equity is not None and ladder.adds:
        raise LadderError(
            f"score does not know the equity that size.maximum_equity of '{ladder.name}' counts from. "
            "Set maximum_money or maximum_units in its place."
        )
    if ladder.execution.intrabar == "finer_bars" and finer is None:
        raise LadderError(
            'A ladder with execution.intrabar = "finer_bars" is followed on bars of a shorter interval, but none are '
            "given. Name them with --finer-bars, or set another policy."
        )
    read = sorted(set(ladder.series) & set(READABLE))
    if model is None and read:
        known = ladder.tuned.model if ladder.tuned is not None and ladder.tuned.model else "REF"
        raise LadderError(
            f"A ladder that reads the model needs one, but '{ladder.name}' reads {' and '.join(read)} and no model is "
            f"given. Name it with --model {known}."
        )


def _check_entries(everyone: Trades, ladder: Ladder, settings: Settings) -> None:
    """Refuse orders for the first entry alone of a position that has several."""
    n_entries = everyone.n_entries
    if settings.data.several_entries == "last" or ladder.adds or n_entries is None or not (n_entries > 1).any():
        return
    trade = everyone.trade_id[int(np.argmax(n_entries > 1))]
    raise LadderError(
        'data.several_entries = "first" must come with a ladder that has adds, but '
        f"'{ladder.name}' has none and open trade '{trade}' has several entries: its orders would cover the quantity "
        "of the first entry only. Score with --set data.several_entries=last, or with a plan that has [[adds]]."
    )


def tuning_verdict(ladder: Ladder) -> str:
    """Return the verdict of the tuning that made a ladder, as one line; empty for a ladder that was not tuned."""
    if ladder.tuned is None:
        return ""
    kind = ladder.tuned.verdict.replace("_", " ")
    return f"'{ladder.name}' was tuned on data until {ladder.tuned.last_time[:10]}; verdict of the tuning: {kind}. " + (
        ladder.tuned.verdict_text
    )


def without_orders(frame: pd.DataFrame, trades: Trades, tuned: TunedOn) -> pd.DataFrame:
    """Return the scores with no orders: the trades are closed by the user's own exits.

    Parameters
    ----------
    frame : DataFrame
    trades : Trades
        The open ones; their own stop is shown.
    tuned : TunedOn

    Returns
    -------
    DataFrame
        A row per open trade, as in `frame`.
    """
    reason = f"No orders: your own exits close this trade. {tuned.verdict_text}".strip()
    stops = dict(zip(map(str, trades.trade_id), trades.stop_price, strict=True))
    index = frame.index
    if "adds" in frame:
        frame = frame.assign(adds=pd.Series([[] for _ in index], index=index, dtype=object))
    return frame.assign(
        action=HOLD,
        action_quantity=0.0,
        stop_price=[float(stops[trade_id]) for trade_id in frame["trade_id"]],
        orders=pd.Series([[] for _ in index], index=index, dtype=object),
        replacements=pd.Series([[] for _ in index], index=index, dtype=object),
        **{
            name: pd.Series([[] for _ in index], index=index, dtype=object)
            for name in ("cancels", "working", "instructions", "checks")
        },
        urgency=HOLD,
        summary=reason,
        risk_after_r=frame["risk_now_r"],
        risk_after=frame["risk_now"],
        reasons=pd.Series([[reason] for _ in index], index=index, dtype=object),
    )


def records(frame: pd.DataFrame) -> list[dict[str, object]]:
    """Return the scores as the published schema has them; see `exitladder.pipelines.advice.schema`."""
    return [{str(name): value for name, value in row.items()} for row in frame.to_dict("records")]


def write_scores(
    frame: pd.DataFrame,
    path: Path,
    verdict: str = "",
    charts: Mapping[str, TradeChart] | None = None,
    basis: str = "",
    notes: Sequence[str] = (),
) -> None:
    """Write the scores as .csv, .json or .html, by the file's ending; a page also shows the verdict of the tuning.

    Parameters
    ----------
    frame : DataFrame
    path : Path
    verdict : str
    charts : mapping of str to TradeChart, optional
        For a page, by trade_id; `ScoreResult.charts` makes them.
    basis : str
        For a page: `ScoreResult.basis`.
    notes : sequence of str
        For a page: `ScoreResult.notes`.

    Raises
    ------
    OutputFileError
        If the file has another ending or cannot be written.
    """
    kind = path.suffix.lower()
    if kind == ".csv":
        write_table(flat_scores(frame), path)
    elif kind == ".json":
        write_json(records(frame), path)
    elif kind == ".html":
        from exitladder.pipelines.pages.score import score_page

        write_text(score_page(frame, verdict, charts, basis=basis, notes=notes), path)
    else:
        raise OutputFileError(f"Scores are written as .csv, .json or .html, but the file is '{path}'.")
