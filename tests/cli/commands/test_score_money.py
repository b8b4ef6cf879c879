"""Amounts of money of `score`: one that can be read two ways is asked about."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from click.testing import Result

from exitladder.cli.commands.score import command


@pytest.mark.parametrize("option", ["--equity", "--peak-equity", "--equity-before"])
@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("100.000", "Write 100000 or 100.0."),
        ("100.125", "Write 100125 or 100.125."),
        ("-1.250", "Write -1250 or -1.25."),
        ("100,000", "Write 100000 or 100.0."),
        ("1.300.500", "Write 1300500 or 1300.5."),
        ("100,5", "has a comma. Write 100.5."),
        ("100,000.50", "has a comma. Write 100000.5."),
        ("100.000,50", "has a comma. Write 100000.5."),
    ],
)
def test_an_amount_that_can_be_read_two_ways_is_refused(
    option: str, text: str, told: str, run: Callable[..., Result]
) -> None:
    done = run("score", "--bars", ".", "--trades", ".", "--ladder", ".", f"{option}={text}")
    assert done.exit_code == 2
    assert f"Invalid value for '{option}'" in done.stderr and told in " ".join(done.stderr.split())


@pytest.mark.parametrize(("text", "value"), [("100000", 1e5), ("100.0", 100.0), ("1e5", 1e5), ("99.1234", 99.1234)])
def test_plain_amounts_are_read(text: str, value: float) -> None:
    (equity,) = (option for option in command.params if option.name == "equity")
    assert equity.type.convert(text, equity, None) == value
