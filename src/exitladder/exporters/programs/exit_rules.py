"""The rules of a ladder for one position, in plain Python without any dependency.

Exports copy this file into the code they write. Inside, prices are signed (price x side), so that up is in the trade's
favour for longs and shorts. Rule numbers such as X2 are those of exitladder's execution rules.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

NAN, INF = math.nan, math.inf
SLACK = 2.0**-48  # prices this close to each other, as a share, are one price
COMPARISONS = {">=": 1, ">": 1, "<=": -1, "<": -1}
STATE_SERIES = ("open_r", "mfe_r", "mae_r", "give_back_r", "bars_held", "stop_distance_r")


class Fill(NamedTuple):
    """A sale of a part of the position; `price` is before slippage."""

    order: str
    rung: int
    quantity: float
    price: float


class Part:
    """A portion of the position with its own exit: a rung (number from 1) or the runner (number 0)."""

    def __init__(self, number: int, rung: dict[str, Any]) -> None:
        self.number, self.rung = number, rung
        self.quantity = 0.0
        self.limit, self.partial = NAN, -INF  # signed prices of a target above the entry, and of one below it
        self.reach = INF
        self.is_slice = bool(rung.get("stop") or rung.get("trail"))
        self.when = rung.get("when", [])
        self.is_rest = bool(rung.get("rest"))
        self.is_open, self.is_due = True, False
        self.stop, self.line = -INF, -INF
        self.is_armed = self.arms_next = False


def steps_of(amount: float, step: float) -> float:
    """Return how many whole steps fit into an amount, rounding down; rounding errors of floats are snapped first."""
    if step <= 0:
        return amount
    count = amount / step
    nearest = math.floor(count + 0.5)
    if abs(count - nearest) <= max(min(1e-10 * max(1.0, abs(count)), 1e-3), abs(count) * SLACK):
        return float(nearest)
    return float(math.floor(count))


def on_grid(count: float, step: float) -> float:
    """Return a number of steps as an amount."""
    if step <= 0:
        return count
    return count / (1 / step) if step < 1 else count * step


def to_tick(price: float, tick: float) -> float:
    """Return a signed price rounded to the tick against the trader."""
    if tick <= 0 or not math.isfinite(price):
        return price
    count = price / tick
    nearest = math.floor(count + 0.5)
    return on_grid(float(nearest if abs(count - nearest) <= abs(count) * 2.0**-46 else math.floor(count)), tick)


def stop_to_tick(stop: float, entry: float, tick: float) -> float:
    """Return a stop's signed price rounded to the tick against the trader, and never up to the entry.

    Parameters
    ----------
    stop, entry : float
        Signed prices.
    tick : float

    Returns
    -------
    float
    """
    level = to_tick(stop, tick)
    return to_tick(stop - tick, tick) if level >= entry > stop else level


def reaches_down(low: float, level: float) -> bool:
    """Whether a price fell to a level."""
    return low <= level + abs(level) * SLACK


def holds(value: float, operator: str, threshold: float, slack: float) -> bool:
    """Whether a comparison holds; a NaN makes it false.

    Parameters
    ----------
    value : float
    operator : str
    threshold : float
    slack : float
        Values this close to the threshold count as equal to it (X4a).

    Returns
    -------
    bool
    """
    slack = slack * COMPARISONS[operator] * (1 if operator in (">=", "<=") else -1)
    value += slack
    if operator in (">=", ">"):
        return value >= threshold if operator == ">=" else value > threshold
    return value <= threshold if operator == "<=" else value < threshold


class Position:
    """One position under the ladder.

    Before each bar, `open_parts`, `level_of` and `stop_of` say which orders rest in the market. Report fills with
    `sold`, and call `close_bar` with every closed bar; it returns the parts to sell at the next open.

    Parameters
    ----------
    plan : dict
        The ladder.
    side : int
        +1 long, -1 short.
    entry : float
    quantity : float
    stop : float
        Initial stop; NaN if the ladder's own one applies.
    atr : float
        Of the last bar closed at the entry.
    at_close : bool
        Whether the entry was inside a bar or at its close, so that the trail begins at the entry (X5b).
    prices : dict
        Absolute prices of the rungs whose target is a swing level, by rung number.
    """

    def __init__(
        self,
        plan: dict[str, Any],
        side: int,
        entry: float,
        quantity: float,
        stop: float = NAN,
        atr: float = NAN,
        at_close: bool = False,
        prices: dict[int, float] | None = None,
    ) -> None:
        self.plan, self.side, self.entry = plan, side, side * entry
        self.tick, self.lot = plan["tick"], plan["lot"]
        least = plan["min_quantity"]
        self.least = (least / self.lot if self.lot > 0 else least) * (1 - 1e-10)
        self.start = self.left = steps_of(quantity, self.lot)
        self.atr = self.atr_known = atr
        self.rules = plan["stop"]
        initial = side * stop
        if math.isnan(stop):
            if not self.rules.get("initial"):
                raise ValueError("the ladder has no initial stop, so a position needs its own stop")
            initial = self.entry - self.distance(self.rules["initial"], self.entry)
        self.risk = self.entry - initial
        if not self.risk > 0:
            raise ValueError("the stop is not beyond the entry, or the ATR of the initial stop is unknown")
        self.stop = stop_to_tick(initial, self.entry, self.tick)
        self.best = self.worst = self.entry
        self.line, self.held = -INF, 0
        self.breakeven, self.is_even, self.even_next = -INF, False, False
        if self.rules.get("breakeven_after"):
            self.breakeven = to_tick(self.entry + self.distance(self.rules["offset"], self.entry), self.tick)
        self.is_armed = bool(self.rules.get("trail")) and not (
            self.rules.get("trail_after") or self.rules.get("trail_from")
        )
        self.arms_next = False
        self.is_ending = ""
        self.parts = [Part(n, rung) for n, rung in enumerate(plan["rungs"], start=1)]
        self.place(prices or {})
        self.size()
        if at_close:
            self.ratchet(atr)

    def distance(self, width: list[Any], price: float) -> float:
        """Return a distance, a number and its unit, in price; NaN if its ATR is unknown."""
        value, unit = width
        if unit == "R":
            return float(value * self.risk)
        return float(value * self.atr_known if unit == "ATR" else abs(price) * value / 100)

    def place(self, prices: dict[int, float]) -> None:
        """Resolve targets and the own stops of slices to signed prices."""
        for part in self.parts:
            target = part.rung.get("target")
            if target:
                value, unit = target
                if unit == "price":
                    price = self.side * value
                elif unit in ("fib", "resistance"):
                    price = self.side * prices.get(part.number, NAN)
                    price = price if price > self.entry else NAN
                else:
                    price = self.entry + self.distance(target, self.entry)
                level = to_tick(price, self.tick)
                if math.isnan(price):
                    part.is_open = part.is_slice
                elif price > self.entry:
                    beyond = (self.tick or 2 * abs(level) * SLACK) if self.plan["through"] else 0
                    part.limit, part.reach = level, level + beyond - abs(level) * SLACK
                else:
                    part.partial = level
            if part.is_slice:
                part.stop = self.stop
                if part.rung.get("stop"):
                    wanted = self.entry - self.distance(part.rung["stop"], self.entry)
                    part.stop = _higher(self.stop, stop_to_tick(wanted, self.entry, self.tick))
                part.is_armed = bool(part.rung.get("trail")) and not (
                    part.rung.get("trail_after") or part.rung.get("trail_from")
                )

    def size(self) -> None:
        """Give each rung its quantity: rounded down to the lot; one that is too small passes it on (S1, X9)."""
        start, passed_on, used = on_grid(self.start, self.lot), 0.0, 0.0
        for part in self.parts:
            if part.is_rest or not part.is_open:
                continue
            kept = passed_on if part.is_slice else 0.0
            wanted = part.rung["fraction"] * start + passed_on - kept
            lots = min(steps_of(wanted, self.lot), self.start - used)
            if lots <= 0 or lots < self.least:
                passed_on, part.is_open = wanted + kept, False
                continue
            passed_on, part.quantity = kept, lots
            used += lots
        runner = Part(0, {})
        runner.quantity = self.start - used if self.start - used > 1e-9 * self.start else 0.0
        runner.is_open = runner.quantity > 0
        self.parts.append(runner)

    @property
    def open_parts(self) -> list[Part]:
        """The parts that are still held."""
        return [part for part in self.parts if part.is_open and part.quantity > 0]

    @property
    def free(self) -> float:
        """The quantity that no slice reserves, in lots."""
        return sum(part.quantity for part in self.open_parts if not part.is_slice)

    def units(self, lots: float) -> float:
        """Return lots as a quantity."""
        return on_grid(lots, self.lot)

    def stop_of(self, part: Part) -> tuple[float, str]:
        """Return the signed price of the stop in force for a part, and its name."""
        level, name = (part.stop if part.is_slice else self.stop), "stop"
        if not part.is_slice or part.rung.get("follow"):
            if self.is_even and self.breakeven > level:
                level, name = self.breakeven, "breakeven"
            if self.is_armed and self.line > level:
                level, name = self.line, "trail"
        if part.is_armed and part.line > level:
            level, name = part.line, "trail"
        return level, name

    def level_of(self, part: Part) -> float:
        """Return the signed price at which a part is sold if the price falls: its stop, or a partial stop-out."""
        return max(self.stop_of(part)[0], part.partial)

    def sold(self, part: Part, by_rung: bool) -> None:
        """Note that a part was sold; `by_rung` if its target or conditions did it, which moves stops from the next bar.

        Parameters
        ----------
        part : Part
        by_rung : bool
        """
        self.left -= part.quantity
        part.is_open, part.is_due, part.quantity = False, False, 0.0
        if not by_rung or not part.number:
            return
        if self.rules.get("breakeven_after") == part.number:
            self.even_next = True
        if self.rules.get("trail_after") == part.number:
            self.arms_next = True
        for other in self.parts:
            if other.rung.get("trail_after") == part.number:
                other.arms_next = True

    def take_rest(self, part: Part) -> list[Part]:
        """Return the parts that are sold with a part because too little would be left of them (S1)."""
        others = [p for p in self.open_parts if p is not part and not p.is_slice]
        rest = sum(p.quantity for p in others)
        return others if not part.is_slice and 0 < rest < self.least else []

    def ratchet(self, atr: float) -> None:
        """Move the trails to the best price; a bar of unknown ATR adds nothing (X5)."""
        self.atr_known = atr
        if self.rules.get("trail"):
            self.line = _higher(
                self.line, to_tick(self.best - self.distance(self.rules["trail"], self.best), self.tick)
            )
        for part in self.parts:
            if part.rung.get("trail"):
                away = self.distance(part.rung["trail"], self.best)
                part.line = _higher(part.line, to_tick(self.best - away, self.tick))
        self.atr_known = self.atr

    def close_bar(
        self, high: float, low: float, close: float, atr: float, series: dict[str, float] | None = None
    ) -> list[Part]:
        """Count a closed bar, and return the parts to sell at the next open (X4, X5, X7).

        Parameters
        ----------
        high, low, close : float
            Prices of the bar, not signed.
        atr : float
        series : dict
            Values of the series that conditions read, other than those of the trade itself.

        Returns
        -------
        list of Part
        """
        top, bottom = (high, low) if self.side > 0 else (-low, -high)
        self.best, self.worst = max(self.best, top), min(self.worst, bottom)
        self.is_even = self.is_even or self.even_next
        self.is_armed = self.is_armed or self.arms_next
        for part in [None, *self.parts]:
            table = self.rules if part is None else part.rung
            if part is not None and part.arms_next:
                part.is_armed = True
            if table.get("trail_from"):
                price = self.entry + table["trail_from"][0] * self.risk
                if self.best >= price - max(abs(price) * SLACK, abs(self.entry) * 1e-10):
                    (self if part is None else part).is_armed = True
        self.ratchet(atr)
        self.held += 1
        return self.decide(self.side * close, series or {})

    def state_at(self, close: float, series: dict[str, float]) -> tuple[dict[str, float], float]:
        """Return the series that conditions read at a signed close, and the slack of their comparisons."""
        stop = max([self.stop] + ([self.breakeven] if self.is_even else []) + ([self.line] if self.is_armed else []))
        open_r = (close - self.entry) / self.risk
        mfe = (self.best - self.entry) / self.risk
        known = dict(series)
        known |= {
            "open_r": open_r, "mfe_r": mfe, "mae_r": (self.worst - self.entry) / self.risk,
            "give_back_r": mfe - open_r, "bars_held": self.held, "stop_distance_r": (close - stop) / self.risk,
        }  # fmt: skip
        return known, abs(self.entry) * 1e-10 / self.risk

    def decide(self, close: float, series: dict[str, float]) -> list[Part]:
        """Return the parts whose conditions hold at a close, all of them when time is up."""
        known, slack = self.state_at(close, series)
        for part in self.parts:
            if not part.when or not part.is_open or part.is_due or not (part.quantity or part.is_rest):
                continue
            part.is_due = all(
                holds(
                    known.get(name, NAN), operator, number, slack if name in STATE_SERIES and name != "bars_held" else 0
                )
                for name, operator, number in part.when
            )
            if part.is_due and part.is_rest and not self.is_ending:
                self.is_ending = f"rung {part.number}"
        if self.rules.get("time") and self.held >= self.rules["time"] and not self.is_ending:
            self.is_ending = "time"
        return self.open_parts if self.is_ending else [part for part in self.open_parts if part.is_due]


def _higher(line: float, level: float) -> float:
    return level if level > line else line


def atr_of(high: list[float], low: list[float], close: list[float], window: int) -> list[float]:
    """Return Wilder's average true range at each close, NaN for the first `window` bars.

    Parameters
    ----------
    high, low, close : list of float
    window : int

    Returns
    -------
    list of float
    """
    out = [NAN] * len(close)
    ranges = [
        max(high[t], close[t - 1]) - min(low[t], close[t - 1]) for t in range(1, len(close))
    ]  # fmt: skip
    if len(ranges) < window:
        return out
    value = sum(ranges[:window]) / window
    for t in range(window, len(close)):
        if t > window:
            value = (value * (window - 1) + ranges[t - 1]) / window
        out[t] = value
    return out
