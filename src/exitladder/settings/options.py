"""Settings of positions in options."""

from __future__ import annotations

from dataclasses import dataclass

from exitladder.settings.keys import _key

STYLES = ("american", "european")
BAND = "band"
HEDGES = ("none", BAND, "whalley_wilmott")
SETTLEMENTS = ("physical", "close", "file")


@dataclass(frozen=True)
class OptionSettings:
    """Contracts, values and settlement of options, in `exitladder options`."""

    rate: float = _key(0.0, "interest rate for values and Greeks, continuous and annual")
    dividend_yield: float = _key(0.0, "dividend yield of the underlying, continuous and annual")
    multiplier: float = _key(100.0, "units of the underlying per contract", least=1e-9)
    style: str = _key("american", "exercise: american or european", among=STYLES)
    settlement: str = _key(
        "physical",
        "at expiry: physical (shares change hands), close (cash, by the underlying's close) or file (cash, by the "
        "prices of --settlements)",
        among=SETTLEMENTS,
    )
    close: str = _key("16:00", "time of day at which trading of an expiring contract ends")
    exchange_tz: str = _key("America/New_York", "time zone of that time, and of expiry dates")
    half_spread: float = _key(0.0, "half the spread of quotes made from a volatility series, in price", least=0)
    underlying_cost_bps: float = _key(
        0.0, "cost of trading the underlying, after exercise and assignment and by a hedge, basis points", least=0
    )
    hedge: str = _key(
        "none",
        "hedge of the net delta in the underlying: none, band (of hedge_band units) or whalley_wilmott (their width)",
        among=HEDGES,
    )
    hedge_target: float = _key(0.0, "net delta that the hedge aims at, in units of the underlying")
    hedge_band: float = _key(100.0, "net delta on each side of it at which nothing is traded, in units", least=0)
    hedge_aversion: float = _key(0.0, "for whalley_wilmott: absolute risk aversion per unit of money", least=0)
