"""What a large order moves its own price by: the square-root law, and Almgren, Thum, Hauptmann and Li (2005).

Impacts are shares of the price and never negative; volatility is daily, volumes are units a day.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from exitladder.arrays import FloatArray


@dataclass(frozen=True)
class PowerLaw:
    """Impact = `prefactor` × volatility × (quantity / daily volume) ^ `exponent`.

    The exponent ½ is what all orders of the Tokyo exchange show (Sato and Kanazawa, 2024); Gatheral's prefactor is
    about ¾.
    """

    prefactor: float = 0.75
    exponent: float = 0.5

    def __post_init__(self) -> None:
        if not (self.prefactor >= 0 and 0 < self.exponent <= 1):
            raise ValueError(
                f"an impact needs a prefactor of at least 0 and an exponent above 0 and at most 1; "
                f"they are {self.prefactor:g} and {self.exponent:g}"
            )

    def impact(self, quantity: npt.ArrayLike, daily_volume: npt.ArrayLike, volatility: npt.ArrayLike) -> FloatArray:
        """Return how far an order moves the price by its end, as a share of the price.

        Parameters
        ----------
        quantity, daily_volume : array of float
            Units; a volume of 0 or NaN gives NaN, since nothing can be said.
        volatility : array of float
            Standard deviation of daily returns.

        Returns
        -------
        float64 array
        """
        quantity, daily_volume, volatility = (
            np.asarray(x, dtype=np.float64) for x in (quantity, daily_volume, volatility)
        )
        with np.errstate(divide="ignore", invalid="ignore"):
            share = np.where(daily_volume > 0, np.abs(quantity) / daily_volume, np.nan)
        moved: FloatArray = self.prefactor * volatility * share**self.exponent
        return moved

    def mean_cost(self, quantity: npt.ArrayLike, daily_volume: npt.ArrayLike, volatility: npt.ArrayLike) -> FloatArray:
        """Return the mean cost of the order's units, which sell along the way: impact / (1 + exponent).

        Parameters
        ----------
        quantity, daily_volume, volatility
            As in `impact`.

        Returns
        -------
        float64 array
        """
        return self.impact(quantity, daily_volume, volatility) / (1 + self.exponent)


@dataclass(frozen=True)
class Almgren:
    """Permanent and temporary impact of Almgren and others (2005), with the exponents to which they round their fit.

    The fit to orders in American shares gave 0.891 ± 0.10, 0.600 ± 0.038 and 0.267 ± 0.22.
    """

    permanent: float = 0.314
    temporary: float = 0.142
    permanent_exponent: float = 1.0
    temporary_exponent: float = 0.6
    turnover_exponent: float = 0.25

    def parts(
        self,
        quantity: npt.ArrayLike,
        daily_volume: npt.ArrayLike,
        volatility: npt.ArrayLike,
        days: npt.ArrayLike,
        shares_outstanding: npt.ArrayLike,
    ) -> tuple[FloatArray, FloatArray]:
        """Return the permanent and the temporary impact.

        Parameters
        ----------
        quantity, daily_volume : array of float
            Units of the order and of a day.
        volatility : array of float
            Standard deviation of daily returns.
        days : array of float
            Time that the order takes, in trading days.
        shares_outstanding : array of float
            Of the company.

        Returns
        -------
        permanent, temporary : float64 array
            Shares of the price. The order costs half the permanent part and the whole temporary part.
        """
        size = np.abs(np.asarray(quantity, dtype=np.float64)) / np.asarray(daily_volume, dtype=np.float64)
        sigma = np.asarray(volatility, dtype=np.float64)
        inverse_turnover = np.asarray(shares_outstanding, dtype=np.float64) / np.asarray(daily_volume, dtype=np.float64)
        lasting = self.permanent * sigma * size**self.permanent_exponent * inverse_turnover**self.turnover_exponent
        passing = self.temporary * sigma * (size / np.asarray(days, dtype=np.float64)) ** self.temporary_exponent
        return lasting, passing
