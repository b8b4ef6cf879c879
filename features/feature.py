"""What a feature is: a named, documented, parametrised column with its warm-up and its mirror law."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from exitladder.arrays import FloatArray
from exitladder.features.market import Market

# A recursive average is called settled once its start weighs less than this.
SETTLED = 1e-8
HIGHER_FRAME = "higher_frame"
LEAST_WINDOW, MOST_WINDOW = 2, 5000


def wilder_memory(n: int) -> int:
    """Return the bars after which the start of a Wilder average of n bars weighs less than 1e-8.

    Examples
    --------
    >>> wilder_memory(14)
    249
    """
    return math.ceil(math.log(SETTLED) / math.log(1 - 1 / n)) if n > 1 else 1


def ema_memory(n: int) -> int:
    """Return the bars after which the start of an exponential average of n bars weighs less than 1e-8."""
    return math.ceil(math.log(SETTLED) / math.log(1 - 2 / (n + 1))) if n > 1 else 1


@dataclass(frozen=True)
class Feature:
    """One entry of the catalogue; its columns differ in their parameters.

    Parameters
    ----------
    template : str
        Name with a place for each parameter, such as ``rsi_{n}``.
    family : str
    formula : str
        One line, in the words of the trade's direction.
    unit : str
        Free of price.
    compute : callable
        Gets a `Market` and the parameters, gives float64 of shape (n_bars,): an array of its
        own, or one that the market keeps and that is missing for as many bars.
    first : callable
        Parameters to the number of leading bars without a value.
    memory : callable
        Parameters to the bars a recursion takes after that until its start no longer counts; 0 for
        features of a fixed window.
    mirror : {"odd", "even", "complement_1", "complement_100", "own"}
        How the short view follows from the long one; ``own`` if only the mirrored market gives it.
    source : str
    defaults : tuple of tuple of int
        Parameters of the columns that the family includes.
    needs : {"", "volume", "log", "benchmark", "series"}
        What there must be: volume, prices above zero, a benchmark, or a series of the user's own.
    may_miss : str
        Why a value may be missing after the warm-up; empty where it never is.
    reads_clock : bool
        Whether it goes by the exchange's clock, so that the declared time zone is part of it.
    version : int
        Goes up whenever the numbers change: models trained on others are then refused.
    """

    template: str
    family: str
    formula: str
    unit: str
    compute: Callable[..., FloatArray]
    first: Callable[..., int]
    memory: Callable[..., int]
    mirror: str
    source: str
    defaults: tuple[tuple[int, ...], ...]
    needs: str = ""
    may_miss: str = ""
    reads_clock: bool = False
    version: int = 1

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of the parameters, in order."""
        return tuple(re.findall(r"{(\w+)}", self.template))

    def column(self, *values: int) -> Column:
        """Return the column with these parameters."""
        name = self.template.format(**dict(zip(self.parameters, values, strict=True)))
        return Column(name, self, values)

    def default_columns(self) -> tuple[Column, ...]:
        """Return the columns that the catalogue lists."""
        return tuple(self.column(*values) for values in self.defaults)

    def match(self, name: str) -> Column | None:
        """Return the column of that name if it is one of this feature's."""
        pattern = re.sub(r"{(\w+)}", r"([1-9][0-9]*)", self.template)
        found = re.fullmatch(pattern, name)
        return self.column(*map(int, found.groups())) if found else None


