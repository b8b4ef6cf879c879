"""How confidence intervals are made: their confidence, the number of resamples and the seed."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Intervals:
    """How confidence intervals are made.

    Parameters
    ----------
    confidence : float
        Nominal coverage, between 0 and 1.
    n_bootstrap : int
        Number of resamples, at least 1.
    seed : int
        At least 0; the same seed gives the same intervals.

    Raises
    ------
    ValueError
        If one of them is out of its range.
    """

    confidence: float = 0.95
    n_bootstrap: int = 2000
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.confidence < 1:
            raise ValueError(f"confidence must be between 0 and 1, such as 0.95, but is {self.confidence}.")
        if self.n_bootstrap < 1:
            raise ValueError(f"n_bootstrap must be at least 1, but is {self.n_bootstrap}.")
        if self.seed < 0:
            raise ValueError(f"seed must be at least 0, but is {self.seed}.")
