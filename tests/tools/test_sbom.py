"""The bill of materials: every package that is needed, its licence, and advisories that apply."""

from __future__ import annotations

import importlib.util
import json
import os
import sys
import zipfile
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest


@pytest.fixture(scope="module")
def sbom(root: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("sbom", root / "tools" / "sbom.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["sbom"] = module
    spec.loader.exec_module(module)
    return module


def test_the_bill_lists_what_is_imported(sbom: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    assert sbom.main([]) == 0
    bill = json.loads(capsys.readouterr().out)
    assert bill["bomFormat"] == "CycloneDX"
    assert bill["metadata"]["component"]["name"] == "exitladder"
    found = {component["name"]: component for component in bill["components"]}
    assert {"numpy", "pandas", "pyarrow", "lightgbm", "mlflow", "optuna", "numba", "ta-lib"} <= set(found)
    # what only develops or tests it is not part of it
    assert not {"pytest", "ruff", "mypy"} & set(found)
    references = {bill["metadata"]["component"]["bom-ref"], *(c["bom-ref"] for c in bill["components"])}
    assert {d["ref"] for d in bill["dependencies"]} == references
    assert all(set(d["dependsOn"]) <= references for d in bill["dependencies"])
    assert found["pandas"]["purl"] in next(d["dependsOn"] for d in bill["dependencies"] if "/exitladder@" in d["ref"])


def test_every_package_states_a_licence(sbom: ModuleType) -> None:
    unknown = [package.name for package in sbom.installed() if package.licence == "unknown"]
    assert unknown == []
    assert "| exitladder |" in sbom.licence_table(sbom.installed())


@pytest.mark.parametrize(
    ("events", "version", "applies"),
    [
        ([{"introduced": "0"}, {"fixed": "2.0"}], "1.9", True),
        ([{"introduced": "0"}, {"fixed": "2.0"}], "2.0", False),
        ([{"introduced": "0"}, {"fixed": "2.0"}], "2.0rc1", True),
        ([{"introduced": "1.5"}, {"last_affected": "1.9"}], "1.9", True),
        ([{"introduced": "1.5"}, {"last_affected": "1.9"}], "1.10", False),
        ([{"introduced": "1.5"}], "1.4", False),
        ([{"introduced": "1.0"}, {"fixed": "1.2"}, {"introduced": "3.0"}, {"fixed": "3.1"}], "2.0", False),
        ([{"introduced": "1.0"}, {"fixed": "1.2"}, {"introduced": "3.0"}, {"fixed": "3.1"}], "3.0", True),
    ],
)
def test_an_advisory_applies_inside_its_ranges(
    sbom: ModuleType, events: list[dict[str, str]], version: str, applies: bool
) -> None:
    entry = {"package": {"ecosystem": "PyPI", "name": "Some_Lib"}, "ranges": [{"type": "ECOSYSTEM", "events": events}]}
    package = sbom.Package("some-lib", version, "MIT", ())
    found = sbom.affected([package], [{"id": "X-1", "summary": "bad", "affected": [entry]}])
    assert found == ([f"some-lib {version}: X-1: bad"] if applies else [])


def test_advisories_are_read_from_a_zip_file(
    sbom: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    every: dict[str, Any] = {"package": {"ecosystem": "PyPI", "name": "numpy"}}
    every["ranges"] = [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}]}]
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        archive.writestr("a.json", json.dumps({"id": "A", "affected": [every]}))
        archive.writestr("b.json", json.dumps({"id": "B", "affected": [every], "withdrawn": "2024-01-01"}))
    assert sbom.main(["--advisories", str(tmp_path / "all.zip")]) == 1
    assert "A" in (out := capsys.readouterr().out) and "B" not in out.replace("numpy", "")
    (tmp_path / "none.json").write_text("[]")
    with pytest.raises(ValueError, match="advisories in the OSV format"):
        sbom.read_advisories(tmp_path / "none.json")


@pytest.mark.skipif(not os.environ.get("EXITLADDER_ADVISORIES"), reason="EXITLADDER_ADVISORIES names no file")
def test_no_installed_version_has_a_known_advisory(sbom: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    assert sbom.main(["--advisories", os.environ["EXITLADDER_ADVISORIES"]]) == 0, capsys.readouterr().out
