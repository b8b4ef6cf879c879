"""The HTML page of a run: self-contained, printable, with the verdict first."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import jinja2
import pandas as pd
from markupsafe import Markup

from exitladder.files.output import write_text
from exitladder.pipelines.advice.traded import NOT_TO_SEND
from exitladder.pipelines.pages.first_lines.short_verdict import first_sentence, split_verdict
from exitladder.pipelines.pages.interactive.data import as_script
from exitladder.pipelines.pages.interactive.library import packed_plotly
from exitladder.pipelines.plots.picture import Picture
from exitladder.statistics.verdict import SAME

Verdict = Literal["better", "worse", "no_difference", "none"]
Tone = Literal["", "good", "bad"]

_VERDICT_WORDS = {
    "better": "Better",
    "worse": "Worse",
    "no_difference": "No established difference",
    "none": "",
}
_HERE = Path(__file__).resolve().parent
# the kind of picture that a widget stands for on a screen; without scripts and in print, the picture is shown
REPLACED = {"equity": "equity", "trades": "trade"}
_ACTION_WORDS = {"hold": "Hold", "reduce": "Reduce", "exit": "Exit", "add": "Add"}


@dataclass(frozen=True)
class KeyNumber:
    """A formatted key number at the top of the page, with a note such as its confidence interval."""

    label: str
    value: str
    note: str = ""
    tone: Tone = ""


@dataclass(frozen=True)
class PageLink:
    """A link to another page of the same run, with a sentence on its content."""

    title: str
    address: str
    text: str = ""


@dataclass(frozen=True)
class PageTable:
    """A titled table of texts and numbers.

    Parameters
    ----------
    title, caption : str
    rows : DataFrame
        Column names are the headers.
    forms : mapping of str to str
        Number format by column; columns without one are shown as text.
    is_detail : bool
        Folded up until the reader opens it.
    is_stacked : bool
        On a phone, each row is a card with the headers beside the values.
    """

    title: str
    caption: str
    rows: pd.DataFrame
    forms: Mapping[str, str] = field(default_factory=dict)
    is_detail: bool = False
    is_stacked: bool = False

    @property
    def heads(self) -> list[str]:
        """The column headers; the first column names the rows."""
        return [str(name) for name in self.rows]

    def texts(self) -> list[list[str]]:
        """Return the cell texts of each row, in header order."""
        return [
            [
                _number(value, self.forms[name]) if name in self.forms else str(value)
                for name, value in zip(self.heads, row, strict=True)
            ]
            for row in self.rows.itertuples(index=False)
        ]


@dataclass(frozen=True)
class PictureGroup:
    """A titled section of pictures with an introduction.

    With a `widget` ("equity", "trades" or "what_if"), the reader can explore its data in `PageContent.charts`.
    """

    title: str
    pictures: Sequence[Picture]
    text: str = ""
    widget: str = ""
    table: PageTable | None = None

    @property
    def drawn(self) -> list[Picture]:
        """The pictures that show data."""
        return [picture for picture in self.pictures if not picture.is_empty]

    @property
    def is_shown(self) -> bool:
        """Whether there is anything to show."""
        return bool(self.drawn or self.widget or self.table is not None)


@dataclass(frozen=True)
class Reproduction:
    """Everything needed to reproduce the results."""

    command: str
    seed: int
    versions: Mapping[str, str] = field(default_factory=dict)
    fingerprints: Mapping[str, str] = field(default_factory=dict)
    run_id: str = ""


@dataclass(frozen=True)
class PageContent:
    """Content of a run's page; empty parts are omitted.

    Parameters
    ----------
    title, subtitle : str
    recommendation : str
        The exit to use, in a sentence.
    danger : str
        Its risk, below the recommendation.
    verdict : {"better", "worse", "no_difference", "none"}
    verdict_text : str
        The verdict in words.
    made : str
        Creation time of the page.
    key_numbers : sequence of KeyNumber
    policies : DataFrame
        One row per policy; absent or empty columns are omitted: policy, n_trades, expectancy_r, expectancy_low,
        expectancy_high, win_rate, sharpe, max_drawdown_r, bars_in_market, r_per_bar, mean_open, max_open,
        capital_used, max_drawdown_account_r, cvar_r, difference_r, low, high (candidate minus policy),
        p_adjusted.
    candidate : str
        The highlighted policy.
    tables : sequence of PageTable
        Shown after the policies.
    groups : sequence of PictureGroup
    data_notes : sequence of (str, str)
        Facts on the data: span, symbols, adjustments, repairs, counts of skipped, open and ambiguous trades.
    warnings : sequence of str
        Warnings to read before the numbers.
    open_trades : DataFrame, optional
        With the columns that `exitladder score` writes.
    ladder_toml : str
        Text of the ladder file, to copy.
    method : sequence of str
        Notes on the method, in addition to the standard text.
    has_standard_method : bool
        Whether the standard text on simulated bars is shown.
    reproduction : Reproduction, optional
    links : sequence of PageLink
        The other pages of the same run.
    steps : sequence of PageLink
        What each part of a whole run found, with its page.
    charts : mapping of str to data
        Data of the interactive charts, by widget.
    """

    title: str
    recommendation: str = ""
    danger: str = ""
    verdict_text: str = ""
    verdict: Verdict = "none"
    subtitle: str = ""
    made: str = ""
    key_numbers: Sequence[KeyNumber] = ()
    policies: pd.DataFrame = field(default_factory=pd.DataFrame)
    candidate: str = ""
    tables: Sequence[PageTable] = ()
    groups: Sequence[PictureGroup] = ()
    data_notes: Sequence[tuple[str, str]] = ()
    warnings: Sequence[str] = ()
    open_trades: pd.DataFrame | None = None
    ladder_toml: str = ""
    method: Sequence[str] = ()
    has_standard_method: bool = True
    reproduction: Reproduction | None = None
    links: Sequence[PageLink] = ()
    steps: Sequence[PageLink] = ()
    charts: Mapping[str, Any] = field(default_factory=dict)

    def contents(self) -> list[tuple[str, str]]:
        """Return anchor and title of each section, in order."""
        found = [("steps", "Part by part")] if self.steps else []
        found += [("policies", "Exit policies compared")] if len(self.policies) else []
        found += [(anchor(table.title), table.title) for table in self.tables if not table.is_detail]
        found += [(anchor(group.title), group.title) for group in self.groups if group.is_shown]
        found += [("open", "Open trades")] if self.open_trades is not None and len(self.open_trades) else []
        found += [("ladder", "Ladder file")] if self.ladder_toml else []
        found += [("data", "Data")] if self.data_notes else []
        found += [("method", "Method and limitations")]
        return found + ([("again", "Reproduction")] if self.reproduction else [])


def anchor(title: str) -> str:
    """Return the anchor of a section.

    Examples
    --------
    >>> anchor("Exit quality: your own exits")
    'exit-quality-your-own-exits'
    """
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")


def write_page(path: str | Path, page: PageContent) -> Path:
    """Write the page of a run as one file and return its path.

    Raises
    ------
    OutputFileError
        If it cannot be written.
    """
    return _write(path, page_html(page))


def page_html(page: PageContent) -> str:
    """Return the page of a run as HTML."""
    short, details = split_verdict(page.verdict_text)
    advices = _advices(page.open_trades) if page.open_trades is not None else []
    return (
        _environment()
        .get_template("page.html.jinja")
        .render(
            page=page,
            verdict_word="Same results" if SAME in short else _VERDICT_WORDS[page.verdict],
            verdict=(*first_sentence(short), details),
            columns=[column for column in _POLICY_COLUMNS if column.is_in(page.policies) and not column.is_detail],
            details=[column for column in _POLICY_COLUMNS if column.is_in(page.policies) and column.is_detail],
            policies=page.policies.to_dict("records"),
            groups=[(group, _laid_out(group.drawn)) for group in page.groups if group.is_shown],
            open_trades=advices,
            not_to_send=list({row["symbol"]: row for row in advices if row["not_to_send"]}.values()),
            chart_data=as_script(page.charts) if page.charts else "",
            replaced=[REPLACED[name] for name in page.charts if name in REPLACED],
        )
    )


def _laid_out(pictures: Sequence[Picture]) -> list[tuple[Picture, str]]:
    """Return each picture with its layout: wide, half of a row, or lone (half, with its caption beside it).

    Examples
    --------
    >>> half, wide = Picture(b"", "h", "", "", half=True), Picture(b"", "w", "", "")
    >>> [place for _, place in _laid_out([half, half, half, wide])]
    ['half', 'half', 'lone', 'wide']
    """
    places: list[str] = []
    captions: set[str] = set()
    shown: list[Picture] = []
    for picture in pictures:
        # A caption is shown once, not under every picture of its kind.
        shown.append(replace(picture, caption="") if picture.caption in captions else picture)
        captions.add(picture.caption)
        if not picture.half:
            places.append("wide")
        elif places and places[-1] == "lone":
            places[-1:] = ["half", "half"]
        else:
            places.append("lone")
    return list(zip(shown, places, strict=True))


def render(template: str, **values: object) -> str:
    """Return a rendered template of this package."""
    return _environment().get_template(template).render(**values)


@dataclass(frozen=True)
class _Column:
    """A column of the policy table: header, field, number format and meaning."""

    head: str
    name: str
    form: str
    meaning: str
    interval: tuple[str, str] | None = None
    is_detail: bool = False

    def is_in(self, table: pd.DataFrame) -> bool:
        return self.name in table and bool(table[self.name].notna().any())

    def text(self, row: Mapping[str, Any]) -> str:
        return _number(row.get(self.name), self.form)

    def interval_text(self, row: Mapping[str, Any]) -> str:
        if self.interval is None:
            return ""
        low, high = (_number(row.get(name), self.form) for name in self.interval)
        return f"[{low}, {high}]" if low != "–" and high != "–" else ""


_POLICY_COLUMNS = (
    _Column("Trades", "n_trades", ",.0f", "trades executed by the policy"),
    _Column("Expectancy (R)", "expectancy_r", "+.3f", "mean net R per trade", ("expectancy_low", "expectancy_high")),
    _Column("Difference (R)", "difference_r", "+.3f", "highlighted policy minus this one, per trade", ("low", "high")),
    _Column("p (adjusted)", "p_adjusted", ".3f", "p-value of the difference, adjusted for multiple comparisons"),
    _Column(
        "Account drawdown (R)",
        "max_drawdown_account_r",
        ".1f",
        "maximum drawdown of the account, 1R per trade, open positions valued at every close",
    ),
    _Column("CVaR 5% (R)", "cvar_r", "+.2f", "mean of the worst 5% of trades"),
    _Column("Win rate", "win_rate", ".1%", "share of trades with a net gain"),
    _Column("Sharpe", "sharpe", ".2f", "annualised Sharpe ratio of daily results"),
    _Column("Bars in market", "bars_in_market", ".1f", "mean number of bars in the market per trade"),
    _Column("R per bar", "r_per_bar", "+.4f", "net R per bar in the market"),
    _Column("Open together", "mean_open", ".1f", "average number of trades open together", is_detail=True),
    _Column("Most open", "max_open", ".0f", "largest number of trades open together", is_detail=True),
    _Column(
        "Capital used",
        "capital_used",
        ",.0f",
        "largest notional at entry prices open at one time, over leverage",
        is_detail=True,
    ),
    _Column(
        "Drawdown in order of entries (R)",
        "max_drawdown_r",
        ".1f",
        "maximum drawdown of net R of whole trades, summed in order of entries",
        is_detail=True,
    ),
)


def _number(value: object, form: str) -> str:
    """Return a formatted number with a true minus sign, or a dash if there is no number."""
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return "–"
    if not math.isfinite(number):
        return "∞" if number > 0 else "–"
    text = format(number, form)
    if not any(digit in text for digit in "123456789"):
        text = text.lstrip("+-")
    return text.replace("-", "−")


def _with_minus(text: object) -> str:
    """Return a text with true minus signs in negative numbers; dates and names keep their hyphens.

    Examples
    --------
    >>> _with_minus("-0.05 R per trade (95% CI [-0.26, +0.14]), 2001-02-03, T-17")
    '−0.05 R per trade (95% CI [−0.26, +0.14]), 2001-02-03, T-17'
    """
    return re.sub(r"(?<![\w.)-])-(?=[\d.])", "−", str(text))


def _advices(trades: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows of a score table, with lists instead of the texts of a CSV."""
    rows = []
    for record in trades.to_dict("records"):
        row: dict[str, Any] = {str(key): value for key, value in record.items()}
        row["action"] = str(row.get("action", ""))
        row["action_word"] = _ACTION_WORDS.get(row["action"], row["action"])
        for name in ("orders", "reasons", "warnings"):
            row[name] = _listed(row.get(name))
        row["not_to_send"] = [text for text in row["warnings"] if str(text).startswith(NOT_TO_SEND)]
        rows.append(row)
    return rows


def _listed(value: object) -> list[Any]:
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            return [part.strip() for part in str(value).split(";") if part.strip()]
    if isinstance(value, Mapping):
        return [dict(value)]
    if isinstance(value, (list, tuple)):
        return list(value)
    return []


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_HERE),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["number"] = _number
    environment.filters["minus"] = _with_minus
    environment.filters["laid_out"] = _laid_out
    environment.filters["anchor"] = anchor
    environment.filters["first_sentence"] = first_sentence
    environment.globals["packed_plotly"] = packed_plotly
    environment.globals["include_raw"] = lambda name: Markup((_HERE / name).read_text(encoding="utf-8"))
    return environment


def _write(path: str | Path, html: str) -> Path:
    write_text(html, path)
    return Path(path)
