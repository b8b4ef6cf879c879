"""The screen of `options backtest`: the verdict, the exits side by side, and what happened to positions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from exitladder.cli.screens.parts import facts, short_verdict, signed, texts_table, with_range

_EVENTS = {
    "n_assigned_early": "assigned early",
    "n_delivered": "exercised or assigned into shares",
    "n_pin": "settled between their strikes",
    "n_kept_leg": "with a long leg that found no bid",
    "n_waited": "waited for quotes or size",
    "n_split": "across a split",
    "n_quotes_ended": "without quotes on their last day",
    "n_entry_cut": "entered with less than wanted, as the quotes showed no more",
    "n_entry_large": "entered at their own price with more than the quotes showed",
    "n_repeated": "repeat another row: as evidence they count once",
    "n_entry_outside": "entered at a better premium than any quote of the bar",
    "n_inactive_rung": "with a target on the wrong side of the premium",
    "n_beyond_width": "lost more than a vertical held to expiry can",
}


def options_screen(summary: Mapping[str, Any], out: str, width: int) -> str:
    """Return the screen of a backtest of options.

    Parameters
    ----------
    summary : mapping
        The content of ``summary.json``.
    out : str
        The folder of the files.
    width : int
        Characters per line.

    Returns
    -------
    str
    """
    exits = {summary["ladder"]: summary} | dict(summary["beside"])
    rows = [
        {
            "exit": name,
            "R per trade [CI]": with_range(entry["expectancy_r"]),
            "the plan minus it [CI]": with_range(entry.get("difference_r")),
        }
        for name, entry in exits.items()
    ]
    skipped = "; ".join(f"{count:,} {reason}" for reason, count in summary["skipped"].items())
    events = [f"{summary[key]:,} {text}" for key, text in _EVENTS.items() if summary[key]]
    unknown = [
        f"{summary[key]:,} {text}"
        for key, text in (
            ("n_closes_without_mark", "closes without a usable quote"),
            ("n_greeks_unknown", "quotes without an implied volatility: conditions on Greeks are false there"),
        )
        if summary[key]
    ]
    pairs = [
        ("positions", f"{summary['n_trades']:,}: {summary['n_closed']:,} closed, {summary['n_open']:,} open, "
         f"{summary['n_skipped']:,} skipped" + (f" ({skipped})" if skipped else "")),
        ("net P&L", f"{signed(summary['pnl'], 2)}, after costs of {summary['costs']:,.2f}"),
        ("hedge", hedge_line(summary.get("hedge"))),
        ("positions that", "; ".join(events)),
        ("unknown", "; ".join(unknown)),
        ("assumed", "; ".join(summary["notes"])),
    ]  # fmt: skip
    return "\n".join(
        [
            short_verdict(summary["verdict_text"]) + "\n",
            texts_table(rows, width),
            facts(pairs, width),
            f"Every fill: {out}/fills.csv. Every position: {out}/trades.csv. The rest: {out}/summary.json\n"
            f"The page: exitladder report {out} --out {out}.html\n",
        ]
    )


def hedge_line(found: Mapping[str, Any] | None) -> str:
    """Return the trades, the effect and the open rest of the hedge; empty without one."""
    if found is None or found["pnl"] is None:
        return ""
    deviations = found["sd_daily"]
    parts = [f"{found['n_trades']:,} trades, {signed(found['pnl'], 2)} after costs of {found['costs']:,.2f}"]
    if deviations is not None:
        parts.append(f"deviation per day {deviations['with']:,.2f}, without it {deviations['without']:,.2f}")
    if left := {name: units for name, units in found["units"].items() if units}:
        parts.append(f"open at the end: {', '.join(f'{units:+,g} {name}' for name, units in left.items())}")
    if found["n_unknown"]:
        parts.append(f"{found['n_unknown']:,} closes with an unknown delta: nothing traded")
    return "; ".join(parts)
