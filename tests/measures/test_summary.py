"""The summary of simulated trades: by hand, against slow references, and where there is little or nothing."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from exitladder.measures.cash import CashFlow, cash_flow
from exitladder.measures.summary import summarise
from exitladder.plans.file import ladder_from_mapping
from exitladder.statistics import Intervals
from exitladder.statistics.bootstrap import Resampling
from exitladder.statistics.drawdown import fall_as_share, fall_in_money
from exitladder.statistics.mean import mean_interval
from exitladder.statistics.metrics import cvar, max_drawdown_of_sum, sharpe_ratio, sortino_ratio
from exitladder.statistics.tail import cvar_with_interval, worst_mean

LADDER = ladder_from_mapping(
    {
        "name": "classic",
        "rungs": [{"fraction": 0.25, "target": "1R"}, {"fraction": 0.25, "when": ["exhaustion >= 0.7", "open_r >= 1"]}],
        "stop": {"breakeven_after": 1},
    }
)
FILL_COLUMNS = [
    "trade_id", "fill", "bar_time", "order", "rung", "side", "quantity", "price", "commission", "slippage", "r",
]  # fmt: skip
TRADE_COLUMNS = [
    "trade_id", "symbol", "side", "status", "reason", "quantity", "entry_time", "entry_price", "risk", "exit_time",
    "exit_price", "pnl", "r", "mfe_r", "mae_r", "give_back_r", "capture", "bars_held", "n_fills", "ambiguous_bars",
]  # fmt: skip
COUNTS = (
    "n_trades", "n_closed", "n_open", "n_skipped", "n_fills", "n_ambiguous_trades", "n_ambiguous_bars",
    "n_breakeven_scratches",
)  # fmt: skip


def started(tables: tuple[pd.DataFrame, pd.DataFrame], equity: float) -> CashFlow | None:
    """Return the account booked at fills, with its equity at the start."""
    cash = cash_flow(*tables)
    return None if cash is None else replace(cash, start_equity=equity)


class Book:
    """Writes trades and fills as the simulator does, computing nothing but each trade's sums."""

    def __init__(self) -> None:
        self.trades: list[dict[str, Any]] = []
        self.fills: list[dict[str, Any]] = []

    def add(
        self,
        day: float,
        exits: Sequence[tuple[float, str, int, float, float]],
        *,
        side: int = 1,
        status: str = "closed",
        mfe_r: float = 2.0,
        commission: float = 0.0,
        ambiguous: int = 0,
        financing: float = 0.0,
    ) -> None:
        """Add a trade of 100 units at 50 with a risk of 2; exits are (day, order, rung, quantity, r)."""
        name = f"T{len(self.trades)}"
        entered = pd.Timestamp("2024-01-01", tz="UTC") + pd.Timedelta(days=day)
        rows = [(day, "entry", 0, 100.0, 0.0), *exits] if status != "skipped" else []
        for k, (when, order, rung, quantity, r) in enumerate(rows):
            self.fills.append(
                {
                    "trade_id": name,
                    "fill": k,
                    "bar_time": pd.Timestamp("2024-01-01", tz="UTC") + pd.Timedelta(days=when),
                    "order": order,
                    "rung": rung,
                    "side": "buy" if (side > 0) == (order == "entry") else "sell",
                    "quantity": quantity,
                    "price": 50.0 + side * 2.0 * r,
                    "commission": commission if order != "mark" else 0.0,
                    "slippage": 0.0,
                    "r": r,
                }
            )
        pnl = sum(quantity * 2.0 * r for _, _, _, quantity, r in exits) + financing
        pnl -= commission * sum(order != "mark" for _, order, _, _, _ in rows)
        done = status != "skipped"
        self.trades.append(
            {
                "trade_id": name,
                "symbol": "AAA",
                "side": "long" if side > 0 else "short",
                "status": status,
                "reason": exits[-1][1] if status == "closed" else "no_stop" if not done else "",
                "quantity": 100.0,
                "entry_time": entered,
                "entry_price": 50.0,
                "risk": 2.0 if done else np.nan,
                "exit_time": pd.Timestamp("2024-01-01", tz="UTC") + pd.Timedelta(days=exits[-1][0])
                if status == "closed"
                else pd.NaT,
                "exit_price": 50.0,
                "pnl": pnl if done else np.nan,
                "r": pnl / 200.0 if done else np.nan,
                "mfe_r": mfe_r if done else np.nan,
                "mae_r": -0.5 if done else np.nan,
                "give_back_r": mfe_r - pnl / 200.0 if done else np.nan,
                "capture": np.nan,
                "bars_held": 3 if done else 0,
                "n_fills": len(rows),
                "ambiguous_bars": ambiguous,
            }
        )

    def frames(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        trades = pd.DataFrame(self.trades, columns=TRADE_COLUMNS)
        fills = pd.DataFrame(self.fills, columns=FILL_COLUMNS)
        for frame, name in ((trades, "entry_time"), (trades, "exit_time"), (fills, "bar_time")):
            frame[name] = pd.to_datetime(frame[name], utc=True)
        for name in ("quantity", "price", "commission", "slippage", "rung"):
            fills[name] = fills[name].astype(float)
        return trades, fills


def by_hand() -> Book:
    book = Book()
    # The worked example of the execution rules: 0.8125 R.
    worked = [(1, "rung", 1, 25.0, 1.0), (3, "rung", 2, 25.0, 2.25), (4, "breakeven", 0, 50.0, 0.0)]
    book.add(0, worked, mfe_r=2.5, ambiguous=1)
    book.add(1, [(2, "stop", 0, 100.0, -1.0)], mfe_r=0.0, side=-1)
    book.add(2, [(5, "rung", 1, 25.0, 1.0), (6, "stop", 0, 75.0, -1.0)], mfe_r=1.0, ambiguous=2)
    book.add(3, [(9, "rung", 1, 25.0, 1.0), (9, "mark", 0, 75.0, 3.0)], status="open", mfe_r=4.0, side=-1)
    book.add(4, [], status="skipped")
    return book


def random_book(n: int, seed: int = 0, commission: float = 1.5) -> Book:
    rng = np.random.default_rng(seed)
    book = Book()
    for i in range(n):
        day, length, outcome = i * 0.7, float(rng.integers(1, 9)), rng.random()
        side = int(rng.choice([-1, 1]))
        end = float(rng.normal(2, 1))
        if outcome < 0.5:
            book.add(day, [(day + length, "stop", 0, 100.0, -1.0)], side=side, mfe_r=0.4, commission=commission)
            continue
        exits = [(day + 1, "rung", 1, 25.0, 1.0)]
        if outcome < 0.7:
            exits += [(day + length, "breakeven", 0, 75.0, 0.0)]
        else:
            exits += [(day + 1.5, "rung", 2, 25.0, 1.6), (day + length, "trail", 0, 50.0, end)]
        mfe_r = max(end, 1.0) + 0.5
        book.add(day, exits, side=side, mfe_r=mfe_r, commission=commission, financing=-0.25, ambiguous=int(i % 9 == 0))
    return book


def value(entry: dict[str, float | None]) -> float:
    found = entry["value"]
    assert found is not None
    return found


def test_counts_by_hand() -> None:
    found = summarise(*by_hand().frames(), LADDER)
    assert {name: found[name] for name in COUNTS} == {
        "n_trades": 4,
        "n_closed": 3,
        "n_open": 1,
        "n_skipped": 1,
        "n_fills": 11,
        "n_ambiguous_trades": 2,
        "n_ambiguous_bars": 3,
        "n_breakeven_scratches": 1,
    }
    assert found["skipped_reasons"] == {"no_stop": 1}
    assert found["closed_by"] == {"stop": 2, "breakeven": 1}


def test_measures_by_hand() -> None:
    """Net R: 0.8125, -1, -0.5, and 2.5 at the mark of the open trade."""
    found = summarise(*by_hand().frames(), LADDER, account=started(by_hand().frames(), 1000.0))
    assert value(found["expectancy_r"]) == pytest.approx(1.8125 / 4)
    assert value(found["win_rate"]) == 0.5
    assert value(found["profit_factor"]) == pytest.approx(3.3125 / 1.5)
    assert value(found["mean_win_r"]) == pytest.approx(3.3125 / 2)
    assert value(found["mean_loss_r"]) == pytest.approx(-0.75)
    # The trade whose MFE is 0 has no capture.
    assert value(found["mean_capture"]) == pytest.approx((0.8125 - 0.5 + 2.5) / 7.5)
    assert value(found["mean_of_capture_ratios"]) == pytest.approx((0.8125 / 2.5 - 0.5 + 2.5 / 4) / 3)
    assert value(found["mean_give_back_r"]) == pytest.approx((7.5 - 1.8125) / 4)
    assert value(found["cvar_5_r"]) == -1.0
    # In order of exits: -1 (day 2), 0.8125 (day 4), -0.5 (day 6), 2.5 (open, last).
    assert value(found["max_drawdown_r"]) == pytest.approx(-1.0)
    assert found["net_pnl"] == pytest.approx(362.5)
    # Booked fill by fill: +50, -200, +112.5, 0, +50, -150, +500: from a peak of 50 to -150.
    assert value(found["max_drawdown_account"]) == pytest.approx(-200.0)
    assert value(found["max_drawdown_account_share"]) == pytest.approx(-200 / 1050)


def test_rungs_by_hand() -> None:
    first, second = summarise(*by_hand().frames(), LADDER)["rungs"]
    assert (first["trigger"], first["n_hits"], second["n_hits"]) == ("1R", 3, 1)
    assert second["trigger"] == "exhaustion >= 0.7 and open_r >= 1"
    assert value(first["hit_rate"]) == 0.75
    assert value(second["hit_rate"]) == 0.25
    assert value(second["hit_rate_given_previous"]) == pytest.approx(1 / 3)
    assert value(first["mean_r"]) == pytest.approx(1.0)
    assert value(second["mean_r"]) == pytest.approx(2.25)


def test_few_trades_have_no_intervals() -> None:
    found = summarise(*by_hand().frames(), LADDER, account=started(by_hand().frames(), 1000.0))
    assert found["resampling"]["resampled"] is None
    entries = [v for v in found.values() if isinstance(v, dict) and "low" in v]
    assert len(entries) > 15
    assert all(entry["low"] is None and entry["high"] is None for entry in entries)


def test_a_win_is_a_win_after_costs() -> None:
    book = Book()
    book.add(0, [(1, "trail", 0, 100.0, 0.01)], commission=2.0)
    found = summarise(*book.frames(), LADDER)
    assert value(found["win_rate"]) == 0.0
    assert found["commission"] == 4.0
    assert value(found["cost_r"]) == pytest.approx(0.02)
    assert value(found["cost_share_of_gross"]) == pytest.approx(2.0)


def test_costs_of_a_loss_have_no_share() -> None:
    book = Book()
    book.add(0, [(1, "stop", 0, 100.0, -1.0)], commission=2.0)
    assert summarise(*book.frames(), LADDER)["cost_share_of_gross"]["value"] is None


@pytest.fixture(scope="module")
def many() -> tuple[pd.DataFrame, pd.DataFrame]:
    return random_book(150).frames()


@pytest.fixture(scope="module")
def summary(many: tuple[pd.DataFrame, pd.DataFrame]) -> dict[str, Any]:
    r = many[0]["r"].to_numpy()
    policies = {"stop_first": r, "target_first": r + 0.1 * (many[0]["ambiguous_bars"] > 0).to_numpy()}
    return summarise(
        *many, LADDER, intervals=Intervals(n_bootstrap=400), policies=policies, account=started(many, 50_000.0)
    )


def test_values_equal_those_of_the_plain_formulas(
    many: tuple[pd.DataFrame, pd.DataFrame], summary: dict[str, Any]
) -> None:
    trades, fills = many
    r = trades["r"].to_numpy()
    assert value(summary["sharpe_per_trade"]) == pytest.approx(sharpe_ratio(r))
    assert value(summary["sortino_per_trade"]) == pytest.approx(sortino_ratio(r))
    assert value(summary["cvar_5_r"]) == pytest.approx(cvar(r))
    assert value(summary["profit_factor"]) == pytest.approx(r[r > 0].sum() / -r[r < 0].sum())
    assert value(summary["fills_per_trade"]) == pytest.approx(trades["n_fills"].mean())
    in_order = trades.groupby("exit_time")["r"].sum().sort_index()
    assert value(summary["max_drawdown_r"]) == pytest.approx(max_drawdown_of_sum(in_order.to_numpy()))
    assert summary["commission"] == pytest.approx(fills["commission"].sum())


def test_daily_ratios_are_those_of_the_account(
    many: tuple[pd.DataFrame, pd.DataFrame], summary: dict[str, Any]
) -> None:
    cash = cash_flow(*many)
    assert cash is not None
    days = pd.Series(cash.pnl, index=pd.to_datetime(cash.time, utc=True)).resample("D").sum()
    assert len(days) == cash.n_days
    assert value(summary["sharpe_daily_annualised"]) == pytest.approx(sharpe_ratio(days.to_numpy(), 365.25))
    assert value(summary["sortino_daily_annualised"]) == pytest.approx(sortino_ratio(days.to_numpy(), 365.25))


def test_cash_flow_adds_up_to_the_trades(many: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    """Nothing is lost, not even what no fill shows, such as financing; and all of it is dated."""
    trades, fills = many
    cash = cash_flow(trades, fills)
    assert cash is not None
    assert cash.pnl.sum() == pytest.approx(trades["pnl"].sum())
    assert cash.daily().sum() == pytest.approx(trades["pnl"].sum())
    assert (np.diff(cash.time) > 0).all()
    without = cash_flow(trades, fills.iloc[:0])
    assert without is not None
    assert without.pnl.sum() == pytest.approx(trades["pnl"].sum())
    assert set(without.time) == set(trades["exit_time"].astype("datetime64[ns, UTC]").astype("int64"))


def test_partial_exits_are_booked_when_they_happen() -> None:
    trades, fills = by_hand().frames()
    cash = cash_flow(trades.iloc[:1], fills)
    assert cash is not None
    assert cash.pnl.tolist() == pytest.approx([0.0, 50.0, 112.5, 0.0])
    assert cash.day.tolist() == [0, 1, 3, 4]


def test_each_interval_holds_its_value_and_stays_within_bounds(summary: dict[str, Any]) -> None:
    entries = {k: v for k, v in summary.items() if isinstance(v, dict) and "low" in v}
    entries |= {f"{rung['rung']} {k}": v for rung in summary["rungs"] for k, v in rung.items() if isinstance(v, dict)}
    for name, entry in entries.items():
        assert entry["low"] is not None, name
        assert entry["low"] <= entry["value"] <= entry["high"], name
    for name in ("win_rate", "1 hit_rate", "2 hit_rate", "2 hit_rate_given_previous"):
        assert 0 < entries[name]["low"] < entries[name]["high"] < 1
    for name in ("max_drawdown_r", "max_drawdown_account", "max_drawdown_account_share"):
        assert entries[name]["high"] <= 0


def test_expectancy_has_the_interval_of_the_mean(
    many: tuple[pd.DataFrame, pd.DataFrame], summary: dict[str, Any]
) -> None:
    found = mean_interval(many[0]["r"].to_numpy(), time=many[0]["entry_time"], intervals=Intervals(n_bootstrap=400))
    assert summary["expectancy_r"] == {"value": found.value, "low": found.low, "high": found.high}
    assert summary["resampling"]["resampled"] == found.resampled


def test_spread_over_intrabar_policies(many: tuple[pd.DataFrame, pd.DataFrame], summary: dict[str, Any]) -> None:
    spread = summary["intrabar"]
    share = float((many[0]["ambiguous_bars"] > 0).mean())
    assert (spread["best"], spread["worst"], spread["n_trades"]) == ("target_first", "stop_first", 150)
    assert value(spread["spread_r"]) == pytest.approx(0.1 * share)
    assert 0 <= spread["spread_r"]["low"] < 0.1 * share < spread["spread_r"]["high"]
    assert set(spread["expectancy_r"]) == {"stop_first", "target_first"}


def test_same_seed_same_summary(many: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    first = summarise(*many, LADDER, intervals=Intervals(n_bootstrap=200, seed=3))
    assert summarise(*many, LADDER, intervals=Intervals(n_bootstrap=200, seed=3)) == first
    assert summarise(*many, LADDER, intervals=Intervals(n_bootstrap=200, seed=4))["win_rate"] != first["win_rate"]


def test_order_of_rows_does_not_matter(many: tuple[pd.DataFrame, pd.DataFrame], summary: dict[str, Any]) -> None:
    trades, fills = (frame.sample(frac=1, random_state=1) for frame in many)
    found = summarise(
        trades, fills, LADDER, intervals=Intervals(n_bootstrap=400), account=started((trades, fills), 50_000.0)
    )
    for name, entry in summary.items():
        if isinstance(entry, dict) and "low" in entry:
            assert found[name]["value"] == pytest.approx(entry["value"]), name
            assert found[name]["low"] == pytest.approx(entry["low"]), name


def test_a_rung_that_was_never_reached_may_still_be_reached() -> None:
    """Resampling zero hits gives zero for ever; the interval must not say that it is impossible."""
    book = Book()
    for i in range(40):
        book.add(i, [(i + 1, "stop", 0, 100.0, -1.0)])
    first = summarise(*book.frames(), LADDER, intervals=Intervals(n_bootstrap=200))["rungs"][0]
    assert first["hit_rate"]["value"] == 0.0
    assert first["hit_rate"]["low"] == 0.0
    assert first["hit_rate"]["high"] == pytest.approx(0.0876, abs=5e-4)  # Wilson, 0 of 40
    assert first["mean_r"] == {"value": None, "low": None, "high": None}


def test_without_a_loss_there_is_no_profit_factor_and_no_infinity() -> None:
    book = Book()
    for i in range(40):
        book.add(i, [(i + 1, "rung", 1, 100.0, 1.0 + i % 2)])
    found = summarise(*book.frames(), LADDER, intervals=Intervals(n_bootstrap=200))
    assert found["profit_factor"] == {"value": None, "low": None, "high": None}
    assert found["sortino_per_trade"]["value"] is None
    assert value(found["max_drawdown_r"]) == 0.0
    json.dumps(found, allow_nan=False)


@pytest.mark.parametrize(
    ("n_closed", "n_open", "n_skipped"),
    [(0, 0, 0), (0, 0, 3), (0, 3, 0), (1, 0, 0), (0, 30, 0), (19, 1, 1), (30, 0, 9)],
)
def test_any_book_gives_strict_json_with_the_same_names(
    n_closed: int, n_open: int, n_skipped: int, summary: dict[str, Any]
) -> None:
    book = Book()
    for i in range(n_closed):
        book.add(i, [(i + 1, "stop", 0, 100.0, -1.0)])
    for i in range(n_open):
        book.add(i, [(60, "mark", 0, 100.0, 0.5)], status="open")
    for i in range(n_skipped):
        book.add(i, [], status="skipped")
    trades, fills = book.frames()
    policies = {"stop_first": trades["r"].to_numpy(np.float64), "ohlc": trades["r"].to_numpy(np.float64)}
    found = summarise(
        trades,
        fills,
        LADDER,
        intervals=Intervals(n_bootstrap=100),
        policies=policies,
        account=started((trades, fills), 1000.0),
    )
    json.dumps(found, allow_nan=False)
    assert list(found) == list(summary)
    assert (found["n_closed"], found["n_open"], found["n_skipped"]) == (n_closed, n_open, n_skipped)
    assert (found["expectancy_r"]["value"] is None) == (n_closed + n_open == 0)


def test_a_constant_book_has_no_sharpe() -> None:
    book = Book()
    for i in range(30):
        book.add(i, [(i + 1, "stop", 0, 100.0, -1.0)], commission=0.1)
    found = summarise(*book.frames(), LADDER, intervals=Intervals(n_bootstrap=100))
    assert found["sharpe_per_trade"]["value"] is None
    assert value(found["sortino_per_trade"]) == pytest.approx(-1.0)


def _slow_path(results: npt.NDArray[np.float64], plan: Resampling) -> list[npt.NDArray[np.float64]]:
    return [np.concatenate([results[plan.unit == unit] for unit in units]) for draw in plan.draws() for units in draw]


def test_resampled_drawdowns_equal_those_of_the_resampled_paths() -> None:
    rng = np.random.default_rng(0)
    results = rng.standard_normal(90)
    plan = Resampling.plan(np.sort(rng.integers(0, 25, 90)), results, Intervals(0.5, n_bootstrap=120, seed=1))
    falls = np.sort([max_drawdown_of_sum(path) for path in _slow_path(results, plan)])
    deepest, low, high = fall_in_money(results, plan)
    assert deepest == pytest.approx(max_drawdown_of_sum(results))
    assert low == pytest.approx(np.quantile(falls, 0.25), abs=0.15)
    assert high == pytest.approx(np.quantile(falls, 0.75), abs=0.15)
    share, *_ = fall_as_share(results, plan, 10.0)
    equity = 10.0 + np.concatenate([[0.0], np.cumsum(results)])
    assert share == pytest.approx(np.min(equity / np.maximum.accumulate(equity) - 1))


def test_compiled_worst_mean_equals_the_plain_one() -> None:
    rng = np.random.default_rng(0)
    x = np.round(rng.standard_normal(120), 1)
    plan = Resampling.plan(np.sort(rng.integers(0, 40, 120)), x, Intervals(n_bootstrap=50, seed=1))
    order = np.argsort(x)
    sizes = np.bincount(plan.unit).astype(np.float64)
    for share in (0.05, 0.3, 0.001):
        expected = [cvar(path, share) for path in _slow_path(x, plan)]
        for kernel in (worst_mean, worst_mean.py_func):
            counts = np.concatenate([plan.counts(draw) for draw in plan.draws()])
            found = kernel(x[order], plan.unit[order], counts, counts @ sizes, share)
            assert found == pytest.approx(expected)
    assert cvar_with_interval(x, None)[0] == cvar(x)
