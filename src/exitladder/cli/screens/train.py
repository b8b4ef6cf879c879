"""The screen of `train`: whether the model has an edge, its name, the measures behind the finding."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from exitladder.cli.screens.parts import facts, signed, texts_table
from exitladder.models.exhaustion import SERIES

_FINDINGS = {
    "edge": "The model has an edge: exits on its signal beat the best trailing stop on trades it never saw.",
    "no edge": "The model has no edge: exits on its signal do not beat the best trailing stop on trades it never saw. "
    "`tune` may use it, but will not recommend it.",
    "harm": "The model does harm: exits on its signal do worse than the best trailing stop on trades it never saw.",
    "": "Too few trades to tell whether the model has an edge.",
}


def train_screen(found: Mapping[str, Any], width: int) -> str:
    """Return the screen of a training.

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
    baselines = found.get("baselines", {})
    gain = found.get("value_interval") or [None, None]
    low, high = gain if None not in gain else (None, None)
    pairs = [
        ("model", f"{found['model']}    (--model of tune, backtest and score)"),
        ("alias", _alias(found)),
        ("trades", f"{found['n_trades']:,}, of which {found['n_trades_out_of_fold']:,} predicted by a stage trained "
         "before them"),
        ("bars predicted", f"{found['n_rows_out_of_fold']:,}"),
        ("gain over trail", _gain(found.get("value_r"), low, high)),
        ("AUC", _beside(found.get("auc"), baselines, "auc", "0.5 is chance")),
        ("log loss", _beside(found.get("log_loss"), baselines, "log_loss", "lower is better")),
        ("silent", _silent(found)),
        ("calibration error", _number(found.get("calibration_error"))),
        ("leak check", " ".join([str(found.get("leak_check", "")), *(found.get("leak_reasons") or [])])),
    ]  # fmt: skip
    return (
        finding_text(found)
        + "\n\n"
        + facts(pairs, width)
        + _books(found, width)
        + f"\nThe model card: exitladder report {found['run_id']} --out model.html. All numbers: --format json.\n"
    )


def _alias(found: Mapping[str, Any]) -> str:
    """Return that @newest names the model although it has no edge; empty if it has one or is not registered."""
    name = str(found["model"]).rpartition("/")[0]
    if not name or found.get("value_finding") == "edge":
        return ""
    return f"{name.removeprefix('models:/')}@newest, although no edge was found"


def _books(found: Mapping[str, Any], width: int) -> str:
    """Return a table of the books of a pooled model; empty for one book."""
    books = found.get("books")
    if not books:
        return ""
    rows = []
    for book in books:
        low, high = book["value_interval"] or (None, None)
        policy = book["policy"] or {}
        rows.append(
            {
                "book": book["name"],
                "trades": f"{book['n_trades']:,}",
                "log loss less": _per_mille(book["log_loss_gain"], book["log_loss_gain_error"]),
                "silent": "+".join(str(book[f"n_stages_silent_on_{name}"]) for name in SERIES),
                "gain over trail (R)": _gain(book["value_r"], low, high).replace(" R per trade", ""),
                "finding": book["value_finding"] or "too few trades",
                "exit": (policy.get("condition") if policy.get("uses_model") else policy.get("trail_alone")) or "",
            }
        )
    note = (
        "\nlog loss less: below that of the mean of the book's past, 1/1000. silent: stages on "
        f"{' and '.join(SERIES)}, of {found['n_stages']}.\n"
    )
    return "\n" + texts_table(rows, width) + note


def _per_mille(mean: float | None, error: float | None) -> str:
    if mean is None:
        return ""
    return f"{1e3 * mean:+.2f}" + ("" if error is None else f" ± {1e3 * error:.2f}")


def finding_text(found: Mapping[str, Any]) -> str:
    """Return whether the model has an edge, in a sentence or two."""
    return _FINDINGS.get(str(found.get("value_finding", "")), "")


def _silent(found: Mapping[str, Any]) -> str:
    """Return how many stages are silent, by series; empty if none is."""
    counts = {name: int(found.get(f"n_stages_silent_on_{name}") or 0) for name in SERIES}
    shown = [f"{n} of {found['n_stages']} stages on {name}" for name, n in counts.items() if n]
    return f"{', '.join(shown)} (no better than the past mean; rules ignore them)" if shown else ""


def _gain(value: float | None, low: float | None, high: float | None) -> str:
    if value is None or math.isnan(value):
        return ""
    interval = "" if low is None else f" [{signed(low)}, {signed(high)}]"
    return f"{signed(value)} R per trade{interval}"


def _number(value: float | None) -> str:
    return "" if value is None or math.isnan(value) else f"{value:.3f}"


def _beside(value: float | None, baselines: Mapping[str, Any], name: str, meaning: str) -> str:
    if value is None or math.isnan(value):
        return ""
    others = [f"{other} {entry[name]:.3f}" for other, entry in baselines.items() if entry.get(name) is not None]
    return f"{value:.3f} ({meaning}; {', '.join(others)})" if others else f"{value:.3f} ({meaning})"
