"""A run while it is being recorded; its record is written at each change, and sent to the store by another process."""

from __future__ import annotations

import json
import math
import re
import shutil
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, cast

from exitladder.bars.bars import BarSet
from exitladder.errors import ExitladderWarning, OutputFileError, TrackingError
from exitladder.files.output import Content, write_folder
from exitladder.pipelines.tracking.faults import first_line, plain_errors
from exitladder.pipelines.tracking.provenance import (
    describe_bars,
    describe_trades,
    flat,
    metric_names,
    versions,
    without_machine_paths,
)
from exitladder.pipelines.tracking.record import Record
from exitladder.plans.file import ladder_to_toml
from exitladder.plans.ladder import Ladder
from exitladder.plans.words import describe_ladder
from exitladder.runtime.progress import SILENT, Progress
from exitladder.secrets import masked
from exitladder.settings.tables import Settings
from exitladder.trades.trades import Trades

_LONGEST_PARAM = 500
_LONGEST_TAG = 5000
_LONGEST_NOTE = 7900


@dataclass
class TrackedRun:
    """A run that is being recorded.

    A record that cannot be written, on a full disk for example, is given up with a warning; the work goes on.

    Parameters
    ----------
    run_id : str
        Empty if tracking is off.
    folder : Path or None
        Folder of its artifacts; None if tracking is off.
    record : Record or None
        None if tracking is off.
    subject : str
        Project and rule of the entries, as far as known; begins the name of the run.
    """

    run_id: str = ""
    folder: Path | None = None
    record: Record | None = None
    params: dict[str, str] = field(default_factory=dict)
    metrics: dict[str, float] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    subject: str = ""

    def log_params(self, values: Mapping[str, object]) -> None:
        """Record parameters of the run; nested tables get dotted names, long values are cut."""
        for name, value in flat(values).items():
            self.params[_key(name)] = masked(_short(without_machine_paths(value)))
        self.save()

    def log_metrics(self, values: Mapping[str, object]) -> None:
        """Record results of the run; values that are not finite numbers are left out.

        Names of nested tables are joined by ``/``, by which MLflow groups them, and have no spaces.
        """
        for name, value in metric_names(values).items():
            number = _number(value)
            if number is not None:
                self.metrics[name] = number
        self.save()

    def log_tags(self, values: Mapping[str, object]) -> None:
        """Record tags that the run can be found by."""
        self.tags.update({_key(name): masked(_short(value, _LONGEST_TAG)) for name, value in values.items()})
        self.save()

    def log_result(self, text: str, *, of: str = "") -> None:
        """Add the result, in a word or two, to the name of a run that was not named by its user.

        Parameters
        ----------
        text : str
            The result.
        of : str
            Subject of the command, such as the name of a ladder.
        """
        if self.record is not None and self.record.values.get("is_named_by_us"):
            parts = (self.subject, f"{self.record.values['kind']} {of}".strip(), text)
            self.record.values["name"] = masked(" · ".join(part for part in parts if part))[:200]
            self.save()

    def describe(self, text: str) -> None:
        """Set the description of the run (Markdown), shown at the top of its page."""
        self.log_tags({"mlflow.note.content": text[:_LONGEST_NOTE]})

    def log_artifact(self, content: Path | bytes | str, name: str = "") -> None:
        """Save a file (a `Path`), or bytes or text under a `name` such as ``plots/equity.svg``."""
        if not name and not isinstance(content, Path):
            raise TrackingError("An artifact made of bytes or text must have a name, but has none.")
        if self.folder is None:
            return
        target = _inside(self.folder, name or cast(Path, content).name)
        with self._may_fail(f"The artifact '{target.name}' cannot be written"):
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
        with self._may_fail(f"The folder '{folder.name}' cannot be saved"):
            shutil.copytree(folder, _inside(self.folder, name) if name else self.folder, dirs_exist_ok=True)

    def log_files(self, contents: Mapping[str, Content], progress: Progress = SILENT) -> None:
        """Save several files, by name; see `exitladder.files.output.write_folder` for the contents allowed."""
        if self.folder is not None:
            with self._may_fail("The run's files cannot be saved"):
                write_folder(self.folder, contents, progress)

    def save(self) -> None:
        """Write the record with the values logged so far."""
        if self.record is None:
            return
        self.record.values |= {"params": self.params, "tags": self.tags}
        self.record.log_metrics(self.metrics)
        with self._may_fail("The record of the run cannot be written"):
            self.record.save()

    def close(self, status: str) -> None:
        """Write the end of the run into its record."""
        if self.record is not None:
            with self._may_fail("The record of the run cannot be written"):
                self.record.close(status)

    @contextmanager
    def _may_fail(self, what: str) -> Iterator[None]:
        """Give up the record with a warning if the system cannot write; other errors are raised as TrackingError."""
        try:
            with plain_errors(what):
                yield
        except (TrackingError, OutputFileError) as error:
            if not isinstance(error.__cause__, OSError):
                raise
            self.folder = self.record = None
            warnings.warn(
                f"{what}: {first_line(error.__cause__)}. The run is not recorded any further; free some space, or name "
                "another folder with tracking.folder.",
                ExitladderWarning,
                stacklevel=4,
            )

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
        if self.record is None and self.folder is None:
            return
        found = versions()
        self.log_tags({f"version.{name}": value for name, value in found.items()})
        self.log_artifact(json.dumps(found, indent=2) + "\n", "versions.json")
        if settings is not None:
            table = cast("dict[str, object]", without_machine_paths(settings.to_mapping()))
            self.log_params(_unlike_default(table))
            self.log_artifact(masked(json.dumps(table, indent=2)) + "\n", "settings.json")
        if ladder is not None:
            self.log_params({"ladder": describe_ladder(ladder)})
            self.log_artifact(ladder_to_toml(ladder), "ladder.toml")
        if bars is not None:
            summary = describe_bars(bars)
            self.log_params({"data": summary})
            self._log_dataset(summary)
        if trades is not None:
            described = describe_trades(trades)
            self.log_params({"data": described})
            self._log_trades(described)

    def _log_trades(self, summary: Mapping[str, str | int]) -> None:
        """Record the trades as a data set."""
        self.log_data(
            "trades",
            name=f"{summary['n_trades']} trades",
            digest=str(summary["trades_fingerprint"]),
            source={key: summary[key] for key in ("first_entry", "last_entry") if key in summary},
            profile={"n_trades": summary["n_trades"], "n_open": summary["n_open"]},
        )

    def log_data(
        self, context: str, *, name: str, digest: str, source: Mapping[str, object], profile: Mapping[str, object]
    ) -> None:
        """Record a data set beside the bars, so that MLflow shows which runs share it.

        Parameters
        ----------
        context : {"trades", "quotes"}
        name, digest : str
        source, profile : mapping
            Its span, and its counts.
        """
        if self.record is not None:
            self.record.values[f"{context}_dataset"] = {
                "name": name,
                "digest": digest,
                "source_type": context,
                "source": dict(source),
                "profile": dict(profile),
            }
            self.save()

    def _log_dataset(self, summary: Mapping[str, str | int]) -> None:
        """Record the bars as a data set, so that MLflow shows which runs share them."""
        if self.record is not None:
            self.record.values["dataset"] = {
                "name": f"{_counted(int(summary['n_symbols']), 'symbol')}, {summary['interval']}",
                "digest": str(summary["bars_fingerprint"]),
                "source_type": "bars",
                "source": {"first_bar": summary["first_bar"], "last_bar": summary["last_bar"]},
                "profile": {"n_bars": summary["n_bars"], "n_symbols": summary["n_symbols"]},
            }
            self.save()


def _counted(n: int, what: str) -> str:
    return f"{n:,} {what}" if n == 1 else f"{n:,} {what}s"


def _unlike_default(table: Mapping[str, object]) -> dict[str, object]:
    """Return the settings that differ from the defaults, and the seed: settings.json has all of them."""
    usual = flat(Settings().to_mapping())
    return {name: value for name, value in flat(table).items() if name == "project.seed" or usual.get(name) != value}


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
