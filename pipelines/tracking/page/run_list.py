"""The columns with which MLflow's page lists the runs of a project, the first ones telling the story.

MLflow keeps a view of its page as a tag of the experiment; an address with the view's key opens it. Users may change
the columns and keep views of their own beside it.
"""

from __future__ import annotations

import json
from typing import Any

VIEW_KEY = "exitladder"
VIEW_TAG = f"mlflow.sharedViewState.{VIEW_KEY}"
COLUMNS = (
    "tags.`verdict`",
    "tags.`recommended`",
    "metrics.`expectancy_r`",
    "metrics.`difference_r`",
    "metrics.`low`",
    "metrics.`high`",
    "metrics.`n_trades`",
    "tags.`sample`",
    "attributes.`Dataset`",
    "attributes.`Models`",
    "tags.`kind`",
)


def view_state() -> str:
    """Return the view as MLflow's page reads it."""
    return json.dumps({"selectedColumns": list(COLUMNS), "columnOrder": list(COLUMNS)}, separators=(",", ":"))


def give_view(client: Any, experiment: Any) -> None:
    """Give an experiment the view unless it has it."""
    if experiment.tags.get(VIEW_TAG) != view_state():
        client.set_experiment_tag(experiment.experiment_id, VIEW_TAG, view_state())
