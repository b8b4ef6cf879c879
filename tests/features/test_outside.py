"""A benchmark and series of the user's own: known answers, the delay, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from exitladder.arrays import FloatArray
from exitladder.bars.bars import Bars, BarSet
from exitladder.bars.reading import read_bars
from exitladder.errors import FeatureError
from exitladder.features import FeatureSet, feature_matrix, feature_set_of, refuse_other_benchmark, refuse_other_sources
from exitladder.features.outside import Outside
from exitladder.features.stored_set import feature_set_from_mapping, feature_set_to_mapping
from exitladder.settings.tables import DataSettings, FeatureSettings, SeriesSettings, Settings

DAY = 86_400 * 10**9
CROSS = ("beta_60", "correlation_60", "residual_momentum_10_60", "relative_strength_20", "benchmark_roc_20")


def following(market: Bars, beta: float, noise: float, seed: int = 0) -> Bars:
    """Bars whose changes are beta times the market's, and noise."""
    rng = np.random.default_rng(seed)
    moves = np.diff(market.close) / market.close[:-1]
    close = 50 * np.cumprod(np.concatenate([[1.0], 1 + beta * moves + noise * rng.normal(size=len(moves))]))
    return Bars("FOLLOWER", market.interval_ns, market.time, close, close * 1.001, close * 0.999, close)


def settings_with(**features: object) -> Settings:
    return Settings(features=FeatureSettings(**features))  # type: ignore[arg-type]


def column(bars: BarSet, settings: Settings, name: str, symbol: str, side: int = 1) -> FloatArray:
    matrix = feature_matrix(bars, feature_set_of(settings, bars), side)
    k = bars.index(symbol)
    return matrix.column(name)[bars.start[k] : bars.start[k + 1]]


@pytest.fixture
def pair(walk: Callable[..., Bars]) -> BarSet:
    index = walk(400, 3, symbol="INDEX")
    return BarSet([index, following(index, 1.5, 0.004)])


WITH_INDEX = settings_with(names=("cross_asset",), benchmark="INDEX")


def test_beta_correlation_and_residual_are_those_of_numpy(pair: BarSet) -> None:
    x, y = (np.diff(pair[s].close) / pair[s].close[:-1] for s in ("INDEX", "FOLLOWER"))
    t = 333
    slope, shift = np.polyfit(x[t - 60 : t], y[t - 60 : t], 1)
    left = y[t - 60 : t] - slope * x[t - 60 : t] - shift
    momentum = (y - slope * x)[t - 10 : t].sum() / (left.std() * np.sqrt(10))
    for name, want in (
        ("beta_60", slope),
        ("correlation_60", np.corrcoef(x[t - 60 : t], y[t - 60 : t])[0, 1]),
        ("residual_momentum_10_60", momentum),
    ):
        assert column(pair, WITH_INDEX, name, "FOLLOWER")[t] == pytest.approx(want, rel=1e-9)
    assert slope == pytest.approx(1.5, abs=0.3)


def test_the_benchmark_follows_itself(pair: BarSet) -> None:
    for name, want in (("beta_60", 1.0), ("correlation_60", 1.0), ("residual_momentum_10_60", 0.0)):
        values = column(pair, WITH_INDEX, name, "INDEX")
        assert np.isnan(values[:60]).all()
        np.testing.assert_allclose(values[60:], want, atol=1e-12)


def test_a_short_sees_both_mirrored(pair: BarSet) -> None:
    for name, sign in zip(CROSS, (1, 1, -1, -1, -1), strict=True):
        long, short = (column(pair, WITH_INDEX, name, "FOLLOWER", side) for side in (1, -1))
        np.testing.assert_allclose(short, sign * long, rtol=0, atol=1e-12)


