"""The tables on the page of a tuning."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from exitladder.pipelines.pages.page import PageTable, PictureGroup


def fold_table(folds: pd.DataFrame) -> PageTable:
    """Return the table of test parts: the ladder tuned before each, and its out-of-sample result.

    Parameters
    ----------
    folds : DataFrame
        With the columns of `Tuned.folds_frame`.
    """
    return PageTable(
        "Walk-forward test parts",
        "Each ladder was tuned on the trades that had ended by the start of its part and scored once on the trades of "
        "that part. Means are net R per trade; a single part is too short for conclusions.",
        pd.DataFrame(
            {
                "Scored from": [str(stamp)[:10] for stamp in folds["test_from"]],
                "Training trades": folds["n_training"],
                "Trades scored": folds["n_test"],
                "Ladder": folds["ladder_text"],
                "Baseline": folds["baseline"],
                "Ladder (R)": folds["tuned_r"],
                "Baseline (R)": folds["baseline_r"],
                "Difference (R)": folds["difference_r"],
            }
        ),
        {
            "Training trades": ",.0f",
            "Trades scored": ",.0f",
            "Ladder (R)": "+.3f",
            "Baseline (R)": "+.3f",
            "Difference (R)": "+.3f",
        },
    )


def recommendation_tables(
    parts: pd.DataFrame, evidence: pd.DataFrame, facts: Mapping[str, Any], model: str
) -> list[PageTable]:
    """Return the exits recommended before each part with their results, and the comparisons behind the last choice.

    Parameters
    ----------
    parts, evidence : DataFrame
        ``recommended_parts`` and ``recommended_evidence`` of `Tuned.to_mapping`.
    facts : mapping
        ``recommended`` of the same.
    model : str
        The results with and without the model, in words; empty without one.

    Returns
    -------
    list of PageTable
    """
    low, high = facts["interval_from_default"]
    interval = "" if low is None or high is None else f" (CI [{low:+.3f}, {high:+.3f}])"
    mean, difference = facts["expectancy_r"], facts["difference_from_default_r"]
    shown = (
        ""
        if mean is None or difference is None
        else (f" Together they earned {mean:+.3f} R per trade, {difference:+.3f} R vs {facts['default']}{interval}.")
    )
    tables = [
        PageTable(
            "Recommended exit before each part",
            "The choice between your exits, the simple exits and the ladders was itself made on the past of each part "
            f"and scored on the part.{shown} {model}".strip(),
            pd.DataFrame(
                {
                    "Part": [str(fold) for fold in parts["fold"]],
                    "Exit": parts["exit"],
                    "Trades scored": parts["n_scored"],
                    "Expectancy (R)": parts["expectancy_r"],
                }
            ),
            {"Trades scored": ",.0f", "Expectancy (R)": "+.3f"},
        )
    ]
    if len(evidence):
        ends = zip(evidence["interval"], evidence["difference_r"], strict=True)
        known = [None not in interval and value is not None for interval, value in ends]
        evidence = evidence[known]
    if len(evidence):
        tables.append(
            PageTable(
                "Comparisons behind the recommendation",
                "A more complex exit replaces a simpler one only if it earned significantly more, after correction for "
                "the number of exits compared (Holm). All trades are out of sample.",
                pd.DataFrame(
                    {
                        "Exit": evidence["exit"],
                        "Compared with": evidence["against"],
                        "Trades": evidence["n_trades"],
                        "Difference (R)": evidence["difference_r"],
                        "Low (R)": [ends[0] for ends in evidence["interval"]],
                        "High (R)": [ends[1] for ends in evidence["interval"]],
                        "p (adjusted)": evidence["p_adjusted"],
                        "Verdict": [str(kind).replace("_", " ") for kind in evidence["verdict"]],
                    }
                ),
                {
                    "Trades": ",.0f",
                    "Difference (R)": "+.3f",
                    "Low (R)": "+.3f",
                    "High (R)": "+.3f",
                    "p (adjusted)": ".3f",
                },
            )
        )
    return tables


def limited_table(rows: Sequence[Mapping[str, Any]], name: str = "policy") -> list[PageTable]:
    """Return the table of one account with limits under each exit; nothing without a limit.

    Parameters
    ----------
    rows : sequence of mapping
        With the keys of `exitladder.measures.limited.account_result`.
    name : str
        The key that names the exit.

    Returns
    -------
    list of PageTable
        At most one.
    """
    if not rows:
        return []
    table = pd.DataFrame(list(rows))
    return [
        PageTable(
            "One account with limits",
            "The trades that one account can take in the order of their entries; those that account.max_open or "
            "account.capital forbids are left out, and no other trade is entered instead. A position is freed at the "
            "close of the bar of its last sale. Sharpe ratio and drawdown are of the account valued at every close.",
            pd.DataFrame(
                {
                    "Exit": table[name],
                    "Taken": table["n_taken"],
                    "Left out": table["n_left_out"],
                    "Total (R)": table["total_r"],
                    "R per bar": table["r_per_bar"],
                    "Sharpe": table["sharpe_daily"],
                    "Drawdown of this account (R)": table["max_drawdown_r"],
                    "Net P&L": table["net_pnl"],
                }
            ),
            {
                "Taken": ",.0f",
                "Left out": ",.0f",
                "Total (R)": "+.1f",
                "R per bar": "+.4f",
                "Sharpe": ".2f",
                "Drawdown of this account (R)": ".1f",
                "Net P&L": "+,.0f",
            },
        )
    ]


def account_table(accounts: pd.DataFrame) -> PageTable:
    """Return the table of accounts that run through all test parts.

    Parameters
    ----------
    accounts : DataFrame
        With the columns of `exitladder.pipelines.tuning.evidence.account`.
    """
    return PageTable(
        "Account over all test parts",
        "All test parts in sequence, 1R at risk per trade, open positions valued at every close: "
        f"{int(accounts['n_days'].iloc[0]):,} calendar days. Sharpe, Sortino and Calmar are annualised.",
        pd.DataFrame(
            {
                "Policy": accounts["policy"],
                "Total (R)": accounts["total_r"],
                "Sharpe": accounts["sharpe"],
                "Sortino": accounts["sortino"],
                "Account drawdown (R)": accounts["max_drawdown_r"],
                "Calmar": accounts["calmar"],
                "Ulcer (R)": accounts["ulcer_r"],
            }
        ),
        {
            "Total (R)": "+.1f",
            "Sharpe": ".2f",
            "Sortino": ".2f",
            "Account drawdown (R)": ".1f",
            "Calmar": ".2f",
            "Ulcer (R)": ".1f",
        },
    )


def what_if_group(found: Mapping[str, Any]) -> PictureGroup:
    """Return the section on other stops and targets.

    Parameters
    ----------
    found : mapping
        The content of ``what_if.json``.
    """
    heads = ["no target" if target is None else f"target {target:g} R" for target in found["targets"]]
    n = len(heads)
    rows = [
        {"Stop": f"{stop:g} R", **dict(zip(heads, found["scored_r"][k * n : (k + 1) * n], strict=True))}
        for k, stop in enumerate(found["stops"])
    ]
    low, high = found["chosen_interval"]
    ends = "" if low is None or high is None else f" (CI [{low:+.3f}, {high:+.3f}])"
    chosen = "unknown" if found["chosen_r"] is None else f"{found['chosen_r']:+.3f} R per trade{ends}"
    table = PageTable(
        "Other stops and targets",
        f"Mean net R of the {found['n_scored']:,} scored trades, all sold at one target, with a time stop of "
        f"{found['longest_bars']:,} bars. R is the risk to your own stop.",
        pd.DataFrame(rows),
        dict.fromkeys(heads, "+.3f"),
    )
    text = (
        "What would another stop and target have earned? The best cell is known only afterwards. Taking the pair that "
        f"was best on the past, again before each test part, earned {chosen} out of sample."
    )
    return PictureGroup("What if: stop and target", [], text, widget="what_if", table=table)


_LEFT_OUT = {
    "entry_outside_bar": "left out: entry outside its bar by more than 0.1 R",
    "across_split": "left out: across an unadjusted split",
    "tick_too_wide": "left out: tick above R/4",
}
_ENTRIES = {
    "n_at_open": "entries at their bar's open, by price",
    "n_at_close": "entries at their bar's close, by price",
    "n_unsettled": "entries at neither price, counted from the next bar on",
}


def data_rows(data: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return counts of trades left out and of assumptions on entries, those of 0 omitted.

    Parameters
    ----------
    data : mapping
        ``data`` of ``tune.json`` or ``summary.json``; empty for files of an older version.
    """
    left_out, entries = data.get("left_out", {}), data.get("entries", {})
    rows = [(_LEFT_OUT.get(reason, reason), n) for reason, n in left_out.items()]
    rows += [(text, entries.get(name, 0)) for name, text in _ENTRIES.items()]
    rows += [("entered and closed inside one bar", data.get("n_same_bar", 0))]
    return [(text, f"{n:,}") for text, n in rows if n]


