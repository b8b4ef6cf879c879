"""Many holders whose stops are at one level: a simulation of the fall that they cause (docs/design/liquidity.md, Q5).

Prices are shares of the common level, measured from it: 0 is the level, -0.01 is 1% below.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from exitladder.arrays import BoolArray, FloatArray
from exitladder.risk.impact import Almgren, PowerLaw

ONE_LEVEL = "all at one level"
_TINY = 1e-12


class Law(Protocol):
    """How sales move the price; quantities are shares of a day's volume, volatility is daily."""

    def fall(self, sold: FloatArray, volatility: float) -> FloatArray:
        """Return how far the price has fallen once this much was sold."""
        ...

    def area(self, sold: FloatArray, volatility: float) -> FloatArray:
        """Return the integral of `fall`: the cost of all that was sold, as a share of the price."""
        ...

    def passing(self, sold: FloatArray, days: float, volatility: float) -> FloatArray:
        """Return the further cost per unit of selling this much within some days, which does not stay.

        Parameters
        ----------
        sold : float64 array
            Shares of a day's volume.
        days : float
            Length of the bar.
        volatility : float
            Daily.

        Returns
        -------
        float64 array
        """
        ...


@dataclass(frozen=True)
class PowerFall:
    """The law of Q1: all of the impact stays."""

    law: PowerLaw = field(default_factory=PowerLaw)

    def fall(self, sold: FloatArray, volatility: float) -> FloatArray:
        """Return how far the price has fallen; see `Law`."""
        return self.law.impact(sold, 1.0, volatility)

    def area(self, sold: FloatArray, volatility: float) -> FloatArray:
        """Return the integral of `fall`; see `Law`."""
        return np.asarray(self.law.mean_cost(sold, 1.0, volatility) * sold)

    def passing(self, sold: FloatArray, days: float, volatility: float) -> FloatArray:
        """Return 0: nothing passes.

        Parameters
        ----------
        sold : float64 array
            Shares of a day's volume.
        days : float
            Length of the bar.
        volatility : float
            Daily.

        Returns
        -------
        float64 array
        """
        return np.zeros_like(sold)


@dataclass(frozen=True)
class AlmgrenFall:
    """The law of Q2: the permanent part stays, the temporary part is paid by those who sell in the same bar.

    Parameters
    ----------
    turnover_days : float
        Shares outstanding over a day's volume.
    law : Almgren
    """

    turnover_days: float
    law: Almgren = field(default_factory=Almgren)

    def fall(self, sold: FloatArray, volatility: float) -> FloatArray:
        """Return how far the price has fallen; see `Law`."""
        return self.law.parts(sold, 1.0, volatility, 1.0, self.turnover_days)[0]

    def area(self, sold: FloatArray, volatility: float) -> FloatArray:
        """Return the integral of `fall`; see `Law`."""
        return np.asarray(self.fall(sold, volatility) * sold / (1 + self.law.permanent_exponent))

    def passing(self, sold: FloatArray, days: float, volatility: float) -> FloatArray:
        """Return the temporary impact; see `Law`.

        Parameters
        ----------
        sold : float64 array
            Shares of a day's volume.
        days : float
            Length of the bar.
        volatility : float
            Daily.

        Returns
        -------
        float64 array
        """
        return self.law.parts(sold, 1.0, volatility, days, self.turnover_days)[1]


NO_FALL = PowerFall(PowerLaw(prefactor=0.0))
"""A market that sales do not move."""


@dataclass(frozen=True)
class Crowd:
    """Holders with stops near one level, and the market that they sell into.

    Parameters
    ----------
    holders : int
    size : float
        What all of them hold, as a share of a day's volume.
    volatility : float
        Standard deviation of daily returns.
    atr : float
        Average true range as a share of the price.
    bars_per_day : int
    bars : int
        Bars that are followed after the level is reached.
    recovery : float
        Share of the quantity sold that the market has absorbed after each bar; 0: the price never recovers.
    """

    holders: int
    size: float
    volatility: float
    atr: float
    bars_per_day: int = 26
    bars: int = 26
    recovery: float = 0.0

    def __post_init__(self) -> None:
        is_good = (
            self.holders >= 1
            and self.size > 0
            and self.volatility > 0
            and self.atr > 0
            and self.bars_per_day >= 1
            and self.bars >= 1
            and 0 <= self.recovery <= 1
        )
        if not is_good:
            raise ValueError(
                f"a crowd needs holders, size, volatility, ATR and bars above 0, a recovery from 0 to 1; it is {self}"
            )