def test_a_benchmark_of_longer_bars_is_seen_when_its_bar_has_closed(walk: Callable[..., Bars]) -> None:
    hour = DAY // 24
    hours = walk(24 * 30, 1)
    hours = replace(hours, interval_ns=hour, time=np.arange(24 * 30) * hour)
    days = replace(walk(30, 2, symbol="INDEX"), time=np.arange(30) * DAY)
    bars = BarSet([hours, days])
    roc = column(bars, settings_with(names=("benchmark_roc_24",), benchmark="INDEX"), "benchmark_roc_24", "A")
    # The bar from 23:00 closes with the day; before, the day before is the last one known.
    assert roc[24 * 9 + 23] == pytest.approx(100 * (days.close[9] / days.close[8] - 1))
    assert roc[24 * 9 + 22] == pytest.approx(100 * (days.close[8] / days.close[7] - 1))
    assert np.isnan(roc[:47]).all() and np.isfinite(roc[47:]).all()


def vix_file(folder: Path, frame: pd.DataFrame) -> str:
    path = folder / "vix.csv"
    frame.to_csv(path, index=False)
    return str(path)


def declared(path: str, delay: str = "1d", **more: object) -> Settings:
    series = SeriesSettings("vix", path, "close", delay, **more)  # type: ignore[arg-type]
    return settings_with(names=("series",), series=(series,))


@pytest.mark.parametrize(("delay", "back"), [("0", 0), ("1d", 0), ("2d", 1), ("3d", 2)])
def test_a_value_is_seen_from_its_stamp_plus_the_delay_on(
    walk: Callable[..., Bars], tmp_path: Path, delay: str, back: int
) -> None:
    bars = replace(walk(40), time=np.arange(40) * DAY)
    stamps = pd.to_datetime(bars.time, utc=True, unit="ns")
    path = vix_file(tmp_path, pd.DataFrame({"Date": stamps, "Close": np.arange(40.0)}))
    values = column(BarSet([bars]), declared(path, delay), "series_vix", "A")
    want = np.arange(40.0) + (delay == "0") - back
    want[-1] = min(want[-1], 39.0)
    assert np.array_equal(values[back:], want[back:])
    assert np.isnan(values[:back]).all()


def test_later_rows_of_the_file_change_nothing_before(walk: Callable[..., Bars], tmp_path: Path) -> None:
    bars = BarSet([replace(walk(80), time=np.arange(80) * DAY)])
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"timestamp": pd.to_datetime(bars.time, utc=True), "close": 20 + rng.normal(size=80)})
    features = feature_set_of(declared(vix_file(tmp_path, table)), bars)
    assert features.names == ("series_vix", "series_vix_z_60", "series_vix_change_5")
    before = feature_matrix(bars, features, 1).values
    table.loc[70:, "close"] *= 3
    after = feature_matrix(bars, feature_set_of(declared(vix_file(tmp_path, table)), bars), 1).values
    assert np.array_equal(before[:70], after[:70], equal_nan=True)
    assert (before[70:, :2] != after[70:, :2]).all()


def test_values_by_symbol_the_last_of_one_stamp_and_no_blank(two_symbols: BarSet, tmp_path: Path) -> None:
    path = vix_file(
        tmp_path,
        pd.DataFrame(
            {
                "timestamp": ["1970-01-03", "1970-01-03", "1970-01-05", "1970-01-03"],
                "symbol": ["A", "A", "A", "C"],
                "close": [1.0, 2.0, np.nan, 9.0],
            }
        ),
    )
    of_a, of_b = (column(two_symbols, declared(path, "0"), "series_vix", s) for s in "AB")
    assert np.isnan(of_a[0]) and set(of_a[1:]) == {2.0}
    assert np.isnan(of_b).all()


@pytest.mark.parametrize(("directed", "sign"), [(False, 1.0), (True, -1.0)])
def test_only_a_directed_series_turns_for_a_short(
    walk: Callable[..., Bars], tmp_path: Path, directed: bool, sign: float
) -> None:
    bars = BarSet([walk(20)])
    path = vix_file(tmp_path, pd.DataFrame({"timestamp": ["1960-01-01"], "close": [3.0]}))
    assert set(column(bars, declared(path, directed=directed), "series_vix", "A", -1)) == {sign * 3.0}


