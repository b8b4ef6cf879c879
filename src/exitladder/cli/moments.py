"""The moment that ``--asof`` names."""

from __future__ import annotations

import re

import click

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


def moment_of(asof: str | None, tz: str, *, is_daily: bool) -> int | None:
    """Return the moment of ``--asof``, nanoseconds since 1970 UTC; None without it.

    Parameters
    ----------
    asof : str or None
        A date means its end.
    tz : str
        Time zone of stamps without one.
    is_daily : bool
        Whether dates are those of daily bars, which end at midnight UTC.

    Returns
    -------
    int or None

    Raises
    ------
    BadParameter
        If it is no date or time.
    """
    if asof is None:
        return None
    import pandas as pd

    from exitladder.clock import NO_TIME
    from exitladder.files.stamps import stamps_to_ns

    # A date means its end: at its start, not even that day's bar has begun.
    day = pd.to_datetime(asof, errors="coerce") if _DATE.fullmatch(asof.strip()) else pd.NaT
    until = asof if pd.isna(day) else f"{day + pd.Timedelta(days=1):%Y-%m-%d}"
    moment = int(stamps_to_ns(pd.Series([until]), "UTC" if is_daily and not pd.isna(day) else tz)[0])
    if moment == NO_TIME:
        raise click.BadParameter(
            f"must be a timestamp such as 2024-01-31T15:30Z, but is {asof!r}.", param_hint="'--asof'"
        )
    return moment
