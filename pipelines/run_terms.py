"""The terms of two runs that are compared: whether they have the same trades, costs and risk per trade."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from exitladder.bars.bars import BarSet
from exitladder.errors import TradesError
from exitladder.pipelines.tracking.provenance import describe_bars
from exitladder.plans.costs import Costs
from exitladder.plans.file import read_ladder
from exitladder.settings.tables import Settings

# as far as written numbers of one trade may be apart, as a share of them
_NOISE = 1e-9
_PARTS = (
    ("bars", "bars", "differs"),
    ("account", "account", "differs"),
    ("quotes", "quotes", "differ"),
    ("options", "settings of [options]", "differ"),
)


def costs_of_run(folder: Path) -> Costs | None:
    """Return the trading costs of the run in a folder; None if no ladder is saved there."""
    ladders = [folder / "ladder.toml", *sorted((folder / "folds").glob("*.toml"))]
    found = next((path for path in ladders if path.is_file()), None)
    return None if found is None else read_ladder(found).costs


def is_before_costs(folder: Path) -> bool:
    """Return whether the run in a folder says that its results are before costs."""
    summary = folder / "summary.json"
    if not summary.is_file():
        return False
    data = json.loads(summary.read_text(encoding="utf-8")).get("data")
    return isinstance(data, dict) and bool(data.get("before_costs"))


def check_same_trades(both: pd.DataFrame, first: str, other: str) -> None:
    """Reject two runs in which one id stands for two trades.

    Parameters
    ----------
    both : DataFrame
        Shared trades by trade_id; the columns of the first run end in ``_first``.
    first, other : str
        Names of the runs.

    Raises
    ------
    TradesError
        If the symbol, contract, side or entry time of an id differs.
    """
    for name in ("symbol", "contract", "side", "entry_time"):
        if name not in both or f"{name}_first" not in both:
            continue
        ours, theirs = both[name], both[f"{name}_first"]
        differ = (ours != theirs).to_numpy() & ours.notna().to_numpy() & theirs.notna().to_numpy()
        if differ.any():
            i = int(np.argmax(differ))
            raise TradesError(
                f"Runs are compared on the same trades, but trade '{both.index[i]}' has {name} {theirs.iloc[i]} in "
                f"'{first}' and {ours.iloc[i]} in '{other}'. {int(differ.sum()):,} of {len(both):,} shared ids differ. "
                "Run both on the same trades file."
            )


def terms_of(bars: BarSet, settings: Settings) -> dict[str, Any]:
    """Return what the numbers of a run rest on beside its exits and costs: ``bars`` and ``account``, as plain values.

    ``summary.json`` holds them as ``terms``.
    """
    described = describe_bars(bars)
    names = {"interval": "interval", "n_symbols": "n_symbols", "n_bars": "n_bars", "first_bar": "first_bar"}
    found = {name: described[key] for name, key in names.items()}
    return {
        "bars": found | {"last_bar": described["last_bar"], "fingerprint": described["bars_fingerprint"]},
        "account": {
            "max_open": settings.account.max_open,
            "capital": settings.account.capital,
            "currency": settings.currencies.account,
        },
    }


def terms_of_run(folder: Path) -> dict[str, Any]:
    """Return the terms that the run in a folder has saved; empty if it has none (before version 0.2)."""
    summary = folder / "summary.json"
    if not summary.is_file():
        return {}
    found = json.loads(summary.read_text(encoding="utf-8")).get("terms")
    return found if isinstance(found, dict) else {}


def unlike_terms(
    both: pd.DataFrame,
    costs: tuple[Costs | None, Costs | None],
    terms: tuple[Mapping[str, Any], Mapping[str, Any]],
    names: tuple[str, str],
) -> tuple[list[str], list[str]]:
    """Return what differs between two runs beside their exits: what makes them incomparable, and what does not.

    Parameters
    ----------
    both : DataFrame
        As for `check_same_trades`.
    costs : (Costs or None, Costs or None)
        Of the first run and the other; None if unknown.
    terms : (mapping, mapping)
        Of the first run and the other, see `terms_of`; empty if unknown.
    names : (str, str)
        Of the first run and the other.

    Returns
    -------
    barring : list of str
        A sentence on each of bars, account, quotes, settings of options, costs, entry price and risk that differs.
    others : list of str
        A sentence on quantities that differ: R per trade does not depend on them but for costs per order.
    """
    first, other = names
    barring = [
        f"The {label} of '{first}' and '{other}' {verb} ({', '.join(shown)})."
        for part, label, verb in _PARTS
        if (shown := _unlike(terms[0].get(part), terms[1].get(part)))
    ]
    a, b = costs
    if a is not None and b is not None and not a.has_rates_of(b):
        shown = [f"{name} {getattr(a, name):g} and {getattr(b, name):g}" for name in a.rates_unlike(b)]
        barring.append(
            f"The costs of '{first}' and '{other}' differ ({', '.join(shown)}), so the difference is not that of the "
            "exits alone: run both with the same [costs]."
        )
    others: list[str] = []
    for name, word in (("entry_price", "entry price"), ("risk", "risk (1R)"), ("quantity", "quantity")):
        n = _n_apart(both, name)
        if n:
            unit = " R is not the same unit in both." if name == "risk" else ""
            said = f"The {word} of {n:,} of {len(both):,} shared trades differs between the runs.{unit}"
            (others if name == "quantity" else barring).append(said)
    return barring, others


def _unlike(ours: object, theirs: object) -> list[str]:
    if not isinstance(ours, Mapping) or not isinstance(theirs, Mapping):
        return []
    return [f"{key} {ours[key]} and {theirs[key]}" for key in ours if key in theirs and ours[key] != theirs[key]]


def _n_apart(both: pd.DataFrame, name: str) -> int:
    """Return the number of shared trades whose value differs by more than rounding."""
    if name not in both or f"{name}_first" not in both:
        return 0
    ours, theirs = (both[column].to_numpy(np.float64) for column in (name, f"{name}_first"))
    with np.errstate(invalid="ignore"):
        return int(np.count_nonzero(np.abs(ours - theirs) > _NOISE * np.maximum(np.abs(ours), np.abs(theirs))))
