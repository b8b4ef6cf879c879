"""The terms of two runs that are compared: whether they have the same trades, costs and risk per trade."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd

from exitladder.errors import TradesError
from exitladder.plans.costs import Costs
from exitladder.plans.file import read_ladder

# as far as written numbers of one trade may be apart, as a share of them
_NOISE = 1e-9


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
        If the symbol, side or entry time of an id differs.
    """
    for name in ("symbol", "side", "entry_time"):
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


def terms_that_differ(
    both: pd.DataFrame, costs: tuple[Costs | None, Costs | None], names: tuple[str, str]
) -> list[str]:
    """Return a sentence on each term that differs between two runs, beside their exits.

    Parameters
    ----------
    both : DataFrame
        As for `check_same_trades`.
    costs : (Costs or None, Costs or None)
        Of the first run and the other; None if unknown.
    names : (str, str)
        Of the first run and the other.

    Returns
    -------
    list of str
        Empty if the runs have the same costs, entry prices, quantities and risk, as far as they are known.
    """
    first, other = names
    said = []
    a, b = costs
    if a is not None and b is not None and not a.has_rates_of(b):
        differ = a.rates_unlike(b)
        shown = ", ".join(f"{name} {getattr(a, name):g} and {getattr(b, name):g}" for name in differ)
        said.append(
            f"The costs of '{first}' and '{other}' differ ({shown}), so the difference is not that of the exits alone: "
            "run both with the same [costs]."
        )
    for name, word in (("entry_price", "entry price"), ("quantity", "quantity"), ("risk", "risk (1R)")):
        if name not in both or f"{name}_first" not in both:
            continue
        ours, theirs = (both[column].to_numpy(np.float64) for column in (name, f"{name}_first"))
        with np.errstate(invalid="ignore"):
            n = int(np.count_nonzero(np.abs(ours - theirs) > _NOISE * np.maximum(np.abs(ours), np.abs(theirs))))
        if n:
            unit = " R is not the same unit in both." if name == "risk" else ""
            said.append(f"The {word} of {n:,} of {len(both):,} shared trades differs between the runs.{unit}")
    return said
