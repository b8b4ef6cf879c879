"""Tuning of plans on options: what is found where the best plan is known, and what is not claimed where none is."""

from __future__ import annotations

import importlib
import json
import math
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from exitladder.options.market import OptionMarket
from exitladder.options.positions.trades import OptionTrade
from exitladder.options.quotes import QuoteBars
from exitladder.pipelines.options.backtest import backtest_options
from exitladder.pipelines.options.tuning.files import tuning_files, tuning_summary, write_tuning
from exitladder.pipelines.options.tuning.policies import OWN, TUNED
from exitladder.pipelines.options.tuning.tuned import OptionsTuning, tune_options
from exitladder.pipelines.options.tuning.walk import chosen, cuts_of
from exitladder.plans.file import ladder_from_mapping, read_ladder
from exitladder.settings.loading import load_settings
from exitladder.settings.tables import Settings, ValidationSettings

DAY = 86_400 * 10**9
HOLD = "hold to expiry"


@pytest.fixture(scope="module")
def worlds(root: Path) -> Iterator[Any]:
    """The generator of worlds, which is no package."""
    sys.path.insert(0, str(root / "benchmarks"))
    yield importlib.import_module("planted_options")
    sys.path.remove(str(root / "benchmarks"))


@pytest.fixture(scope="module")
def settings() -> Settings:
    return load_settings(None, ["validation.n_bootstrap=400", "options_search.n_values=3"])


@pytest.fixture(scope="module")
def crash(worlds: Any, settings: Settings) -> tuple[OptionMarket, list[OptionTrade], OptionsTuning]:
    market, trades = worlds.market_of(worlds.tables("crash", 3))
    return market, trades, tune_options(trades, None, market, settings)


def told(found: OptionsTuning) -> list[str]:
    return [choice.text(found.policies) for choice in found.choices]


@pytest.mark.parametrize("seed", [1, 2])
def test_a_plan_that_leaves_before_the_crash_is_found(worlds: Any, settings: Settings, seed: int) -> None:
    market, trades = worlds.market_of(worlds.tables("crash", seed))
    found = tune_options(trades, None, market, settings)
    assert found.verdict.kind == "better" and found.choice.exit != HOLD
    ended, entry = found.results[TUNED].end, found.results[TUNED].time
    # the fall is seen at the close of the last Thursday, ten days after the entry
    assert ((ended - entry) / DAY < 10.5).mean() > 0.8
    assert found.against(HOLD).low > 0


def test_a_plan_that_takes_half_of_the_profit_is_found(worlds: Any, settings: Settings) -> None:
    market, trades = worlds.market_of(worlds.tables("revert", 1))
    found = tune_options(trades, None, market, settings)
    assert found.verdict.kind == "better" and found.choice.exit == TUNED
    for choice in found.choices:
        (rung,) = choice.ladder(found.policies).rungs
        assert rung.sells_rest and rung.when[0].series in ("premium_r", "max_profit_share")
    # no plan of the grid earns more by 0.03 R in hindsight
    assert found.training_r[:, -1].max() - found.training_r[found.trials.index(found.choices[-1]), -1] < 0.03


@pytest.mark.parametrize("seed", range(11, 17))
def test_where_every_plan_is_worth_the_same_none_is_recommended(worlds: Any, settings: Settings, seed: int) -> None:
    market, trades = worlds.market_of(worlds.tables("fair", seed))
    found = tune_options(trades, None, market, settings)
    assert found.choice.exit == HOLD and found.verdict.kind != "better"
    assert found.recommended.rungs == () and found.n_scored == 60


def changed(market: OptionMarket, moment: int) -> OptionMarket:
    """The market with other quotes and closes after a moment."""

    def quotes_of(bars: QuoteBars) -> QuoteBars:
        later = np.where(bars.end > moment, 1.7, 1.0)[:, None]
        return replace(bars, bid=bars.bid * later, ask=bars.ask * later)

    assert market.bars is not None
    bars = type(market.bars)(
        [
            replace(one, **{name: getattr(one, name) * np.where(one.time + DAY > moment, 0.8, 1.0)
                            for name in ("open", "high", "low", "close")})
            for one in (market.bars[name] for name in market.bars)
        ]
    )  # fmt: skip
    quotes = replace(market.quotes, bars={c: quotes_of(bars) for c, bars in market.quotes.items()})
    return replace(market, quotes=quotes, bars=bars)