def test_all_holds_what_the_settings_declare(pair: BarSet, tmp_path: Path) -> None:
    path = vix_file(tmp_path, pd.DataFrame({"timestamp": ["1970-01-03"], "close": [1.0]}))
    plain = feature_set_of(settings_with(names=("all",)), pair).names
    rich = feature_set_of(
        settings_with(names=("all",), benchmark="INDEX", series=declared(path).features.series), pair
    ).names
    assert set(rich) - set(plain) >= {*CROSS, "series_vix"}
    assert not {*CROSS, "series_vix"} & set(plain)


def test_refusals(pair: BarSet, tmp_path: Path) -> None:
    path = vix_file(tmp_path, pd.DataFrame({"timestamp": ["1970-01-03"], "price": [1.0]}))
    for settings, message in (
        (settings_with(benchmark="INDX"), "neither. Did you mean 'INDEX'"),
        (declared(path), "must have a column 'close', but .* has timestamp, price"),
    ):
        with pytest.raises(FeatureError, match=message):
            feature_set_of(settings, pair)
    with pytest.raises(FeatureError, match=r"beta_60 must have a benchmark.*features\.benchmark"):
        feature_matrix(pair, FeatureSet.from_names(["beta_60"]), 1)
    with pytest.raises(FeatureError, match=r"vix is not. Add a table \[\[features.series\]\]"):
        feature_matrix(pair, FeatureSet.from_names(["series_vix_z_20"]), 1)


def test_a_model_refuses_another_benchmark_or_series_and_says_which(pair: BarSet, tmp_path: Path) -> None:
    path = vix_file(tmp_path, pd.DataFrame({"timestamp": ["1970-01-03"], "close": [1.0]}))
    own = settings_with(names=("beta_60", "series_vix"), benchmark="INDEX", series=declared(path).features.series)
    stored = feature_set_to_mapping(feature_set_of(own, pair))
    assert feature_set_from_mapping(stored).names == ("beta_60", "series_vix")
    refuse_other_sources(stored, own.features)
    moved = (replace(own.features.series[0], path="elsewhere.csv"),)
    refuse_other_sources(stored, replace(own.features, series=moved, benchmark="data/INDEX-1d.parquet"))
    later = (replace(own.features.series[0], delay="2d"),)
    for changed, message in (
        (replace(own.features, benchmark=""), "trained with the benchmark 'INDEX', but features.benchmark is not set"),
        (replace(own.features, benchmark="OTHER"), "but features.benchmark is 'OTHER'"),
        (replace(own.features, series=()), "series 'vix' .column 'close', delay 1d.*declare no series"),
        (replace(own.features, series=later), "delay 1d of the series 'vix', but the settings declare 2d"),
    ):
        with pytest.raises(FeatureError, match=message):
            refuse_other_sources(stored, changed)
    plain = feature_set_to_mapping(feature_set_of(settings_with(names=("rsi_14",)), pair))
    refuse_other_sources(plain, own.features)


def test_a_model_refuses_longer_bars_of_its_benchmark(pair: BarSet) -> None:
    stored = feature_set_to_mapping(feature_set_of(settings_with(names=("beta_60",), benchmark="INDEX"), pair))
    refuse_other_benchmark(stored, Outside("INDEX", benchmark_interval="1d"))
    with pytest.raises(FeatureError, match="1d bars of the benchmark 'INDEX', but these are 1w bars"):
        refuse_other_benchmark(stored, Outside("INDEX", benchmark_interval="1w"))