@dataclass(frozen=True)
class Exits:
    """How a holder sells once the price is at his level.

    Parameters
    ----------
    jitter : float
        His level is up to this many ATR above or below the common one, at random.
    participation : float
        Most that he sells in a bar, as a share of its volume; 0: all at once.
    """

    jitter: float = 0.0
    participation: float = 0.0


@dataclass(frozen=True)
class Falls:
    """The result of each path.

    Parameters
    ----------
    price : float64 array, shape (n_paths, n_holders)
        Mean price at which each holder sold; what he still holds counts at the last price.
    fall : float64 array, shape (n_paths,)
        The farthest that sales moved the price down.
    rounds : float64 array, shape (n_paths,)
        Rounds of selling.
    unsold : float64 array, shape (n_paths,)
        Share of the crowd's quantity that was not sold.
    """

    price: FloatArray
    fall: FloatArray
    rounds: FloatArray
    unsold: FloatArray


def simulate_crowd(crowd: Crowd, exits: Exits, law: Law, *, paths: int, seed: int, only_first: bool = False) -> Falls:
    """Return the fall that a crowd causes.

    The news takes the price down to the common level, steadily; then it is a random walk. At each price all
    holders whose level it has reached sell together, the price falls by the impact of their sales, and those whose
    level is reached then sell in the next round.

    Parameters
    ----------
    crowd : Crowd
    exits : Exits
        Of every holder.
    law : Law
    paths : int
        Paths with levels and a walk of their own.
    seed : int
        The same seed gives the same walks and levels for any exits.
    only_first : bool
        Whether the exits are those of the first holder alone, and all others sell at once at the common level.

    Returns
    -------
    Falls
    """
    rng = np.random.default_rng(seed)
    offsets = rng.uniform(-1.0, 1.0, (paths, crowd.holders)) * crowd.atr * exits.jitter
    walks = rng.standard_normal((paths, crowd.bars)) * crowd.volatility / np.sqrt(crowd.bars_per_day)
    most = np.full(crowd.holders, np.inf)
    moved = slice(0, 1) if only_first else slice(None)
    if exits.participation:
        most[moved] = exits.participation / crowd.bars_per_day
    if only_first:
        offsets[:, 1:] = 0.0
    state = _State.of(crowd, law, offsets, most)
    state.fall_to_level()
    for bar in range(crowd.bars):
        if bar:
            state.next_bar(walks[:, bar])
        state.sell_in_bar()
    return state.result()


