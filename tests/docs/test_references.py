"""Every link, path, command, option, settings key and make target that a page names exists."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path

import click
import pytest

from exitladder.cli import main
from exitladder.cli.program import COMMANDS
from exitladder.plans.ladder import Execution
from exitladder.settings.tables import Settings

ROOT = Path(__file__).resolve().parents[2]
PAGES = [
    path
    for pattern in ("*.md", ".github/*.md", "docs/*.md", "docs/design/*.md", "src/exitladder/sample/*.md")
    for path in sorted(ROOT.glob(pattern))
]
# The code that pages name by the end of its path; `src/exitladder` shows the folders at the top a second time.
FOLDERS = ("src", "features", "models", "pipelines", "benchmarks", "tools", "tests", "docs", "notebooks")
# Files named as examples, and the program of that name.
ELSEWHERE = {"ladder_plots.py", "backtesting.py"}
each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def texts_of_code(page: Path) -> list[str]:
    """Return the code of a page: inline code, and the lines of code blocks with continued lines joined."""
    text = page.read_text(encoding="utf-8")
    blocks = re.findall(r"^```\w*\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    lines = []
    for block in blocks:
        typed = re.sub(r"\\\n\s*", "", block).splitlines()
        # In a block with prompts, the other lines are output.
        prompts = [line for line in typed if line.startswith("$ ")]
        lines += prompts or typed
    inline = re.findall(r"`([^`\n]+(?:\n[^`\n]+)?)`", re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL))
    return [*lines, *(" ".join(code.split()) for code in inline)]


def words_of(code: str) -> list[str]:
    """Return the words of a command line up to its comment, or to the next command."""
    code = re.split(r"\s#|\s\|\s|;", code.removeprefix("$ "))[0]
    try:
        return shlex.split(code)
    except ValueError:
        return code.split()


def command_of(words: list[str]) -> tuple[click.Command, list[str]]:
    """Return the command that words name, and the words after it."""
    command: click.Command = main
    while isinstance(command, click.Group) and words and not words[0].startswith(("-", "[")):
        found = command.get_command(click.Context(command), words[0])
        if found is None:
            raise AssertionError(f"there is no command {words[0]!r}")
        command, words = found, words[1:]
    return command, words


def options_of(command: click.Command) -> set[str]:
    return {"--help", *(name for p in command.params for name in (*p.opts, *p.secondary_opts))}


def all_commands(command: click.Command = main) -> Iterator[click.Command]:
    yield command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            assert found is not None
            yield from all_commands(found)


def options_in(words: list[str]) -> list[str]:
    return [word.partition("=")[0] for word in words if re.match(r"--[a-z]", word)]


def text_with_neighbours(script: Path) -> str:
    """Return the text of a script and of the scripts beside it that it imports, which may hold its options."""
    text = script.read_text(encoding="utf-8")
    neighbours = (script.parent / f"{name}.py" for name in re.findall(r"^from (\w+) import", text, re.MULTILINE))
    return "\n".join([text, *(path.read_text(encoding="utf-8") for path in neighbours if path.exists())])


def anchors_of(page: Path) -> set[str]:
    """Return the anchors that GitHub gives the headings of a page."""
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    return {
        re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")
        for heading in re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    }


@each_page
def test_links_lead_to_files_and_headings(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        path, _, anchor = target.partition("#")
        if path.startswith(("http:", "https:")):
            continue
        goal = (page.parent / path).resolve() if path else page
        assert goal.exists(), f"{page.name} points to {path}"
        if anchor and goal.suffix == ".md":
            assert anchor in anchors_of(goal), f"{page.name} points to {target}"


@each_page
def test_commands_and_their_options_exist(page: Path) -> None:
    for code in texts_of_code(page):
        words = words_of(code)
        if words[:1] == ["exitladder"]:
            words = words[1:]
        elif words[:1] == [] or words[0] not in COMMANDS or not options_in(words):
            continue
        try:
            command, rest = command_of(words)
        except AssertionError as error:
            pytest.fail(f"{page.name}: {code!r}: {error}")
        unknown = set(options_in(rest)) - options_of(command)
        assert not unknown, f"{page.name}: {code!r} has {unknown}"


def test_examples_of_the_help_exist() -> None:
    lines = [
        line.strip()
        for command in all_commands()
        for line in re.sub(r"\\\n\s*", "", command.epilog or "").splitlines()
        if line.strip().startswith("exitladder ")
    ]
    assert len(lines) > 20
    for line in lines:
        command, rest = command_of(words_of(line)[1:])
        assert set(options_in(rest)) <= options_of(command), line


@each_page
def test_options_named_alone_exist(page: Path) -> None:
    known = {name for command in all_commands() for name in options_of(command)}
    scripts = [path for folder in ("benchmarks", "tools", "docs", ".ci") for path in (ROOT / folder).glob("*")]
    text = "\n".join(
        path.read_text(encoding="utf-8") for path in scripts if path.suffix in ("", ".py") and path.is_file()
    )
    for code in texts_of_code(page):
        if re.match(r"--[a-z]", code):
            name = options_in([code.split()[0]])[0]
            assert name in known or f'"{name}"' in text, f"{page.name} names {name}"


@each_page
def test_scripts_have_their_options(page: Path) -> None:
    for code in texts_of_code(page):
        words = words_of(code)
        if words[:1] == ["python"] and len(words) > 1 and words[1].endswith(".py"):
            script = ROOT / words[1]
            assert script.exists(), f"{page.name} runs {words[1]}"
            text = text_with_neighbours(script)
            unknown = [name for name in options_in(words) if f'"{name}"' not in text]
            assert not unknown, f"{page.name}: {code!r} has {unknown}"


@each_page
def test_paths_of_the_code_exist(page: Path) -> None:
    files = {
        str(path.relative_to(ROOT))
        for folder in FOLDERS
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    for code in texts_of_code(page):
        for path in re.findall(r"(?<![\w./:-])[\w.-]*(?:/[\w.-]+)*/?", code):
            path = path.rstrip("./")
            if path in ELSEWHERE or re.search(r"\b[A-Z]+\b", path):
                continue
            if path.endswith(".py"):
                assert any(f"/{name}".endswith(f"/{path}") for name in files), f"{page.name} names {path}"
            elif path.startswith(tuple(f"{folder}/" for folder in (*FOLDERS, ".ci"))):
                places = (ROOT / path, ROOT / "src" / "exitladder" / path)
                placed = any(place.exists() or place.with_suffix(".py").exists() for place in places)
                assert placed, f"{page.name} names {path}"


@each_page
def test_settings_keys_exist(page: Path) -> None:
    tables = {f.name: type(getattr(Settings(), f.name)) for f in fields(Settings)} | {"execution": Execution}
    for code in texts_of_code(page):
        for table, key in re.findall(r"(?:^|--set ['\"]?)([a-z]+)\.([a-z_]+)(?=$|[ =])", code):
            kind = tables.get(table)
            if kind is not None and is_dataclass(kind) and key not in ("json", "toml", "py"):
                assert key in {f.name for f in fields(kind)}, f"{page.name} names {table}.{key}"


@each_page
def test_make_targets_and_test_names_exist(page: Path) -> None:
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for code in texts_of_code(page):
        words = words_of(code)
        if words[:1] == ["make"]:
            assert set(words[1:]) <= targets, f"{page.name}: {code!r}"
        if re.fullmatch(r"test_\w+", code):
            assert any(f"def {code}(" in path.read_text() for path in (ROOT / "tests").rglob("test_*.py")), code


def test_the_checks_see_what_the_pages_hold() -> None:
    """The patterns above find commands, keys and paths: a page of none would pass them all."""
    code = [text for page in PAGES for text in texts_of_code(page)]
    assert sum(text.startswith(("exitladder ", "$ exitladder ")) for text in code) > 50
    assert sum("benchmarks/" in text for text in code) > 20
    assert sum("src/exitladder/" in text for text in code) > 20
    assert {"score", "bars"} <= {words_of(text)[1] for text in code if text.startswith("exitladder ")}
