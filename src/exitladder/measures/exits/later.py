"""The whole position sold some bars or sessions after its first or last exit. It looks beyond the exit by design."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from exitladder.measures.exits.closed import ClosedTrades, Columns
from exitladder.measures.exits.sessions import Sessions


@dataclass(frozen=True)
class Horizons:
    """How much later a position is sold.

    Parameters
    ----------
    bars : sequence of int
        Bars after the exit's bar, each at least 1.
    sessions : sequence of int
        Sessions after the exit's, each at least 1; the end of the exit's own session always counts.

    Raises
    ------
    ValueError
        If a number is below 1.
    """

    bars: Sequence[int] = (5,)
    sessions: Sequence[int] = (1, 2, 3)

    def __post_init__(self) -> None:
        for name in ("bars", "sessions"):
            for value in getattr(self, name):
                if value < 1:
                    raise ValueError(f"{name} must be at least 1, but one is {value}.")


HORIZONS = Horizons()


def later_exits(closed: ClosedTrades, sessions: Sessions, horizons: Horizons) -> Columns:
    """Return what selling the whole position later would have added to the trade's exit, in R before commission.

    Parameters
    ----------
    closed : ClosedTrades
    sessions : Sessions
    horizons : Horizons

    Returns
    -------
    dict
        ``hindsight_{first|last}_exit_{5_bars|session_end|1_sessions}_later_r`` (``..._session_end_r``): R of the close
        5 bars after the bar of the first or last exit, of its session's last close, and of that of later sessions,
        each minus the trade's own exit. Negative if waiting would have cost. NaN beyond the end of the data.
    """
    found: Columns = {}
    own = closed.exit_r
    for name, exits in (("first", closed.first_exit), ("last", closed.last_exit)):
        bar = closed.bar[exits]
        for n in horizons.bars:
            then = np.where(bar + n < closed.end, bar + n, -1)
            found[f"hindsight_{name}_exit_{n}_bars_later_r"] = closed.close_r(then) - own
        found[f"hindsight_{name}_exit_session_end_r"] = closed.close_r(sessions.closing_bar(bar)) - own
        for n in horizons.sessions:
            found[f"hindsight_{name}_exit_{n}_sessions_later_r"] = closed.close_r(sessions.closing_bar(bar, n)) - own
    return found
