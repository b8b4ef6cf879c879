"""The commands of the page "Liquidity" print the page's numbers."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner, Result

from exitladder.cli import main
from exitladder.errors import BarsError
from exitladder.pipelines.liquidity.crowding import day_market
from exitladder.sample import load_sample_bars

PAGE = (Path(__file__).parents[2] / "docs" / "liquidity.md").read_text()
COMMAND = next(line for line in PAGE.splitlines() if line.startswith("exitladder crowding"))


def run(line: str) -> Result:
    return CliRunner().invoke(main, shlex.split(line)[1:])


def words(text: str) -> list[str]:
    """Return the words of a table; cells that a narrow terminal wraps are in another order."""
    return sorted(re.sub(r"─+", "", text).split())


def test_the_table_of_the_page() -> None:
    found = run(COMMAND)
    assert found.exit_code == 0, found.stderr
    assert words(found.stdout) == words(re.findall(r"```text\n(.*?)```", PAGE, re.DOTALL)[0])


def test_a_crowd_in_a_real_market(tmp_path: Path) -> None:
    bars = load_sample_bars()[0]["IBM"]
    market = day_market(bars, 20)
    closes = pd.Series(bars.close[-21:])
    assert market.volatility == pytest.approx(closes.pct_change().std()) and market.volume == bars.volume[-20:].mean()  # type: ignore[index]
    bars.to_frame().to_csv(tmp_path / "IBM-1d.csv", index=False)
    line = f"exitladder crowding --bars {tmp_path / 'IBM-1d.csv'} --holders 10 --quantity {market.volume / 100}"
    found = json.loads(run(f"{line} --paths 20 --format json --set data.adjust=none").stdout)
    assert found["crowd"] == pytest.approx(0.1) and found["market"].startswith("IBM, 20 days to")
    expected = 0.75 * market.volatility * 0.1**0.5 * 1e4
    assert found["rows"][0]["fall_bps"]["value"] == pytest.approx(expected)
    with pytest.raises(BarsError, match="smaller --window"):
        day_market(bars.head(10), 20)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("--crowd 0.3", "Give either --bars PATH or --volatility"),
        ("--volatility 0.02", "Give either --crowd SHARE, or --quantity"),
        ("--crowd 0.3 --volatility 0.02 --law almgren", "depends on the shares outstanding"),
        ("--crowd 0.3 --volatility 0.02 --exponent 2", "an exponent above 0 and at most 1"),
    ],
)
def test_missing_facts_are_asked_for(line: str, message: str) -> None:
    found = run(f"exitladder crowding {line}")
    assert found.exit_code in (1, 2) and message in found.stderr
