"""How the program starts and ends."""

from __future__ import annotations

import ctypes
import json
import os
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

import exitladder
from exitladder.bars.bars import BarSet
from exitladder.bars.writing import write_bars
from exitladder.cli import main
from exitladder.cli.interruption import Interruptible, interruptible
from exitladder.cli.program import COMMANDS, Program
from exitladder.cli.session import _plain_warnings
from exitladder.errors import BarsError, ExitladderWarning
from exitladder.runtime.progress import SILENT
from exitladder.sample import load_sample_bars

Run = Callable[..., Result]
Process = Callable[..., "subprocess.CompletedProcess[str]"]


def every_command() -> Iterator[tuple[str, ...]]:
    context = click.Context(main)
    for name in COMMANDS:
        command = main.get_command(context, name)
        yield (name,)
        if isinstance(command, click.Group):
            yield from ((name, below) for below in command.commands)


def test_commands_are_those_promised() -> None:
    assert set(every_command()) >= {
        ("demo",), ("run",), ("init",), ("bars", "check"), ("bars", "adjust"), ("bars", "resample"), ("bars", "fetch"),
        ("trades", "make"), ("trades", "check"), ("trades", "import"), ("trades", "exits"), ("features",), ("train",),
        ("tune",), ("backtest",), ("score",), ("compare",), ("report",), ("ui",),
        ("model", "check"), ("model", "sign"), ("model", "verify"),
    }  # fmt: skip


def required_options() -> Iterator[tuple[tuple[str, ...], str, list[str]]]:
    """Each command with a required option and the arguments that give everything else that it requires."""
    context = click.Context(main)
    for path in every_command():
        command = main.get_command(context, path[0])
        assert command is not None
        for name in path[1:]:
            assert isinstance(command, click.Group)
            command = command.commands[name]
        needed = [one for one in command.params if one.required]
        for left_out in needed:
            if isinstance(left_out, click.Option):
                words = [_example(one) for one in needed if one is not left_out]
                yield path, left_out.opts[0], [word for some in words for word in some]


def _example(parameter: click.Parameter) -> list[str]:
    """Return a parameter with a value that its type allows."""
    value = "1.csv" if parameter.metavar == "FILE" else "1"
    if isinstance(parameter.type, click.Choice):
        value = parameter.type.choices[0]
    return [parameter.opts[0], value] if isinstance(parameter, click.Option) else [value]


@pytest.mark.parametrize(("path", "option", "others"), [*required_options()], ids=str)
def test_a_required_option_that_is_left_out_is_asked_for(
    run: Run, path: tuple[str, ...], option: str, others: list[str]
) -> None:
    result = run(*path, *others)
    assert result.exit_code == 2
    assert f"Missing option '{option}'" in result.stderr


@pytest.mark.parametrize("path", [(), *every_command()], ids=" ".join)
def test_every_help_has_an_example(run: Run, path: tuple[str, ...]) -> None:
    result = run(*path, "--help")
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert "  Example:" in lines
    example = lines[lines.index("  Example:") + 1]
    assert example.strip().startswith(" ".join(["exitladder", *path]))
    if path and path not in (("bars",), ("trades",), ("model",), ("options",)):
        for option in ("--format", "--seed", "--settings", "--set", "--quiet", "--debug"):
            assert option in result.stdout


def test_promised_options(run: Run) -> None:
    promised = {
        "backtest": ("--bars", "--trades", "--ladder", "--finer-bars", "--model", "--out"),
        "score": ("--bars", "--trades", "--ladder", "--model", "--asof", "--out"),
        "features": ("--bars", "--set", "--out"),
        "train": ("--bars", "--trades", "--settings"),
        "tune": ("--bars", "--trades", "--model", "--settings", "--trials", "--out"),
    }
    for name, options in promised.items():
        text = run(name, "--help").stdout
        assert [o for o in options if o not in text] == []


def test_version(run: Run) -> None:
    assert run("--version").stdout == f"exitladder, version {exitladder.__version__}\n"


def test_help_loads_nothing_heavy(environment: dict[str, str]) -> None:
    code = (
        "import sys; from exitladder.cli import main; main(['--help'], standalone_mode=False);"
        "print(sorted({'numpy', 'pandas', 'rich', 'numba', 'mlflow', 'sklearn', 'optuna'} & set(sys.modules)))"
    )
    begin = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
    # 0.08 s on a quiet machine; what is tested is that nothing of seconds creeps in
    assert time.perf_counter() - begin < 2


def test_wrong_usage_ends_with_2(run: Run) -> None:
    for args, part in (
        (["bakctest"], "Did you mean 'backtest'?"),
        (["backtest"], "Missing option"),
        (["bars", "check", "--nonsense"], "No such option"),
        (["bars", "check"], "Give the bars once"),
        (["compare", "one"], "at least two runs"),
        (["tune", "--trials", "0"], "is not in the range"),
        (["bars", "check", "x", "--format", "xml"], "is not one of"),
        ([], "Usage: "),
    ):
        done = run(*args)
        assert (done.exit_code, done.stdout) == (2, ""), args
        assert part in done.stderr
        assert "Traceback" not in done.stderr


