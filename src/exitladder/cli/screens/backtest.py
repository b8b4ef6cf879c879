"""The screen of `backtest`: the verdict, the exits side by side, the ladder's result, the exits measured."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from exitladder.cli.screens.parts import facts, in_r, notes_text, share, short_verdict, signed, texts_table, with_range
from exitladder.cli.screens.sizes import sizes_text
from exitladder.measures.exits.text import MARK, NOTE, key_measures
from exitladder.plans.limits import LEFT_OUT
from exitladder.plans.target import TARGET


def backtest_screen(summary: Mapping[str, Any], out: str, run_id: str, width: int) -> str:
    """Return the screen of a backtest.

    Parameters
    ----------
    summary : mapping
        The content of ``summary.json``.
    out : str
        The folder of the files.
    run_id : str
    width : int
        Characters per line.

    Returns
    -------
    str
    """
    quality = summary.get("exit_quality", {}).get("policies", {})
    # a plan without closed trades has no measured exits
    name = next((one for one in quality if one not in summary["beside"]), "ladder")
    exits = {name: summary} | {key: one for key, one in summary["beside"].items() if not _is_same(one)}
    quality = {policy: measures for policy, measures in quality.items() if policy in exits}
    parts = [
        short_verdict(summary["verdict_text"] or "") + "\n",
        texts_table([_exit(key, entry) for key, entry in exits.items()], width),
        f"{name}, {summary['n_trades']:,} trades\n" + facts(_result(summary), width),
    ]
    if any(entry.get("account") for entry in exits.values()):
        rows = [_account(key, entry["account"]) for key, entry in exits.items() if entry.get("account")]
        parts.append("One account with the limits of [account]\n" + texts_table(rows, width))
    if book := summary.get("book"):
        parts.append("One account: the book of the plan\n" + facts(_book(book), width))
    parts += [text for text in [sizes_text(summary.get("sizes"), width)] if text]
    if quality:
        parts.append(
            "Exits of the closed trades, means per trade in R or as a share\n"
            + texts_table(key_measures(quality), width)
            + f"{MARK} {NOTE}\n"
        )
    parts.append(
        f"Everything else: {out}/summary.json, {out}/exit_quality.csv. A page with pictures:\n"
        f"exitladder report {out} --out {out}.html    (run {run_id})\n"
    )
    return "\n".join(parts)


def _is_same(beside: Mapping[str, Any]) -> bool:
    """Return whether an exit is the ladder itself: a ladder without targets is its own all-out exit."""
    return beside.get("difference_r") == {"value": 0.0, "low": 0.0, "high": 0.0}


def _exit(name: str, entry: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "exit": name,
        "R per trade [CI]": with_range(entry["expectancy_r"]),
        "minus it [CI]": with_range(entry.get("difference_r")),
        "account drawdown": in_r(entry.get("max_drawdown_account_r")),
    }


def _result(summary: Mapping[str, Any]) -> list[tuple[str, str]]:
    closed_by = [f"{count:,} {reason.replace('_', ' ')}" for reason, count in summary["closed_by"].items() if count]
    reasons = {LEFT_OUT.get(name, name.replace("_", " ")): n for name, n in summary["skipped_reasons"].items()}
    skipped = ", ".join(f"{count:,} {reason}" for reason, count in reasons.items() if count)
    rungs = [
        f"{share(row['fraction'])} at {row['trigger']} in {share(row['hit_rate']['value'])} of trades"
        for row in summary.get("rungs", [])
        if row["hit_rate"]["value"] is not None
    ]
    factor, cost = summary["profit_factor"], summary["cost_r"]["value"]
    spread = summary["intrabar"].get("spread_r", {}).get("value")
    rate = share(summary["win_rate"]["value"])
    return [
        (
            "not in it",
            f"{summary['n_before_walk_forward']:,} trades entered before the first tuning ended"
            if summary.get("n_before_walk_forward")
            else "",
        ),
        ("closed by", ", ".join(closed_by)),
        ("open, skipped", f"{summary['n_open']:,}, {summary['n_skipped']:,}" + (f" ({skipped})" if skipped else "")),
        ("win rate", f"{rate}; mean win {with_range({'value': summary['mean_win_r']['value']}, 2)} R, "
         f"mean loss {with_range({'value': summary['mean_loss_r']['value']}, 2)} R" if rate else ""),
        ("profit factor", "" if factor["value"] is None else with_range(factor, 2).replace("+", "")),
        ("drawdown", _drawdowns(summary)),
        ("sold on the way", "; ".join(rungs)),
        ("adds", _adds(summary.get("adds"))),
        ("costs", _costs(cost, summary)),
        ("market impact", _impact(summary.get("impact"))),
        ("net P&L", signed(summary.get("net_pnl"), 2)),
        ("order inside bars", "" if spread is None else f"changes the mean by up to {spread:.3f} R"),
        ("notes", notes_text(summary["data"])),
    ]  # fmt: skip


def _impact(found: Mapping[str, Any] | None) -> str:
    """Return the cost of impact and the result after it, empty without a law."""
    if found is None:
        return ""
    parts = [
        f"{with_range(found['cost_r']).replace('+', '')} R per trade ({found['law'].replace('_', ' ')}), not in the "
        f"numbers above; with it {with_range(found['expectancy_r'])}",
        f"minus {found['baseline']} {with_range(found['difference_r'])}, before impact "
        f"{with_range(found['difference_before_r'])}"
        if found["difference_r"]
        else "",
        f"{found['n_unknown']:,} trades too early to know volume and volatility" if found["n_unknown"] else "",
        f"{found['n_large_entries']:,} entries above 1% of a day's volume" if found["n_large_entries"] else "",
    ]
    return "; ".join(part for part in parts if part)


def _drawdowns(summary: Mapping[str, Any]) -> str:
    """Return both drawdowns of the trades and which of them a verdict compares."""
    account, booked = summary.get("max_drawdown_account_r"), summary["max_drawdown_r"]["value"]
    if account is None or booked is None:
        return ""
    return (
        f"account {in_r(account)} (marked at every close; verdicts speak of this one), "
        f"booked at exits {in_r(booked)} (whole trades)"
    )


def _adds(adds: Mapping[str, Any] | None) -> str:
    """Return how often adds filled, empty for a ladder."""
    if adds is None or adds["mean_size"] is None:
        return ""
    parts = [
        f"{adds['n_adds']:,} in {adds['n_trades']:,} trades",
        f"size {adds['mean_size']:.2f}x on average, {adds['max_size']:.4g}x at most",
    ]
    for count, text in (
        (adds["n_dropped"], "dropped"),
        (adds["n_inactive"], "inactive"),
        (adds["n_below_minus_1"], "below -1 R, costs included"),
    ):
        parts += [f"{count:,} {text}"] if count else []
    return "; ".join(parts)


def _book(book: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return what the account of a plan with limits or a book did."""
    start, alone = book["equity_start"], book["without_limits"]
    fall = signed(-book["max_drawdown"], 0)
    if book["max_drawdown_share"] is not None:
        fall += f" ({share(book['max_drawdown_share'])} of equity)"
    calls = [
        (book["n_margin_calls"], "positions liquidated at a close"),
        (book["n_worst_calls"], "at the worst prices of a bar"),
        (book["n_daily_losses"], "days stopped by the daily loss"),
        (book["n_ended"], "held past the last bar of their symbol"),
    ]
    to_target = book["reductions"].get(TARGET, 0)
    limits = {name: n for name, n in book["reductions"].items() if name != TARGET}
    most = [f"{book['max_open']:,} positions"]
    if book["max_exposure"] is not None:
        most += [f"exposure {book['max_exposure']:.3g}x", f"margin {share(book['max_margin_used'])} of equity"]
    return [
        ("equity", "" if start is None else f"{start:,.0f} to {book['equity_end']:,.0f}"),
        ("net P&L", f"{signed(book['net_pnl'], 0)}; without the limits {signed(alone['net_pnl'], 0)}"),
        ("drawdown", f"{fall}; without the limits {signed(-(alone['max_drawdown'] or 0.0), 0)}"),
        ("against none", _against_none(book["against_without_limits"])),
        ("at most", ", ".join(most)),
        ("left out", ", ".join(f"{n:,} {LEFT_OUT.get(reason, reason)}" for reason, n in book["left_out"].items())),
        ("reduced", ", ".join(f"{n:,} times by {name}" for name, n in limits.items())),
        ("to the target", f"{to_target:,} purchases and sales" if to_target else ""),
        (
            "not judged",
            ", ".join(f"{n:,} closes at which {name} was unknown" for name, n in book["not_judged"].items()),
        ),
        ("events", ", ".join(f"{n:,} {text}" for n, text in calls if n)),
        *((f"VaR of {name}", test["text"]) for name, test in list(book["var_tests"].items())[:3]),
    ]


