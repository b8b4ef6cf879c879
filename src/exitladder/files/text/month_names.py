"""Names of months and weekdays in dates: one language for a whole column."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

# full names and usual abbreviations (Unicode CLDR), January first, without accents
_MONTHS = {
    "English": "jan january|feb february|mar march|apr april|may|jun june|jul july|aug august|sep sept september"
    "|oct october|nov november|dec december",
    "German": "jan januar jaen jaenner|feb februar|maer maerz mrz|apr april|mai|jun juni|jul juli|aug august"
    "|sep sept september|okt oktober|nov november|dez dezember",
    "French": "jan janv janvier|fev fevr fevrier|mar mars|avr avril|mai|juin|juil juillet|aou aout|sep sept septembre"
    "|oct octobre|nov novembre|dec decembre",
    "Spanish": "ene enero|feb febrero|mar marzo|abr abril|may mayo|jun junio|jul julio|ago agosto"
    "|sep sept set septiembre setiembre|oct octubre|nov noviembre|dic diciembre",
    "Italian": "gen gennaio|feb febbraio|mar marzo|apr aprile|mag maggio|giu giugno|lug luglio|ago agosto"
    "|set sett settembre|ott ottobre|nov novembre|dic dicembre",
    "Portuguese": "jan janeiro|fev fevereiro|mar marco|abr abril|mai maio|jun junho|jul julho|ago agosto"
    "|set setembro|out outubro|nov novembro|dez dezembro",
    "Dutch": "jan januari|feb februari|mrt maart|apr april|mei|jun juni|jul juli|aug augustus|sep sept september"
    "|okt oktober|nov november|dec december",
}  # fmt: skip
LANGUAGES = tuple(_MONTHS)
_NUMBERS = {
    language: {name: k for k, names in enumerate(text.split("|"), start=1) for name in names.split()}
    for language, text in _MONTHS.items()
}
# the first letters of names, which more letters may follow; names of two letters, which none may
WEEKDAYS = (
    "mon|tue|wed|thu|fri|sat|sun|montag|dienstag|mittwoch|donnerstag|freitag|samstag|sonnabend|sonntag"
    "|lun|mar|mer|mié|mie|jeu|jue|gio|ven|vie|sam|sáb|sab|dim|dom|mart|merc|giov|sabat|domen"
    "|seg|ter|qua|qui|sex|maan|din|woe|don|vrij|zat|zon"
)
SHORT_WEEKDAYS = "mo|di|mi|do|fr|sa|so|ma|wo|vr|za|zo"


def _plain(name: str) -> str:
    """Return a name in lower case without accents; a German umlaut becomes its vowel and an e."""
    name = unicodedata.normalize("NFC", name).lower().replace("ä", "ae")
    return "".join(c for c in unicodedata.normalize("NFD", name) if not unicodedata.combining(c))


def month_numbers(names: Iterable[str]) -> tuple[dict[str, int], str]:
    """Return the number of each month of a column by its name, and why the names cannot be read.

    Parameters
    ----------
    names : iterable of str
        Distinct names as written.

    Returns
    -------
    numbers : dict of str to int
        Empty if no language has all names.
    problem : str
        Rule, value and cure, without a full stop; empty if one language has all names.

    Examples
    --------
    >>> month_numbers(["Mär", "Okt"]), month_numbers(["août"])[0]
    (({'Mär': 3, 'Okt': 10}, ''), {'août': 8})
    >>> month_numbers(["März", "août"])[1][:63]
    'All months of a column must be in one language, but no language'
    """
    plain = {name: _plain(name) for name in names}
    for table in _NUMBERS.values():
        if all(word in table for word in plain.values()):
            return {name: table[word] for name, word in plain.items()}, ""
    # the names that the best language lacks
    lacking = min(([n for n, word in plain.items() if word not in table] for table in _NUMBERS.values()), key=len)
    shown = ", ".join(repr(name) for name in [*lacking[:1], *(n for n in plain if n not in lacking[:1])][:4])
    return {}, (
        f"All months of a column must be in one language, but no language of {', '.join(LANGUAGES)} has {shown}. Write "
        "dates such as 2024-01-31"
    )
