"""Drift: whether the model's inputs still have the distribution of the training data.

Consecutive bars are dependent, and so are symbols on one day: the effective sample size of 120 bars of eight symbols
is far below 960, and a test that assumes independence gives false alarms every week. So the training span is cut
into windows as long as the one tested, and the distances of the training windows from the whole training span are
the null distribution: a quantity has moved if its distance is larger than those of training windows by chance.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from exitladder.arrays import FloatArray, IntArray
from exitladder.errors import ModelError
from exitladder.files.untrusted.shapes import check_shape

# Bars a window has: long enough for volatility to vary in it, short enough to notice within half a year of days.
WINDOW = 120
# Population stability index from which drift counts as moderate, and as large (Lewis 1994; Siddiqi 2006).
SOME, MUCH = 0.1, 0.25
# Probability of any false alarm without drift: divided among quantities and tests.
LEVEL = 0.01
# Least number of training windows for the null distribution, and of values for a test.
LEAST_WINDOWS, LEAST_VALUES = 8, 30

_CUTS = (0.01, *(k / 10 for k in range(1, 10)), 0.99)
# Shares below it count as this much: an empty bin must not make the index infinite.
_LEAST_SHARE = 1e-4
_LEAST_EXPECTED = 1e-3


@dataclass(frozen=True)
class MonitoredFeature:
    """One quantity as it was in training.

    Parameters
    ----------
    name : str
    edges : tuple of float
        Inner edges of the bins: deciles of training, equal ones once.
    shares : tuple of float
        Share of training in each bin; the last is of values that are not known.
    rank_common, rank_own : float
        Variance of a window's mean rank: the part that all symbols share in a window, and a symbol's own.
    bins_common, bins_own : float
        The same of the chi-square distance of a window's shares from `shares`.
    freedom : float
        Degrees of freedom of that distance.
    n_windows : int
        Windows that the variances were estimated on.
    values_a_window : float
        Mean number of values of a symbol in a window.
    """

    name: str
    edges: tuple[float, ...]
    shares: tuple[float, ...]
    rank_common: float
    rank_own: float
    bins_common: float
    bins_own: float
    freedom: float
    n_windows: int
    values_a_window: float


@dataclass(frozen=True)
class DriftReference:
    """The training distributions, and how far training's own windows deviate from them; built by `of`."""

    monitored: tuple[MonitoredFeature, ...]

    @classmethod
    def of(
        cls,
        names: Sequence[str],
        values: npt.NDArray[np.floating],
        window: IntArray,
        symbol: IntArray,
        *,
        counted: npt.NDArray[np.bool_] | None = None,
    ) -> DriftReference:
        """Return the reference of some quantities.

        Parameters
        ----------
        names : sequence of str
        values : float array, shape (n, n_names)
            NaN where not known.
        window : int64 array, shape (n,)
            The time window of each row; see `windows`.
        symbol : int64 array, shape (n,)
        counted : bool array, shape (n, n_names), optional
            Rows that count, such as those after the warm-up; all by default.

        Returns
        -------
        DriftReference
            Without quantities that have too few windows to estimate a null distribution.
        """
        cells, cell = np.unique(window * (int(symbol.max(initial=0)) + 1) + symbol, return_inverse=True)
        of_cell = cells // (int(symbol.max(initial=0)) + 1)
        found = []
        for k, name in enumerate(names):
            use = slice(None) if counted is None else counted[:, k]
            monitored = _monitor(name, values[use, k], cell[use], of_cell)
            if monitored is not None:
                found.append(monitored)
        return cls(tuple(found))

    def compare(
        self,
        names: Sequence[str],
        values: npt.NDArray[np.floating],
        symbol: IntArray,
        *,
        counted: npt.NDArray[np.bool_] | None = None,
    ) -> pd.DataFrame:
        """Return how far each quantity has moved from training in one time window, largest move first.

        Parameters
        ----------
        names : sequence of str
            The columns of `values`; those that are not monitored are left out.
        values : float array, shape (n, n_names)
            Values in one window, such as the last `WINDOW` bars of some symbols.
        symbol : int64 array, shape (n,)
        counted : bool array, shape (n, n_names), optional

        Returns
        -------
        DataFrame
            name, n_values, n_symbols, psi (population stability index), percentile (mean percentile of training, 50
            where nothing has moved), not_known (share), not_known_in_training, p_rank (rank-sum test), p_shares
            (chi-square test); both p for this quantity alone. See `moved`.
        """
        places = {name: k for k, name in enumerate(names)}
        rows = []
        for monitored in self.monitored:
            if monitored.name not in places:
                continue
            use = slice(None) if counted is None else counted[:, places[monitored.name]]
            row = _compare(monitored, values[use, places[monitored.name]], symbol[use])
            if row is not None:
                rows.append(row)
        table = pd.DataFrame(rows, columns=list(_COLUMNS))
        return table.sort_values("psi", ascending=False, kind="stable", ignore_index=True)

    def to_mapping(self) -> dict[str, Any]:
        """Return plain values for a JSON file."""
        return {"window": WINDOW, "watched": [asdict(w) for w in self.monitored]}

    @classmethod
    def from_mapping(cls, table: Mapping[str, Any]) -> DriftReference:
        """Return the reference that `to_mapping` wrote.

        Raises
        ------
        ModelError
            If a value is missing or cannot be.
        """
        try:
            check_shape(table, {"watched": [_SHAPE]}, "drift")
            watched: list[dict[str, Any]] = [
                {name: tuple(w[name]) if isinstance(w[name], list) else w[name] for name in _SHAPE}
                for w in table["watched"]
            ]
            monitored = tuple(MonitoredFeature(**values) for values in watched)
            for m in monitored:
                # inner edges of bins, and a last share of values that are not known
                if len(m.shares) != len(m.edges) + 2 or list(m.edges) != sorted(m.edges):
                    raise ValueError(f"drift of {m.name} must have ascending edges and two more shares, but does not")
                if m.n_windows < 2 or m.values_a_window <= 0 or not all(0 <= share <= 1 for share in m.shares):
                    raise ValueError(f"drift of {m.name} must have windows and shares from 0 to 1, but does not")
        except ValueError as cause:
            raise ModelError(
                f"A model must hold the distributions of its training, but {cause}. Train the model again."
            ) from cause
        return cls(monitored)


