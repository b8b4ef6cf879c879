"""Daily sums of many ladders are those of each ladder by itself, to the bit."""

from __future__ import annotations

import numpy as np

from exitladder.statistics.daily_sums import sums_by_day


def test_each_ladder_as_if_it_were_alone() -> None:
    rng = np.random.default_rng(1)
    entry_day = np.sort(rng.integers(17_000, 17_060, 200))
    day = entry_day[:, None] + rng.integers(0, 20, (200, 9))
    net_r = rng.normal(size=day.shape)
    net_r[rng.random(day.shape) < 0.05] = np.nan
    net_r[:5, 3], net_r[-30:, 4], net_r[:, 5] = np.nan, np.nan, np.nan
    day[np.isnan(net_r)] = 20_000  # of a skipped trade nothing counts, the day neither
    for table, days in ((net_r, day), (np.asfortranarray(net_r), np.asfortranarray(day))):
        found = sums_by_day(table, days, entry_day)
        for m in range(net_r.shape[1]):
            counts = np.isfinite(net_r[:, m])
            if m == 5:
                assert not len(found[m])
                continue
            want = np.bincount(day[counts, m] - entry_day[counts].min(), net_r[counts, m])
            np.testing.assert_array_equal(found[m], want)
            np.testing.assert_array_equal(sums_by_day(net_r[:, [m]], day[:, [m]], entry_day)[0], want)


def test_by_hand() -> None:
    net_r = np.array([[1.0, np.nan], [-0.5, 2.0], [0.25, np.nan]])
    day = np.array([[12, 0], [10, 13], [12, 0]])
    found = sums_by_day(net_r, day, np.array([10, 10, 11]))
    assert [column.tolist() for column in found] == [[-0.5, 0.0, 1.25], [0.0, 0.0, 0.0, 2.0]]
    assert [len(column) for column in sums_by_day(np.empty((0, 2)), np.empty((0, 2), dtype=np.int64), day[:0, 0])] == [
        0,
        0,
    ]
