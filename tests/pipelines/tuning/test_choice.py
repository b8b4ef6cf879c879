"""Walk-forward: nothing that is scored was known to what was chosen before it, and each part is scored once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from exitladder.bars.bars import BarSet
from exitladder.errors import TradesError
from exitladder.execution import simulate
from exitladder.pipelines.inputs.predictions import predict_rows
from exitladder.pipelines.inputs.prepare import Prepared, prepare
from exitladder.pipelines.inputs.signals import signals_for
from exitladder.pipelines.training.model import fit_model, training_rows
from exitladder.pipelines.tuning.choice import Tuning
from exitladder.pipelines.tuning.folds import LEAST_TRADES, fitting_walk, known_by, walk_forward
from exitladder.pipelines.tuning.policies import SIMPLEST, TUNED
from exitladder.pipelines.tuning.tuned import Tuned, tune_ladder
from exitladder.plans.file import ladder_from_mapping
from exitladder.runtime.progress import SILENT
from exitladder.settings.tables import Settings
from exitladder.trades.trades import Trades

LONGEST = 60


@pytest.fixture(scope="module")
def prepared(bars: BarSet, trades: Trades, small: Settings) -> Prepared:
    return prepare(bars, trades, small)


def with_validation(settings: Settings, **values: object) -> Settings:
    return settings.with_values({"validation": values})


def tuned_with_model(prepared: Prepared, settings: Settings) -> Tuned:
    settings = settings.with_values({"model": {"ensemble": 1}})
    model = fit_model(training_rows(prepared, settings), prepared, settings, SILENT)
    return tune_ladder(prepared, settings, predictions=predict_rows(prepared, model))


@pytest.fixture(scope="module")
def with_any_time_stop(small: Settings) -> Settings:
    """Ladders without a time stop may hold a trade beyond every cut."""
    return small.with_values({"search": {"time_stop": ["bars", "off"]}})


@pytest.fixture(scope="module")
def tuned(prepared: Prepared, with_any_time_stop: Settings) -> Tuned:
    return tuned_with_model(prepared, with_any_time_stop)


@pytest.mark.parametrize("window", ["expanding", "rolling"])
def test_no_bar_that_prices_a_training_exit_lies_in_the_test_parts_time(
    prepared: Prepared, small: Settings, window: str
) -> None:
    walk = walk_forward(prepared, with_validation(small, window=window, n_test_parts=4).validation, LONGEST)
    placed = prepared.placed
    reach = placed.first_bar + LONGEST + small.validation.embargo_bars
    last = np.minimum(reach, placed.end_bar - 1)
    time = prepared.entry_time
    for fold in walk.folds:
        assert not (fold.training & fold.test).any()
        assert (placed.bars.close_time[last[fold.training]] <= fold.cut).all()
        assert (time[fold.test] >= fold.cut).all()
        assert (time[fold.training] < fold.cut).all()
        assert 0 < fold.n_purged < len(time)


def test_test_parts_adjoin_and_are_of_like_size(prepared: Prepared, small: Settings) -> None:
    walk = walk_forward(prepared, with_validation(small, n_test_parts=4, test_fraction=0.4).validation, LONGEST)
    times = sum(fold.test.astype(int) for fold in walk.folds)
    after = prepared.entry_time >= walk.cut
    np.testing.assert_array_equal(times, after.astype(int))
    assert after.mean() == pytest.approx(0.4, abs=0.01)
    sizes = [int(fold.test.sum()) for fold in walk.folds]
    assert max(sizes) - min(sizes) <= 8
    executed_by = walk.fold_of(prepared.entry_time)
    for k, fold in enumerate(walk.folds):
        assert (executed_by[fold.test] == k).all()
    assert (executed_by[~after] == 0).all()


def test_windows_expand_or_roll(prepared: Prepared, small: Settings) -> None:
    expanding = walk_forward(prepared, with_validation(small, n_test_parts=4).validation, LONGEST)
    rolling = walk_forward(prepared, with_validation(small, n_test_parts=4, window="rolling").validation, LONGEST)
    for before, after in zip(expanding.folds, expanding.folds[1:], strict=False):
        assert (after.training | ~before.training).all()
        assert after.training.sum() > before.training.sum()
    first = int((prepared.entry_time < rolling.cut).sum())
    np.testing.assert_array_equal(rolling.folds[0].training, expanding.folds[0].training)
    for fold, all_before in zip(rolling.folds, expanding.folds, strict=True):
        latest = np.flatnonzero(prepared.entry_time < fold.cut)[-first:]
        kept = np.isin(np.arange(len(fold.training)), latest)
        np.testing.assert_array_equal(fold.training, all_before.training & kept)


def test_the_final_ladder_is_tuned_on_trades_that_had_ended(prepared: Prepared, small: Settings) -> None:
    walk = walk_forward(prepared, small.validation, LONGEST)
    placed = prepared.placed
    reach = placed.first_bar + LONGEST + small.validation.embargo_bars
    goes_on = placed.bars.close_time[placed.end_bar - 1] == placed.bars.close_time.max()
    np.testing.assert_array_equal(walk.final, ~(goes_on & (reach > placed.end_bar - 1)))
    assert walk.final.sum() > walk.folds[-1].training.sum()


def test_few_trades_make_fewer_parts_and_it_is_said(bars: BarSet, trades: Trades, small: Settings) -> None:
    few = prepare(bars, trades.take(np.arange(110)), small)
    walk = walk_forward(few, with_validation(small, n_test_parts=4).validation, LONGEST)
    assert 1 <= len(walk.folds) < 4
    assert all(fold.test.sum() >= LEAST_TRADES for fold in walk.folds)
    assert "instead of 4" in walk.note()
    assert walk.note() in tune_ladder(few, with_validation(small, n_test_parts=4)).verdict.text
    with pytest.raises(TradesError, match="at least 20 trades"):
        walk_forward(few.take(np.arange(30)), small.validation, LONGEST)


def test_a_holding_period_that_leaves_too_few_trades_is_shortened_and_it_is_said(
    bars: BarSet, trades: Trades, small: Settings
) -> None:
    long = small.with_values({"search": {"time_bars": [1, 2_000], "time_stop": ["bars", "off"]}})
    prepared = prepare(bars, trades, long)
    walk, settings = fitting_walk(prepared, long)
    first = walk.folds[0]
    assert 2 * first.n_purged <= (prepared.entry_time < first.cut).sum()
    assert settings.search.time_bars == (1, 100) and settings.search.time_stop == ("bars",)
    assert "up to 100 bars are searched instead of 2000 (search.time_bars)" in walk.note()
    fits, same = fitting_walk(prepared, small)
    assert same == small and fits.note() == ""


def test_trades_entered_at_the_same_moment_stay_together(prepared: Prepared, small: Settings) -> None:
    together = prepared.entry_time // (90 * 86_400 * 10**9) * (90 * 86_400 * 10**9)
    coarse = replace(
        prepared,
        placed=replace(prepared.placed, trades=replace(prepared.placed.trades, entry_time=together)),
    )
    walk = walk_forward(coarse, with_validation(small, n_test_parts=4).validation, LONGEST)
    for fold in walk.folds:
        assert not set(together[fold.test]) & set(together[~fold.test])


@pytest.mark.parametrize("k", [0, 2])
def test_what_was_chosen_before_a_cut_does_not_depend_on_anything_after_it(
    bars: BarSet,
    trades: Trades,
    with_any_time_stop: Settings,
    tuned: Tuned,
    scrambled_after: Callable[[BarSet, int], BarSet],
    k: int,
) -> None:
    """Every bar that closes after a cut is changed, the model is trained anew: earlier choices stay as they are."""
    cut = tuned.walk.folds[k].cut
    settings = with_any_time_stop
    other = prepare(scrambled_after(bars, cut), trades, settings)
    again = tuned_with_model(other, settings)
    for before, after in zip(tuned.folds[: k + 1], again.folds[: k + 1], strict=True):
        assert after.policies == before.policies
        assert after.simplest == before.simplest
        np.testing.assert_array_equal(after.training, before.training)
        pd.testing.assert_frame_equal(after.search.table, before.search.table, check_exact=True)
    ended = np.logical_or.reduce([fold.training for fold in tuned.walk.folds[: k + 1]])
    ladders = [policy.ladder for policy in tuned.folds[k].policies]
    assert any(ladder.stop.time is None for choice in tuned.folds[: k + 1] for ladder in choice.search.ladders)
    known = [
        Tuning.of(each, settings, found.predictions, None).net_r(ladders, ended, cut)
        for each, found in ((prepare(bars, trades, settings), tuned), (other, again))
    ]
    np.testing.assert_array_equal(known[0], known[1])
    later = tuned.walk.folds[k].test
    assert (again.net_r[TUNED][later] != tuned.net_r[TUNED][later]).any()


def test_each_trade_is_executed_to_its_end_by_the_ladder_it_was_entered_under(prepared: Prepared, tuned: Tuned) -> None:
    assert len({choice.policies for choice in tuned.folds}) > 1
    assert tuned.predictions is not None
    for cut, choice in zip(tuned.walk.folds, tuned.folds, strict=True):
        at = np.flatnonzero(cut.test)
        for policy in choice.policies:
            signals = signals_for(prepared.placed, policy.ladder.series, prepared, tuned.predictions)
            alone = simulate(prepared.placed.take(at), policy.ladder, signals.take(at))
            np.testing.assert_array_equal(alone.r, tuned.net_r[policy.name][cut.test])
        np.testing.assert_array_equal(tuned.net_r[SIMPLEST][cut.test], tuned.net_r[choice.simplest][cut.test])


def test_the_account_runs_on_over_the_cuts(tuned: Tuned) -> None:
    accounts = tuned.accounts.set_index("policy")
    for name in (TUNED, SIMPLEST):
        row = accounts.astype(float).loc[name].to_dict()
        assert row["total_r"] == pytest.approx(np.nansum(tuned.net_r[name][tuned.walk.test]))
        assert row["max_drawdown_r"] <= 0 <= row["ulcer_r"]
    assert len(set(accounts["n_days"])) == 1


def test_trials_of_all_folds_count_against_the_deflated_sharpe_ratio(tuned: Tuned) -> None:
    assert tuned.luck.n_trials == sum(choice.search.n_trials for choice in tuned.folds)
    assert tuned.luck.dsr <= tuned.luck.psr
    assert 0 <= tuned.luck.pbo <= 1


def test_the_users_own_ladder_and_exits_are_not_known_beyond_a_cut(
    bars: BarSet, some_open: Trades, small: Settings, scrambled_after: Callable[[BarSet, int], BarSet]
) -> None:
    """Both may hold longer than any candidate: what they do after a cut is changed, and no choice before it."""
    quick = small.with_values({"tuning": {"n_trials": 6}})
    forever = ladder_from_mapping({"rungs": [{"fraction": 0.1, "target": "9R"}], "stop": {"initial": "9ATR"}})
    exit_time = some_open.exit_time.copy()
    for row in np.flatnonzero(~some_open.is_open):
        time = bars[str(some_open.symbol[row])].time
        exit_time[row] = time[np.searchsorted(time, some_open.entry_time[row] + 400 * 86_400 * 10**9, side="right") - 1]
    long = replace(some_open, exit_time=exit_time)
    first = tune_ladder(prepare(bars, long, quick), quick, own_ladder=forever)
    cut = first.walk.folds[0].cut
    held = first.walk.folds[0].training
    assert (prepare(bars, long, quick).placed.trades.exit_time[held] > cut).sum() > 20
    changed = replace(long, exit_price=np.where(long.exit_time > cut, long.exit_price * 3, long.exit_price))
    again = tune_ladder(prepare(scrambled_after(bars, cut), changed, quick), quick, own_ladder=forever)
    before, after = first.folds[0], again.folds[0]
    assert after.policies == before.policies
    assert after.keeps_own_exits == before.keeps_own_exits
    last = first.walk.folds[-1].cut
    beyond = tune_ladder(prepare(scrambled_after(bars, last), long, quick), quick, own_ladder=forever)
    assert beyond.luck.pbo == first.luck.pbo
    pd.testing.assert_frame_equal(after.search.table, before.search.table, check_exact=True)


def test_what_is_known_by_a_moment(prepared: Prepared, some_open: Trades, bars: BarSet, small: Settings) -> None:
    placed = prepare(bars, some_open, small).placed
    moment = int(np.median(placed.trades.entry_time))
    before = placed.take(placed.trades.entry_time < moment)
    known = known_by(before, moment)
    last = np.maximum(known.end_bar - 1, 0)
    assert (known.bars.close_time[last] <= moment).all()
    assert (
        known.bars.close_time[np.minimum(known.end_bar, before.end_bar - 1)][known.end_bar < before.end_bar] > moment
    ).all()
    late = before.trades.exit_time > moment
    assert late.any() and known.trades.is_open[late].all()
    np.testing.assert_array_equal(known.trades.exit_price[~late], before.trades.exit_price[~late])
