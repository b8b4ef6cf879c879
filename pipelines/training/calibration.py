"""Calibration of the model's probability out of fold: overall, by side, by symbol and by year."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from exitladder.models.calibration.table import MEASURES, calibration_table
from exitladder.models.forests.rows import TrainingRows
from exitladder.pipelines.inputs.predictions import RowPredictions
from exitladder.pipelines.inputs.prepare import Prepared
from exitladder.statistics.intervals import Intervals


def calibration_by_group(
    prepared: Prepared, rows: TrainingRows, predictions: RowPredictions, intervals: Intervals
) -> pd.DataFrame:
    """Return the table of `calibration_table` for the reachable rows that are predicted out of fold.

    Years are those of the rows, so a trade over New Year counts in both.

    Parameters
    ----------
    prepared : Prepared
    rows : TrainingRows
    predictions : RowPredictions
    intervals : Intervals
    """
    evaluation = np.flatnonzero((predictions.stage >= 0) & rows.is_used & np.isfinite(rows.race))
    trade, trades = rows.trade[evaluation], prepared.placed.trades
    groups = {
        "side": np.where(trades.side[trade] > 0, "long", "short"),
        "symbol": trades.symbol[trade].astype(str),
        "year": pd.DatetimeIndex(pd.to_datetime(rows.time_ns[evaluation], utc=True, unit="ns"))
        .year.astype(str)
        .to_numpy(),
    }
    return calibration_table(
        predictions.exhaustion[evaluation],
        rows.race[evaluation],
        trade,
        groups,
        intervals=intervals,
    )


def calibration_mapping(table: pd.DataFrame) -> dict[str, Any]:
    """Return the table as ``exitladder train`` prints it: the overall intervals, and a row per group."""
    rows = []
    for record in table.to_dict("records"):
        ends = {name: {"value": record.pop(name)} for name in MEASURES}
        for name, measured in ends.items():
            measured |= {"low": record.pop(f"{name}_low"), "high": record.pop(f"{name}_high")}
        rows.append({str(key): value for key, value in record.items()} | ends)
    intervals = {
        f"{name}_interval": [rows[0][name]["low"], rows[0][name]["high"]] if rows else None for name in MEASURES
    }
    return {**intervals, "calibration_by_group": rows}
