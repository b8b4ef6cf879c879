"""A test whose result may be looked at after every observation: betting against the hypothesis of no gain.

A gambler who starts with 1 bets before each observation that it will be positive. If the mean of each, given the past,
is at most zero, the capital is a supermartingale, so the chance that it ever reaches 1 / alpha is at most alpha (Ville
1939). Waudby-Smith and Ramdas, "Estimating means of bounded random variables by betting" (2024); Shafer, "Testing by
betting" (2021).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

STAKES = (0.05, 0.1, 0.2, 0.35, 0.5)
"""Shares of the capital that are bet; the capital is the mean of the gamblers who each bet one of them."""


@dataclass(frozen=True)
class Bet:
    """The result of betting on gains.

    Parameters
    ----------
    capital : float
        Now, from a start of 1: the evidence for a gain.
    highest : float
        The highest that it has been.
    p_value : float
        1 / highest, at most 1; valid at any time, however often it was looked at.
    n : int
        Observations.
    crossed : int or None
        Number of observations after which the capital first reached 1 / alpha; None if it has not.
    """

    capital: float
    highest: float
    p_value: float
    n: int
    crossed: int | None

    @property
    def has_won(self) -> bool:
        """Whether a mean gain above zero is established."""
        return self.crossed is not None


def bet_on_gain(gains: npt.ArrayLike, bounds: npt.ArrayLike = 1.0, alpha: float = 0.05) -> Bet:
    """Return the evidence that the mean of observations, each given the past, is above zero.

    Parameters
    ----------
    gains : array of float, shape (n,)
        In the order in which they became known.
    bounds : array of float, shape (n,) or a number
        The largest size that each could have had, known before it; above 0.
    alpha : float
        Chance that a gain is ever claimed if there is none, between 0 and 1.

    Returns
    -------
    Bet
        After k observations the capital is the mean over stakes s of the product of ``1 + s * gain / bound``.

    Raises
    ------
    ValueError
        If a gain is larger than its bound, or a bound is not positive.

    Examples
    --------
    >>> found = bet_on_gain([1.0, -1.0])
    >>> round(found.capital, 6)   # the mean of 1 - s squared over the stakes
    0.915
    >>> bet_on_gain([1.0] * 20).crossed
    11
    """
    x = np.asarray(gains, dtype=np.float64)
    limit = np.broadcast_to(np.asarray(bounds, dtype=np.float64), x.shape)
    if not np.all(limit > 0):
        raise ValueError("bounds must be above 0, but one is not. Leave out observations that cannot differ.")
    if np.any(np.abs(x) > limit * (1 + 1e-9)):
        worst = int(np.argmax(np.abs(x) / limit))
        raise ValueError(f"A gain must be within its bound, but {x[worst]:g} is beyond {limit[worst]:g} (row {worst}).")
    if not len(x):
        return Bet(1.0, 1.0, 1.0, 0, None)
    share = np.clip(x / limit, -1.0, 1.0)
    logs = np.cumsum(np.log1p(np.outer(share, STAKES)), axis=0)
    top = logs.max(axis=1)
    path = top + np.log(np.exp(logs - top[:, None]).mean(axis=1))
    reached = np.flatnonzero(path >= math.log(1 / alpha))
    highest = float(np.exp(min(700.0, max(0.0, path.max()))))
    return Bet(
        capital=float(np.exp(min(700.0, path[-1]))),
        highest=highest,
        p_value=min(1.0, 1.0 / highest),
        n=len(x),
        crossed=int(reached[0]) + 1 if len(reached) else None,
    )