def test_wrong_usage_ends_the_process_with_2(process: Process) -> None:
    for args, part in ((["bakctest"], "Did you mean 'backtest'?"), ([], "Usage: exitladder")):
        done = process(*args)
        assert (done.returncode, done.stdout) == (2, "")
        assert part in done.stderr
        assert "Traceback" not in done.stderr


def test_a_reported_error_ends_with_1_in_one_message(process: Process) -> None:
    done = process("bars", "check", "nowhere.csv")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "error: The file 'nowhere.csv' does not exist. Check the path.\n"
    traced = process("bars", "check", "nowhere.csv", "--debug")
    assert traced.returncode == 1
    assert traced.stderr.startswith("Traceback") and traced.stderr.endswith("Check the path.\n")


@pytest.mark.parametrize(
    ("args", "part"),
    [
        (["--set", "tuning.trials=3"], "Unknown key 'trials' in tuning. Did you mean 'n_trials'?"),
        (["--set", "nonsense"], "An override must read table.key=value"),
        (["--settings", "absent.toml"], "The settings file 'absent.toml' does not exist"),
        (["--tz", "Mars/Base"], "Unknown time zone 'Mars/Base'"),
    ],
)
def test_settings_are_checked_first(run: Run, sample: Path, args: list[str], part: str) -> None:
    result = run("bars", "check", sample, *args)
    assert result.exit_code == 1
    assert part in result.stderr


def ending_with(error: BaseException) -> Program:
    class Ending(Program):
        def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
            def fail(debug: bool) -> None:
                raise error

            # whatever is named
            return click.Command("fail", callback=fail, params=[click.Option(["--debug"], is_flag=True)])

        def resolve_command(
            self, ctx: click.Context, args: list[str]
        ) -> tuple[str | None, click.Command | None, list[str]]:
            return args[0], self.get_command(ctx, args[0]), args[1:]

    return Ending("exitladder")


def test_how_each_kind_of_trouble_ends() -> None:
    invoke = CliRunner().invoke
    bug = invoke(ending_with(ZeroDivisionError("division by zero")), ["fail"])
    assert bug.exit_code == 1
    assert bug.stderr == (
        "error: this is a bug in exitladder (ZeroDivisionError: division by zero). "
        "Run the command again with --debug and report the output.\n"
    )
    traced = invoke(ending_with(ZeroDivisionError("division by zero")), ["fail", "--debug"])
    assert traced.exit_code == 1 and traced.stderr.startswith("Traceback")
    refused = invoke(ending_with(OSError(28, "No space left on device")), ["fail"])
    assert (
        refused.exit_code == 1
        and "the operating system reported: [Errno 28] No space left on device." in refused.stderr
    )
    output = invoke(ending_with(BarsError("The rule.")), ["fail"])
    assert (output.exit_code, output.stderr) == (1, "error: The rule.\n")
    stopped = invoke(ending_with(KeyboardInterrupt()), ["fail"])
    assert stopped.exit_code == 130 and "no partial files were left behind" in stopped.stderr


