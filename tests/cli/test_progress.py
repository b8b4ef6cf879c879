"""Which stages each command reports, part by part, and that --quiet reports none."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import Result

from exitladder.sample import load_sample_bars

Run = Callable[..., Result]

SMALL = (
    *("--set", "model.n_estimators=15", "--set", "validation.n_folds=3", "--set", "validation.n_test_parts=3"),
    *("--set", "labels.max_bars=60", "--set", "search.time_bars=[10, 60]"),
)
QUICK = ("--set", "validation.n_bootstrap=200", "--set", "project.threads=1")


class Told:
    """Progress that remembers stages in order of their beginning: name, parts and parts done."""

    def __init__(self) -> None:
        self.stages: list[list[object]] = []

    @contextmanager
    def stage(self, name: str, total: int) -> Iterator[Callable[[int], None]]:
        entry: list[object] = [name, total, 0]
        self.stages.append(entry)

        def advance(steps: int) -> None:
            entry[2] = int(str(entry[2])) + steps

        yield advance
        if total > 1:
            assert entry[2] == total, f"{name}: {entry[2]} of {total} parts were reported"

    def taken(self) -> dict[str, object]:
        """Return the stages told since the last call, with the number of their parts."""
        found = {str(name): total for name, total, _ in self.stages}
        self.stages.clear()
        return found


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Told:
    """Stands in for the display."""
    display = Told()
    monkeypatch.setattr("exitladder.cli.stages.stages_on", lambda stream: display)
    return display


@pytest.fixture
def book(tmp_path: Path) -> list[str]:
    """Bars of two symbols in two files, and a ladder; the trades are made by the test."""
    bars = load_sample_bars()[0]
    (tmp_path / "bars").mkdir()
    for symbol in ("FB", "MSFT"):
        bars[symbol].to_frame().tail(700).to_parquet(tmp_path / "bars" / f"{symbol}.parquet")
    (tmp_path / "ladder.toml").write_text(
        'name = "two rungs"\nrungs = [{fraction = 0.25, target = "1R"}, {fraction = 0.25, target = "2R"}]\n'
        'stop = {initial = "2ATR", time = 40}\n'
    )
    return ["--bars", "bars", "--trades", "trades.csv", *QUICK]


def _done(result: Result) -> Result:
    assert result.exit_code == 0, result.output
    return result


BACKTEST = {
    "reading bars": 2,
    "reading trades": 1,
    "checking trades": 2,
    "placing trades": 3,
    "simulating trades": 1,
    "prices after exits": 2,
    "intrabar policies": 4,
    "simulating other exits": 1,
    "comparing exits": 1,
    "summary": 4,
    "summary of other exits": 1,
    "summary after exits": 1,
    "measuring exits": 2,
    "intervals of exits": 2,
    "writing files": 6,
}


@pytest.mark.slow
def test_the_stages_of_the_commands_that_read_and_simulate(run: Run, told: Told, book: list[str]) -> None:
    _done(run("bars", "check", "bars"))
    assert told.taken() == {"reading bars": 2}
    _done(run("bars", "adjust", "bars", "--out", "one.parquet"))
    assert told.taken() == {"reading bars": 2, "writing bars": 1}
    _done(run("bars", "resample", "one.parquet", "--to", "1w", "--out", "weeks"))
    assert told.taken() == {"reading bars": 1, "checking symbols": 2, "resampling bars": 2, "writing files": 2}
    _done(run("trades", "make", "--bars", "bars", "--out", "trades.csv"))
    assert told.taken() == {"reading bars": 2, "making trades": 2}
    _done(run("backtest", *book, "--ladder", "ladder.toml", "--out", "one"))
    assert told.taken() == BACKTEST
    shutil.copytree("one", "two")
    _done(run("compare", "one", "two"))
    assert told.taken() == {"reading runs": 2, "comparing runs": 1}
    _done(run("report", "one", "--out", "one.html"))
    assert told.taken() == {"page": 1}


def test_quiet_reports_nothing(run: Run, told: Told, book: list[str]) -> None:
    _done(run("trades", "make", "--bars", "bars", "--out", "trades.csv", "--quiet"))
    result = _done(run("backtest", *book, "--ladder", "ladder.toml", "--out", "one", "--quiet"))
    assert told.taken() == {} and result.stderr == ""


@pytest.mark.slow
def test_the_stages_of_training_tuning_and_scoring(run: Run, told: Told, book: list[str]) -> None:
    _done(run("trades", "make", "--bars", "bars", "--out", "trades.csv"))
    told.taken()
    _done(run("train", *book, *SMALL))
    found = told.taken()
    read = ["reading trades", "reading bars", "checking trades", "placing trades"]
    assert list(found) == [
        *read,
        "labels and features",
        "training stages",
        "predictions",
        "evaluating the model",
        "model card and registry",
    ]
    assert found["training stages"] == 4
    _done(run("tune", *book, *SMALL, "--trials", "20", "--out", "tuned"))
    found = told.taken()
    assert list(found) == [
        *read,
        "features",
        "tuning",
        "baselines",
        "searching ladders",
        "simulating exits",
        "comparing exits",
        "recommendation",
        "diagnostics",
        "files and page",
    ]
    assert found["tuning"] == 2
    _done(run("score", *book, "--ladder", "ladder.toml", "--out", "advice.html"))
    assert list(told.taken()) == [*read, "scoring open trades", "drift", "writing advice"]
