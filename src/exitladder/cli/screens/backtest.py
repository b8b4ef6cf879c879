"""The screen of `backtest`: the verdict, the exits side by side, the ladder's result, the exits measured."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from exitladder.cli.screens.parts import facts, notes_text, share, short_verdict, signed, texts_table, with_range
from exitladder.measures.exits.text import MARK, NOTE, key_measures


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
    name = next(iter(quality), "ladder")
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
        "drawdown, R": signed(entry.get("max_drawdown_account_r"), 1),
    }


def _result(summary: Mapping[str, Any]) -> list[tuple[str, str]]:
    closed_by = [f"{count:,} {reason}" for reason, count in summary["closed_by"].items() if count]
    skipped = ", ".join(f"{count:,} {reason}" for reason, count in summary["skipped_reasons"].items() if count)
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
        ("sold on the way", "; ".join(rungs)),
        ("costs", _costs(cost, summary)),
        ("net P&L", signed(summary.get("net_pnl"), 2)),
        ("order inside bars", "" if spread is None else f"changes the mean by up to {spread:.3f} R"),
        ("notes", notes_text(summary["data"])),
    ]  # fmt: skip


def _account(name: str, entry: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "exit": name,
        "taken": f"{entry['n_taken']:,}",
        "left out": f"{entry['n_left_out']:,}",
        "total R": signed(entry["total_r"], 1),
        "R per bar": signed(entry["r_per_bar"], 4),
        "drawdown, R": signed(entry["max_drawdown_r"], 1),
        "net P&L": signed(entry["net_pnl"], 0),
    }


def _costs(cost: float | None, summary: Mapping[str, Any]) -> str:
    if summary["data"].get("before_costs"):
        return "none set ([costs])"
    return f"{cost:.3f} R per trade" if cost else "none"
