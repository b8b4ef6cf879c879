"""The recommended exit: the simplest one unless another has earned significantly more."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from exitladder.arrays import FloatArray, IntArray
from exitladder.bars.bars import BarSet
from exitladder.pipelines.inputs.predictions import MODEL_SERIES
from exitladder.pipelines.inputs.prepare import prepare
from exitladder.pipelines.train import TrainResult
from exitladder.pipelines.tuning.policies import (
    CLASSIC,
    OWN_EXITS,
    OWN_LADDER,
    SIMPLEST,
    TRAILING_STOP,
    TUNED,
    WITHOUT_MODEL,
)
from exitladder.pipelines.tuning.recommendation.contradictions import Witnesses
from exitladder.pipelines.tuning.recommendation.exit_choice import (
    SIMPLE_EXITS,
    ExitChoice,
    Levels,
    Lives,
    choose_exit,
    levels_of,
    recommend,
)
from exitladder.pipelines.tuning.recommendation.recommended import no_better_ladder, recommended_exit, warnings_on
from exitladder.pipelines.tuning.tuned import tune_ladder
from exitladder.plans.ladder import Ladder, Stop
from exitladder.plans.units import Distance
from exitladder.settings.tables import Settings
from exitladder.statistics.intervals import Intervals
from exitladder.statistics.spa import SuperiorAbility
from exitladder.trades.trades import Trades

DAY = 86_400_000_000_000
N = 400
TIME: IntArray = np.arange(N, dtype=np.int64) * DAY
LEVELS: Levels = ((OWN_EXITS,), (TRAILING_STOP, CLASSIC), (WITHOUT_MODEL,), (TUNED,))
FEW = Intervals(0.95, 500, 0)


def results(**gains: float) -> dict[str, FloatArray]:
    """Return net R by exit: own exits as noise, each other one with its gain over them and noise of its own."""
    rng = np.random.default_rng(7)
    own = rng.normal(0.0, 1.0, N)
    names = {"trail": TRAILING_STOP, "classic": CLASSIC, "ladder": WITHOUT_MODEL, "model": TUNED}
    others = {names[key]: own + rng.normal(0.0, 0.5, N) + gains.get(key, 0.0) for key in names}
    return {OWN_EXITS: own, **others}


def chosen(**gains: float) -> str:
    return choose_exit(results(**gains), Lives(TIME), LEVELS, FEW).exit


def test_nothing_better_keeps_own_exits() -> None:
    assert chosen() == OWN_EXITS
    assert chosen(ladder=-0.5, model=-0.5) == OWN_EXITS


def test_the_simplest_exit_with_evidence_is_kept_unless_a_more_complex_one_beats_it_too() -> None:
    assert chosen(trail=0.5, classic=0.3) == TRAILING_STOP
    assert chosen(trail=0.5, ladder=0.5, model=0.5) == TRAILING_STOP
    assert chosen(trail=0.5, ladder=1.0, model=1.0) == WITHOUT_MODEL
    assert chosen(ladder=0.5, model=1.0) == TUNED
    assert chosen(model=0.5) == TUNED


def test_the_bar_is_corrected_for_the_number_of_exits() -> None:
    net_r = results()
    # Significant alone (p about 0.02), not among four.
    shift = 2.3 * 0.5 / np.sqrt(N) - (net_r[CLASSIC] - net_r[OWN_EXITS]).mean()
    net_r[CLASSIC] = net_r[CLASSIC] + shift
    alone = choose_exit(net_r, Lives(TIME), ((OWN_EXITS,), (CLASSIC,)), FEW)
    among = choose_exit(net_r, Lives(TIME), LEVELS, FEW)
    assert alone.exit == CLASSIC and among.exit == OWN_EXITS
    (one,) = (item for item in among.evidence if item.exit == CLASSIC)
    assert one.found.p_value <= 0.05 < one.p_adjusted == pytest.approx(4 * one.found.p_value)


def test_without_a_difference_own_exits_are_nearly_always_kept() -> None:
    rng = np.random.default_rng(11)
    replaced = 0
    for _ in range(200):
        own = rng.normal(0.0, 1.0, 150)
        net_r = {OWN_EXITS: own}
        net_r |= {name: own + rng.normal(0.0, 0.5, 150) for level in LEVELS[1:] for name in level}
        replaced += choose_exit(net_r, Lives(TIME[:150]), LEVELS, FEW).exit != OWN_EXITS
    # Nominal: 2.5% for any of the four together; 11 or more of 200 have a probability of 1%.
    assert replaced <= 10


def test_few_days_are_no_evidence() -> None:
    within = TIME % (19 * DAY)
    assert choose_exit(results(trail=0.5), Lives(np.sort(within)), LEVELS, FEW).exit == OWN_EXITS
    assert choose_exit(results(trail=0.5), Lives(np.sort(TIME % (25 * DAY))), LEVELS, FEW).exit == TRAILING_STOP


def test_levels_begin_with_what_the_user_does() -> None:
    every = [TUNED, WITHOUT_MODEL, SIMPLEST, *SIMPLE_EXITS, OWN_LADDER, OWN_EXITS]
    assert levels_of(every, model_has_edge=True) == (
        (OWN_EXITS,), (OWN_LADDER, *SIMPLE_EXITS), (WITHOUT_MODEL,), (TUNED,),
    )  # fmt: skip
    assert levels_of(every, model_has_edge=False)[-1] == (WITHOUT_MODEL,)
    plain = [TUNED, SIMPLEST, *SIMPLE_EXITS]
    assert levels_of(plain, model_has_edge=False) == ((SIMPLEST,), (TUNED,))
    assert levels_of([*plain, OWN_LADDER], model_has_edge=False) == ((OWN_LADDER,), SIMPLE_EXITS, (TUNED,))


def test_no_part_picks_its_own_winner() -> None:
    net_r = pd.DataFrame(results(trail=0.5))
    # In the last part the trailing stop, chosen on the past, loses.
    net_r.loc[300:, TRAILING_STOP] = -1.0
    parts = [(np.arange(N) >= low) & (np.arange(N) < low + 100) for low in (0, 100, 200, 300)]
    pasts = [np.arange(N) < low for low in (0, 100, 200, 300, 400)]
    known = np.ones(N, dtype=bool)
    found = recommend(net_r, Lives(TIME), [(past, known) for past in pasts], parts, LEVELS, FEW)
    assert [part.exit for part in found.parts] == [OWN_EXITS, TRAILING_STOP, TRAILING_STOP, TRAILING_STOP]
    assert (found.net_r[300:] == -1.0).all()
    assert (found.net_r[:100] == net_r[OWN_EXITS][:100]).all()
    # Own exits of the past that were not known at the time are no evidence.
    unknown = [(past, known & (k == len(pasts) - 1)) for k, past in enumerate(pasts)]
    later = recommend(net_r, Lives(TIME), unknown, parts, LEVELS, FEW)
    assert {part.exit for part in later.parts} == {OWN_EXITS}
    scrambled = net_r.copy()
    scrambled.loc[300:] = np.random.default_rng(3).normal(0, 5, (100, net_r.shape[1]))
    again = recommend(scrambled, Lives(TIME), [(past, known) for past in pasts], parts, LEVELS, FEW)
    assert [part.exit for part in again.parts] == [part.exit for part in found.parts]


def witnesses(dsr: float, pbo: float, spa: float, *superior: str) -> Witnesses:
    return Witnesses(dsr, pbo, SuperiorAbility(spa, spa, spa, superior, N, 1))


def board(**mean: float) -> pd.DataFrame:
    names = {"tuned": TUNED, "own": OWN_EXITS, "trail": TRAILING_STOP}
    rows = [
        {"policy": names[key], "expectancy_r": r, "difference_r": mean["tuned"] - r, "high": -0.01, "p_adjusted": 0.01}
        for key, r in mean.items()
    ]
    return pd.DataFrame(rows)


def test_losing_exits_better_simple_exits_and_contradictions_are_named() -> None:
    (lost, simple) = warnings_on(
        board(tuned=-0.46, own=-0.4, trail=-0.31), OWN_EXITS, "no_difference", witnesses(0.0, 0.9, 0.6)
    )
    assert (
        lost == "Every exit lost money on the scored trades; the best was 'best trailing stop' with -0.31 R per trade."
    )
    assert simple.startswith(
        "The simple exit 'best trailing stop' earned 0.150 R per trade more than 'tuned ladder' (sig"
    )
    (caution,) = warnings_on(board(tuned=0.4, own=0.1, trail=0.2), OWN_EXITS, "better", witnesses(0.5, 0.7, 0.01))
    assert "deflated Sharpe ratio is 0.50" in caution and "overfitting is 0.70" in caution
    assert warnings_on(board(tuned=0.4, own=0.1, trail=0.2), OWN_EXITS, "better", witnesses(0.99, 0.1, 0.01)) == []


@pytest.mark.parametrize(
    ("found", "said", "not_said"),
    [
        (witnesses(0.94, 0.1, 0.01), ["deflated Sharpe ratio is 0.94"], ["overfitting", "SPA"]),
        (witnesses(0.99, 0.5, 0.01), ["overfitting is 0.50"], ["Sharpe", "SPA"]),
        (witnesses(0.99, 0.1, 0.2), ["SPA", "p = 0.2,"], ["Sharpe", "overfitting"]),
        (witnesses(np.nan, np.nan, np.nan), ["Sharpe ratio is unknown", "overfitting is unknown"], ["SPA", "nan"]),
    ],
)
def test_each_statistic_that_contradicts_better_is_named(
    found: Witnesses, said: list[str], not_said: list[str]
) -> None:
    text = found.against_verdict("better", OWN_EXITS)
    assert text.startswith("Caution: ")
    assert all(part in text for part in said) and not any(part in text for part in not_said)
    # DSR and PBO are about the tuned ladder, not about a simple exit.
    simple = found.against_better(is_tuned=False)
    assert ("SPA" in simple) == ("SPA" in said) and "Sharpe" not in simple and "overfitting" not in simple


def test_a_superior_exit_contradicts_no_difference() -> None:
    hidden = witnesses(0.0, 0.9, 0.007, CLASSIC)
    text = hidden.against_no_difference(OWN_EXITS)
    assert "p = 0.007" in text and f"'{CLASSIC}'" in text
    assert hidden.against_verdict("no_difference", OWN_EXITS) == ""
    assert "contradicts" in witnesses(0.0, 0.9, 0.007, TUNED).against_verdict("no_difference", OWN_EXITS)
    assert witnesses(0.0, 0.9, 0.3).against_no_difference(OWN_EXITS) == ""


def test_the_recommendation_says_if_spa_contradicts_it(bars: BarSet, some_open: Trades, small: Settings) -> None:
    tuned = tune_ladder(prepare(bars, some_open, small), small)
    assert tuned.baseline == OWN_EXITS
    won = replace(tuned.recommendation.choice.evidence[0], exit=CLASSIC, verdict="better")
    for exit_name, p, contradicts in (
        (OWN_EXITS, 0.004, True),
        (OWN_EXITS, 0.4, False),
        (CLASSIC, 0.4, True),
        (CLASSIC, 0.004, False),
    ):
        choice = ExitChoice(exit_name, (won,) if exit_name == CLASSIC else ())
        found = replace(
            tuned,
            recommendation=replace(tuned.recommendation, choice=choice),
            superior={OWN_EXITS: SuperiorAbility(p, p, p, (), N, 1)},
        )
        sentence = recommended_exit(found).sentence
        assert ("SPA" in sentence) is contradicts
        assert "Sharpe" not in sentence


def test_a_search_that_ends_at_a_simple_exit_is_not_said_to_have_lost_to_it() -> None:
    simple = Ladder(name=TRAILING_STOP, stop=Stop(trail=Distance(14.5, "ATR"), time=250))
    assert no_better_ladder(TRAILING_STOP, simple, replace(simple, name=TUNED)) == (
        "the search on all past trades found no better ladder and ended at this trailing stop"
    )
    wider = replace(simple, stop=replace(simple.stop, time=100))
    assert no_better_ladder(TRAILING_STOP, simple, replace(wider, name=TUNED)) == ""


def test_a_model_without_an_edge_is_never_recommended_and_its_results_stand_beside(
    bars: BarSet, some_open: Trades, small: Settings, trained: TrainResult
) -> None:
    from exitladder.pipelines.inputs.predictions import predict_rows

    prepared = prepare(bars, some_open, small)
    predictions = predict_rows(prepared, trained.trained.model)
    assert predictions.finding == trained.trained.value.finding
    tuned = tune_ladder(prepared, small, predictions=replace(predictions, finding="no edge"))
    facts = tuned.recommended.facts
    assert facts["model_may_be_recommended"] is False
    assert not any(item.exit == TUNED for item in tuned.recommendation.choice.evidence)
    assert not set(tuned.recommended.ladder.series) & set(MODEL_SERIES)
    alone = tune_ladder(prepared, small)
    without = tuned.net_r[WITHOUT_MODEL].to_numpy()
    assert without == pytest.approx(alone.net_r[TUNED].to_numpy(), nan_ok=True)
    test = tuned.walk.test
    assert facts["without_model_r"] == pytest.approx(np.nanmean(without[test]))
    assert facts["model_difference_r"] == pytest.approx(np.nanmean((tuned.net_r[TUNED].to_numpy() - without)[test]))
    assert "training found no edge" in tuned.verdict.text
    assert f"{facts['n_trades_before_model']:,} trades from before" in tuned.verdict.text
    edge = tune_ladder(prepared, small, predictions=replace(predictions, finding="edge"))
    assert any(item.exit == TUNED for item in edge.recommendation.choice.evidence)


def test_exits_that_differ_in_a_few_trades_only_are_not_told_apart() -> None:
    """A gain in each of the few trades in which two exits differ has an interval above zero and proves nothing."""
    net_r = results(trail=0.0)
    few = net_r[OWN_EXITS].copy()
    few[np.linspace(0, len(few) - 1, 19).astype(int)] += 1.0
    found = choose_exit(net_r | {TRAILING_STOP: few}, Lives(TIME), LEVELS, FEW)
    assert found.exit == OWN_EXITS
    many = net_r[OWN_EXITS] + 1.0
    assert choose_exit(net_r | {TRAILING_STOP: many}, Lives(TIME), LEVELS, FEW).exit == TRAILING_STOP


def test_trades_that_all_overlap_are_no_evidence() -> None:
    long = TIME // (100 * DAY) * 100 * DAY + 99 * DAY
    net_r = results(trail=0.5)
    ends = dict.fromkeys(net_r, TIME + DAY // 2)
    assert choose_exit(net_r, Lives(TIME, ends), LEVELS, FEW).exit == TRAILING_STOP
    overlapping = ends | {TRAILING_STOP: long}
    found = choose_exit(net_r, Lives(TIME, overlapping), LEVELS, FEW)
    assert found.exit == OWN_EXITS
    assert {item.exit: item.found.n_separate for item in found.evidence}[TRAILING_STOP] == 4