def _against_none(found: Mapping[str, Any] | None) -> str:
    """Return the differences of a book from the same entries without limits, with their intervals."""
    if not found or not found["measures"]:
        return ""
    texts = []
    for key, label, scale in (("return_per_year", "% a year", 100), ("max_drawdown", "% of equity in drawdown", 100),
                              ("sharpe_daily", " in Sharpe ratio", 1)):  # fmt: skip
        one = found["measures"][key]
        ends = {name: None if one[name] is None else one[name] * scale for name in ("difference", "low", "high")}
        texts.append(with_range({"value": ends["difference"], "low": ends["low"], "high": ends["high"]}, 2) + label)
    return "; ".join(texts)


def _account(name: str, entry: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "exit": name,
        "taken": f"{entry['n_taken']:,}",
        "left out": f"{entry['n_left_out']:,}",
        "total R": signed(entry["total_r"], 1),
        "R per bar": signed(entry["r_per_bar"], 4),
        "its drawdown, R": signed(entry["max_drawdown_r"], 1),
        "net P&L": signed(entry["net_pnl"], 0),
    }


def _costs(cost: float | None, summary: Mapping[str, Any]) -> str:
    if summary["data"].get("before_costs"):
        return "none set ([costs])"
    return f"{cost:.3f} R per trade" if cost else "none"
