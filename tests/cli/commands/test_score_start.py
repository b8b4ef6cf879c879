"""The start of `score`: a few trades without a model are followed in plain Python, which starts no compiler."""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from click.testing import Result

from exitladder.runtime import interpreting

COMMAND = shlex.split(
    "score --bars ONE-1d.csv --trades one.csv --ladder one.toml --asof 2024-12-01 --since-entry --assume followed "
    "--set tracking.enabled=false --format csv --quiet"
)
CODE = """
import sys
sys.argv[1:] = {command!r}
from exitladder.cli import main
main(standalone_mode=False)
print(sorted({{'numba', 'lightgbm', 'sklearn', 'scipy', 'mlflow'}} & set(sys.modules)))
"""


def write_files(folder: Path) -> None:
    close = 100 + np.cumsum(np.random.default_rng(4).normal(0, 1, 120))
    stamps = pd.date_range("2023-01-02", periods=120, freq="D")
    frame = pd.DataFrame({"timestamp": stamps, "open": close, "high": close + 1, "low": close - 1, "close": close})
    frame.to_csv(folder / "ONE-1d.csv", index=False)
    trades = [
        f"T{k},ONE,{side},{stamps[k]:%Y-%m-%d},{float(close[k])!r},100,,"
        for k, side in ((60, "long"), (80, "short"), (110, "long"))
    ]
    head = "trade_id,symbol,side,entry_time,entry_price,quantity,stop_price,quantity_open"
    (folder / "one.csv").write_text("\n".join([head, *trades]) + "\n")
    (folder / "one.toml").write_text(
        'rungs = [{fraction = 0.3, target = "1R"}, {fraction = 0.3, when = ["open_r >= 0.5", "bars_held >= 4"]}]\n'
        'stop = {initial = "5ATR", breakeven_after = 1, trail = "4ATR"}\n'
    )


def test_few_trades_start_no_compiler_and_get_the_same_advice(
    tmp_path: Path, environment: dict[str, str], run: Callable[..., Result]
) -> None:
    write_files(tmp_path)
    code = CODE.format(command=COMMAND)
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    *advice, loaded = done.stdout.splitlines()
    assert loaded == "[]"
    assert advice == run(*COMMAND).stdout.splitlines() and len(advice) == 4
    assert not interpreting.is_interpreted()


def test_what_is_read_before_the_choice_starts_no_engine(environment: dict[str, str]) -> None:
    """The texts of advice, and why a trade cannot be scored, are read before the trades say whether to compile."""
    code = (
        "import sys; import exitladder.pipelines.advice.scorable, exitladder.pipelines.advice.adds.words; "
        "print(sorted({'numba', 'exitladder.execution.kernel', 'exitladder.runtime.compiling'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_more_work_and_later_choices_are_left_to_compiled_code(environment: dict[str, str]) -> None:
    code = (
        "from exitladder.runtime import interpreting as i; print(i.interpret_if_small(1)); i.permit(); "
        "print(i.interpret_if_small(i.MOST_STEPS + 1)); print(i.interpret_if_small(1))"
    )
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False", "True"]


def test_an_earlier_output_that_does_not_exist_is_a_warning(run: Callable[..., Result], tmp_path: Path) -> None:
    """The first evening of a job with a fixed path works; on a later one the path may be wrong."""
    write_files(tmp_path)
    result = run(*COMMAND, "--previous", "last.json", "--out", "last.json")
    assert result.exit_code == 0 and Path("last.json").exists()
    told = " ".join(result.stderr.split())
    assert "last.json, which does not exist. Orders of an earlier evening are not known" in told
    assert "stops begin at stop_price" in told
    again = run(*COMMAND, "--previous", "last.json", "--out", "last.json")
    assert again.exit_code == 0 and "does not exist" not in again.stderr
