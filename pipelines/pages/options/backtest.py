"""The page of a backtest of options: the verdict, both equities, the positions, and what each condition did."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from exitladder.pipelines.options.evidence import HOLD, STOP_ONLY
from exitladder.pipelines.pages.interactive.data import equity_data
from exitladder.pipelines.pages.page import KeyNumber, PageContent, PageTable, PictureGroup, Reproduction
from exitladder.pipelines.plots.pictures import policy_pictures
from exitladder.pipelines.tracking.saved_files import read_json, read_saved_table
from exitladder.plans.file import read_ladder
from exitladder.plans.ladder import Ladder
from exitladder.plans.provenance import without_fingerprints
from exitladder.plans.words import rung_in_words

_MOST = 60
_ENDS = 30
_EVENTS = {
    "assigned_early": "assigned before expiry",
    "delivered": "ended in shares",
    "pin": "settled between the strikes",
    "kept_leg": "kept a long leg that had no bid",
    "waited": "waited for a quote or for size",
    "split": "went through a split",
    "quotes_ended": "had no quotes on the last day",
    "entry_cut": "entered with less than wanted",
    "entry_large": "entered with more than the quotes showed",
    "entry_outside": "entered at a better premium than any quote of the bar",
    "inactive_rung": "has a target on the losing side",
}
_ORDERS = {
    "stop": "Stop on the premium",
    "time": "Time stop",
    "expiry": "Expiry",
    "assignment": "Assignment, and the leg that was left",
}


def options_backtest_page(folder: Path) -> PageContent:
    """Return the page of a backtest of options from the files in its folder.

    Parameters
    ----------
    folder : Path

    Returns
    -------
    PageContent

    Raises
    ------
    InputFileError
        If a file is missing or damaged.
    """
    trades = read_saved_table(folder / "trades.csv", {"trade_id": str, "symbol": str})
    fills = read_saved_table(folder / "fills.csv", {"trade_id": str})
    file = folder / "decisions.csv"
    decisions = read_saved_table(file, {"trade_id": str}) if file.is_file() else pd.DataFrame()
    summary, plan = read_json(folder / "summary.json"), read_ladder(folder / "ladder.toml")
    name = plan.name
    columns = {name: "r", HOLD: "hold_to_expiry_r", STOP_ONLY: "stop_only_r"}
    done = trades.dropna(subset=["r"])
    net_r = pd.DataFrame(
        {policy: done[column].to_numpy() for policy, column in columns.items() if column in done},
        index=pd.to_datetime(done["entry_time"], utc=True),
    ).sort_index()
    return PageContent(
        title=f"Backtest of '{name}' on options",
        subtitle=f"{len(trades):,} position{'s' if len(trades) != 1 else ''} in {_underlyings(trades)}{_span(trades)}",
        verdict=summary["verdict"],
        verdict_text=summary["verdict_text"],
        key_numbers=_key_numbers(summary),
        policies=_policies(name, summary, net_r),
        candidate=name,
        tables=[_conditions_table(plan, fills, decisions), *_hedge_table(summary.get("hedge"))],
        groups=[*_results(net_r, name), PictureGroup("Positions", [], table=_positions_table(trades))],
        data_notes=_data_notes(trades, summary),
        method=(
            "Sales fill at the bid and purchases at the ask of the next usable quote after the decision, never at the "
            "mid, and take at most the size that the quote before showed. A mark is the price at which the position "
            "could be closed: a bought leg at its bid, a sold one at its ask. Holding to expiry is doing nothing.",
            "Positions whose quotes end before their expiry are open and count at their last mark. Confidence "
            "intervals resample days of entry, since positions of one day share one market; with too few days there is "
            "none. They cover sampling error, but not changes in the market, worse fills than the quotes, or entries "
            "selected with hindsight.",
        ),
        has_standard_method=False,
        reproduction=_reproduction(summary),
        charts={"equity": equity_data(net_r, name, None)} if _has_equity(net_r) else {},
        ladder_toml=without_fingerprints((folder / "ladder.toml").read_text(encoding="utf-8")),
    )


def _has_equity(net_r: pd.DataFrame) -> bool:
    """Return whether there are entries on more than one day: equity of a single one is a point."""
    return len(set(net_r.index.normalize())) > 1 if isinstance(net_r.index, pd.DatetimeIndex) else False


def _results(net_r: pd.DataFrame, name: str) -> list[PictureGroup]:
    """Return equity and distribution of the plan and of the exits beside it."""
    if not len(net_r):
        return []
    pictures = policy_pictures(net_r, name)
    if _has_equity(net_r):
        return [PictureGroup("Equity", pictures, "By entry: each position counts when it was entered.", "equity")]
    return [PictureGroup("Distribution of results", pictures[1:])]


def _underlyings(trades: pd.DataFrame) -> str:
    names = sorted(set(trades["symbol"]))
    return names[0] if len(names) == 1 else f"{len(names):,} underlyings"


def _span(trades: pd.DataFrame) -> str:
    entries = pd.to_datetime(trades["entry_time"], utc=True).dropna()
    if not len(entries):
        return ""
    first, last = f"{entries.min():%Y-%m-%d}", f"{entries.max():%Y-%m-%d}"
    return f", entered {first}" if first == last else f", entered {first} to {last}"


def _key_numbers(summary: Mapping[str, Any]) -> list[KeyNumber]:
    shown = []
    rows = (
        ("expectancy per position", summary["expectancy_r"], "mean net R under the plan"),
        ("held to expiry", summary["beside"][HOLD]["expectancy_r"], "mean net R of doing nothing"),
        ("difference", summary["beside"][HOLD]["difference_r"], "the plan minus doing nothing, per position"),
    )
    for label, entry, note in rows:
        if entry.get("value") is None:
            continue
        ends = "" if entry.get("low") is None else f"; CI [{entry['low']:+.3f}, {entry['high']:+.3f}]"
        shown.append(KeyNumber(label, f"{entry['value']:+.3f} R", note + ends))
    shown.append(KeyNumber("net P&L", f"{summary['pnl']:+,.0f}", f"after costs of {summary['costs']:,.0f}"))
    if summary["n_open"]:
        shown.append(KeyNumber("still open", f"{summary['n_open']:,}", "counted at their last mark"))
    if summary["n_assigned_early"]:
        shown.append(KeyNumber("assigned early", f"{summary['n_assigned_early']:,}", "short legs, before expiry"))
    return shown


def _policies(name: str, summary: Mapping[str, Any], net_r: pd.DataFrame) -> pd.DataFrame:
    """Return the plan and the exits beside it, one row each."""
    rows = []
    for policy, entry in {name: summary, **summary["beside"]}.items():
        mean, against = entry["expectancy_r"], entry.get("difference_r") or {}
        r = net_r[policy].dropna() if policy in net_r else pd.Series(dtype=float)
        rows.append(
            {
                "policy": policy,
                "n_trades": len(r),
                "expectancy_r": mean["value"],
                "expectancy_low": mean["low"],
                "expectancy_high": mean["high"],
                "win_rate": float((r > 0).mean()) if len(r) else None,
                "difference_r": against.get("value") if policy != name else None,
                "low": against.get("low"),
                "high": against.get("high"),
            }
        )
    return pd.DataFrame(rows)


def _conditions_table(plan: Ladder, fills: pd.DataFrame, decisions: pd.DataFrame) -> PageTable:
    """Return what each rung, the stops and the ends of contracts closed, and what that earned."""
    exits = fills[fills["order"] != "entry"]
    rung = pd.to_numeric(exits["rung"])
    groups = [
        (f"{n}. {rung_in_words(one)}", exits[rung == n], _of_rung(decisions, n))
        for n, one in enumerate(plan.rungs, start=1)
    ]
    groups += [
        (text, exits[exits["order"] == code], _of_order(decisions, code))
        for code, text in _ORDERS.items()
        if (exits["order"] == code).any()
    ]
    rows = []
    for text, some, decided in groups:
        first_legs = some[some["leg"] == some.groupby("trade_id")["leg"].transform("min")]
        rows.append(
            {
                "Exit": text,
                "Decided": len(decided) if decided is not None else None,
                "Profit when decided (R)": decided["premium_r"].mean()
                if decided is not None and len(decided)
                else None,
                "Positions": some["trade_id"].nunique(),
                "Contracts closed": first_legs["quantity"].sum(),
                "Earned (R)": some["r"].sum(),
                "Commission": some["commission"].sum(),
            }
        )
    return PageTable(
        "What each condition did",
        "Decided: closes at which it held; the order fills at the next usable quote. Earned is the net R of its fills, "
        "counted in the R of whole positions, so the rows add up to the total of all positions that have ended. "
        "After a split, contracts count as those of the split.",
        pd.DataFrame(rows),
        {
            "Decided": ",.0f",
            "Profit when decided (R)": "+.2f",
            "Positions": ",.0f",
            "Contracts closed": ",.0f",
            "Earned (R)": "+.2f",
            "Commission": ",.2f",
        },
    )


def _of_rung(decisions: pd.DataFrame, n: int) -> pd.DataFrame | None:
    """Return the decisions of a rung; None of one that rests as a limit, which decides nothing."""
    return None if not len(decisions) else decisions[pd.to_numeric(decisions["rung"]) == n]


def _of_order(decisions: pd.DataFrame, code: str) -> pd.DataFrame | None:
    return decisions[decisions["order"] == code] if len(decisions) and code in ("stop", "time") else None


def _positions_table(trades: pd.DataFrame) -> PageTable:
    """Return the positions with their marks; of many the best and the worst."""
    shown, caption = (
        trades,
        "Prices are net premiums per unit as entered. Mark is the last one while it was held.",
    )
    if len(trades) > _MOST:
        ordered = trades.dropna(subset=["r"]).sort_values("r", kind="stable")
        shown = pd.concat([ordered.head(_ENDS), ordered.tail(_ENDS)]).drop_duplicates("trade_id")
        caption += f" Of {len(trades):,} positions the {_ENDS} worst and the {_ENDS} best; trades.csv has all."
    rows = pd.DataFrame(
        {
            "Position": shown["trade_id"],
            "Contract": [
                f"{side} {short_name(text)}" for side, text in zip(shown["side"], shown["contract"], strict=True)
            ],
            "Entered": [_day(stamp) for stamp in shown["entry_time"]],
            "Quantity": shown["quantity"],
            "Premium": shown["entry_price"],
            "Mark": shown.get("mark"),
            "Net R": shown["r"],
            "To expiry (R)": shown["hold_to_expiry_r"],
            "Net P&L": shown["pnl"],
            "End": [_end(row) for row in shown.to_dict("records")],
        }
    )
    forms = {
        "Quantity": ",.0f", "Premium": ",.2f", "Mark": ",.2f", "Net R": "+.2f", "To expiry (R)": "+.2f",
        "Net P&L": "+,.0f",
    }  # fmt: skip
    return PageTable("Positions", caption, rows, forms, is_stacked=True)


def short_name(contracts: str) -> str:
    """Return the name of a vertical with both strikes in one, and that of a single contract as it is.

    Examples
    --------
    >>> short_name("XYZ 2024-03-15 100 call / XYZ 2024-03-15 105 call")
    'XYZ 2024-03-15 100/105 call'
    """
    first, _, second = contracts.partition(" / ")
    if not second:
        return first
    head, strike, right = first.rsplit(" ", 2)
    return f"{head} {strike}/{second.rsplit(' ', 2)[1]} {right}"


def _day(stamp: Any) -> str:
    return "" if pd.isna(stamp) else str(stamp)[:16].replace("T", " ").removesuffix(" 00:00")


def _end(row: Mapping[Any, Any]) -> str:
    """Return how a position ended, and what happened to it."""
    if row["status"] == "skipped":
        return f"skipped: {row['reason']}"
    events = [flag.replace("_", " ") for flag in _EVENTS if row.get(flag) is True or row.get(flag) == "True"]
    how = "open" if row["status"] == "open" else f"{row['exit_order']} {_day(row['exit_time'])}"
    return "; ".join([how, *events])


def _hedge_table(hedge: Mapping[str, Any] | None) -> list[PageTable]:
    """Return what the hedge traded and did; nothing without one."""
    if not hedge or hedge.get("pnl") is None:
        return []
    rows = [("Trades", f"{hedge['n_trades']:,}"), ("Profit, after costs", f"{hedge['pnl']:+,.2f}")]
    rows += [("Costs", f"{hedge['costs']:,.2f}"), ("Closes with an unknown delta", f"{hedge['n_unknown']:,}")]
    if hedge.get("sd_daily"):
        rows += [(f"Deviation of a day {name} the hedge", f"{value:,.2f}") for name, value in hedge["sd_daily"].items()]
    table = pd.DataFrame(rows, columns=["Hedge of the delta", "Value"])
    return [PageTable("Hedge", "In money. It changes no fill of the options and no R.", table)]


def _data_notes(trades: pd.DataFrame, summary: Mapping[str, Any]) -> list[tuple[str, str]]:
    notes = [(str(kind), f"{int(n):,}") for kind, n in trades["status"].value_counts().items()]
    notes += [(f"skipped: {reason}", f"{n:,}") for reason, n in summary["skipped"].items()]
    notes += [
        (f"positions: {text}", f"{summary[f'n_{flag}']:,}")
        for flag, text in _EVENTS.items()
        if summary.get(f"n_{flag}")
    ]
    counted = (
        ("n_repeated", "rows that repeat another: one observation"),
        ("n_beyond_width", "verticals that lost more than their width allows"),
        ("n_closes_without_mark", "closes without a usable quote"),
        ("n_greeks_unknown", "quotes without an implied volatility"),
    )
    notes += [(text, f"{summary[name]:,}") for name, text in counted if summary.get(name)]
    return [*notes, ("quotes", str(summary["quotes"])), *(("assumed", note) for note in summary["notes"])]


def _reproduction(summary: Mapping[str, Any]) -> Reproduction | None:
    command = summary.get("command")
    return Reproduction(command, int(summary["seed"])) if command else None
