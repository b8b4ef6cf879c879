"""The catalogue as a page of documentation.

``python -m exitladder.features.catalogue_page > docs/features.md`` writes it; a test holds it in step.
"""

from __future__ import annotations

import sys

from exitladder.features.catalogue import DEFAULT_SET, FAMILIES, describe_catalogue
from exitladder.features.families.series import SERIES_ABOUT, SERIES_FAMILY
from exitladder.features.families.trade_state import STATE_FAMILY
from exitladder.features.feature import HIGHER_FRAME
from exitladder.features.feature_set import FeatureSet

_HEAD = """# Features

What the model sees of a market at a bar's close. This page is written by
`python -m exitladder.features.catalogue_page > docs/features.md`.

**Names.** A feature is asked for by its name, by its family, or by a set: `default` ({n_default} columns) or `all`
(everything the settings allow; this page lists {n_all}). Numbers in a name are its parameters and may be others:
`rsi_21`, `roc_3`. Any column of bars may be read from bars of k times the interval by adding `_xk`: `rsi_14_x4`; only
longer bars that are closed by then count.

**Direction.** Up is always the trade's way. For a short the market is mirrored (open, high, low, close become
−open, −low, −high, −close; volume and the price that percentages refer to stay), so the long side's `rsi_14` is
TA-Lib's RSI and the short side's is 100 less it.

**Time.** A value stamped with a bar is known at that bar's close and never changes afterwards; tests cut off and
spoil all later bars, column by column, and compare bits. Columns are missing (NaN) for their first bars (`first`).
Load `warm-up` bars before the first bar that matters: from there on a value no longer depends on where the series
starts (fixed windows: to the bit; recursive averages: their start weighs less than 1e-8). The default set needs
{warm_up} bars.

**What cannot be measured.** Where nothing moves a ratio has no meaning, and the neutral value stands: RSI 50,
%b 0.5, distances 0. Nothing is ever infinite. Columns that need volume are missing where there is none, those of
logarithms where a price is not above zero; both are told once. A price that is not finite is refused.

**A benchmark** is named by `features.benchmark`: a symbol of the bars, or a file of bars. **Series of your own**
(index volatility, order flow, funding, sentiment, depth) are declared, one table each:

```toml
[features]
names = ["default", "cross_asset", "series"]
benchmark = "SPY"

[[features.series]]
name = "vix"                # its columns: series_vix, series_vix_z_60, series_vix_change_5 (any window)
path = "data/VIX-1d.parquet"
column = "close"
delay = "1d"                # from a value's stamp until it is known: here the stamp is the day's midnight
directed = false            # true: a short sees it negated (order flow, sentiment)
```

A bar sees the last value whose stamp plus delay lies at or before the bar's close, never a later one. With a column
`symbol` in the file each symbol has its own values. The last value stands until a next one is known; `score` warns
where values ended long before the bars do.

**The clock.** Stamps are UTC. Time of day, weekday and volume by time of day go by the exchange's clock, daylight
saving included, which is UTC unless `features.exchange_tz` declares another, such as `America/New_York`; it is never
guessed. A bar of a day or more that is stamped with midnight UTC is a date, on any clock. The named sessions have
clocks of their own.

**A model** keeps its columns with their definitions and warm-up, what each gives on 600 made-up bars, the declared
benchmark, series and clock, the intervals of its bars, and the versions of TA-Lib, numpy and numba. Whoever applies it
computes the same, or is refused with the difference: a column, its order, its formula or warm-up, a library that
computes it otherwise, an outside series that is missing or declared otherwise, bars of another interval.

**Many symbols** are shared out over processes by `exitladder features --workers N`, or over a Dask cluster by
`--scheduler ADDRESS` (`pip install 'exitladder[cluster]'`; every worker with the same version), with the same bits.

**State of a trade** is known from its entry, the bars since, and R: the distance to the stop that the trade brought,
else two ATR(14) known at the entry. No ladder changes it. What is left of a position is no column: it is a ladder's
doing, and what holding one unit on is worth does not depend on how many are left. `exitladder score` tells it for each
open trade.

**Tables.** Columns of the default set are bold. Indicators are TA-Lib's where it has them (RSI in one pass of our own,
equal to TA-Lib's to 1e-14, because it is faster and because nothing moving is 50 and not 0); windows are summed anew
for each bar, in a fixed order.
"""


_NEEDS = {
    "volume": "needs volume",
    "log": "needs prices above zero",
    "benchmark": "needs `features.benchmark`",
    "series": "needs a series of that name",
}


def catalogue_page() -> str:
    """Return the catalogue as Markdown, one table a family."""
    table = describe_catalogue()
    head = _HEAD.format(
        n_default=len(DEFAULT_SET), n_all=len(table), warm_up=FeatureSet.from_names(["default"]).warm_up
    )
    about = {family.name: family.about for family in FAMILIES}
    about[HIGHER_FRAME] = "the same of longer bars"
    about[SERIES_FAMILY] = SERIES_ABOUT
    about[STATE_FAMILY] = "what an open trade looks like"
    parts = [head]
    for family, rows in table.groupby("family", sort=False):
        lines = [
            f"## {family}",
            "",
            f"{about[str(family)].capitalize()}.",
            "",
            "| name | formula | unit | first | warm-up | source, and when it is missing |",
            "| --- | --- | --- | ---: | ---: | --- |",
        ]
        for row in rows.itertuples():
            name = f"**`{row.name}`**" if row.in_default else f"`{row.name}`"
            needs = _NEEDS.get(str(row.needs), "")
            notes = "; ".join(filter(None, [str(row.source), needs, str(row.may_miss)]))
            lines.append(f"| {name} | {row.formula} | {row.unit} | {row.first} | {row.warm_up} | {notes} |")
        parts.append("\n".join(lines) + "\n")
    return "\n".join(parts)


if __name__ == "__main__":
    sys.stdout.write(catalogue_page())
