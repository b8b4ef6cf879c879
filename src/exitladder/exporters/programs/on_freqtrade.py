"""The ladder as a mixin for freqtrade strategies: resting limits for rungs, a stop that only tightens."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import Any

from freqtrade.exchange import timeframe_to_minutes, timeframe_to_prev_date
from freqtrade.strategy import stoploss_from_absolute

from exitladder.exporters.programs.exit_rules import INF, NAN, Part, Position, atr_of, reaches_down, steps_of
from exitladder.exporters.programs.growing import AddOrder, Growing
from exitladder.exporters.programs.replay import HOOKS, PLAN

logger = logging.getLogger(__name__)
TAG, ADD_TAG = "ladder ", "add "


class LadderState:
    """The ladder of one trade, up to the last closed candle."""

    def __init__(self, position: Position, last: datetime) -> None:
        self.position, self.last, self.now = position, last, last


class LadderExits:
    """Mixin: ``class MyStrategy(LadderExits, IStrategy)``; call `ladder_indicators` in ``populate_indicators``.

    Freqtrade keeps the orders; their tags, such as ``ladder 1``, say which rungs have filled. A restart loses nothing.
    """

    position_adjustment_enable = True
    max_entry_position_adjustment = len(PLAN.get("adds", ())) if PLAN.get("adds") else -1
    use_custom_stoploss = True
    use_exit_signal = True
    trailing_stop = False
    stoploss = -0.99
    minimal_roi = {"0": 1000}  # noqa: RUF012

    def bot_start(self, **kwargs: Any) -> None:
        """Warn of settings with which freqtrade would not do as the ladder says."""
        config = self.config  # type: ignore[attr-defined]
        ratio = config.get("custom_price_max_distance_ratio", 0.02)
        if ratio < 1:
            logger.warning(
                "custom_price_max_distance_ratio is %s: freqtrade moves rungs farther from the price than that to this "
                "distance, where they fill too early. Set it to 0.99 in the configuration.",
                ratio,
            )
        minutes = config.get("unfilledtimeout", {}).get("exit", 10)
        if minutes < timeframe_to_minutes(self.timeframe):  # type: ignore[attr-defined]
            logger.warning(
                "unfilledtimeout.exit cancels a resting rung after %s minutes, and the next iteration places it again. "
                "Set it to the length of a candle or more, and unfilledtimeout.exit_timeout_count to 0.",
                minutes,
            )
        types = getattr(self, "order_types", {})
        if types.get("stoploss_on_exchange"):
            logger.warning(
                "stoploss_on_exchange: freqtrade cancels the stop on the exchange while it places a rung, and sends it "
                "again afterwards. In between the position has no stop on the exchange."
            )
        if types.get("exit", "limit") != "limit":
            raise ValueError('order_types["exit"] must be "limit", or rungs fill at the market. Set it to "limit".')

    def ladder_indicators(self, dataframe: Any) -> Any:
        """Return the candles with the column ``ladder_atr``."""
        columns = (list(dataframe[name]) for name in ("high", "low", "close"))
        dataframe["ladder_atr"] = atr_of(*columns, PLAN["atr_window"])
        return dataframe

    def initial_stop(self, trade: Any) -> float:
        """Return the price of a trade's initial stop; NaN for that of the ladder."""
        return float(HOOKS["initial_stop"](trade)) if "initial_stop" in HOOKS else NAN

    def ladder_state(self, trade: Any, current_time: datetime) -> LadderState:
        """Return the ladder of a trade as it is after the last candle closed before a moment."""
        states = self.__dict__.setdefault("_ladder_states", {})
        key = (trade.pair, trade.open_date_utc)
        timeframe = self.timeframe  # type: ignore[attr-defined]
        now = timeframe_to_prev_date(timeframe, current_time)
        state: LadderState | None = states.get(key)
        if state is not None and state.now == now:
            return state
        frame, _ = self.dp.get_analyzed_dataframe(trade.pair, timeframe)  # type: ignore[attr-defined]
        if "ladder_atr" not in frame:
            raise ValueError("populate_indicators must call self.ladder_indicators(dataframe)")
        if state is None:
            state = states[key] = self.begin_ladder(
                trade, frame, timeframe_to_prev_date(timeframe, trade.open_date_utc)
            )
        length = timedelta(minutes=timeframe_to_minutes(timeframe))
        for row in frame[(frame["date"] > state.last) & (frame["date"] < now)].to_dict("records"):
            self.note_filled_rungs(state.position, trade, row["date"] + length)
            self.note_filled_adds(state.position, trade, row["date"] + length)
            series = self.ladder_series(row, state.position.side)
            state.position.close_bar(row["high"], row["low"], row["close"], row["ladder_atr"], series)
            if "must_leave" in HOOKS and HOOKS["must_leave"](row["date"], trade.open_date_utc):
                state.position.is_ending = "clock"
            state.last = row["date"]
        state.now = now
        return state

    def begin_ladder(self, trade: Any, frame: Any, entered: datetime) -> LadderState:
        """Return the ladder of a trade at its entry; candles that are not kept any more count by the trade's extremes.

        Parameters
        ----------
        trade : Trade
        frame : DataFrame
            Analysed candles.
        entered : datetime
            Start of the candle of the entry.

        Returns
        -------
        LadderState
        """
        side = -1 if trade.is_short else 1
        entries = [
            o for o in trade.orders
            if o.ft_order_side == trade.entry_side and not (o.ft_order_tag or "").startswith(ADD_TAG) and o.safe_filled
        ]  # fmt: skip
        bought = sum(o.safe_filled for o in entries) or trade.amount
        # an add moves the trade's open rate, and R counts from the first entry
        paid = sum(o.safe_filled * o.safe_price for o in entries) / bought if PLAN.get("adds") else trade.open_rate
        before = frame[frame["date"] < entered]
        atr = float(before["ladder_atr"].iloc[-1]) if len(before) else NAN
        prices: dict[int, float] = {}
        for number, rung in enumerate(PLAN["rungs"], start=1):
            if rung.get("target") and rung["target"][1] in ("fib", "resistance"):
                value, kind = rung["target"]
                prices[number] = HOOKS["level_price"](kind, value, side, trade.open_rate, entered)
        kind = Growing if PLAN.get("adds") else Position
        position = kind(PLAN, side, paid, bought, self.initial_stop(trade), atr, prices=prices)
        if any(part.partial > -INF for part in position.parts):
            raise ValueError(
                f"{trade.pair}: a rung's price is not beyond the entry; freqtrade cannot rest a partial stop"
            )
        if not len(before) and trade.max_rate and trade.min_rate:
            best = trade.min_rate if side < 0 else trade.max_rate
            position.best = max(position.best, side * best)
        return LadderState(position, entered - timedelta(microseconds=1))

    def ladder_series(self, row: dict[str, Any], side: int) -> dict[str, float]:
        """Return the series that conditions read at a candle's close."""
        return {name: float(HOOKS["series_value"](name, row, side)) for name in PLAN["series"]}

    def filled_rungs(self, trade: Any, before: datetime | None = None) -> set[int]:
        """Return the numbers of the rungs that have filled, by the tags of the trade's orders."""
        found: set[int] = set()
        for order in trade.orders:
            tag = order.ft_order_tag or ""
            is_filled = order.ft_order_side == trade.exit_side and not order.ft_is_open and order.safe_filled > 0
            if is_filled and tag.startswith(TAG) and (before is None or order.order_filled_utc < before):
                found |= _rungs_in(tag)
        return found

    def note_filled_rungs(self, position: Position, trade: Any, before: datetime) -> None:
        """Tell a position which rungs had filled before a moment.

        Parameters
        ----------
        position : Position
        trade : Trade
        before : datetime
        """
        filled = self.filled_rungs(trade, before)
        for part in position.open_parts:
            if part.number in filled:
                position.sold(part, by_rung=True)

    def note_filled_adds(self, position: Position, trade: Any, before: datetime) -> None:
        """Tell a position which adds had filled before a moment, and at which price.

        Parameters
        ----------
        position : Position
        trade : Trade
        before : datetime
        """
        if not isinstance(position, Growing):
            return
        for order in trade.orders:
            add, is_filled = _add_of(position, order.ft_order_tag), not order.ft_is_open and order.safe_filled > 0
            if add is not None and add.is_open and is_filled and order.order_filled_utc < before:
                lots = steps_of(order.safe_filled, position.lot)
                position.fill_add(add, lots, position.side * order.safe_price)

    def next_add(self, position: Position, trade: Any, price: float) -> tuple[AddOrder, bool] | None:
        """Return the add to buy now, at the market if it is due or reached, or the limit nearest to a signed price.

        Parameters
        ----------
        position : Position
        trade : Trade
        price : float

        Returns
        -------
        tuple of AddOrder and bool, or None
            Whether it is bought at the market.
        """
        if not isinstance(position, Growing) or not position.may_add:
            return None
        bought = {o.ft_order_tag for o in trade.orders if not o.ft_is_open and o.safe_filled > 0}
        stop = _main_stop(position)
        adds = [
            add for add in position.adds
            if add.is_open and f"{ADD_TAG}{add.number}" not in bought and (add.is_due or add.rests)
            and not (add.rests and reaches_down(add.level, stop))
        ]  # fmt: skip
        for add in adds:
            is_reached = price >= add.reach if add.kind == "stop" else price <= add.reach
            if add.is_due or (add.rests and is_reached):
                return add, True
        resting = [add for add in adds if add.kind == "limit"]
        return (max(resting, key=lambda add: add.level), False) if resting else None

    def adjust_trade_position(
        self, trade: Any, current_time: datetime, current_rate: float, current_profit: float,
        min_stake: float | None, max_stake: float, *args: Any, **kwargs: Any,
    ) -> Any:  # fmt: skip
        """Place the next rung or add: at the market if it is due or the price is beyond it, else as a resting limit.

        Freqtrade keeps one open order per trade: of a rung and an add that both wait, the one nearer to the price.

        Parameters
        ----------
        trade : Trade
        current_time : datetime
        current_rate, current_profit : float
        min_stake : float or None
        max_stake : float
        *args, **kwargs
            As freqtrade passes them.

        Returns
        -------
        tuple of float and str, or None
            Stake to sell (negative) or to buy, and the tag of the order.
        """
        position = self.ladder_state(trade, current_time).position
        price = position.side * current_rate
        if position.is_ending or reaches_down(price, _main_stop(position)):
            return None
        filled = self.filled_rungs(trade)
        parts = [part for part in position.open_parts if part.number and part.number not in filled]
        resting = sorted((part for part in parts if part.limit == part.limit), key=lambda part: part.limit)
        reached = [part for part in parts if part.is_due or price >= part.reach]
        picked = reached or resting[:1]
        least = min_stake or 0.0
        add = None if reached else self.next_add(position, trade, price)
        if add is not None and (add[1] or not resting or price - add[0].level < resting[0].limit - price):
            return self.stake_of_add(position, trade, add[0], price if add[1] else add[0].level)
        amount = sum(position.units(part.quantity) for part in picked)
        for part in resting:
            # Too small for an order of its own: it goes with the next rung.
            if part not in picked and picked and amount * current_rate < least:
                picked.append(part)
                amount += position.units(part.quantity)
        if not picked or amount * current_rate < least:
            return None
        tag = TAG + "+".join(str(part.number) for part in picked)
        if not reached and any(
            o.ft_is_open and o.ft_order_tag == tag and (not PLAN.get("adds") or abs(o.safe_remaining - amount) < 1e-9)
            for o in trade.orders
        ):
            return None
        if amount >= trade.amount or (trade.amount - amount) * current_rate < least:
            # Freqtrade drops an order that leaves less than the minimum: sell that as well.
            return -trade.stake_amount, tag
        return -(amount * trade.stake_amount / trade.amount) * (1 + 1e-9), tag

    def stake_of_add(self, position: Position, trade: Any, add: AddOrder, price: float) -> tuple[float, str] | None:
        """Return the stake and the tag of an add bought at a signed price; None if it is placed or has no size.

        Parameters
        ----------
        position : Position
        trade : Trade
        add : AddOrder
        price : float

        Returns
        -------
        tuple of float and str, or None
        """
        assert isinstance(position, Growing)
        amount, tag = position.units(position.lots_of(add, price)), f"{ADD_TAG}{add.number}"
        if amount <= 0 or any(o.ft_is_open and o.ft_order_tag == tag for o in trade.orders):
            return None
        return amount * abs(price) / (trade.leverage or 1.0) * (1 + 1e-9), tag

    def custom_entry_price(
        self, pair: str, trade: Any, current_time: datetime, proposed_rate: float, entry_tag: str | None, side: str,
        **kwargs: Any,
    ) -> float:  # fmt: skip
        """Return the price of an add that rests, or the market's if that is better or the add is due.

        Parameters
        ----------
        pair : str
        trade : Trade or None
        current_time : datetime
        proposed_rate : float
        entry_tag : str or None
        side : str
        **kwargs
            As freqtrade passes them.

        Returns
        -------
        float
        """
        if trade is None or not entry_tag or not entry_tag.startswith(ADD_TAG):
            return proposed_rate
        position = self.ladder_state(trade, current_time).position
        add = _add_of(position, entry_tag)
        if add is None or add.kind != "limit" or position.side * proposed_rate <= add.reach:
            return proposed_rate
        return position.side * add.level

    def adjust_entry_price(
        self, trade: Any, order: Any, pair: str, current_time: datetime, proposed_rate: float,
        current_order_rate: float, entry_tag: str | None, side: str, **kwargs: Any,
    ) -> float | None:  # fmt: skip
        """Keep the price of an open entry order; cancel that of an add which is withdrawn.

        Parameters
        ----------
        trade : Trade
        order : Order
        pair : str
        current_time : datetime
        proposed_rate, current_order_rate : float
        entry_tag : str or None
        side : str
        **kwargs
            As freqtrade passes them.

        Returns
        -------
        float or None
        """
        if not (order.ft_order_tag or "").startswith(ADD_TAG):
            return current_order_rate
        position = self.ladder_state(trade, current_time).position
        return current_order_rate if isinstance(position, Growing) and position.may_add else None

    def custom_exit_price(
        self, pair: str, trade: Any, current_time: datetime, proposed_rate: float, current_profit: float,
        exit_tag: str | None, **kwargs: Any,
    ) -> float:  # fmt: skip
        """Return the price of a rung, or the market's if that is better or the rung is due.

        Parameters
        ----------
        pair : str
        trade : Trade
        current_time : datetime
        proposed_rate, current_profit : float
        exit_tag : str or None
        **kwargs
            As freqtrade passes them.

        Returns
        -------
        float
        """
        if not exit_tag or not exit_tag.startswith(TAG):
            return proposed_rate
        position = self.ladder_state(trade, current_time).position
        numbers = _rungs_in(exit_tag)
        parts = [part for part in position.parts if part.number in numbers]
        if not parts or any(part.is_due for part in parts):
            return proposed_rate
        price = position.side * proposed_rate
        waiting = [part.limit for part in parts if price < part.reach]
        return position.side * max(waiting) if waiting else proposed_rate

    def custom_stoploss(
        self, pair: str, trade: Any, current_time: datetime, current_rate: float, current_profit: float,
        after_fill: bool, **kwargs: Any,
    ) -> float | None:  # fmt: skip
        """Return the stop of the ladder; never a looser one than freqtrade has.

        Parameters
        ----------
        pair : str
        trade : Trade
        current_time : datetime
        current_rate, current_profit : float
        after_fill : bool
        **kwargs
            As freqtrade passes them.

        Returns
        -------
        float or None
            Distance from the rate, as a share.
        """
        position = self.ladder_state(trade, current_time).position
        level = _main_stop(position)
        known = trade.stop_loss
        if after_fill and known and position.side * known >= level:
            return None
        # Freqtrade rounds stops to the tick in the trade's favour; a hair beyond, the noise of its arithmetic cannot
        # move one that is on the tick by a whole tick.
        stop = position.side * (level - abs(level) * 1e-12)
        return stoploss_from_absolute(stop, current_rate, trade.is_short, trade.leverage or 1.0) or None

    def custom_exit(
        self, pair: str, trade: Any, current_time: datetime, current_rate: float, current_profit: float, **kwargs: Any
    ) -> str | None:
        """Exit the rest: on time, on a rung that sells the rest, or at a price beyond the stop.

        Parameters
        ----------
        pair : str
        trade : Trade
        current_time : datetime
        current_rate, current_profit : float
        **kwargs
            As freqtrade passes them.

        Returns
        -------
        str or None
            Reason of the exit.
        """
        position = self.ladder_state(trade, current_time).position
        if position.is_ending:
            return f"exit {position.is_ending}"
        return "exit stop" if reaches_down(position.side * current_rate, _main_stop(position)) else None


def _main_stop(position: Position) -> float:
    return position.stop_of(Part(0, {}))[0]


def _add_of(position: Position, tag: str | None) -> AddOrder | None:
    number = (tag or "").removeprefix(ADD_TAG)
    if not (tag or "").startswith(ADD_TAG) or not number.isdigit() or not isinstance(position, Growing):
        return None
    return position.adds[int(number) - 1] if 0 < int(number) <= len(position.adds) else None


def _rungs_in(tag: str) -> set[int]:
    return {int(number) for number in tag.removeprefix(TAG).split("+") if number.isdigit()}
