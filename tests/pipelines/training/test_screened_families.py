"""What is screened together: a family, or of the events each kind."""

from __future__ import annotations

from exitladder.features import describe_catalogue
from exitladder.pipelines.training.model import screened_families


def test_each_kind_of_event_is_screened_by_itself() -> None:
    names = ("rsi_14", "since_range_50", "decayed_range_20", "move_since_high_50", "stretch_at_rsi_50", "roc_5", "held")
    kinds = ("", "events: range", "events: range", "events: high", "events: rsi", "momentum", "")
    assert screened_families(names) == kinds
    known = describe_catalogue()
    names = tuple(known.loc[known["family"] == "events", "name"])
    every = {family for family in screened_families(names) if family}
    assert every == {f"events: {kind}" for kind in ("volume", "range", "gap", "high", "rsi", "swing")}
