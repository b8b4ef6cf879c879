"""Whatever the mess: repaired bars keep every rule, and refused ones are refused with a place."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from exitladder.bars.checking.report import MEANINGS
from exitladder.bars.reading import bars_from_frame
from exitladder.errors import BarsError

prices = st.one_of(
    st.floats(0.01, 1e6),
    st.sampled_from([float("nan"), float("inf"), 0.0, -5.0, 100.0]),
)
rows = st.fixed_dictionaries(
    {
        "timestamp": st.one_of(st.integers(1, 12).map(lambda d: f"2024-01-{d:02d}"), st.sampled_from(["", "soon"])),
        "open": prices,
        "high": prices,
        "low": prices,
        "close": prices,
        "volume": st.one_of(st.floats(0, 1e9), st.sampled_from([float("nan"), -1.0])),
    }
)


@settings(max_examples=120, deadline=None)
@given(st.lists(rows, min_size=1, max_size=12))
def test_repaired_bars_keep_every_rule(mess: list[dict[str, object]]) -> None:
    table = pd.DataFrame(mess)
    try:
        bars, report = bars_from_frame(table, "ACME", repair=True)
    except BarsError as error:
        prices = table[["open", "high", "low", "close"]]
        if "must be read" in str(error) or "can be read" in str(error):
            # a stamp of its own kind beside four prices is not dropped
            priced = np.isfinite(prices.to_numpy(dtype=np.float64)).all(axis=1)
            assert ((table["timestamp"] == "soon").to_numpy() & priced).any()
            return
        assert "at least one bar" in str(error)
        usable = prices.map(lambda v: np.isfinite(v) and v > 0).all(axis=1) & (table["high"] >= table["low"])
        assert not (usable & table["timestamp"].str.startswith("2024")).any()
        return
    own = bars["ACME"]
    stack = np.stack([own.open, own.high, own.low, own.close])
    assert (np.diff(own.time) > 0).all()
    assert (np.isfinite(stack) & (stack > 0)).all()
    assert (own.high == stack.max(axis=0)).all() and (own.low == stack.min(axis=0)).all()
    # no price is reachable that the rows do not hold between low and high
    spans = [tuple(sorted(pair)) for pair in table[["high", "low"]].itertuples(index=False)]
    assert all((low, high) in spans for low, high in zip(own.low, own.high, strict=True))
    assert own.volume is None or (np.isfinite(own.volume) & (own.volume >= 0)).all()
    # repaired bars need no second repair, and only what the report lists has changed
    again, second = bars_from_frame(own.to_frame(), "ACME")
    assert second.repaired() == {} and again.fingerprint() == bars.fingerprint()
    assert bool(report.repaired()) == is_refused(table)


def is_refused(table: pd.DataFrame) -> bool:
    try:
        bars_from_frame(table, "ACME")
    except BarsError as error:
        assert re.search(r"\(the table of 'ACME', row \d+", str(error))
        return True
    return False


def test_every_rule_has_a_meaning_in_words(root: Path) -> None:
    sources = [path.read_text() for path in (root / "src" / "exitladder" / "bars").rglob("*.py")]
    named = {name for text in sources for name in re.findall(r'"(?:error|warning|note)",\s*"([a-z_]+)"', text)}
    named |= {name for text in sources for name in re.findall(r'_found\([^"]*"([a-z_]+)"', text)}
    assert len(named) > 25 and named - set(MEANINGS) == {"repaired", "warning", "note"} & named
    assert max(map(len, MEANINGS.values())) <= 40