def test_nothing_after_a_cut_changes_what_was_chosen_before_it(
    crash: tuple[OptionMarket, list[OptionTrade], OptionsTuning], settings: Settings
) -> None:
    market, trades, found = crash
    assert len(found.cuts) == 3
    for k, cut in enumerate(found.cuts):
        other = tune_options(trades, None, changed(market, cut.moment), settings)
        assert told(other)[: k + 1] == told(found)[: k + 1]
        assert np.array_equal(other.training_r[:, : k + 1], found.training_r[:, : k + 1], equal_nan=True)
        assert not np.allclose(other.training_r[:, -1], found.training_r[:, -1])
    # nor do the quotes after the last known result, taken away
    first = found.cuts[0]
    early = tune_options(
        [trade for trade in trades if trade.entry_time < first.moment], None, market.without_quotes_after(first.moment),
        settings,
    )  # fmt: skip
    assert early.cuts == [] or early.cuts[0].moment < first.moment


def test_every_position_tuned_on_had_expired_and_is_not_scored(
    crash: tuple[OptionMarket, list[OptionTrade], OptionsTuning],
) -> None:
    market, _, found = crash
    expired = np.array([market.clock.moment(trade.contract.expiry) for trade in found.trades])
    entry = np.array([trade.entry_time for trade in found.trades])
    for cut in found.cuts:
        # ten days of embargo between the last expiry and the first entry scored
        assert (expired[cut.training] + 10 * DAY <= cut.moment).all() and (entry[cut.test] >= cut.moment).all()
        assert cut.training.sum() + cut.n_purged == (entry < cut.moment).sum()
    assert sum(cut.test.sum() for cut in found.cuts) == found.scored.sum() == 60


def test_the_order_of_rows_does_not_matter(worlds: Any, settings: Settings) -> None:
    tables = worlds.tables("crash", 5, n=60)
    market, trades = worlds.market_of(tables)
    rng = np.random.default_rng(0)
    mixed = {name: table.iloc[rng.permutation(len(table))] for name, table in tables.items() if name != "bars"}
    shuffled, others = worlds.market_of(tables | mixed)
    ours, theirs = (
        tuning_summary(tune_options(them, None, of, settings), of, settings)
        for of, them in ((market, trades), (shuffled, others))
    )
    assert json.dumps(ours, default=str) == json.dumps(theirs, default=str)


def test_repeated_rows_are_one_observation(worlds: Any, settings: Settings) -> None:
    market, trades = worlds.market_of(worlds.tables("crash", 5, n=60))
    twice = [*trades, *(replace(trade, trade_id=f"{trade.trade_id}b", quantity=1) for trade in trades[:40])]
    ours, theirs = tune_options(trades, None, market, settings), tune_options(twice, None, market, settings)
    assert told(ours) == told(theirs) and theirs.n_scored == ours.n_scored == 30
    assert tuning_summary(theirs, market, settings)["n_repeated"] == 40
    assert theirs.against(HOLD).n == ours.against(HOLD).n


def test_few_positions_keep_what_you_do_and_say_so(worlds: Any, settings: Settings) -> None:
    market, trades = worlds.market_of(worlds.tables("crash", 7, n=30))
    none = tune_options(trades, None, market, settings)
    assert none.cuts == [] and none.choice.exit == HOLD and none.verdict.kind == "no_difference"
    summary = tuning_summary(none, market, settings)
    assert "Too few positions for a walk-forward: 30 have a result" in summary["verdict_text"]
    assert summary["sample"] == "in_sample" and summary["recommended"]["choice"] == "hold"
    assert all(row["expectancy_r"]["low"] is None for row in summary["policies"])
    own = ladder_from_mapping({"name": "mine", "rungs": [{"fraction": 0.5, "when": ["premium_r >= 0.3"]}],
                               "costs": {"commission_per_unit": 1.0}})  # fmt: skip
    kept = tune_options(trades, own, market, settings)
    assert kept.choice.exit == OWN and kept.recommended == own
    assert "Keep your plan" in tuning_summary(kept, market, settings)["recommendation"]
    # nothing is known yet: what you do now is also what is "tuned"
    early = market.without_quotes_after(trades[0].entry_time + 3 * DAY)
    fresh = tune_options(trades[:1], own, early, settings)
    assert not fresh.is_known.any() and fresh.choices[-1].name == OWN


