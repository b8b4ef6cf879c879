"""The tables of the account on the page of a backtest: sizes against constant size, and a book with its limits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from exitladder.pipelines.pages.page import PageTable
from exitladder.plans.limits import LEFT_OUT
from exitladder.plans.target import TARGET

_ROWS = (
    ("final_equity", "Final equity", "{:,.0f}"),
    ("growth_per_trade", "Growth per trade", "{:+.3%}"),
    ("growth_per_year", "Growth per year", "{:+.1%}"),
    ("max_drawdown", "Maximum drawdown", "{:.1%}"),
    ("drawdown_95", "Drawdown in the worst 5% of resamples", "{:.1%}"),
    ("risk_of_ruin", "Risk of ruin", "{:.1%}"),
)


_ACCOUNT = (
    ("return_per_year", "Return per year", "{:+.1%}"),
    ("sharpe_daily", "Sharpe ratio, daily, annualised", "{:+.2f}"),
    ("max_drawdown", "Drawdown at closes", "{:+.1%}"),
    ("cvar_5_daily", "CVaR 5% of a day", "{:+.2%}"),
)


def size_tables(summary: Mapping[str, Any]) -> list[PageTable]:
    """Return the size rule beside constant size, and the growth of fixed fractions; nothing without a size rule.

    Parameters
    ----------
    summary : mapping
        The content of ``summary.json``.
    """
    sizes = summary.get("sizes")
    if not sizes or "sized" not in sizes:
        return []
    ruin = sizes.get("ruin")
    level = (
        ""
        if ruin is None
        else f" Ruin: {ruin['level']:.0%} of the starting equity lost within {ruin['horizon_trades']:,} trades; "
        f"{ruin['n_resamples']:,} block resamples of these trades."
    )
    found = [
        PageTable(
            "Sizes",
            f"{sizes['in_words'][:1].upper()}{sizes['in_words'][1:]}, against the same trades with one planned risk in "
            f"money. Both start with {sizes['equity']:,.0f}.{level}",
            pd.DataFrame([_row(sizes, *row) for row in _ROWS]),
        )
    ]
    curve = sizes.get("fractions")
    if curve:
        best = curve["optimal"]
        found.append(
            PageTable(
                "Growth by fraction of equity at risk",
                f"Mean logarithm of growth per trade. In hindsight {best['value']:.1%}{_ends(best, '{:.1%}')} grew "
                "fastest; larger fractions grow more slowly and then shrink the account.",
                pd.DataFrame(
                    [
                        {"Fraction": f"{row['fraction']:.1%}", "Growth per trade": _text(row, "{:+.3%}")}
                        for row in curve["curve"]
                    ]
                ),
                is_detail=True,
            )
        )
    return found


def _row(sizes: Mapping[str, Any], key: str, label: str, form: str) -> dict[str, str]:
    return {
        "Measure": label,
        "This rule": _text(sizes["sized"].get(key), form),
        "Constant": _text(sizes["constant"].get(key), form),
        "Difference": _text((sizes.get("difference") or {}).get(key), form.replace(":.", ":+.").replace(":,", ":+,")),
    }


def _text(entry: Any, form: str) -> str:
    """Return a number, or a value with its interval, with true minus signs."""
    if entry is None:
        return ""
    if not isinstance(entry, Mapping):
        return form.format(entry).replace("-", "−")
    if entry["value"] is None:
        return ""
    return (form.format(entry["value"]) + _ends(entry, form)).replace("-", "−")


def _ends(entry: Mapping[str, Any], form: str) -> str:
    if entry["low"] is None or entry["high"] is None:
        return ""
    return f" [{form.format(entry['low'])}, {form.format(entry['high'])}]"


def acted_table(actions: Mapping[str, Mapping[str, Any]]) -> pd.DataFrame:
    """Return how often and when each limit acted.

    Parameters
    ----------
    actions : mapping of str to mapping
        Of `exitladder.pipelines.comparison.books.acted_when`.
    """
    rows = [
        {
            "What acted": name,
            "Times": f"{some['n']:,}",
            "First": some["first"],
            "Last": some["last"],
            "By year": ", ".join(f"{year}: {n:,}" for year, n in some["by_year"].items()),
        }
        for name, some in actions.items()
    ]
    return pd.DataFrame(rows)


def _against_no_limits(against: Mapping[str, Any] | None) -> list[PageTable]:
    """Return the differences of the account from that without limits."""
    if not against or not against["measures"]:
        return []
    rows = [
        {
            "Measure": label,
            "With limits": _text(one["candidate"], form),
            "Without": _text(one["baseline"], form),
            "Difference": _text({"value": one["difference"], "low": one["low"], "high": one["high"]}, form),
        }
        for key, label, form in _ACCOUNT
        for one in (against["measures"][key],)
    ]
    return [
        PageTable(
            "The limits against no limits",
            "Marked at every close, as shares of the starting equity; intervals resample blocks of calendar days of "
            "both accounts together.",
            pd.DataFrame(rows),
        )
    ]


def book_tables(summary: Mapping[str, Any]) -> list[PageTable]:
    """Return the account of a plan with limits or a book, and the back-tests of its values at risk.

    Parameters
    ----------
    summary : mapping
        The content of ``summary.json``.

    Returns
    -------
    list of PageTable
        Nothing without a book.
    """
    book = summary.get("book")
    if not book:
        return []
    alone = book["without_limits"]
    fall = "" if alone["max_drawdown"] is None else f"{alone['max_drawdown']:,.0f}"
    rows: list[tuple[str, str, str]] = [
        ("Profit", f"{book['net_pnl']:+,.0f}", f"{alone['net_pnl']:+,.0f}"),
        ("Largest fall", f"{book['max_drawdown']:,.0f}", fall),
        ("Most positions open", f"{book['max_open']:,}", ""),
    ]
    if book["max_exposure"] is not None:
        rows.append(("Largest exposure, of equity", f"{book['max_exposure']:.2f}x", ""))
    rows += [(f"Entries left out: {LEFT_OUT.get(why, why)}", f"{n:,}", "") for why, n in book["left_out"].items()]
    rows += [
        ("Purchases and sales to the target" if name == TARGET else f"Reductions by {_limit(name)}", f"{n:,}", "")
        for name, n in book["reductions"].items()
    ]
    rows += [(f"Closes at which {_limit(name)} was unknown", f"{n:,}", "") for name, n in book["not_judged"].items()]
    calls = (("n_margin_calls", "Liquidated at a close"), ("n_worst_calls", "Liquidated at the worst prices of a bar"))
    rows += [(text, f"{book[key]:,}", "") for key, text in calls if book[key]]
    money = "" if book["equity_start"] is None else f" It starts with {book['equity_start']:,.0f}."
    found = [
        PageTable(
            "One account",
            f"All trades side by side with the limits of the plan, and the same entries without any limit.{money}",
            pd.DataFrame(rows, columns=["", "With limits", "Without"]),
        )
    ]
    found += _against_no_limits(book.get("against_without_limits"))
    if book["var_tests"]:
        tests = [{"Of": name, "Back-test": test["text"]} for name, test in book["var_tests"].items()]
        found.append(
            PageTable(
                "Is the value at risk right?",
                "Each forecast is compared with the loss that followed.",
                pd.DataFrame(tests),
                is_detail=True,
            )
        )
    return found


def _limit(name: str) -> str:
    """Return the name of a limit in words.

    Examples
    --------
    >>> _limit("book.limits[2]"), _limit("limits[1]")
    ("the book's limit 2", 'limit 1')
    """
    return name.replace("book.limits[", "the book's limit ").replace("limits[", "limit ").removesuffix("]")
