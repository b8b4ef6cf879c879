"""The pictures of docs/plans.md show what the engine makes of their examples."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest


@pytest.fixture
def docs(root: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(str(root / "docs"))
    return root / "docs"


def module(name: str) -> Any:
    return importlib.import_module(name)


def test_each_picture_on_disk_shows_the_result_of_the_engine(docs: Path) -> None:
    examples, rules, style = (
        module("plan_examples"),
        module("rule_examples"),
        module("exitladder.pipelines.plots.style"),
    )
    folder, page = docs / "pictures" / "plans", (docs / "plans.md").read_text(encoding="utf-8")
    names = {technique.name for technique in examples.TECHNIQUES} | {"sizes"}
    assert {path.stem for path in folder.iterdir()} == names
    for name in names:
        assert f"pictures/plans/{name}.svg" in page
        assert (folder / f"{name}.svg").stat().st_size < 45_000
    for technique in examples.TECHNIQUES:
        picture = (folder / f"{technique.name}.svg").read_text(encoding="utf-8")
        helped, hurt = (rules.run(case) for case in technique.cases)
        assert helped.r[0] > 0 > hurt.r[0]
        assert helped.n_adds[0] > 0 < hurt.n_adds[0]
        for done in (helped, hurt):
            result = f"{style.signed(float(done.r[0]))} R of planned risk, {done.pnl[0]:+.0f} in money"
            assert result.replace("-", "−") in picture


def test_the_sizes_are_those_of_their_formulas(docs: Path) -> None:
    """Equity 100,000 and 2% at a stop 1 away are 2,000 units; from the 21st trade on the stop is 2.5 away."""
    examples = module("plan_examples")
    rules = dict(zip(("fraction", "volatility", "anti", "kelly"), examples.SIZES.values(), strict=True))
    fraction = examples.sized(rules["fraction"])
    assert fraction.simulation.quantity[0] == pytest.approx(2000.0)
    assert fraction.simulation.quantity[20] == pytest.approx(0.02 * fraction.equity[20] / 2.5)
    anti = examples.sized(rules["anti"])
    multiples = np.round(anti.share / 0.01, 9)
    assert set(multiples) == {1.0, 2.0, 4.0}
    won = anti.simulation.pnl > 0
    assert (multiples[1:][~won[:-1]] == 1.0).all()  # back to the base after a loss
