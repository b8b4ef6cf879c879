"""How files are read where they do not say it themselves: zone, order of dates, decimal mark, names, bounds."""

from __future__ import annotations

from dataclasses import dataclass

from exitladder.errors import ExitladderError

STAMPS = ("auto", "start", "end")
DATE_ORDERS = ("auto", "dayfirst", "monthfirst")
DECIMALS = ("auto", ".", ",")
MEGABYTE = 1_000_000


@dataclass(frozen=True)
class Conventions:
    """What the user says about files; each is used only where a file leaves it open.

    Parameters
    ----------
    tz : str
        Time zone of stamps that carry none.
    stamps : {"auto", "start", "end"}
        Which end of a bar its stamp names. With "auto", the start, unless the format is known to stamp the end.
    dates : {"auto", "dayfirst", "monthfirst"}
        Order of day and month in dates such as 01/02/2024.
    decimal : {"auto", ".", ","}
        Decimal mark of numbers written as text.
    columns : tuple of str
        Names of the columns of a text file without a header line.
    symbol : str
        Symbol of a file or table that holds one.
    symbol_map : str
        CSV file with two columns: a symbol as the files write it, and its new name.
    max_unpacked_mb : int
        Most megabytes a packed file may unpack to.
    max_columns : int
        Most columns a table may have.
    """

    tz: str = "UTC"
    stamps: str = "auto"
    dates: str = "auto"
    decimal: str = "auto"
    columns: tuple[str, ...] = ()
    symbol: str = ""
    symbol_map: str = ""
    max_unpacked_mb: int = 4000
    max_columns: int = 2000

    def checked(self, error: type[ExitladderError]) -> Conventions:
        """Return these conventions if each value is allowed.

        Raises
        ------
        error
            If one is not.
        """
        for name, allowed in (("stamps", STAMPS), ("dates", DATE_ORDERS), ("decimal", DECIMALS)):
            value = getattr(self, name)
            if value not in allowed:
                raise error(f"{name} must be one of {', '.join(map(repr, allowed))}, but is {value!r}.")
        return self


PLAIN = Conventions()
