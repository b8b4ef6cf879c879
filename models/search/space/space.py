"""The search space: ladders as a function of a trial.

Every suggestion is a valid ladder: a first target plus gaps, and fractions of the remaining position
(stick-breaking), so targets are always in order and fractions never sum to more than one. A parameter is
suggested only if it changes the ladder, and each value gives a different number, so no trial repeats another.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from exitladder.errors import LadderError, SettingsError
from exitladder.models.search.space.adds import AddSpace
from exitladder.models.search.space.grid import Grid, levels, multiples
from exitladder.models.search.space.indicator_rungs import SignalRung, Threshold, indicator_rungs
from exitladder.models.search.space.readers import (
    armed_by,
    breakeven_offset,
    by_clock,
    distance_of,
    gap,
    initial_stop,
    own_exit,
    own_unit,
    own_width,
    rest_part_or_all,
    targets_of,
    trail_unit,
)
from exitladder.models.search.space.sources import LadderSource, ParameterSource, TrialSource
from exitladder.models.search.space.trials import OutsideSpaceError, Trial
from exitladder.plans.ladder import STATE_SERIES, Ladder, Rung, Stop
from exitladder.plans.times import is_clock
from exitladder.plans.units import Condition, Distance, Target
from exitladder.settings.tables import SearchSettings

NAMES_OF_UNITS = {"R": "r", "ATR": "atr", "%": "percent"}
SUGGESTED = "tuned"
# The series that each rung of ``search.model_rungs`` reads.
SERIES_OF_RUNGS = {
    "exhaustion": ("exhaustion",),
    "hold_value_r": ("hold_value_r",),
    "both": ("exhaustion", "hold_value_r"),
    "exit_rank": ("exit_rank",),
}
_MIN_R_STEP = 0.25


@dataclass(frozen=True)
class SearchSpace:
    """Ladders of price rungs, signal rungs, a stop, breakeven, a trail, a time stop and, if asked for, adds.

    Parameters
    ----------
    settings : SearchSettings
        Ranges; one of a single value fixes it.
    base : Ladder
        Supplies everything that is not searched: costs, execution, ATR window and, unless ``search.stop`` is given,
        the initial stop.
    signals : tuple of str
        Series the model gives; they make the rungs of ``search.model_rungs`` possible.
    hold_value_r : (float, float)
        Range of the hold value's threshold, R, where the settings give none. What predictions reach
        depends on the model, so take low quantiles of its out-of-fold predictions.

    Raises
    ------
    SettingsError
        If a range holds nothing, or the rungs cannot all sell their least share.
    """

    settings: SearchSettings
    base: Ladder
    signals: tuple[str, ...] = ()
    hold_value_r: tuple[float, float] = (-0.5, 0.0)

    def __post_init__(self) -> None:
        s = self.settings
        if abs(self._units * s.fraction_step - 1.0) > 1e-9:
            raise SettingsError(
                f"search.fraction_step must divide the position into equal shares, such as 0.05, but is "
                f"{s.fraction_step:g}."
            )
        rungs = s.n_rungs[-1] + len(self.signal_rungs)
        if s.n_rungs[0] < 0 or rungs * self._least > self._units:
            raise SettingsError(
                f"{rungs} rungs (search.n_rungs and the signal rungs) cannot each sell {s.least_fraction:g} of one "
                "position; lower search.n_rungs or search.least_fraction."
            )
        for text in s.clock:
            if text not in ("off", "session_close") and (not is_clock(text) or text == "00:00"):
                raise SettingsError(
                    'search.clock must hold "off", "session_close" or times of the exchange such as "15:55", but holds '
                    f"{text!r}."
                )
        for limits, name in ((s.time_bars, "time_bars"), (s.trail_after, "trail_after")):
            if limits[0] < 1:
                raise SettingsError(f"search.{name} must be above 0, but begins at {limits[0]}.")
        if s.stop and self.base.stop.initial is None:
            raise SettingsError("search.stop needs labels.initial_stop to state its unit and R.")
        patterns: dict[tuple[tuple[str, str], ...], list[SignalRung]] = {}
        for rung in self.signal_rungs:
            patterns.setdefault(tuple((t.series, t.operator) for t in rung.thresholds), []).append(rung)
        for alike in patterns.values():
            _refuse_overlaps(alike)
        _ = self._grids, self._adds

    @cached_property
    def signal_rungs(self) -> tuple[SignalRung, ...]:
        """The rungs on conditions that a ladder may have, in their order."""
        s = self.settings
        high = Threshold("exhaustion", ">=", levels(s.exhaustion))
        low = Threshold("hold_value_r", "<=", levels(s.hold_value_r or self.hold_value_r))
        of_race, of_hold = (
            _at_least_r(limits, name)
            for limits, name in ((s.exhaustion_min_r, "exhaustion_min_r"), (s.hold_value_min_r, "hold_value_min_r"))
        )
        wanted = [name for name in dict.fromkeys(s.model_rungs) if set(SERIES_OF_RUNGS[name]) <= set(self.signals)]
        found = []
        if "exhaustion" in wanted:
            found.append(SignalRung("exhaustion", (high, *of_race)))
        if "hold_value_r" in wanted:
            found.append(SignalRung("hold_value_r", (low, *of_hold)))
        if "both" in wanted:
            found.append(SignalRung("exhaustion_2" if "exhaustion" in wanted else "exhaustion", (high, low, *of_race)))
        if "exit_rank" in wanted:
            found.append(SignalRung("exit_rank", (Threshold("exit_rank", ">=", levels(s.exit_rank)),)))
        return (*found, *indicator_rungs(s.indicator_rungs, taken=[rung.name for rung in found]))

    @property
    def series(self) -> tuple[str, ...]:
        """Series that a suggested ladder may read and that are not trade state, sorted."""
        return tuple(sorted({name for rung in self.signal_rungs for name in rung.series} - set(STATE_SERIES)))

    @cached_property
    def _units(self) -> int:
        """Into how many equal shares the position is cut."""
        return round(1.0 / self.settings.fraction_step)

    @cached_property
    def _least(self) -> int:
        """How many of them a rung sells at least."""
        return max(1, math.ceil(self.settings.least_fraction / self.settings.fraction_step - 1e-9))

    @cached_property
    def _grids(self) -> dict[str, Grid]:
        """The numbers of every range in use, by the name of its parameter."""
        s = self.settings
        missing = [unit for unit in s.target_units if unit not in {gap.unit for gap in s.target_gap}]
        if missing and s.n_rungs[-1] > 1:
            raise SettingsError(
                f"search.target_gap must give a range in each unit of search.first_target, but has none in "
                f"{' and '.join(missing)}."
            )
        found = {}
        for key, step in (
            ("first_target", "target_step"),
            ("target_gap", "target_step"),
            ("trail_width", "trail_step"),
        ):
            for unit in s.trail_units if key == "trail_width" else s.target_units:
                found[_parameter(key, unit)] = multiples(s.limits(key, unit), s.step(step, unit), f"search.{key}")
        found["trail_from_r"] = multiples(s.trail_from_r, s.step("trail_step", "R"), "search.trail_from_r")
        found["breakeven_offset_r"] = multiples(
            s.breakeven_offset_r, s.breakeven_offset_step_r, "search.breakeven_offset_r", is_log=False
        )
        if "stop" in s.slices:
            found["slice_stop_r"] = multiples(s.slice_stop_r, s.step("trail_step", "R"), "search.slice_stop_r")
        if s.stop:
            found["stop"] = multiples(s.stop, s.stop_step, "search.stop")
        return found

    @cached_property
    def _adds(self) -> AddSpace:
        """The adds that a ladder may have."""
        return AddSpace.of(self.settings, self.base.execution)

    def suggest(self, trial: Trial) -> Ladder:
        """Return the ladder that a trial's parameters describe."""
        return self._ladder(TrialSource(trial))

    def parameters_of(self, ladder: Ladder) -> dict[str, Any] | None:
        """Return trial parameters that suggest this very ladder, or None if it is outside the space."""
        ask = LadderSource(ladder)
        try:
            made = self._ladder(ask)
        except (LadderError, OutsideSpaceError):
            return None
        return ask.parameters if replace(made, name=ladder.name) == ladder else None

    def _ladder(self, ask: ParameterSource) -> Ladder:
        n = ask.whole("n_rungs", *_ends(self.settings.n_rungs), lambda ladder: len(targets_of(ladder)))
        targets = self._targets(ask, n)
        chosen = [rung for rung in self.signal_rungs if ask.among(f"{rung.name}_rung", (True, False), self._has(rung))]
        conditions = [self._conditions(ask, rung) for rung in chosen]
        parts = self._split(ask, n, [rung.name for rung in chosen])
        step = self.settings.fraction_step
        fractions = [round(part * step, 10) for part in parts]
        rungs = [self._own_exit(ask, k, Rung(f, t)) for k, (f, t) in enumerate(zip(fractions, targets, strict=False))]
        rungs += [Rung(f, None, when, f == 0) for f, when in zip(fractions[n:], conditions, strict=True)]
        # After the fill of a last rung that sells all that is left nothing can be moved any more.
        live = n if sum(parts[:n]) < self._units else n - 1
        stop = self._stop(ask, live)
        return replace(self.base, name=SUGGESTED, rungs=tuple(rungs), stop=stop, **self._adds.suggest(ask, stop))

    def _targets(self, ask: ParameterSource, n: int) -> list[Target]:
        if n == 0:
            return []
        unit = ask.among("target_unit", self.settings.target_units, lambda ladder: targets_of(ladder)[0].unit)
        name = NAMES_OF_UNITS[unit]
        found: list[Target] = []
        for k in range(n):
            grid = self._grids[_parameter("target_gap" if k else "first_target", unit)]
            before = found[-1].value if found else 0.0
            away = ask.number(f"gap_{k + 1}_{name}" if k else f"target_1_{name}", grid, gap(k))
            found.append(Target(round(before + away, 10), unit))
        return found

    def _own_exit(self, ask: ParameterSource, k: int, rung: Rung) -> Rung:
        """Return price rung k with its own stop or trail (X10), or as it is."""
        own = ask.among(f"slice_{k + 1}", tuple(dict.fromkeys(self.settings.slices)), own_exit(k))
        if own == "stop":
            grid = self._grids["slice_stop_r"]
            return replace(rung, stop=Distance(ask.number(f"slice_stop_{k + 1}_r", grid, own_width(k, "stop")), "R"))
        if own == "trail":
            unit = ask.among(f"slice_trail_unit_{k + 1}", self.settings.trail_units, own_unit(k))
            grid, name = self._grids[_parameter("trail_width", unit)], f"slice_trail_{k + 1}_{NAMES_OF_UNITS[unit]}"
            return replace(rung, trail=Distance(ask.number(name, grid, own_width(k, "trail")), unit))
        return rung

    def _conditions(self, ask: ParameterSource, rung: SignalRung) -> tuple[Condition, ...]:
        return tuple(
            Condition(t.series, t.operator, ask.number(_name(rung, j), t.grid, self._threshold(rung, j)))
            for j, t in enumerate(rung.thresholds)
        )

    def _split(self, ask: ParameterSource, n: int, signals: list[str]) -> list[int]:
        """Return shares of price rungs, then of signal rungs, each at least its minimum; the remainder is the runner.

        All splits of price rungs are equally likely where parameters are drawn at random. A signal rung sells what
        no rung before it sells, or a part of that.
        """
        least, left = self._least, self._units
        parts: list[int] = []
        total = n + len(signals)
        for k in range(total):
            room = left - least * (total - k)
            power = total - k
            of = self._share(k)
            if k < n:
                taken = ask.cell(f"stick_{k + 1}", room + 1, power, of)
            else:
                sells = ask.among(f"{signals[k - n]}_sells", self._sells(room), rest_part_or_all(of, room, k))
                if sells == "all":
                    parts.append(0)  # it has no share of its own, and leaves that of the rungs after it
                    continue
                taken = ask.cell(f"{signals[k - n]}_stick", room, power, of) if sells == "part" else room
            parts.append(least + taken)
            left -= parts[-1]
        return parts

    def _sells(self, room: int) -> tuple[str, ...]:
        """Return how a signal rung may sell; a part only if there is room for more than its least share."""
        return tuple(s for s in dict.fromkeys(self.settings.signal_sells) if s != "part" or room) or ("rest",)

    def _stop(self, ask: ParameterSource, live: int) -> Stop:
        s = self.settings
        initial = self.base.stop.initial
        if s.stop and initial is not None:
            initial = Distance(ask.number("stop", self._grids["stop"], initial_stop), initial.unit)
        after, offset = self._breakeven(ask, live)
        trail, after_rung, from_r = self._trail(ask, live)
        return Stop(
            initial=initial,
            breakeven_after=after,
            breakeven_offset=offset,
            trail=trail,
            trail_after=after_rung,
            trail_from=from_r,
            time=self._time(ask),
            **self._hours(ask),
        )

    def _time(self, ask: ParameterSource) -> int | None:
        ways = tuple(dict.fromkeys(self.settings.time_stop)) or ("off",)
        if ask.among("time_stop", ways, lambda ladder: "off" if ladder.stop.time is None else "bars") == "off":
            return None
        return ask.whole("time_bars", *_ends(self.settings.time_bars), lambda ladder: ladder.stop.time, log=True)

    def _hours(self, ask: ParameterSource) -> dict[str, Any]:
        """Return the exits by the clock: those of ``search.clock``, else those of the user's ladder."""
        kept, choices = self.base.stop.hours_kept, tuple(dict.fromkeys(self.settings.clock))
        if not choices:
            return kept
        chosen = ask.among("clock", choices, by_clock)
        at = None if chosen in ("off", "session_close") else chosen
        return {**kept, "session_close": chosen == "session_close", "clock": at}

    def _breakeven(self, ask: ParameterSource, live: int) -> tuple[int | None, Distance]:
        low, high = _ends(self.settings.breakeven_after)
        high = min(high, live)
        if high < max(low, 1):
            return None, Distance(0.0, "R")
        choices = (True, False) if low == 0 else (True,)
        if not ask.among("breakeven", choices, lambda ladder: ladder.stop.breakeven_after is not None):
            return None, Distance(0.0, "R")
        after = ask.whole(f"breakeven_after_of_{high}", max(low, 1), high, lambda ladder: ladder.stop.breakeven_after)
        offset = ask.number("breakeven_offset_r", self._grids["breakeven_offset_r"], breakeven_offset)
        return after, Distance(offset, "R")

    def _trail(self, ask: ParameterSource, live: int) -> tuple[Distance | None, int | None, Distance | None]:
        s = self.settings
        low, high = _ends(s.trail_after)
        high = min(high, live)
        ways = tuple(way for way in dict.fromkeys(s.trail) if way != "rung" or low <= high) or ("off",)
        name = "trail" if low <= high else "trail_without_rung"
        way = ask.among(name, ways, armed_by)
        if way == "off":
            return None, None, None
        unit = ask.among("trail_unit", s.trail_units, trail_unit)
        width = ask.number(
            f"trail_{NAMES_OF_UNITS[unit]}", self._grids[_parameter("trail_width", unit)], distance_of("trail")
        )
        after_rung = from_r = None
        if way == "rung":
            after_rung = ask.whole(f"trail_after_of_{high}", low, high, lambda ladder: ladder.stop.trail_after)
        elif way == "from_r":
            from_r = Distance(ask.number("trail_from_r", self._grids["trail_from_r"], distance_of("trail_from")), "R")
        return Distance(width, unit), after_rung, from_r

    def _found(self, ladder: Ladder) -> dict[str, Rung]:
        """Return which rung of a ladder stands for each declared signal rung."""
        found: dict[str, Rung] = {}
        waiting = [rung for rung in ladder.rungs if rung.is_signal]
        for declared in self.signal_rungs:
            for k, rung in enumerate(waiting):
                if _matches(declared, rung):
                    found[declared.name] = waiting.pop(k)
                    break
        return found

    def _has(self, rung: SignalRung) -> Callable[[Ladder], bool]:
        return lambda ladder: rung.name in self._found(ladder)

    def _threshold(self, rung: SignalRung, j: int) -> Callable[[Ladder], float]:
        return lambda ladder: self._found(ladder)[rung.name].when[j].threshold

    def _share(self, k: int) -> Callable[[Ladder], int | None]:
        """Return how many shares beyond its least a ladder's rung k sells."""

        def share(ladder: Ladder) -> int | None:
            return round(ladder.rungs[k].fraction * self._units) - self._least if k < len(ladder.rungs) else None

        return share


