"""The screen of `compare`: the verdict of each pair, then its measures, the account and where it comes from."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from exitladder.cli.screens.parts import in_r, share, short_verdict, signed, texts_table, with_range

MEASURES = {
    "expectancy_r": "R per trade",
    "after_impact_r": "R after impact",
    "r_per_bar": "R per bar",
    "r_per_year": "R per year",
    "sharpe_daily": "Sharpe ratio",
    "max_drawdown_r": "entry-locked drawdown, R",
    "cvar_5_r": "CVaR 5%, R",
    "mean_capture": "capture",
    "cost_r": "costs, R",
    "return_per_year": "return a year",
    "max_drawdown": "drawdown",
    "cvar_5_daily": "CVaR 5%, day",
}
"""The measures of a comparison as a table names them."""
_ACCOUNT = {"max_drawdown_r": "drawdown booked, R"}
_DRAWDOWNS = (
    "Account drawdown: open positions valued at every close; a verdict speaks of this one. Entry-locked drawdown: the "
    "same entries, every trade taken, results booked with each fill."
)
_MOST_GROUPS = 15
_MOST_TRADES = 5


def compare_screen(found: Mapping[str, Any], width: int) -> str:
    """Return the screen of a comparison.

    Parameters
    ----------
    found : mapping
        What ``--format json`` prints.
    width : int
        Characters per line.

    Returns
    -------
    str
    """
    pairs = found["pairs"]
    lines = []
    for pair in pairs:
        lines += [short_verdict(pair["verdict_text"]), ""]
    short = _short_names(list(found["sources"]))
    if found.get("kind") == "models":
        return "\n".join(lines) + _models(found, short, width)
    # a pair without a trade out of sample has its sentence, and no numbers
    rows = [_pair(short[pair["source"]], pair) for pair in pairs if pair["n_trades"]]
    text = "\n".join(lines)
    if rows:
        text += f"\nAgainst {short[found['baseline']]}, R per trade on the trades that both runs hold\n"
        text += texts_table(rows, width) + stepwise_text(found, short)
    for pair in pairs:
        name, first = short[pair["source"]], short[found["baseline"]]
        text += _measures(name, first, pair, found, width) + _book(name, first, pair.get("book"))
    # With several runs the groups would hide the rest; the page and the JSON have those of every pair.
    text += _origin(pairs[0], width) if len(pairs) == 1 else ""
    runs = [_run(short[name], metrics) for name, metrics in found["sources"].items()]
    text += "\nEach run on all of its own trades\n" + texts_table(runs, width)
    return text + textwrap.fill(_DRAWDOWNS, width) + "\n"


def stepwise_text(found: Mapping[str, Any], short: Mapping[str, str]) -> str:
    """Return the result of the stepwise test in a sentence; empty for a single pair."""
    steps = found.get("stepwise")
    if not steps:
        return ""
    better = ", ".join(short[name] for name in steps["superior"]) or "none"
    return (
        f"Better than {short[found['baseline']]} by the stepwise test of all together: {better} "
        f"({steps['n_trades']:,} trades that all share).\n"
    )


def measure_rows(
    measures: Mapping[str, Mapping[str, Any]], names: Mapping[str, str] = MEASURES
) -> list[dict[str, Any]]:
    """Return a row of texts for each measure: both sides, the difference and its interval, p, detectable."""
    rows = []
    for name, one in measures.items():
        digits = digits_of(one)
        rows.append(
            {
                "measure": names[name],
                "first": signed(one["baseline"], digits),
                "this": signed(one["candidate"], digits),
                "difference [CI]": with_range(
                    {"value": one["difference"], "low": one["low"], "high": one["high"]}, digits
                ),
                "p adj.": _number(one.get("p_adjusted"), "{:.3f}"),
                "detects": _number(one["detectable"], f"{{:.{digits}f}}"),
            }
        )
    return rows


def digits_of(one: Mapping[str, Any]) -> int:
    """Return the decimals that show three significant digits of a measure's larger side."""
    size = max((abs(one[key]) for key in ("baseline", "candidate") if one[key]), default=1.0)
    return min(4, max(1, 2 - math.floor(math.log10(size)))) if size > 0 else 3


def group_rows(groups: Iterable[Mapping[str, Any]], most: int) -> list[dict[str, Any]]:
    """Return a row of texts for each group, at most `most`: those with the largest part in the difference."""
    known = sorted(groups, key=lambda row: -abs(row["difference_r"] * row["n_trades"]))[:most]
    return [
        {
            "group": row["group"],
            "trades": f"{row['n_trades']:,}",
            "difference [CI]": with_range(
                {"value": row["difference_r"], "low": row["interval"][0], "high": row["interval"][1]}
            ),
            "p adj.": _number(row.get("p_adjusted"), "{:.3f}"),
        }
        for row in sorted(known, key=lambda row: row["group"])
    ]


def decisive_text(some: Mapping[str, Any]) -> str:
    """Return how many trades made the difference, in a sentence or two."""
    text = f"{some['n_gained']:,} trades gained, {some['n_lost']:,} lost, {some['n_equal']:,} are equal."
    if some["n_half"]:
        trades = "trade makes" if some["n_half"] == 1 else "trades make"
        text += f" {some['n_half']:,} {trades} half of the gains."
    if some["difference_without_top_r"] is not None:
        text += f" Without the top {some['n_top']:,}: {signed(some['difference_without_top_r'])} R per trade."
    return text


