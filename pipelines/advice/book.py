"""What a book sells and buys at the next open, as orders of each open trade."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import pandas as pd

from exitladder.errors import LadderError
from exitladder.execution.book.tonight import (
    DAILY_LOSS,
    LIMIT,
    MARGIN_CALL,
    TARGET,
    AccountNow,
    Holdings,
    Tonight,
    tonight,
)
from exitladder.pipelines.advice.adds.happened import entries_of, held_average
from exitladder.pipelines.advice.adds.sets import NO_ADDS, TARGET_ADD
from exitladder.pipelines.advice.orders import Order, closing_side, without_noise
from exitladder.pipelines.advice.rows.columns import LIMIT_COLUMNS
from exitladder.pipelines.advice.rows.followed import Followed
from exitladder.pipelines.advice.rows.quantities import quantity_held
from exitladder.pipelines.inputs.job import Job
from exitladder.plans.ladder import Ladder
from exitladder.plans.resting_adds import AddOrder, StandingAdds

__all__ = ["DAILY_LOSS", "LIMIT", "MARGIN_CALL", "TARGET", "AccountNow", "BookTonight", "check_account"]


@dataclass(frozen=True)
class BookTonight:
    """The book that open trades belong to.

    Parameters
    ----------
    plan : Ladder
        With limits, a target or a book.
    account : AccountNow
        At the last close.
    is_complete : bool
        Whether all open trades of the file can be scored.
    """

    plan: Ladder
    account: AccountNow
    is_complete: bool = True


def check_account(plan: Ladder, account: AccountNow | None) -> AccountNow:
    """Return the account at the last close, or ask for what a plan reads and no file states.

    Parameters
    ----------
    plan : Ladder
    account : AccountNow or None

    Returns
    -------
    AccountNow

    Raises
    ------
    LadderError
        If the files do not tell the state of a plan's adds, or a number is missing or impossible.
    """
    if plan.adds and (plan.add_rules.after_exit or any(add.stop is not None for add in plan.adds)):
        key = "add_rules.after_exit" if plan.add_rules.after_exit else "adds.stop"
        raise LadderError(
            f"score cannot follow '{plan.name}', which has [[adds]] with {key} and limits or a book: no file tells "
            "which adds a limit has withdrawn. Use `exitladder backtest` for it, or leave one of them out."
        )
    if account is None or not (np.isfinite(account.equity)):
        if plan.book.equity is None:
            # limits on the state of trades alone need no account
            return AccountNow(float("inf"))
        raise LadderError(
            f"The limits of '{plan.name}' are shares of the account's equity tonight, which no file states. Give it "
            "with --equity: the money in the account with open positions at their last close."
        )
    reads = {c.series for limit in plan.book.limits for c in limit.when}
    if "drawdown_equity" in reads and account.peak is None:
        raise LadderError(
            f"A limit of '{plan.name}' reads drawdown_equity, the fall from the highest close of equity, which no file "
            "states. Give that close with --peak-equity."
        )
    if plan.book.daily_loss is not None and account.before is None:
        raise LadderError(
            f"'{plan.name}' has book.daily_loss, a share of the equity at the close of the day before, which no file "
            "states. Give it with --equity-before."
        )
    return account


def with_reductions(
    job: Job, book: BookTonight, followed: Sequence[Followed], assume: str
) -> tuple[list[Followed], list[dict[str, Any]]]:
    """Return open trades with what their book sells and buys at the next open.

    Parameters
    ----------
    job : Job
    book : BookTonight
    followed : sequence of Followed
        All open trades that can be scored.
    assume : {"", "followed", "untouched"}
        The open quantity where ``quantity_open`` is blank.

    Returns
    -------
    followed : list of Followed
        With the order of a reduction or a purchase, and without adds that are withdrawn.
    more : list of dict
        Of each trade: its columns ``LIMIT_COLUMNS``, and ``reasons`` and ``warnings`` to add.
    """
    units = np.array([quantity_held(one, assume)[0] for one in followed], dtype=np.float64)
    held = Holdings(
        followed[0].placed,
        [(one.done, one.k) for one in followed],
        units,
        is_complete=book.is_complete and bool(np.isfinite(units).all()),
        leaving=np.array([_sold_by_itself(one) for one in followed]),
        averages=np.array([_averages(one, book.plan) for one in followed]),
    )
    before = _held_before(followed)
    found = tonight(book.plan, held, job.signals([book.plan]), book.account, before)
    kind: Literal["limits", "target"] = "limits" if book.plan.target is None else "target"
    done = [
        _with_order(_of_all(replace(one, of_book=kind), float(units[k])), found, float(held.averages[k, 0]))
        for k, one in enumerate(followed)
    ]
    return done, [_columns(i, found) for i in range(len(followed))]


def _held_before(followed: Sequence[Followed]) -> dict[int, list[str]]:
    """Return the limits whose conditions held at the close before this one, from the earlier scores."""
    found: dict[int, list[str]] = {}
    for i, one in enumerate(followed):
        previous = one.previous or {}
        held = _names(previous.get("limits_held"))
        # scored again after the same close: what has fired at it fires again
        if not pd.isna(previous.get("asof")) and pd.to_datetime(str(previous["asof"]), utc=True) == one.asof:
            fired = _names(previous.get("limits_fired"))
            held = [name for name in held if name not in fired]
        for name in held:
            found.setdefault(-1 if name.startswith("book.") else i, []).append(name)
    return found


def _names(value: Any) -> list[str]:
    """Return names from a list, or from the text of a CSV file."""
    if isinstance(value, str):
        return [name.strip() for name in value.split(";") if name.strip()]
    return [str(name) for name in value] if isinstance(value, (list, tuple)) else []


def _of_all(one: Followed, held: float) -> Followed:
    """Return a trade whose orders for all of it cover what a target has bought too."""
    if one.of_book != "target" or not held > 0:
        return one
    standing = [
        replace(order, quantity=max(order.quantity, held)) if order.rung is None and order.type != "limit" else order
        for order in one.standing
    ]
    return replace(one, standing=standing)


def _sold_by_itself(one: Followed) -> float:
    """Return the quantity that a trade's own orders sell at the next open."""
    return float(sum(order.quantity for order in one.standing if order.type == "market"))


