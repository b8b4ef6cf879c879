"""What the bars have reached since an order is known to be in the market."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from exitladder.arrays import FloatArray, IntArray
from exitladder.clock import DAY_NS
from exitladder.pipelines.advice.rows.followed import Followed

_SLACK = 1e-9


@dataclass(frozen=True)
class Since:
    """The bars of a trade since some moment.

    Parameters
    ----------
    time : int64 array, shape (n_bars,)
        Starts of the bars, nanoseconds since 1970 UTC.
    best, worst : float64 array, shape (n_bars,)
        Signed prices in the trade's direction; infinitely far where nothing traded.
    has_session_ended : bool
        Whether an order for the day has expired.
    """

    time: IntArray
    best: FloatArray
    worst: FloatArray
    has_session_ended: bool

    @property
    def n_bars(self) -> int:
        """How many bars there are."""
        return len(self.time)

    @classmethod
    def earlier(cls, followed: Followed) -> Since:
        """Return the bars since earlier scores; none without their time."""
        moment = pd.to_datetime(str((followed.previous or {}).get("asof")), utc=True, errors="coerce")
        bars, end = followed.placed.bars, int(followed.placed.end_bar[followed.i])
        if pd.isna(moment):
            return cls._of(followed, end, end)
        begin = int(bars.start[int(followed.placed.symbol_index[followed.i])])
        found = int(bars.close_time[begin:end].searchsorted(moment.as_unit("ns").value, side="right"))
        return cls._of(followed, begin + found, end)

    @classmethod
    def stated(cls, followed: Followed) -> Since:
        """Return the bars since the trades file was right at the latest: since earlier scores, else the last bar."""
        if (followed.previous or {}).get("asof"):
            return cls.earlier(followed)
        end = int(followed.placed.end_bar[followed.i])
        return cls._of(followed, max(end - 1, int(followed.placed.first_bar[followed.i])), end)

    @classmethod
    def entry(cls, followed: Followed) -> Since:
        """Return the bars since the entry."""
        placed, i = followed.placed, followed.i
        return cls._of(followed, int(placed.first_bar[i]), int(placed.end_bar[i]))

    @classmethod
    def _of(cls, followed: Followed, first: int, end: int) -> Since:
        bars, symbol = followed.placed.bars, int(followed.placed.symbol_index[followed.i])
        part = slice(min(first, end), end)
        high, low = bars.high[part], bars.low[part]
        best, worst = (high, low) if followed.side > 0 else (-low, -high)
        silent = (bars.volume[part] == 0) & (high == low)
        if silent.any() and (bars.volume[bars.start[symbol] : end] > 0).any():  # nothing fills there (S4a)
            best, worst = np.where(silent, -np.inf, best), np.where(silent, np.inf, worst)
        ended = len(high) > 0 and int(bars.interval_ns[symbol]) >= DAY_NS
        if len(high) and not ended:
            days = pd.to_datetime(bars.time[[first, end - 1]], utc=True).tz_convert(followed.venue.exchange_tz)
            ended = days[0].date() != days[1].date()
        return cls(bars.time[part], best, worst, ended)

    def reached(self, kind: str, signed_price: float) -> pd.Timestamp | None:
        """Return the bar in which an order's price was reached first.

        Parameters
        ----------
        kind : {"limit", "stop"}
        signed_price : float
            In the trade's direction.

        Returns
        -------
        Timestamp or None
        """
        slack = _SLACK * abs(signed_price)
        hit = self.best >= signed_price - slack if kind == "limit" else self.worst <= signed_price + slack
        return pd.Timestamp(int(self.time[int(np.argmax(hit))]), tz="UTC") if hit.any() else None
