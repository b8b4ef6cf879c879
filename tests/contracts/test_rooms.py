"""The house rules of the rooms: nothing goes round in circles, no folder is crowded, every room says what it holds."""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

MOST_MODULES = 15
LINKED = ("features", "models", "pipelines")


@pytest.fixture(scope="module")
def rooms(root: Path) -> dict[str, Path]:
    """Folders of the product by their dotted names."""
    core = root / "src" / "exitladder"
    found = {core: "exitladder"}
    for start, name in ((core, "exitladder"), *((root / linked, f"exitladder.{linked}") for linked in LINKED)):
        for path in sorted(start.rglob("__init__.py")):
            # rglob does not go through links, so nothing is found twice.
            found[path.parent] = ".".join([name, *path.parent.relative_to(start).parts])
    return {name: folder for folder, name in found.items()}


@pytest.fixture(scope="module")
def imports(rooms: Mapping[str, Path]) -> dict[str, set[str]]:
    """What each module imports of the others, inside functions as well; what is only for types is left out."""
    modules = {
        name if path.stem == "__init__" else f"{name}.{path.stem}": path
        for name, folder in rooms.items()
        for path in sorted(folder.glob("*.py"))
    }
    return {
        name: set(_imported(ast.parse(path.read_text(encoding="utf-8")), set(modules))) - {name}
        for name, path in modules.items()
    }


def _imported(tree: ast.AST, modules: set[str]) -> Iterator[str]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            yield from _imported(ast.Module(node.orelse, []), modules)
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in modules)
        elif isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("exitladder"):
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield inner if inner in modules else node.module
        else:
            yield from _imported(node, modules)


def circles(graph: Mapping[str, set[str]]) -> list[list[str]]:
    """Return the groups of modules that reach each other (Tarjan's strongly connected components of two or more)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(module: str) -> None:
        index[module] = low[module] = len(index)
        stack.append(module)
        for target in sorted(graph.get(module, ())):
            if target not in index:
                visit(target)
                low[module] = min(low[module], low[target])
            elif target in stack:
                low[module] = min(low[module], index[target])
        if low[module] == index[module]:
            group = stack[stack.index(module) :]
            del stack[stack.index(module) :]
            if len(group) > 1:
                found.append(sorted(group))

    for module in graph:
        if module not in index:
            visit(module)
    return found


def test_a_circle_would_be_found() -> None:
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}) == [["a", "b", "c"]]
    assert circles({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == []


def test_no_circle_of_imports(imports: Mapping[str, set[str]]) -> None:
    assert len(imports) > 250, "the modules were not found"
    assert sum(map(len, imports.values())) > 1000, "the imports were not found"
    assert circles(imports) == []


def test_imports_are_those_that_import_linter_sees(imports: Mapping[str, set[str]]) -> None:
    grimp = pytest.importorskip("grimp")
    graph = grimp.build_graph("exitladder", exclude_type_checking_imports=True, cache_dir=None)
    assert graph.modules == set(imports)
    seen = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    assert circles(seen) == []
    # Names that a package hands on at first use are no imports of the package.
    assert {m: sorted(seen[m] ^ imports[m]) for m in imports if seen[m] != imports[m]} == {}


def test_no_folder_is_crowded(rooms: Mapping[str, Path]) -> None:
    assert len(rooms) > 30, "the rooms were not found"
    count = {name: sum(p.name != "__init__.py" for p in folder.glob("*.py")) for name, folder in rooms.items()}
    assert {name: n for name, n in count.items() if n > MOST_MODULES} == {}


def test_every_folder_of_modules_is_a_room(root: Path) -> None:
    for top in (root / "src" / "exitladder", *(root / linked for linked in LINKED)):
        for path in top.rglob("*.py"):
            assert (path.parent / "__init__.py").is_file(), f"{path.parent} has modules but is no package"


def test_every_room_says_in_a_sentence_what_it_holds(rooms: Mapping[str, Path]) -> None:
    for name, folder in rooms.items():
        described = ast.get_docstring(ast.parse((folder / "__init__.py").read_text(encoding="utf-8")))
        assert described, f"{name} does not say what it holds"
        first = described.splitlines()[0]
        assert first[0].isupper() and first.endswith(".") and len(first.split()) >= 3, f"{name}: {first!r}"


def test_contracts_guard_rooms_and_all_of_them(root: Path, rooms: Mapping[str, Path]) -> None:
    contracts = tomllib.loads((root / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    assert len(contracts) >= 5
    listed = {name.strip() for contract in contracts for layer in contract["layers"] for name in layer.split("|")}
    top = {name for name in rooms if name.count(".") == 1}
    assert top <= listed, "a room that no contract keeps apart"
    inner = {name for name in rooms if name.count(".") == 2 and name.split(".")[1] in ("pipelines", "models")}
    assert inner <= listed, "a room inside pipelines or models that no contract keeps apart"


@pytest.mark.parametrize("target", ["contracts", "layers"])
def test_make_runs_the_contracts(root: Path, target: str) -> None:
    lines = (root / "Makefile").read_text().splitlines()
    (rule,) = (k for k, line in enumerate(lines) if line.startswith("contracts") and ":" in line)
    assert target in lines[rule].partition(":")[0].split() or f"{target}: contracts" in lines
    assert "lint-imports" in lines[rule + 1]