@pytest.mark.skipif(os.name != "posix", reason="signals of this kind are POSIX's")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_work_leaves_nothing(
    run: Run, tmp_path: Path, environment: dict[str, str], sample: Path, number: signal.Signals
) -> None:
    command = [sys.executable, "-m", "exitladder"]
    made = run("trades", "make", "--bars", sample / "IBM-1d.parquet", "--out", "t.csv")
    assert made.exit_code == 0, made.stderr
    args = ["tune", "--bars", sample / "IBM-1d.parquet", "--trades", "t.csv", "--trials", "500000", "--out", "out"]
    args += ["--set", "tracking.enabled=false", "--set", "project.threads=1"]
    working = subprocess.Popen(
        [*command, *map(str, args)],
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # What a script starts in the background does not hear Ctrl-C, and hands that down.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    try:
        time.sleep(6)  # the search takes minutes; before it, an interrupt ends the command in the same way
        working.send_signal(number)
        stdout, stderr = working.communicate(timeout=60)
    finally:
        working.kill()
    assert (working.returncode, stdout) == (130, "")
    assert "interrupted" in stderr and "Traceback" not in stderr
    assert not (tmp_path / "out").exists() or list((tmp_path / "out").iterdir()) == []


def test_an_interruption_out_of_code_run_as_text_ends_with_130(tmp_path: Path, environment: dict[str, str]) -> None:
    """Compilers and dataclasses run texts; by itself Python would then end the module by SIGINT."""
    (tmp_path / "interrupted.py").write_text(
        "from exitladder.cli.program import Program\n"
        "import click\n"
        "@click.group(cls=Program, invoke_without_command=True)\n"
        "def work(): exec('raise KeyboardInterrupt')\n"
        "work([])\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "interrupted"], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (130, "")
    assert "no partial files were left behind" in done.stderr


def test_a_process_leaves_its_objects_to_the_system(
    environment: dict[str, str],
) -> None:
    """Otherwise the collector looks through all of them after the last message, while Ctrl-C seems to do nothing."""
    code = (
        "import gc, sys\nfrom exitladder.cli import main\nusual = gc.get_threshold()\n"
        "main(['--version'], standalone_mode=False)\nprint(gc.get_freeze_count(), gc.get_threshold() == usual)\n"
        "sys.argv[1:] = ['--version']\nmain(standalone_mode=False)\n"
        "print(gc.get_freeze_count() > 10_000, gc.get_threshold() == usual)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert [line for line in done.stdout.splitlines() if "exitladder" not in line] == ["0 True", "True True"]


def test_a_lost_interruption_takes_effect_at_the_next_step() -> None:
    """As where it falls into what a compiler calls back: the exception is told of there, and goes no further."""
    outside = signal.signal(signal.SIGINT, signal.default_int_handler)
    with interruptible(), Interruptible(SILENT).stage("work", 3) as advance:
        advance(1)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            advance(1)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    signal.signal(signal.SIGINT, outside)
    with interruptible(), Interruptible(SILENT).stage("work", 3) as advance:
        advance(1)


def test_an_interruption_lost_in_a_callback_arrives_all_the_same() -> None:
    """Compiled code calls Python, Ctrl-C is pressed there, and no exception can leave such a callback."""
    called = []

    def compare(a: Any, b: Any) -> int:
        called.append(1)
        if len(called) == 1:
            signal.raise_signal(signal.SIGINT)
        return int(a[0] - b[0])

    kind = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_int), ctypes.POINTER(ctypes.c_int))
    numbers = (ctypes.c_int * 3)(3, 1, 2)
    outside = signal.signal(signal.SIGINT, signal.default_int_handler)
    reports = sys.unraisablehook
    begin = time.monotonic()
    try:
        with pytest.raises(KeyboardInterrupt), interruptible():
            ctypes.CDLL(None).qsort(numbers, 3, ctypes.sizeof(ctypes.c_int), kind(compare))
            assert len(called) > 1, "the library goes on"
            time.sleep(20)
    finally:
        signal.signal(signal.SIGINT, outside)
    assert time.monotonic() - begin < 10
    assert sys.unraisablehook is reports


def test_a_reader_that_has_seen_enough(tmp_path: Path, environment: dict[str, str], sample: Path) -> None:
    command = f"'{sys.executable}' -m exitladder trades make --bars '{sample}' --format csv | head -n 1"
    done = subprocess.run(["sh", "-c", command], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.stdout.startswith("trade_id,symbol,side")
    assert "Traceback" not in done.stderr and "error" not in done.stderr


def test_data_alone_is_on_stdout(process: Process, sample: Path) -> None:
    output = process("trades", "make", "--bars", sample, "--format", "json")
    assert output.returncode == 0
    assert len(json.loads(output.stdout)) > 500
    assert "adjusted by adj_close" in output.stderr
    silent = process("trades", "make", "--bars", sample, "--format", "json", "--quiet")
    assert silent.stdout == output.stdout and silent.stderr == ""


def test_a_warning_is_shown_once(capsys: pytest.CaptureFixture[str]) -> None:
    warned: list[str] = []
    with _plain_warnings(warned):
        for text in ("two splits", "a spike", "two splits"):
            warnings.warn(text, ExitladderWarning, stacklevel=1)
    assert warned == ["two splits", "a spike"]
    assert capsys.readouterr().err.count("two splits") == 1


def test_entries_without_exits_are_not_taken_for_trades_that_are_held(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_bars(BarSet([load_sample_bars()[0]["IBM"]]), tmp_path / "bars.parquet")
    assert run("trades", "make", "--bars", "bars.parquet", "--rule", "donchian", "--out", "trades.csv").exit_code == 0
    (tmp_path / "ladder.toml").write_text("[stop]\ninitial = '2ATR'\ntime = 20\n")
    score = (
        "score",
        "--bars",
        "bars.parquet",
        "--ladder",
        "ladder.toml",
        "--asof",
        "2013-03-01",
        "--set",
        "tracking.enabled=false",
    )
    assert "none has an exit, so each counts as held" in " ".join(run(*score, "--trades", "trades.csv").stderr.split())
    lines = (tmp_path / "trades.csv").read_text().splitlines()
    (tmp_path / "held.csv").write_text("\n".join([lines[0], *lines[-3:]]) + "\n")
    assert "none has an exit" not in run(*score, "--trades", "held.csv").stderr


def test_a_page_is_not_written_into_a_file_of_another_kind(run: Run, tmp_path: Path) -> None:
    result = run("report", str(tmp_path), "--out", str(tmp_path / "page.pdf"))
    assert result.exit_code == 1 and not (tmp_path / "page.pdf").exists()
    assert "must end with .html" in result.stderr
