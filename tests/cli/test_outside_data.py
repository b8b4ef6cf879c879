"""A model that sees a benchmark and series of the user's own, by commands alone: the same again, or refused."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result

from exitladder.bars.bars import BarSet
from exitladder.bars.reading import read_bars
from exitladder.bars.writing import write_bars
from exitladder.cli import main
from exitladder.features import feature_set_of, row_matrix
from exitladder.features.stored_set import feature_set_from_mapping
from exitladder.models.exhaustion.file import load_model
from exitladder.pipelines.inputs.prepare import prepare
from exitladder.pipelines.tracking.models import resolve_model
from exitladder.settings.loading import load_settings
from exitladder.trades.files import read_trades

SETTINGS = """
[project]
name = "outside"
threads = 1
[model]
n_estimators = 10
combine = "forest"  # a model that speaks, on little data
[labels]
max_bars = 40
[validation]
n_bootstrap = 100
n_folds = 2
[search]
time_bars = [5, 30]
[features]
names = ["rsi_14", "bb_pctb_20", "open_r", "mfe_r", "day_of_week", "beta_60", "residual_momentum_10_60", "series"]
benchmark = "IBM"
exchange_tz = "America/New_York"
[tracking]
store = "{store}"
[[features.series]]
name = "vix"
path = "{vix}"
column = "close"
delay = "1d"
[[features.series]]
name = "flow"
path = "{flow}"
column = "net"
delay = "2d"
directed = true
"""
LADDER = """
name = "word"
[[rungs]]
fraction = 0.5
target = "1R"
[[rungs]]
fraction = 0.5
when = ["exhaustion >= 0.6", "open_r >= 0.5", "series_vix_z_60 >= -1"]
[stop]
trail = "3ATR"
time = 40
"""
ASOF = "2008-06-02"
COLUMNS = ("beta_60", "residual_momentum_10_60", "series_vix", "series_vix_z_60", "series_flow", "day_of_week")


@dataclass(frozen=True)
class Project:
    """A folder with bars, trades, series, settings and a model trained on them."""

    folder: Path
    text: str
    model: str

    def score(self, text: str, *more: str) -> Result:
        """Score with other settings."""
        path = self.folder / "score.toml"
        path.write_text(text)
        args = ["score", "--bars", "bars", "--trades", "trades.csv", "--ladder", "ladder.toml", "--model", self.model]
        return invoke(self.folder, *args, "--asof", ASOF, "--settings", str(path), "--format", "json", *more)

    def advice(self, text: str) -> Any:
        result = self.score(text)
        assert result.exit_code == 0, result.stderr
        return json.loads(result.stdout)


def invoke(folder: Path, *args: str) -> Result:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        return CliRunner().invoke(main, list(args))


@pytest.fixture(scope="module")
def vix(request: pytest.FixtureRequest) -> pd.DataFrame:
    """The real index volatility; made up where the real market data is not at hand."""
    try:
        return pd.read_parquet(request.getfixturevalue("shared_data") / "cboe" / "VIX-1d.parquet")
    except pytest.skip.Exception:
        days = pd.date_range("1999-01-01", "2013-12-31", freq="D", tz="UTC")
        return pd.DataFrame({"timestamp": days, "close": 20 + 8 * np.sin(np.arange(len(days)) / 40.0)})


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, sample: Path, vix: pd.DataFrame) -> Project:
    folder = tmp_path_factory.mktemp("outside")
    bars = read_bars(sample)[0]
    write_bars(BarSet([bars["IBM"], bars["MSFT"]]), folder / "bars")
    vix.to_csv(folder / "vix.csv", index=False)
    stamps = pd.to_datetime(bars["IBM"].time, utc=True, unit="ns")
    rng = np.random.default_rng(0)
    flows = [pd.DataFrame({"date": stamps, "symbol": s, "net": rng.normal(size=len(stamps))}) for s in ("IBM", "MSFT")]
    pd.concat(flows).to_csv(folder / "flow.csv", index=False)
    text = SETTINGS.format(store=(folder / "mlruns").as_posix(), vix="vix.csv", flow="flow.csv")
    (folder / "exitladder.toml").write_text(text)
    (folder / "ladder.toml").write_text(LADDER)
    assert invoke(folder, "trades", "make", "--bars", "bars", "--out", "trades.csv").exit_code == 0
    args = ("--bars", "bars", "--trades", "trades.csv", "--settings", "exitladder.toml")
    result = invoke(folder, "train", *args, "--format", "json")
    assert result.exit_code == 0, result.stderr
    return Project(folder, text, json.loads(result.stdout)["model"])


def expected_word(project: Project, monkeypatch: pytest.MonkeyPatch) -> dict[str, float]:
    """Exhaustion of each trade open then, by hand: features of the settings, the model's word at the last row."""
    monkeypatch.chdir(project.folder)
    settings = load_settings("exitladder.toml")
    moment = (pd.Timestamp(ASOF, tz="UTC") + pd.Timedelta(days=1)).value
    bars = read_bars(project.folder / "bars")[0].until(moment)
    trades = read_trades(project.folder / "trades.csv")
    model = load_model(resolve_model(project.model, Path(settings.tracking.store)))
    prepared = prepare(bars, trades.take(trades.entry_time < moment), settings, max_bars=10_000)
    last = prepared.rows.start[1:] - 1
    matrix = row_matrix(prepared.placed, prepared.rows, feature_set_of(settings, bars), select=last)
    assert set(COLUMNS) <= set(matrix.names)
    assert np.isfinite(matrix.values[:, [matrix.names.index(c) for c in COLUMNS]]).all(axis=1).mean() > 0.9
    when = prepared.placed.bars.close_time[prepared.rows.bar_of(last)]
    exhaustion = model.predict(matrix.values, when).exhaustion
    return dict(zip(prepared.placed.trades.trade_id, exhaustion, strict=True))


