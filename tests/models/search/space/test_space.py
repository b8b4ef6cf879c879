"""The search space: every suggestion is a valid ladder within the declared ranges, and is found again by parameters."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exitladder.errors import SettingsError
from exitladder.execution.batch.grouping import is_batchable
from exitladder.models.search.space.space import SearchSpace
from exitladder.models.search.space.trials import Range, RecordedTrial, exact_trial, nearest_trial
from exitladder.plans.costs import Costs
from exitladder.plans.file import ladder_from_mapping, ladder_to_mapping
from exitladder.plans.ladder import Execution, Ladder, Stop
from exitladder.plans.units import Distance
from exitladder.settings.loading import load_settings
from exitladder.settings.ranges import DistanceRange
from exitladder.settings.tables import SearchSettings, Settings

BASE = Ladder(
    name="base",
    atr_window=10,
    stop=Stop(initial=Distance(2.0, "ATR")),
    costs=Costs(commission_bps=2.0),
    execution=Execution(intrabar="ohlc"),
)
BOTH = ("exhaustion", "hold_value_r")
RSI = "rsi_14 >= 60..85 and open_r >= 0..2"
CLASSIC = {
    "name": "classic",
    "atr_window": 10,
    "rungs": [{"fraction": 0.25, "target": "1R"}, {"fraction": 0.25, "target": "2R"}],
    "stop": {"initial": "2ATR", "trail": "3ATR", "trail_after": 1, "breakeven_after": 1, "time": 60},
    "costs": {"commission_bps": 2.0},
    "execution": {"intrabar": "ohlc"},
}


class Drawn(RecordedTrial):
    """A trial whose parameters hypothesis draws; nothing may be asked twice, nor where there is no choice."""

    def __init__(self, data: st.DataObject) -> None:
        super().__init__(lambda name, within: data.draw(drawn_from(within), label=name))

    def _suggest(self, name: str, within: Range) -> Any:
        assert name not in self.parameters
        assert within.low < within.high
        assert within.low > 0 or not within.log
        return super()._suggest(name, within)


def drawn_from(within: Range) -> st.SearchStrategy[Any]:
    if within.choices:
        return st.sampled_from(within.choices)
    low, high = within.low, within.high
    return st.floats(low, high) if within.kind == "float" else st.integers(int(low), int(high))


def numbers(least: float, most: float, least_width: float = 0.0) -> st.SearchStrategy[tuple[float, float]]:
    """Ranges on quarters, or single numbers."""
    ends = st.tuples(st.integers(round(least * 4), round(most * 4)), st.integers(round(least * 4), round(most * 4)))
    return ends.map(lambda e: (min(e) / 4, max(max(e) / 4, min(e) / 4 + least_width)))


@st.composite
def spaces(draw: st.DrawFn) -> SearchSpace:
    """Spaces of any settings that the keys allow."""
    units = st.lists(st.sampled_from(["R", "ATR", "%"]), min_size=1, max_size=3, unique=True).map(tuple)
    ways = st.lists(st.sampled_from(["off", "entry", "rung", "from_r"]), min_size=1, max_size=4, unique=True)
    low, high = sorted(draw(st.tuples(st.integers(0, 4), st.integers(0, 4))))
    least, step = draw(st.sampled_from([(0.05, 0.05), (0.1, 0.05), (0.1, 0.01), (0.06, 0.025)]))
    optional = st.sampled_from([(), (0.0, 1.0), (0.5, 0.5)])
    target_units, trail_units = draw(units), draw(units)
    first = {"R": (0.25, 4, 0.0), "ATR": (0.5, 8, 0.5), "%": (1, 20, 0.5)}
    chosen = SearchSettings(
        n_rungs=(low, high),
        least_fraction=least,
        fraction_step=step,
        first_target=tuple(DistanceRange(*draw(numbers(*first[unit])), unit) for unit in target_units),
        target_gap=tuple(DistanceRange(*draw(numbers(*first[unit])), unit) for unit in ("ATR", "R", "%")),
        stop=draw(st.sampled_from([(), (1.0, 4.0), (2.0, 2.0)])),
        breakeven_after=draw(st.sampled_from([(0, 0), (0, 3), (1, 2), (2, 4)])),
        breakeven_offset_r=draw(st.sampled_from([(0.0, 0.0), (0.0, 0.5), (0.1, 0.1)])),
        trail=tuple(draw(ways)),
        trail_after=draw(st.sampled_from([(1, 1), (1, 3), (2, 2)])),
        trail_width=tuple(DistanceRange(*draw(numbers(*first[unit])), unit) for unit in trail_units),
        trail_from_r=draw(numbers(0.5, 4)),
        time_stop=draw(st.sampled_from([("bars",), ("off",), ("bars", "off")])),
        time_bars=draw(st.sampled_from([(10, 100), (30, 30)])),
        exhaustion_min_r=draw(optional),
        hold_value_r=draw(st.sampled_from([(), (-0.3, -0.1)])),
        hold_value_min_r=draw(optional),
        slices=draw(st.sampled_from([("off",), ("off", "stop"), ("trail",), ("stop", "off", "trail")])),
        slice_stop_r=draw(st.sampled_from([(0.25, 0.75), (0.5, 0.5)])),
        clock=draw(st.sampled_from([(), ("off", "session_close"), ("15:55",), ("off", "12:00", "session_close")])),
        signal_sells=draw(st.sampled_from([("rest", "part"), ("rest", "part", "all"), ("all",), ("part",)])),
        indicator_rungs=draw(st.sampled_from([(), (RSI,), ("rsi_14 >= 60..75", "rsi_14 >= 75..90", "close_z > 2")])),
    )
    chosen = replace(chosen, model_rungs=draw(st.sampled_from([BOTH, ("both",), ("exit_rank", "both")])))
    return SearchSpace(chosen, BASE, draw(st.sampled_from([(), ("exhaustion",), BOTH, (*BOTH, "exit_rank")])))


def within(value: float, limits: tuple[float, ...]) -> bool:
    return limits[0] - 1e-9 <= value <= limits[-1] + 1e-9


@settings(max_examples=120, deadline=None)
@given(data=st.data(), space=spaces())
def test_every_suggestion_is_a_valid_ladder_within_the_ranges(data: st.DataObject, space: SearchSpace) -> None:
    s = space.settings
    ladder = space.suggest(Drawn(data))
    targets = [rung.target for rung in ladder.rungs if rung.target is not None]
    assert within(len(targets), s.n_rungs)
    if targets:
        unit = targets[0].unit
        assert {t.unit for t in targets} == {unit} and unit in s.target_units
        gaps = np.diff([t.value for t in targets])
        (first,), (gap,) = ([r for r in ranges if r.unit == unit] for ranges in (s.first_target, s.target_gap))
        assert within(targets[0].value, first.limits)
        assert all(within(away, gap.limits) for away in gaps)
    assert all(rung.fraction >= s.least_fraction - 1e-9 or "all" in s.signal_sells for rung in ladder.rungs)
    assert all(rung.sells_rest == (rung.fraction == 0) for rung in ladder.rungs)
    for rung in ladder.rungs:
        assert ("trail" if rung.trail else "stop" if rung.stop else "off") in (s.slices if rung.target else ("off",))
        assert rung.stop is None or within(rung.stop.value, s.slice_stop_r)
    by_clock = "session_close" if ladder.stop.session_close else ladder.stop.clock or "off"
    assert by_clock in (s.clock or ("off",))
    steps = [rung.fraction / s.fraction_step for rung in ladder.rungs]
    assert all(abs(step - round(step)) < 1e-6 for step in steps)
    assert sum(steps) * s.fraction_step < 1 + 1e-9
    stop = ladder.stop
    if stop.breakeven_after is not None:
        assert within(stop.breakeven_after, s.breakeven_after)
        assert within(stop.breakeven_offset.value, s.breakeven_offset_r)
        assert sum(rung.fraction for rung in ladder.rungs[: stop.breakeven_after]) < 1 - 1e-9
    if stop.trail is not None:
        (width,) = [r for r in s.trail_width if r.unit == stop.trail.unit]
        assert within(stop.trail.value, width.limits)
        assert stop.trail_after is None or ("rung" in s.trail and within(stop.trail_after, s.trail_after))
        assert stop.trail_from is None or ("from_r" in s.trail and within(stop.trail_from.value, s.trail_from_r))
    assert stop.initial is not None and (
        within(stop.initial.value, s.stop) if s.stop else stop.initial == BASE.stop.initial
    )
    assert ("off" if stop.time is None else "bars") in s.time_stop
    assert stop.time is None or within(stop.time, s.time_bars)
    assert set(ladder.series) <= set(space.series)
    assert (ladder.costs, ladder.execution, ladder.atr_window) == (BASE.costs, BASE.execution, 10)
    assert ladder_from_mapping(ladder_to_mapping(ladder)) == ladder


@settings(max_examples=120, deadline=None)
@given(data=st.data(), space=spaces())
def test_every_suggestion_is_found_again_with_the_same_parameters(data: st.DataObject, space: SearchSpace) -> None:
    """Whole numbers and choices stand for one ladder each; a stick's parameter is the middle of its cell."""
    trial = Drawn(data)
    ladder = space.suggest(trial)
    parameters = space.parameters_of(ladder)
    assert parameters is not None
    assert space.suggest(exact_trial(parameters)) == ladder
    ambiguous = len(space.settings.indicator_rungs) > 1  # two rungs on one series meet in one number
    if not ambiguous:
        assert parameters.keys() == trial.parameters.keys()
        for name, value in trial.parameters.items():
            assert parameters[name] == value or ("stick" in name and isinstance(value, float))
    assert space.parameters_of(space.suggest(exact_trial(parameters))) == parameters


