"""Comparisons beside the verdict: one account, groups, decisive trades, several runs, ladders, models, screen, page."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from exitladder.bars.bars import Bars, BarSet
from exitladder.cli.screens.compare import compare_screen
from exitladder.clock import DAY_NS
from exitladder.errors import TradesError
from exitladder.pipelines.compare import compare
from exitladder.pipelines.comparison.groups import decisive_trades, regimes
from exitladder.pipelines.comparison.models import prediction_measures
from exitladder.pipelines.comparison.outcomes import bookings
from exitladder.pipelines.comparison.sources import Source
from exitladder.pipelines.pages.comparison import comparison_html
from exitladder.pipelines.run import renamed
from exitladder.pipelines.train import TrainResult
from exitladder.settings.loading import load_settings
from exitladder.settings.tables import Settings
from exitladder.statistics.intervals import Intervals
from exitladder.trades.trades import Trades

N = 60
FAST = load_settings(None, ["validation.n_bootstrap=300"])


def saved(folder: Path, held: int, gain: float = 0.0, **columns: Any) -> str:
    """Write a backtest's folder: a trade of 1,000 a day, held so many days, sold at its end; return its path."""
    folder.mkdir()
    entry = pd.date_range("2023-11-01", periods=N, tz="UTC")
    leaves = entry + pd.Timedelta(days=held)
    r = np.random.default_rng(0).normal(0.1, 1.0, N) + gain * np.random.default_rng(held).normal(1, 0.1, N)
    table = pd.DataFrame(
        {
            "trade_id": [f"T{k:02}" for k in range(N)],
            "symbol": np.where(np.arange(N) % 2, "AAPL", "IBM"),
            "side": np.where(np.arange(N) % 3, "long", "short"),
            "status": "closed",
            "quantity": 10.0,
            "entry_time": entry.astype(str),
            "entry_price": 100.0,
            "risk": 2.0,
            "exit_time": leaves.astype(str),
            "r": r,
            "mfe_r": np.abs(r) + 0.5,
            "bars_held": held,
        }
    ).assign(**columns)
    table.to_csv(folder / "trades.csv", index=False)
    shared = {"trade_id": table["trade_id"], "quantity": 10.0, "price": 100.0, "commission": 1.0, "slippage": 0.0}
    enters = pd.DataFrame(shared | {"bar_time": entry.astype(str), "order": "entry", "r": -0.05})
    exits = pd.DataFrame(shared | {"bar_time": leaves.astype(str), "order": "trail", "r": r + 0.05})
    pd.concat([enters, exits]).to_csv(folder / "fills.csv", index=False)
    return str(folder)


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("runs")
    runs = [saved(folder / "short", 1), saved(folder / "long", 9, 0.5), saved(folder / "same", 2)]
    return compare(runs, FAST)


def test_an_exit_that_holds_longer_takes_fewer_trades_of_the_same_account(found: dict[str, Any]) -> None:
    held, same = found["pairs"]
    # a sale at the close of a bar frees nothing for an entry at its open: each trade ties up 1,000 for two days
    assert found["account_limits"]["capital"] == pytest.approx(2000)
    assert held["account"]["baseline"]["n_taken"] == N
    # with room for two positions, trades of ten days take 2 of 10 entries
    assert held["account"]["candidate"]["n_taken"] == 2 * N // 10
    assert held["account"]["measures"]["r_per_year"]["difference"] < 0 < held["difference_r"]
    assert same["account"]["candidate"]["n_left_out"] > 0


def test_costs_capture_and_time_are_measured_beside_the_mean(found: dict[str, Any]) -> None:
    measures = found["pairs"][0]["measures"]
    # two commissions of 1 for a risk of 2 x 10
    assert measures["cost_r"]["candidate"] == pytest.approx(0.1)
    ratio = measures["expectancy_r"]["candidate"] / 10
    assert measures["r_per_bar"]["candidate"] == pytest.approx(ratio)
    assert measures["expectancy_r"]["difference"] == pytest.approx(found["pairs"][0]["difference_r"])
    assert all(one["p_adjusted"] is None or one["p_adjusted"] >= one["p_value"] for one in measures.values())


