"""Results of many plans on the same positions, from what closing at each close brings."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from exitladder.arrays import FloatArray, IntArray
from exitladder.options.positions.entering import initial_stop, risk_of
from exitladder.options.positions.plan import OptionPlan
from exitladder.options.positions.replay import holds
from exitladder.options.tuning.candidates import Candidate
from exitladder.options.tuning.paths import N_FEES, Path
from exitladder.plans.units import Condition

_SLACK = 1e-10
_IN_R = ("premium_r", "open_r", "mfe_r", "give_back_r")
_NEVER = np.iinfo(np.int64).max


class ResultTable:
    """Net results of plans, position by position.

    They are those of a replay of each position alone, to the rounding: sizes that exits of several positions share are
    not shared here.

    Parameters
    ----------
    paths : sequence of Path
    plan : OptionPlan
        The plan that the paths were made with: results are in its R, whatever the stop of a candidate.
    """

    def __init__(self, paths: Sequence[Path], plan: OptionPlan) -> None:
        self.paths, self.costs = paths, plan.costs
        n = np.array([len(path.gain) + 1 for path in paths], dtype=np.int64)
        self.starts = np.concatenate([[0], np.cumsum(n)[:-1]])
        self.last = self.starts + n - 1
        self.repeat = np.repeat(np.arange(len(paths)), n)
        names = list(paths[0].values) if paths else []
        self.values = {name: self._flat([path.values[name] for path in paths]) for name in names}
        self.gain = self._flat([path.gain for path in paths])
        self.money = np.concatenate([path.money for path in paths])
        self.fees = np.concatenate([path.fees for path in paths])
        self.quantity = np.array([path.quantity for path in paths], dtype=np.float64)
        self.entry_cost = np.array([path.entry_cost for path in paths])
        self.at_risk = np.array([p.risk * p.quantity * p.trade.multiplier for p in paths])
        self._fired: dict[tuple[tuple[Condition, ...], float | None], IntArray] = {}
        self._of_stop: dict[float, tuple[FloatArray, IntArray]] = {}
        self._sizes: dict[tuple[float, ...], list[FloatArray]] = {}

    def __len__(self) -> int:
        return len(self.paths)

    def net_r(self, candidate: Candidate) -> FloatArray:
        """Return the net results of a plan in R of the table's plan, shape (n_positions,).

        Parameters
        ----------
        candidate : Candidate

        Returns
        -------
        float64 array
            NaN if a position has no R under the candidate: a short without a stop.
        """
        ratio, out = self._stop(candidate.stop)
        rests = [rung for rung in candidate.rungs if rung.sells_rest]
        for rung in rests:
            out = np.minimum(out, self._first(rung.when, candidate.stop))
        parts = [rung for rung in candidate.rungs if not rung.sells_rest]
        left, total = self.quantity.copy(), np.zeros(len(self.paths))
        for rung, size in zip(parts, self._quantities(tuple(r.fraction for r in parts)), strict=True):
            at = self._first(rung.when, candidate.stop)
            sold = np.where(at < out, np.minimum(size, left), 0.0)
            total += self._money(np.minimum(at, self.last), sold)
            left -= sold
        total += self._money(np.minimum(out, self.last), left)
        return np.where(np.isfinite(ratio), total / self.at_risk, np.nan)

    def _flat(self, parts: Sequence[FloatArray]) -> FloatArray:
        """Return values of closes with an unknown one for expiry after those of each position."""
        return np.concatenate([np.append(part, np.nan) for part in parts])

    def _money(self, rows: IntArray, quantity: FloatArray) -> FloatArray:
        """Return the net money of closing some contracts at a close."""
        share = quantity / self.quantity
        found = share * (self.money[rows] - self.entry_cost)
        for k in range(N_FEES):
            fee = self.fees[rows, k]
            paid = np.maximum(fee * share + self.costs.commission_fixed, self.costs.commission_min)
            found -= np.where(np.isnan(fee) | (share == 0), 0.0, paid)
        return np.where(share == 0, 0.0, found)

    def _stop(self, share: float) -> tuple[FloatArray, IntArray]:
        """Return R with a stop at a share of the premium over R of the table, and the close that reaches it."""
        key = -1.0 if math.isnan(share) else share
        if key not in self._of_stop:
            stops = [initial_stop(path.trade, path.premium, share) for path in self.paths]
            both = list(zip(self.paths, stops, strict=True))
            losses = np.array([path.trade.side * (path.premium - stop) for path, stop in both])
            ratio = np.array([risk_of(path.trade, path.premium, stop) / path.risk for path, stop in both])
            with np.errstate(invalid="ignore"):
                hit = self.gain <= -losses[self.repeat] + _SLACK
            self._of_stop[key] = ratio, self._earliest(hit)
        return self._of_stop[key]

    def _first(self, when: tuple[Condition, ...], stop: float) -> IntArray:
        """Return the row of the first close of each position at which conditions hold."""
        in_r = any(condition.series in _IN_R for condition in when)
        key = (when, (-1.0 if math.isnan(stop) else stop) if in_r else None)
        if key not in self._fired:
            hit = np.ones(len(self.repeat), dtype=bool)
            for condition in when:
                values = self.values[condition.series]
                if condition.series in _IN_R:
                    values = values / self._stop(stop)[0][self.repeat]
                with np.errstate(invalid="ignore"):
                    hit &= holds(condition, values)
            self._fired[key] = self._earliest(hit)
        return self._fired[key]

    def _earliest(self, hit: np.ndarray) -> IntArray:
        rows = np.where(hit, np.arange(len(hit)), _NEVER)
        return np.minimum.reduceat(rows, self.starts)

    def _quantities(self, fractions: tuple[float, ...]) -> list[FloatArray]:
        """Return the contracts of each part; what rounding removes passes to the next one (X9)."""
        if fractions not in self._sizes:
            found, sold, total = [], np.zeros(len(self.paths)), 0.0
            for fraction in fractions:
                total += fraction
                found.append(np.floor(self.quantity * total + 1e-9) - sold)
                sold = sold + found[-1]
            self._sizes[fractions] = found
        return self._sizes[fractions]
