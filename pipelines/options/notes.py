"""The assumptions of a backtest of options, each once with the option that changes it."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np

from exitladder.bars.checking.splits import unresolved_splits
from exitladder.clock import DAY_NS, interval_name
from exitladder.errors import ExitladderWarning
from exitladder.options.market import OptionMarket
from exitladder.options.modelled import Volatilities
from exitladder.options.positions.plan import option_plan
from exitladder.options.positions.trades import OptionTrade
from exitladder.plans.ladder import Ladder


def data_notes(
    market: OptionMarket, trades: Sequence[OptionTrade], ladder: Ladder, volatilities: Volatilities | None
) -> list[str]:
    """Return the assumptions about contracts, values and quotes, as sentences.

    Parameters
    ----------
    market : OptionMarket
    trades : sequence of OptionTrade
    ladder : Ladder
    volatilities : Volatilities or None
        From which quotes were made, if any.

    Returns
    -------
    list of str
    """
    settings, notes = market.settings, []
    styles = sorted({trade.style for trade in trades})
    how = {
        "physical": "settled in shares at the underlying's close; trading them afterwards is not included",
        "close": "settled in cash at the underlying's close",
        "file": "settled in cash at the prices of --settlements",
    }[settings.settlement]
    notes.append(f"{' and '.join(styles)} exercise (options.style), {how} (options.settlement)")
    if not market.clock.is_daily:
        notes.append(
            f"expiring contracts trade until {settings.close} {settings.exchange_tz} (options.close, "
            "options.exchange_tz)"
        )
    if option_plan(ladder).reads_greeks:
        notes.append(
            f"Greeks at an interest rate of {settings.rate:g} (options.rate) and a dividend yield of "
            f"{settings.dividend_yield:g} (options.dividend_yield)"
        )
        notes += _stale_prices(market)
    notes += _unstated_splits(market, trades)
    if volatilities is not None:
        skew = "" if volatilities.has_skew else "; one volatility for all strikes has no skew"
        notes.append(
            f"no quotes: fills at the model's value less or plus {settings.half_spread:g} (options.half_spread){skew}"
        )
    return notes


def _stale_prices(market: OptionMarket) -> list[str]:
    """Say so if the underlying's price is older than the quotes that it values."""
    beside = any(bool((bars.spot > 0).any()) for bars in market.quotes.values())
    if beside:
        return []
    if market.bars is None:
        return ["no price of the underlying: Greeks are unknown and conditions on them never hold (pass --bars)"]
    longest = max(market.bars[name].interval_ns for name in market.bars)
    if longest >= DAY_NS > market.quotes.interval_ns:
        return [f"bars of {interval_name(longest)}: Greeks during a day use the underlying's close of the day before"]
    return []


def _unstated_splits(market: OptionMarket, trades: Sequence[OptionTrade]) -> list[str]:
    """Return a warning for each move like a split that no row of --actions states, while a position may be held."""
    notes = []
    stated = {(split.symbol, split.time // DAY_NS) for split in market.events.splits}
    for found in [] if market.bars is None else unresolved_splits(market.bars):
        date = found.time // DAY_NS
        held = [t for t in trades if t.contract.underlying == found.symbol]
        if (found.symbol, date) in stated or not any(
            t.entry_time < found.time <= t.contract.expiry + DAY_NS for t in held
        ):
            continue
        notes.append(
            f"{found.symbol} looks split {found.ratio} on {np.datetime64(date, 'D')} ({found.evidence}), and no "
            "--actions say so: positions held across it are not followed, and their results are wrong if it was one"
        )
    for note in notes:
        warnings.warn(f"{note[0].upper()}{note[1:]}.", ExitladderWarning, stacklevel=3)
    return notes
