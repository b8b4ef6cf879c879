"""Shared out over processes or a cluster, features are the same to the bit."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest

from exitladder.bars.bars import Bars, BarSet
from exitladder.errors import ExitladderWarning, FeatureError
from exitladder.features import FeatureSet, feature_matrix, feature_set_of, features_frame
from exitladder.features.parallel import compute_share, shared_feature_matrix
from exitladder.settings.tables import FeatureSettings, Settings


@pytest.fixture(scope="module")
def five(walk: Callable[..., Bars]) -> BarSet:
    """Symbols of very different lengths, one without volume."""
    sizes = {"A": 900, "B": 40, "C": 300, "D": 301, "E": 5}
    return BarSet([walk(n, k, symbol=s, volume=s != "D") for k, (s, n) in enumerate(sizes.items())])


@pytest.fixture(scope="module")
def everything(five: BarSet) -> FeatureSet:
    return feature_set_of(Settings(features=FeatureSettings(names=("all",), benchmark="A")), five)


def check_equal(five: BarSet, everything: FeatureSet, **how: object) -> None:
    with pytest.warns(ExitladderWarning, match="no volume in the bars of D") as result:
        shared = shared_feature_matrix(five, everything, -1, **how)  # type: ignore[arg-type]
    assert len(result) == 1
    with pytest.warns(ExitladderWarning):
        alone = feature_matrix(five, everything, -1)
    assert shared.values.tobytes(order="F") == alone.values.tobytes(order="F")
    assert (shared.names, shared.side, shared.dropped) == (alone.names, alone.side, alone.dropped)


def test_two_processes_give_the_same_bits(five: BarSet, everything: FeatureSet) -> None:
    check_equal(five, everything, workers=2)


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    """A Dask cluster of two worker processes on this machine."""
    distributed = pytest.importorskip("distributed", reason="Dask is not installed (pip install 'exitladder[cluster]')")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0", silence_logs=50
    ) as local:
        yield local.scheduler_address


def test_a_cluster_of_two_workers_gives_the_same_bits(five: BarSet, everything: FeatureSet, cluster: str) -> None:
    check_equal(five, everything, scheduler=cluster)
    names = FeatureSet.from_names(["rsi_14", "bb_pctb_20"])
    assert features_frame(five, names, scheduler=cluster).equals(features_frame(five, names))


def test_refusals_reach_the_user_from_where_they_arise(five: BarSet, walk: Callable[..., Bars], cluster: str) -> None:
    broken = walk(50, symbol="Z")
    broken.close[7] = np.nan
    with pytest.raises(FeatureError, match=r"close is nan in the bar of 'Z' at 1970-01-10"):
        shared_feature_matrix(BarSet([broken, *five.values()]), FeatureSet.from_names(["clv"]), 1, scheduler=cluster)


def test_a_worker_that_computes_otherwise_is_refused(five: BarSet) -> None:
    with pytest.raises(FeatureError, match="another version of exitladder"):
        compute_share(five, FeatureSet.from_names(["clv"]), 1, "0" * 64)


def test_a_missing_scheduler_is_reported(five: BarSet) -> None:
    pytest.importorskip("distributed", reason="Dask is not installed (pip install 'exitladder[cluster]')")
    with pytest.raises(FeatureError, match="'nonsense' does not answer"):
        shared_feature_matrix(five, FeatureSet.from_names(["clv"]), 1, scheduler="nonsense")


def test_no_workers_are_refused(five: BarSet) -> None:
    with pytest.raises(FeatureError, match="workers must be at least 1, but is 0"):
        shared_feature_matrix(five, FeatureSet.from_names(["clv"]), 1, workers=0)