def _parameter(key: str, unit: str) -> str:
    return f"{key}_{NAMES_OF_UNITS[unit]}"


def _ends(limits: tuple[int, ...]) -> tuple[int, int]:
    return limits[0], limits[-1]


def _at_least_r(limits: tuple[float, ...], name: str) -> tuple[Threshold, ...]:
    if not limits:
        return ()
    return (Threshold("open_r", ">=", multiples(limits, _MIN_R_STEP, f"search.{name}", is_log=False)),)


def _name(rung: SignalRung, j: int) -> str:
    series = rung.thresholds[j].series
    return rung.name if j == 0 else f"{rung.name}_min_r" if series == "open_r" else f"{rung.name}_{series}_{j + 1}"


def _refuse_overlaps(alike: list[SignalRung]) -> None:
    """Refuse rungs of the same conditions whose ranges overlap: two parameters would stand for one ladder."""
    for k, one in enumerate(alike):
        for other in alike[k + 1 :]:
            if all(
                a.grid.number(a.grid.low) < b.grid.number(b.grid.high)
                and b.grid.number(b.grid.low) < a.grid.number(a.grid.high)
                for a, b in zip(one.thresholds, other.thresholds, strict=True)
            ):
                raise SettingsError(
                    f"Rungs on the same conditions must not overlap, but two of search.indicator_rungs on "
                    f"{' and '.join(one.series)} do; let one begin where the other ends."
                )


def _matches(declared: SignalRung, rung: Rung) -> bool:
    return len(rung.when) == len(declared.thresholds) and all(
        (c.series, c.operator) == (t.series, t.operator) and t.grid.position(c.threshold) is not None
        for c, t in zip(rung.when, declared.thresholds, strict=True)
    )
