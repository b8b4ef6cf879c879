"""Every symbol has a file name of its own, and the name gives the symbol back."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exitladder.bars.bars import BarSet
from exitladder.bars.reading import bars_from_frame, name_parts, read_bars
from exitladder.bars.resample import resample_bars
from exitladder.bars.writing import write_bars
from exitladder.errors import OutputFileError
from exitladder.files.names import file_stem, symbol_of_stem

FORBIDDEN = set('/\\:*?"<>|\x00\n')


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20))
def test_a_symbol_survives_its_file_name(symbol: str) -> None:
    name = f"{file_stem(symbol)}-1h.parquet"
    assert not FORBIDDEN & set(name)
    assert not name.startswith((".", "_"))
    assert name_parts(Path(name))[0] == symbol


@given(st.lists(st.text("a/-:%2F._", min_size=1, max_size=6), min_size=2, max_size=6, unique=True))
def test_two_symbols_never_share_a_name(symbols: list[str]) -> None:
    assert len({file_stem(s) for s in symbols}) == len(symbols)


def some_bars(*symbols: str) -> BarSet:
    frames = []
    for k, symbol in enumerate(symbols):
        time = pd.date_range("2024-01-01", periods=48, freq="h", tz="UTC")
        price = 100.0 + k
        frames.append(
            pd.DataFrame(
                {"symbol": symbol, "timestamp": time, "open": price, "high": price + 1, "low": price, "close": price}
            )
        )
    return bars_from_frame(pd.concat(frames, ignore_index=True))[0]


def test_symbols_that_differ_in_a_separator_get_files_of_their_own(tmp_path: Path) -> None:
    names = ("BTC/USD", "BTC-USD", "BTC/USDT:USDT", ".SPX", "_X", "NUL")
    bars = some_bars(*names)
    written = write_bars(bars, tmp_path / "o")
    assert written["file"].nunique() == len(list((tmp_path / "o").iterdir())) == len(names)
    assert read_bars(tmp_path / "o")[0].fingerprint() == bars.fingerprint()


def test_a_resampled_perpetual_keeps_its_name(tmp_path: Path) -> None:
    write_bars(resample_bars(some_bars("BTC/USDT:USDT"), "1d"), tmp_path / "o")
    assert read_bars(tmp_path / "o")[0].symbols == ("BTC/USDT:USDT",)


def test_names_that_differ_in_case_alone_are_refused(tmp_path: Path) -> None:
    bars = some_bars("abc", "ABC")
    with pytest.raises(OutputFileError, match=r"'ABC-1h.parquet' and 'abc-1h.parquet' are one file"):
        write_bars(bars, tmp_path / "o")
    assert not (tmp_path / "o").exists()
    write_bars(bars, tmp_path / "all.parquet")
    assert read_bars(tmp_path / "all.parquet")[0].symbols == ("ABC", "abc")


def test_other_percent_signs_are_left_alone() -> None:
    assert symbol_of_stem("5%") == "5%"
