"""Prices of imported trades that are distances are refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from exitladder.errors import TradesError
from exitladder.importers.imports import import_files

HEADER = "symbol,side,entry_time,entry_price,quantity,stop_loss,exit_time,exit_price\n"


@pytest.mark.parametrize("stop", ["50 pips", "2%", "1.5 ATR", "2R", "30 points"])
def test_a_stop_that_is_a_distance_is_refused(tmp_path: Path, stop: str) -> None:
    path = tmp_path / "trades.csv"
    path.write_text(f"{HEADER}ACME,long,2024-01-10,110,10,{stop},2024-01-12,112\n")
    with pytest.raises(TradesError, match=f"column 'stop' .* has '{stop}'"):
        import_files([path])
    path.write_text(f"{HEADER}ACME,long,2024-01-10,110,10,105.5 USD,2024-01-12,112\n")
    assert import_files([path]).trades.stop_price[0] == 105.5
