"""Which trades can be judged on their bars: the ones left out, and the doubts about the others."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from exitladder.arrays import BoolArray, FloatArray
from exitladder.clock import interval_name
from exitladder.errors import ExitladderWarning, TradesError
from exitladder.execution import simulate
from exitladder.execution.simulation import stamps
from exitladder.plans.ladder import Ladder
from exitladder.plans.units import Distance
from exitladder.settings.tables import Settings
from exitladder.trades.adjust import across_splits, split_text
from exitladder.trades.checks import entered_outside, same_bar_text, same_bar_trips
from exitladder.trades.doubts import doubtful_trades
from exitladder.trades.entries import rules_of
from exitladder.trades.entry_points import entry_counts
from exitladder.trades.trades import PlacedTrades, Trades

# V8: a tick above this share of R skips the trade; above the smaller one, rounding is told with its cost
TOO_WIDE, COARSE = 1 / 4, 1 / 20
# share of the trades from which a coarse tick is a warning
_MANY = 0.1
OUTSIDE_BAR, ACROSS_SPLIT, TICK_TOO_WIDE = "entry_outside_bar", "across_split", "tick_too_wide"
BEFORE_COSTS = "All results are before costs: no costs are set ([costs])."


@dataclass(frozen=True)
class TradeNotes:
    """The trades that were left out before anything was executed, and the doubts about the others.

    Parameters
    ----------
    left_out : mapping of str to Trades
        By reason: ``entry_outside_bar`` (E2), ``across_split``, ``tick_too_wide``.
    entries : mapping of str to int
        Of `exitladder.trades.entry_points.entry_counts`.
    n_same_bar : int
        Trades whose own entry and exit are inside one bar.
    needs_bars_of : str
        The interval of bars that would separate them, such as ``5m``; empty if it is not known.
    n_coarse_tick : int
        Trades whose tick is above R / 20.
    rounding_r : float
        Their average cost of rounding per exit: half a tick, in R; NaN without such trades.
    is_before_costs : bool
        Whether no cost is set.
    texts : tuple of str
        All of this in words.
    is_too_wide : bool array, shape (n_trades,), optional
        The trades kept although their tick is above R / 4, as open ones are.
    """

    left_out: Mapping[str, Trades] = field(default_factory=dict)
    entries: Mapping[str, int] = field(default_factory=dict)
    n_same_bar: int = 0
    needs_bars_of: str = ""
    n_coarse_tick: int = 0
    rounding_r: float = np.nan
    is_before_costs: bool = False
    texts: tuple[str, ...] = ()
    is_too_wide: BoolArray | None = None

    def to_mapping(self) -> dict[str, Any]:
        """Return plain values for strict JSON."""
        return {
            "left_out": {reason: len(trades) for reason, trades in self.left_out.items()},
            "entries": dict(self.entries),
            "n_same_bar": self.n_same_bar,
            "needs_bars_of": self.needs_bars_of,
            "n_coarse_tick": self.n_coarse_tick,
            "rounding_r": None if np.isnan(self.rounding_r) else self.rounding_r,
            "before_costs": self.is_before_costs,
            "notes": list(self.texts),
        }

    def skipped_rows(self, columns: pd.Index) -> pd.DataFrame:
        """Return the trades left out as rows of ``trades.csv``: status skipped, with the reason."""
        parts = [
            pd.DataFrame(
                {
                    "trade_id": trades.trade_id,
                    "symbol": trades.symbol,
                    "side": np.where(trades.side > 0, "long", "short"),
                    "status": "skipped",
                    "reason": reason,
                    "quantity": trades.quantity,
                    "entry_time": stamps(trades.entry_time),
                    "entry_price": trades.entry_price,
                    "exit_time": pd.DatetimeIndex([pd.NaT] * len(trades), tz="UTC").as_unit("ns"),
                    **dict.fromkeys(("bars_held", "n_fills", "ambiguous_bars"), 0),
                }
            )
            for reason, trades in self.left_out.items()
        ]
        table = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
        return table.reindex(columns=columns)


NO_NOTES = TradeNotes()


def usable_trades(
    placed: PlacedTrades, settings: Settings, base: Ladder, *, max_bars: int, keeps_all: bool = False
) -> tuple[PlacedTrades, TradeNotes]:
    """Return the trades that can be judged, and notes on the rest; each doubt is a warning.

    Parameters
    ----------
    placed : PlacedTrades
    settings : Settings
    base : Ladder
        Its costs give the tick; its initial stop gives the R that the tick is compared with to trades without a stop.
    max_bars : int
        Bars that a trade may be held.
    keeps_all : bool
        Whether doubtful trades are kept with a warning, as open ones must be.

    Returns
    -------
    placed : PlacedTrades
    notes : TradeNotes

    Raises
    ------
    TradesError
        If none is left.
    """
    # E2: never the ladder's own R
    stop = Distance.parse(settings.labels.initial_stop, "labels.initial_stop")
    found = _Sieve(placed, keeps_all)
    outside = entered_outside(found.placed, stop)
    if settings.data.outside_entries != "keep":
        found.leave_out(OUTSIDE_BAR, outside)
    elif outside.any():
        found.note(
            f"{int(outside.sum())} of {len(placed)} trades have an entry outside its bar by more than 0.1 R and are "
            "kept (data.outside_entries=keep): nobody got that price on these bars."
        )
    if settings.data.splits != "keep":
        found.leave_out(ACROSS_SPLIT, across_splits(found.placed, max_bars))
    share = _tick_share(found.placed, base)
    too_wide = share > TOO_WIDE
    found.leave_out(TICK_TOO_WIDE, too_wide)
    share = share if keeps_all else share[~too_wide]
    coarse = (share > COARSE) & (share <= TOO_WIDE)
    rounding = float(np.median(share[coarse])) / 2 if coarse.any() else np.nan
    if coarse.any():
        # a warning where it concerns the result as a whole, a note where it is a few trades at old, adjusted prices
        say = found.tell if coarse.sum() > _MANY * len(found.placed) else found.note
        say(
            f"The tick is more than R/20 in {int(coarse.sum())} of {len(found.placed)} trades: rounding prices to it "
            f"costs about {rounding:.3f} R per exit (half a tick). Check tick in [symbols] or [costs]."
        )
    entries, (same, needed) = entry_counts(found.placed), same_bar_trips(found.placed)
    if entries["n_unsettled"]:
        found.tell(
            f"{entries['n_unsettled']} of {len(found.placed)} trades were entered at the start of a bar at a price "
            "that is neither its open nor its close: they count from the next bar on. Give times of day, or the column "
            "entry_at."
        )
    text = same_bar_text(found.placed)
    if text:
        found.tell(f"{text}.")
    for doubt in doubtful_trades(found.placed):
        found.tell(f"{doubt}.")
    if rules := rules_of(placed.trades):
        found.note(
            f"Simulated entries: the trades were made by exitladder's rule {' and '.join(rules)} (exitladder trades "
            "make) and are not from an account."
        )
    for message in found.texts:
        warnings.warn(message, ExitladderWarning, stacklevel=3)
    free = base.costs.is_free
    return found.placed, TradeNotes(
        left_out=found.left_out,
        entries=entries,
        n_same_bar=int(same.sum()),
        needs_bars_of=interval_name(needed) if needed else "",
        n_coarse_tick=int(coarse.sum()),
        rounding_r=rounding,
        is_before_costs=free,
        texts=(*found.texts, *found.asked_for, *((BEFORE_COSTS,) if free else ())),
        is_too_wide=too_wide if keeps_all else None,
    )


class _Sieve:
    """Trades of which doubtful ones are taken out one reason after another."""

    def __init__(self, placed: PlacedTrades, keeps_all: bool) -> None:
        self.placed = placed
        self.keeps_all = keeps_all
        self.left_out: dict[str, Trades] = {}
        self.texts: list[str] = []
        self.asked_for: list[str] = []

    def tell(self, text: str) -> None:
        """Add a doubt, which becomes a warning."""
        self.texts.append(text)

    def note(self, text: str) -> None:
        """Add a doubt that the settings accept: in the files and on the page, without a warning."""
        self.asked_for.append(text)

    def leave_out(self, reason: str, which: BoolArray) -> None:
        """Take out these trades; refuse if none would be left."""
        if not which.any():
            return
        text = _TEXTS[reason](self.placed, which)
        if self.keeps_all:
            self.tell(text.replace(" are left out.", " should be corrected first."))
            return
        if which.all():
            raise TradesError(text)
        self.left_out[reason] = self.placed.trades.take(which)
        self.placed = self.placed.take(~which)
        self.tell(text)


def _tick_share(placed: PlacedTrades, base: Ladder) -> FloatArray:
    """Return each trade's tick over its R, 0 without a tick or an R, shape (n_trades,)."""
    contracts = placed.bars.contracts
    own = [getattr(contracts.get(symbol), "tick", 0.0) or base.costs.tick for symbol in placed.bars.symbols]
    tick = np.array(own, dtype=np.float64)[placed.symbol_index]
    if not tick.any():
        return np.zeros(len(placed))
    risk = simulate(placed, base).risk
    return np.where(np.isfinite(risk), tick / np.where(np.isfinite(risk), risk, 1.0), 0.0)


def _outside_text(placed: PlacedTrades, which: BoolArray) -> str:
    trades, i = placed.trades, int(np.argmax(which))
    return (
        f"{int(which.sum())} of {len(placed)} trades, such as '{trades.trade_id[i]}' of {trades.symbol[i]}, have an "
        "entry outside its bar by more than 0.1 R: nobody got that price on these bars. They are left out. Correct "
        "prices, times or bars (`exitladder trades check` lists the worst), or keep them with "
        "--set data.outside_entries=keep."
    )


def _tick_text(placed: PlacedTrades, which: BoolArray) -> str:
    trades, i = placed.trades, int(np.argmax(which))
    return (
        f"The tick is more than R/4 in {int(which.sum())} of {len(placed)} trades, such as '{trades.trade_id[i]}' of "
        f"{trades.symbol[i]}: rounding prices to it would decide their results (tick_too_wide). They are left out. "
        "Set the tick of each symbol under [symbols] (`exitladder init --bars` proposes it), or tick in [costs]."
    )


_TEXTS = {OUTSIDE_BAR: _outside_text, ACROSS_SPLIT: split_text, TICK_TOO_WIDE: _tick_text}
