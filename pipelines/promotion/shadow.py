"""A challenger scored in the shadow of the champion: paired predictions, their outcomes, and a test valid at any time.

At each ``score`` with the champion, the challenger predicts the same bars of the same open trades, and nobody acts on
it. When the market has decided the race that both predicted, the outcome is noted. The test bets on the difference of
their Brier scores; see `exitladder.statistics.betting`.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from exitladder.errors import ExitladderError, ExitladderWarning
from exitladder.models.exhaustion.file import load_model
from exitladder.models.exhaustion.model import ExhaustionModel
from exitladder.pipelines.inputs.job import Job, open_job
from exitladder.pipelines.inputs.predictions import predict_some
from exitladder.pipelines.inputs.prepare import Prepared, prepare
from exitladder.pipelines.tracking.models import resolve_model
from exitladder.pipelines.tracking.promotions import FILE, holder, promotions_opened
from exitladder.pipelines.training.labels import row_labels
from exitladder.runtime.sqlite_files import opened_to_read
from exitladder.statistics.betting import Bet, bet_on_gain

if TYPE_CHECKING:
    from exitladder.pipelines.tracking.run import TrackedRun
    from exitladder.trades.trades import Trades

_PAIRED = """
select s.asof, s.trade_id, s.p_champion, s.p_challenger, o.outcome, o.known
from shadow s left join outcomes o on o.asof = s.asof and o.trade_id = s.trade_id
where s.champion = ? and s.challenger = ? order by s.asof, s.trade_id
"""


@dataclass(frozen=True)
class PairedRecord:
    """The paired record of champion and challenger, and the test on it.

    Parameters
    ----------
    champion, challenger : str
        Their runs.
    n_rows, n_decided : int
        Bars of trades that both predicted, and those whose race is decided.
    n_bars : int
        Bars that the test uses: each begins after the outcomes of the one before were known.
    brier : (float, float) or None
        Brier scores of champion and challenger on the decided rows; lower is better.
    bet : Bet
    """

    champion: str
    challenger: str
    n_rows: int
    n_decided: int
    n_bars: int
    brier: tuple[float, float] | None
    bet: Bet

    def to_mapping(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "champion": self.champion,
            "challenger": self.challenger,
            "n_rows": self.n_rows,
            "n_decided": self.n_decided,
            "n_bars": self.n_bars,
            "brier_champion": None if self.brier is None else self.brier[0],
            "brier_challenger": None if self.brier is None else self.brier[1],
            "p_value": self.bet.p_value,
            "has_won": self.bet.has_won,
            "text": self.text,
        }

    @property
    def text(self) -> str:
        """The state of the record in two sentences."""
        if self.brier is None:
            return f"The challenger has predicted {self.n_rows:,} bars beside the champion; no outcome is known yet."
        ours, theirs = self.brier[1], self.brier[0]
        text = (
            f"On {self.n_decided:,} bars of trades with a known outcome, the challenger's Brier score is {ours:.4f}, "
            f"the champion's {theirs:.4f} (lower is better; p = {self.bet.p_value:.2g} on {self.n_bars:,} separate "
            "bars, valid at any time)."
        )
        if self.bet.has_won:
            return f"{text} The challenger has earned the place: exitladder promote {self.challenger} --as champion"
        return f"{text} The challenger has not earned the place yet."


def shadow_score(job: Job, model: str | None, trades: Trades, run: TrackedRun) -> str:
    """Let the challenger predict what the champion has scored, note it, and return the state of the paired record.

    Nothing happens, and the text is empty, unless `model` is the champion and there is a challenger. A challenger that
    cannot predict these bars is a warning: it never stops the champion's advice.

    Parameters
    ----------
    job : Job
        The open trades with the champion, scored as of the last bar.
    model : str or None
        The reference that was scored with.
    trades : Trades
        All trades of the file, closed ones too.
    run : TrackedRun
        Of the score.

    Returns
    -------
    str

    Raises
    ------
    TrackingError
        If the history of promotions is damaged.

    Warns
    -----
    ExitladderWarning
        If the challenger cannot predict these bars.
    """
    home = job.tracker.store.home
    if model is None or job.model is None:
        return ""
    champion = holder(home, "champion") if (home / FILE).is_file() else None
    is_champion = champion is not None and model in ("champion", champion.run_id, champion.model)
    run.log_tags({"scored_model": champion.run_id if champion is not None and is_champion else model})
    challenger = holder(home, "challenger") if is_champion else None
    if champion is None or challenger is None or challenger.run_id == champion.run_id:
        return ""
    try:
        other = load_model(resolve_model(challenger.run_id, job.tracker.store))
        if other.context.get("labels") != job.model.context.get("labels"):
            raise ExitladderError("it learnt other labels than the champion, so they do not predict the same")
        with warnings.catch_warnings():
            # doubts about the trades are told where they are prepared for the champion
            warnings.simplefilter("ignore", ExitladderWarning)
            theirs = open_job(
                job.bars,
                job.trades,
                job.settings,
                model=other,
                max_bars=int(np.diff(job.bars.start).max()),
                keeps_all=True,
            )
            rows = _paired_rows(job.prepared, job.model, theirs.prepared, other)
            _note(home, (champion.run_id, challenger.run_id), rows)
            _note_outcomes(home, job, trades)
        record = paired_record(home, champion.run_id, challenger.run_id, 1 - job.settings.validation.confidence)
    except ExitladderError as error:
        warnings.warn(f"The challenger was not scored in the shadow: {error}", ExitladderWarning, stacklevel=2)
        return ""
    run.log_metrics({"shadow": {"n_decided": record.n_decided, "p_value": record.bet.p_value}})
    return record.text


def _paired_rows(
    ours: Prepared, champion: ExhaustionModel, theirs: Prepared, challenger: ExhaustionModel
) -> pd.DataFrame:
    """Return both predictions for the last bar of each open trade."""
    tables = []
    for prepared, model in ((ours, champion), (theirs, challenger)):
        has_rows = np.flatnonzero(prepared.rows.lengths > 0)
        last = prepared.rows.start[1:][has_rows] - 1
        some = prepared.placed.trades
        tables.append(
            pd.DataFrame(
                {
                    "trade_id": some.trade_id[has_rows].astype(str),
                    "symbol": some.symbol[has_rows].astype(str),
                    "asof": prepared.placed.bars.close_time[prepared.rows.bar_of(last)],
                    "p": predict_some(prepared, model, last).exhaustion,
                }
            )
        )
    both: pd.DataFrame = tables[0].merge(
        tables[1], on=["trade_id", "symbol", "asof"], suffixes=("_champion", "_challenger")
    )
    return both.dropna(subset=["p_champion", "p_challenger"])


def _note(home: Path, runs: tuple[str, str], rows: pd.DataFrame) -> None:
    with promotions_opened(home) as opened:
        opened.executemany(
            "insert or ignore into shadow values (?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (int(asof), str(trade_id), str(symbol), *runs, float(ours), float(theirs), int(asof))
                for asof, trade_id, symbol, ours, theirs in rows[
                    ["asof", "trade_id", "symbol", "p_champion", "p_challenger"]
                ].to_numpy()
            ],
        )


def _note_outcomes(home: Path, job: Job, trades: Trades) -> None:
    """Note the outcomes of earlier predictions that the bars have decided by now."""
    with opened_to_read(home / FILE, 30.0) as opened:
        waiting = opened.execute(
            "select distinct s.asof, s.trade_id from shadow s left join outcomes o "
            "on o.asof = s.asof and o.trade_id = s.trade_id where o.asof is null"
        ).fetchall()
    ids = {str(trade_id) for _, trade_id in waiting}
    chosen = np.array([str(name) in ids for name in trades.trade_id], dtype=bool)
    if not chosen.any() or job.model is None:
        return
    settings = job.settings.with_values({"labels": dict(job.model.context["labels"])})
    longest = int(np.diff(job.bars.start).max())
    prepared = prepare(job.bars, trades.take(chosen), settings, max_bars=longest, keeps_all=True)
    labels = row_labels(prepared, settings.labels).exhaustion
    rows, bars = prepared.rows, prepared.placed.bars
    close = bars.close_time[rows.bar]
    name = prepared.placed.trades.trade_id[rows.trade].astype(str)
    wanted = set(waiting)
    found = [
        (int(close[i]), str(name[i]), float(labels.value[i]), int(bars.close_time[labels.end_bar[i]]))
        for i in np.flatnonzero(np.isfinite(labels.value))
        if (int(close[i]), str(name[i])) in wanted
    ]
    with promotions_opened(home) as opened:
        opened.executemany("insert or ignore into outcomes values (?, ?, ?, ?)", found)


def shadow_summary(home: Path, alpha: float = 0.05) -> dict[str, Any] | None:
    """Return the paired record of the present champion and challenger as plain values; None without both."""
    champion, challenger = (holder(home, alias) for alias in ("champion", "challenger"))
    if champion is None or challenger is None:
        return None
    return paired_record(home, champion.run_id, challenger.run_id, alpha).to_mapping()


def paired_record(home: Path, champion: str, challenger: str, alpha: float = 0.05) -> PairedRecord:
    """Return the paired record of two models, with the test on it.

    Parameters
    ----------
    home : path
        Folder of the records.
    champion, challenger : str
        Runs.
    alpha : float
        Chance that a challenger that predicts no better is ever said to have earned the place.

    Returns
    -------
    PairedRecord
    """
    with opened_to_read(home / FILE, 30.0) as opened:
        table = pd.DataFrame(
            opened.execute(_PAIRED, (champion, challenger)).fetchall(),
            columns=["asof", "trade_id", "p_champion", "p_challenger", "outcome", "known"],
        )
    decided = table.dropna(subset=["outcome"])
    gains, bounds = separate_gains(table)
    brier = None
    if len(decided):
        y = decided["outcome"].to_numpy(np.float64)
        scores = [
            float(np.mean((decided[name].to_numpy(np.float64) - y) ** 2)) for name in ("p_champion", "p_challenger")
        ]
        brier = (scores[0], scores[1])
    bet = bet_on_gain(gains, bounds, alpha)
    return PairedRecord(champion, challenger, len(table), len(decided), len(gains), brier, bet)


def separate_gains(table: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Return the challenger's gain in Brier score on bars whose outcomes do not overlap, and the largest possible gain.

    All trades at one bar are one observation. The next one is the first bar that closes when every outcome of the last
    one is known, so earlier outcomes say nothing about it. A bar with an open outcome ends the record for now.

    Parameters
    ----------
    table : DataFrame
        asof, p_champion, p_challenger, outcome and known (when it was decided; both missing if open), by asof.

    Returns
    -------
    gains, bounds : float64 array, shape (n_bars,)
        Champion's score minus challenger's, mean of the bar's trades; its bound is known from the predictions.
    """
    gains, bounds, free = [], [], -np.inf
    for asof, rows in table.groupby("asof", sort=True):
        if float(asof) < free:  # type: ignore[arg-type]
            continue
        if rows["outcome"].isna().any():
            break
        c, n, y = (rows[name].to_numpy(np.float64) for name in ("p_champion", "p_challenger", "outcome"))
        bound = float(np.mean(np.abs(c - n) * np.maximum(c + n, 2 - c - n)))
        free = float(rows["known"].max())
        if bound > 0:
            gains.append(float(np.mean((c - y) ** 2 - (n - y) ** 2)))
            bounds.append(bound)
    return np.array(gains), np.array(bounds)