@settings(max_examples=120, deadline=None)
@given(data=st.data(), space=spaces())
def test_no_parameter_is_without_effect(data: st.DataObject, space: SearchSpace) -> None:
    """Another value of any parameter that was asked for gives another ladder: no trial repeats one."""
    trial = Drawn(data)
    ladder = space.suggest(trial)
    for name, value in trial.parameters.items():
        within = trial.ranges[name]
        # The ends of numbers: a stick's neighbouring values may fall into one cell.
        others = [other for other in within.choices or (within.low, within.high) if other != value]
        changed = [space.suggest(nearest_trial({**trial.parameters, name: other})) for other in others]
        assert any(other != ladder for other in changed), name
        assert within.kind != "int" or all(other != ladder for other in changed), name


def test_the_splits_of_random_parameters_favour_no_rung() -> None:
    """Uniform on the simplex: every rung and the runner have the same mean share beyond the least."""
    space = SearchSpace(SearchSettings(n_rungs=(3, 3), least_fraction=0.01, fraction_step=0.01), BASE)
    rng = np.random.default_rng(0)
    trials = [RecordedTrial(lambda name, within: within.value_at(float(rng.random()))) for _ in range(4000)]
    ladders = [space.suggest(trial) for trial in trials]
    shares = np.array([[*(rung.fraction for rung in ladder.rungs), ladder.runner] for ladder in ladders])
    np.testing.assert_allclose(shares.mean(axis=0), 0.25, atol=0.015)


