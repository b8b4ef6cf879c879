"""The measures of exits that are reported: their columns, trades, labels and whether they are hindsight."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Group = Literal["all", "winners", "losers"]


@dataclass(frozen=True)
class ExitMeasure:
    """A reported measure of exits: the mean of a column over a group of trades.

    Parameters
    ----------
    name : str
        Its key in ``exit_quality`` of summary.json.
    label : str
        At most 26 characters.
    column : str
        Of the table of exits; in R if it ends with ``_r``, else a share.
    group : {"all", "winners", "losers"}
        Winners and losers have a net result above or below zero.
    over : str
        If given, the measure is the sum of `column` over that of `over`, where `over` is above zero.
    """

    name: str
    label: str
    column: str
    group: Group = "all"
    over: str = ""

    @property
    def is_hindsight(self) -> bool:
        """Whether it uses prices that were not known at the exit."""
        return (self.over or self.column).startswith("hindsight_")

    @property
    def is_share(self) -> bool:
        """Whether it is a share, without a unit, rather than a result in R."""
        return bool(self.over) or not self.column.endswith("_r")


_FIXED = (
    ExitMeasure("net", "net result", "net_r"),
    ExitMeasure("mfe", "MFE", "mfe_r"),
    ExitMeasure("mae", "MAE", "mae_r"),
    ExitMeasure("position_mfe", "MFE of the position", "position_mfe_r"),
    ExitMeasure("position_mae", "MAE of the position", "position_mae_r"),
    ExitMeasure("heat_on_winners", "heat on winners (MAE)", "mae_r", "winners"),
    ExitMeasure("run_up_of_losers", "run-up of losers (MFE)", "mfe_r", "losers"),
    ExitMeasure("updraw", "updraw (MFE / target)", "updraw"),
    ExitMeasure("updraw_winners", "updraw of winners", "updraw", "winners"),
    ExitMeasure("updraw_losers", "updraw of losers", "updraw", "losers"),
    ExitMeasure("drawdown", "drawdown (MAE / stop)", "drawdown"),
    ExitMeasure("drawdown_winners", "drawdown of winners", "drawdown", "winners"),
    ExitMeasure("drawdown_losers", "drawdown of losers", "drawdown", "losers"),
    ExitMeasure("set_and_forget", "set and forget", "set_and_forget_r"),
    ExitMeasure("managing", "managing gave", "managing_r"),
    ExitMeasure("scaling", "scaling gave vs full hold", "scaling_r"),
    ExitMeasure("scaling_vs_first", "scaling gave vs first exit", "scaling_vs_first_r"),
    ExitMeasure("give_back", "give-back", "hindsight_give_back_r"),
    ExitMeasure("entry_efficiency", "entry efficiency", "hindsight_entry_efficiency"),
    ExitMeasure("exit_efficiency", "exit efficiency", "hindsight_exit_efficiency"),
    ExitMeasure("total_efficiency", "total efficiency", "hindsight_total_efficiency"),
    ExitMeasure("best_exit", "best last exit", "hindsight_best_exit_r"),
    ExitMeasure("best_exit_gain", "best last exit minus own", "hindsight_best_exit_gain_r"),
    ExitMeasure("best_exit_efficiency", "own / best last exit", "exit_r", over="hindsight_best_exit_r"),
)
_LATER = re.compile(r"hindsight_((first|last)_exit_(?:(session_end)|(\d+)_(bars|sessions)_later))_r")


def measures_of(columns: Iterable[str]) -> list[ExitMeasure]:
    """Return the measures of a table with these columns: the fixed ones, then its later exits."""
    later = []
    for column in columns:
        if found := _LATER.fullmatch(column):
            name, which, end, number, unit = found.groups()
            label = f"{which} exit at session end" if end else f"{which} exit + {number} {_unit(number, unit)}"
            later.append(ExitMeasure(name, label, column))
    return [*_FIXED, *later]


def _unit(number: str, unit: str) -> str:
    return unit.removesuffix("s") if number == "1" else unit
