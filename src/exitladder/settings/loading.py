"""Loading of settings from a file and from overrides on the command line."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from exitladder.errors import SettingsError
from exitladder.files.toml import parse_toml, read_toml
from exitladder.settings.tables import Settings


def load_settings(path: str | Path | None, overrides: Iterable[str] = ()) -> Settings:
    """Return the settings of a file with ``table.key=value`` overrides; None gives the defaults.

    Raises
    ------
    InputFileError
        If the file cannot be read.
    SettingsError
        If a key is unknown, or a value has the wrong type or is out of range.
    """
    settings = Settings()
    if path is not None:
        settings = settings.with_values(read_toml(path, "settings", SettingsError), f"settings ({path})")
    changes: dict[str, dict[str, Any]] = {}
    for override in overrides:
        for table, values in _parse_override(override).items():
            changes.setdefault(table, {}).update(values)
    # All at once: a key that requires another one may come before it.
    return settings.with_values(changes, "settings") if changes else settings


def _parse_override(text: str) -> dict[str, dict[str, Any]]:
    name, equals, value = text.partition("=")
    table, dot, key = name.strip().partition(".")
    if not equals or not dot:
        raise SettingsError(f"An override must read table.key=value, such as tuning.n_trials=50, but is {text!r}.")
    try:
        parsed = parse_toml(f"value = {value.strip()}")["value"]
    except ValueError:
        parsed = value.strip()
    return {table: {key: parsed}}
