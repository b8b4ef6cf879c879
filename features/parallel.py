"""Symbols shared out over processes of this machine, or over the workers of a Dask cluster."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor

import numpy as np

from exitladder.arrays import FloatArray
from exitladder.bars.bars import BarSet
from exitladder.errors import FeatureError
from exitladder.features.feature_set import FeatureSet
from exitladder.features.matrix import FeatureMatrix, dropped_columns, matrix_values, refuse_without_sources
from exitladder.runtime.cluster import join_cluster

# Shares a worker gets at least: the last ones to finish are then small.
_SHARES_A_WORKER = 4


def shared_feature_matrix(
    bars: BarSet, features: FeatureSet, side: int, *, workers: int = 1, scheduler: str = ""
) -> FeatureMatrix:
    """Return what `feature_matrix` gives, to the bit, computed by many; does not look ahead.

    Parameters
    ----------
    bars : BarSet
    features : FeatureSet
    side : int
        +1 for the view of a long trade, -1 for that of a short one (of the mirrored market).
    workers : int
        Processes on this machine.
    scheduler : str
        Address of a Dask scheduler, such as ``tcp://10.0.0.1:8786``, whose workers have the same version of exitladder;
        `workers` is then ignored.

    Returns
    -------
    FeatureMatrix

    Raises
    ------
    FeatureError
        If Dask is not installed, the cluster cannot be reached, or computes a feature otherwise; and as
        `feature_matrix`.

    Notes
    -----
    Symbols do not depend on each other, so shares of them do not either. Each share travels with its bars.
    """
    refuse_without_sources(features)
    shares = [(part, features, side, features.fingerprint()) for part in _shares(bars, workers, scheduler)]
    if scheduler:
        done = _over_cluster(shares, scheduler)
    else:
        # Fresh processes: a forked one would inherit locks of the threads here.
        with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
            done = list(pool.map(compute_share, *zip(*shares, strict=True)))
    values = np.empty((bars.n_bars, len(features.columns)), order="F")
    np.concatenate(done, out=values)
    return FeatureMatrix(features.bar_names, values, side, dropped_columns(bars, features, range(len(bars))))


def compute_share(bars: BarSet, features: FeatureSet, side: int, fingerprint: str) -> FloatArray:
    """Return the features of some symbols; runs where the share was sent to.

    Parameters
    ----------
    bars : BarSet
    features : FeatureSet
    side : int
        +1 for the view of a long trade, -1 for that of a short one (of the mirrored market).
    fingerprint : str
        Of the features where the share was sent from.

    Returns
    -------
    float64 array, shape (n_bars, n_features)

    Raises
    ------
    FeatureError
        If features are computed otherwise here than where the share came from.
    """
    if features.fingerprint() != fingerprint:
        raise FeatureError(
            "All workers must compute the same features, but one has another version of exitladder. "
            "Install the same version on all workers."
        )
    return matrix_values(bars, features, side)


def _shares(bars: BarSet, workers: int, scheduler: str) -> Iterator[BarSet]:
    """Yield parts of the symbols in order, of about as many bars each."""
    if workers < 1:
        raise FeatureError(f"workers must be at least 1, but is {workers}.")
    # How many workers a cluster has is its own affair, and may change.
    n = min(len(bars), 64 if scheduler else _SHARES_A_WORKER * workers)
    middle = (bars.start[:-1] + bars.start[1:]) / 2
    share = np.minimum((middle * n / bars.n_bars).astype(int), n - 1)
    for k in np.unique(share):
        yield BarSet([bars[bars.symbols[i]] for i in np.flatnonzero(share == k)])


def _over_cluster(shares: list[tuple[BarSet, FeatureSet, int, str]], address: str) -> list[FloatArray]:
    with join_cluster(address, "Computing", FeatureError) as client:
        # Sent before they are used: large arguments inside of a task slow the scheduler down.
        sent = client.scatter([part for part, *_ in shares], hash=False)
        rest = [share[1:] for share in shares]
        futures = [client.submit(compute_share, part, *more, pure=False) for part, more in zip(sent, rest, strict=True)]
        found: list[FloatArray] = client.gather(futures)
    return found
