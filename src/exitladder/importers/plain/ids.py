"""Ids of executions, which are not those of positions."""

from __future__ import annotations

import numpy as np

from exitladder.importers.decode import decode_sides
from exitladder.importers.prepared import Prepared
from exitladder.trades.fills import are_executions


def own_ids(prepared: Prepared) -> None:
    """Take the ids of a list of fills as those of executions where no two rows share one, though a symbol is closed."""
    frame, headers = prepared.frame, prepared.found.headers
    if prepared.kind != "fills":
        return
    if "trade_id" not in frame:
        return
    if "fill_id" in frame and headers.get("fill_id") == headers.get("trade_id"):
        frame = prepared.frame = frame.drop(columns=["fill_id"])
    if "side" in frame and (frame["side"] != "").any():
        side = decode_sides(frame["side"])
    else:
        side = np.where(frame["quantity"].str.contains(r"^\s*[-\u2212(]|-\s*$"), -1.0, 1.0)
    # a row that the file repeats is no second execution
    once = ~frame.drop(columns=["line"], errors="ignore").duplicated().to_numpy()
    if "symbol" not in frame or not are_executions(frame["trade_id"][once], frame["symbol"][once], side[once]):
        return
    if "fill_id" not in frame:
        frame["fill_id"] = frame["trade_id"]
    prepared.frame = frame.drop(columns=["trade_id"])
    prepared.notes.append(
        f"'{headers['trade_id']}' differs on every row: read as the id of each fill, and fills were grouped to "
        "positions by symbol"
    )
