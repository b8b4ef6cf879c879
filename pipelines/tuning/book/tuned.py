"""The numbers of a book tuned walk-forward, with the account of the parts that followed each tuning."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from exitladder.arrays import FloatArray, FloatTable
from exitladder.clock import DAY_NS
from exitladder.errors import LadderError
from exitladder.execution import simulate
from exitladder.execution.book.book import BookAccounts, BookResult, Curve, simulate_book
from exitladder.execution.signals import Signals
from exitladder.measures.book import WITHOUT, book_frame
from exitladder.pipelines.inputs.signals import refuse_series_of_trades
from exitladder.pipelines.inputs.usable_trades import NO_NOTES, TradeNotes
from exitladder.pipelines.tuning.book.accounts import MEASURE_OF, Days, measures
from exitladder.pipelines.tuning.book.candidates import NONE, OWN, Candidates, candidates_of
from exitladder.pipelines.tuning.book.evidence import (
    WALK,
    Compared,
    compare_accounts,
    recommended,
    sentence,
    verdict_text,
)
from exitladder.pipelines.tuning.book.numbers import Number
from exitladder.pipelines.tuning.book.walk import Part, Past, choose_each, part_cuts
from exitladder.pipelines.tuning.samples.labels import duplicate_note, fingerprints_of
from exitladder.plans.ladder import Ladder
from exitladder.plans.provenance import TunedOn
from exitladder.runtime.progress import SILENT, Progress
from exitladder.settings.tables import Settings
from exitladder.trades.trades import PlacedTrades

ALL_MONEY = "no limits, all the money they need"
EXIT_STAYS = "The exit of each trade stays as the plan states it; only numbers of the book are tuned."


@dataclass(frozen=True)
class TunedBook:
    """Numbers of a book tuned on all days, and the walk-forward account of tuning in this way.

    Parameters
    ----------
    placed : PlacedTrades
        Sorted by entry time.
    candidates : Candidates
    parts : tuple of Part
    final : int
        Number of the plan chosen on all days.
    objectives : float64 array, shape (n_plans, n_parts + 1)
        Before each cut, and on all days.
    objective : str
        Of `exitladder.pipelines.tuning.book.accounts.OBJECTIVES`.
    walk : BookResult
        Your own numbers up to the first cut, from each cut on those chosen before it, in one account.
    accounts : dict of str to dict
        Measures on the days from the first cut on, by name: ``WALK``, ``OWN``, ``NONE`` and `ALL_MONEY`.
    compared : dict of (str, str) to Compared
    table : DataFrame
        ``book.csv``: the walk-forward account at every close, beside the others.
    first_day, last_day : str
        Of the comparison.
    n_days : int
    notes : TradeNotes
    """

    placed: PlacedTrades
    candidates: Candidates
    parts: tuple[Part, ...]
    final: int
    objectives: FloatTable
    objective: str
    walk: BookResult
    accounts: Mapping[str, Mapping[str, float | None]]
    compared: Mapping[tuple[str, str], Compared]
    table: pd.DataFrame
    first_day: str
    last_day: str
    n_days: int
    notes: TradeNotes = field(default=NO_NOTES)

    @property
    def own(self) -> Ladder:
        """The user's own plan."""
        return self.candidates.plans[0]

    @property
    def against_own(self) -> Compared:
        """The comparison that the verdict is about."""
        return self.compared[WALK, OWN]

    @property
    def choice(self) -> str:
        """`WALK` for the numbers tuned on all days, `OWN` or `NONE`."""
        last = self.candidates.kind(self.final)
        return recommended(self.compared, last if last in (OWN, NONE) else WALK)

    @property
    def sentence(self) -> str:
        """The recommendation in words."""
        numbers = self.candidates.in_words(self.final)
        return sentence(self.choice, self.compared, numbers, (f"{self.n_days:,}", self.first_day, self.last_day))

    @cached_property
    def recommended(self) -> Ladder:
        """The plan to use from now on; ``[tuned]`` says on which trades, unless it is the user's own."""
        number = {OWN: 0, NONE: 1}.get(self.choice, self.final)
        plan = self.candidates.plans[number]
        if number == 0:
            return plan
        last = int(self.placed.bars.close_time.max())
        return replace(plan, tuned=self.provenance(len(self.placed), last, text=self.sentence))

    def provenance(self, n_trades: int, until: int, *, text: str = "") -> TunedOn:
        """Return the trades that numbers were tuned on: the first ones, up to a moment.

        Parameters
        ----------
        n_trades : int
        until : int
            Nanoseconds since 1970 UTC.
        text : str
            The verdict in words; that on the tuned numbers by default.

        Returns
        -------
        TunedOn
        """
        trades = fingerprints_of(self.placed.take(np.arange(n_trades)))
        return TunedOn(
            choice="ladder",
            exit="numbers of the book",
            verdict=self.against_own.kind,
            verdict_text=text or verdict_text(self.against_own),
            first=int(self.placed.trades.entry_time[0]),
            last=until,
            trades=frozenset(trades),
        )

    def plan_of(self, part: Part) -> Ladder:
        """Return the plan chosen before a part, with the trades that it was chosen on."""
        n_before = int((self.placed.trades.entry_time < part.cut).sum())
        return replace(self.candidates.plans[part.chosen], tuned=self.provenance(n_before, part.cut))

    def accounts_frame(self) -> pd.DataFrame:
        """Return the accounts side by side on the days out of sample, one row each."""
        return pd.DataFrame([{"account": name, **found} for name, found in self.accounts.items()])

    def folds_frame(self) -> pd.DataFrame:
        """Return a row per part: fold, from, n_trades, chosen, numbers, objective, own_objective (before it)."""
        return pd.DataFrame(
            [
                {
                    "fold": k,
                    "from": pd.Timestamp(part.cut, tz="UTC").isoformat(),
                    "n_trades": part.n_trades,
                    "chosen": self.candidates.kind(part.chosen),
                    "numbers": self.candidates.in_words(part.chosen),
                    "objective": part.objective,
                    "own_objective": part.own_objective,
                }
                for k, part in enumerate(self.parts, start=1)
            ]
        )

    def trials_frame(self) -> pd.DataFrame:
        """Return a row per plan: kind, its numbers, its objective before each cut and on all days, where chosen."""
        rows = []
        chosen = [part.chosen for part in self.parts]
        for k in range(len(self.candidates.plans)):
            before = {f"{self.objective}_before_{n}": self.objectives[k, n - 1] for n in range(1, len(chosen) + 1)}
            parts = [str(n) for n, one in enumerate(chosen, start=1) if one == k] + (
                ["final"] if k == self.final else []
            )
            rows.append(
                {
                    "trial": k,
                    "kind": self.candidates.kind(k),
                    **{number.key: value for number, value in self.candidates.numbers(k).items()},
                    **before,
                    self.objective: self.objectives[k, -1],
                    "chosen_in": ", ".join(parts),
                }
            )
        return pd.DataFrame(rows)

    def to_mapping(self) -> dict[str, Any]:
        """Return the values that ``exitladder tune`` prints, without the run."""
        final = self.candidates.numbers(self.final)
        used = self.candidates.numbers({OWN: 0, NONE: 1}.get(self.choice, self.final))
        data = self.notes.to_mapping()
        data["notes"] += [EXIT_STAYS, *duplicate_note(self.placed)]
        folds = self.folds_frame().to_dict("records")
        for row, part in zip(folds, self.parts, strict=True):
            row |= {name: _plain(row[name]) for name in ("objective", "own_objective")}
            row["values"] = _by_key(self.candidates.numbers(part.chosen))
        return {
            "kind": "book",
            "recommendation": self.sentence,
            "recommended": {"choice": self.choice, "numbers": _by_key(used)},
            "verdict": self.against_own.kind,
            "verdict_text": verdict_text(self.against_own),
            "objective": self.objective,
            "measure": MEASURE_OF[self.objective],
            "equity": self.own.book.equity,
            "numbers": [
                {
                    "number": f"{one.number.key} {one.number.sign}",
                    "own": one.number.own,
                    "tuned": final[one.number],
                    "values": list(one.values),
                }
                for one in self.candidates.searched
            ],
            "final": self.candidates.kind(self.final),
            "n_trials": len(self.candidates.plans),
            "n_possible": self.candidates.n_possible,
            "n_trades": len(self.placed),
            "n_test": sum(part.n_trades for part in self.parts),
            "scored_from": pd.Timestamp(self.parts[0].cut, tz="UTC").isoformat(),
            "first_day": self.first_day,
            "last_day": self.last_day,
            "n_days": self.n_days,
            "folds": folds,
            "accounts": self.accounts_frame().to_dict("records"),
            "comparisons": [one.to_mapping() for one in self.compared.values()],
            "data": data,
        }