def test_the_files_are_read_again_and_positions_tuned_on_do_not_count(
    crash: tuple[OptionMarket, list[OptionTrade], OptionsTuning], settings: Settings, tmp_path: Path, worlds: Any
) -> None:
    market, trades, found = crash
    summary = tuning_summary(found, market, settings)
    write_tuning(found, market, summary, tmp_path / "out")
    names = sorted(str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*") if path.is_file())
    assert names == sorted(tuning_files(found, market, summary))
    plan = read_ladder(tmp_path / "out" / "recommended.toml")
    assert plan.rungs == found.recommended.rungs
    again = backtest_options(trades, plan, market, settings).summary
    assert again["n_in_sample"] == len(trades) and again["verdict"] == "no_difference"
    assert again["beside"][HOLD]["difference_r"]["value"] is None
    assert "was tuned on 120 of the 120 positions" in again["verdict_text"]
    # later positions count
    tables = worlds.tables("crash", 99)
    for table in tables.values():
        for name in ("timestamp", "entry_time", "expiry"):
            if name in table:
                table[name] = pd.to_datetime(table[name]) + pd.Timedelta(days=7 * 200)
    later, new = worlds.market_of(tables)
    fresh = backtest_options(new, plan, later, settings).summary
    assert fresh["n_in_sample"] == fresh["n_mixed"] == 0 and fresh["verdict"] == "better"
    # the plan of a part was tuned before the part
    part = read_ladder(tmp_path / "out" / "folds" / "fold-1.toml")
    scored = backtest_options(trades, part, market, settings).summary
    assert scored["n_in_sample"] == found.cuts[0].training.sum()
    assert scored["n_in_sample"] + scored["n_mixed"] == 60
    rows = pd.read_csv(tmp_path / "out" / "net_r.csv")
    assert rows[TUNED].mean() == pytest.approx(summary["policies"][0]["expectancy_r"]["value"])
    trials = pd.read_csv(tmp_path / "out" / "trials.csv")
    assert len(trials) == summary["n_plans"] and trials["chosen_all"].sum() == trials["chosen_1"].sum() == 1


def test_stops_of_positions_are_what_you_do_and_a_searched_stop_is_measured_in_their_r(
    worlds: Any, settings: Settings
) -> None:
    tables = worlds.tables("crash", 4, n=60)
    naked = tables["trades"].drop(columns="strike_2").assign(stop_price=6.0)
    market, trades = worlds.market_of(tables | {"trades": naked})
    found = tune_options(trades, None, market, settings)
    assert found.policies.default == "stop only" and not found.policies.can_hold
    assert {math.isnan(trial.candidate.stop) for trial in found.trials if trial.candidate} == {True}
    # without a stop in the file, your plan's stop gives R, and others are measured in it
    market, trades = worlds.market_of(tables | {"trades": naked.drop(columns="stop_price")})
    own = ladder_from_mapping({"name": "mine", "stop": {"initial": "150%"}})
    found = tune_options(trades, own, market, settings)
    stops = {trial.candidate.stop for trial in found.trials if trial.candidate}
    assert stops == {1.5, 0.25, 1.12, 2.0}
    wide = next(t for t in found.trials if t.candidate and t.candidate.stop == 2.0 and not t.candidate.rungs)
    plain = backtest_options(trades, wide.ladder(found.policies), market, settings).trades
    # R of a stop at 200% of the premium is a third more than that of one at 150%
    row = found.training_r[found.trials.index(wide), -1]
    assert row == pytest.approx(plain["r"].mean() * 2.0 / 1.5)
    # without either, shorts have no R
    with pytest.raises(Exception, match="a short call or put without a stop has no R"):
        tune_options(trades, None, market, settings)


def test_the_choice_is_the_simplest_about_as_good_as_the_best() -> None:
    entry, noise = np.arange(80) * DAY, np.random.default_rng(3).normal(0, 1, 80)
    swing = np.where(np.arange(80) % 2, 0.5, -0.5)
    # the standard error of a mean of 80 swings is 0.056
    far, near, best = noise - 1.0, noise, noise + swing + 0.05
    rows, parts = np.array([far, near, best]), np.array([0, 1, 2])
    assert chosen(rows, entry, parts) == 1 and chosen(rows[::-1], entry, parts[::-1]) == 1
    assert chosen(np.array([far, near, best + 0.02]), entry, parts) == 2
    # two positions of each day that swing alike are 40 observations, of which the standard error is 0.08
    days, alike = entry // 2 // DAY * DAY, noise + np.repeat(swing[:40], 2) + 0.07
    assert chosen(np.array([far, near, alike]), entry, parts) == 2
    assert chosen(np.array([far, near, alike]), days, parts) == 1
    # a plan without a result for a position is not chosen
    rows[1, 0] = np.nan
    assert chosen(rows, entry, parts) == 2


def test_cuts_need_twenty_positions_on_each_side() -> None:
    entry, settings = np.arange(45) * DAY, ValidationSettings()
    assert cuts_of(entry, entry + 30 * DAY, settings, 0) == []
    (one,) = cuts_of(entry, entry + DAY, settings, 0)
    assert one.test.sum() == 22 and one.training.sum() == 23 and one.n_purged == 0
    rolling = cuts_of(np.arange(200) * DAY, np.arange(200) * DAY, replace(settings, window="rolling"), 0)
    assert {int(cut.training.sum()) for cut in rolling} == {100} and len(rolling) == 4


def test_real_quotes_of_few_days_recommend_nothing(root: Path, shared_data: Path, worlds: Any) -> None:
    script = importlib.import_module("options_tuning")
    table = script.real(shared_data).set_index("positions")
    assert set(table["recommended"]) == {HOLD} and set(table["scored out of sample"]) == {"0"}
    assert (table["with a result"].astype(int) >= 5).all()
