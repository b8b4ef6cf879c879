"""The page of a comparison: verdicts, measures, the account, and where the difference comes from."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from exitladder.pipelines.pages.account import acted_table
from exitladder.pipelines.pages.page import (
    PageContent,
    PageLink,
    PageTable,
    PictureGroup,
    Reproduction,
    Verdict,
    page_html,
)
from exitladder.pipelines.plots.captions import to_page
from exitladder.pipelines.plots.policy import forest_picture

LABELS = {
    "expectancy_r": "Expectancy (R per trade)",
    "after_impact_r": "Expectancy after impact (R per trade)",
    "r_per_bar": "R per bar in the market",
    "r_per_year": "R per year",
    "sharpe_daily": "Sharpe ratio, daily, annualised",
    "max_drawdown_r": "Entry-locked drawdown (R, booked with each fill)",
    "cvar_5_r": "CVaR 5% (R)",
    "mean_capture": "Profit capture",
    "cost_r": "Costs (R per trade)",
    "return_per_year": "Return per year",
    "max_drawdown": "Drawdown at closes",
    "cvar_5_daily": "CVaR 5% of a day",
    "log_loss": "Log loss per row",
    "calibration_error": "Calibration error",
}
_LOWER = frozenset({"cost_r", "log_loss", "calibration_error"})


def comparison_html(
    found: Mapping[str, Any],
    *,
    command: str = "",
    seed: int = 0,
    links: Sequence[PageLink] = (),
    is_named: bool = False,
) -> str:
    """Return the page of a comparison as HTML.

    Parameters
    ----------
    found : mapping
        From `exitladder.pipelines.compare.compare`.
    command : str
        The command line, shown for reproduction.
    seed : int
    links : sequence of PageLink
        The other pages of a whole run.
    is_named : bool
        Whether the sources have names of exits, shown whole; else they are paths or ids, of which the last part is
        shown.

    Returns
    -------
    str
    """
    sources = list(found["sources"])
    names = {source: source for source in sources} if is_named else _short(sources)
    pairs, first = found["pairs"], names[found["baseline"]]
    tables: list[PageTable] = []
    groups: list[PictureGroup] = []
    if found.get("kind") == "models":
        tables = [_model_table(pair, names[pair["source"]], first) for pair in pairs]
    else:
        for pair in pairs:
            begin = "" if len(pairs) == 1 else f"{names[pair['source']]}: "
            tables += _pair_tables(pair, names[pair["source"]], first, found["account_limits"]["text"], begin)
        groups = _pictures(pairs, names, first)
    kinds: set[Verdict] = {pair["verdict"] or "none" for pair in pairs}
    page = PageContent(
        title=f"{' and '.join(names[pair['source']] for pair in pairs)} against {first}",
        subtitle=f"{pairs[0]['n_trades']:,} trades compared one by one",
        verdict=kinds.pop() if len(kinds) == 1 else "none",
        verdict_text=" ".join(pair["verdict_text"] for pair in pairs),
        tables=tables,
        groups=groups,
        data_notes=[(f"{names[pair['source']]}: left out", text) for pair in pairs if (text := _left_out(pair))],
        method=(
            "Differences are later minus first. Their intervals resample calendar days in blocks: all trades of a day, "
            "in every symbol, are drawn together. p-values are adjusted for all measures of all pairs (Holm).",
        ),
        reproduction=Reproduction(command=command, seed=seed) if command else None,
        links=links,
    )
    return page_html(page)


def _left_out(pair: Mapping[str, Any]) -> str:
    said = []
    if pair.get("n_in_sample") or pair.get("n_mixed"):
        said.append(f"{pair['n_in_sample'] + pair['n_mixed']:,} trades that a ladder was tuned on or that overlap them")
    if pair.get("n_not_shared"):
        said.append(f"{pair['n_not_shared']:,} trades of only one of the two")
    return "; ".join(said)


def _pair_tables(pair: Mapping[str, Any], name: str, first: str, account_text: str, begin: str) -> list[PageTable]:
    """Return the tables of a pair; their titles begin with its name if there are several pairs."""

    def title(text: str) -> str:
        return f"{begin}{text}" if begin else text.capitalize()

    if not pair["measures"]:
        return []
    tables = [
        PageTable(
            title("the same entries"),
            "Every trade taken, as if capital were unlimited. Detectable: the smallest true difference found with 80% "
            "power.",
            pd.DataFrame(_rows(pair["measures"], first, name)),
        )
    ]
    account = pair["account"]
    if account:
        ours, theirs = account["candidate"], account["baseline"]
        tables.append(
            PageTable(
                title("one account"),
                f"{account_text} '{name}' takes {ours['n_taken']:,} trades, '{first}' takes {theirs['n_taken']:,}. "
                "Results are booked with each fill.",
                pd.DataFrame(_rows(account["measures"], first, name)),
            )
        )
    tables += _book_tables(pair.get("book"), name, first)
    for grouping, groups in pair["by"].items():
        if len(groups) > 1:
            rows = [
                {
                    grouping.capitalize(): row["group"],
                    "Trades": f"{row['n_trades']:,}",
                    "Difference (R per trade)": _with_range(row["difference_r"], row["interval"], 3),
                    "p (adjusted)": _text(row.get("p_adjusted"), ".3f"),
                    "Part of the difference (R)": _text(_part(row, pair["n_trades"]), "+.3f"),
                }
                for row in groups
            ]
            tables.append(PageTable(title(f"difference by {grouping}"), _GROUPS.get(grouping, ""), pd.DataFrame(rows)))
    some = pair["decisive"]
    rows = [
        {
            "Trade": row["trade_id"],
            "Symbol": row.get("symbol", ""),
            "Side": row.get("side", ""),
            "Entry": str(row.get("entry_time", ""))[:16].removesuffix("T00:00").replace("T", " "),
            first: _text(row.get("r_first"), "+.2f"),
            name: _text(row.get("r"), "+.2f"),
            "Difference (R)": _text(row["difference_r"], "+.2f"),
        }
        for row in some["trades"]
    ]
    caption = f"{some['n_half']:,} of {pair['n_trades']:,} trades make half of the gains."
    if some["difference_without_top_r"] is not None:
        caption += (
            f" Without the {some['n_top']:,} that favour the better side most, the difference is "
            f"{_text(some['difference_without_top_r'], '+.3f')} R per trade."
        )
    if rows:
        tables.append(PageTable(title("the trades that made the difference"), caption, pd.DataFrame(rows)))
    return tables


def _part(group: Mapping[str, Any], n_trades: int) -> float | None:
    """Return what a group's trades add to the difference per trade of all; the parts of all groups add up to it."""
    difference = group["difference_r"]
    return None if difference is None else float(difference) * group["n_trades"] / n_trades


