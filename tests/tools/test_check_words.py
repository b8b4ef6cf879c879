"""The word checker finds planted words in every kind of text, and honours its exceptions."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="module")
def checker(root: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("check_words", root / "tools" / "check_words.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A small repository with one planted word in each kind of text, and the same words in code."""
    for folder in ("docs", "features", "pipelines/pages", "notebooks", "src/exitladder"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "README.md").write_text("It earned 0.1 R a trade.\n\n```console\ncannot be told apart\n```\n")
    (tmp_path / "docs" / "page.md").write_text("Good.\nThe interval lies above zero; `what is` is code.\n")
    (tmp_path / "features" / "one.py").write_text(
        '"""Fine."""\n\nlies = 1  # the stop stands here\nTEXT = (\n'
        '    "All of it "\n    "was mended in 5 % of bars."\n)\n'
    )
    (tmp_path / "pipelines" / "pages" / "page.html.jinja").write_text(
        '<p class="told">{{ told }} The bar stands.</p>\n'
    )
    cells = [
        {"cell_type": "code", "source": ["print('what is it')"]},
        {"cell_type": "markdown", "source": ["Fine.\n", "This is what the model is worth."]},
    ]
    (tmp_path / "notebooks" / "book.ipynb").write_text(json.dumps({"cells": cells}))
    return tmp_path


def found(checker: ModuleType, project: Path, words: object, **scope: list[str]) -> list[tuple[str, int, str]]:
    return [(hit.path, hit.line, hit.rule.name) for hit in checker.hits(project, words, **scope)]


def test_a_planted_word_is_found_in_every_kind_of_text(checker: ModuleType, project: Path) -> None:
    assert set(found(checker, project, checker.Words.read())) == {
        ("README.md", 1, "a trade for per trade"),
        ("docs/page.md", 2, "lies"),
        ("pipelines/pages/page.html.jinja", 1, "stands"),
        ("notebooks/book.ipynb", 1, "what is"),
        ("features/one.py", 6, "space before %"),
        ("features/one.py", 6, "mend"),
    }


def test_an_exception_is_honoured_in_its_file_only(checker: ModuleType, project: Path) -> None:
    words = checker.Words.read()
    words.exceptions = [{"path": "docs/page.md", "text": "interval lies", "reason": "a quotation"}]
    words.unused = {0}
    assert ("docs/page.md", 2, "lies") not in found(checker, project, words)
    assert words.unused == set()
    words.exceptions = [{"path": "docs/other.md", "text": "interval lies", "reason": "a quotation"}]
    words.unused = {0}
    assert ("docs/page.md", 2, "lies") in found(checker, project, words)
    assert words.unused == {0}


def test_an_exception_without_a_reason_is_rejected(checker: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "words.toml"
    path.write_text('rules = []\n[[exceptions]]\npath = "a.md"\ntext = "b"\n')
    with pytest.raises(SystemExit, match="reason"):
        checker.Words.read(path)


def test_scopes_select_and_skip_files(checker: ModuleType, project: Path) -> None:
    words = checker.Words.read()
    assert {path for path, _, _ in found(checker, project, words, only=["docs", "README.md"])} == {
        "README.md",
        "docs/page.md",
    }
    assert {path for path, _, _ in found(checker, project, words, skip=["features", "docs/page.md"])} == {
        "README.md",
        "pipelines/pages/page.html.jinja",
        "notebooks/book.ipynb",
    }


def test_the_texts_of_the_project_pass(root: Path) -> None:
    done = subprocess.run([sys.executable, "tools/check_words.py"], cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_pending_paths_exist(checker: ModuleType, root: Path) -> None:
    for place in checker.Words.read().pending:
        assert (root / place).exists(), place
