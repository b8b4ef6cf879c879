"""Every code block of a page is run or parsed by a test, or says why not: ``<!-- not run: REASON -->`` above it."""

from __future__ import annotations

import re
import shlex
import tomllib
from dataclasses import dataclass, fields
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from exitladder.bars.bars import BarSet
from exitladder.bars.writing import write_bars
from exitladder.cli import main
from exitladder.plans.file import ladder_from_mapping
from exitladder.plans.ladder import Ladder
from exitladder.sample import load_sample_bars
from exitladder.settings.loading import load_settings
from exitladder.settings.tables import Settings

ROOT = Path(__file__).resolve().parents[2]
PAGES = [
    path
    for pattern in ("*.md", "docs/*.md", "docs/design/*.md", "src/exitladder/sample/*.md")
    for path in sorted(ROOT.glob(pattern))
]
COMMANDS, OUTPUT = {"sh", "bash", "console"}, {"text", "csv", "json", ""}
# Pages whose blocks another test runs as they stand there.
RUN_BY = {
    "books.md": "docs/test_books_page.py",
    "evening.md": "docs/test_evening_page.py",
    "exits.md": "docs/test_exits_page.py",
    "first_hour.md": "docs/test_first_hour.py",
    "options.md": "docs/test_options_page.py",
    "plans.md": "docs/test_plans_page.py",
    "python.md": "docs/test_python_page.py",
    "statistics.md": "statistics/test_verdict.py",
}
# Programs that a page may tell a reader to start, and what makes sure of their lines.
PROGRAMS = {
    "exitladder": "parsed here",
    "pip": "test_extras_exist",
    "python": "test_scripts_have_their_options",
    "make": "test_make_targets_and_test_names_exist",
}


@dataclass(frozen=True)
class Block:
    """A fenced block: its page, first line, language, text, and the reason why it is not run."""

    page: str
    line: int
    language: str
    text: str
    reason: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"

    @property
    def typed(self) -> list[str]:
        """What a reader types: the lines after prompts, or all lines of a block without prompts."""
        lines = re.sub(r"\\\n\s*", "", self.text).splitlines()
        prompts = [line.strip()[2:] for line in lines if line.strip().startswith("$ ")]
        if prompts or self.language == "console":
            return prompts
        return [line.strip() for line in lines if line.strip() and not line.strip().startswith("#")]


def blocks_of(page: str, text: str) -> list[Block]:
    found = []
    for match in re.finditer(r"^( *)```(\w*)\n(.*?)^ *```", text, re.MULTILINE | re.DOTALL):
        before = text[: match.start()].rstrip()
        mark = re.search(r"<!-- not run: ([^>]+?) -->$", before)
        found.append(Block(page, text.count("\n", 0, match.start()) + 1, match[2], match[3], mark[1] if mark else ""))
    return found


BLOCKS = [block for path in PAGES for block in blocks_of(path.name, path.read_text(encoding="utf-8"))]


def problem_of(block: Block) -> str:
    """Return why a block is neither run nor marked; empty if it is one of them."""
    if block.reason:
        return "" if len(block.reason) > 5 else "the reason is missing"
    if block.language in COMMANDS:
        programs = {words_of(line)[0] for line in block.typed if words_of(line)}
        return f"{programs - set(PROGRAMS)} are run by no test" if programs - set(PROGRAMS) else ""
    if block.language == "python":
        return "" if block.page in RUN_BY else "no test runs it"
    if block.language in OUTPUT:
        begins = [line for line in block.text.splitlines() if re.match(r"(\$ )?(exitladder|python|pip|make) ", line)]
        return f"it has a command: {begins[0]}" if begins else ""
    return "" if block.language == "toml" else f"nothing checks a block of {block.language}"


def words_of(line: str) -> list[str]:
    """Return the words of a command line up to a comment or the next command, without variables that it sets."""
    words = shlex.split(line, comments=True)
    ends = [k for k, word in enumerate(words) if word in ("|", ">", ";", "&&")]
    words = words[: ends[0]] if ends else words
    while words and re.match(r"[A-Za-z_]+=", words[0]):
        words = words[1:]
    return words