def _averages(one: Followed, plan: Ladder) -> tuple[float, float]:
    """Return the average price of all entries and of the quantity held, if the fills show that a target has bought."""
    trades, i = one.placed.trades, one.i
    entries = entries_of(trades, i) if plan.target is not None else None
    if entries is None or len(entries.price) < 2:
        return float("nan"), float("nan")
    return float(np.average(entries.price, weights=entries.quantity)), held_average(trades, i)


def _with_order(one: Followed, found: Tonight, average: float) -> Followed:
    """Return a trade with the order of its reduction, less what its own orders sell at the open (B9), or purchase."""
    if one.i in found.without_adds:
        one = replace(one, adds=NO_ADDS)
    if np.isfinite(average) and one.state is not None:
        one = replace(one, state={**one.state, "average_entry": average})
    sale, purchase = found.reductions.get(one.i), found.purchases.get(one.i)
    if one.state is None or one.status == "closed" or one.begins_later:
        return one
    if purchase is not None:
        bought = AddOrder(TARGET_ADD, "market", purchase.quantity, float("nan"), one.price, None)
        return replace(one, adds=StandingAdds((bought,)))
    if sale is None:
        return one
    left = without_noise(sale.quantity - _sold_by_itself(one))
    if left <= 0:
        return one
    order = Order("market", closing_side(one.side), left, None, None, sale.order)
    return replace(one, standing=[*one.standing, order])


def _columns(i: int, found: Tonight) -> dict[str, Any]:
    sale = found.reductions.get(i)
    both: dict[str, Mapping[int, list[str]]] = {"limits_held": found.held, "limits_fired": found.fired}
    names = {column: [*of.get(i, []), *of.get(-1, [])] for column, of in both.items()}
    bought = [found.purchases[i].reason] if i in found.purchases else []
    return {
        **{column: names[column] for column in LIMIT_COLUMNS},
        "reasons": [*(sale.reasons if sale is not None else ()), *bought],
        "warnings": list(found.notes),
    }
