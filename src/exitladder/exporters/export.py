"""One ladder written for one program."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from exitladder.exporters import mql5, pine
from exitladder.exporters.asks import asks_of
from exitladder.exporters.ccxt_orders import OpenPosition, ccxt_json, check_exchanges
from exitladder.exporters.header import header_lines
from exitladder.exporters.json_file import json_text
from exitladder.exporters.plan import plan_of
from exitladder.exporters.python_code import hook_names, python_file
from exitladder.exporters.targets import Target, check_asks, target_named
from exitladder.plans.ladder import Ladder
from exitladder.plans.limits import refuse_limits
from exitladder.runtime.shown import Shown

if TYPE_CHECKING:
    import pandas as pd

_PYTHON = {
    "backtesting": ("exit_rules", "replay", "on_backtesting_rows", "on_backtesting"),
    "backtesting with adds": (
        "exit_rules", "growing", "growing_bar", "replay", "on_backtesting_rows", "on_backtesting_with_adds",
    ),
    "freqtrade": ("exit_rules", "growing", "on_freqtrade"),
    "vectorbt": ("exit_rules", "growing", "one_bar", "growing_bar", "replay", "on_vectorbt"),
}  # fmt: skip
_ORDERS_OF_BOOKS = (
    "`exitladder score` lists every evening what the book sells and buys at the next open. To export the exits alone, "
    "leave these tables out."
)


@dataclass(frozen=True, repr=False)
class Exported(Shown):
    """A ladder written for another program.

    Parameters
    ----------
    target : Target
    text : str
        The file.
    hooks : tuple of str
        What the user has to fill in.
    differs : tuple of str
        Rules on which its fills differ from exitladder's, of the parts that the ladder has.
    """

    target: Target
    text: str
    hooks: tuple[str, ...]
    differs: tuple[str, ...] = ()

    def headline(self) -> str:
        """Return the program, the length of the file, and how much is left to fill in."""
        lines = len(self.text.splitlines())
        left = f", {len(self.hooks)} to fill in" if self.hooks else ""
        return f"{self.target.title}, {lines:,} lines{left}."

    def to_frame(self) -> pd.DataFrame:
        """Return what you have to fill in, and which fills differ from exitladder's."""
        import pandas as pd

        rows = [("fill in", text) for text in self.hooks] + [("differs", text) for text in self.differs]
        return pd.DataFrame(rows, columns=["kind", "text"])

    def write(self, out: str | os.PathLike[str]) -> Path:
        """Write the file, and return its path."""
        from exitladder.files.output import write_text

        write_text(self.text, Path(out))
        return Path(out)


def export_ladder(
    ladder: Ladder,
    to: str,
    *,
    hooks: bool = False,
    position: OpenPosition | None = None,
    exchanges: Sequence[str] = (),
) -> Exported:
    """Return a ladder as a file for another program.

    Parameters
    ----------
    ladder : Ladder
    to : str
        One of `exitladder.exporters.targets.NAMES`.
    hooks : bool
        Write a function to fill in for each rule that the program cannot express, instead of refusing the ladder.
    position : OpenPosition, optional
        ccxt only: the position that the orders are for.
    exchanges : sequence of str
        ccxt only: ccxt ids of the exchanges; all known ones if empty.

    Returns
    -------
    Exported

    Raises
    ------
    LadderError
        If the program cannot express the ladder, or an exchange is unknown.
    """
    target = target_named(to)
    check_exchanges(exchanges)
    refuse_limits(ladder, "A program that trades one position at a time", _ORDERS_OF_BOOKS)
    hooked = check_asks(target, asks_of(ladder), hooks=hooks)
    differs = target.differs_for(ladder)
    if to == "json":
        return Exported(target, json_text(ladder), ())
    if to == "ccxt":
        names = tuple(f"{ask.place} = {ask.value}" for ask in hooked)
        return Exported(target, ccxt_json(ladder, hooked, position, exchanges), names, differs)
    if to == "pine":
        names = tuple(pine.hook_names(hooked))
        text = pine.pine_file(ladder, header_lines(ladder, target, list(names)), hooked, f"exitladder {ladder.name}")
        return Exported(target, text, names, differs)
    if to == "mql5":
        names = tuple(mql5.hook_names(hooked))
        return Exported(
            target, mql5.mql5_file(ladder, header_lines(ladder, target, list(names)), hooked), names, differs
        )
    names = tuple(hook_names(hooked))
    with_adds = f"{to} with adds"
    programs = _PYTHON[with_adds if ladder.adds and with_adds in _PYTHON else to]
    text = python_file(header_lines(ladder, target, list(names)), plan_of(ladder), hooked, programs)
    return Exported(target, text, names, differs)
