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


@dataclass(frozen=True)
class OptionSearch:
    """Plans on options that `exitladder options tune` tries: all combinations of few exits."""

    exits: tuple[str, ...] = _key(
        [
            "max_profit_share >= 0.25..0.9", "premium_r >= 0.25..2", "premium_r <= -1..-0.25",
            "days_to_expiry <= 1..21", "give_back_r >= 0.2..1", "delta >= 0.3..0.8", "delta <= -0.8..-0.3",
            "theta_premium >= 0.05..0.3",
        ],
        "exits that close a position: conditions at a close, their thresholds as least..most; join several with and",
        kind=str,
    )  # fmt: skip
    n_values: int = _key(4, "thresholds tried of each range, evenly spaced", least=1, most=50)
    n_exits: int = _key(2, "most exits of one plan, its stop and its parts counting as one each", least=1, most=4)
    stop: tuple[float, ...] = _key(
        [25.0, 200.0],
        "stop.initial of positions without a stop_price, % of the premium; empty: not searched",
        least=1,
        kind=float,
    )
    fractions: tuple[float, ...] = _key(
        [0.25, 0.5], "shares of the contracts that a part sells: both ends are tried", least=0.01, most=1
    )
    n_rungs: int = _key(2, "most parts before the rest; 0: no scaling out", least=0, most=4)