def _book_tables(book: Mapping[str, Any] | None, name: str, first: str) -> list[PageTable]:
    """Return the accounts of two books, and when their limits acted."""
    if not book:
        return []
    tables = []
    if book["measures"]:
        tables.append(
            PageTable(
                f"{name} against {first}: the accounts of the two books",
                f"{book['first_day']} to {book['last_day']}, marked at every close, as shares of the starting equity.",
                pd.DataFrame(_rows(book["measures"], first, name)),
            )
        )
    sides = (("baseline", first), ("candidate", name))
    acted = pd.concat([acted_table(book["actions"][key]).assign(Book=label) for key, label in sides])
    if len(acted):
        tables.append(PageTable(f"{name} and {first}: which limit acted when", "", acted))
    return tables


_GROUPS = {
    "volatility": "Thirds of each symbol's trades by ATR over the close at the entry; they describe the past and could "
    "not have been known at the time."
}


def _rows(measures: Mapping[str, Mapping[str, Any]], first: str, name: str) -> list[dict[str, str]]:
    rows = []
    for key, one in measures.items():
        size = max((abs(one[side]) for side in ("baseline", "candidate") if one[side]), default=1.0)
        digits = min(5, max(2, 2 - math.floor(math.log10(size)))) if size > 0 else 3
        rows.append(
            {
                "Measure": LABELS[key] + (", lower is better" if key in _LOWER else ""),
                first: _text(one["baseline"], f"+.{digits}f"),
                name: _text(one["candidate"], f"+.{digits}f"),
                "Difference": _with_range(one["difference"], (one["low"], one["high"]), digits),
                "p (adjusted)": _text(one.get("p_adjusted"), ".3f"),
                "Detectable": _text(one["detectable"], f".{digits}f"),
            }
        )
    return rows


def _model_table(pair: Mapping[str, Any], name: str, first: str) -> PageTable:
    measures = {key: pair[key] for key in ("log_loss", "calibration_error")}
    rows = _rows(measures, first, name)
    value = pair["value"]
    if value is not None:
        rows.append(
            {
                "Measure": "R per trade of an exit on its signal",
                first: _text(value["baseline_r"], "+.3f"),
                name: _text(value["candidate_r"], "+.3f"),
                "Difference": _with_range(value["difference_r"], (value["low"], value["high"]), 3),
                "p (adjusted)": _text(value["p_value"], ".3f"),
                "Detectable": _text(value["detectable_r"], ".3f"),
            }
        )
    return PageTable(
        f"{name} against {first}", f"{pair['n_rows']:,} rows that both predict out of fold.", pd.DataFrame(rows)
    )


def _pictures(pairs: Any, names: Mapping[str, str], first: str) -> list[PictureGroup]:
    groups = []
    for pair in pairs:
        rows = [
            {"policy": f"{grouping} {row['group']}", "difference_r": row["difference_r"], "low": row["interval"][0],
             "high": row["interval"][1]}
            for grouping, some in pair["by"].items()
            if grouping != "symbol" and len(some) > 1
            for row in some
            if row["interval"][0] is not None
        ]  # fmt: skip
        if rows:
            name = names[pair["source"]]
            alt = "; ".join(f"{row['policy']} {row['difference_r']:+.3f} R" for row in rows)
            title = f"{name} minus {first}, by group"
            figure = forest_picture(pd.DataFrame(rows), name, other=first)
            section = "Difference by group" if len(pairs) == 1 else title
            groups.append(PictureGroup(section, [to_page(figure, "forest", f"{title}: {alt}.", title=title)]))
    return groups


def _short(sources: list[str]) -> dict[str, str]:
    last = [source if source.startswith("models:") else Path(source).name or source for source in sources]
    return dict(zip(sources, last if len(set(last)) == len(last) else sources, strict=True))


def _with_range(value: Any, ends: Any, digits: int) -> str:
    low, high = (_text(end, f"+.{digits}f") for end in ends)
    shown = _text(value, f"+.{digits}f")
    return f"{shown} [{low}, {high}]" if low and high else shown


def _text(value: Any, form: str) -> str:
    if value is None or not math.isfinite(value):
        return ""
    return format(value, form).replace("-", "−")
