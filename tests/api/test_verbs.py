"""The functions of ``import exitladder`` take what people have: tables, paths, texts; and say what is wrong."""

from __future__ import annotations

import ast
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import exitladder
from exitladder.bars.bars import BarSet
from exitladder.errors import BarsError, InputTypeError, LadderError, SettingsError
from exitladder.trades.trades import Trades

LADDER = {"name": "half", "rungs": [{"fraction": 0.5, "target": "1R"}], "stop": {"time": 40}}
QUIET = {"tracking": {"enabled": False}, "validation": {"n_bootstrap": 100}}


@pytest.fixture(scope="module")
def bars() -> BarSet:
    """Two symbols of the sample."""
    sample, _ = exitladder.load_sample_bars()
    return BarSet([sample["FB"], sample["AAPL"].head(900)])


@pytest.fixture(scope="module")
def trades(bars: BarSet) -> Trades:
    """Their breakouts."""
    return exitladder.make_trades(bars, "donchian")


@pytest.fixture(scope="module")
def fb(bars: BarSet) -> pd.DataFrame:
    """Bars as a data provider gives them: stamps as index, no symbol."""
    return bars["FB"].to_frame().set_index("timestamp")


@pytest.fixture(scope="module")
def half(bars: BarSet, trades: Trades) -> Any:
    """A backtest without tracking."""
    return exitladder.backtest(bars, trades, LADDER, QUIET)


def test_tables_paths_and_own_types_give_the_same_trades(
    bars: BarSet, trades: Trades, half: Any, tmp_path: Path
) -> None:
    tables = {name: bars[name].to_frame().set_index("timestamp") for name in bars}
    bars.to_frame().to_parquet(tmp_path / "bars.parquet")
    trades.to_frame().to_csv(tmp_path / "trades.csv", index=False)
    (tmp_path / "ladder.toml").write_text('name = "half"\nrungs = [{fraction = 0.5, target = "1R"}]\nstop.time = 40\n')
    (tmp_path / "own.toml").write_text("tracking.enabled = false\nvalidation.n_bootstrap = 100\n")
    found = [
        exitladder.backtest(bars.to_frame(), trades.to_frame(), LADDER, QUIET),
        exitladder.backtest(tables, trades.to_frame(), exitladder.ladder_from_mapping(LADDER), QUIET),
        exitladder.backtest(
            tmp_path / "bars.parquet", str(tmp_path / "trades.csv"), tmp_path / "ladder.toml", tmp_path / "own.toml"
        ),
    ]
    for one in found:
        pd.testing.assert_frame_equal(one.trades, half.trades)


def test_bars_without_a_symbol_are_those_of_the_trades(fb: pd.DataFrame, trades: Trades, half: Any) -> None:
    own = trades.to_frame().query("symbol == 'FB'")
    alone = exitladder.backtest(fb, own, LADDER, QUIET).trades
    together = half.trades.query("symbol == 'FB'").reset_index(drop=True)
    assert alone["r"].tolist() == together["r"].tolist()
    with pytest.raises(BarsError, match=r"must have a column 'symbol'.*AAPL, FB.*bars=\{'AAPL': table"):
        exitladder.backtest(fb, trades.to_frame(), LADDER, QUIET)


def test_results_show_themselves(bars: BarSet, trades: Trades, half: Any) -> None:
    for thing, words in (
        (bars, "BarSet: 2 symbols (AAPL, FB), 1,096 bars of 1d"),
        (trades, f"Trades: {len(trades)} trades in 2 symbols"),
        (half, f"BacktestResult: half, {len(half.trades)} trades, "),
    ):
        assert repr(thing).startswith(words)
        assert max(map(len, repr(thing).splitlines())) <= 100
        html = thing._repr_html_()
        assert words.partition(":")[2].strip().split(",")[0] in html and "<table" in html
        assert len(thing.to_frame()) > 5
    assert bars.head(2)["symbol"].tolist() == ["AAPL", "AAPL", "FB", "FB"]
    again, _ = exitladder.read_bars(bars.to_frame())
    assert again.fingerprint() == bars.fingerprint()


