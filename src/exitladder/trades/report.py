"""The screen of `trades check`: counts, the worst rows, assumptions and next steps."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from exitladder.clock import stamp_text
from exitladder.trades.checks import same_bar_text, same_bar_trips
from exitladder.trades.doubts import doubtful_trades, repeated_trades, wide_stops
from exitladder.trades.entry_points import entry_counts, entry_text
from exitladder.trades.trades import PlacedTrades, Trades


@dataclass
class TradesReport:
    """The check of one file of trades.

    Parameters
    ----------
    counts : dict of str to object
    faults : list of str
        Every rule that rows break, with the number of rows.
    worst : list of str
        The three worst rows.
    assumed : list of str
        Assumptions, with the option that changes each.
    to_do : list of str
    """

    counts: dict[str, Any]
    faults: list[str] = field(default_factory=list)
    worst: list[str] = field(default_factory=list)
    assumed: list[str] = field(default_factory=list)
    to_do: list[str] = field(default_factory=list)

    def text(self) -> str:
        """Return the report as one screen."""
        labels = {name: name.removeprefix("n_").replace("_", " ") for name in self.counts}
        width = max(map(len, labels.values()), default=0)
        lines = [f"{labels[name]:<{width}}  {_shown(value)}" for name, value in self.counts.items()]
        if verdict := self.verdict:
            lines = [verdict, "", *lines]
        worst = [row for row in self.worst if row not in self.faults]
        parts = {"Faults": self.faults, "Worst rows": worst, "Assumed": self.assumed, "To do": self.to_do}
        for title, entries in parts.items():
            if entries:
                lines += ["", title, *(f"  {entry}" for entry in entries)]
        return "\n".join(lines) + "\n"

    @property
    def verdict(self) -> str:
        """How many trades can be used, and what keeps the others out; empty before the trades were read on bars."""
        n, n_out = self.counts.get("n_trades"), self.counts.get("n_left_out", 0)
        if n is None or "n_outside_bar" not in self.counts or self.faults:
            return ""
        if not n_out:
            return f"All {n:,} trades can be used."
        return f"{n - n_out:,} of {n:,} trades can be used; {n_out:,} are left out (see To do)."

    def to_mapping(self) -> dict[str, Any]:
        """Return counts and all lists, for JSON."""
        return {
            **self.counts,
            "faults": self.faults,
            "worst_rows": self.worst,
            "assumed": self.assumed,
            "to_do": self.to_do,
        }


def counts_of(trades: Trades) -> dict[str, Any]:
    """Return how many trades there are, of what kind, in what and from when to when."""
    counts: dict[str, Any] = {
        "n_trades": len(trades),
        "n_open": int(trades.is_open.sum()),
        "n_long": int((trades.side > 0).sum()),
        "n_short": int((trades.side < 0).sum()),
        "n_without_stop": int(np.isnan(trades.stop_price).sum()),
        "symbols": sorted(set(trades.symbol)),
        "first_entry": trades[int(np.argmin(trades.entry_time))].entry_time,
        "last_entry": trades[int(np.argmax(trades.entry_time))].entry_time,
    }
    if trades.fills is not None:
        counts["n_fills"] = len(trades.fills.time)
    if trades.n_entries is not None:
        counts["n_several_entries"] = int((trades.n_entries > 1).sum())
    return counts


def describe(
    trades: Trades,
    report: TradesReport,
    tz: str,
    outside: pd.DataFrame | None,
    placed: PlacedTrades | None = None,
) -> None:
    """Fill in the assumptions, the worst rows and the next steps, for trades that can be read.

    Parameters
    ----------
    trades : Trades
    report : TradesReport
        Filled in place.
    tz : str
        Zone of stamps that carry none.
    outside : DataFrame, optional
        Of `fills_outside_bars`; None where no bars were given.
    placed : PlacedTrades, optional
        The trades on their bars.
    """
    report.assumed.append(f"times without a zone are in {tz} (--tz)")
    without = int(np.isnan(trades.stop_price).sum())
    if without:
        report.assumed.append(
            f"{without} trades without stop_price: R is labels.initial_stop (--set labels.initial_stop=2ATR)"
        )
    given = int((trades.entry_at < 0).sum())
    if given and placed is None:
        report.assumed.append(
            f"{given} entries without entry_at: at the open or the close if time and price tell it, else intrabar"
        )
    if placed is not None:
        counts = entry_counts(placed)
        report.counts |= {f"entries_{name[2:]}": n for name, n in counts.items()} if given else {}
        report.assumed += [text for text in (entry_text(counts),) if text]
        _tell_of_same_bars(placed, report)
    report.to_do += doubtful_trades(placed) if placed is not None else wide_stops(trades) + repeated_trades(trades)
    several = trades.n_entries > 1 if trades.n_entries is not None else np.zeros(len(trades), dtype=bool)
    if several.any():
        report.assumed.append(
            f"{int(several.sum())} positions of several entries: judged from the last entry on, at the average price"
        )
    if outside is None:
        report.to_do.append("hold them to their bars: add --bars PATH")
        return
    report.worst += outside_texts(outside)
    if len(outside):
        entries = outside["fill"] == "entry"
        report.counts["n_left_out"] = int(outside.loc[entries, "trade"].nunique())
        report.to_do.append(
            f"correct prices or times: {int(entries.sum())} entries and {int((~entries).sum())} exits are outside "
            "their bar by more than 0.1 R; or check --tz and data.adjust. Until then verdicts leave out trades with "
            "such an entry (--set data.outside_entries=keep), and own exits outside their bar are no baseline"
        )


def outside_texts(outside: pd.DataFrame, most: int = 3) -> list[str]:
    """Return the fills that are farthest outside their bars, a line each.

    Parameters
    ----------
    outside : DataFrame
        Of `fills_outside_bars`.
    most : int

    Returns
    -------
    list of str
    """
    found = []
    for row in outside.head(most).itertuples():
        when: Any = row.time
        low, high, at = (price_text(value) for value in (row.low, row.high, row.price))
        found.append(
            f"{row.trade_id}: {row.fill} at {at} on {stamp_text(when.value)}, but its bar runs from {low} to {high} "
            f"({row.risks:,.1f} R outside)"
        )
    return found


def price_text(value: Any) -> str:
    """Return a price with ten significant digits and without an exponent."""
    return np.format_float_positional(float(value), precision=10, unique=False, fractional=False, trim="-")


def _tell_of_same_bars(placed: PlacedTrades, report: TradesReport) -> None:
    text = same_bar_text(placed)
    if text:
        report.counts["n_same_bar"] = int(same_bar_trips(placed)[0].sum())
        report.to_do.append(text)


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value[:8])) + (f" and {len(value) - 8} more" if len(value) > 8 else "")
    return stamp_text(value.as_unit("ns").value) if isinstance(value, pd.Timestamp) else str(value)