def test_ladders_outside_the_space_are_not_found_in_it() -> None:
    space = SearchSpace(SearchSettings(), BASE, BOTH)
    classic = ladder_from_mapping(CLASSIC)
    assert space.parameters_of(classic) is not None
    for change in (
        {"costs": Costs()},
        {"rungs": (replace(classic.rungs[0], fraction=0.27), classic.rungs[1])},
        {"rungs": (classic.rungs[1], classic.rungs[0])},
        {"stop": replace(classic.stop, trail=Distance(17.0, "ATR"))},
        {"stop": replace(classic.stop, trail=Distance(2.0, "R"))},
        {"stop": replace(classic.stop, initial=Distance(3.0, "ATR"))},
        {"stop": replace(classic.stop, time=None)},
        {"stop": replace(classic.stop, time=500)},
    ):
        assert space.parameters_of(replace(classic, **change)) is None


@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_every_suggestion_keeps_the_limits_on_holding_time(data: st.DataObject) -> None:
    flat = replace(BASE, stop=replace(BASE.stop, session_close=True, clock="15:55", max_gap=36.0))
    space = SearchSpace(SearchSettings(), flat, ())
    ladder = space.suggest(Drawn(data))
    assert (ladder.stop.session_close, ladder.stop.clock, ladder.stop.max_gap) == (True, "15:55", 36.0)
    assert space.parameters_of(ladder) is not None
    assert space.parameters_of(replace(ladder, stop=replace(ladder.stop, session_close=False))) is None


def test_series_of_indicator_rungs_are_listed() -> None:
    space = SearchSpace(SearchSettings(indicator_rungs=(RSI, "bb_pctb_20 >= 0.8..1.2")), BASE, ("exhaustion",))
    assert space.series == ("bb_pctb_20", "exhaustion", "rsi_14")


