"""The screen of `track`: the recorded runs, newest first, two lines each."""

from __future__ import annotations

import pandas as pd


def track_screen(runs: pd.DataFrame, store: str) -> str:
    """Return the recorded runs as text.

    Parameters
    ----------
    runs : DataFrame
        Of `exitladder.pipelines.tracking.runs.runs_frame`.
    store : str
        Where they are sent.

    Returns
    -------
    str
    """
    if runs.empty:
        return f"No runs are recorded yet for the store {store}.\n"
    n, n_waiting = len(runs), int((~runs["is_sent"].astype(bool)).sum())
    head = f"{n:,} run{'s' if n != 1 else ''}; " + (
        f"{n_waiting:,} not sent to {store} (exitladder track --sync)" if n_waiting else f"all sent to {store}"
    )
    lines = [head, ""]
    for run in runs.itertuples():
        started = pd.Timestamp(str(run.started))
        state = str(run.status).lower() + ("" if run.is_sent else ", not sent")
        lines += [str(run.name), f"  {started:%Y-%m-%d %H:%M} UTC  {state}  {run.run_id}"]
    return "\n".join(lines) + "\n"