def _measures(name: str, first: str, pair: Mapping[str, Any], found: Mapping[str, Any], width: int) -> str:
    if not pair["measures"]:
        return ""
    text = f"\n{name} against {first}: the same entries, every trade taken\n"
    text += texts_table(measure_rows(pair["measures"]), width)
    if "money" in pair:
        text += "\n" + textwrap.fill(pair["money"]["text"], width) + "\n"
    account = pair["account"]
    if account:
        ours, theirs = account["candidate"], account["baseline"]
        text += (
            f"\n{found['account_limits']['text']} {name} takes {ours['n_taken']:,} of the trades "
            f"({signed(ours['total_r'], 1)} R), {first} {theirs['n_taken']:,} ({signed(theirs['total_r'], 1)} R).\n"
        )
        text += texts_table(measure_rows(account["measures"], MEASURES | _ACCOUNT), width)
    return text


def _book(name: str, first: str, book: Mapping[str, Any] | None) -> str:
    """Return the accounts of two books, and when their limits acted."""
    if not book:
        return ""
    text = f"\n{name} against {first}: the accounts of the two books"
    if book["measures"]:
        text += f", {book['first_day']} to {book['last_day']}, as shares of starting equity"
    text = textwrap.fill(text.strip(), 78) + "\n"
    text = "\n" + text + (texts_table(measure_rows(book["measures"]), 80) if book["measures"] else "")
    sides = [book["actions"][key] for key in ("baseline", "candidate")]
    rows = [
        {"acted": action, "first": _acted(sides[0].get(action)), "this": _acted(sides[1].get(action))}
        for action in sorted({*sides[0], *sides[1]})
    ]
    return text + ("\n" + texts_table(rows, 80) if rows else "No limit acted in either.\n")


def _acted(some: Mapping[str, Any] | None) -> str:
    return "" if some is None else f"{some['n']:,} times, {some['first']} to {some['last']}"


def _origin(pair: Mapping[str, Any], width: int) -> str:
    """Return where the difference of a pair comes from: groups and decisive trades."""
    some, text = pair["decisive"], ""
    if not some:
        return ""
    for grouping, groups in pair["by"].items():
        if len(groups) > 1:
            rows = [{grouping: row.pop("group"), **row} for row in group_rows(groups, _MOST_GROUPS)]
            shown = f" ({len(rows)} of {len(groups)}, those with the largest part)" if len(rows) < len(groups) else ""
            text += f"\nDifference by {grouping}{shown}\n" + texts_table(rows, width)
    rows = [
        {
            "trade": row["trade_id"],
            "symbol": row.get("symbol", ""),
            "entry": str(row.get("entry_time", ""))[:10],
            "first": signed(row.get("r_first"), 2),
            "this": signed(row.get("r"), 2),
            "difference": signed(row["difference_r"], 2),
        }
        for row in some["trades"][:_MOST_TRADES]
    ]
    return text + f"\n{decisive_text(some)}\n" + (texts_table(rows, width) if rows else "")


def _models(found: Mapping[str, Any], short: Mapping[str, str], width: int) -> str:
    rows = []
    for pair in found["pairs"]:
        for label, one in (("log loss", pair["log_loss"]), ("calibration error", pair["calibration_error"])):
            rows.append(
                {
                    "model": short[pair["source"]],
                    "measure": label,
                    "difference [CI]": with_range({"value": one["difference"], **one}, 4),
                    "p": _number(one["p_value"], "{:.3f}"),
                }
            )
        value = pair["value"]
        if value is not None:
            ends = {"value": value["difference_r"], "low": value["low"], "high": value["high"]}
            rows.append(
                {
                    "model": short[pair["source"]],
                    "measure": "R per trade of its exit",
                    "difference [CI]": with_range(ends),
                    "p": _number(value["p_value"], "{:.3f}"),
                }
            )
    each = [
        {
            "model": short[name],
            "log loss": _number(one["log_loss"], "{:.4f}"),
            "Brier": _number(one["brier"], "{:.4f}"),
            "AUC": _number(one["auc"], "{:.3f}"),
            "calibration error": _number(one["calibration_error"], "{:.3f}"),
        }
        for name, one in found["sources"].items()
    ]
    n = found["pairs"][0]
    head = f"\nAgainst {short[found['baseline']]}, on {n['n_rows']:,} rows of {n['n_trades']:,} trades, out of fold\n"
    return head + texts_table(rows, width) + "\nEach model on these rows\n" + texts_table(each, width)


def _number(value: Any, form: str) -> str:
    return "" if value is None or (isinstance(value, float) and math.isnan(value)) else form.format(value)


def _short_names(sources: list[str]) -> dict[str, str]:
    """Return the last part of each path, or the whole path if two end alike; a model's reference stays whole."""
    last = [source if source.startswith("models:") else Path(source).name or source for source in sources]
    return dict(zip(sources, last if len(set(last)) == len(last) else sources, strict=True))


def _pair(name: str, pair: Mapping[str, Any]) -> dict[str, Any]:
    low, high = pair["interval"]
    return {
        "run": name,
        "trades": f"{pair['n_trades']:,}",
        "difference [CI]": with_range({"value": pair["difference_r"], "low": low, "high": high}),
        "p": "" if pair["p_value"] is None else f"{pair['p_value']:.3f}",
        "p adjusted": "" if pair["p_adjusted"] is None else f"{pair['p_adjusted']:.3f}",
        "verdict": (pair["verdict"] or "none").replace("_", " "),
    }


def _run(name: str, metrics: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "run": name,
        "trades": f"{metrics['n_trades']:,}",
        "open": f"{metrics['n_open']:,}",
        "skipped": f"{metrics['n_skipped']:,}",
        "R per trade": signed(metrics["expectancy_r"]),
        "win rate": share(metrics["win_rate"]),
        "total R": signed(metrics["total_r"], 1),
        "account drawdown": in_r(metrics.get("max_drawdown_account_r")),
    }
