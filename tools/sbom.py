"""The packages that exitladder is installed with: a software bill of materials, their licences, known advisories.

``python tools/sbom.py`` prints the bill as CycloneDX 1.6 JSON, ``--licences`` a table of licences, and ``--advisories
FILE`` checks the installed versions against advisories in the OSV format (a JSON file with one advisory or a list, a
folder of such files, or a zip file as https://osv-vulnerabilities.storage.googleapis.com/PyPI/all.zip). No advisories
are shipped with exitladder and nothing is downloaded: the check is as good as the file. Run it with the Python of the
environment to describe.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import uuid
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.version import InvalidVersion, Version

ROOT_PACKAGE = "exitladder"
# sentences that only these licences have; the first that fits counts
_LICENCE_TEXTS = (
    ("Apache License Version 2.0", "Apache-2.0"),
    ("Neither the name of", "BSD-3-Clause"),
    ("Redistributions in binary form must reproduce", "BSD-2-Clause"),
    ("Permission is hereby granted, free of charge", "MIT"),
)
_CLASSIFIER = "License :: OSI Approved :: "


@dataclass(frozen=True)
class Package:
    """An installed distribution.

    Parameters
    ----------
    name, version : str
    licence : str
        SPDX expression, else the classifier, else the first line of the free text; "unknown" if there is none.
    requires : tuple of str
        Names of the installed packages that it depends on.
    """

    name: str
    version: str
    licence: str
    requires: tuple[str, ...]

    @property
    def purl(self) -> str:
        """The package URL."""
        return f"pkg:pypi/{self.name}@{self.version}"


def plain_name(name: str) -> str:
    """Return a package's name as the index spells it (PEP 503).

    Examples
    --------
    >>> plain_name("TA_Lib")
    'ta-lib'
    """
    return re.sub(r"[-_.]+", "-", name).lower()


def licence_of(distribution: metadata.Distribution) -> str:
    """Return the licence that a package's metadata states, or the name of the licence in its LICENSE file."""
    about: Any = distribution.metadata
    expression = about.get("License-Expression")
    if expression:
        return str(expression)
    named = [c.removeprefix(_CLASSIFIER) for c in about.get_all("Classifier") or [] if c.startswith(_CLASSIFIER)]
    if named:
        return " / ".join(named)
    first = (about.get("License") or "").strip().splitlines()
    if first:
        return first[0][:80]
    files = [file for file in distribution.files or [] if re.match(r"(?i)licen[cs]e|copying", file.name)]
    text = " ".join(" ".join(Path(str(file.locate())).read_text(errors="replace").split()) for file in files)
    return next((f"{name} (by its LICENSE file)" for mark, name in _LICENCE_TEXTS if mark in text), "unknown")


def installed(root: str = ROOT_PACKAGE, extras: tuple[str, ...] = ()) -> list[Package]:
    """Return a package and everything that it needs here, by name.

    Parameters
    ----------
    root : str
        The package to begin with.
    extras : tuple of str
        Its extras to include.

    Returns
    -------
    list of Package
        The first is `root`.

    Raises
    ------
    PackageNotFoundError
        If `root` is not installed.
    """
    found: dict[str, Package] = {}
    waiting = [(plain_name(root), frozenset(extras))]
    while waiting:
        name, wanted = waiting.pop()
        if name in found:
            continue
        try:
            distribution = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            if name == plain_name(root):
                raise
            continue
        needs = list(_needs(distribution.requires or [], wanted))
        present = tuple(sorted({other for other, _ in needs if _is_installed(other)}))
        found[name] = Package(name, distribution.version, licence_of(distribution), present)
        waiting += needs
    return [found[plain_name(root)], *(found[name] for name in sorted(found) if name != plain_name(root))]


def _needs(requirements: list[str], extras: frozenset[str]) -> Iterator[tuple[str, frozenset[str]]]:
    for text in requirements:
        requirement = Requirement(text)
        environments: list[dict[str, Any]] = [{**default_environment(), "extra": extra} for extra in ("", *extras)]
        if requirement.marker is None or any(requirement.marker.evaluate(e) for e in environments):
            yield plain_name(requirement.name), frozenset(requirement.extras)


def _is_installed(name: str) -> bool:
    try:
        metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return False
    return True


def cyclonedx(packages: list[Package]) -> dict[str, Any]:
    """Return the bill of materials of packages, the first of which is described by the others.

    The serial number follows from the content, so that equal environments give equal bills.
    """
    root, *others = packages
    known = {package.name: package.purl for package in packages}
    seed = "\n".join(package.purl for package in packages)
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, seed)}",
        "version": 1,
        "metadata": {"component": {"type": "application", **_component(root)}},
        "components": [{"type": "library", **_component(package)} for package in others],
        "dependencies": [
            {"ref": package.purl, "dependsOn": [known[name] for name in package.requires if name in known]}
            for package in packages
        ],
    }