def _by_key(numbers: Mapping[Number, float | None]) -> dict[str, float | None]:
    return {f"{number.key} {number.sign}": value for number, value in numbers.items()}


def _plain(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def check_tunable(plan: Ladder, placed: PlacedTrades) -> None:
    """Refuse a book whose accounts cannot be compared.

    Parameters
    ----------
    plan : Ladder
    placed : PlacedTrades

    Raises
    ------
    LadderError
    """
    refuse_series_of_trades(plan, placed)
    if plan.book.equity is None:
        raise LadderError(
            "tune compares accounts as shares of the starting money, but the plan has no book.equity. Add a table "
            "[book] with the money at the start, such as equity = 100000."
        )


def tune_book(
    placed: PlacedTrades,
    plan: Ladder,
    signals: Signals,
    settings: Settings,
    *,
    notes: TradeNotes = NO_NOTES,
    progress: Progress = SILENT,
) -> TunedBook:
    """Return the numbers of a book that are best on all past days, with the account of tuning in the same way.

    Before each part, every plan is judged by its account at the closes before the part: an account up to a moment
    reads no bar after it. The walk-forward account begins with the user's own numbers and goes on from part to part,
    each under the numbers chosen before it.

    Parameters
    ----------
    placed : PlacedTrades
        Sorted by entry time.
    plan : Ladder
        The user's own, with a book, limits or a target.
    signals : Signals
        The series that it reads.
    settings : Settings
    notes : TradeNotes
    progress : Progress

    Returns
    -------
    TunedBook

    Raises
    ------
    LadderError
        If the plan has no starting money.
    SettingsError
        If a number cannot be tuned.
    TradesError
        If there are too few trades.
    """
    check_tunable(plan, placed)
    candidates = candidates_of(plan, settings)
    plans, equity = candidates.plans, float(plan.book.equity or math.nan)
    entry_time = placed.trades.entry_time
    cuts = part_cuts(entry_time, settings.validation)
    books = BookAccounts(placed, plans, signals)
    with progress.stage("accounts of all plans", len(plans)) as advance:
        first = books.curve(plans[0])
        advance(1)
        days = Days.of(first.time, cuts)
        changes = np.zeros((len(plans), len(days.day)))
        changes[0] = days.changes(first, equity)
        for k, one in enumerate(plans[1:], start=1):
            changes[k] = days.changes(books.curve(one), equity)
            advance(1)
    begins = int((placed.bars.close_time[placed.entry_bar].min() - 1) // DAY_NS)
    past = Past(days, changes, begins, settings.tuning.book_objective)
    each = choose_each(past, entry_time, cuts, settings.validation.window)
    parts = tuple(part for part, _ in each)
    final, values = past.choose(len(cuts) + 1)
    with progress.stage("accounts out of sample", 3) as advance:
        walk = simulate_book(placed, plans[0], signals, later=[(part.cut, plans[part.chosen]) for part in parts])
        advance(1)
        none = books.curve(plans[0], [(int(cuts[0]), plans[1])])
        advance(1)
        alone = simulate(placed, plan.alone, signals)
        advance(1)
    table = book_frame(walk, alone)
    table["pnl_own"], table["pnl_no_limits"] = first.pnl, none.pnl
    curves = {WALK: walk.curve, OWN: first, NONE: none}
    curves[ALL_MONEY] = first._replace(pnl=table[WITHOUT].to_numpy(np.float64))
    shown = _out_of_sample(curves, days, equity, len(cuts))
    with progress.stage("comparing accounts", 1):
        compared = compare_accounts(shown.changes, shown.active, settings.tuning.book_objective, settings.intervals)
    return TunedBook(
        placed=placed,
        candidates=candidates,
        parts=parts,
        final=final,
        objectives=np.stack([*(some for _, some in each), values], axis=1),
        objective=settings.tuning.book_objective,
        walk=walk,
        accounts={name: measures(shown.changes[name], shown.active[name]) for name in curves},
        compared=compared,
        table=table,
        first_day=str(np.datetime64(shown.first, "D")),
        last_day=str(np.datetime64(int(days.day[-1]), "D")),
        n_days=int(days.day[-1]) - shown.first + 1,
        notes=notes,
    )


@dataclass(frozen=True)
class _OutOfSample:
    """Accounts by calendar day from the first cut on; arrays of shape (n_days,) by name."""

    first: int
    changes: dict[str, FloatArray]
    active: dict[str, np.ndarray]


def _out_of_sample(curves: Mapping[str, Curve], days: Days, equity: float, n_parts: int) -> _OutOfSample:
    first = int(days.day[days.part >= 1][0])
    names: Sequence[str] = list(curves)
    parts = (1, n_parts + 1)
    changes = days.daily(np.stack([days.changes(curves[name], equity) for name in names]), first, parts)
    held = days.daily(np.stack([days.held(curves[name]) for name in names]), first, parts)
    active = (held > 0) | (changes != 0)
    return _OutOfSample(first, dict(zip(names, changes, strict=True)), dict(zip(names, active, strict=True)))
