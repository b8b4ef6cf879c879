"""The screen of `tune`: what to do, why, the exits side by side, the ladder found, where everything is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from exitladder.cli.screens.parts import facts, in_r, notes_text, share, short_verdict, signed, texts_table, with_range


def tune_screen(found: Mapping[str, Any], out: str, width: int) -> str:
    """Return the screen of a tuning.

    Parameters
    ----------
    found : mapping
        The content of ``tune.json``, with ``recommendation`` and ``run_id``.
    out : str
        The folder of the files.
    width : int
        Characters per line.

    Returns
    -------
    str
    """
    n_test, n_trials = found["n_test"], found["n_trials"]
    ladders = [{"part from": f"{row['test_from']:.10}", "trades": row["n_test"], "ladder": row["ladder_text"]}
               for row in _dated(found["folds"])]  # fmt: skip
    lines = [
        found["recommendation"] + "\n",
        short_verdict(found["verdict_text"]) + "\n",
        f"{n_test:,} trades scored out of sample, R per trade\n" + policies_text(found["policies"], width),
        "Ladder tuned before each part\n" + texts_table(ladders, width),
        facts(_search(found, n_trials), width),
        f"The exit to use: {out}/recommended.toml. All on one page: {out}/index.html\n"
        f"Out of sample, trade by trade: exitladder backtest --walk-forward {out} ...    (run {found['run_id']})\n",
    ]
    return "\n".join(lines)


def policies_text(policies: Iterable[Mapping[str, Any]], width: int) -> str:
    """Return the exits side by side.

    Parameters
    ----------
    policies : iterable of mapping
        ``policies`` of ``tune.json``.
    width : int
        Characters per line.
    """
    return texts_table([_policy(row) for row in policies], width)


def _dated(folds: Any) -> list[dict[str, Any]]:
    return [{**row, "test_from": str(row["test_from"])} for row in folds]


def _policy(row: Mapping[str, Any]) -> dict[str, Any]:
    against = {"value": row["difference_r"], "low": row["low"], "high": row["high"]}
    return {
        "exit": row["policy"],
        "R per trade": signed(row["expectancy_r"]),
        "win rate": share(row["win_rate"]),
        "account drawdown": in_r(row["max_drawdown_account_r"]),
        "tuned ladder minus it [CI]": with_range(against),
    }


def _search(found: Mapping[str, Any], n_trials: int) -> list[tuple[str, str]]:
    pbo, dsr = found.get("pbo"), found.get("dsr")
    edges = found.get("diagnostics", {}).get("at_edges", [])
    return [
        ("search", f"{n_trials:,} ladders tried in all parts"),
        ("overfitting", "" if pbo is None else f"probability (PBO) {share(pbo)}; deflated Sharpe ratio {share(dsr)}"),
        ("at an edge", ", ".join(f"{row['part']} (widen {row['key']})" for row in edges)),
        ("market impact", _impact(found.get("impact"))),
        ("notes", notes_text(found.get("data", {}))),
    ]


def _impact(found: Mapping[str, Any] | None) -> str:
    """Return what impact costs the tuned ladder, and the difference after it; empty without a law."""
    if found is None:
        return ""
    own = next(row for row in found["policies"] if row["policy"] == "tuned ladder")
    cost = "unknown" if own["cost_r"] is None else f"{own['cost_r']:.3f} R per trade"
    text = f"{cost} ({found['law'].replace('_', ' ')}), not in the numbers above and not searched"
    if found["difference_r"]:
        text += f"; minus {found['baseline']} {with_range(found['difference_r'])} after it"
    return text