def test_only_the_better_run_passes_the_stepwise_test(found: dict[str, Any]) -> None:
    assert [Path(name).name for name in found["stepwise"]["superior"]] == ["long"]


def test_groups_and_decisive_trades_add_up(found: dict[str, Any]) -> None:
    pair = found["pairs"][0]
    assert [row["group"] for row in pair["by"]["year"]] == ["2023"]
    for groups in pair["by"].values():
        assert sum(row["n_trades"] for row in groups) == N
        assert sum(row["share"] for row in groups) == pytest.approx(1)
    few = pd.DataFrame({"r": [5.0, 0, 0, 1]}, index=["a", "b", "c", "d"])
    some = decisive_trades(few, np.array([5.0, 0.0, -1.0, 1.0]))
    assert (some["n_half"], some["trades"][0]["trade_id"], some["n_equal"]) == (1, "a", 1)
    assert some["difference_without_top_r"] == pytest.approx(0.0)


def test_regimes_are_thirds_by_what_was_known_at_the_entry() -> None:
    n = 300
    swing = np.repeat([1.0, 4.0, 16.0], 100)
    close = np.full(n, 100.0)
    time = np.arange(n) * DAY_NS
    bars = BarSet([Bars("A", DAY_NS, time, close, close + swing, close - swing, close, None)])
    entered = time[[40, 60, 90, 140, 160, 190, 240, 260, 290]]
    got = regimes(np.full(9, "A"), entered, bars)
    assert list(got) == ["calm"] * 3 + ["usual"] * 3 + ["volatile"] * 3
    assert list(regimes(np.array(["B", "A"]), np.array([5, 0]), bars)) == ["", ""]


@pytest.mark.parametrize("width", [80, 100])
def test_the_screen_fits(found: dict[str, Any], width: int) -> None:
    one = {**found, "pairs": found["pairs"][:1]}
    for shown in (found, one):
        tables = [line for line in compare_screen(shown, width).splitlines() if "   " in line]
        assert max(map(len, tables)) <= width
    text = compare_screen(one, width)
    assert "Difference by side" in text
    assert "drawdown, R" in text


def test_without_a_trade_out_of_sample_the_screen_says_so_and_has_no_empty_numbers(tmp_path: Path) -> None:
    runs = [saved(tmp_path / "plain", 1), saved(tmp_path / "tuned", 2, sample="in_sample")]
    found = compare(runs, FAST)
    text = compare_screen(found, 80)
    assert text.startswith("No verdict: ") and "exitladder backtest --walk-forward DIR" in text
    assert "nan" not in text and "R per trade on the trades that both runs hold" not in text
    assert "tuned" in text.split("Each run on all of its own trades")[1]
    page = comparison_html(found, command="exitladder compare", seed=1)
    assert "nan" not in re.sub("<[^>]*>", "", page).lower().replace("finance", "")
    # one pair of two with numbers keeps the table of that pair
    both = compare([*runs, saved(tmp_path / "other", 3)], FAST)
    text = compare_screen(both, 80)
    assert "No verdict: " in text and "nan" not in text and "R per trade on the trades that both runs hold" in text


def test_the_page_and_the_json_have_every_part(found: dict[str, Any]) -> None:
    json.dumps(found, allow_nan=False)
    html = comparison_html(found, command="exitladder compare short long")
    for part in ("R per bar in the market", "one account", "difference by symbol", "made the difference", "<img"):
        assert part in html
    # of one pair, titles do not repeat the names, and the parts of the groups add up to the whole difference
    pair = found["pairs"][0]
    html = comparison_html({**found, "pairs": [pair]})
    assert ">The same entries</h2>" in html and ">Difference by symbol</h2>" in html
    parts = re.findall(r"([−+]\d\.\d{3})</td></tr>", html[html.index('id="difference-by-side"') :])[:2]
    assert sum(float(part.replace("−", "-")) for part in parts) == pytest.approx(pair["difference_r"], abs=0.0015)


def test_a_policy_with_a_slash_in_its_name_keeps_it(found: dict[str, Any]) -> None:
    named = renamed(found, {found["baseline"]: "classic 25/25/50"})
    html = comparison_html(named, is_named=True)
    assert "against classic 25/25/50</h1>" in html and ">classic 25/25/50</th>" in html
    assert "against 50" not in html and ">50</th>" not in html


