"""Whether the newest bar is finished: a bar that is still forming is no bar."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from exitladder.bars.bars import Bars, BarSet
from exitladder.clock import stamp_text
from exitladder.errors import BarsError
from exitladder.files.zones import check_tz

_DAY = 86_400 * 10**9
_HOURS = re.compile(r"\d{1,2}:\d{2}\s*-\s*(\d{1,2}):(\d{2})")


@dataclass(frozen=True)
class TradingSession:
    """When a symbol trades: ``[symbols.NAME]`` with ``session`` and ``exchange_tz``.

    Parameters
    ----------
    hours : str
        Such as ``09:30-16:00``, on the exchange's clock.
    tz : str
        The exchange's time zone.
    """

    hours: str
    tz: str

    def close_ns(self, date_ns: int) -> int:
        """Return when the session of a date (00:00 UTC, nanoseconds) closes, nanoseconds since 1970 UTC.

        Raises
        ------
        BarsError
            If the hours or the zone cannot be read.

        Examples
        --------
        >>> session = TradingSession("09:30-16:00", "America/New_York")
        >>> pd.Timestamp(session.close_ns(pd.Timestamp("2024-01-05").as_unit("ns").value))
        Timestamp('2024-01-05 21:00:00')
        """
        found = _HOURS.fullmatch(self.hours.strip())
        if not found:
            raise BarsError(f"A session must be written as 09:30-16:00, but is {self.hours!r}.")
        close = pd.Timestamp(date_ns) + pd.Timedelta(hours=int(found[1]), minutes=int(found[2]))
        local = close.tz_localize(check_tz(self.tz, BarsError), ambiguous=False, nonexistent="shift_forward")
        return int(local.tz_convert("UTC").as_unit("ns").value)


def is_finished(bars: Bars, now_ns: int, session: TradingSession | None = None) -> bool | None:
    """Return whether the newest bar is over at a moment; None where only its session's close could tell.

    A daily or longer bar is over at the close of its last day's session, in exchange time. Its stamp is a calendar
    date; without a session, nothing is known before that date ends in UTC, which no session outlasts.

    Parameters
    ----------
    bars : Bars
        Of one symbol; at least one bar.
    now_ns : int
        The moment, nanoseconds since 1970 UTC.
    session : TradingSession, optional
        Trading hours of the symbol, for daily and longer bars.

    Returns
    -------
    bool or None
    """
    first, end = int(bars.time[-1]), int(bars.time[-1]) + bars.interval_ns
    if bars.interval_ns < _DAY or first % _DAY:
        return end <= now_ns
    if session is not None:
        return session.close_ns(end - _DAY) <= now_ns
    if end <= now_ns:
        return True
    return None if first - _DAY // 2 <= now_ns else False


def without_unfinished(
    bars: BarSet, now_ns: int, sessions: Mapping[str, TradingSession], *, ask: bool
) -> tuple[BarSet, list[str]]:
    """Return bars without those that are not finished, and a message about each kind that was left out.

    Parameters
    ----------
    bars : BarSet
    now_ns : int
        The moment, nanoseconds since 1970 UTC.
    sessions : mapping of str to TradingSession
        By symbol, as far as they are known.
    ask : bool
        Refuse where it is not known whether a bar is finished, rather than leave that bar out.

    Returns
    -------
    bars : BarSet
    messages : list of str
        Empty if every bar is finished.

    Raises
    ------
    BarsError
        If `ask` and a newest bar's session may still be open.
    """
    finished = {symbol: is_finished(bars[symbol], now_ns, sessions.get(symbol)) for symbol in bars}
    if all(finished.values()):
        return bars, []
    unknown = [symbol for symbol, state in finished.items() if state is None]
    if unknown and ask:
        newest = stamp_text(int(bars[unknown[0]].time[-1]))
        raise BarsError(
            f"The newest bar must be finished, but that of {_named(unknown)}, {newest}, may still be forming at "
            f"{stamp_text(now_ns)}. Pass --asof {newest} if its session is over, or an earlier date if it is not; or "
            "set session and exchange_tz under [symbols.NAME]."
        )
    messages = []
    forming = [symbol for symbol, state in finished.items() if state is False]
    for names, why in ((forming, "is not finished"), (unknown, "may not be finished (its session is not known)")):
        if names:
            newest = stamp_text(int(bars[names[0]].time[-1]))
            messages.append(f"The newest bar of {_named(names)}, {newest}, {why} and was left out.")
    kept = [bars[symbol] if finished[symbol] else bars[symbol].head(len(bars[symbol]) - 1) for symbol in bars]
    return BarSet(part for part in kept if len(part)), messages


def _named(symbols: list[str]) -> str:
    return f"'{symbols[0]}'" + (f" and {len(symbols) - 1} more symbols" if len(symbols) > 1 else "")