def test_text_from_data_is_no_html() -> None:
    table = pd.DataFrame({"Open": [1.0], "High": [1.0], "Low": [1.0], "Close": [1.0]}, index=pd.DatetimeIndex(["2024"]))
    found, _ = exitladder.read_bars(table, symbol="<script>x</script>")
    assert "<script" not in found._repr_html_()


def test_results_are_compared_by_name(bars: BarSet, trades: Trades, half: Any, tmp_path: Path) -> None:
    late = {**LADDER, "name": "late", "rungs": [{"fraction": 0.5, "target": "3R"}]}
    other = exitladder.backtest(bars, trades, late, QUIET)
    found = exitladder.compare([half, other], QUIET)
    assert (found["baseline"], list(found["sources"])) == ("half", ["half", "late"])
    r = half.trades.set_index("trade_id")["r"], other.trades.set_index("trade_id")["r"]
    assert found["pairs"][0]["difference_r"] == pytest.approx((r[1] - r[0]).mean())
    row = found.to_frame().iloc[0]
    assert (row["source"], row["against"]) == ("late", "half")
    assert str(tmp_path.anchor + "tmp") not in repr(found) and "late" in repr(found)
    assert {"expectancy_r"} <= set(found.measures()["measure"])
    assert "<html" in found.write(tmp_path / "page.html").read_text()
    twice = exitladder.compare({"a": half, "b": other}, QUIET)
    assert twice["pairs"][0]["against"] == "a"
    # the same numbers from ladders on the same bars and trades
    ladders = exitladder.compare([exitladder.ladder_from_mapping(one) for one in (LADDER, late)], QUIET,
                                 bars=bars.to_frame(), trades=trades)  # fmt: skip
    assert ladders["pairs"][0]["difference_r"] == pytest.approx(found["pairs"][0]["difference_r"])


def test_score_takes_a_date_a_moment_and_a_number(fb: pd.DataFrame, trades: Trades) -> None:
    own = trades.to_frame().query("symbol == 'FB'")
    by_date = exitladder.score(fb, own, LADDER, settings=QUIET, asof="2013-01-16")
    moments: list[Any] = [
        pd.Timestamp("2013-01-17", tz="UTC"),
        pd.Timestamp("2013-01-16").date(),
        "2013-01-17T00:00Z",
        pd.Timestamp("2013-01-17", tz="UTC").value,
        np.datetime64("2013-01-17T00:00:00"),
    ]
    for asof in moments:
        other = exitladder.score(fb, own, LADDER, settings=QUIET, asof=asof)
        pd.testing.assert_frame_equal(other.frame, by_date.frame)
    assert repr(by_date).startswith(f"ScoreResult: {len(by_date.frame)} open trades")
    with pytest.raises(SettingsError, match="asof must be a moment such as"):
        exitladder.score(fb, own, LADDER, settings=QUIET, asof="yesterday")


def test_a_faulty_open_trade_is_named_beside_the_others(fb: pd.DataFrame, trades: Trades) -> None:
    own = trades.to_frame().query("symbol == 'FB'").reset_index(drop=True)
    own.loc[0, "quantity"] = -1
    found = exitladder.score(fb, own, LADDER, settings=QUIET, asof="2013-03-01").frame.set_index("trade_id")
    assert found["urgency"][str(own["trade_id"][0])] == "ask"
    assert len(found) == len(own)


def test_features_by_name_and_side(fb: pd.DataFrame, bars: BarSet) -> None:
    long = exitladder.features_frame(fb, ["rsi_14"])
    short = exitladder.features_frame(bars, "rsi_14", "short").query("symbol == 'FB'").reset_index(drop=True)
    assert list(long.columns) == ["symbol", "timestamp", "rsi_14"]
    known = long["rsi_14"].notna()
    assert known.sum() > 100
    np.testing.assert_allclose(long["rsi_14"][known] + short["rsi_14"][known], 100.0, rtol=1e-5)


