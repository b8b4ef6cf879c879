"""The summary page of a whole run: verdict and recommendation, what each part found, links to its page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from exitladder.pipelines.backtest_summary import OTHER_COMMANDS, WITHOUT_ADDS
from exitladder.pipelines.pages.first_lines.danger import danger_text
from exitladder.pipelines.pages.page import PageContent, PageLink
from exitladder.pipelines.pages.tuning import tuning_page
from exitladder.pipelines.tracking.saved_files import read_json
from exitladder.pipelines.tuning.samples.labels import WALK_FORWARD_COMMAND

SUMMARY = "Summary"
WALK_PAGE = "Out of sample"
COMPARED = "Comparison"
OWN_PLAN = "Your plan"
PLAN_PAGE = "plan.html"
# title and file of each page, in the order of a run
PAGES = {
    SUMMARY: "index.html",
    "Model": "model_card.html",
    "Tuning": "tuned/index.html",
    WALK_PAGE: "walk.html",
    "Recommended exit": "recommended.html",
    COMPARED: "comparison.html",
    "Open trades": "today.html",
}


def links_between(folder: str = "", *, plan: bool = False) -> tuple[PageLink, ...]:
    """Return the links to the pages of a run, with the way from the linking page to the run's folder.

    Parameters
    ----------
    folder : str
        The way, with a slash at its end.
    plan : bool
        Whether the run has a page on a plan of the user.

    Examples
    --------
    >>> links_between("../")[2].address
    '../tuned/index.html'
    """
    pages = list(PAGES.items())
    if plan:
        pages.insert(1 + list(PAGES).index(WALK_PAGE), (OWN_PLAN, PLAN_PAGE))
    return tuple(PageLink(title, folder + address) for title, address in pages)


def earned(summary: Mapping[str, Any], how: str) -> str:
    """Return the result of a backtest in a sentence.

    Parameters
    ----------
    summary : mapping
        The content of ``summary.json``.
    how : str
        The end of the sentence.

    Examples
    --------
    >>> earned({"expectancy_r": {"value": 0.1, "low": -0.02, "high": 0.22}, "n_trades": 1200}, "out of sample")
    '+0.100 R per trade (CI [-0.020, +0.220]) on 1,200 trades, out of sample.'
    """
    mean, n = summary["expectancy_r"], summary["n_trades"]
    if mean.get("value") is None:
        return f"{n:,} trades, {how}."
    return f"{_with_interval(mean, 'R per trade')} on {n:,} trades, {how}."


def plan_sentence(summary: Mapping[str, Any]) -> str:
    """Return what a plan of the user earned, against itself without adds and against constant size.

    Parameters
    ----------
    summary : mapping
        The content of ``summary.json``.

    Returns
    -------
    str
    """
    texts = [earned(summary, "under your plan")]
    against = ((summary.get("beside") or {}).get(WITHOUT_ADDS) or {}).get("difference_r") or {}
    if against.get("value") is not None:
        texts.append(f"Against the same ladder without the adds: {_with_interval(against, 'R per trade')}.")
    return " ".join(filter(None, [*texts, sizes_sentence(summary)]))


def sizes_sentence(summary: Mapping[str, Any]) -> str:
    """Return what the size rule of a backtest did to the account, empty without a rule and an equity.

    Parameters
    ----------
    summary : mapping
        The content of ``summary.json``.

    Examples
    --------
    >>> sized = {"growth_per_year": 0.103, "risk_of_ruin": 0.06}
    >>> constant = {"growth_per_year": -1.0, "risk_of_ruin": 0.1}
    >>> sizes_sentence({"sizes": {"in_words": "1% of equity at risk", "sized": sized, "constant": constant}})
    'Sized by 1% of equity at risk: growth of +10.3% per year, risk of ruin 6.0%; constant size: -100.0%, 10.0%.'
    """
    sizes = summary.get("sizes")
    if not sizes or "sized" not in sizes:
        return ""
    mine, constant = sizes["sized"], sizes["constant"]
    texts = [
        f"Sized by {sizes['in_words']}: growth of {_percent(mine['growth_per_year'], '+.1%')} per year",
        f"constant size: {_percent(constant['growth_per_year'], '+.1%')}",
    ]
    if mine.get("risk_of_ruin") is not None:
        texts[0] += f", risk of ruin {mine['risk_of_ruin']:.1%}"
        texts[1] += f", {constant['risk_of_ruin']:.1%}"
    return "; ".join(texts) + "."


def _with_interval(found: Mapping[str, Any], unit: str) -> str:
    low, high = found.get("low"), found.get("high")
    ends = "" if low is None or high is None else f" (CI [{low:+.3f}, {high:+.3f}])"
    return f"{found['value']:+.3f} {unit}{ends}"


def _percent(value: float | None, form: str) -> str:
    return "unknown" if value is None else format(value, form)


def linked(page: PageContent, links: Sequence[PageLink]) -> PageContent:
    """Return the page of a backtest in a run, with all links; it refers to the other pages instead of commands."""
    walk, comparison = (f"see '{title}' ({PAGES[title]}, linked above)" for title in (WALK_PAGE, COMPARED))
    text = page.verdict_text.replace(f"run: {WALK_FORWARD_COMMAND}", walk)
    text = text.replace(OTHER_COMMANDS, f"For a verdict, {comparison}.")
    return replace(page, links=links, verdict_text=text)


def summary_page(
    tuned: Path, walk: Path, steps: Sequence[PageLink], links: Sequence[PageLink], command: str
) -> PageContent:
    """Return the summary page of a whole run.

    Parameters
    ----------
    tuned : path
        The folder of the tuning.
    walk : path
        The folder of the walk-forward backtest.
    steps : sequence of PageLink
        What each part found, with its page.
    links : sequence of PageLink
        All pages.
    command : str
        As it was typed.

    Returns
    -------
    PageContent
        The verdict, the numbers, the table of exits and the first pictures are those of the tuning.
    """
    page = tuning_page(tuned)
    files = [read_json(file) for file in (tuned / "tune.json", tuned / "run.json", walk / "summary.json")]
    return replace(
        page,
        title="Your exits: summary",
        danger=danger_text(*files),
        steps=steps,
        links=links,
        tables=(),
        groups=[replace(group, title="Recommended ladder and results") for group in page.groups[:1]],
        open_trades=None,
        ladder_toml="",
        reproduction=replace(page.reproduction, command=command) if page.reproduction and command else None,
    )
