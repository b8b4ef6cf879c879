"""Volatility, value at risk and expected shortfall of what a book holds, from bars that have closed (L5)."""

from __future__ import annotations

import math

import numpy as np

from exitladder.arrays import FloatArray, FloatTable, IntArray
from exitladder.bars.bars import BarSet
from exitladder.plans.limits import Risk
from exitladder.statistics.risk.coverage import Coverage, coverage
from exitladder.statistics.risk.value_at_risk import forecast, forecasts

_YEAR = 365.25 * 86_400 * 10**9
# Joint returns are looked for in this many windows of closes.
_WINDOWS = 4
MOST_TESTED = 20
"""Symbols, those with the most trades, whose value at risk is back-tested where limits of positions read it."""


class Estimates:
    """Estimates of single symbols, each made when it is first asked for.

    Parameters
    ----------
    bars : BarSet
    risk : Risk
    """

    def __init__(self, bars: BarSet, risk: Risk) -> None:
        self.bars, self.risk = bars, risk
        returns = np.full(bars.n_bars, np.nan)
        returns[1:] = bars.close[1:] / bars.close[:-1] - 1
        returns[bars.start[:-1]] = np.nan
        self.returns: FloatArray = returns
        self._tails: dict[tuple[int, float], tuple[float, float]] = {}

    def _window(self, bar: int, symbol: int) -> FloatArray | None:
        first = bar - self.risk.window + 1
        return self.returns[first : bar + 1] if first > self.bars.start[symbol] else None

    def tail(self, bar: int, symbol: int, side: float) -> tuple[float, float]:
        """Return value at risk and expected shortfall of one position as shares of its value; NaN if unknown.

        Parameters
        ----------
        bar : int
            The last bar that has closed.
        symbol : int
        side : float
            +1 long, -1 short.

        Returns
        -------
        value_at_risk, expected_shortfall : float
        """
        key = (bar, side)
        if key not in self._tails:
            window, risk = self._window(bar, symbol), self.risk
            self._tails[key] = (
                (math.nan, math.nan)
                if window is None
                else forecast(side * window, risk.level, risk.method, risk.horizon, risk.degrees)
            )
        return self._tails[key]

    def volatility(self, bar: int, symbol: int) -> float:
        """Return the annual standard deviation of a symbol's returns over the window; NaN if unknown."""
        window = self._window(bar, symbol)
        if window is None:
            return math.nan
        # Bars a year as they came in the window, so that sessions of any length count as they are.
        years = (self.bars.time[bar] - self.bars.time[bar - self.risk.window]) / _YEAR
        return float(np.std(window, ddof=1) * math.sqrt(self.risk.window / years))

    def test(self, symbol: int, side: float) -> Coverage | None:
        """Return the back-test of a symbol's value at risk for one unit held over all its bars (L6).

        Parameters
        ----------
        symbol : int
        side : float
            +1 long, -1 short.

        Returns
        -------
        Coverage or None
            None if no forecast has a loss to be compared with.
        """
        risk, part = self.risk, slice(int(self.bars.start[symbol]), int(self.bars.start[symbol + 1]))
        returns = side * self.returns[part][1:]
        closes = self.bars.close[part]
        value, _ = forecasts(returns, risk.window, risk.level, risk.method, risk.horizon, risk.degrees)
        ahead = side * (closes[1 + risk.horizon :] / closes[1 : -risk.horizon] - 1)
        pairs = slice(risk.window - 1, None, risk.horizon)
        losses, said = -ahead[pairs], value[: len(ahead)][pairs]
        return coverage(losses, said, risk.level) if len(losses) else None


class VarTest:
    """The value at risk of a book, compared with the loss of its holdings: one forecast per horizon (L6).

    Parameters
    ----------
    risk : Risk
    """

    def __init__(self, risk: Risk) -> None:
        self.risk = risk
        self.said: list[float] = []
        self.lost: list[float] = []
        self._pending: tuple[float, IntArray, FloatArray, FloatArray] | None = None
        self._last: dict[int, float] = {}
        self._passed = 0

    @property
    def is_due(self) -> bool:
        """Whether no forecast waits for its outcome."""
        return self._pending is None

    def forecast(self, value: float, symbols: IntArray, shares: FloatArray, closes: FloatArray) -> None:
        """Note a forecast for the holdings.

        Parameters
        ----------
        value : float
            Value at risk over equity.
        symbols : int64 array, shape (n,)
        shares : float64 array, shape (n,)
            Signed value of each over equity.
        closes : float64 array, shape (n,)
        """
        self._pending, self._passed, self._last = (value, symbols, shares, closes), 0, {}

    def close(self, symbols: IntArray, closes: FloatArray) -> None:
        """Note the closes of one moment; at the horizon the forecast meets its outcome."""
        if self._pending is None:
            return
        self._last.update(zip(symbols.tolist(), closes.tolist(), strict=True))
        self._passed += 1
        if self._passed < self.risk.horizon:
            return
        value, held, shares, before = self._pending
        after = np.array([self._last.get(int(k), old) for k, old in zip(held, before, strict=True)])
        self.said.append(value)
        self.lost.append(-float(shares @ (after / before - 1)))
        self._pending = None

    def coverage(self) -> Coverage | None:
        """Return the back-test; None without a forecast."""
        said, lost = np.array(self.said), np.array(self.lost)
        return coverage(lost, said, self.risk.level) if np.isfinite(said).any() else None


class JointReturns:
    """The closes of all symbols, and the past returns of the present holdings.

    Parameters
    ----------
    n_symbols : int
    risk : Risk
    """

    def __init__(self, n_symbols: int, risk: Risk) -> None:
        self.risk = risk
        self._closes: FloatTable = np.full((_WINDOWS * (risk.window + 1), n_symbols), np.nan)
        self._n = 0
        self._found: tuple[tuple[int, bytes, bytes], tuple[float, float]] | None = None

    def add(self, symbols: IntArray, closes: FloatArray) -> None:
        """Note the closes of one moment."""
        row = self._n % len(self._closes)
        self._closes[row] = np.nan
        self._closes[row, symbols] = closes
        self._n += 1

    def of(self, symbols: IntArray, shares: FloatArray) -> FloatArray | None:
        """Return the past returns of these holdings between the closes that all of the symbols have.

        Parameters
        ----------
        symbols : int64 array, shape (n,)
        shares : float64 array, shape (n,)
            Signed value of each over equity.

        Returns
        -------
        float64 array, shape (window,), or None
            None if the symbols share too few closes.
        """
        n, size = self._n, len(self._closes)
        rows = np.arange(max(0, n - size), n) % size
        closes = self._closes[np.ix_(rows, symbols)]
        shared = closes[np.isfinite(closes).all(axis=1)][-(self.risk.window + 1) :]
        if len(shared) <= self.risk.window:
            return None
        returns: FloatArray = (shared[1:] / shared[:-1] - 1) @ shares
        return returns

    def tail(self, symbols: IntArray, shares: FloatArray) -> tuple[float, float]:
        """Return value at risk and expected shortfall of a book as shares of equity; NaN if unknown."""
        if not len(symbols):
            return 0.0, 0.0
        # the back-test and the limits of one close ask for the same holdings
        key = (self._n, symbols.tobytes(), shares.tobytes())
        if self._found is None or self._found[0] != key:
            returns, risk = self.of(symbols, shares), self.risk
            unknown = (math.nan, math.nan)
            self._found = (
                key,
                (
                    unknown
                    if returns is None
                    else forecast(returns, risk.level, risk.method, risk.horizon, risk.degrees)
                ),
            )
        return self._found[1]
