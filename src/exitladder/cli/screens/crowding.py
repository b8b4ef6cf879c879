"""The screen of `crowding`: the ways of selling side by side, and the assumptions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from exitladder.cli.screens.parts import facts, texts_table, with_range


def crowding_screen(found: Mapping[str, Any], width: int) -> str:
    """Return the screen of a simulation of a crowd.

    Parameters
    ----------
    found : mapping
        The result of `exitladder.pipelines.liquidity.crowding.crowding`, with ``market`` and ``law``.
    width : int
        Characters per line.

    Returns
    -------
    str
    """
    rows = [
        {
            "exit of all holders": row["exit"],
            "fall": f"{row['fall_bps']['value']:.0f}",
            "rounds": f"{row['rounds']:.1f}",
            "cost": f"{row['cost_bps']['value']:.0f}",
            "saves alone [CI]": with_range(row["saves_alone_bps"], 0),
            "saves if all do [CI]": with_range(row["saves_all_bps"], 0),
        }
        for row in found["rows"]
    ]
    recovery = f"{found['recovery']:.0%} of the sales absorbed per bar" if found["recovery"] else "no recovery"
    unsold = max(row["unsold"] for row in found["rows"])
    pairs = [
        ("market", found["market"]),
        ("crowd", f"{found['holders']:,} holders with {found['crowd']:.3g} of a day's volume together; "
         f"volatility {found['volatility']:.2%} per day, ATR {found['atr']:.2%}"),
        ("impact", f"{found['law']}; {recovery}"),
        ("paths", f"{found['paths']:,} of {found['bars_per_day']} bars; up to {unsold:.0%} unsold, valued at the end"),
        ("cost", "price on the same path in a market that sales do not move, less the price received"),
        ("intervals", "cover the simulation, not the law of impact"),
    ]  # fmt: skip
    return "Basis points of the price at the common level\n" + texts_table(rows, width) + "\n" + facts(pairs, width)
