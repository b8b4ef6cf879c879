"""Adds of a search space: plans with equal spacing, a factor from one quantity to the next, and a stop that follows."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from exitladder.errors import SettingsError
from exitladder.models.search.space.grid import Grid, multiples
from exitladder.models.search.space.sources import ParameterSource
from exitladder.plans.adds import Add
from exitladder.plans.ladder import Execution, Ladder, Stop
from exitladder.plans.size import Size
from exitladder.plans.units import Distance, Target
from exitladder.settings.tables import SearchSettings

OFF, AVERAGE, PYRAMID = "off", "average", "pyramid"
_NAMES_OF_UNITS = {"R": "r", "ATR": "atr", "%": "percent"}
_MAXIMUM_STEP = 0.5
# An averaging add stays this much nearer to the entry than the initial stop, as a share of its distance.
_INSIDE = 1e-9


@dataclass(frozen=True)
class AddSpace:
    """The adds that ladders of a search space may have; made by `of`.

    Parameters
    ----------
    settings : SearchSettings
    kinds : tuple of str
        Of ``search.adds``, each once.
    grids : dict of str to Grid
        The numbers of every range in use.
    """

    settings: SearchSettings
    kinds: tuple[str, ...]
    grids: dict[str, Grid]

    @classmethod
    def of(cls, settings: SearchSettings, execution: Execution) -> AddSpace:
        """Return the adds that settings search.

        Parameters
        ----------
        settings : SearchSettings
        execution : Execution
            Of every candidate.

        Returns
        -------
        AddSpace

        Raises
        ------
        SettingsError
            If a range holds nothing, or adds cannot be combined with another setting.
        """
        s = settings
        kinds = tuple(dict.fromkeys(s.adds)) or (OFF,)
        if kinds == (OFF,):
            return cls(s, kinds, {})
        if set(s.slices) != {OFF}:
            raise SettingsError(
                "search.adds and search.slices cannot be combined: a plan with adds cannot yet have rungs with their "
                'own stop or trail. Set search.slices = ["off"], or search.adds = ["off"].'
            )
        if AVERAGE in kinds and execution.leverage > 0:
            raise SettingsError(
                'search.adds must not hold "average" with execution.leverage: a plan that would be liquidated before '
                'its last averaging add is refused, and most candidates would be. Use ["off", "pyramid"], or leave out '
                "the leverage."
            )
        if s.n_adds[0] < 1:
            raise SettingsError(
                f'search.n_adds must be at least 1, but begins at {s.n_adds[0]}; "off" in search.adds means no adds.'
            )
        found = {
            f"distance_{item.unit}": multiples(item.limits, s.step("add_step", item.unit), "search.add_distance")
            for item in s.add_distance
        }
        found["factor"] = multiples(s.add_factor, s.add_factor_step, "search.add_factor")
        if PYRAMID in kinds and "fill" in s.add_stop:
            for item in s.add_stop_width:
                step = s.step("trail_step", item.unit)
                found[f"stop_{item.unit}"] = multiples(item.limits, step, "search.add_stop_width")
        if s.add_maximum:
            found["maximum"] = multiples(s.add_maximum, _MAXIMUM_STEP, "search.add_maximum", is_log=False)
            if s.add_maximum[0] <= 1:
                raise SettingsError(
                    "search.add_maximum is a multiple of the first quantity and must be above 1 to allow an add, but "
                    f"begins at {s.add_maximum[0]:g}."
                )
        return cls(s, kinds, found)

    def suggest(self, ask: ParameterSource, stop: Stop) -> dict[str, Any]:
        """Return the fields of a ladder that hold its adds: `adds` and, with a maximum in force, `size`.

        Parameters
        ----------
        ask : ParameterSource
        stop : Stop
            Of the ladder: averaging adds stay between the entry and its initial stop.

        Returns
        -------
        dict
            Empty without adds.
        """
        if self.kinds == (OFF,):
            return {}
        s = self.settings
        units = tuple(item.unit for item in s.add_distance)
        deepest = {unit: self._most_deep(unit, stop) for unit in units}
        kinds = tuple(k for k in self.kinds if k != AVERAGE or max(deepest.values()) >= s.n_adds[0]) or (OFF,)
        name = "adds" if kinds == self.kinds else "adds_without_average"
        kind = ask.among(name, kinds, kind_of)
        if kind == OFF:
            return {}
        if kind == AVERAGE:
            units = tuple(unit for unit in units if deepest[unit] >= s.n_adds[0])
        unit = ask.among(f"add_unit_of_{len(units)}", units, _unit_of)
        adds = self._averaging(ask, unit, deepest[unit], stop) if kind == AVERAGE else self._pyramiding(ask, unit)
        return {"adds": adds, **self._maximum(ask, adds)}

    def _most_deep(self, unit: str, stop: Stop) -> int:
        """Return how many averaging adds fit between the entry and the initial stop at the least distance."""
        grid, reach = self.grids[f"distance_{unit}"], _reach(unit, stop)
        least = grid.number(grid.low)
        return self.settings.n_adds[-1] if math.isinf(reach) else int(reach * (1 - _INSIDE) / least)

    def _averaging(self, ask: ParameterSource, unit: str, deepest: int, stop: Stop) -> tuple[Add, ...]:
        """Return equally spaced adds below the entry, each measured from the entry."""
        n_adds, grid, reach = self.settings.n_adds, self.grids[f"distance_{unit}"], _reach(unit, stop)
        most = min(n_adds[-1], deepest)
        n = ask.whole(f"n_adds_of_{most}", n_adds[0], most, lambda ladder: len(ladder.adds))
        high = grid.high if math.isinf(reach) else min(grid.high, int(reach * (1 - _INSIDE) / n / grid.step))
        fitting = Grid(grid.start, grid.step, grid.low, high, grid.is_log)
        away = ask.number(f"add_depth_{_NAMES_OF_UNITS[unit]}_of_{high}", fitting, _away)
        return tuple(
            Add(quantity, at=Target(-round(away * (k + 1), 10), unit))
            for k, quantity in enumerate(self._quantities(ask, n))
        )

    def _pyramiding(self, ask: ParameterSource, unit: str) -> tuple[Add, ...]:
        """Return adds beyond the entry, each measured from the fill before it, with the stop that they move."""
        s, low, high = self.settings, self.settings.n_adds[0], self.settings.n_adds[-1]
        n = ask.whole(f"n_adds_of_{high}_beyond", low, high, lambda ladder: len(ladder.adds))
        away = ask.number(f"add_distance_{_NAMES_OF_UNITS[unit]}", self.grids[f"distance_{unit}"], _away)
        quantities = self._quantities(ask, n)
        moves: Any = ask.among("add_stop", tuple(dict.fromkeys(s.add_stop)), _stop_of)
        if moves == "fill":
            widths = tuple(item.unit for item in s.add_stop_width)
            own = ask.among("add_stop_unit", widths, lambda ladder: getattr(ladder.adds[0].stop, "unit", None))
            grid = self.grids[f"stop_{own}"]
            moves = Distance(ask.number(f"add_stop_{_NAMES_OF_UNITS[own]}", grid, _width_of), own)
        elif moves == OFF:
            moves = None
        return tuple(Add(q, at=Target(away, unit), spacing="previous", stop=moves) for q in quantities)

    def _quantities(self, ask: ParameterSource, n: int) -> list[float]:
        factor = ask.number("add_factor", self.grids["factor"], lambda ladder: ladder.adds[0].quantity)
        return [round(factor ** (k + 1), 10) for k in range(n)]

    def _maximum(self, ask: ParameterSource, adds: tuple[Add, ...]) -> dict[str, Size]:
        """Return the maximum size if one of those searched is below the quantity of the whole plan."""
        if "maximum" not in self.grids:
            return {}
        grid, total = self.grids["maximum"], 1.0 + math.fsum(add.quantity or 0.0 for add in adds)
        high = min(grid.high, math.ceil(total / grid.step - 1e-9) - 1)
        if high < grid.low:
            return {}
        fitting = Grid(grid.start, grid.step, grid.low, high)
        return {"size": Size(maximum=ask.number(f"add_maximum_of_{high}", fitting, lambda ladder: ladder.size.maximum))}


def kind_of(ladder: Ladder) -> str:
    """Return the kind of adds of a ladder, as in ``search.adds``; "other" if the search has no such adds."""
    if not ladder.adds:
        return "other" if ladder.size != Size() else OFF
    at = ladder.adds[0].at
    if at is None or at.unit not in _NAMES_OF_UNITS:
        return "other"
    return PYRAMID if at.value > 0 else AVERAGE


def _reach(unit: str, stop: Stop) -> float:
    """Return the distance of the initial stop in a unit; infinite if only a trade settles it."""
    if unit == "R":
        return 1.0
    return stop.initial.value if stop.initial is not None and stop.initial.unit == unit else math.inf


def _unit_of(ladder: Ladder) -> str | None:
    at = ladder.adds[0].at
    return None if at is None else at.unit


def _away(ladder: Ladder) -> float | None:
    at = ladder.adds[0].at
    return None if at is None else abs(at.value)


def _stop_of(ladder: Ladder) -> str:
    stop = ladder.adds[0].stop
    return OFF if stop is None else "fill" if isinstance(stop, Distance) else stop


def _width_of(ladder: Ladder) -> float | None:
    stop = ladder.adds[0].stop
    return stop.value if isinstance(stop, Distance) else None