def test_score_computes_the_features_that_training_did(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    advice = project.advice(project.text)
    want = expected_word(project, monkeypatch)
    assert len(advice) > 3
    for row in advice:
        assert row["exhaustion"] == pytest.approx(want[row["trade_id"]], abs=1e-12)


def test_the_model_keeps_what_it_needs_from_outside(project: Project) -> None:
    folder = resolve_model(project.model, project.folder / "mlruns")
    kept = json.loads((folder / "model.json").read_text())["context"]
    assert kept["intervals"] == ["1d"]
    assert kept["features"]["benchmark"] == "IBM"
    assert kept["features"]["exchange_tz"] == "America/New_York"
    assert kept["features"]["series"]["flow"] == {
        "column": "net", "delay_ns": 2 * 86_400 * 10**9, "is_directed": True,
    }  # fmt: skip
    assert feature_set_from_mapping(kept["features"]).names == tuple(kept["features"]["names"])


def test_names_in_the_settings_do_not_matter_to_score(project: Project) -> None:
    """What is computed is the model's affair; the settings only say where outside data lie."""
    other = project.text.replace('names = ["rsi_14"', 'names = ["roc_10", "rsi_14"')
    assert project.advice(other) == project.advice(project.text)


def test_later_rows_of_a_series_change_no_advice(project: Project) -> None:
    before = project.advice(project.text)
    table = pd.read_csv(project.folder / "vix.csv")
    late = pd.to_datetime(table["timestamp"], utc=True) >= pd.Timestamp(ASOF, tz="UTC")
    unknown, known = (project.folder / name for name in ("unknown.csv", "known.csv"))
    table.assign(close=table["close"].mask(late.shift(1, fill_value=False), 99.0)).to_csv(unknown, index=False)
    table.assign(close=table["close"].mask(~late, 99.0)).to_csv(known, index=False)
    assert project.advice(project.text.replace("vix.csv", "unknown.csv")) == before
    assert project.advice(project.text.replace("vix.csv", "known.csv")) != before


def test_a_series_that_ended_long_ago_is_warned_of(project: Project) -> None:
    table = pd.read_csv(project.folder / "vix.csv")
    ended = table[pd.to_datetime(table["timestamp"], utc=True) < pd.Timestamp("2008-05-02", tz="UTC")]
    ended.to_csv(project.folder / "ended.csv", index=False)
    result = project.score(project.text.replace("vix.csv", "ended.csv"))
    assert result.exit_code == 0, result.stderr
    assert "warning: The series 'vix' is known up to 2008-05-0" in result.stderr and "Update its file" in result.stderr
    assert "warning: The series" not in project.score(project.text).stderr


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('benchmark = "IBM"', "", "trained with the benchmark 'IBM', but features.benchmark is not set"),
        ('benchmark = "IBM"', 'benchmark = "MSFT"', "benchmark 'IBM', but features.benchmark is 'MSFT'"),
        ('tz = "America/New_York"', 'tz = "UTC"', "clock of 'America/New_York', but features.exchange_tz is 'UTC'"),
        ('delay = "1d"', 'delay = "0"', "delay 1d of the series 'vix', but the settings declare 0s"),
        ("directed = true", "", "directed True of the series 'flow', but the settings declare False"),
        ('name = "vix"', 'name = "vox"', "series 'vix' (column 'close', delay 1d), but the settings declare no series"),
        ('path = "vix.csv"', 'path = "gone.csv"', "gone.csv"),
        ('column = "net"', 'column = "nett"', "column 'net' of the series 'flow', but the settings declare 'nett'"),
    ],
)  # fmt: skip
def test_score_refuses_what_is_missing_or_declared_otherwise(
    project: Project, old: str, new: str, message: str
) -> None:
    assert old in project.text
    result = project.score(project.text.replace(old, new))
    assert result.exit_code == 1
    assert message in " ".join(result.stderr.split()), result.stderr
    assert "Traceback" not in result.stderr


def test_score_without_settings_says_what_the_model_needs(project: Project) -> None:
    result = project.score("[tracking]\nstore = '" + (project.folder / "mlruns").as_posix() + "'\n")
    assert result.exit_code == 1 and "trained with the benchmark 'IBM'" in result.stderr


def test_bars_of_another_interval_are_refused(project: Project) -> None:
    result = invoke(project.folder, "bars", "resample", "--bars", "bars", "--to", "1w", "--out", "weeks")
    assert result.exit_code == 0, result.stderr
    (weeks,) = (project.folder / "weeks").glob("IBM*")
    other = project.score(project.text.replace('benchmark = "IBM"', f'benchmark = "{weeks.as_posix()}"'))
    assert other.exit_code == 1
    assert "trained with 1d bars of the benchmark 'IBM', but these are 1w bars" in " ".join(other.stderr.split())
    args = ["score", "--bars", "weeks", "--trades", "trades.csv", "--ladder", "ladder.toml", "--model", project.model]
    result = invoke(project.folder, *args, "--asof", ASOF, "--settings", "exitladder.toml")
    assert result.exit_code == 1 and "trained on bars of 1d, but these are of 1w" in " ".join(result.stderr.split())
