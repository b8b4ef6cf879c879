"""How old the last bar of a symbol is, and how many bars should have closed since."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from exitladder.bars.bars import BarSet
from exitladder.clock import DAY_NS, close_text

# of the newest bars, those whose weekdays are trading days
_READ, _LEAST = 60, 10
_WORKDAYS = frozenset(range(5))
_EVERY_DAY = 7


@dataclass(frozen=True)
class BarAge:
    """The age of a symbol's last bar.

    Parameters
    ----------
    days : float
        From its close to the moment.
    missed : int
        Bars that should have closed since then, at least: of daily bars the trading days that are over, of shorter
        ones the trading days between; of symbols that trade every day the bars themselves.
    text : str
        A warning; empty if no bar is missing.
    """

    days: float
    missed: int
    text: str


def age_of(bars: BarSet, symbol: int, moment: int, word: str) -> BarAge:
    """Return the age of a symbol's last bar.

    Parameters
    ----------
    bars : BarSet
    symbol : int
        Position of the symbol.
    moment : int
        Nanoseconds since 1970 UTC.
    word : str
        Behind a number of days, such as "ago" or "before --asof".

    Returns
    -------
    BarAge
        Which weekdays have trading is read from the newest bars; holidays are not known.
    """
    end = int(bars.start[symbol + 1])
    first, interval = max(int(bars.start[symbol]), end - _READ), int(bars.interval_ns[symbol])
    close = int(bars.close_time[end - 1])
    weekdays = set((bars.time[first:end] // DAY_NS + 3) % 7)  # 1970 began on a Thursday
    if interval < DAY_NS or end - first < _LEAST:
        weekdays |= _WORKDAYS
    if interval > DAY_NS or (interval < DAY_NS and len(weekdays) == _EVERY_DAY):
        missed = max(0, moment - close) // interval
        missed -= interval < DAY_NS and missed > 0  # the newest bar may be a moment late
    else:
        # the day of the last bar, and the last day that is over
        last = (close - 1) // DAY_NS
        over = moment // DAY_NS - 1
        missed = sum((day + 3) % 7 in weekdays for day in range(int(last) + 1, int(min(over, last + 4000)) + 1))
    days = max(0.0, (moment - close) / DAY_NS)
    if missed <= 0:
        return BarAge(round(days, 2), 0, "")
    many = f"{missed} bars are" if missed > 1 else "1 bar is"
    when = f"{days:.0f} day{'s' if round(days) != 1 else ''} {word}"
    if days < 1:
        when = f"{days * 24:.0f} hours {word}"
    unless = "" if len(weekdays) == _EVERY_DAY else ", unless the market was closed"
    return BarAge(
        round(days, 2),
        int(missed),
        f"Old bars: the last one closed on {close_text(close)}, {when}, and at least {many} missing{unless}. Update "
        "the bars: these orders are for a bar that has passed.",
    )


def with_ages(frame: pd.DataFrame, bars: BarSet, asof: int | None, clock: int | None) -> pd.DataFrame:
    """Return scores with the age of each trade's last bar, and a warning where bars are missing.

    Parameters
    ----------
    frame : DataFrame
        Scores.
    bars : BarSet
    asof, clock : int or None
        ``--asof``, else the clock, nanoseconds since 1970 UTC; without either, the newest bar counts.

    Returns
    -------
    DataFrame
        With ``bar_age_days`` and ``bars_missed``.
    """
    moment, word = int(bars.close_time.max()), "before the newest bar"
    if asof is not None or clock is not None:
        moment, word = (asof, "before --asof") if asof is not None else (int(clock or 0), "ago")
    ages = {name: age_of(bars, k, moment, word) for k, name in enumerate(bars.symbols)}
    found = [ages.get(str(symbol)) for symbol in frame["symbol"]]
    texts = [
        warnings if age is None or not age.text else [age.text, *warnings]
        for age, warnings in zip(found, frame["warnings"], strict=True)
    ]
    return frame.assign(
        bar_age_days=[np.nan if age is None else age.days for age in found],
        bars_missed=[np.nan if age is None else float(age.missed) for age in found],
        warnings=pd.Series(texts, index=frame.index, dtype=object),
    )