@dataclass(frozen=True)
class Column:
    """A feature with its parameters: one column of the matrix.

    Parameters
    ----------
    name : str
    feature : Feature
    values : tuple of int
        Its parameters.
    frame : int
        1 for the bars themselves, k for the bars of k times their interval.
    """

    name: str
    feature: Feature
    values: tuple[int, ...]
    frame: int = 1

    @property
    def family(self) -> str:
        """The family that the column is listed under."""
        return self.feature.family if self.frame == 1 else HIGHER_FRAME

    def in_frame(self, k: int) -> Column:
        """Return the same column of the bars of k times the interval."""
        return replace(self, name=f"{self.name}_x{k}", frame=k)

    @cached_property
    def first(self) -> int:
        """Leading bars without a value."""
        first = self.feature.first(*self.values)
        # The first higher bar may be cut by the start of the series, and the next must close.
        return first if self.frame == 1 else (first + 2) * self.frame

    @property
    def warm_up(self) -> int:
        """Bars to load before the first bar whose value is wanted."""
        return self.first + self.feature.memory(*self.values) * self.frame

    @property
    def formula(self) -> str:
        """The formula with the parameters put in."""
        named = dict(zip(self.feature.parameters, self.values, strict=True))
        text = re.sub(r"\b(\w+)\b", lambda m: str(named.get(m.group(1), m.group(1))), self.feature.formula)
        return text if self.frame == 1 else f"{text}; of the last closed bar of {self.frame} times the interval"

    def compute(self, market: Market) -> FloatArray:
        """Return the column on one market, shape (n_bars,); NaN while warming up. Not to be written to."""
        n_bars, first = len(market.time), self.first
        if n_bars <= first or market.lacks(self.feature.needs):
            return np.full(n_bars, np.nan)
        if self.frame > 1:
            higher, closed = market.higher(self.frame)
            inner = replace(self, frame=1).compute(higher)
            values = np.where(closed >= 0, inner[np.maximum(closed, 0)], np.nan)
        else:
            values = self.feature.compute(market, *self.values)
        # Either the feature's own array, or one the market keeps, which is missing there anyway.
        values[:first] = np.nan
        return values

    def definition(self) -> str:
        """Return name and version: the version changes whenever the numbers do, a better wording changes nothing."""
        return f"{self.name}|{self.feature.version}"


def _none(*values: int) -> int:
    return 0


@dataclass(frozen=True)
class Family:
    """Features that measure the same side of a market; collects those declared with `feature`."""

    name: str
    about: str
    features: list[Feature] = field(default_factory=list)

    def feature(
        self,
        template: str,
        *defaults: tuple[int, ...],
        unit: str,
        first: Callable[..., int] | int,
        mirror: str,
        source: str,
        memory: Callable[..., int] = _none,
        needs: str = "",
        may_miss: str = "",
        reads_clock: bool = False,
        version: int = 1,
    ) -> Callable[[Callable[..., FloatArray]], Callable[..., FloatArray]]:
        """Declare the decorated function as a feature; the first line of its docstring is the formula.

        Parameters
        ----------
        template : str
            Name with a place for each parameter, such as ``rsi_{n}``.
        *defaults : tuple of int
            Parameters of the columns that the catalogue lists.
        unit : str
        first : int or callable
            Leading bars without a value, or a function of the parameters that gives their number.
        mirror : str
            How the column of the mirrored market follows from that of the market.
        source : str
            Reference of the formula.
        memory : callable
            Bars after which the start of a recursive average no longer matters, by parameters.
        needs : {"", "volume", "log", "benchmark", "series"}
            What the bars or the settings must provide.
        may_miss : str
            When a value is missing after the first bars, for the catalogue.
        reads_clock : bool
            Whether it depends on the exchange's time zone.
        version : int
            Raised whenever the values change.

        Returns
        -------
        callable
            The decorator.
        """

        def declare(compute: Callable[..., FloatArray]) -> Callable[..., FloatArray]:
            formula = (compute.__doc__ or "").strip().splitlines()[0].rstrip(".")
            begin = first if callable(first) else lambda *values: int(first)
            self.features.append(
                Feature(
                    template=template,
                    family=self.name,
                    formula=formula,
                    unit=unit,
                    compute=compute,
                    first=begin,
                    memory=memory,
                    mirror=mirror,
                    source=source,
                    defaults=defaults or ((),),
                    needs=needs,
                    may_miss=may_miss,
                    reads_clock=reads_clock,
                    version=version,
                )
            )
            return compute

        return declare
