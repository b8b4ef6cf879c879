"""The study of intrabar policies, on a slice of its real bars."""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from exitladder.bars.bars import BarSet
from exitladder.bars.reading import read_bars


@pytest.fixture(scope="module")
def benchmark(root: Path) -> Any:
    """The benchmark, which is no package."""
    spec = importlib.util.spec_from_file_location("finer_bars", root / "benchmarks" / "finer_bars.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["finer_bars"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def spy(benchmark: Any, shared_data: Path) -> Any:
    """SPY from 2004 to 2010, days and hours."""

    def read(interval: str) -> BarSet:
        own = read_bars(shared_data / "lean-usa" / f"SPY-{interval}.parquet")[0]["SPY"]
        year = pd.to_datetime(own.time, unit="ns").year
        return BarSet([benchmark.rows_of(own, np.flatnonzero((year >= 2004) & (year <= 2010)))])

    return benchmark.Market("SPY", read("1d"), read("1h"))


def test_a_plain_bracket_is_between_the_bounds(benchmark: Any, spy: Any) -> None:
    row = benchmark.study_ladder(spy, benchmark.LADDERS[0], n_bootstrap=50)
    assert row.n_trades > 200
    assert row.coarse["n_bars"] == 0 < row.coarse["n_bars_lived"]
    worst, best = row.distances["stop_first"], row.distances["target_first"]
    assert worst.share_better == 0 < worst.share
    assert worst.all_trades.value <= 0 <= best.all_trades.value
    assert (worst.share + best.share) * row.n_trades == pytest.approx(row.n_ambiguous)
    # Each settles either at +1 R or at -1 R: a wrong order costs two, unless the open was beyond.
    assert best.where_it_differs == pytest.approx(2.0, abs=0.2)
    assert all(distance.n_stop_moved == 0 for distance in row.distances.values())


def test_days_without_their_hours_are_reported(benchmark: Any, spy: Any) -> None:
    hours = spy.finer["SPY"]
    some = benchmark.rows_of(hours, np.arange(len(hours) // 2))
    market = replace(spy, finer=BarSet([some]))
    row = benchmark.study_ladder(market, benchmark.LADDERS[2], n_bootstrap=50)
    assert 0.2 < row.coarse["n_bars"] / row.coarse["n_bars_lived"] < 0.8
    assert benchmark.table([row]).count("\n") == 2


def test_both_lengths_of_an_adjusted_share_still_make_each_other_up(benchmark: Any, shared_data: Path) -> None:
    factors = pd.read_csv(shared_data / "lean-usa" / "factor-files.csv.gz", dtype={"last_date": str})
    days, hours = (
        benchmark.adjusted(read_bars(shared_data / "lean-usa" / f"AAPL-{k}.parquet")[0], factors)["AAPL"]
        for k in ("1d", "1h")
    )
    highest = pd.Series(hours.high).groupby(hours.time // 86_400_000_000_000).max()
    assert (highest.to_numpy() == days.high).all()
    # Splits of 2, 2, 7 and 4 are gone; the fall of September 2000 was real.
    falls = days.close[1:] / days.close[:-1] - 1
    assert (falls < -0.3).sum() == 1


def test_it_says_why_it_skips(
    benchmark: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["finer_bars.py", "--data", str(tmp_path)])
    benchmark.main()
    assert f"not at {tmp_path}" in capsys.readouterr().out
