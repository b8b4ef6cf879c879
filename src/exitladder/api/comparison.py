"""``compare`` from Python: results, ladders, runs and models side by side."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from exitladder.api.given import BarsLike, SettingsLike, TradesLike, bars_and_trades, bars_of, call_of
from exitladder.errors import InputTypeError, TradesError
from exitladder.plans.ladder import Ladder
from exitladder.runtime.progress import SILENT, Progress
from exitladder.runtime.shown import Shown

if TYPE_CHECKING:
    from exitladder.cli.session import Session
    from exitladder.settings.tables import Settings

_NESTED = ("terms_differ", "measures", "account", "by", "decisive", "log_loss", "calibration_error", "value")
_KINDS = "a run id, a folder, a result of backtest, tune or train, a Ladder or 'own'"
_CURE = "Write compare([result, other]) or compare(['own', 'ladder.toml'], bars=..., trades=...)"


class Comparison(Shown, dict[str, Any]):
    """What ``exitladder compare --format json`` prints, with a table and a page.

    The keys are those of `exitladder.pipelines.compare.compare`.
    """

    def headline(self) -> str:
        """Return the verdict of each pair."""
        return " ".join(str(pair.get("verdict_text") or "") for pair in self["pairs"]).strip()

    def to_frame(self) -> pd.DataFrame:
        """Return one row per pair: the difference with its interval, p-values, numbers of trades, verdict."""
        return pd.DataFrame(self["pairs"]).drop(columns=list(_NESTED), errors="ignore")

    def preview(self, n: int = 8) -> tuple[pd.DataFrame, int]:
        """Return the first pairs in a few columns, and their number."""
        table = self.to_frame()
        named = ("source", "against", "difference_r", "interval", "p_adjusted", "n_trades", "verdict")
        return table[[name for name in named if name in table]].head(n), len(table)

    def measures(self) -> pd.DataFrame:
        """Return every measure of every pair: candidate, baseline, difference, interval, p-values."""
        rows = [
            {"source": pair["source"], "against": pair["against"], "measure": name, **one}
            for pair in self["pairs"]
            for name, one in (pair.get("measures") or {}).items()
        ]
        return pd.DataFrame(rows)

    def write(self, out: str | os.PathLike[str]) -> Path:
        """Write the page (.html) or all numbers (.json), and return the path."""
        from exitladder.files.output import write_json, write_text
        from exitladder.pipelines.pages.comparison import comparison_html

        path = Path(out)
        if path.suffix == ".json":
            write_json(dict(self), path)
        else:
            write_text(comparison_html(dict(self)), path)
        return path


def compare(
    sources: Sequence[Any] | Mapping[str, Any],
    settings: SettingsLike = None,
    progress: Progress = SILENT,
    *,
    bars: BarsLike | None = None,
    trades: TradesLike | None = None,
    allows_differences: bool = False,
) -> Comparison:
    """Compare every later source with the first, paired by trade.

    Only trades that are out of sample for both count.

    Parameters
    ----------
    sources : sequence, or mapping of name to source
        Run ids, folders of ``backtest`` or ``tune``, what these returned, ``trades.csv`` files; with `bars` and
        `trades` also ladders (objects or files) and ``"own"`` (the exits of the trades). Or models: references,
        folders, runs or results of ``train``.
    settings : Settings, mapping of tables, or path, optional
    progress : Progress
    bars : DataFrame, path, mapping or BarSet, optional
        Needed for ladders, own exits and models; of runs, they give the volatility regimes.
    trades : DataFrame, path or Trades, optional
    allows_differences : bool
        Compare although costs, bars, account, entry prices or risk differ; the verdict names what does.

    Returns
    -------
    Comparison
        A mapping with the keys of `exitladder.pipelines.compare.compare`; `to_frame` has one row per pair.

    Raises
    ------
    InputTypeError
        If a source is of another type.
    TradesError
        If fewer than two sources are given, a pair shares no trade, or more than the exits differs.
    """
    from exitladder.pipelines import compare as verb

    if isinstance(sources, (str, os.PathLike, Ladder)) or not isinstance(sources, (Sequence, Mapping)):
        raise InputTypeError("sources", sources, "a list of sources", _CURE)
    named = list(sources.items()) if isinstance(sources, Mapping) else [("", one) for one in sources]
    call: Session = call_of(settings, progress)
    more: dict[str, Any] = {"allows_differences": allows_differences}
    if trades is not None:
        if bars is None:
            raise TradesError("Trades are compared on bars, but none are given. Write bars='data/', or leave them out.")
        call, market, known = bars_and_trades(call, bars, trades)
        more |= {"bars": market, "trades": known}
    elif bars is not None:
        more["bars"] = bars_of(call, bars)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="exitladder-compare-")))
        places: dict[str, str] = {}
        for k, (name, one) in enumerate(named):
            place, label = _placed(one, name, folder / str(k), call.settings)
            if places.get(place, label) != label or label in set(places.values()) - {places.get(place)}:
                label = f"{label} ({k + 1})"
            places.setdefault(place, label)
            named[k] = (place, one)
        found = verb.compare([place for place, _ in named], call.settings, progress, **more)
    labels = {place: label for place, label in places.items() if place != label}
    return Comparison(_relabelled(found, labels))


def _placed(source: Any, name: str, folder: Path, settings: Settings) -> tuple[str, str]:
    """Return what the pipeline compares, and its name; what no run has is written to the folder."""
    if isinstance(source, (str, os.PathLike)):
        return os.fspath(source), name or os.fspath(source)
    if isinstance(source, Ladder):
        from exitladder.plans.file import ladder_to_toml

        folder.mkdir()
        path = folder / "ladder.toml"
        path.write_text(ladder_to_toml(source), encoding="utf-8")
        return str(path), name or source.name
    if hasattr(source, "trained"):
        if not source.model:
            raise TradesError("Models are compared by their reference, but this one was trained with tracking off.")
        return str(source.model), name or str(source.model)
    if hasattr(source, "parts") and hasattr(source, "summary"):
        # written again: its run may have been removed, or tracking may be off
        source.write(folder, from_run=True)
        return str(folder), name or source.ladder.name
    if hasattr(source, "tuned"):
        if not source.run_id:
            raise TradesError("A tuning is compared by its run, but tracking is off. Give its folder (out=) instead.")
        return str(source.run_id), name or "tuned"
    raise InputTypeError("Every source", source, _KINDS, _CURE)


def _relabelled(value: Any, labels: Mapping[str, str]) -> Any:
    """Return a nested value with the places of sources replaced by their names, in keys and in sentences."""
    if isinstance(value, str):
        for place, label in labels.items():
            value = value.replace(place, label)
        return value
    if isinstance(value, Mapping):
        return {_relabelled(key, labels): _relabelled(one, labels) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_relabelled(one, labels) for one in value]
    return value
