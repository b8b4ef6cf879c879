"""A registered model behind ``mlflow models serve``: predictions for features, and the JSON of ``exitladder score``."""

from __future__ import annotations

import io
import json
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from exitladder.errors import ModelError, SettingsError
from exitladder.pipelines.tracking.flavour import FILES, OPTIONS, ExhaustionPyfunc

if TYPE_CHECKING:
    import pandas as pd

    from exitladder.settings.tables import Settings

# tables of settings that a request may bring; no key of them names a file, except those below
_TABLES = ("account", "costs", "currencies", "data", "labels", "orders", "symbols")
_DIVIDENDS = ("auto", "credit", "ignore")
_YES = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False, "": False}


class ServedModel:
    """What `mlflow.pyfunc.load_model` returns: ``predict`` takes features, or bars, trades and a ladder as text.

    Parameters
    ----------
    folder : path
        The model's folder.
    """

    def __init__(self, folder: str | Path) -> None:
        from exitladder.models.exhaustion.file import load_model

        self.features = ExhaustionPyfunc(load_model(folder))
        self.folder = str(folder)

    def predict(
        self, model_input: pd.DataFrame, params: dict[str, Any] | None = None
    ) -> pd.DataFrame | list[dict[str, Any]]:
        """Return predictions, or for a row with files the advice on its open trades.

        Parameters
        ----------
        model_input : DataFrame
            Features, see `ExhaustionPyfunc.predict`; or one row with the columns ``bars``, ``trades`` and ``ladder``
            (contents of a CSV file each, of a TOML file for the ladder) and optionally ``asof``, ``previous`` (JSON of
            an earlier answer), ``assume``, ``since_entry`` and ``settings`` (TOML).
        params : dict, optional
            Not used; MLflow passes it.

        Returns
        -------
        DataFrame or list of dict
            The columns exhaustion and hold_value_r, or the rows that ``exitladder score --format json`` prints.

        Raises
        ------
        ModelError
            If columns are missing, unknown or mixed, or there are several rows with files.
        """
        columns = [str(name) for name in model_input.columns]
        if not set(columns) & set(FILES):
            return self.features.predict(model_input, params)
        row = _request(model_input, columns)
        with tempfile.TemporaryDirectory(prefix="exitladder-") as folder:
            return self._advice(row, Path(folder))

    def _advice(self, row: Mapping[str, str], folder: Path) -> list[dict[str, Any]]:
        from exitladder.cli.commands.score import ScoreFiles, advice_on
        from exitladder.cli.inputs import TradeFiles
        from exitladder.cli.output import rendered
        from exitladder.cli.session import Session

        paths = {
            name: folder / f"{name}{ending}"
            for name, ending in (("bars", ".csv"), ("trades", ".csv"), ("ladder", ".toml"), ("previous", ".json"))
        }
        for name, path in paths.items():
            if row.get(name):
                path.write_text(row[name], encoding="utf-8")
        how = {
            "asof": row.get("asof") or None, "previous": paths["previous"] if row.get("previous") else None,
            "since_entry": _flag(row), "assume": _assumed(row), "finer_bars": None,
        }  # fmt: skip
        session = Session(_settings(row.get("settings", "")), "json", True, io.StringIO())
        files = ScoreFiles(paths["bars"], TradeFiles(paths["trades"]), paths["ladder"])
        frame, _ = advice_on(session, files, self.folder, how)
        rows: list[dict[str, Any]] = json.loads(rendered(frame, "json", session.stdout))
        return rows


def _request(table: pd.DataFrame, columns: list[str]) -> dict[str, str]:
    """Return the one row with files as text by name."""
    missing, unknown = [n for n in FILES if n not in columns], [n for n in columns if n not in (*FILES, *OPTIONS)]
    if missing or unknown:
        parts = [f"{word} {', '.join(names[:5])}" for word, names in (("lacks", missing), ("has", unknown)) if names]
        raise ModelError(
            f"A request for advice has the columns {', '.join(FILES)} and optionally {', '.join(OPTIONS)}, but this "
            f"one {' and '.join(parts)}. Send the contents of the files as text."
        )
    if len(table) != 1:
        raise ModelError(
            f"A request for advice has one row, but {len(table)} are given. Put all trades into one text, and send one "
            "request per ladder."
        )
    row = {name: table[name].iloc[0] for name in columns}
    found = {name: value for name, value in row.items() if isinstance(value, str)}
    blank = [name for name in FILES if not found.get(name, "").strip()]
    if blank:
        raise ModelError(f"A request for advice needs text in each of {', '.join(FILES)}, but {blank[0]} is blank.")
    return found


def _flag(row: Mapping[str, str]) -> bool:
    text = row.get("since_entry", "").strip().lower()
    if text not in _YES:
        raise ModelError(f"since_entry must be true or false, but is {text[:40]!r}.")
    return _YES[text]


def _assumed(row: Mapping[str, str]) -> str | None:
    text = row.get("assume", "").strip()
    if text not in ("", "followed", "untouched"):
        raise ModelError(f"assume must be followed or untouched, but is {text[:40]!r}.")
    return text or None


def _settings(text: str) -> Settings:
    """Return the settings of a request: no key of them opens a file of the server, and no run is recorded."""
    from exitladder.files.toml import parse_toml
    from exitladder.settings.tables import Settings

    try:
        table = parse_toml(text)
    except ValueError as error:
        raise SettingsError(f"settings must be TOML such as [costs] and commission_bps = 2, but: {error}.") from error
    refused = sorted(set(table) - set(_TABLES))
    if refused:
        raise SettingsError(
            f"Settings of a request may have the tables {', '.join(_TABLES)}, but these have {', '.join(refused)}. "
            "Remove it; the model brings the settings of its features."
        )
    data = table.get("data", {})
    if isinstance(data, dict) and (data.get("symbol_map") or data.get("dividends", "auto") not in _DIVIDENDS):
        raise SettingsError(
            "Settings of a request may not name files of the server, but data.symbol_map or data.dividends does. "
            f"Remove it; data.dividends may be {', '.join(_DIVIDENDS)}."
        )
    settings = Settings().with_values(table)
    return replace(settings, tracking=replace(settings.tracking, enabled=False))
