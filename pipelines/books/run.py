"""``exitladder run`` with a book: its numbers tuned, your plan and the recommended one backtested, a page for each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from exitladder.bars.bars import BarSet
from exitladder.files.output import write_json, write_text
from exitladder.pipelines.backtest import BacktestResult, backtest
from exitladder.pipelines.pages.books.tuned import tuned_book_page
from exitladder.pipelines.pages.page import PageLink, page_html
from exitladder.pipelines.pages.saved_run import backtest_page
from exitladder.pipelines.run import NumberedParts
from exitladder.pipelines.tune import TuneBookResult, tune_numbers
from exitladder.plans.file import read_ladder
from exitladder.plans.ladder import Ladder
from exitladder.runtime.progress import SILENT, Progress
from exitladder.runtime.shown import Shown
from exitladder.settings.tables import Settings
from exitladder.trades.trades import Trades

PARTS = ("tune", "backtest", "pages")
"""Parts of a run after its data are read and checked."""
PAGES = {
    "Summary": "index.html",
    "Numbers": "tuned/index.html",
    "Your plan": "plan.html",
    "Recommended plan": "recommended.html",
}
"""Title and file of each page."""


@dataclass(frozen=True, repr=False)
class RunBookResult(Shown):
    """The results of a whole run on a book, and its summary page.

    Parameters
    ----------
    page : Path
    tuned : TuneBookResult
    tested : dict of str to BacktestResult
        ``plan``, and ``recommended`` if that is another one.
    n_open : int
        Open trades, for `exitladder score`.
    steps : tuple of PageLink
        What each part found, with its page.
    """

    page: Path
    tuned: TuneBookResult
    tested: Mapping[str, BacktestResult]
    n_open: int
    steps: tuple[PageLink, ...] = ()

    def headline(self) -> str:
        """Return the recommendation, and where the summary is."""
        return f"{self.tuned.headline()} Summary: {self.page}"

    def to_frame(self) -> pd.DataFrame:
        """Return one row per part: its page in the folder, and its finding."""
        rows = [(step.title, step.address, step.text) for step in self.steps]
        return pd.DataFrame(rows, columns=["part", "page", "found"])

    def to_mapping(self) -> dict[str, Any]:
        """Return the values that the command prints."""
        return {
            "kind": "book",
            "page": str(self.page),
            "n_open": self.n_open,
            "tuning": self.tuned.to_mapping(),
            "plans": {name: one.summary["book"] for name, one in self.tested.items()},
            "found": {step.title: step.text for step in self.steps},
        }


def run_book(
    bars: BarSet,
    trades: Trades,
    settings: Settings,
    *,
    plan: Ladder,
    out: Path,
    command: str = "",
    tell: Callable[[str], None] = lambda text: None,
    progress: Progress = SILENT,
) -> RunBookResult:
    """Tune the numbers of a book, backtest your plan and the recommended one, and write a page for each.

    Parameters
    ----------
    bars : BarSet
    trades : Trades
    settings : Settings
    plan : Ladder
        With a book, limits or a target, and starting money.
    out : Path
        Folder of all files; ``index.html`` is the summary.
    command : str
        The command line, shown on the pages under how to get the same numbers again.
    tell : callable
        Called with a line at the start of each part.
    progress : Progress

    Returns
    -------
    RunBookResult

    Raises
    ------
    TradesError
        If there are too few trades, or a trade is outside its bars.
    SettingsError
        If a number of the book cannot be tuned.
    LadderError
        If the plan has no starting money, or reads a series that there is not.
    OutputFileError
        If the folder cannot be written.
    """
    parts = NumberedParts(progress, tell, n_parts=len(PARTS) + 1)
    out.mkdir(parents=True, exist_ok=True)
    parts = parts.next("tune the numbers of the book, walk-forward")
    up = tuple(replace(link, address=f"../{link.address}") for link in _links())
    tuned = tune_numbers(
        bars, trades, settings, plan=plan, out=out / "tuned", command=command, links=up, progress=parts
    )
    parts = parts.next("backtest your plan and the recommended one")
    recommended = read_ladder(out / "tuned" / "recommended.toml")
    plans = {"plan": plan}
    if replace(recommended, tuned=None) != replace(plan, tuned=None):
        plans["recommended"] = recommended
    tested = {
        name: backtest(bars, trades, one, settings, command=command, progress=parts) for name, one in plans.items()
    }
    for name, result in tested.items():
        result.write(out / name, parts, from_run=True)
    parts = parts.next("pages")
    n_open = int(trades.is_open.sum())
    steps = _steps(tuned, tested)
    links = _links(has_other="recommended" in tested)
    with parts.stage("writing pages", 1 + len(tested)) as advance:
        for name in tested:
            write_text(page_html(replace(backtest_page(out / name), links=links)), out / f"{name}.html")
            advance(1)
        summary = tuned_book_page(out / "tuned")
        summary = replace(summary, title="Your book: summary", steps=steps, links=links, tables=summary.tables[:2])
        page = out / PAGES["Summary"]
        write_text(page_html(replace(summary, ladder_toml="")), page)
        advance(1)
    found = RunBookResult(page, tuned, tested, n_open, tuple(steps))
    write_json(found.to_mapping(), out / "run.json")
    return found


def _links(*, has_other: bool = False) -> tuple[PageLink, ...]:
    """Return the pages of a run; the recommended plan has one if it is not the user's own."""
    return tuple(PageLink(title, name) for title, name in PAGES.items() if has_other or title != "Recommended plan")


def _steps(tuned: TuneBookResult, tested: Mapping[str, BacktestResult]) -> list[PageLink]:
    """Return what each part found, in a sentence or two."""
    of_sample = {"plan": "as the file states it", "recommended": "in sample: it was chosen on these trades"}
    titles = {"plan": "Your plan", "recommended": "Recommended plan"}
    return [
        PageLink("Numbers", PAGES["Numbers"], tuned.headline()),
        *(
            PageLink(titles[name], PAGES[titles[name]], _account(one.summary["book"], of_sample[name]))
            for name, one in tested.items()
        ),
    ]


def _account(book: Mapping[str, Any], how: str) -> str:
    """Return what an account did, in a sentence."""
    alone = book["without_limits"]
    fall = f"{alone['max_drawdown']:,.0f}" if alone["max_drawdown"] is not None else "none"
    return (
        f"Profit {book['net_pnl']:+,.0f}, largest fall {book['max_drawdown']:,.0f} ({how}); the same entries without "
        f"limits and with all the money they need: {alone['net_pnl']:+,.0f}, {fall}."
    )