@dataclass
class _State:
    """The state of the paths: the price without the crowd, the sales so far, the rest of each holder."""

    crowd: Crowd
    law: Law
    levels: FloatArray
    most: FloatArray
    news: FloatArray
    absorbed: FloatArray
    left: FloatArray
    room: FloatArray
    received: FloatArray
    sold_in_bar: FloatArray
    fall: FloatArray
    rounds: FloatArray

    @classmethod
    def of(cls, crowd: Crowd, law: Law, levels: FloatArray, most: FloatArray) -> _State:
        paths = len(levels)
        zeros = np.zeros(paths)
        left = np.full(levels.shape, crowd.size / crowd.holders)
        room = np.broadcast_to(np.minimum(most, 1e9), levels.shape).copy()
        return cls(
            crowd, law, levels, most, np.maximum(levels.max(axis=1), 0.0), zeros.copy(), left, room,
            np.zeros(levels.shape), zeros.copy(), zeros.copy(), zeros.copy(),
        )  # fmt: skip

    @property
    def price(self) -> FloatArray:
        return self.news - self.law.fall(self.absorbed, self.crowd.volatility)

    def fall_to_level(self) -> None:
        """Let the news fall from the highest level to the common one; holders above it sell on the way."""
        while True:
            self.sell_in_bar()
            # the news falls on to the next level that is not reached yet
            waiting = np.where(self.left > _TINY, self.levels, -np.inf)
            waiting = np.where(self._reached(), -np.inf, waiting)
            following = waiting.max(axis=1) + self.law.fall(self.absorbed, self.crowd.volatility)
            following = np.maximum(np.where(np.isfinite(following), following, 0.0), 0.0)
            moves = self.news - following > _TINY
            if not moves.any():
                return
            self.news = np.where(moves, following, self.news)

    def next_bar(self, move: FloatArray) -> None:
        """Go on to the next bar: the news walks, the market absorbs part of the sales, holders may sell again."""
        self.news = self.news + move
        self.absorbed *= 1 - self.crowd.recovery
        self.room = np.broadcast_to(np.minimum(self.most, 1e9), self.left.shape).copy()
        self.sold_in_bar[:] = 0.0

    def _reached(self) -> BoolArray:
        """Return who sells: the price has reached his level, now or before with a rest left."""
        started = self.left < self.crowd.size / self.crowd.holders - _TINY
        reached: BoolArray = (self.price[:, None] <= self.levels + _TINY) | started
        return reached

    def sell_in_bar(self) -> None:
        """Sell in rounds until nobody's level is reached who may still sell in this bar."""
        while True:
            wants = np.where(self._reached(), np.minimum(self.left, self.room), 0.0)
            quantity = wants.sum(axis=1)
            active = quantity > _TINY
            if not active.any():
                return
            sigma = self.crowd.volatility
            before, after = self.absorbed, self.absorbed + quantity
            area = self.law.area(after, sigma) - self.law.area(before, sigma)
            days = 1 / self.crowd.bars_per_day
            with np.errstate(invalid="ignore", divide="ignore"):
                lasting = np.where(active, area / quantity, 0.0)
            passing = self.law.passing(self.sold_in_bar + quantity, days, sigma)
            mean = self.news - lasting - np.where(active, passing, 0.0)
            self.received += wants * mean[:, None]
            self.left, self.room = self.left - wants, self.room - wants
            self.absorbed, self.sold_in_bar = after, self.sold_in_bar + quantity
            self.fall = np.maximum(self.fall, self.law.fall(self.absorbed, sigma))
            self.rounds += active

    def result(self) -> Falls:
        each = self.crowd.size / self.crowd.holders
        price = (self.received + self.left * self.price[:, None]) / each
        return Falls(price, self.fall, self.rounds, self.left.sum(axis=1) / self.crowd.size)


def compare_exits(crowd: Crowd, ways: dict[str, Exits], law: Law, *, paths: int, seed: int) -> dict[str, Comparison]:
    """Return the cost of the crowd to a holder, by ways of selling.

    The cost is the price on the same path, with the same level, in a market that sales do not move, less the price
    received. So a higher level saves nothing by itself: only impact is counted.

    Parameters
    ----------
    crowd : Crowd
    ways : dict of str to Exits
    law : Law
    paths, seed : int
        As in `simulate_crowd`; all ways meet the same walks.

    Returns
    -------
    dict of str to Comparison
        The first one is the crowd at one level, to which the others are compared.
    """
    plain = simulate_crowd(crowd, Exits(), law, paths=paths, seed=seed)
    calm = simulate_crowd(crowd, Exits(), NO_FALL, paths=paths, seed=seed)
    cost = calm.price - plain.price
    found = {ONE_LEVEL: Comparison(plain, cost.mean(axis=1), np.zeros(paths), np.zeros(paths))}
    for name, exits in ways.items():
        calm = simulate_crowd(crowd, exits, NO_FALL, paths=paths, seed=seed)
        alone = simulate_crowd(crowd, exits, law, paths=paths, seed=seed, only_first=True)
        everyone = simulate_crowd(crowd, exits, law, paths=paths, seed=seed)
        of_all = calm.price - everyone.price
        of_one = calm.price[:, 0] - alone.price[:, 0]
        found[name] = Comparison(
            everyone, of_all.mean(axis=1), cost[:, 0] - of_one, cost.mean(axis=1) - of_all.mean(axis=1)
        )
    return found


@dataclass(frozen=True)
class Comparison:
    """A way of selling against all at one level, by path.

    Parameters
    ----------
    falls : Falls
        If all holders sell this way.
    cost : float64 array, shape (n_paths,)
        Mean cost of the crowd to a holder then, as a share of the price.
    alone, everyone : float64 array, shape (n_paths,)
        What a holder saves of it: if only he sells this way, and if all do.
    """

    falls: Falls
    cost: FloatArray
    alone: FloatArray
    everyone: FloatArray
