"""The screen of `score` fits 80 columns: one line per trade, the most urgent first, and the details below."""

from __future__ import annotations

import pandas as pd
import pytest

from exitladder.bars.bars import BarSet
from exitladder.cli.screens.score import score_screen
from exitladder.pipelines.advice.open_trades import Management
from exitladder.pipelines.advice.rows.columns import COLUMNS, URGENCIES
from exitladder.pipelines.score import score
from exitladder.plans.file import ladder_from_mapping
from exitladder.sample import load_sample_bars
from exitladder.settings.loading import load_settings
from exitladder.trades.entries import make_trades


@pytest.fixture(scope="module")
def bars() -> BarSet:
    return load_sample_bars()[0]


@pytest.fixture(scope="module")
def frame(bars: BarSet) -> pd.DataFrame:
    """Scores of thirty trades with long names, adopted today."""
    trades = make_trades(bars, "donchian")
    trades = trades.take(trades.entry_time.argsort()[-30:])
    ladder = ladder_from_mapping(
        {
            "rungs": [{"fraction": 0.25, "target": "1R"}, {"fraction": 0.25, "target": "2R"}],
            "stop": {"breakeven_after": 1, "trail": "3ATR", "trail_after": 1},
            "costs": {"lot": 1, "tick": 0.01, "min_quantity": 1},
        }
    )
    settings = load_settings(None, ["tracking.enabled=false", "data.splits=keep"])
    found = score(bars, trades, ladder, None, settings, management=Management(assume="untouched")).frame
    return found.assign(symbol=found["symbol"] + "-PERPETUAL-USDT")


@pytest.mark.parametrize("width", [80, 200])
def test_a_line_per_trade_and_no_line_is_wider(width: int, frame: pd.DataFrame) -> None:
    lines = score_screen(frame, width, verdict="A verdict. " * 20).splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[0].startswith("30 open trades: ")
    begin = next(k for k, line in enumerate(lines) if line.startswith("do  ")) + 1
    table = lines[begin : begin + 30]
    assert all(line.split()[0] in ("NO", "EXIT", "REDUCE", "MOVE", "NEEDS", "hold") for line in table)
    assert lines[begin + 30] == ""
    text = "\n".join(lines)
    assert all(text.count(f"({trade_id})") == 1 for trade_id in frame["trade_id"])


def test_rows_are_in_the_order_of_their_urgency(frame: pd.DataFrame) -> None:
    ranks = [URGENCIES.index(name) for name in frame["urgency"]]
    assert ranks == sorted(ranks) and len(set(ranks)) > 1


def test_nothing_open_is_said() -> None:
    assert score_screen(pd.DataFrame(columns=list(COLUMNS)), 80) == "No trade is open: nothing to do.\n"
