"""Keys of the settings and their validation."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import field
from typing import Any

from exitladder.errors import SettingsError, did_you_mean
from exitladder.plans.units import Distance
from exitladder.secrets import masked, secret_in
from exitladder.settings.ranges import DistanceRange


def _key(
    default: Any,
    text: str,
    least: float | None = None,
    most: float | None = None,
    among: tuple[str, ...] = (),
    kind: type[Any] | None = None,
) -> Any:
    """Return a key with its default, comment and limits; `kind` is the item type of a list that may be empty."""
    meta = {"text": text, "least": least, "most": most, "among": among, "kind": kind}
    if isinstance(default, list):
        return field(default_factory=lambda: tuple(default), metadata=meta)
    return field(default=default, metadata=meta)


def refuse_secrets(value: Any, place: str = "") -> None:
    """Raise SettingsError if a text anywhere in nested tables carries a password."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            refuse_secrets(item, f"{place}.{key}" if place else str(key))
    elif isinstance(value, (list, tuple)):
        for item in value:
            refuse_secrets(item, place)
    elif isinstance(value, str) and (found := secret_in(value)):
        raise SettingsError(
            f"{place} must not hold a password, because settings are stored with each run, but it has {found}: "
            f"{masked(value)!r}. Set it in the environment: PGPASSWORD or PGPASSFILE for PostgreSQL, "
            "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD or MLFLOW_TRACKING_TOKEN for an MLflow server."
        )


def _checked(value: Any, key: Any, place: str) -> Any:
    if place == "features.series" or key.metadata["kind"] in (DistanceRange, Distance):
        return value  # checked by the table itself
    default = key.default if key.default_factory is MISSING_TYPE else key.default_factory()
    least, most, among = key.metadata["least"], key.metadata["most"], key.metadata["among"]
    if isinstance(default, tuple):
        items = (value,) if not isinstance(value, (list, tuple)) else tuple(value)
        kind = key.metadata["kind"] or type(default[0])
        checked = tuple(_within(_one(item, kind, place), least, most, among, place) for item in items)
        if not checked and key.metadata["kind"] is None:
            raise SettingsError(f"{place} must have at least one value, but is empty.")
        if kind is str:
            return checked
        if len(checked) > 2 or (checked and checked[0] > checked[-1]):
            raise SettingsError(f"{place} must be one value or [least, most], but is {value!r}.")
        return (checked[0], checked[-1]) if checked else ()
    return _within(_one(value, type(default), place), least, most, among, place)


def _within(result: Any, least: float | None, most: float | None, among: tuple[str, ...], place: str) -> Any:
    if among and result not in among:
        raise SettingsError(
            f"{place} must be one of {', '.join(among)}, but is {result!r}. {did_you_mean(str(result), among)}"
        )
    if least is not None and result < least:
        raise SettingsError(f"{place} must be at least {least:g}, but is {result!r}.")
    if most is not None and result > most:
        raise SettingsError(f"{place} must be at most {most:g}, but is {result!r}.")
    return result


def _one(value: Any, kind: type[Any], place: str) -> Any:
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if type(value) is not kind or (isinstance(value, float) and not math.isfinite(value)):
        names = {int: "an integer", float: "a number", str: "a string", bool: "true or false"}
        raise SettingsError(f"{place} must be {names[kind]}, but is {value!r}.")
    return value


MISSING_TYPE = field().default_factory