_SHAPE: dict[str, Any] = {
    "name": str,
    "edges": [float],
    "shares": [float],
    "rank_common": float,
    "rank_own": float,
    "bins_common": float,
    "bins_own": float,
    "freedom": float,
    "n_windows": int,
    "values_a_window": float,
}
_COLUMNS = (
    "name", "n_values", "n_symbols", "psi", "percentile", "not_known", "not_known_in_training", "p_rank", "p_shares",
)  # fmt: skip


def adjusted_p(table: pd.DataFrame) -> FloatArray:
    """Return the lesser p of each row of a comparison, for all its quantities and both tests together (Bonferroni)."""
    least = np.fmin(table["p_rank"].to_numpy(dtype=float), table["p_shares"].to_numpy(dtype=float))
    return np.asarray(np.minimum(1.0, 2 * len(table) * least))


def moved(table: pd.DataFrame) -> npt.NDArray[np.bool_]:
    """Return which rows of a comparison have moved, shape (n_rows,).

    Both conditions must hold: the stability index is at least `SOME`, and training's own windows hardly ever deviate
    as much (`adjusted_p` is at most `LEVEL`).
    """
    return np.asarray((table["psi"].to_numpy(dtype=float) >= SOME) & (adjusted_p(table) <= LEVEL))


def windows(time_ns: IntArray, n_bars: int = WINDOW, *, clock: IntArray | None = None) -> IntArray:
    """Return the window number of each time; consecutive windows hold `n_bars` distinct times each.

    Parameters
    ----------
    time_ns : int64 array, shape (n,)
    n_bars : int
        Times a window has. The first may have fewer: windows are counted back from the last time.
    clock : int64 array, optional
        The times that are counted, among them all of `time_ns`; these by default.

    Returns
    -------
    int64 array, shape (n,)
        Numbers of the windows, increasing in time.

    Examples
    --------
    >>> windows(np.array([10, 10, 20, 30, 40, 50]), 2)
    array([0, 0, 1, 1, 2, 2])
    """
    different = np.unique(time_ns if clock is None else clock)
    short = -len(different) % n_bars
    return np.asarray((np.searchsorted(different, time_ns) + short) // n_bars, dtype=np.int64)


def population_stability(was: FloatArray, now: FloatArray) -> float:
    """Return the population stability index of shares in the same bins: Σ (now − was) · ln(now / was).

    Parameters
    ----------
    was, now : float64 array, shape (n_bins,)
        Shares that add up to one.

    Notes
    -----
    The sum of both Kullback-Leibler divergences; Lewis, *An Introduction to Credit Scoring* (1994).

    Examples
    --------
    >>> round(population_stability(np.array([0.5, 0.5]), np.array([0.6, 0.4])), 4)
    0.0405
    """
    was, now = np.maximum(was, _LEAST_SHARE), np.maximum(now, _LEAST_SHARE)
    return float(np.sum((now - was) * np.log(now / was)))


def _monitor(
    name: str, values: npt.NDArray[np.floating], cell: IntArray, window_of: IntArray
) -> MonitoredFeature | None:
    known = values[np.isfinite(values)]
    if not len(values):
        return None
    edges = np.unique(np.quantile(known, _CUTS)) if len(known) else np.empty(0)
    counts = _counts(values, edges, cell, len(window_of))
    shares = counts.sum(axis=0) / len(values)
    filled = counts.sum(axis=1)
    # A window of a few values is none: its shares are chance.
    whole = filled >= max(np.median(filled[filled > 0]) / 4, 1)
    of_cell = counts[whole] / filled[whole, None]
    window = window_of[whole]
    n_windows = len(np.unique(window))
    if n_windows < LEAST_WINDOWS:
        return None
    scaled = of_cell / np.sqrt(np.maximum(shares, _LEAST_EXPECTED))
    common, own = _variance_parts(np.column_stack([of_cell @ _mid_ranks(shares), scaled]), window)
    return MonitoredFeature(
        name=name,
        edges=tuple(map(float, edges)),
        shares=tuple(map(float, shares)),
        rank_common=float(common[0]),
        rank_own=float(own[0]),
        bins_common=float(common[1:].sum()),
        bins_own=float(own[1:].sum()),
        freedom=_freedom(scaled, window),
        n_windows=n_windows,
        values_a_window=float(filled[whole].mean()),
    )


def _compare(monitored: MonitoredFeature, values: npt.NDArray[np.floating], symbol: IntArray) -> dict[str, Any] | None:
    from scipy.special import fdtrc, stdtr

    if len(values) < LEAST_VALUES:
        return None
    shares = np.array(monitored.shares)
    now = _counts(values, np.array(monitored.edges), np.zeros(len(values), dtype=np.int64), 1)[0] / len(values)
    a_symbol = np.bincount(symbol).astype(float)
    n_symbols = a_symbol.sum() ** 2 / (a_symbol**2).sum()
    # Symbols with fewer values than a window of training vary more, at most by as much as they are fewer.
    thinner = max(1.0, monitored.values_a_window / (len(values) / n_symbols))
    # The centre was estimated on so many windows itself.
    centre = 1 + 1 / monitored.n_windows
    rank_variance = (monitored.rank_common + monitored.rank_own * thinner / n_symbols) * centre
    expected = (monitored.bins_common + monitored.bins_own * thinner / n_symbols) * centre
    ranks = _mid_ranks(shares)
    off = float((now - shares) @ ranks)
    distance = float((((now - shares) ** 2) / np.maximum(shares, _LEAST_EXPECTED)).sum())
    df = monitored.n_windows - 1
    p_rank = 2 * float(stdtr(df, -abs(off) / np.sqrt(rank_variance))) if rank_variance > 0 else _certain(off)
    p_shares = float(fdtrc(monitored.freedom, df, distance / expected)) if expected > 0 else _certain(distance)
    known = 1 - now[-1]
    return {
        "name": monitored.name,
        "n_values": len(values),
        "n_symbols": len(np.unique(symbol)),
        "psi": population_stability(shares, now),
        "percentile": 100 * float(now[:-1] @ _percentiles(shares)) / known if known > 0 else np.nan,
        "not_known": float(now[-1]),
        "not_known_in_training": float(shares[-1]),
        "p_rank": p_rank,
        "p_shares": p_shares,
    }


def _certain(difference: float) -> float:
    """Return the p value for a quantity that never varied in training: any difference is certain."""
    return 1.0 if abs(difference) < 1e-9 else 0.0


def _counts(
    values: npt.NDArray[np.floating], edges: FloatArray, cell: IntArray, n_cells: int
) -> npt.NDArray[np.float64]:
    """Count values by cell and bin, shape (n_cells, n_bins + 1); the last bin holds unknown values."""
    n = len(edges) + 2
    place = np.where(np.isfinite(values), np.searchsorted(edges, values, side="right"), n - 1)
    return np.bincount(cell * n + place, minlength=n_cells * n).reshape(n_cells, n).astype(np.float64)


def _mid_ranks(shares: FloatArray) -> FloatArray:
    """Return the mid-rank of each bin, from 0 to 1; unknown values rank 0.5."""
    return np.append(_percentiles(shares), 0.5)


def _percentiles(shares: FloatArray) -> FloatArray:
    known = shares[:-1] / max(shares[:-1].sum(), _LEAST_SHARE)
    return np.asarray(np.cumsum(known) - known / 2)


def _variance_parts(cells: FloatArray, window: IntArray) -> tuple[FloatArray, FloatArray]:
    """Return the variance of each column that symbols share in a window, and a symbol's own.

    Analysis of variance with windows as the random effect; where a window has one symbol only, the parts cannot be
    separated and all variance counts as shared, which is conservative.
    """
    _, place = np.unique(window, return_inverse=True)
    n = np.bincount(place).astype(float)
    means = np.column_stack([np.bincount(place, column) for column in cells.T]) / n[:, None]
    within = ((cells - means[place]) ** 2).sum(axis=0)
    between = means.var(axis=0, ddof=1)
    if n.max() < 2:
        return between, np.zeros_like(between)
    own = within / max((n - 1).sum(), 1.0)
    return np.maximum(between - own * (1 / n).mean(), 0.0), own


def _freedom(scaled: FloatArray, window: IntArray) -> float:
    """Return Satterthwaite's degrees of freedom of the squared length of these vectors.

    Bins of slow quantities move together, so there are fewer than bins; Rao and Scott (1981), second order. What
    symbols share moves in fewer directions still: the lesser of a cell's and a window's mean is taken.
    """
    _, place = np.unique(window, return_inverse=True)
    means = np.column_stack([np.bincount(place, column) for column in scaled.T]) / np.bincount(place)[:, None]
    return min(_directions(scaled), _directions(means))


def _directions(vectors: FloatArray) -> float:
    covariance = np.cov(vectors, rowvar=False)
    squared = float((covariance**2).sum())
    return max(1.0, float(np.trace(covariance)) ** 2 / squared) if squared > 0 else 1.0
