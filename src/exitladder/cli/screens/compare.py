"""The screen of `compare`: the verdict of each pair, then the runs side by side."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from exitladder.cli.screens.parts import share, short_verdict, signed, texts_table, with_range


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
    rows = [_pair(short[pair["source"]], pair) for pair in pairs]
    runs = [_run(short[name], metrics) for name, metrics in found["sources"].items()]
    return (
        "\n".join(lines)
        + f"\nAgainst {short[found['baseline']]}, R per trade on the trades that both runs hold\n"
        + texts_table(rows, width)
        + "\nEach run on all of its own trades\n"
        + texts_table(runs, width)
    )


def _short_names(sources: list[str]) -> dict[str, str]:
    """Return the last part of each path, or the whole path if two end alike."""
    last = [Path(source).name or source for source in sources]
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
        "drawdown, R": signed(metrics.get("max_drawdown_account_r"), 1),
    }
