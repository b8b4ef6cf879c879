"""Bars written so that they read back to the bit."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from exitladder.bars.bars import BarSet
from exitladder.files.names import file_stem, refuse_clash
from exitladder.files.output import write_folder, write_table
from exitladder.files.tables import table_suffix
from exitladder.runtime.progress import SILENT, Progress


def write_bars(bars: BarSet, out: str | Path, progress: Progress = SILENT) -> pd.DataFrame:
    """Write bars and return a summary: file, symbol, interval, n_bars, first, last.

    Parameters
    ----------
    bars : BarSet
    out : path
        A folder, for one ``SYMBOL-INTERVAL.parquet`` per symbol, characters that a file name may not hold
        percent-encoded; or a file ending with .parquet, .csv or .csv.gz, with a ``symbol`` column.
    progress : Progress

    Returns
    -------
    DataFrame

    Raises
    ------
    OutputFileError
        If it cannot be written whole, or two symbols would share a file.
    """
    out = Path(out)
    frames = {symbol: bars[symbol].to_frame() for symbol in bars}
    names = {symbol: f"{file_stem(symbol)}-{bars[symbol].interval}.parquet" for symbol in bars}
    if table_suffix(out):
        names = dict.fromkeys(bars, out.name)
        tables = [frame.assign(symbol=symbol) for symbol, frame in frames.items()]
        joined = pd.concat(tables, ignore_index=True)
        with progress.stage("writing bars", 1):
            write_table(joined[["symbol", *(c for c in joined.columns if c != "symbol")]], out)
    else:
        refuse_clash(names.values())
        write_folder(out, {names[symbol]: frame for symbol, frame in frames.items()}, progress)
    return pd.DataFrame(
        {
            "file": [names[s] for s in bars],
            "symbol": list(bars),
            "interval": [bars[s].interval for s in bars],
            "n_bars": [len(f) for f in frames.values()],
            "first": [f["timestamp"].iloc[0] for f in frames.values()],
            "last": [f["timestamp"].iloc[-1] for f in frames.values()],
        }
    )
