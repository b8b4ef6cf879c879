"""Keys of a plan without effect, because another key or table is missing; each is named with the cure."""

from __future__ import annotations

import math
from collections.abc import Iterator

from exitladder.plans.ladder import Ladder
from exitladder.plans.size import Size
from exitladder.plans.units import Distance


def keys_without_effect(ladder: Ladder) -> list[str]:
    """Return a sentence for each key of a plan that has no effect; keys of the wrong rule are refused before.

    Parameters
    ----------
    ladder : Ladder

    Returns
    -------
    list of str
        Key, reason and cure.

    Examples
    --------
    >>> from exitladder.plans.file import ladder_from_mapping
    >>> keys_without_effect(ladder_from_mapping({"size": {"maximum": 3.0}}))  # doctest: +ELLIPSIS
    ['size.maximum has no effect: it is a multiple of the first quantity, and the plan has no [[adds]]...']
    """
    return [*_of_size(ladder), *_of_adds(ladder), *_of_account(ladder)]


def _of_size(ladder: Ladder) -> Iterator[str]:
    size = ladder.size
    if size.ruin != Size().ruin and ladder.book.equity is None:
        yield (
            "size.ruin has no effect: the risk of ruin needs the money in the account, and book.equity is not set. Add "
            "equity to [book], or leave it out."
        )
    elif size.ruin != Size().ruin and ladder.shares_account:
        yield "size.ruin has no effect: the risk of ruin is not computed for a book. Leave it out."
    if size.maximum is not None and not ladder.adds and ladder.target is None:
        yield (
            "size.maximum has no effect: it is a multiple of the first quantity, and the plan has no [[adds]] that "
            "exceed it. Leave it out, or set maximum_units or maximum_money."
        )


def _of_adds(ladder: Ladder) -> Iterator[str]:
    rules, time = ladder.add_rules, ladder.stop.time
    reduces = ladder.rungs or ladder.limits or ladder.book.limits or ladder.target is not None
    if rules.after_exit and not reduces:
        yield "add_rules.after_exit has no effect: nothing sells a part of the position. Leave it out or add [[rungs]]."
    if rules.until_bars is not None and time is not None and rules.until_bars >= time:
        yield (
            f"add_rules.until_bars = {rules.until_bars} has no effect: the time stop ends the position after {time} "
            "bars. Set fewer bars, or leave it out."
        )
    depth = 0.0  # R below the entry at which the add before is planned
    for number, add in enumerate(ladder.adds, start=1):
        if add.at is None or add.at.unit != "R":
            depth = math.nan
            continue
        depth = depth - add.at.value if number > 1 and add.spacing == "previous" else -add.at.value
        if depth > 0 and isinstance(add.stop, Distance) and add.stop.unit == "R" and add.stop.value + depth >= 1:
            yield (
                f"adds[{number}].stop has no effect: {add.stop} below an add that is {depth:.4g}R below the entry is "
                f"{add.stop.value + depth:.4g}R, at or beyond the initial stop, and a stop only tightens. Give a "
                f"distance below {max(1 - depth, 0):.4g}R, or leave it out."
            )


def _of_account(ladder: Ladder) -> Iterator[str]:
    book, execution, risk = ladder.book, ladder.execution, ladder.risk
    if book.margin_call != "worst" and execution.maintenance_margin == 0:
        yield (
            "book.margin_call has no effect: execution.maintenance_margin, which it tests, is 0. Set the rate, or "
            "leave it out."
        )
    if ladder.shares_account and book.margin is not None and execution.leverage > 0:
        yield (
            "execution.leverage has no effect: book.margin states the margin rate of the book. Leave one of them out."
        )
    if execution.maintenance_margin > 0 and execution.leverage == 0 and not ladder.shares_account:
        yield (
            "execution.maintenance_margin has no effect: without execution.leverage nothing is liquidated. Set the "
            "leverage, or leave it out."
        )
    if risk.degrees is not None and risk.method != "parametric":
        yield (
            f'risk.degrees has no effect: risk.method is "{risk.method}", and only "parametric" uses Student\'s t. '
            "Leave it out."
        )