def open_rows(result: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the trades of the verdict that are still open, and their part in the difference; nothing without them.

    Parameters
    ----------
    result : mapping
        ``tune.json`` or ``summary.json``.
    """
    found = result.get("open_trades")
    if not found:
        return []
    # adding zero turns a negative zero into zero
    share = "" if found["share"] is None else f" ({round(found['share'], 2) + 0.0:.0%} of it)"
    rows = [
        (
            "of the trades in the verdict, still open",
            f"{found['n']:,} ({found['n_candidate']:,} under the ladder, {found['n_baseline']:,} under the exit it is "
            "compared with)",
        ),
        ("their part in the difference", f"{found['contribution_r']:+.3f} R per trade{share}"),
    ]
    low, high = found["interval_without"]
    if low is not None and high is not None:
        without = f"{found['difference_without_r']:+.3f} R per trade, CI [{low:+.3f}, {high:+.3f}]"
        rows.append((f"difference without them, {found['n_without']:,} trades", without))
    return rows


def unsaid_notes(result: Mapping[str, Any]) -> list[str]:
    """Return the notes on the data that the verdict of a run does not already have."""
    notes: list[str] = result.get("data", {}).get("notes", [])
    return [note for note in notes if note not in (result.get("verdict_text") or "")]


def before_or_after(text: str, summary: Mapping[str, Any]) -> str:
    """Return a text that says "after costs" as "before costs" if none were set.

    Examples
    --------
    >>> before_or_after("net gain, after costs", {"data": {"before_costs": True}})
    'net gain, before costs'
    """
    is_before = (summary.get("data") or {}).get("before_costs", False)
    return text.replace("after costs", "before costs") if is_before else text
