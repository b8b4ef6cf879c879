"""The check of docstrings finds what is missing and asks for nothing else."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

ERRORS = """
class ExitladderError(Exception): ...
class BarsError(ExitladderError): ...
class StrangeBarsError(BarsError): ...
class ExitladderWarning(UserWarning): ...
"""


@pytest.fixture(scope="module")
def check(root: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("check_docstrings", root / "tools" / "check_docstrings.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def sections(*names: str) -> str:
    return "".join(f"\n\n    {name}\n    {'-' * len(name)}\n    x" for name in names)


def found(check: ModuleType, source: str) -> dict[str, tuple[str, ...]]:
    gaps = check.gaps_of("a.py", source, check.errors_of(ERRORS))
    return {gap.name: gap.missing for gap in gaps}


def test_errors_are_those_that_descend_from_ours(check: ModuleType) -> None:
    assert check.errors_of(ERRORS) == {"ExitladderError", "BarsError", "StrangeBarsError"}


@pytest.mark.parametrize(
    ("head", "body", "named", "missing"),
    [
        ("def f(a, b, c) -> int:", "return 1", (), ("Parameters", "Returns")),
        ("def f(a, b, *, c) -> int:", "return 1", ("Parameters",), ("Returns",)),
        ("def f(a, *b, **c):", "pass", ("Parameters",), ()),
        ("def f(a, b, c):", "return a", ("Parameters",), ("Returns",)),
        ("def f(a, b, c):", "yield a", ("Parameters", "Yields"), ()),
        ("def f(a, b) -> int:", "return 1", (), ()),
        ("def _f(a, b, c) -> int:", "return 1", (), ()),
        ("def f(a, b, c) -> None:", "raise StrangeBarsError('x')", ("Parameters",), ("Raises",)),
        ("def f(a, b, c) -> None:", "raise errors.BarsError", ("Parameters", "Raises"), ()),
        ("def f(a, b, c) -> None:", "raise ValueError", ("Parameters",), ()),
        ("def f(a, b, c) -> None:", "def g(): raise BarsError", ("Parameters",), ()),
        ("@session_command\ndef f(a, b, c) -> None:", "pass", (), ()),
        ("@click.option('--x')\ndef f(a, b, c) -> None:", "pass", (), ("Parameters",)),
    ],
)
def test_what_a_function_needs(
    check: ModuleType, head: str, body: str, named: tuple[str, ...], missing: tuple[str, ...]
) -> None:
    source = f'{head}\n    """Say.{sections(*named)}\n    """\n    {body}\n'
    assert found(check, source).get("f", ()) == missing


def test_self_and_cls_are_not_counted(check: ModuleType) -> None:
    source = (
        "class A:\n    def f(self, a, b): pass\n    @classmethod\n    def g(cls, a, b): pass\n"
        "    @staticmethod\n    def h(a, b, c): pass\nclass _B:\n    def f(self, a, b, c): pass\n"
    )
    assert found(check, source) == {"A.h": ("Parameters",)}


def test_a_word_at_the_head_of_a_line_is_no_section(check: ModuleType) -> None:
    assert found(check, 'def f(a, b, c):\n    """Say.\n\n    Parameters\n    are given.\n    """\n') == {
        "f": ("Parameters",)
    }


def test_more_than_allowed_fails(
    check: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["check", "--max", "100000"])
    assert check.main() == 0
    assert "functions lack a section" in capsys.readouterr().out
    monkeypatch.setattr(sys, "argv", ["check", "--max", "-1"])
    assert check.main() == 1
