"""The programs that ladders are exported to: what each can express, and which of its rules differ from exitladder's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from exitladder.errors import LadderError
from exitladder.exporters.asks import ASKS, Ask, asks_of
from exitladder.plans.ladder import Ladder

YES, HOOK, NO = "yes", "hook", "no"


@dataclass(frozen=True)
class Target:
    """A program that ladders are exported to.

    Parameters
    ----------
    name : str
        As ``--to`` takes it.
    title : str
    suffix : str
        Of the file.
    can : dict
        Level of each ask that is not fully expressed: ``HOOK`` or ``NO``, and why.
    differs : tuple of str
        Rules on which its fills differ from exitladder's; they are in the header of every file.
    """

    name: str
    title: str
    suffix: str
    can: dict[str, tuple[str, str]]
    differs: tuple[str, ...]

    def level(self, kind: str) -> str:
        """Return ``YES``, ``HOOK`` or ``NO`` for an ask."""
        return self.can[kind][0] if kind in self.can else YES

    def differs_for(self, ladder: Ladder) -> tuple[str, ...]:
        """Return the rules on which fills differ, of the parts that a ladder has."""
        kinds = {ask.kind for ask in asks_of(ladder)}
        absent = tuple(start for start, needed in _ABOUT.items() if not kinds & needed)
        return tuple(text for text in self.differs if not text.startswith(absent))


_SERIES = (HOOK, "exitladder's model and features do not exist there")
_SWING = (HOOK, "confirmed swings are not computed there")
_CLOCK = (HOOK, "session schedules are not known there")
_VOLUME = (NO, "fills there are not capped by volume")
_MARGIN = (NO, "its own margin rules apply")
_LIVE_VOLUME = (NO, "the market itself decides how much of an order fills")
_LIVE_MARGIN = (NO, "the venue computes the liquidation price")


_ADDS = (
    "averaging_add", "pyramiding_add", "signal_add", "level_add", "chained_add", "current_atr", "add_stop",
    "average_stop", "costs_stop", "maximum", "maximum_alone", "size_rule", "add_rules", "from_average",
)  # fmt: skip


# the asks without which a difference does not matter, by its first words
_ABOUT = {
    "Adds:": frozenset(_ADDS),
    "Pyramiding adds:": frozenset({"pyramiding_add"}),
    "Chained adds:": frozenset({"chained_add"}),
    "Clock exits:": frozenset({"clock"}),
}


def _no_adds(why: str, *but: str) -> dict[str, tuple[str, str]]:
    """Return that a target expresses nothing of a plan that adds to positions, but for some asks."""
    return dict.fromkeys([kind for kind in _ADDS if kind not in but], (NO, why))


_NOT_CARRIED = "the exported rules of adds do not have it"
_CARRIED = (
    "averaging_add", "pyramiding_add", "signal_add", "chained_add", "add_stop", "average_stop", "maximum", "add_rules",
)  # fmt: skip

TARGETS = (
    Target("json", "JSON", ".json", {}, ()),
    Target(
        "backtesting",
        "backtesting.py",
        ".py",
        _no_adds(_NOT_CARRIED, *_CARRIED)
        | {
            "series_condition": _SERIES,
            "swing_target": _SWING,
            "clock": _CLOCK,
            "participation": _VOLUME,
            "leverage": _MARGIN,
            "through": (NO, "its limit orders fill when their price is touched"),
        },
        (
            "Bars: each bar is walked as its open and then the whole of it, the stop first, on any intrabar policy.",
            "Slippage: backtesting.py has none for exits; fills are at the price of the order.",
            "Rounding: sizes are whole lots; a rest below the minimum quantity is sold at the next open.",
            "Bars without volume: orders fill in them.",
            "Clock exits: the hook is asked at a close, and the exit fills at the next open, not at that close.",
            "Commission: a fixed or minimum amount is charged once per part at the entry as well; with adds, once per "
            "purchase that an exit sells.",
            "Adds: this file decides the fills of each bar and backtesting.py books them, without slippage; one "
            "position at a time.",
        ),
    ),
    Target(
        "vectorbt",
        "vectorbt",
        ".py",
        _no_adds(_NOT_CARRIED, *_CARRIED)
        | {
            "series_condition": _SERIES,
            "swing_target": _SWING,
            "clock": _CLOCK,
            "participation": _VOLUME,
            "leverage": _MARGIN,
        },
        (
            "Matching: vectorbt has no resting orders. This file decides the fills of each bar, vectorbt books them.",
            "Bars: the stop comes first inside a bar, on any intrabar policy.",
            "Clock exits: the hook is asked at a close, and the exit fills at the next open, not at that close.",
            "Financing: funding and borrow costs are not charged.",
            "Adds: filled by the rules of this file, stop adds before limit adds; vectorbt books them.",
        ),
    ),
    Target(
        "pine",
        "Pine v6 (TradingView)",
        ".pine",
        _no_adds(_NOT_CARRIED, *_CARRIED)
        | {
            "series_condition": _SERIES,
            "swing_target": _SWING,
            "own_stop": (HOOK, "a script knows no stop of a trade unless it is set there"),
            "clock": _CLOCK,
            "participation": _VOLUME,
            "leverage": (NO, "margin is a property of the strategy there"),
            "through": (NO, "its backtest fills limits when their price is touched"),
        },
        (
            "Bars: the broker emulator walks a bar from the open to the nearer of high and low first; with the bar "
            "magnifier it uses finer bars.",
            "Entry bar: only the stop rests in the bar of the entry; rungs rest from the bar after it.",
            "Entry bar: an initial stop in % or ATR counts from the close before the entry until the entry is known.",
            "Trail: it moves at closes only, by absolute stops, and never inside a bar.",
            "Rounding: prices to the tick against the trader, quantities down to the lot, here as there.",
            "Costs: set commission and slippage in the properties of the strategy.",
            "Clock exits: the function is asked at a close, and the exit fills at the next open, not at that close.",
            "Volume: a bar without volume still fills orders.",
            "Adds: they rest from the bar after the entry, each an entry of its own (pyramiding).",
            "Adds: quantities are decided at the close before: in money at the price of the add (a signal add: at the "
            "close). Signal adds have the room below the maximum size first, then the others in the order of the file.",
            "Adds: a pyramiding add that a bar reaches after its stop is bought, and sold at the next open.",
            "Chained adds: they rest from the bar after the fill of the add before, not within its bar.",
        ),
    ),
    Target(
        "freqtrade",
        "freqtrade",
        ".py",
        _no_adds(_NOT_CARRIED, *_CARRIED)
        | {
            "series_condition": _SERIES,
            "swing_target": _SWING,
            "own_stop": (HOOK, "its trades have no stop of their own"),
            "clock": _CLOCK,
            "partial_stop": (NO, "it has one stop per trade, and a limit below the market fills at once"),
            "slice": (NO, "it has one stop per trade"),
            "participation": _VOLUME,
            "leverage": _MARGIN,
            "through": (NO, "its backtest fills limits when their price is touched"),
        },
        (
            "Order inside a candle: its backtest fills a rung before the stop, as intrabar = target_first.",
            "One rung per candle: its backtest places one order per candle, so a second rung inside the same candle "
            "fills in a later one, or not at all. Rungs that the open has passed fill together.",
            "Entry candle: a stop in the candle of the entry fills at the worst-case price of its backtest, not at the "
            "stop.",
            "Gaps: an open beyond the stop or a rung fills at the open, as here; the mixin sees to it.",
            "Live: the stop is looked at on each iteration, not by the exchange, unless stoploss_on_exchange is set.",
            "Live: a candle's breakeven and trail act once the candle has closed, as here.",
            "Rounding: amounts and prices round to the exchange's precision; a rest below the minimum stake is "
            "sold with the last rung.",
            "Slippage: its backtest has none.",
            "Clock exits: the hook is asked at a close, and the exit is at the next candle's open.",
            "Adds: freqtrade keeps one open order per trade, so of a rung and an add that both wait, the one nearer to "
            "the price rests; its backtest chooses once per candle.",
            "Pyramiding adds: bought at the market once the price is at or beyond theirs; in its backtest at the open "
            "of the next candle.",
        ),
    ),
    Target(
        "mql5",
        "MQL5 (MetaTrader 5)",
        ".mq5",
        _no_adds(_NOT_CARRIED, *_CARRIED)
        | {
            "series_condition": _SERIES,
            "swing_target": _SWING,
            "clock": _CLOCK,
            "slice": (NO, "a position has one stop loss there"),
            "participation": _LIVE_VOLUME,
            "leverage": _LIVE_MARGIN,
            "through": (NO, "rungs are sold at the market once the price is there"),
        },
        (
            "Order inside a bar: the ticks decide it.",
            "Rungs: sold at the market on the first tick at or beyond their price, not by resting limits.",
            "Stop: the stop loss on the server covers all that is left; it moves on the first tick of a bar.",
            "R: it counts from the stop loss that the position has when the expert first sees it.",
            "Rounding: volumes to SYMBOL_VOLUME_STEP, prices to the tick against the trader; a rest below "
            "SYMBOL_VOLUME_MIN is sold with the rung.",
            "Restart: the expert forgets rungs that it sold before, and begins again with the volume that is left.",
            "Netting accounts: one ladder per symbol; an opposite deal reduces the position.",
            "Clock exits: the function is asked at a close, and the exit is at the next tick.",
            "Adds: bought at the market on the first tick at or beyond their price, units and maxima in lots; on "
            "hedging accounts each is a position of its own with the same stop loss, and rungs sell the oldest first.",
            "Adds: to a position that is older than the bar before the expert's first tick nothing is added.",
        ),
    ),
    Target(
        "ccxt",
        "ccxt order parameters",
        ".json",
        _no_adds(_NOT_CARRIED, *_CARRIED)
        | {
            "signal_add": (HOOK, "exchanges have no conditional orders on the trade itself"),
            "series_condition": _SERIES,
            "state_condition": (HOOK, "exchanges have no conditional orders on the trade itself"),
            "rest": (HOOK, "exchanges have no conditional orders on the trade itself"),
            "swing_target": _SWING,
            "clock": (HOOK, "exchanges have no orders for a time of day"),
            "time_bars": (HOOK, "exchanges have no orders for a number of bars"),
            "participation": _LIVE_VOLUME,
            "leverage": _LIVE_MARGIN,
            "through": (NO, "a resting limit order fills by the exchange's queue"),
        },
        (
            "Gaps and order inside a bar: the exchange's own matching.",
            "Stops are stop-market orders: their fill is the market's price, not the stop.",
            "Stop moves: orders are placed once; `moves` says when to replace which order by which price.",
            "Rounding: amounts and prices must pass amount_to_precision and price_to_precision of the exchange.",
            "Adds: amounts in money are those at the add's own price; adds get the room below the maximum size in the "
            "order of the file.",
        ),
    ),
)  # fmt: skip
NAMES = tuple(target.name for target in TARGETS)


def target_named(name: str) -> Target:
    """Return a target by its name."""
    return next(target for target in TARGETS if target.name == name)


# What to write in place of what a target cannot express, by ask.
_CURES = {
    "level_add": 'State a distance from the entry, such as at = "-0.5ATR"',
    "current_atr": 'Leave out atr = "current", so that the ATR of the entry counts',
    "costs_stop": 'Use stop = "average"',
    "from_average": 'Leave out measured_from = "average" and breakeven_from = "average"',
    "size_rule": "Leave out the size rule and pass the quantity that `exitladder plan` shows",
    "maximum_alone": "Leave out the maximum, which only skips larger trades",
}


def check_asks(target: Target, asks: Sequence[Ask], *, hooks: bool) -> list[Ask]:
    """Return the asks that become hooks.

    Parameters
    ----------
    target : Target
    asks : sequence of Ask
        What the ladder asks for.
    hooks : bool
        Whether the user wants hooks.

    Returns
    -------
    list of Ask

    Raises
    ------
    LadderError
        If the target cannot express an ask, or only by a hook and none is wanted.
    """
    refused = [ask for ask in asks if target.level(ask.kind) == NO]
    hooked = [ask for ask in asks if target.level(ask.kind) == HOOK]
    if refused:
        ask = refused[0]
        cure = _CURES.get(ask.kind, "Remove it from the ladder")
        raise LadderError(
            f"{target.title} must be able to express everything that the ladder asks for, but it cannot express "
            f"{ask.place} = {ask.value!r} ({ASKS[ask.kind]}): {target.can[ask.kind][1]}. "
            f"{cure}, or choose another target.{_more(refused)}"
        )
    if hooked and not hooks:
        ask = hooked[0]
        raise LadderError(
            f"{target.title} must be able to express everything that the ladder asks for, but it cannot express "
            f"{ask.place} = {ask.value!r} ({ASKS[ask.kind]}): {target.can[ask.kind][1]}. Add --hooks to get a function "
            f"to fill in, which raises an error until you do.{_more(hooked)}"
        )
    return hooked


def _more(asks: Sequence[Ask]) -> str:
    others = sorted({ask.place for ask in asks[1:]} - {asks[0].place})
    return f" Likewise: {', '.join(others)}." if others else ""
