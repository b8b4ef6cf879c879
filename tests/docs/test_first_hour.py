"""The first hour: the commands and files of docs/first_hour.md, in their order, print what the page shows."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from exitladder.cli import main

PAGE = (Path(__file__).parents[2] / "docs" / "first_hour.md").read_text()


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What each command printed."""
    found = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("first_hour"))
        for mark, language, text in re.findall(r"(<!-- not run[^\n]*\n)?```(\w+)\n(.*?)```", PAGE, re.DOTALL):
            if mark or language == "text":
                continue
            if language == "python":
                exec(text, {})
            elif language == "toml":
                Path("all_at_once.toml").write_text(text)
            for line in text.splitlines() if language == "sh" else []:
                result = CliRunner(env={"COLUMNS": "100"}).invoke(main, shlex.split(line)[1:])
                assert result.exit_code == 0, (line, result.output)
                found[line] = result.stdout
    return found


@pytest.mark.slow
def test_commands_print_what_the_page_shows(printed: dict[str, str]) -> None:
    assert len(printed) == 8
    everything = "\n".join(printed.values())
    for table in re.findall(r"```text\n(.*?)```", PAGE, re.DOTALL):
        for line in table.splitlines():
            cells = " ".join(line.replace("─", "").split())
            assert cells in " ".join(everything.split()), line
    for claim in ("5 symbols, 12,154 bars: 10 notes in 5 symbols", "All 762 trades can be used."):
        assert claim in PAGE and claim in everything
