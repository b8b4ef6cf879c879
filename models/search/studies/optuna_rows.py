"""Trials as rows of Optuna's tables, a batch in one transaction.

`optuna.Study.add_trials` would spare this SQL, but takes a transaction for each trial: some 100 times as long, longer
than a search (`benchmarks/samplers.py speed`), and a process killed in between would leave part of a batch. So the
revision of the tables is pinned (`database`), and a test compares the rows with those that Optuna writes.
"""

from __future__ import annotations

import importlib
import json
import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np

from exitladder.models.search.evaluation import Evaluation
from exitladder.models.search.samplers.optuna import distribution_json
from exitladder.models.search.space.candidates import Candidate
from exitladder.models.search.space.trials import Range


class TrialRows:
    """Adds the trials of a study.

    Parameters
    ----------
    tables : mapping of str to sqlalchemy.Table
    study_id : int
    """

    def __init__(self, tables: Mapping[str, Any], study_id: int) -> None:
        self.tables, self.study_id = tables, study_id
        self._distributions: dict[tuple[str, Range], str] = {}

    def add(
        self, connection: Any, batch: int, first: int, candidates: Sequence[Candidate], evaluation: Evaluation
    ) -> None:
        """Add a batch's trials; one without values has the state FAIL or PRUNED.

        Parameters
        ----------
        connection : sqlalchemy.Connection
            In a transaction.
        batch : int
        first : int
            Number of the batch's first trial.
        candidates : sequence of Candidate
        evaluation : Evaluation
            Of the candidates, in the same order.
        """
        trials = self.tables["trials"]
        moment = datetime.now(UTC).replace(tzinfo=None)
        common = {"study_id": self.study_id, "datetime_start": moment, "datetime_complete": moment}
        added = [
            {**common, "number": first + k, "state": state}
            for k, state in enumerate(
                np.select([evaluation.is_pruned, evaluation.has_values], ["PRUNED", "COMPLETE"], "FAIL").tolist()
            )
        ]
        number_to_id = dict(_insert(connection, trials, added, ("number", "trial_id")))
        ids = [number_to_id[row["number"]] for row in added]
        rows: dict[str, list[dict[str, Any]]] = {}
        for k, (trial_id, candidate) in enumerate(zip(ids, candidates, strict=True)):
            for table, row in self._of_trial(batch, candidate, evaluation, k):
                rows.setdefault(table, []).append({"trial_id": trial_id, **row})
        for table, some in rows.items():
            _insert(connection, self.tables[table], some)

    def _of_trial(
        self, batch: int, candidate: Candidate, evaluation: Evaluation, k: int
    ) -> list[tuple[str, dict[str, Any]]]:
        source = "search" if batch else "warm_start"
        rows: list[tuple[str, dict[str, Any]]] = [
            ("trial_user_attributes", {"key": name, "value_json": json.dumps(described)})
            for name, described in (("batch", batch), ("source", source))
        ]
        for name, value in candidate.parameters.items():
            within = candidate.ranges[name]
            at = float(within.choices.index(value) if within.choices else value)
            distribution = self._distribution(name, within)
            rows.append(("trial_params", {"param_name": name, "param_value": at, "distribution_json": distribution}))
        if evaluation.has_values[k]:
            for number, value in enumerate(evaluation.values[k].tolist()):
                rows.append(("trial_values", {"objective": number, "value": value, "value_type": "FINITE"}))
        if evaluation.block_scores is not None:
            for step, value in enumerate(
                evaluation.block_scores.values[k, : evaluation.block_scores.n_looked[k]].tolist()
            ):
                kind = "FINITE" if math.isfinite(value) else "NAN"
                described = value if math.isfinite(value) else None
                rows.append(
                    (
                        "trial_intermediate_values",
                        {"step": step, "intermediate_value": described, "intermediate_value_type": kind},
                    )
                )
        for name, violation in zip(evaluation.constraints, evaluation.violations[k].tolist(), strict=True):
            rows.append(
                ("trial_system_attributes", {"key": f"constraints:{name}", "value_json": json.dumps(violation)})
            )
        return rows

    def _distribution(self, name: str, within: Range) -> str:
        if (name, within) not in self._distributions:
            self._distributions[name, within] = distribution_json(within)
        return self._distributions[name, within]


def _insert(connection: Any, table: Any, rows: list[dict[str, Any]], wanted: tuple[str, ...] = ()) -> list[Any]:
    """Insert rows of the same columns and return columns of theirs; into PostgreSQL as one text, which is quickest."""
    returned = [table.c[name] for name in wanted]
    if connection.dialect.name != "postgresql":
        done = connection.execute(table.insert().returning(*returned) if wanted else table.insert(), rows)
    else:
        sqlalchemy = importlib.import_module("sqlalchemy")
        names = ", ".join(rows[0])
        kinds = ", ".join(f"{name} {table.c[name].type.compile(connection.dialect)}" for name in rows[0])
        given = f"json_to_recordset(cast(:rows as json)) as r({kinds})"
        statement = f"insert into {table.name} ({names}) select {names} from {given}"
        if wanted:
            statement += f" returning {', '.join(wanted)}"
        done = connection.execute(sqlalchemy.text(statement), {"rows": json.dumps(rows, default=str)})
    return list(done.fetchall()) if wanted else []
