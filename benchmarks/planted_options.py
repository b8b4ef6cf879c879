"""Positions in options whose best plan is known, and positions for which no plan is better than any other.

Every position is a credit vertical on an underlying of its own, sold on a Monday and expiring on the Friday of the next
week: puts 100 and 95 at 25% volatility, quoted every day at the value of Black and Scholes.

- *fair*: the underlying is a martingale, and without a spread every plan has the same expectation: that of holding.
- *crash*: the underlying moves half as much as quotes say, until on the last Thursday it falls by 12% with a chance of
  50%. The best plans close before that.
- *revert*: once half of the premium is gone, it comes back, and the settlement takes it whole. The best plans close at
  a share of the maximum profit of about a half; closing by time is too early or too late.

``options_tuning.py`` tunes on them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from exitladder.bars.reading import read_bars
from exitladder.files.conventions import PLAIN
from exitladder.files.table import Table
from exitladder.options.black_scholes import PUT, greeks
from exitladder.options.market import OptionMarket
from exitladder.options.positions.trades import OptionTrade, read_option_trades
from exitladder.options.quote_files import quotes_of_table
from exitladder.settings.options import OptionSettings

SPOT, STRIKES, SIGMA, N_DAYS = 100.0, (100.0, 95.0), 0.25, 10
KINDS = ("fair", "crash", "revert")
SETTINGS = OptionSettings(style="european", settlement="close")


def tables(kind: str, seed: int, n: int = 120, spread: float = 0.0) -> dict[str, pd.DataFrame]:
    """Return quotes, bars and positions as the command reads them.

    Parameters
    ----------
    kind : {"fair", "crash", "revert"}
    seed : int
    n : int
        Positions, one per week.
    spread : float
        Of each quote, in price.

    Returns
    -------
    dict of str to DataFrame
        ``quotes``, ``bars`` and ``trades``.
    """
    rng = np.random.default_rng((seed, KINDS.index(kind)))
    mondays = pd.date_range("2015-01-05", periods=n, freq="7D")
    offsets = np.array([0, 1, 2, 3, 4, 7, 8, 9, 10, 11])
    # a close is known at the end of its date, at which a contract of that date expires
    years = (offsets[-1] - offsets) / 365.0
    gaps = np.diff(offsets) / 365.0
    sigma = SIGMA if kind == "fair" else SIGMA / 2
    moves = rng.normal(-0.5 * sigma**2 * gaps, sigma * np.sqrt(gaps), (n, N_DAYS - 1))
    if kind == "crash":
        moves[:, -2] += np.log(0.88) * (rng.random(n) < 0.5)
    spots = SPOT * np.exp(np.concatenate([np.zeros((n, 1)), moves.cumsum(axis=1)], axis=1))
    values = np.stack([greeks(spots, strike, years, SIGMA, PUT).value for strike in STRIKES])
    if kind == "revert":
        spots, values = _reverting(rng, spots, values)
    half = np.minimum(spread / 2, values / 2)
    days = (mondays.to_numpy()[:, None] + offsets * np.timedelta64(1, "D")).astype("datetime64[D]")
    names = np.array([f"X{k:03d}" for k in range(n)])
    rows = {"timestamp": days.ravel(), "underlying": np.repeat(names, N_DAYS), "expiry": np.repeat(days[:, -1], N_DAYS)}
    quotes = pd.concat(
        [
            pd.DataFrame(rows).assign(strike=strike, right="put", bid=(v - h).ravel(), ask=(v + h).ravel())
            for strike, v, h in zip(STRIKES, values, half, strict=True)
        ],
        ignore_index=True,
    )
    flat = spots.ravel()
    bars = pd.DataFrame({"timestamp": days.ravel(), "symbol": rows["underlying"], "open": flat, "high": flat,
                         "low": flat, "close": flat})  # fmt: skip
    trades = pd.DataFrame({"trade_id": names, "symbol": names, "side": "short", "entry_time": days[:, 0], "quantity": 4,
                           "expiry": days[:, -1], "strike": STRIKES[0], "right": "put", "strike_2": STRIKES[1],
                           "style": "european"})  # fmt: skip
    return {"quotes": quotes, "bars": bars, "trades": trades}


def _reverting(rng: np.random.Generator, spots: Any, values: Any) -> tuple[Any, Any]:
    """Return spots and values of a credit that falls to about 40% within some days, and then comes back whole."""
    n = spots.shape[1] and spots.shape[0]
    turn = rng.integers(3, 8, n)[:, None]
    day = np.arange(N_DAYS)[None, :]
    share = np.where(day <= turn, 1 - 0.6 * day / turn, 0.4 + 0.75 * (day - turn) / (N_DAYS - 1 - turn))
    share = share + rng.normal(0, 0.03, share.shape) * (day > 0)
    credit = 2.0 * share
    low = np.full_like(credit, 0.2)
    # the settlement agrees with the last quotes: the short put alone is in the money
    spots = spots.copy()
    spots[:, -1] = STRIKES[0] - credit[:, -1]
    low[:, -1] = 0.0
    return spots, np.stack([credit + low, low])


def market_of(found: dict[str, pd.DataFrame]) -> tuple[OptionMarket, list[OptionTrade]]:
    """Return the tables as a market and positions."""
    quotes = quotes_of_table(Table.from_frame(found["quotes"], "quotes"), "", PLAIN)
    market = OptionMarket(quotes, read_bars(found["bars"])[0], SETTINGS)
    return market, read_option_trades(found["trades"], SETTINGS)
