"""What the user holds of a trade, and the stop that is in the market."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from exitladder.pipelines.advice.adds.happened import entries_of, sold_before
from exitladder.pipelines.advice.rows.followed import Followed
from exitladder.pipelines.advice.wording.sentences import number
from exitladder.pipelines.advice.working.orders import PREVIOUS, STOP_PRICE, WORKING_ORDERS, WORKING_STOP, is_near
from exitladder.pipelines.advice.working.since import Since


def quantity_held(followed: Followed, assume: str) -> tuple[float, list[str]]:
    """Return the quantity that the user holds, NaN if it is not known, and the assumption in words."""
    trades, i = followed.placed.trades, followed.i
    own, entered = float(trades.quantity_open[i]), float(trades.quantity[i])
    if np.isfinite(own):
        return own, []
    if assume == "untouched":
        return entered, [
            f"quantity_open is blank: assumed {number(entered)}, all that was entered (--assume untouched)."
        ]
    if assume == "followed":
        left = followed.ladder_left if followed.status != "skipped" or followed.state is not None else entered
        if followed.managed_from == "":
            return left, []
        return left, [f"quantity_open is blank: assumed {number(left)}, as the ladder left it (--assume followed)."]
    return np.nan, []


def quantity_managed(followed: Followed, held: float) -> float:
    """Return the quantity held when the ladder began to manage a trade; NaN if it is not known."""
    trades, i = followed.placed.trades, followed.i
    before = (followed.previous or {}).get("quantity_managed", np.nan)
    if before is not None and np.isfinite(before):
        return float(before)
    entries = entries_of(trades, i) if followed.happened is not None else None
    if entries is not None:
        bars = followed.placed.bars
        begins = int(bars.time[followed.first_bar]) if followed.first_bar < bars.n_bars else np.iinfo(np.int64).max
        return float(entries.quantity.sum()) - sold_before(trades, i, begins)
    if followed.managed_from and followed.first_bar >= int(followed.placed.end_bar[i]):
        return held
    if trades.fills is not None and trades.fills.start[i + 1] > trades.fills.start[i]:
        own = trades.own_exits()
        part = slice(int(own.start[i]), int(own.start[i + 1]))
        bars = followed.placed.bars
        begins = int(bars.time[followed.first_bar]) if followed.first_bar < bars.n_bars else np.iinfo(np.int64).max
        sold = own.quantity[part][own.time[part] < begins]
        return float(trades.quantity[i]) - float(sold[np.isfinite(sold)].sum())
    return float(trades.quantity[i]) if not followed.managed_from else np.nan


@dataclass(frozen=True)
class KnownStop:
    """The newest stop of a trade that the files know, also if the price has passed it.

    Parameters
    ----------
    price : float
        Of several stops the farthest; NaN if there is none.
    source : {"working_orders", "working_stop", "previous", "stop_price"}
    reached : Timestamp or None
        The bar that reached it first since it is known to work: since earlier scores, else the last bar; of
        ``stop_price`` since the entry.
    is_passed : bool
        Whether the last price is beyond it, so that it cannot rest any more.
    is_since : bool
        Whether it was at the broker before the bar that reached it, as far as the files know: of a stop that only the
        trades file states, not even that is known of the last bar.
    """

    price: float
    source: str
    reached: pd.Timestamp | None = None
    is_passed: bool = False
    is_since: bool = True

    @property
    def is_newer(self) -> bool:
        """Whether it is known from the orders at the broker, not from the entry alone."""
        return self.source != STOP_PRICE

    @property
    def is_gone(self) -> bool:
        """Whether it must have filled, if it was there: the trade is probably closed."""
        return self.is_newer and self.reached is not None and (self.is_passed or self.is_since)


def known_stop(followed: Followed) -> KnownStop:
    """Return the newest stop that the files know.

    Parameters
    ----------
    followed : Followed

    Returns
    -------
    KnownStop
        ``working_orders`` and ``working_stop`` of the trades file come before earlier scores, and these before
        ``stop_price``. Earlier scores that ended the trade left no stop.
    """
    kept, own = (followed.previous or {}).get("stop_price"), float(followed.placed.trades.stop_price[followed.i])
    if followed.stated is not None:
        stops = [followed.side * order.price for order in followed.stated if order.type == "stop" and order.price]
        price, source = followed.side * min(stops) if stops else np.nan, WORKING_ORDERS
    elif np.isfinite(followed.working_stop):
        price, source = followed.working_stop or np.nan, WORKING_STOP
    elif kept is not None or (followed.previous or {}).get("orders"):
        price, source = np.nan if kept is None else float(kept), PREVIOUS
    else:
        price, source = own, STOP_PRICE
    if np.isnan(price):
        return KnownStop(price, source)
    is_passed = bool(followed.side * (followed.price - price) <= 0)
    if source == PREVIOUS and followed.placed.bars.factor is not None:
        return KnownStop(price, source, None, is_passed)  # of prices that may have been adjusted anew since
    since = Since.entry(followed) if source == STOP_PRICE else Since.stated(followed)
    reached = since.reached("stop", followed.side * price)
    last = pd.Timestamp(int(followed.placed.bars.time[int(followed.placed.end_bar[followed.i]) - 1]), tz="UTC")
    return KnownStop(price, source, last if reached is None and is_passed else reached, is_passed, _is_since(followed))


def _is_since(followed: Followed) -> bool:
    """Whether earlier scores have the stop that the trades file states, so that it was there in the bars since then."""
    if followed.stated is None and not np.isfinite(followed.working_stop):
        return True
    earlier = [order for order in (followed.previous or {}).get("orders") or [] if order.get("type") == "stop"]
    stated = [order.price for order in followed.stated or [] if order.type == "stop"] or [followed.working_stop]
    return any(is_near(order.get("price"), price) for order in earlier for price in stated)


def stop_before(followed: Followed, known: KnownStop, assume: str) -> float:
    """Return the stop that is in the market now; one that the price has passed is not there.

    Parameters
    ----------
    followed : Followed
    known : KnownStop
    assume : {"", "followed", "untouched"}
        With "followed", a ladder followed from the entry has its initial stop there where no other is known.

    Returns
    -------
    float
        NaN if none is known.
    """
    if not np.isnan(known.price):
        return np.nan if known.is_passed else known.price
    if known.source != STOP_PRICE or assume != "followed" or followed.managed_from:
        return np.nan
    stop = followed.initial_stop
    return stop if followed.side * (followed.price - stop) > 0 else np.nan