def _component(package: Package) -> dict[str, Any]:
    is_spdx = re.fullmatch(r"[A-Za-z0-9.+-]+(?: (?:AND|OR|WITH) [A-Za-z0-9.+-]+)*", package.licence) is not None
    licence = {"expression": package.licence} if is_spdx else {"license": {"name": package.licence}}
    return {
        "bom-ref": package.purl,
        "name": package.name,
        "version": package.version,
        "purl": package.purl,
        "licenses": [licence],
    }


def licence_table(packages: list[Package]) -> str:
    """Return a Markdown table of packages, versions and licences."""
    rows = [f"| {p.name} | {p.version} | {p.licence.replace('|', '/')} |" for p in packages]
    return "\n".join(["| package | version | licence |", "| --- | --- | --- |", *rows])


def read_advisories(path: Path) -> list[dict[str, Any]]:
    """Return the advisories in a file, a folder or a zip file, in the OSV format.

    Raises
    ------
    ValueError
        If there is none.
    """
    found: list[dict[str, Any]] = []
    for text in _texts(path):
        value = json.loads(text)
        found += value if isinstance(value, list) else [value]
    found = [item for item in found if isinstance(item, dict) and "affected" in item]
    if not found:
        raise ValueError(f"There must be advisories in the OSV format in '{path}', but there are none.")
    return found


def _texts(path: Path) -> Iterator[str]:
    if path.is_dir():
        for file in sorted(path.rglob("*.json")):
            yield file.read_text(encoding="utf-8")
    elif zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                if name.endswith(".json"):
                    yield archive.read(name).decode()
    else:
        yield path.read_text(encoding="utf-8")


def affected(packages: list[Package], advisories: list[dict[str, Any]]) -> list[str]:
    """Return a line for each advisory that an installed version falls under; withdrawn ones are left out."""
    versions = {package.name: package.version for package in packages}
    lines = set()
    for advisory in advisories:
        if advisory.get("withdrawn"):
            continue
        for entry in advisory["affected"]:
            about = entry.get("package", {})
            name = plain_name(str(about.get("name", "")))
            if about.get("ecosystem") == "PyPI" and name in versions and _is_affected(versions[name], entry):
                names = ", ".join([str(advisory.get("id")), *map(str, advisory.get("aliases", []))])
                lines.add(f"{name} {versions[name]}: {names}: {advisory.get('summary', '').strip()}".rstrip(": "))
    return sorted(lines)


def _is_affected(version: str, entry: dict[str, Any]) -> bool:
    if version in entry.get("versions", []):
        return True
    for span in entry.get("ranges", []):
        if span.get("type") == "ECOSYSTEM" and _is_inside(version, span.get("events", [])):
            return True
    return False


def _is_inside(version: str, events: list[dict[str, str]]) -> bool:
    """Whether a version is in a range of OSV: introduced (0: from the first), fixed, last_affected."""
    try:
        here = Version(version)
        moments = sorted(
            ((Version("0.dev0") if text == "0" else Version(text)), kind) for e in events for kind, text in e.items()
        )
    except InvalidVersion:
        return False
    inside = False
    for moment, kind in moments:
        if kind == "introduced" and here >= moment:
            inside = True
        elif (kind == "fixed" and here >= moment) or (kind == "last_affected" and here > moment):
            inside = False
    return inside


def main(arguments: list[str] | None = None) -> int:
    """Print the bill, the licences or the matching advisories; 1 if an advisory applies."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--licences", action="store_true", help="print a table of licences instead")
    parser.add_argument("--advisories", type=Path, metavar="FILE", help="check against advisories in the OSV format")
    parser.add_argument("--extra", action="append", default=[], help="include an extra of exitladder, such as dev")
    given = parser.parse_args(arguments)
    packages = installed(extras=tuple(given.extra))
    if given.advisories is not None:
        advisories = read_advisories(given.advisories)
        lines = affected(packages, advisories)
        sys.stdout.write("".join(f"{line}\n" for line in lines))
        sys.stderr.write(
            f"{len(packages)} packages checked against {len(advisories):,} advisories of {given.advisories}: "
            f"{len(lines)} apply\n"
        )
        return min(1, len(lines))
    sys.stdout.write((licence_table(packages) if given.licences else json.dumps(cyclonedx(packages), indent=2)) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
