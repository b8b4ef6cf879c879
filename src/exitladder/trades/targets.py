"""Price targets compared with the trades that they are for."""

from __future__ import annotations

import warnings

import numpy as np

from exitladder.errors import ExitladderWarning, LadderError
from exitladder.plans.ladder import Ladder
from exitladder.trades.trades import Trades

# a price this many times nearer to zero, or farther, than the entry is no stop-out
_ABSURD = 2.0
# a price this many times nearer to zero, or farther, than every entry is suspicious on either side
_REMOTE = 5.0


def check_price_targets(ladder: Ladder, trades: Trades) -> None:
    """Warn of a target in price on the wrong side of every entry, and refuse one that no trade can mean.

    Parameters
    ----------
    ladder : Ladder
    trades : Trades

    Raises
    ------
    LadderError
        If the price is beyond the stop of every trade, or less than half (for shorts more than twice) of every entry:
        ``target = 1`` is a price of 1, and most often means 1R.
    """
    if not len(trades):
        return
    for number, rung in enumerate(ladder.rungs, start=1):
        if rung.target is None or rung.target.unit != "price":
            continue
        price, side = rung.target.value, trades.side.astype(np.int64)
        beyond = side * (trades.entry_price - price)
        if not (beyond > 0).all():
            ratio = trades.entry_price / price
            if (np.maximum(ratio, 1 / ratio) > _REMOTE).all():
                warnings.warn(
                    f"rungs[{number}] of ladder '{ladder.name}' has the price {price:.10g} as its target, more than a "
                    f'factor of {_REMOTE:g} away from all {len(trades)} entries. Did you mean "{price:.10g}R"?',
                    ExitladderWarning,
                    stacklevel=2,
                )
            continue
        past_stop = side * (trades.stop_price - price) >= 0
        absurd = np.where(side > 0, price < trades.entry_price / _ABSURD, price > trades.entry_price * _ABSURD)
        low, high = float(trades.entry_price.min()), float(trades.entry_price.max())
        said = (
            f"rungs[{number}] of ladder '{ladder.name}' has the price {price:.10g} as its target, which is on the "
            f"losing side of all {len(trades)} entries ({low:.10g} to {high:.10g})"
        )
        if (past_stop | absurd).all():
            raise LadderError(f'{said} and can never be met. Did you mean "{price:.10g}R"?')
        warnings.warn(
            f'{said}: it is a partial stop-out. Did you mean "{price:.10g}R"?', ExitladderWarning, stacklevel=2
        )
