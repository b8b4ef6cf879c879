"""Measured exits of a backtest: in its files, its summary and on its page, for every policy; never an objective."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from exitladder.bars.bars import BarSet
from exitladder.errors import LadderError, TradesError
from exitladder.pipelines.backtest import ALL_OUT, BacktestResult, backtest
from exitladder.pipelines.exit_quality import own_exit_quality
from exitladder.pipelines.report import report
from exitladder.pipelines.tuning.measures import OBJECTIVES
from exitladder.pipelines.tuning.policies import OWN_EXITS
from exitladder.plans.file import ladder_from_mapping
from exitladder.plans.units import Target
from exitladder.settings.contracts import Contract, Contracts
from exitladder.settings.tables import Settings
from exitladder.trades.trade_fills import TradeFills
from exitladder.trades.trades import Trades, place_trades

LADDER = {
    "name": "thirds",
    "rungs": [{"fraction": 0.3, "target": "1R"}, {"fraction": 0.3, "target": "2R"}],
    "stop": {"breakeven_after": 1, "trail": "3ATR", "trail_after": 1, "time": 40},
    "costs": {"commission_bps": 2.0, "slippage_bps": 1.0},
}


@pytest.fixture(scope="module")
def few(some_open: Trades) -> Trades:
    order = np.argsort(some_open.entry_time, kind="stable")
    return some_open.take(order[-150:])


@pytest.fixture(scope="module")
def result(bars: BarSet, few: Trades, small: Settings) -> BacktestResult:
    return backtest(bars, few, ladder_from_mapping(LADDER), small)


def test_every_policy_is_measured_on_its_closed_trades(result: BacktestResult, tmp_path: Path) -> None:
    result.write(tmp_path / "out")
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    policies = summary["exit_quality"]["policies"]
    assert set(policies) == {"thirds", ALL_OUT, OWN_EXITS}
    table = pd.read_csv(tmp_path / "out" / "exit_quality.csv", dtype={"trade_id": str})
    assert table["policy"].value_counts().to_dict() == {name: one["n_closed"] for name, one in policies.items()}
    assert policies["thirds"]["n_closed"] == summary["n_closed"]
    closed = result.trades["status"] == "closed"
    assert policies["thirds"]["net"]["r"]["value"] == pytest.approx(result.trades["r"][closed].mean())
    assert policies["thirds"]["net"]["money"]["value"] == pytest.approx(result.trades["pnl"][closed].mean())
    assert policies[OWN_EXITS]["net"]["r"]["value"] == pytest.approx(
        summary["beside"][OWN_EXITS]["expectancy_r"]["value"]
    )
    interval = policies["thirds"]["managing"]["r"]
    assert interval["low"] < interval["value"] < interval["high"]


def test_trades_csv_has_the_ladders_measures(result: BacktestResult) -> None:
    trades = result.trades
    closed = trades["status"] == "closed"
    measured = ("n_exits", "hindsight_best_exit_r", "managing_r", "mfe_time")
    assert trades.loc[closed, ["n_exits", "hindsight_best_exit_r"]].notna().all(axis=None)
    assert trades.loc[~closed, list(measured)].isna().all(axis=None)
    assert np.allclose(trades["pnl"][closed], (trades["r"] * trades["money_per_r"])[closed])
    assert (trades.loc[closed, "hindsight_best_exit_gain_r"] >= 0).all()
    assert (trades.loc[closed, "set_and_forget_r"] + trades.loc[closed, "managing_r"]).dropna().to_numpy() == (
        pytest.approx(trades.loc[closed & trades["managing_r"].notna(), "r"].to_numpy())
    )


def test_the_page_shows_each_policy_and_marks_hindsight(
    result: BacktestResult, small: Settings, tmp_path: Path
) -> None:
    result.write(tmp_path / "out")
    page = report(str(tmp_path / "out"), tmp_path / "page.html", small).read_text(encoding="utf-8")
    for policy in result.summary["exit_quality"]["policies"]:
        assert f"<summary>Exit quality: {policy}</summary>" in page
    row = page.split("best last exit minus own", 1)[1].split("</tr>", 1)[0]
    assert row.startswith(" *") and "hindsight" in page
    value = result.summary["exit_quality"]["policies"]["thirds"]["best_exit_gain"]["r"]["value"]
    assert f"{value:+.3f}" in row
    assert not page.split("managing gave", 1)[1].startswith(" *")
    # The pages of version 0.1 have no such table.
    older = replace(result, summary={k: v for k, v in result.summary.items() if k != "exit_quality"})
    older.write(tmp_path / "out")
    assert "Exit quality" not in report(str(tmp_path / "out"), tmp_path / "old.html", small).read_text()


def test_own_exits_alone(bars: BarSet, few: Trades, small: Settings) -> None:
    found = own_exit_quality(bars, few, small, target=Target(2.0, "R"))
    own = found.summary[OWN_EXITS]
    assert f"{len(few) - own['n_closed']} of {len(few)} trades have no usable own exit" in found.notes[0]
    fifty = replace(small, symbols=Contracts({name: Contract(multiplier=50) for name in bars.symbols}))
    more = own_exit_quality(bars, few, fifty, target=Target(2.0, "R")).summary[OWN_EXITS]
    assert more["net"]["money"]["value"] == pytest.approx(50 * own["net"]["money"]["value"])
    assert more["managing"]["r"] == own["managing"]["r"]


def test_a_second_entry_is_an_add_from_the_first_entry_on(bars: BarSet, few: Trades, small: Settings) -> None:
    """As much again is bought at the next bar's close: judged from there at the average, or from the first entry."""
    placed = place_trades(few.take(~few.is_open), bars)
    start, end = bars.start[placed.symbol_index], bars.start[placed.symbol_index + 1]
    columns = zip(start, end, placed.trades.exit_time, strict=True)
    last = np.array([np.searchsorted(bars.time[a:b], when, side="right") for a, b, when in columns])
    placed = placed.take(start + last - 1 > placed.entry_bar + 2)
    own, n, second = placed.trades, len(placed), placed.entry_bar + 1
    price, noon = bars.close[second], 12 * 3_600 * 10**9
    fills = TradeFills(
        start=np.arange(n + 1) * 3,
        # at noon: on daily bars an hour says that an entry was neither at the open nor at the close
        time=np.stack([bars.time[placed.entry_bar] + noon, bars.time[second] + noon, own.exit_time], axis=1).ravel(),
        is_entry=np.tile([True, True, False], n),
        price=np.stack([own.entry_price, price, own.exit_price], axis=1).ravel(),
        quantity=np.stack([own.quantity, own.quantity, 2 * own.quantity], axis=1).ravel(),
    )
    built = replace(
        own, entry_time=bars.time[second] + noon, entry_price=(own.entry_price + price) / 2, quantity=2 * own.quantity,
        entry_at=np.full(n, -1, dtype=np.int8), n_entries=np.full(n, 2), fills=fills,
    )  # fmt: skip
    at_last = own_exit_quality(bars, built, small)
    assert any("built by several entries" in note for note in at_last.notes)
    at_first = own_exit_quality(bars, built, replace(small, data=replace(small.data, several_entries="first")))
    table, late = at_first.table.set_index("trade_id"), at_last.table.set_index("trade_id")
    shared = table.index.intersection(late.index)
    assert len(shared) > 10
    # the same money, over the risk of both tranches; what is measured as built is then what counts
    known = table.loc[shared].dropna(subset=["r_as_built"])
    assert known["net_r"].to_numpy() == pytest.approx(known["r_as_built"].to_numpy())
    assert known["money_per_r"].to_numpy() == pytest.approx(known["planned_risk"].to_numpy())


def test_what_cannot_be_measured_is_refused(bars: BarSet, few: Trades, small: Settings) -> None:
    with pytest.raises(TradesError, match="exit_time"):
        own_exit_quality(bars, few.take(few.is_open), small)
    with pytest.raises(LadderError, match="positive"):
        own_exit_quality(bars, few, small, target=Target(-1.0, "R"))


def test_no_measure_of_exits_is_an_objective(result: BacktestResult) -> None:
    hindsight = {
        name.removeprefix("hindsight_") for name in map(str, result.exits.table) if name.startswith("hindsight_")
    }
    assert hindsight
    assert not hindsight & set(OBJECTIVES)
    assert not {name for name in OBJECTIVES if "hindsight" in name or "efficiency" in name or "best_exit" in name}
