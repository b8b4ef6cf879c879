"""One ladder written for one program."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from exitladder.exporters import mql5, pine
from exitladder.exporters.asks import asks_of
from exitladder.exporters.ccxt_orders import OpenPosition, ccxt_json
from exitladder.exporters.header import header_lines
from exitladder.exporters.json_file import json_text
from exitladder.exporters.plan import plan_of
from exitladder.exporters.python_code import hook_names, python_file
from exitladder.exporters.targets import Target, check_asks, target_named
from exitladder.plans.ladder import Ladder

_PYTHON = {
    "backtesting": ("exit_rules", "replay", "on_backtesting"),
    "freqtrade": ("exit_rules", "on_freqtrade"),
    "vectorbt": ("exit_rules", "one_bar", "replay", "on_vectorbt"),
}


@dataclass(frozen=True)
class Exported:
    """A ladder written for another program.

    Parameters
    ----------
    target : Target
    text : str
        The file.
    hooks : tuple of str
        What the user has to fill in.
    """

    target: Target
    text: str
    hooks: tuple[str, ...]


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
        If the program cannot express the ladder.
    """
    target = target_named(to)
    hooked = check_asks(target, asks_of(ladder), hooks=hooks)
    if to == "json":
        return Exported(target, json_text(ladder), ())
    if to == "ccxt":
        names = tuple(f"{ask.place} = {ask.value}" for ask in hooked)
        return Exported(target, ccxt_json(ladder, hooked, position, exchanges), names)
    if to == "pine":
        names = tuple(pine.hook_names(hooked))
        text = pine.pine_file(ladder, header_lines(ladder, target, list(names)), hooked, f"exitladder {ladder.name}")
        return Exported(target, text, names)
    if to == "mql5":
        names = tuple(mql5.hook_names(hooked))
        return Exported(target, mql5.mql5_file(ladder, header_lines(ladder, target, list(names)), hooked), names)
    names = tuple(hook_names(hooked))
    text = python_file(header_lines(ladder, target, list(names)), plan_of(ladder), hooked, _PYTHON[to])
    return Exported(target, text, names)
