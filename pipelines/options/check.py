"""The quotes of a file, counted by their use."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from exitladder.clock import close_text, interval_name, stamp_text
from exitladder.options.quotes import Quotes


def checked_quotes(quotes: Quotes) -> dict[str, Any]:
    """Return counts of quotes by their use, and one row per expiry.

    Parameters
    ----------
    quotes : Quotes

    Returns
    -------
    dict
        ``expiries`` has a row per underlying and expiry; the rest are totals.
    """
    rows: dict[tuple[str, int], dict[str, Any]] = {}
    for contract, bars in sorted(quotes.items()):
        key = (contract.underlying, contract.expiry)
        row = rows.setdefault(
            key, {"underlying": contract.underlying, "expiry": stamp_text(contract.expiry), "contracts": 0, **_NOTHING}
        )
        row["contracts"] += 1
        for name, count in _counts(bars).items():
            row[name] += count
    table = pd.DataFrame(list(rows.values()))
    first = min(int(bars.start[0]) for bars in quotes.values())
    return {
        "file": quotes.name,
        "interval": interval_name(quotes.interval_ns) if quotes.interval_ns else "snapshots",
        "first": stamp_text(first),
        "last": close_text(quotes.last),
        **{name: int(table[name].sum()) for name in ("contracts", *_NOTHING)},
        "expiries": list(rows.values()),
    }


_NOTHING = dict.fromkeys(("quotes", "two_sided", "no_bid", "no_ask", "no_quote", "crossed", "no_limits"), 0)


def _counts(bars: Any) -> dict[str, int]:
    close = bars.at_close
    has_bid, has_ask = np.isfinite(close.bid), np.isfinite(close.ask)
    return {
        "quotes": len(bars),
        "two_sided": int((has_bid & has_ask).sum()),
        "no_bid": int((~has_bid & has_ask).sum()),
        "no_ask": int((has_bid & ~has_ask).sum()),
        "no_quote": int((~has_bid & ~has_ask & ~close.is_crossed).sum()),
        "crossed": int(close.is_crossed.sum()),
        "no_limits": int((~bars.fills_limits).sum()),
    }
