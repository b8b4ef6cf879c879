"""The layout that packaging rests on: links, the package list, the wheel, a directory with its own features/."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOMS = ("features", "models", "pipelines")


def test_links_point_to_the_rooms(root: Path) -> None:
    for room in ROOMS:
        link = root / "src" / "exitladder" / room
        assert link.is_symlink()
        assert os.readlink(link) == f"../../{room}"
        assert link.resolve() == root / room


def test_package_list_matches_the_folders(root: Path) -> None:
    config = tomllib.loads((root / "pyproject.toml").read_text())["tool"]["setuptools"]
    core = {p.parent.relative_to(root / "src") for p in (root / "src").glob("**/__init__.py")}
    listed = {Path(name.replace(".", "/")) for name in config["packages"]}
    rooms = {
        Path("exitladder") / p.parent.relative_to(root) for room in ROOMS for p in (root / room).glob("**/__init__.py")
    }
    assert listed == core | rooms
    assert {name.rpartition(".")[2] for name in config["package-dir"] if name} == set(ROOMS)


@pytest.fixture(scope="module")
def wheel(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    # A copy, so that no build folder is left in the tree; links are kept as links, as git does.
    source = tmp_path_factory.mktemp("source")
    names = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=root,
        check=True,
        capture_output=True,
    ).stdout.decode()
    for name in filter(None, names.split("\0")):
        target = source / name
        if not (root / name).is_symlink() and not (root / name).is_file():
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        if (root / name).is_symlink():
            target.symlink_to(os.readlink(root / name))
        else:
            target.write_bytes((root / name).read_bytes())
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(source)],
        check=True,
        capture_output=True,
        timeout=300,
    )
    (path,) = out.glob("*.whl")
    return path


def test_wheel_holds_every_module_and_no_test(root: Path, wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    inside = {name for name in names if ".dist-info/" not in name}
    modules = {str(p.relative_to(root / "src")) for p in (root / "src" / "exitladder").glob("**/*.py")}
    for room in ROOMS:
        modules |= {str(Path("exitladder") / p.relative_to(root)) for p in (root / room).glob("**/*.py")}
    modules = {m for m in modules if "__pycache__" not in m}
    assert {name for name in inside if name.endswith(".py")} == modules
    assert all(name.startswith("exitladder/") for name in inside), "the wheel litters site-packages"
    assert not [name for name in inside if Path(name).name.lower().startswith(("test", "conftest"))]
    assert {f"exitladder/sample/{s}-1d.parquet" for s in ("AAPL", "IBM", "MSFT", "GOOG", "FB")} <= inside
    assert "exitladder/py.typed" in inside
    templates = {str(Path("exitladder") / p.relative_to(root)) for p in (root / "pipelines").rglob("*.jinja")}
    assert templates and templates <= inside


def test_installed_wheel_works_beside_a_folder_named_features(wheel: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    subprocess.run(
        [
            sys.executable,
            "-m",
            "pip",
            "install",
            "--quiet",
            "--no-deps",
            "--no-index",
            "--target",
            str(site),
            str(wheel),
        ],
        check=True,
        capture_output=True,
    )
    work = tmp_path / "work"
    (work / "features").mkdir(parents=True)
    (work / "features" / "__init__.py").write_text("raise RuntimeError('the wrong features')\n")
    code = (
        "import exitladder, exitladder.features, exitladder.models, exitladder.pipelines;"
        "print(exitladder.__file__); from exitladder.sample import load_sample_bars; print(len(load_sample_bars()[0]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=work,
        env={**os.environ, "PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(str(site))
    assert done.stdout.split()[-1] == "5"
