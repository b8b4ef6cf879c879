"""Sources of a ladder's parameters: a trial, or an existing ladder.

One function of the search space reads all parameters from a source, so that suggesting a ladder and finding the
parameters of an existing one cannot diverge.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from exitladder.models.search.space.grid import Grid
from exitladder.models.search.space.trials import OutsideSpaceError, Trial
from exitladder.plans.ladder import Ladder


class ParameterSource(Protocol):
    """Source of parameters; `of` reads a parameter from an existing ladder."""

    def whole(self, name: str, low: int, high: int, of: Callable[[Ladder], int | None], *, log: bool = False) -> int:
        """Return a whole number from low to high.

        Parameters
        ----------
        name : str
            Of the parameter.
        low, high : int
            Range, both ends included.
        of : callable
            Reads the number from an existing ladder, None if it has none.
        log : bool
            Whether equal ratios are equally likely.

        Returns
        -------
        int
        """

    def number(self, name: str, grid: Grid, of: Callable[[Ladder], float | None]) -> float:
        """Return a number of the grid; its parameter is the position, so that no two stand for one number.

        Parameters
        ----------
        name : str
            Of the parameter, without its suffix ``_steps`` or ``_level``.
        grid : Grid
        of : callable
            Reads the number from an existing ladder, None if it has none.

        Returns
        -------
        float
        """

    def among(self, name: str, choices: tuple[Any, ...], of: Callable[[Ladder], Any]) -> Any:
        """Return one of the choices.

        Parameters
        ----------
        name : str
            Of the parameter.
        choices : tuple
        of : callable
            Reads the choice from an existing ladder.

        Returns
        -------
        object
            One of `choices`.
        """

    def cell(self, name: str, n: int, power: int, of: Callable[[Ladder], int | None]) -> int:
        """Return a cell from 0 to n - 1; the greater the power, the likelier the lower ones.

        Parameters
        ----------
        name : str
            Of the parameter.
        n : int
            Number of cells.
        power : int
            The greater the power, the likelier the lower cells.
        of : callable
            Reads the cell from an existing ladder, None if it has none.

        Returns
        -------
        int
            From 0 to n - 1.
        """


@dataclass(frozen=True)
class TrialSource:
    """Parameters suggested by a trial; a parameter with one possible value is not suggested."""

    trial: Trial

    def whole(self, name: str, low: int, high: int, of: Callable[[Ladder], int | None], *, log: bool = False) -> int:
        """Return a whole number from low to high.

        Parameters
        ----------
        name : str
            Of the parameter.
        low, high : int
            Range, both ends included.
        of : callable
            Reads the number from an existing ladder, None if it has none.
        log : bool
            Whether equal ratios are equally likely.

        Returns
        -------
        int
        """
        return low if low == high else int(self.trial.suggest_int(name, low, high, log=log))

    def number(self, name: str, grid: Grid, of: Callable[[Ladder], float | None]) -> float:
        """Return a number of the grid.

        Parameters
        ----------
        name : str
            Of the parameter, without its suffix ``_steps`` or ``_level``.
        grid : Grid
        of : callable
            Reads the number from an existing ladder, None if it has none.

        Returns
        -------
        float
        """
        return grid.number(self.whole(_position_name(name, grid), grid.low, grid.high, _nothing, log=grid.is_log))

    def among(self, name: str, choices: tuple[Any, ...], of: Callable[[Ladder], Any]) -> Any:
        """Return one of the choices.

        Parameters
        ----------
        name : str
            Of the parameter.
        choices : tuple
        of : callable
            Reads the choice from an existing ladder.

        Returns
        -------
        object
            One of `choices`.
        """
        return choices[0] if len(choices) == 1 else self.trial.suggest_categorical(name, choices)

    def cell(self, name: str, n: int, power: int, of: Callable[[Ladder], int | None]) -> int:
        """Return a cell; with power m, as the first of m + 1 parts falls where all splits are equally likely.

        Parameters
        ----------
        name : str
            Of the parameter.
        n : int
            Number of cells.
        power : int
            The greater the power, the likelier the lower cells.
        of : callable
            Reads the cell from an existing ladder, None if it has none.

        Returns
        -------
        int
            From 0 to n - 1.
        """
        if n == 1:
            return 0
        share = float(self.trial.suggest_float(name, 0.0, 1.0))
        return min(int((1.0 - (1.0 - share) ** (1.0 / power)) * n), n - 1)


class LadderSource:
    """Parameters read from a ladder: the values that would suggest it."""

    def __init__(self, ladder: Ladder) -> None:
        self.ladder = ladder
        self.parameters: dict[str, Any] = {}

    def whole(self, name: str, low: int, high: int, of: Callable[[Ladder], int | None], *, log: bool = False) -> int:
        """Return a whole number from low to high.

        Parameters
        ----------
        name : str
            Of the parameter.
        low, high : int
            Range, both ends included.
        of : callable
            Reads the number from an existing ladder, None if it has none.
        log : bool
            Whether equal ratios are equally likely.

        Returns
        -------
        int

        Raises
        ------
        OutsideSpaceError
            If the ladder's value is outside the range.
        """
        value = of(self.ladder)
        if value is None or not low <= value <= high:
            raise OutsideSpaceError(name)
        if low < high:
            self.parameters[name] = value
        return value

    def number(self, name: str, grid: Grid, of: Callable[[Ladder], float | None]) -> float:
        """Return a number of the grid.

        Parameters
        ----------
        name : str
            Of the parameter, without its suffix ``_steps`` or ``_level``.
        grid : Grid
        of : callable
            Reads the number from an existing ladder, None if it has none.

        Returns
        -------
        float

        Raises
        ------
        OutsideSpaceError
            If the ladder's value is outside the range.
        """

        def position(ladder: Ladder) -> int | None:
            number = of(ladder)
            return None if number is None else grid.position(number)

        return grid.number(self.whole(_position_name(name, grid), grid.low, grid.high, position, log=grid.is_log))

    def among(self, name: str, choices: tuple[Any, ...], of: Callable[[Ladder], Any]) -> Any:
        """Return one of the choices.

        Parameters
        ----------
        name : str
            Of the parameter.
        choices : tuple
        of : callable
            Reads the choice from an existing ladder.

        Returns
        -------
        object
            One of `choices`.

        Raises
        ------
        OutsideSpaceError
            If the ladder's value is outside the range.
        """
        value = of(self.ladder)
        if value not in choices:
            raise OutsideSpaceError(name)
        if len(choices) > 1:
            self.parameters[name] = value
        return value

    def cell(self, name: str, n: int, power: int, of: Callable[[Ladder], int | None]) -> int:
        """Return a cell; the recorded parameter is its middle.

        Parameters
        ----------
        name : str
            Of the parameter.
        n : int
            Number of cells.
        power : int
            The greater the power, the likelier the lower cells.
        of : callable
            Reads the cell from an existing ladder, None if it has none.

        Returns
        -------
        int
            From 0 to n - 1.

        Raises
        ------
        OutsideSpaceError
            If the ladder's value is outside the range.
        """
        value = of(self.ladder)
        if value is None or not 0 <= value < n:
            raise OutsideSpaceError(name)
        if n > 1:
            self.parameters[name] = 1.0 - (1.0 - (value + 0.5) / n) ** power
        return value


def _nothing(ladder: Ladder) -> int | None:
    """Reader for a trial, which has no existing ladder to read."""
    _ = ladder
    return None


def _position_name(name: str, grid: Grid) -> str:
    return f"{name}_steps" if grid.start == 0.0 else f"{name}_level"
