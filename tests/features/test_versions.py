"""Numbers may only change together with their version, or stored models would read other features than they learnt.

After a change on purpose: raise the feature's ``version``, delete the file of values and run this test.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np

from exitladder.bars.bars import Bars
from exitladder.features.catalogue import default_columns
from exitladder.features.market import Market
from exitladder.features.outside import ExtraSeries, Outside, Steps

VALUES = Path(__file__).with_name("feature_values.json")
BARS = (300, 451, 599)


def values_now(bars: Bars) -> dict[str, list[float | int | None]]:
    """Version and three values of every column of bars."""
    known = bars.time + bars.interval_ns
    steps = Steps(known, 50.0 + 10.0 * np.sin(known / 10**14))
    market = Market(bars, 1, Outside("SPY", steps, {"vix": ExtraSeries("close", 0, False, {"": steps})}))
    out: dict[str, list[float | int | None]] = {}
    for column in default_columns():
        values = column.compute(market)[list(BARS)]
        out[column.name] = [column.feature.version, *(None if np.isnan(v) else float(v) for v in values)]
    return out


def test_numbers_change_with_their_version_only(walk: Callable[..., Bars]) -> None:
    now = values_now(walk(600, 11))
    if not VALUES.is_file():
        lines = [f"{json.dumps(name)}: {json.dumps(values)}" for name, values in now.items()]
        VALUES.write_text("{\n" + ",\n".join(lines) + "\n}\n")
    stored = json.loads(VALUES.read_text())
    assert stored.keys() == now.keys(), f"a column came or went: delete {VALUES.name} and run this test"
    for name, (version, *values) in now.items():
        old_version, *old = stored[name]
        same = np.allclose(
            np.array(values, dtype=np.float64), np.array(old, dtype=np.float64), rtol=1e-7, atol=1e-9, equal_nan=True
        )
        assert same or version != old_version, f"{name} gives other numbers than before: raise its version"
        assert version == old_version, f"{name} has a new version: delete {VALUES.name} and run this test"
