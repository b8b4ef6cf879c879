"""Exits known from the literature: by name in the search space, and each alone as a candidate."""

from __future__ import annotations

from dataclasses import replace

import pytest

from exitladder.errors import SettingsError
from exitladder.models.search.space.classic import CLASSIC_RUNGS, SESSION_CLOSE, classic_ladders
from exitladder.models.search.space.space import SearchSpace
from exitladder.plans.ladder import Ladder, Rung, Stop
from exitladder.plans.units import Condition, Distance
from exitladder.settings.tables import SearchSettings

BASE = Ladder(name="base", stop=Stop(initial=Distance(2.0, "ATR")))


def test_the_name_stands_for_the_exits() -> None:
    space = SearchSpace(SearchSettings(indicator_rungs=("classic",)), BASE)
    assert {rung.thresholds[0].series for rung in space.signal_rungs} == {
        "zscore_5", "zscore_10", "rsi_2", "bars_held", "day_of_week",
    }  # fmt: skip
    assert space.series == ("day_of_week", "rsi_2", "zscore_10", "zscore_5")
    more = SearchSpace(SearchSettings(indicator_rungs=("classic", "rsi_14 >= 60..85")), BASE)
    assert len(more.signal_rungs) == len(CLASSIC_RUNGS) + 1
    with pytest.raises(SettingsError, match="indicator_rungs must read"):
        SearchSpace(SearchSettings(indicator_rungs=("clasic",)), BASE)


def test_each_is_a_candidate_alone_and_the_space_holds_all_but_the_session_close() -> None:
    space = SearchSpace(SearchSettings(indicator_rungs=("classic",), time_stop=("bars", "off")), BASE)
    for ladder in classic_ladders(BASE):
        assert ladder.stop.initial == BASE.stop.initial and ladder.stop.time is None
        assert (space.parameters_of(ladder) is not None) == (ladder.name != SESSION_CLOSE), ladder.name
    (rsi,) = [ladder for ladder in classic_ladders(BASE) if ladder.name.startswith("RSI")]
    assert rsi.rungs == (Rung(1.0, when=(Condition("rsi_2", ">=", 65.0),)),)
    assert classic_ladders(replace(BASE, stop=replace(BASE.stop, clock="15:55")))[-1].stop.session_close


def test_conditions_on_the_model_can_be_joined() -> None:
    """Both series and the open profit in one rung, as `indicator_rungs` declares it."""
    texts = ("exhaustion >= 0.5..0.7 and hold_value_r <= -0.2..0 and open_r >= 0..1",)
    space = SearchSpace(
        SearchSettings(indicator_rungs=texts, time_stop=("bars", "off")), BASE, ("exhaustion", "hold_value_r")
    )
    when = (Condition("exhaustion", ">=", 0.6), Condition("hold_value_r", "<=", -0.1), Condition("open_r", ">=", 0.5))
    assert space.parameters_of(replace(BASE, rungs=(Rung(1.0, when=when),))) is not None
