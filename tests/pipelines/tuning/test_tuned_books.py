"""Numbers of a book, tuned: found where they help, kept where nothing helps, and never from later bars."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from exitladder.bars.bars import Bars, BarSet
from exitladder.clock import DAY_NS
from exitladder.errors import LadderError, SettingsError, TradesError
from exitladder.execution.signals import Signals
from exitladder.pipelines.tuning.book.accounts import Days, best, calmar, return_per_year, sharpe
from exitladder.pipelines.tuning.book.candidates import NONE, OWN, TRIED, candidates_of
from exitladder.pipelines.tuning.book.evidence import WALK, Compared, compare_accounts, recommended
from exitladder.pipelines.tuning.book.numbers import numbers_of, searched_numbers, with_values
from exitladder.pipelines.tuning.book.tuned import TunedBook, tune_book
from exitladder.pipelines.tuning.book.walk import part_cuts
from exitladder.plans.file import ladder_from_mapping
from exitladder.plans.ladder import Ladder
from exitladder.settings.tables import Settings
from exitladder.statistics.comparison import holm
from exitladder.statistics.intervals import Intervals
from exitladder.statistics.metrics import max_drawdown_of_sum
from exitladder.trades.entries import make_trades
from exitladder.trades.files import trades_from_frame
from exitladder.trades.trades import PlacedTrades, place_trades

EXIT: dict[str, Any] = {"rungs": [], "stop": {"initial": "50%", "time": 20}}
FULL: dict[str, Any] = {
    "rungs": [],
    "stop": {"initial": "2ATR"},
    "limits": [{"when": ["open_loss_equity >= 0.01", "rsi_14 < 40"], "reduce_to": 0.5}],
    "risk": {"level": 0.95},
    "target": {"volatility": 0.1, "regimes": [{"when": "vix > 30", "factor": 0.5}]},
    "book": {
        "equity": 1e5, "max_open": 3, "daily_loss": 0.02, "daily_loss_action": "close", "enter_when": "rsi_14 < 80",
        "limits": [{"when": "var > 0.02", "reduce_to": "until"}],
    },
}  # fmt: skip


def plan(**more: Any) -> Ladder:
    return ladder_from_mapping(EXIT | {"book": {"equity": 100_000}} | more)


def series(symbol: str, moves: np.ndarray) -> Bars:
    """Daily bars whose opens are the closes before, from logarithmic returns."""
    close = 100 * np.exp(np.cumsum(moves))
    opened = np.concatenate([[100.0], close[:-1]])
    wick = 1 + 0.3 * np.abs(moves)
    high, low = np.maximum(opened, close) * wick, np.minimum(opened, close) / wick
    return Bars(symbol, DAY_NS, np.arange(len(moves), dtype=np.int64) * DAY_NS, opened, high, low, close)


def always_long(bars: BarSet, every: int = 10, money: float = 10_000) -> PlacedTrades:
    """A long of the same value in every symbol, every few days, in order of entry."""
    rows = [
        {
            "trade_id": f"{name}{k:05d}",
            "symbol": name,
            "side": "long",
            "entry_time": pd.Timestamp(bars[name].time[k]),
            "entry_price": bars[name].open[k],
            "quantity": money / bars[name].open[k],
        }
        for k in range(60, bars.n_bars // len(bars) - 1, every)
        for name in bars
    ]
    return place_trades(trades_from_frame(pd.DataFrame(rows)), bars)


def clustered(seed: int = 2, n_bars: int = 1_800) -> BarSet:
    """Calm stretches that rise and wild ones that fall, of 60 days, in all symbols at once."""
    rng = np.random.default_rng(seed)
    wild = (np.arange(n_bars) // 60) % 2 == 1
    return BarSet(
        [
            series(name, np.where(wild, rng.normal(-0.006, 0.03, n_bars), rng.normal(0.005, 0.006, n_bars)))
            for name in ("A", "B", "C")
        ]
    )


def driftless(seed: int, n_bars: int = 900) -> BarSet:
    rng = np.random.default_rng(seed)
    return BarSet([series(name, rng.normal(0, 0.015, n_bars)) for name in ("A", "B", "C")])


@pytest.fixture(scope="module")
def quick() -> Settings:
    return Settings().with_values({"validation": {"n_bootstrap": 400}})


def tuned(placed: PlacedTrades, own: Ladder, settings: Settings) -> TunedBook:
    return tune_book(placed, own, Signals.none(len(placed)), settings)


WILD = plan(limits=[{"when": "volatility >= 2", "reduce_to": 0}], risk={"window": 20})
RANGES = {"search": {"book": ["limits[1].volatility >= 0.2..2"]}}


@pytest.fixture(scope="module")
def planted(quick: Settings) -> TunedBook:
    return tuned(always_long(clustered()), WILD, quick.with_values(RANGES))


@pytest.mark.slow
def test_a_limit_that_helps_is_found_and_recommended(planted: TunedBook) -> None:
    """Wild stretches lose; a limit at a volatility of 200% never sells, one at 20% or 36% sells there."""
    (number,) = [one.number for one in planted.candidates.searched]
    found = [planted.candidates.numbers(part.chosen)[number] for part in planted.parts]
    assert all(value is not None and 0.2 <= value <= 0.4 for value in found)
    assert planted.choice == WALK and planted.against_own.kind == "better"
    one = planted.against_own.measures["sharpe_daily"]
    assert one["low"] > 0 and one["p_adjusted"] <= 0.05 and one["p_adjusted"] >= one["p_value"]
    threshold = planted.recommended.limits[0].when[0].threshold
    assert threshold == planted.candidates.numbers(planted.final)[number] != 2
    assert planted.recommended.tuned is not None and planted.recommended.tuned.verdict == "better"
    assert planted.sentence.startswith(f"Use the tuned numbers (limits[1].volatility >= {threshold:g})")
    # own numbers never sell here, so they are no limits
    assert planted.accounts[OWN] == planted.accounts[NONE]


@pytest.mark.slow
def test_the_account_goes_on_and_is_that_of_the_chosen_numbers(planted: TunedBook) -> None:
    table = planted.table
    cut = planted.parts[0].cut
    before = table["close_time"].astype("int64") < cut
    np.testing.assert_array_equal(table.loc[before, "pnl"], table.loc[before, "pnl_own"])
    assert (table.loc[~before, "pnl"] != table.loc[~before, "pnl_own"]).any()
    first_day = np.datetime64(planted.first_day).astype("datetime64[D]").astype(int)
    assert first_day == (cut - 1) // DAY_NS
    years = planted.n_days / 365.25
    for column, name in (("pnl", WALK), ("pnl_own", OWN), ("pnl_no_limits", NONE)):
        base = table.loc[before, column].iloc[-1]
        earned = (table[column].iloc[-1] - base) / 100_000 / years
        assert planted.accounts[name]["return_per_year"] == pytest.approx(earned)


@pytest.mark.slow
def test_nothing_chosen_before_a_cut_reads_a_later_bar(
    planted: TunedBook, quick: Settings, scrambled_after: Callable[[BarSet, int], BarSet]
) -> None:
    bars, placed = clustered(), always_long(clustered())
    for k in (0, 2):
        cut = planted.parts[k].cut
        other = scrambled_after(bars, cut - 1)
        again = tuned(place_trades(placed.trades, other), WILD, quick.with_values(RANGES))
        assert [part.cut for part in again.parts] == [part.cut for part in planted.parts]
        assert again.parts[: k + 1] == planted.parts[: k + 1]
        np.testing.assert_array_equal(again.objectives[:, : k + 1], planted.objectives[:, : k + 1])
        assert not np.array_equal(again.objectives[:, k + 1], planted.objectives[:, k + 1])
        past = planted.walk.curve.time < cut
        np.testing.assert_array_equal(again.walk.curve.pnl[past], planted.walk.curve.pnl[past])


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(6))
def test_own_numbers_stay_where_nothing_can_be_earned(seed: int, quick: Settings) -> None:
    own = plan(limits=[{"when": "open_loss_equity >= 0.002", "reduce_to": 0.5}],
               book={"equity": 100_000, "max_open": 4})  # fmt: skip
    found = tuned(always_long(driftless(seed)), own, quick.with_values({"tuning": {"book_trials": 12}}))
    assert found.choice == OWN and found.recommended == own
    assert found.against_own.kind == "no_difference"
    assert found.sentence.startswith("Keep your own numbers.")


def test_every_number_of_a_plan_has_a_name_and_can_be_changed() -> None:
    own = ladder_from_mapping(FULL)
    numbers = {one.text(one.own): one for one in numbers_of(own)}
    assert list(numbers) == [
        "book.max_open = 3", "book.daily_loss = 0.02", "book.enter_when.rsi_14 < 80",
        "limits[1].open_loss_equity >= 0.01", "limits[1].rsi_14 < 40", "limits[1].reduce_to = 0.5",
        "book.limits[1].var > 0.02", "target.volatility = 0.1", "target.band = 0.1", "target.floor = none",
        "target.regimes[1].vix > 30", "target.regimes[1].factor = 0.5",
    ]  # fmt: skip
    for text, number in numbers.items():
        changed = with_values(own, {number: 7.0 if "max_open" in text else 0.25})
        others = [one.text(one.own) for one in numbers_of(changed)]
        assert len(set(others) - set(numbers)) == 1, text
        assert with_values(changed, {one: one.own for one in numbers_of(own) if one.own is not None}) == own or (
            "floor" in text
        )


def test_the_plan_is_searched_from_half_to_twice_and_named_series_only_if_named() -> None:
    own = ladder_from_mapping(FULL)
    found = {one.number.key: one.values for one in searched_numbers(own, ["plan"])}
    assert set(found) == {
        "book.max_open", "book.daily_loss", "limits[1].open_loss_equity", "limits[1].reduce_to",
        "book.limits[1].var", "target.volatility", "target.band", "target.regimes[1].factor",
    }  # fmt: skip
    assert list(found["book.max_open"]) == [1, 2, 3, 4, 6]
    assert list(found["limits[1].reduce_to"]) == [0.0, 0.25, 0.5, 0.75]
    for key, own_value in (("limits[1].open_loss_equity", 0.01), ("book.limits[1].var", 0.02)):
        values = found[key]
        assert (values[0], values[-1]) == (own_value / 2, own_value * 2) and own_value in values
    named = searched_numbers(own, ["plan", "limits[1].rsi_14 < 30..50", "book.max_open = 5"])
    by_key = {one.number.key: one.values for one in named}
    assert by_key["book.max_open"] == (5.0,)
    assert (min(by_key["limits[1].rsi_14"]), max(by_key["limits[1].rsi_14"])) == (30, 50)
    alone = searched_numbers(own, ["book.enter_when.rsi_14 < 70..90"])
    assert [one.number.key for one in alone] == ["book.enter_when.rsi_14"]


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["book.max_open 2..4"], "must be \"plan\" or ranges such as"),
        (["book.max_open = 4..2"], "must start with its smaller number"),
        (["book.max_opne = 2..4"], "which the plan does not have. Did you mean 'book.max_open'"),
        (["limits[1].open_loss_equity <= 0.1..0.2"], "must write limits\\[1\\].open_loss_equity with '>='"),
        (["limits[2].reduce_to = 0..0.5"], "'limits\\[2\\].reduce_to', which the plan does not have"),
        (["book.max_open = 0..4"], "cannot try book.max_open = 0: book.max_open must be"),
        (["limits[1].reduce_to = 0.5..1"], "cannot try limits\\[1\\].reduce_to = 1"),
        (["target.volatility = 0..0.2"], "cannot try target.volatility = 0"),
    ],
)  # fmt: skip
def test_a_range_that_cannot_be_tried_is_refused_with_its_cure(texts: list[str], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        searched_numbers(ladder_from_mapping(FULL), texts)


def test_a_book_without_money_or_numbers_or_trades_is_refused(quick: Settings) -> None:
    placed = always_long(driftless(0, 200), every=20)
    with pytest.raises(LadderError, match=r"no book\.equity.*equity = 100000"):
        tuned(placed, ladder_from_mapping(EXIT | {"limits": [{"when": "open_r <= -0.5", "reduce_to": 0.5}]}), quick)
    with pytest.raises(SettingsError, match="finds no number to tune"):
        tuned(placed, plan(book={"equity": 1e5, "margin": 0.5}), quick)
    with pytest.raises(TradesError, match="at least 20 trades"):
        tuned(placed.take(np.arange(9)), WILD, quick)


def test_candidates_begin_with_your_own_plan_and_no_limits(quick: Settings) -> None:
    own = replace(ladder_from_mapping(FULL), tuned=None)
    few = candidates_of(own, quick.with_values({"tuning": {"book_trials": 9}}))
    assert few.plans[0] == own and len(few.plans) <= 11 and few.n_possible > 9
    assert [few.kind(k) for k in range(3)] == [OWN, NONE, TRIED]
    bare = few.plans[1]
    assert bare.limits == () and bare.target is None and bare.book.max_open is None and bare.book.equity == 1e5
    assert bare.shares_account  # its entries still need free money
    assert candidates_of(own, quick.with_values({"tuning": {"book_trials": 9}})) == few
    every = candidates_of(WILD, quick.with_values(RANGES))
    # one of the five values is the user's own, whose plan is there already
    assert every.n_possible == 5 and len(every.plans) == 2 + 4


def test_objectives_are_those_of_the_account_at_daily_closes() -> None:
    rng = np.random.default_rng(0)
    change = rng.normal(0.001, 0.01, 500)
    assert sharpe(change) == pytest.approx(change.mean() / change.std(ddof=1) * np.sqrt(365.25))
    assert calmar(change) == pytest.approx(return_per_year(change) / -max_drawdown_of_sum(change))
    assert sharpe(change / 2) == pytest.approx(sharpe(change))
    # an account that never moved has no ratio, and never wins; of equal ones the first does
    chosen, values = best(np.stack([np.zeros(500), -change, -change]), "sharpe")
    assert chosen == 1 and np.isnan(values[0])


def test_the_calmar_ratio_is_compared_on_the_same_days_as_the_others() -> None:
    rng = np.random.default_rng(6)
    own = rng.normal(0.0005, 0.01, 800)
    changes = {WALK: own + rng.normal(0.001, 0.004, 800), OWN: own, NONE: own / 2}
    active = {name: np.ones(800, dtype=bool) for name in changes}
    found = compare_accounts(changes, active, "calmar", Intervals(n_bootstrap=200))
    one = found[WALK, OWN].measures["calmar"]
    assert (one["candidate"], one["baseline"]) == pytest.approx((calmar(changes[WALK]), calmar(own)))
    assert one["low"] < one["difference"] < one["high"]
    # half of an account has the same ratios, in every resample
    half = found[NONE, OWN]
    for name in ("calmar", "sharpe_daily"):
        assert [half.measures[name][key] for key in ("difference", "low", "high")] == pytest.approx([0, 0, 0], abs=1e-9)
    assert half.measures["return_per_year"]["difference"] == pytest.approx(-return_per_year(own) / 2)
    assert "calmar" not in compare_accounts(changes, active, "sharpe", Intervals(n_bootstrap=200))[WALK, OWN].measures


def test_days_are_cut_where_a_part_begins_inside_one() -> None:
    time = np.array([6, 12, 24, 30, 48], dtype=np.int64) * 3_600 * 10**9
    days = Days.of(time, np.array([time[1]]))
    assert days.day.tolist() == [0, 0, 1] and days.part.tolist() == [0, 1, 1]
    change = np.array([[1.0, 2.0, 4.0]])
    assert days.daily(change, 0, (0, 1)).tolist() == [[1.0]]
    assert days.daily(change, 0, (1, 2)).tolist() == [[2.0, 4.0]]


def test_parts_have_twenty_trades_or_there_are_fewer(quick: Settings) -> None:
    time = np.arange(100, dtype=np.int64) * DAY_NS
    # four parts of the later half would hold 12 or 13
    assert part_cuts(time, quick.validation).tolist() == [time[50], time[75]]
    together = np.zeros(100, dtype=np.int64)
    with pytest.raises(TradesError, match="Bring more trades"):
        part_cuts(together, quick.validation)


def test_your_own_numbers_stay_unless_another_account_is_better() -> None:
    def of(walk: str, none: str, against_none: str) -> dict[tuple[str, str], Compared]:
        found = {}
        for pair, kind in (((WALK, OWN), walk), ((NONE, OWN), none), ((WALK, NONE), against_none)):
            low, high, p = {"better": (0.1, 0.3, 0.01), "worse": (-0.3, -0.1, 0.01)}.get(kind, (-0.1, 0.3, 0.4))
            one = {"difference": (low + high) / 2, "low": low, "high": high, "p_value": p, "p_adjusted": p}
            found[pair] = Compared(*pair, 100, {"sharpe_daily": one}, "sharpe_daily")
        return found

    assert recommended(of("", "", ""), WALK) == OWN
    assert recommended(of("worse", "", ""), WALK) == OWN
    assert recommended(of("better", "", ""), WALK) == WALK
    assert recommended(of("better", "", ""), OWN) == OWN
    assert recommended(of("better", "", ""), NONE) == OWN
    assert recommended(of("", "better", ""), WALK) == NONE
    assert recommended(of("better", "better", ""), WALK) == NONE
    assert recommended(of("better", "better", "better"), WALK) == WALK
    few = Compared(WALK, OWN, 5, of("better", "", "")[WALK, OWN].measures, "sharpe_daily")
    assert few.kind == "no_difference"


def test_identical_accounts_are_one_hypothesis() -> None:
    rng = np.random.default_rng(4)
    own, tuned_account = rng.normal(0, 0.01, 900), rng.normal(0.001, 0.01, 900)
    other = own + rng.normal(0, 0.001, 900)
    active = {name: np.ones(900, dtype=bool) for name in (WALK, OWN, NONE)}
    intervals = Intervals(n_bootstrap=200)
    same = compare_accounts({WALK: tuned_account, OWN: own, NONE: own.copy()}, active, "sharpe", intervals)
    three = compare_accounts({WALK: tuned_account, OWN: own, NONE: other}, active, "sharpe", intervals)
    p = {name: one["p_value"] for name, one in same[WALK, OWN].measures.items()}
    alone = dict(zip(p, holm(list(p.values())).tolist(), strict=True))
    assert {name: one["p_adjusted"] for name, one in same[WALK, OWN].measures.items()} == alone
    assert same[WALK, NONE].measures == same[WALK, OWN].measures
    assert same[NONE, OWN].figures == "the same account" and same[NONE, OWN].kind == "no_difference"
    for name, one in three[WALK, OWN].measures.items():
        assert one["p_value"] == p[name] and one["p_adjusted"] >= alone[name]


def test_the_order_of_the_rows_changes_nothing(quick: Settings) -> None:
    bars = driftless(9, 500)
    trades = make_trades(bars, "random")
    placed = place_trades(trades, bars)
    own = plan(limits=[{"when": "open_loss_equity >= 0.002", "reduce_to": 0.5}])
    settings = quick.with_values({"tuning": {"book_trials": 4}})
    found = []
    for seed in (None, 1):
        rows = np.arange(len(placed)) if seed is None else np.random.default_rng(seed).permutation(len(placed))
        order = rows[np.lexsort((placed.trades.trade_id[rows].astype(str), placed.trades.entry_time[rows]))]
        found.append(tuned(placed.take(order), own, settings).to_mapping())
    assert found[0] == found[1]
