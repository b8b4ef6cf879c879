"""Settings of market impact in a backtest."""

from __future__ import annotations

from dataclasses import dataclass

from exitladder.settings.keys import _key

LAWS = ("none", "square_root", "almgren")


@dataclass(frozen=True)
class ImpactSettings:
    """Market impact, computed from the fills of a backtest after the simulation."""

    law: str = _key(
        "none",
        "law of impact: none, square_root, or almgren (Almgren, Thum, Hauptmann and Li 2005)",
        among=LAWS,
    )
    prefactor: float = _key(0.75, "prefactor of the square-root law", least=0)
    exponent: float = _key(0.5, "its exponent", least=0.01, most=1)
    window: int = _key(20, "closed days before a fill that give volume and volatility", least=5)
    turnover_days: float = _key(0.0, "for almgren: shares outstanding over a day's volume", least=0)
