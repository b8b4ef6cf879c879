"""``exitladder run``: the whole job on the user's own bars and trades, with one summary page."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from exitladder.bars.bars import BarSet
from exitladder.errors import LadderError
from exitladder.files.output import write_folder, write_json, write_text
from exitladder.pipelines.advice.open_trades import REPLAY, Management, open_trades
from exitladder.pipelines.backtest import BacktestResult, backtest, backtest_walk_forward
from exitladder.pipelines.compare import compare
from exitladder.pipelines.inputs.predictions import MODEL_SERIES
from exitladder.pipelines.pages.card_file import CARD_DATA, read_card
from exitladder.pipelines.pages.comparison import comparison_html
from exitladder.pipelines.pages.first_lines.short_verdict import split_verdict
from exitladder.pipelines.pages.model_card import verdict_of
from exitladder.pipelines.pages.page import PageLink, page_html
from exitladder.pipelines.pages.saved_run import backtest_page
from exitladder.pipelines.pages.score import score_page
from exitladder.pipelines.pages.whole_run import (
    OWN_PLAN,
    PAGES,
    PLAN_PAGE,
    earned,
    linked,
    links_between,
    plan_sentence,
    sizes_sentence,
    summary_page,
)
from exitladder.pipelines.score import TODAY, nothing_open, score, write_scores
from exitladder.pipelines.train import TrainResult, train
from exitladder.pipelines.tune import TuneResult, tune
from exitladder.pipelines.tuning.policies import CLASSIC, OWN_EXITS
from exitladder.pipelines.tuning.recommendation.sizes import why_not_compared
from exitladder.pipelines.tuning.recommendation.without_adds import refuse_adds_with, searches_adds
from exitladder.pipelines.tuning.tuned import Tuned
from exitladder.plans.file import ladder_to_toml, read_ladder
from exitladder.plans.ladder import Ladder
from exitladder.plans.limits import refuse_limits
from exitladder.plans.size import sized_like, without_size_rule
from exitladder.runtime.progress import SILENT, Advance, Progress
from exitladder.runtime.shown import Shown
from exitladder.settings.tables import Settings
from exitladder.trades.trades import Trades

WALK = "tuned ladders, walk-forward"
# parts of a run after its data are read and checked
PARTS = ("train", "tune", "backtest", "compare", "open trades", "pages")


@dataclass(frozen=True, repr=False)
class RunResult(Shown):
    """The results of a whole run, and its summary page.

    Parameters
    ----------
    page : Path
    trained : TrainResult
    tuned : TuneResult
    comparison : dict
        Of `exitladder.pipelines.compare.compare`.
    n_open : int
        Open trades advised on.
    steps : tuple of PageLink
        What each part found, with its page.
    """

    page: Path
    trained: TrainResult
    tuned: TuneResult
    comparison: dict[str, Any]
    n_open: int
    steps: tuple[PageLink, ...] = ()

    def headline(self) -> str:
        """Return the verdict of the tuning, and where the summary is."""
        return f"{split_verdict(self.tuned.to_mapping()['verdict_text'])[0]} Summary: {self.page}"

    def to_frame(self) -> pd.DataFrame:
        """Return one row per part: its page in the folder, and its finding."""
        rows = [(step.title, step.address, step.text) for step in self.steps]
        return pd.DataFrame(rows, columns=["part", "page", "found"])

    def to_mapping(self) -> dict[str, Any]:
        """Return the values that the command prints."""
        plan = [step.text for step in self.steps if step.title == OWN_PLAN]
        return {
            "page": str(self.page),
            "model": self.trained.model,
            "n_open": self.n_open,
            **({"plan_text": plan[0]} if plan else {}),
            "training": self.trained.to_mapping(),
            "tuning": self.tuned.to_mapping(),
            "comparison": self.comparison,
        }


@dataclass(frozen=True)
class NumberedParts:
    """Progress of a job in parts: each stage says to which part of how many it belongs."""

    shown: Progress
    tell: Callable[[str], None]
    number: int = 0
    n_parts: int = len(PARTS) + 1

    def next(self, name: str) -> NumberedParts:
        """Announce the next part and return its progress; reading the data was part 1."""
        following = replace(self, number=self.number + 1 if self.number else 2)
        self.tell(f"part {following.number} of {self.n_parts}: {name}")
        return following

    @contextmanager
    def stage(self, name: str, total: int) -> Iterator[Advance]:
        """Yield a function that advances the stage."""
        with self.shown.stage(f"{self.number}/{self.n_parts} {name}", total) as advance:
            yield advance


def run(
    bars: BarSet,
    trades: Trades,
    settings: Settings,
    *,
    out: Path,
    ladder: Ladder | None = None,
    command: str = "",
    tell: Callable[[str], None] = lambda text: None,
    progress: Progress = SILENT,
) -> RunResult:
    """Train, tune, backtest, compare and score, and write a page for each with a summary of all.

    Parameters
    ----------
    bars : BarSet
    trades : Trades
    settings : Settings
    out : Path
        Folder of all files; ``index.html`` is the summary.
    ladder : Ladder, optional
        The user's own ladder, as an additional baseline. A plan with adds or sizes is also backtested by itself; its
        size rule gives the quantities of the recommended exit, too.
    command : str
        The command line, shown on the pages under how to get the same numbers again.
    tell : callable
        Called with a line at the start of each part.
    progress : Progress

    Returns
    -------
    RunResult

    Raises
    ------
    TradesError
        If there are too few trades, or a trade is outside its bars.
    OutputFileError
        If the folder cannot be written.
    """
    own = without_size_rule(ladder) if ladder is not None and why_not_compared(ladder, settings) else ladder
    has_adds = searches_adds(settings, own)
    _refuse(settings, ladder, own, has_adds=has_adds)
    parts = NumberedParts(progress, tell)
    out.mkdir(parents=True, exist_ok=True)
    parts = parts.next("train the exhaustion model")
    trained = train(bars, trades, settings, command=command, progress=parts)
    write_folder(out / "model", {CARD_DATA: trained.pages[CARD_DATA]})
    model = trained.model or None
    if model is None:
        tell("tracking.enabled is false: the model is not kept, so the ladders are tuned without it")
    elif has_adds:
        tell("adds cannot yet be tuned together with a model: the ladders are tuned without it")
    tuned_with = None if has_adds else model
    links = links_between("../", plan=_is_plan(ladder))
    parts = parts.next("tune a ladder, walk-forward, and evaluate it out of sample")
    tuned = tune(
        bars, trades, settings, model=tuned_with, ladder=own, out=out / "tuned", command=command,
        links=links, progress=parts,
    )  # fmt: skip
    parts = parts.next("backtest the recommended exit and the walk-forward ladders")
    tested = _backtests(bars, trades, settings, out, (tuned_with, ladder), parts)
    parts = parts.next("compare")
    sources = _sources(tuned.tuned, trades, ladder, out)
    comparison = renamed(compare(list(sources), settings, parts, bars=bars, trades=trades), sources)
    parts = parts.next("advise on open trades")
    links_of_pages = links_between(plan=_is_plan(ladder))
    n_open = _advise(bars, trades, tested["recommended"], settings, out, model, links_of_pages, parts)
    parts = parts.next("pages")
    steps = _steps(trained, tuned, tested, comparison, n_open)
    page = _write_pages(out, steps, comparison, command, parts)
    result = RunResult(page, trained, tuned, comparison, n_open, tuple(steps))
    write_json(result.to_mapping(), out / "run.json")
    return result


def _is_plan(ladder: Ladder | None) -> bool:
    return ladder is not None and ladder.is_plan


def _refuse(settings: Settings, ladder: Ladder | None, own: Ladder | None, *, has_adds: bool) -> None:
    """Refuse before the training what a later part would refuse.

    Parameters
    ----------
    settings : Settings
    ladder, own : Ladder or None
        The user's, and the same without its size rule.
    has_adds : bool
        Whether a candidate of the search may have adds.

    Raises
    ------
    LadderError
        If there are limits of a book (see `exitladder.pipelines.books.run`), or conditions or maxima that adds exclude.
    SettingsError
        As `refuse_adds_with`.
    """
    refuse_adds_with(settings, own, model=False)
    if ladder is None:
        return
    refuse_limits(ladder, "A run that tunes ladders")
    read = sorted(set(ladder.series) & set(MODEL_SERIES))
    if has_adds and read:
        raise LadderError(
            f"run tunes plans with adds without a model, but '{ladder.name}' reads {' and '.join(read)}. Leave these "
            'conditions or the adds out (search.adds = ["off"]).'
        )
    if ladder.size.is_sized and ladder.size.is_limited and has_adds and settings.search.add_maximum:
        raise LadderError(
            f"A plan has one maximum size, but '{ladder.name}' has one and search.add_maximum searches another. Leave "
            "out one of them."
        )


def _backtests(
    bars: BarSet,
    trades: Trades,
    settings: Settings,
    out: Path,
    given: tuple[str | None, Ladder | None],
    progress: Progress,
) -> dict[str, BacktestResult]:
    """Return and write the backtests: the recommended exit, the ladder tuned before each trade, and the user's plan.

    Parameters
    ----------
    bars : BarSet
    trades : Trades
    settings : Settings
    out : Path
    given : (str or None, Ladder or None)
        The model of the ladders, and the user's ladder; its size rule is that of the recommended exit.
    progress : Progress

    Returns
    -------
    dict of str to BacktestResult
        By folder.
    """
    model, ladder = given
    recommended = read_ladder(out / "tuned" / "recommended.toml")
    if ladder is not None:
        recommended = sized_like(recommended, ladder)
    how: dict[str, Any] = {"model": model, "progress": progress}
    found = {
        "recommended": backtest(bars, trades, recommended, settings, **how),
        "walk": backtest_walk_forward(bars, trades, out / "tuned", settings, **how),
    }
    if ladder is not None and ladder.is_plan:
        found["plan"] = backtest(bars, trades, ladder, settings, **how)
    for name, result in found.items():
        result.write(out / name, progress, from_run=True)
    return found


def _sources(tuned: Tuned, trades: Trades, ladder: Ladder | None, out: Path) -> dict[str, str]:
    """Return the sources of the comparison with their names on the page: first the baseline, then the walk-forward.

    The baseline is the own exits, the own ladder, or the classic one. Beside own exits, a plan is compared too.
    """
    walk = {str(out / "walk"): WALK}
    has_exits = not trades.is_open.all()
    if ladder is None or not (ladder.is_plan or not has_exits):
        if has_exits:
            return {"own": OWN_EXITS} | walk
        plan, name, said = next(p.ladder for p in tuned.policies if p.name == CLASSIC), "classic.toml", CLASSIC
    else:
        plan, name, said = ladder, "your-ladder.toml", ladder.name
    write_text(ladder_to_toml(plan), out / name)
    written = {str(out / name): said}
    return {"own": OWN_EXITS} | walk | written if has_exits else written | walk


def renamed(value: Any, names: Mapping[str, str]) -> Any:
    """Return nested values with other names of the sources, in keys and in quotes inside texts.

    Parameters
    ----------
    value : mapping, list or other
    names : mapping of str to str
        The name to show, by source.

    Examples
    --------
    >>> renamed({"a/walk": "'a/walk' is better"}, {"a/walk": "tuned ladders"})
    {'tuned ladders': "'tuned ladders' is better"}
    """
    if isinstance(value, Mapping):
        return {names.get(key, key): renamed(item, names) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [renamed(item, names) for item in value]
    if isinstance(value, str):
        for source, name in names.items():
            value = name if value == source else value.replace(f"'{source}'", f"'{name}'")
    return value


def _advise(
    bars: BarSet,
    trades: Trades,
    recommended: BacktestResult,
    settings: Settings,
    out: Path,
    model: str | None,
    links: Sequence[PageLink],
    progress: Progress,
) -> int:
    """Write the advice on open trades; of entries without any exit, those that the recommended exit still holds."""
    how: Management = TODAY
    if trades.is_open.all():
        held = recommended.trades.loc[recommended.trades["status"] == "open", "trade_id"].astype(str)
        trades, how = trades.take(np.flatnonzero(np.isin(trades.trade_id.astype(str), held))), REPLAY
    plan = read_ladder(out / "tuned" / "recommended.toml")
    if not plan.adds:  # the orders of a position cover all that is held, however it was built
        settings = settings.with_values({"data": {"several_entries": "last"}})
    is_any = len(open_trades(trades)) > 0
    result = (
        score(bars, trades, plan, model, settings, management=how, progress=progress) if is_any else nothing_open(plan)
    )
    for name in ("scores.csv", "today.json"):
        write_scores(result.frame, out / name, result.verdict)
    charts = result.charts() if is_any else {}
    page = score_page(result.frame, result.verdict, charts, links, result.basis, result.notes)
    write_text(page, out / PAGES["Open trades"])
    return len(result.frame)


def _steps(
    trained: TrainResult,
    tuned: TuneResult,
    tested: Mapping[str, BacktestResult],
    comparison: Mapping[str, Any],
    n_open: int,
) -> list[PageLink]:
    """Return what each part found, in a sentence or two."""
    found = tuned.to_mapping()
    walk = earned(tested["walk"].summary, "each under the ladder tuned before it")
    advised = tested["recommended"].summary
    recommended = [earned(advised, _sample_of(tested)), sizes_sentence(advised)]
    plan = [PageLink(OWN_PLAN, PLAN_PAGE, plan_sentence(tested["plan"].summary))] if "plan" in tested else []
    open_text = f"{n_open:,} open, each with its orders for the next bar." if n_open else "No trade is open."
    return [
        PageLink("Model", PAGES["Model"], verdict_of(trained.trained)),
        PageLink("Tuning", PAGES["Tuning"], split_verdict(found["verdict_text"])[0]),
        PageLink("Out of sample", PAGES["Out of sample"], walk),
        *plan,
        PageLink("Recommended exit", PAGES["Recommended exit"], " ".join(filter(None, recommended))),
        PageLink("Comparison", PAGES["Comparison"], split_verdict(comparison["pairs"][0]["verdict_text"])[0]),
        PageLink("Open trades", PAGES["Open trades"], open_text),
    ]  # fmt: skip


def _sample_of(tested: Mapping[str, BacktestResult]) -> str:
    tuned = tested["recommended"].ladder.tuned
    if tuned is not None and tuned.choice == "own_exits":
        return OWN_EXITS
    return "in sample: the exit was chosen on these trades, so this number is too good"


def _write_pages(
    out: Path,
    steps: list[PageLink],
    comparison: Mapping[str, Any],
    command: str,
    progress: Progress,
) -> Path:
    has_plan = any(step.title == OWN_PLAN for step in steps)
    links = links_between(plan=has_plan)
    backtests = {PAGES["Out of sample"]: "walk", PAGES["Recommended exit"]: "recommended"}
    backtests |= {PLAN_PAGE: "plan"} if has_plan else {}
    with progress.stage("writing pages", 3 + len(backtests)) as advance:
        card = replace(read_card(out / "model" / CARD_DATA), links=links)
        write_text(card.html(), out / PAGES["Model"])
        advance(1)
        for address, name in backtests.items():
            write_text(page_html(linked(backtest_page(out / name), links)), out / address)
            advance(1)
        compared = comparison_html(comparison, command=command, links=links, is_named=True)
        write_text(compared, out / PAGES["Comparison"])
        advance(1)
        page = out / PAGES["Summary"]
        write_text(page_html(summary_page(out / "tuned", out / "walk", steps, links, command)), page)
        advance(1)
    return page
