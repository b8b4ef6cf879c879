"""The sample data included in the package."""

from __future__ import annotations

from importlib.resources import as_file, files

from exitladder.bars.bars import BarSet
from exitladder.bars.checking.report import BarsReport
from exitladder.bars.reading import read_bars


def load_sample_bars() -> tuple[BarSet, BarsReport]:
    """Return daily bars of AAPL, FB, GOOG, IBM and MSFT, adjusted for splits and dividends, and their report.

    The prices are the public-domain WIKI prices, 2000-03-01 to 2013-03-01; see ``README.md`` in the same folder.

    Examples
    --------
    >>> bars, report = load_sample_bars()
    >>> bars.symbols, bars.n_bars
    (('AAPL', 'FB', 'GOOG', 'IBM', 'MSFT'), 12154)
    """
    with as_file(files("exitladder.sample")) as folder:
        return read_bars(folder)
