"""A price on the losing side of every entry is no take-profit."""

from __future__ import annotations

import warnings

import pandas as pd
import pytest

from exitladder.errors import ExitladderWarning, LadderError
from exitladder.plans.file import ladder_from_mapping
from exitladder.plans.ladder import Ladder
from exitladder.trades.files import trades_from_frame
from exitladder.trades.targets import check_price_targets
from exitladder.trades.trades import Trades


def book(side: str, *prices: float, stop: float | None = None) -> Trades:
    rows = [{"trade_id": i, "symbol": "A", "side": side, "entry_price": p} for i, p in enumerate(prices)]
    return trades_from_frame(pd.DataFrame(rows).assign(entry_time="2024-01-02", quantity=1, stop_price=stop))


def plan(target: object) -> Ladder:
    return ladder_from_mapping({"rungs": [{"fraction": 0.5, "target": target}]})


@pytest.mark.parametrize(("side", "target"), [("long", 1), ("short", 500)])
def test_a_price_that_no_trade_can_mean_is_refused(side: str, target: float) -> None:
    with pytest.raises(LadderError, match=rf'losing side of all 2 entries \(50 to 60\).*Did you mean "{target}R"\?'):
        check_price_targets(plan(target), book(side, 50, 60))


def test_a_price_past_every_stop_is_refused() -> None:
    with pytest.raises(LadderError, match="never be met"):
        check_price_targets(plan(44), book("long", 50, 60, stop=45))


def test_a_partial_stop_out_by_price_is_a_warning() -> None:
    with pytest.warns(ExitladderWarning, match="partial stop-out"):
        check_price_targets(plan(47), book("long", 50, 60, stop=45))


def test_a_remote_price_is_a_warning_for_shorts_too() -> None:
    with pytest.warns(ExitladderWarning, match=r'factor of 5 away from all 2 entries. Did you mean "1R"'):
        check_price_targets(plan(1), book("short", 50, 60))


@pytest.mark.parametrize("target", [70, 55, "1R", "-0.5R"])
def test_other_targets_are_fine(target: object) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_price_targets(plan(target), book("long", 50, 60))