def test_rungs_on_the_model_are_those_asked_for() -> None:
    def rungs(*names: str, signals: tuple[str, ...] = (*BOTH, "exit_rank")) -> list[tuple[str, tuple[str, ...]]]:
        space = SearchSpace(SearchSettings(model_rungs=names, exhaustion_min_r=()), BASE, signals)
        return [(rung.name, rung.series) for rung in space.signal_rungs]

    assert rungs(*SearchSettings().model_rungs) == [("exhaustion", BOTH[:1]), ("hold_value_r", BOTH[1:])]
    assert rungs("both") == [("exhaustion", BOTH)]
    assert rungs("exit_rank", "both", "exhaustion") == [
        ("exhaustion", ("exhaustion",)), ("exhaustion_2", BOTH), ("exit_rank", ("exit_rank",)),
    ]  # fmt: skip
    # a series that no stage speaks of makes no rung
    assert rungs("both", "exit_rank", signals=("exhaustion",)) == []
    taken = SearchSettings(
        model_rungs=("exhaustion", "both"), indicator_rungs=("exhaustion >= 0.5..0.7 and rsi_14 > 60",)
    )
    names = [rung.name for rung in SearchSpace(taken, BASE, BOTH).signal_rungs]
    assert names == ["exhaustion", "exhaustion_2", "exhaustion_3"]


def test_the_defaults_of_the_file_are_a_space() -> None:
    for field in fields(SearchSettings):
        value = getattr(SearchSettings(), field.name)
        assert getattr(Settings().with_values({"search": {field.name: value}}).search, field.name) == value
    assert SearchSpace(load_settings(None).search, BASE).series == ()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"n_rungs": (1, 11)}, "11 rungs .* cannot each sell 0.1 of one position"),
        ({"n_rungs": (4, 4), "least_fraction": 0.2, "indicator_rungs": ("a > 1", "b > 1")}, "6 rungs .* cannot each"),
        ({"n_rungs": (-1, 2)}, "cannot each sell"),
        ({"first_target": ("0.02R", "0.1R")}, "search.first_target must hold a multiple of its step 0.25 above 0"),
        (
            {"first_target": [["1R", "2R"], ["1ATR", "2ATR"]], "target_gap": ["1R", "2R"]},
            "search.target_gap must give a range in each unit of search.first_target, but has none in ATR",
        ),
        ({"time_bars": (0, 2)}, "search.time_bars must be above 0"),
        ({"fraction_step": 0.3}, "search.fraction_step must divide the position"),
        ({"indicator_rungs": ("rsi_14 >= 60 to 80",)}, "must read 'series >= least..most'"),
        ({"indicator_rungs": ("rsi_14 >= 80..60",)}, "must start with its smaller number"),
        ({"indicator_rungs": ("rsi_14 >= 60..80", "rsi_14 >= 70..90")}, "must not overlap"),
    ],
)
def test_impossible_ranges_are_refused(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        SearchSpace(SearchSettings(**wrong), BASE)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("search.trail=['rungs']", "Did you mean 'rung'"),
        ("search.trail=[]", "search.trail must have at least one value"),
        ("search.stop=[3, 1]", "must be one value or"),
        ("search.least_fraction=0", "must be at least 0.01"),
        ("search.indicator_rungs=[1]", "must be a string"),
    ],
)
def test_impossible_settings_are_refused(override: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        load_settings(None, [override])


@pytest.mark.parametrize("text", ["25:00", "00:00", "close"])
def test_an_exit_by_the_clock_that_is_none_is_rejected(text: str) -> None:
    with pytest.raises(SettingsError, match=f"search.clock must hold .* but holds '{text}'"):
        SearchSpace(SearchSettings(clock=("off", text)), BASE)


def test_slices_and_exits_by_the_clock_run_in_batches() -> None:
    """Every suggestion does under the default policy, and each of the kinds is suggested."""
    chosen = SearchSettings(
        slices=("off", "stop", "trail"), clock=("off", "session_close", "15:30"), signal_sells=("part", "all")
    )
    space = SearchSpace(chosen, replace(BASE, execution=Execution()), BOTH)
    rng = np.random.default_rng(0)
    trials = [RecordedTrial(lambda name, within: within.value_at(float(rng.random()))) for _ in range(300)]
    ladders = [space.suggest(trial) for trial in trials]
    assert all(is_batchable(ladder) for ladder in ladders)
    rungs = [rung for ladder in ladders for rung in ladder.rungs]
    assert any(r.stop for r in rungs) and any(r.trail for r in rungs) and any(r.sells_rest for r in rungs)
    assert {(ladder.stop.session_close, ladder.stop.clock) for ladder in ladders} == {
        (False, None), (True, None), (False, "15:30"),
    }  # fmt: skip