def test_sources_that_need_bars_or_are_of_two_kinds_are_refused(tmp_path: Path) -> None:
    run = saved(tmp_path / "run", 1)
    with pytest.raises(TradesError, match="--bars PATH --trades FILE"):
        compare([run, "own"], FAST)
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "model.json").write_text("{}")
    with pytest.raises(TradesError, match="Models are compared with models"):
        compare([run, str(tmp_path / "model")], FAST)


def test_better_predictions_have_a_lower_log_loss_and_calibration_error() -> None:
    rng = np.random.default_rng(0)
    p = rng.uniform(0.1, 0.9, 4000)
    y = (rng.random(4000) < p).astype(float)
    when = np.sort(rng.integers(0, 200, 4000)) * DAY_NS
    found = prediction_measures((p, np.clip(p + 0.2, 0, 0.99)), y, when, Intervals(n_bootstrap=300))
    assert found["log_loss"].high < 0
    assert found["calibration_error"].baseline > 0.1 > found["calibration_error"].candidate
    assert found["log_loss"].baseline == pytest.approx(
        -np.mean(np.where(y > 0, np.log(np.clip(p + 0.2, 0, 0.99)), np.log(1 - np.clip(p + 0.2, 0, 0.99))))
    )


@pytest.mark.slow
def test_ladders_own_exits_and_models_are_compared_on_bars(
    bars: BarSet, some_open: Trades, trained: TrainResult, small: Settings, tmp_path: Path
) -> None:
    ladder = (
        'name = "{name}"\n{rungs}[stop]\ninitial = "2ATR"\ntime = 20\n[costs]\ncommission_bps = 2\nslippage_bps = 3\n'
    )
    rung = '[[rungs]]\nfraction = 0.5\ntarget = "1R"\n'
    for name, rungs in (("hold", ""), ("half", rung)):
        (tmp_path / f"{name}.toml").write_text(ladder.format(name=name, rungs=rungs))
    files = [str(tmp_path / f"{name}.toml") for name in ("hold", "half")]
    output = compare(["own", *files], small, bars=bars, trades=some_open)
    assert output["baseline"] == "own"
    assert {row["group"] for row in output["pairs"][0]["by"]["volatility"]} == {"calm", "usual", "volatile"}
    assert output["pairs"][0]["n_trades"] <= len(some_open) - 12
    models = compare([trained.model, trained.run_id], small, bars=bars, trades=some_open)
    (pair,) = models["pairs"]
    assert (pair["log_loss"]["difference"], pair["verdict"], pair["value"]["difference_r"]) == (0, "no_difference", 0)
    assert "Each model on these rows" in compare_screen(models, 80)


def test_each_part_of_a_position_books_its_own_share_of_the_result() -> None:
    """Known answer: half sold at 2R on the second day, the rest stopped at -1R on the tenth, with 0.1 R of costs."""
    entry = pd.Timestamp("2024-01-01", tz="UTC")
    days = [entry + pd.Timedelta(days=k) for k in (0, 1, 9)]
    trades = pd.DataFrame(
        {"trade_id": ["a"], "entry_time": [entry], "exit_time": [days[2]], "r": [0.4], "quantity": [10.0]}
    ).set_index("trade_id")
    fills = pd.DataFrame(
        {
            "trade_id": "a", "bar_time": days, "order": ["entry", "rung", "stop"], "quantity": [10.0, 5.0, 5.0],
            "r": [0.0, 2.0, -1.0],
        }
    )  # fmt: skip
    first = int(entry.value // DAY_NS)
    of_ladder = bookings(Source("ladder", trades, fills), trades.index).daily(first, 10)
    assert of_ladder[[1, 9]] == pytest.approx([1.0, -0.6]) and np.count_nonzero(of_ladder) == 2
    # fills of a plan are parts of the result already
    plan = Source("plan", trades.assign(planned_risk=20.0), fills.assign(r=[0.0, 1.0, -0.6]))
    assert bookings(plan, trades.index).daily(first, 10) == pytest.approx(of_ladder)
