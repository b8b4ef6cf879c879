"""Files written as brokers, terminals and programs write them, after their field lists; none is a real account."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from exitladder.importers.imports import Imported, import_files
from exitladder.importers.reading import ImportOptions

Read = Callable[..., Imported]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Write texts as files and import them together."""

    def run(
        *texts: str,
        name: str = "export.csv",
        program: str = "",
        encoding: str = "utf-8",
        options: ImportOptions | None = None,
    ) -> Imported:
        paths = []
        for n, text in enumerate(texts):
            path = tmp_path / f"{n}-{name}"
            path.write_bytes(text.encode(encoding))
            paths.append(path)
        return import_files(paths, program, options)

    return run
