"""A run while it is being recorded, before it is written to the store."""

from __future__ import annotations

import json
import math
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, cast

from exitladder.bars.bars import BarSet
from exitladder.errors import ExitladderError, TrackingError
from exitladder.files.output import Content, write_folder
from exitladder.pipelines.tracking.provenance import (
    describe_bars,
    describe_trades,
    flat,
    versions,
    without_machine_paths,
)
from exitladder.plans.file import ladder_to_toml
from exitladder.plans.ladder import Ladder
from exitladder.plans.words import describe_ladder
from exitladder.settings.tables import Settings
from exitladder.trades.trades import Trades

_LONGEST_PARAM = 500
_LONGEST_TAG = 5000
_LONGEST_NOTE = 7900


@dataclass
class TrackedRun:
    """A run that is being recorded; all values are written in one batch when it ends.

    Parameters
    ----------
    run_id : str
        Empty if tracking is off.
    folder : Path or None
        Folder of its artifacts; None if tracking is off.
    """

    run_id: str = ""
    folder: Path | None = None
    params: dict[str, str] = field(default_factory=dict)
    metrics: dict[str, float] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)

    def log_params(self, values: Mapping[str, object]) -> None:
        """Record parameters of the run; nested tables get dotted names, long values are cut."""
        for name, value in flat(values).items():
            self.params[_key(name)] = _short(without_machine_paths(value))

    def log_metrics(self, values: Mapping[str, object]) -> None:
        """Record results of the run; values that are not finite numbers are left out."""
        for name, value in flat(values).items():
            number = _number(value)
            if number is not None:
                self.metrics[_key(name)] = number

    def log_tags(self, values: Mapping[str, object]) -> None:
        """Record tags that the run can be found by."""
        self.tags.update({_key(name): _short(value, _LONGEST_TAG) for name, value in values.items()})

    def describe(self, text: str) -> None:
        """Set the description of the run (Markdown), shown at the top of its page."""
        self.tags["mlflow.note.content"] = _short(text, _LONGEST_NOTE)

    def log_artifact(self, content: Path | bytes | str, name: str = "") -> None:
        """Save a file (a `Path`), or bytes or text under a `name` such as ``plots/equity.svg``."""
        if not name and not isinstance(content, Path):
            raise TrackingError("An artifact made of bytes or text must have a name, but has none.")
        if self.folder is None:
            return
        target = _inside(self.folder, name or cast(Path, content).name)
        with plain_errors(f"The artifact '{target.name}' cannot be written"):
            target.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(content, Path):
                shutil.copyfile(content, target)
            elif isinstance(content, bytes):
                target.write_bytes(content)
            else:
                target.write_text(content, encoding="utf-8", newline="\n")

    def log_folder(self, folder: Path, name: str = "") -> None:
        """Save all files of a folder, under a folder `name` of the run."""
        if self.folder is None:
            return
        with plain_errors(f"The folder '{folder.name}' cannot be saved"):
            shutil.copytree(folder, _inside(self.folder, name) if name else self.folder, dirs_exist_ok=True)

    def log_files(self, contents: Mapping[str, Content]) -> None:
        """Save several files, by name; see `exitladder.files.output.write_folder` for the contents allowed."""
        if self.folder is not None:
            with plain_errors("The run's files cannot be saved"):
                write_folder(self.folder, contents)

    def log_inputs(
        self, *, settings: Settings | None, ladder: Ladder | None, bars: BarSet | None, trades: Trades | None
    ) -> None:
        """Record the inputs of the run: versions, settings, ladder and fingerprints of the data.

        Parameters
        ----------
        settings : Settings, optional
        ladder : Ladder, optional
        bars : BarSet, optional
        trades : Trades, optional
        """
        found = versions()
        self.log_tags({f"version.{name}": value for name, value in found.items()})
        self.log_artifact(json.dumps(found, indent=2) + "\n", "versions.json")
        if settings is not None:
            table = cast("dict[str, object]", without_machine_paths(settings.to_mapping()))
            self.log_params(table)
            self.log_artifact(json.dumps(table, indent=2) + "\n", "settings.json")
        if ladder is not None:
            self.log_params({"ladder": describe_ladder(ladder)})
            self.log_artifact(ladder_to_toml(ladder), "ladder.toml")
        if bars is not None:
            self.log_params({"data": describe_bars(bars)})
        if trades is not None:
            self.log_params({"data": describe_trades(trades)})


@contextmanager
def plain_errors(what: str) -> Iterator[None]:
    """Turn any error inside into a `TrackingError` that begins with `what`."""
    try:
        yield
    except ExitladderError:
        raise
    except Exception as error:
        raise TrackingError(f"{what}: {_first_line(error)}") from error


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def _key(name: object) -> str:
    return re.sub(r"[^\w\-. :/]", "_", str(name))[:250]


def _short(value: object, longest: int = _LONGEST_PARAM) -> str:
    if isinstance(value, (list, tuple)):
        value = ", ".join(map(str, value))
    text = str(value)
    return text if len(text) <= longest else text[: longest - 1] + "…"


def _number(value: object) -> float | None:
    try:
        number = float(cast(Any, value))
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


def _inside(folder: Path, name: str) -> Path:
    parts = PurePosixPath(name.replace("\\", "/")).parts
    if not parts or ".." in parts or PurePosixPath(name).is_absolute() or ":" in parts[0]:
        raise TrackingError(
            f"An artifact's name must stay inside its run, such as 'plots/equity.svg', but is {name!r}."
        )
    return folder.joinpath(*parts)