@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_each_block_is_run_or_says_why_not(block: Block) -> None:
    assert not problem_of(block), f"{block}: {problem_of(block)}; mark it with <!-- not run: REASON -->"


def test_an_unmarked_block_is_found() -> None:
    """The check above would fail for blocks that nothing runs."""
    text = "x\n\n```python\nprint(1)\n```\n\n```sh\ndocker run x\n```\n\n```yaml\na: 1\n```\n\n```\nmake demo\n```\n"
    assert [bool(problem_of(block)) for block in blocks_of("new.md", text)] == [True] * 4
    marked = "<!-- not run: needs docker -->\n```sh\ndocker run x\n```\n"
    assert [problem_of(block) for block in blocks_of("new.md", marked)] == [""]


def commands() -> list[tuple[Block, str]]:
    return [
        (block, line)
        for block in BLOCKS
        if block.language in COMMANDS
        for line in block.typed
        # Of a line with "..." the other tests check the options.
        if line.startswith("exitladder ") and " ..." not in line
    ]


@pytest.fixture
def any_path(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files that a page names need not be there."""
    monkeypatch.setattr(click.Path, "convert", lambda self, value, param, ctx: Path(value))


@pytest.mark.parametrize(("block", "line"), commands(), ids=lambda x: str(x) if isinstance(x, Block) else "")
def test_each_command_line_is_accepted(block: Block, line: str, any_path: None) -> None:
    """Options, required arguments and values are those of the program."""
    words = words_of(line)[1:]
    command: click.Command = main
    context = click.Context(main)
    while isinstance(command, click.Group) and words:
        name, words = words[0], words[1:]
        found = command.get_command(context, name)
        assert found is not None, f"{block}: {line!r}"
        command = found
        if isinstance(command, click.Group) and (not words or words[0] not in command.list_commands(context)):
            break
    try:
        command.make_context("exitladder", words)
    except click.exceptions.Exit:
        pass  # --help and --version
    except click.ClickException as error:
        pytest.fail(f"{block}: {line!r}: {error.format_message()}")


def test_extras_exist() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    named = [m for block in BLOCKS for m in re.findall(r"exitladder\[([\w,]+)\]", block.text)]
    assert named and {extra for names in named for extra in names.split(",")} <= set(extras)


def test_there_are_commands_to_parse() -> None:
    assert len(commands()) > 50


@pytest.mark.parametrize("block", [b for b in BLOCKS if b.language == "toml" and not b.reason], ids=str)
def test_each_file_is_accepted(block: Block, tmp_path: Path) -> None:
    """A block of TOML is a ladder, or settings."""
    table = tomllib.loads(block.text)
    if set(table) <= {f.name for f in fields(Settings)}:
        (tmp_path / "exitladder.toml").write_text(block.text)
        load_settings(tmp_path / "exitladder.toml")
    else:
        assert isinstance(ladder_from_mapping(table), Ladder)


def test_the_tests_of_pages_are_there() -> None:
    for page, test in RUN_BY.items():
        assert page.removesuffix(".md") in (ROOT / "tests" / test).read_text()


def test_light_commands_of_the_readme_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that neither train nor search, in their order, on the sample."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    bars = load_sample_bars()[0]
    for symbol in ("FB", "IBM"):
        write_bars(BarSet([bars[symbol]]), tmp_path / "data" / f"{symbol}-1d.parquet")
    light = ("init", "bars check", "trades make", "trades check")
    page = (ROOT / "README.md").read_text()
    lines = [line for block in blocks_of("README.md", page) for line in block.typed]
    lines += re.findall(r"`(exitladder trades make [^`]+)`", page)
    ran = []
    for begin in light:
        for line in lines:
            if line.startswith(f"exitladder {begin} "):
                result = CliRunner().invoke(main, words_of(line)[1:])
                assert result.exit_code == 0, (line, result.output)
                ran.append(begin)
    assert set(ran) == set(light)