def test_a_model_refuses_another_clock_where_it_read_one(pair: BarSet) -> None:
    there = settings_with(names=("time_of_day",), exchange_tz="America/New_York")
    stored = feature_set_to_mapping(feature_set_of(there, pair))
    assert feature_set_from_mapping(stored).outside.exchange_tz == "America/New_York"
    refuse_other_sources(stored, there.features)
    with pytest.raises(FeatureError, match=r"trained on the clock of 'America/New_York', but .*exchange_tz is 'UTC'"):
        refuse_other_sources(stored, replace(there.features, exchange_tz="UTC"))
    blind = feature_set_to_mapping(feature_set_of(settings_with(names=("rsi_14",), exchange_tz="Asia/Tokyo"), pair))
    refuse_other_sources(blind, there.features)
    with pytest.raises(FeatureError, match="Did you mean 'America/New_York'"):
        feature_set_of(settings_with(exchange_tz="America/NewYork"), pair)


def test_real_shares_against_the_index_and_its_volatility(shared_data: Path) -> None:
    bars, _ = read_bars(shared_data / "lean-usa" / "AAPL-1d.parquet")
    bars = BarSet([bars["AAPL"]])
    settings = settings_with(
        names=("beta_250", "correlation_250", "series_vix"),
        benchmark=str(shared_data / "lean-usa" / "SPY-1d.parquet"),
        series=(SeriesSettings("vix", str(shared_data / "cboe" / "VIX-1d.parquet"), "close", "1d"),),
    )
    frame = pd.DataFrame(
        feature_matrix(bars, feature_set_of(settings, bars), 1).values,
        columns=list(settings.features.names),
        index=pd.to_datetime(bars.time, utc=True),
    )
    calm = frame.loc["2012":"2013"].median()
    assert 0.5 < calm["beta_250"] < 1.6 and 0.2 < calm["correlation_250"] < 0.9
    vix = pd.read_parquet(shared_data / "cboe" / "VIX-1d.parquet").set_index("timestamp")["close"]
    day = pd.Timestamp("2008-10-10", tz="UTC")
    assert frame.loc[day, "series_vix"] == vix[day] == pytest.approx(69.95)


def test_a_series_is_read_by_the_conventions_of_bars(walk: Callable[..., Bars], tmp_path: Path) -> None:
    bars = BarSet([replace(walk(40), time=np.arange(40) * DAY)])
    path = tmp_path / "vix.csv"
    path.write_text("Date;Close\n02.01.1970;1.201,5\n03.01.1970;1.202,25\n")
    values = column(bars, declared(str(path), "0"), "series_vix", "A")
    assert values[:3].tolist() == [1201.5, 1202.25, 1202.25]
    # 05/01 and 06/01 leave the order open
    path.write_text("Date,Close\n05/01/1970,1\n06/01/1970,2\n")
    with pytest.raises(FeatureError, match="dayfirst"):
        feature_set_of(declared(str(path), "0"), bars)
    day_first = replace(declared(str(path), "0"), data=DataSettings(dayfirst=True))
    assert column(bars, day_first, "series_vix", "A")[3:6].tolist() == [1.0, 2.0, 2.0]


def test_a_benchmark_file_is_read_by_the_conventions_of_bars(pair: BarSet, tmp_path: Path) -> None:
    path = tmp_path / "DAX.csv"
    days = pd.date_range("1970-02-01", periods=12)
    rows = [f"{day:%d/%m/%Y};1.000,5;1.009,5;999,5;1.00{k % 8},25" for k, day in enumerate(days)]
    path.write_text("\n".join(["Date;Open;High;Low;Close", *rows]))
    own = replace(settings_with(names=("benchmark_roc_20",), benchmark=str(path)), data=DataSettings(dayfirst=True))
    outside = feature_set_of(own, pair).outside
    assert outside.closes is not None
    assert pd.Timestamp(int(outside.closes.known[0])) == pd.Timestamp("1970-02-02")
    assert outside.closes.value[:2].tolist() == [1000.25, 1001.25]
