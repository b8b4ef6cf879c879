"""Many holders with one stop level, with volatility and volume of real bars: what ways of selling save."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from exitladder.arrays import FloatArray
from exitladder.bars.bars import Bars
from exitladder.clock import DAY_NS, stamp_text
from exitladder.errors import BarsError, SettingsError
from exitladder.risk.crowding import ONE_LEVEL, AlmgrenFall, Comparison, Crowd, Exits, Law, PowerFall, compare_exits
from exitladder.risk.impact import PowerLaw


@dataclass(frozen=True)
class DayMarket:
    """A symbol's days: mean volume, volatility of daily returns, and mean true range as a share of the price.

    Parameters
    ----------
    volume : float
        Units per day.
    volatility, atr : float
    until : str
        The last day, as text.
    """

    volume: float
    volatility: float
    atr: float
    until: str


def day_market(bars: Bars, window: int) -> DayMarket:
    """Return the market of the last days of some bars.

    Parameters
    ----------
    bars : Bars
    window : int
        Days, at least 2; by the date (UTC) of their start.

    Returns
    -------
    DayMarket

    Raises
    ------
    BarsError
        If there are too few days or no volume.
    """
    day = bars.time // DAY_NS
    first = np.flatnonzero(np.concatenate([[True], day[1:] != day[:-1]]))
    last = np.append(first[1:], len(day)) - 1
    if len(first) < window + 1:
        raise BarsError(
            f"The window of {window} days needs {window + 1} days of bars, but '{bars.symbol}' has {len(first)}. Pass "
            "a smaller --window."
        )
    if bars.volume is None or not np.nansum(bars.volume) > 0:
        raise BarsError(
            f"Impact needs volumes, but the bars of '{bars.symbol}' have none. Pass --crowd, the crowd's quantity as a "
            "share of a day's volume, and --volatility instead of --bars."
        )
    close = bars.close[last]
    high, low = np.maximum.reduceat(bars.high, first), np.minimum.reduceat(bars.low, first)
    before = close[:-1]
    true_range = (np.maximum(high[1:], before) - np.minimum(low[1:], before)) / before
    volume = np.add.reduceat(np.nan_to_num(bars.volume), first)
    return DayMarket(
        volume=float(volume[-window:].mean()),
        volatility=float((close[1:] / before - 1)[-window:].std(ddof=1)),
        atr=float(true_range[-window:].mean()),
        until=stamp_text(int(day[-1]) * DAY_NS),
    )


def law_of(name: str, prefactor: float, exponent: float, turnover_days: float | None) -> Law:
    """Return the law of impact that options name.

    Parameters
    ----------
    name : {"square_root", "almgren"}
    prefactor, exponent : float
        Of the power law.
    turnover_days : float, optional
        Shares outstanding over a day's volume, for Almgren's law.

    Returns
    -------
    Law

    Raises
    ------
    SettingsError
        If Almgren's law has no shares outstanding, or the power law is none.
    """
    if name == "almgren":
        if turnover_days is None or not turnover_days > 0:
            raise SettingsError(
                "Almgren's law depends on the shares outstanding, which bars do not state. Pass --shares-outstanding "
                "with --bars, or --turnover-days (shares outstanding over a day's volume)."
            )
        return AlmgrenFall(turnover_days)
    try:
        return PowerFall(PowerLaw(prefactor, exponent))
    except ValueError as error:
        raise SettingsError(f"{str(error)[0].upper()}{str(error)[1:]}. Correct --prefactor or --exponent.") from None


def crowding(
    crowd: Crowd, law: Law, ways: tuple[float, float], *, paths: int = 400, seed: int = 0, confidence: float = 0.95
) -> dict[str, Any]:
    """Return what a crowd at one level costs its holders, and what other ways of selling save.

    Parameters
    ----------
    crowd : Crowd
    law : Law
    ways : (float, float)
        ATR by which levels are moved up to, and the most of a bar's volume that a holder sells.
    paths : int
    seed : int
    confidence : float
        Of the intervals, which cover the simulation only, not the law.

    Returns
    -------
    dict
        ``rows`` has one entry per way of selling, in basis points of the price.
    """
    jitter, participation = ways
    named = {
        f"levels moved by up to {jitter:g} ATR": Exits(jitter),
        f"at most {participation * 100:g}% of volume each": Exits(participation=participation),
        "both": Exits(jitter, participation),
    }
    found = compare_exits(crowd, named, law, paths=paths, seed=seed)
    return {
        "holders": crowd.holders,
        "crowd": crowd.size,
        "volatility": crowd.volatility,
        "atr": crowd.atr,
        "bars_per_day": crowd.bars_per_day,
        "recovery": crowd.recovery,
        "paths": paths,
        "rows": [_row(name, comparison, confidence) for name, comparison in found.items()],
    }


def _row(name: str, comparison: Comparison, confidence: float) -> dict[str, Any]:
    is_plain = name == ONE_LEVEL
    return {
        "exit": name,
        "fall_bps": _in_bps(comparison.falls.fall, confidence),
        "rounds": float(comparison.falls.rounds.mean()),
        "unsold": float(comparison.falls.unsold.mean()),
        "cost_bps": _in_bps(comparison.cost, confidence),
        "saves_alone_bps": None if is_plain else _in_bps(comparison.alone, confidence),
        "saves_all_bps": None if is_plain else _in_bps(comparison.everyone, confidence),
    }


def _in_bps(values: FloatArray, confidence: float) -> dict[str, float]:
    """Return the mean over independent paths with its interval, in basis points."""
    from scipy.special import ndtri

    mean = float(values.mean()) * 1e4
    width = float(ndtri(0.5 + confidence / 2)) * float(values.std(ddof=1)) / np.sqrt(len(values)) * 1e4
    return {"value": mean, "low": mean - width, "high": mean + width}