# Called with arguments of types that a type checker refuses.
UNTYPED: Any = exitladder
WRONG: list[tuple[Callable[[Any, Any], object], type[Exception], str]] = [
    (lambda b, t: UNTYPED.train(5, t), InputTypeError, "bars must be a DataFrame.* of type int.*bars='data/'"),
    (lambda b, t: UNTYPED.train(b, [1]), InputTypeError, "trades must be a DataFrame.*list.*trades='trades.csv'"),
    (lambda b, t: UNTYPED.train(b, t, 3), InputTypeError, "settings must be None, a path.*'n_trials'"),
    (lambda b, t: UNTYPED.train((b, None), t), InputTypeError, "write bars, report = exitladder.read_bars"),
    (lambda b, t: UNTYPED.tune(b, t, ladder=4), InputTypeError, r"ladder must be a path.*'fraction': 0\.5"),
    (lambda b, t: UNTYPED.tune(b, t, model=4), InputTypeError, "model must be a reference.*model=result"),
    (lambda b, t: UNTYPED.backtest(b, t), LadderError, "needs a ladder or a walk-forward's folder, but none is"),
    (lambda b, t: UNTYPED.backtest(b, t, LADDER, walk_forward="x"), LadderError, "but both are given"),
    (lambda b, t: UNTYPED.compare("run"), InputTypeError, r"sources must be a list.*compare\(\[result, other\]\)"),
    (lambda b, t: UNTYPED.compare([b, t]), InputTypeError, "Every source must be a run id.*BarSet"),
    (lambda b, t: UNTYPED.score(b, t, LADDER, asof=3.5), InputTypeError, "asof must be a text.*2024-01-31"),
    (
        lambda b, t: UNTYPED.train({"A": pd.DataFrame({"timestamp": ["2024-01-02"], "symbol": ["B"]})}, t),
        BarsError, "must hold bars of A only, but its column 'symbol' has 'B'",
    ),
    (lambda b, t: UNTYPED.features_frame(b, 5), InputTypeError, r"features must be a name or a list"),
    (lambda b, t: UNTYPED.report(3, "x.html"), InputTypeError, "source must be a run id"),
    (lambda b, t: UNTYPED.Ladder(rungs=({"fraction": 0.5},)), LadderError, r"rungs\[1\] must be of type Rung.*dict"),
    (lambda b, t: UNTYPED.Settings(model=5), SettingsError, "model must be a table, but is 5"),
    (lambda b, t: UNTYPED.Settings(model={"trees": 5}), SettingsError, "trees"),
    (lambda b, t: UNTYPED.train(b, t, {"tuning": {"trials": 5}}), SettingsError, "n_trials"),
]  # fmt: skip


@pytest.mark.parametrize("k", range(len(WRONG)))
def test_what_is_wrong_is_said_with_its_cure(k: int, bars: BarSet, trades: Trades) -> None:
    call, kind, words = WRONG[k]
    with pytest.raises(kind, match=f"(?s){words}"):
        call(bars, trades)
    if kind is InputTypeError:
        with pytest.raises(TypeError):
            call(bars, trades)


def test_settings_take_mappings() -> None:
    assert exitladder.Settings(model={"n_estimators": 5}).model.n_estimators == 5  # type: ignore[arg-type]


@pytest.mark.slow
def test_a_model_trained_and_used_without_tracking(bars: BarSet, trades: Trades, tmp_path: Path) -> None:
    few = {"n_estimators": 5, "ensemble": 1, "patience": 0}
    quick = {**QUIET, "model": few, "validation": {"n_folds": 2, "n_bootstrap": 100}}
    trained = exitladder.train(bars.to_frame(), trades.to_frame(), quick)
    assert repr(trained).startswith("TrainResult: a model that is not recorded")
    assert trained.to_frame()["predictor"].tolist()[0] == "model"
    reads = {**LADDER, "rungs": [{"fraction": "rest", "when": "exhaustion > 0.6"}]}
    result = exitladder.backtest(bars, trades, reads, QUIET, model=trained, out=tmp_path / "result")
    assert (tmp_path / "result" / "trades.csv").is_file()
    assert len(result.trades) == len(trades)


def test_types_for_editors_name_what_is_there() -> None:
    """The names in the stub are those that are loaded at first use."""
    stub = Path(str(exitladder.__file__)).with_suffix(".pyi").read_text(encoding="utf-8")
    nodes = [node for node in ast.parse(stub).body if isinstance(node, ast.ImportFrom)]
    assert {(alias.name, node.module) for node in nodes for alias in node.names} == set(exitladder._HOMES.items())
