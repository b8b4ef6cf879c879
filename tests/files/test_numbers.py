"""Numbers as people write them: one meaning per file, or a question."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from exitladder.files.numbers import MixedNumbersError, decimal_mark, parse_numbers


def read(*texts: str) -> list[float]:
    column = pd.Series(texts, dtype="str")
    values, bad = parse_numbers(column, decimal_mark([column]))
    assert not bad.any()
    return [float(value) for value in values]


@pytest.mark.parametrize(
    ("texts", "numbers"),
    [
        (("1,00,000.5", "99,000", "12,34,567"), (100_000.5, 99_000, 1_234_567)),
        (("1,00,000", "99,000"), (100_000, 99_000)),
        (("₹1,00,000.50",), (100_000.5,)),
        (("1,05E+01", "1,2E-1"), (10.5, 0.12)),
        (("1.05E+01", "1E+06"), (10.5, 1e6)),
        (("37.63-", "5"), (-37.63, 5)),
        (("HK$10.50", "SEK 10.50", "10.50 PLN", "S$3"), (10.5, 10.5, 10.5, 3)),
        (('="10.5"', '="1,234.25"'), (10.5, 1234.25)),
        (("110'165.50", "1'000'000"), (110_165.5, 1e6)),
    ],
)
def test_spellings(texts: tuple[str, ...], numbers: tuple[float, ...]) -> None:
    assert read(*texts) == list(numbers)


@pytest.mark.parametrize("text", ["1050p", "GBX 1050", "10.5%", "110-16", "1,00,00", "1,2,345", "10.000.5", "1-2"])
def test_what_is_another_unit_or_no_number_is_not_read(text: str) -> None:
    values, bad = parse_numbers(pd.Series([text, "7"], dtype="str"))
    assert bad.tolist() == [True, False]
    assert np.isnan(values[0])


def test_32nds_of_a_bond_are_no_thousands() -> None:
    bonds = pd.Series(["110'165", "110'240", "109'080"], dtype="str")
    with pytest.raises(MixedNumbersError, match="32nds"):
        decimal_mark([bonds])
    assert decimal_mark([bonds], said=".") == "."
    assert decimal_mark([bonds, pd.Series(["1'000'000"], dtype="str")]) == "."
