"""The screen of `options tune`: what to do, why, the exits side by side, the plans chosen, where everything is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from exitladder.cli.screens.parts import facts, short_verdict, signed, texts_table, with_range


def tuning_screen(summary: Mapping[str, Any], out: str, width: int) -> str:
    """Return the screen of a tuning of plans on options.

    Parameters
    ----------
    summary : mapping
        The content of ``tune.json``.
    out : str
        The folder of the files.
    width : int
        Characters per line.

    Returns
    -------
    str
    """
    exits = [
        {
            "exit": row["policy"],
            "R per position [CI]": with_range(row["expectancy_r"]),
            "tuned plan minus it [CI]": with_range(row.get("difference_r")),
        }
        for row in summary["policies"]
    ]
    parts = [
        {
            "part from": f"{row['test_from']:.10}",
            "positions": f"{row['n_test']:,}",
            "R": signed(row["expectancy_r"]),
            "held R": signed(row["hold_r"]),
            "plan chosen before it": row["plan_text"],
        }
        for row in summary["folds"]
    ]
    n, state = summary["n_trades"] - summary["n_skipped"], "still open, at their last marks"
    if summary["n_known"]:
        n, state = summary["n_known"], "in sample"
    if summary["sample"] == "out_of_sample":
        n, state = summary["n_scored"], "scored out of sample"
    scored = f"{n:,} position{'' if n == 1 else 's'}, {state}"
    skipped = "; ".join(f"{count:,} {reason}" for reason, count in summary["skipped"].items())
    repeated = f"; {summary['n_repeated']:,} repeat another row" if summary["n_repeated"] else ""
    pairs = [
        ("positions", f"{summary['n_trades']:,}: {summary['n_known']:,} with a result, {summary['n_skipped']:,} skipped"
         + (f" ({skipped})" if skipped else "") + repeated),
        ("search", f"{summary['n_plans']:,} plans tried; the simplest about as good as the best is chosen"),
        ("tuned on all", summary["tuned_text"]),
        ("assumed", "; ".join(summary["notes"])),
    ]  # fmt: skip
    sections = [
        summary["recommendation"] + "\n",
        short_verdict(summary["verdict_text"]) + "\n",
        f"{scored}, R per position\n" + texts_table(exits, width),
        "Plans chosen before each part\n" + texts_table(parts, width) if parts else "",
        facts(pairs, width),
        f"The plan to use: {out}/recommended.toml. All plans tried: {out}/trials.csv. The rest: {out}/tune.json\n",
    ]
    return "\n".join(section for section in sections if section)
