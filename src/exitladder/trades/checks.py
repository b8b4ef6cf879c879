"""Whether trades could have been entered on the bars they are placed on."""

from __future__ import annotations

import warnings

import numpy as np
import numpy.typing as npt

from exitladder.clock import stamp_text
from exitladder.errors import ExitladderWarning, TradesError
from exitladder.trades.trades import PlacedTrades

# what a slipped or rounded price may lie beside its bar, as a share of the price
_FAR = 0.05
_ROUNDING = 1e-9


def check_trades_on_bars(placed: PlacedTrades) -> npt.NDArray[np.bool_]:
    """Return which trades were entered at a price outside of their bar's low and high, shape (n_trades,).

    Warns with their number where there are any: slippage and rounding put a price a little outside.

    Raises
    ------
    TradesError
        If a price lies outside by more than the larger of the bar's range and 5 % of the price. Such a trade
        is not of these bars: most often one of the two is adjusted for splits and the other is not.
    """
    trades, bars, bar = placed.trades, placed.bars, placed.entry_bar
    low, high, price = bars.low[bar], bars.high[bar], trades.entry_price
    beyond = np.maximum(low - price, price - high)
    outside = beyond > _ROUNDING * price
    far = beyond > np.maximum(high - low, _FAR * price)
    if far.any():
        i = int(np.argmax(far))
        ratio = float(np.median((price / bars.open[bar])[far]))
        raise TradesError(
            "entry_price must lie within its bar, but "
            f"trade '{trades.trade_id[i]}' of {trades.symbol[i]} was entered at {price[i]:.10g} and the bar of "
            f"{stamp_text(int(bars.time[bar[i]]))} runs from {low[i]:.10g} to {high[i]:.10g}. {int(far.sum())} of "
            f"{len(placed)} trades are concerned (median {ratio:.4g} times the bar's open). Probably one side is "
            "adjusted for splits or dividends and the other is not, or the times are of another zone: read the "
            "bars as traded with --set data.adjust=none, adjust the trades' prices, or check --tz."
        )
    if outside.any():
        i = int(np.argmax(outside))
        warnings.warn(
            f"{int(outside.sum())} of {len(placed)} trades were entered at a price outside of their bar, such as "
            f"'{trades.trade_id[i]}' at {price[i]:.10g} in a bar from {low[i]:.10g} to {high[i]:.10g} "
            f"({stamp_text(int(bars.time[bar[i]]))}). Their prices are taken as given.",
            ExitladderWarning,
            stacklevel=2,
        )
    return np.asarray(outside)
