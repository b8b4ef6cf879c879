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

from exitladder.files.output import write_text
from exitladder.pipelines.pages.short_verdict import split_verdict
from exitladder.pipelines.plots.picture import Picture

Verdict = Literal["better", "worse", "no_difference", "none"]
Tone = Literal["", "good", "bad"]

_VERDICT_WORDS = {
    "better": "Better",
    "worse": "Worse",
    "no_difference": "No established difference",
    "none": "",
}
_ACTION_WORDS = {"hold": "Hold", "reduce": "Reduce", "exit": "Exit"}


@dataclass(frozen=True)
class KeyNumber:
    """A formatted key number at the top of the page, with a note such as its confidence interval."""

    label: str
    value: str
    note: str = ""
    tone: Tone = ""


@dataclass(frozen=True)
class PictureGroup:
    """A titled section of pictures with an introduction."""

    title: str
    pictures: Sequence[Picture]
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
    """

    title: str
    caption: str
    rows: pd.DataFrame
    forms: Mapping[str, str] = field(default_factory=dict)
    is_detail: bool = False

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
    reproduction : Reproduction, optional
    """

    title: str
    recommendation: str = ""
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
    reproduction: Reproduction | None = None


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
    return (
        _environment()
        .get_template("page.html.jinja")
        .render(
            page=page,
            verdict_word=_VERDICT_WORDS[page.verdict],
            verdict=split_verdict(page.verdict_text),
            columns=[column for column in _POLICY_COLUMNS if column.is_in(page.policies)],
            policies=page.policies.to_dict("records"),
            groups=[(group, _laid_out(group.pictures)) for group in page.groups if group.pictures],
            open_trades=_advices(page.open_trades) if page.open_trades is not None else [],
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
    _Column("Open together", "mean_open", ".1f", "average number of trades open together"),
    _Column("Most open", "max_open", ".0f", "largest number of trades open together"),
    _Column("Capital used", "capital_used", ",.0f", "largest notional at entry prices open at one time, over leverage"),
    _Column("Drawdown by exits (R)", "max_drawdown_r", ".1f", "maximum drawdown of net R summed in order of exits"),
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
        loader=jinja2.FileSystemLoader(Path(__file__).resolve().parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["number"] = _number
    environment.filters["minus"] = _with_minus
    environment.filters["laid_out"] = _laid_out
    return environment


def _write(path: str | Path, html: str) -> Path:
    write_text(html, path)
    return Path(path)
