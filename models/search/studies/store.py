"""Studies stored in a database that Optuna's own tools read.

A batch is written once all of it is evaluated, in one transaction: a killed process leaves complete batches and
nothing else, and no batch counts twice. Next to Optuna's tables there is one of batches: which worker evaluates
which batch, and the state needed to continue.
"""

from __future__ import annotations

import json
import os
import platform
import re
import uuid
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from exitladder.errors import ExitladderWarning, ModelError
from exitladder.files.untrusted.shapes import Anything, check_shape, parse_json
from exitladder.models.search.evaluation import Evaluation
from exitladder.models.search.samplers.sampler import SearchPlan
from exitladder.models.search.space.candidates import Candidate
from exitladder.models.search.studies.database import Database
from exitladder.models.search.studies.optuna_rows import TrialRows
from exitladder.models.search.studies.studies import KnownBatch, StudyPlan, evaluation_of, kept_of
from exitladder.runtime.fingerprints import digest_of

_PLAN_KEY = "exitladder"
_PLAN = {
    "search": {"sampler": str, "seed": int, "n_trials": int, "batch_size": int, "n_objectives?": int},
    "n_warm": int,
    "learns": bool,
    "ahead": int,
    "objectives": [str],
    "constraints": [str],
    "identity": {str: Anything},
    "token": str,
}
_ROWS = [[Anything]]
_BATCH = {
    "parameters": [{str: (str, float, bool)}],
    "values": _ROWS,
    "violations": _ROWS,
    "blocks?": _ROWS,
    "n_looked?": [int],
}
# What a study is of that no version of the program changes.
_OF_DATA = ("bars", "trades", "entries")
_OF_TRIALS = (
    "trial_params",
    "trial_values",
    "trial_user_attributes",
    "trial_system_attributes",
    "trial_intermediate_values",
    "trial_heartbeats",
)
_OF_STUDIES = ("trials", "study_directions", "study_user_attributes", "study_system_attributes", "studies")


class StudyStore:
    """A database of studies.

    Parameters
    ----------
    url : str
        Such as ``sqlite:///mlruns/studies.db`` or ``postgresql://user@host/database``. A password comes from
        ``PGPASSWORD`` or ``~/.pgpass``: settings are kept with each run.
    lease_seconds : float
        A claim that is not renewed for this long expires, and another worker may take the batch.
    by_content : bool
        Append a fingerprint of the search to a study's name: the same search finds the same study, another
        search another one.
    fresh : bool
        Delete an existing study before it is opened.

    Raises
    ------
    ModelError
        If the database cannot be used.
    """

    def __init__(self, url: str, lease_seconds: float = 60.0, *, by_content: bool = False, fresh: bool = False) -> None:
        self.database, self.lease_seconds = Database(url), lease_seconds
        self.by_content, self.fresh = by_content, fresh
        self._has_said = False

    @property
    def url(self) -> str:
        """Where it is."""
        return self.database.url

    def open(self, name: str, plan: StudyPlan) -> StoredStudy:
        """Return the study of a name; a new one if there is none, else the existing one continues.

        Parameters
        ----------
        name : str
        plan : StudyPlan
            An existing study keeps its own `ahead`, and goes on to more trials if the plan has more.

        Returns
        -------
        StoredStudy

        Raises
        ------
        ModelError
            If the study of that name is of other data or settings, another space, another version of exitladder, or
            more trials, or if it is given more while another process searches.

        Warns
        -----
        ExitladderWarning
            If studies are named by content and the store has the same search by another version.
        """
        base = name
        if self.by_content:
            name = f"{name}-{digest_of(replace(plan, ahead=0))}"
        with self.database.locked() as connection:
            found = self._found(connection, name)
            if found is not None and self.fresh:
                self._delete(connection, found[0], found[1]["token"])
                found = None
            earlier = ""
            if found is None:
                token = uuid.uuid4().hex
                earlier = self._of_another_version(connection, base, plan) if self.by_content else ""
                study_id = self._make(connection, name, plan, token)
            else:
                study_id, kept = found
                token, wanted = kept["token"], plan.search.n_trials
                plan = _same(name, kept, plan, self.url)
                if wanted > plan.search.n_trials:
                    plan = self._with_more(connection, name, study_id, kept, wanted)
        if earlier:
            warnings.warn(
                f"{self.url} has studies of this search made by another version of exitladder, which may score ladders "
                "differently. A new search begins; those studies are kept and can still be read.",
                ExitladderWarning,
                stacklevel=2,
            )
        return StoredStudy(self, name, study_id, token, plan)

    def join(self, name: str) -> StoredStudy:
        """Return a study that another process has opened, by its full name."""
        with self.database.reading() as connection:
            found = self._found(connection, name)
        if found is None:
            raise ModelError(f"Study '{name}' must be in {self.url} to be joined, but is not there.")
        return StoredStudy(self, name, found[0], found[1]["token"], _plan_of(found[1]))

    def close(self) -> None:
        """Close the connections."""
        self.database.close()

    def _found(self, connection: Any, name: str) -> tuple[int, dict[str, Any]] | None:
        run = self.database.run
        rows = run(connection, "select study_id from studies where study_name = :n", n=name)
        if not rows:
            return None
        study_id = int(rows[0][0])
        kept = run(
            connection,
            "select value_json from study_user_attributes where study_id = :s and key = :k",
            s=study_id,
            k=_PLAN_KEY,
        )
        if not kept:
            raise ModelError(
                f"Study '{name}' in {self.url} must be one of exitladder's, but is another program's. "
                "Give another name (tuning.study), or another storage."
            )
        return study_id, self._plan(name, kept[0][0])

    def _plan(self, name: str, text: str) -> dict[str, Any]:
        """Return what a study keeps of its plan."""
        try:
            kept = parse_json(text)
            check_shape(kept, _PLAN, "its plan")
        except ValueError as cause:
            raise ModelError(
                f"Study '{name}' in {self.url} must be as exitladder wrote it, but {cause}. Give another name "
                "(tuning.study) or another storage."
            ) from cause
        return dict(kept)

    def _of_another_version(self, connection: Any, base: str, plan: StudyPlan) -> str:
        """Return the name of a study of the same search on the same data by other code, or nothing."""
        rows = self.database.run(
            connection,
            "select study_name, value_json from studies join study_user_attributes "
            "on studies.study_id = study_user_attributes.study_id where key = :k order by studies.study_id desc",
            k=_PLAN_KEY,
        )
        wanted = json.loads(json.dumps(asdict(plan)))
        for name, text in rows:
            if not re.fullmatch(rf"{re.escape(base)}-[0-9a-f]{{16}}", name):
                continue
            try:
                kept = self._plan(name, text)
            except ModelError:
                continue
            identity = kept["identity"]
            if (
                kept["search"] == wanted["search"]
                and identity.get("program") != wanted["identity"].get("program")
                and all(identity.get(key) == wanted["identity"].get(key) for key in _OF_DATA)
            ):
                return str(name)
        return ""

    def _make(self, connection: Any, name: str, plan: StudyPlan, token: str) -> int:
        tables = self.database.tables
        study_id = int(connection.execute(tables["studies"].insert().values(study_name=name)).inserted_primary_key[0])
        connection.execute(
            tables["study_directions"].insert(),
            [{"study_id": study_id, "direction": "MAXIMIZE", "objective": k} for k in range(len(plan.objectives))],
        )
        for whose, key, value in (
            ("user", _PLAN_KEY, {**asdict(plan), "token": token}),
            ("system", "study:metric_names", list(plan.objectives)),
        ):
            self.database.run(
                connection,
                f"insert into study_{whose}_attributes (study_id, key, value_json) values (:s, :k, :v)",
                s=study_id,
                k=key,
                v=json.dumps(value),
            )
        return study_id

    def _with_more(self, connection: Any, name: str, study_id: int, kept: dict[str, Any], n_trials: int) -> StudyPlan:
        """Give a study more trials; a last batch that is not full is evaluated again, as part of a full one."""
        run, token, old = self.database.run, kept["token"], _plan_of(kept)
        claims = run(
            connection,
            f"select worker, abs(claimed_at - {self.database.now}) < :lease from exitladder_batches "
            "where study = :t and payload is null",
            t=token,
            lease=self.lease_seconds,
        )
        if any(is_held and not _is_gone(worker) for worker, is_held in claims):
            raise ModelError(
                f"Study '{name}' in {self.url} must not be searched while it is given more trials, but another process "
                f"holds a batch of it. Wait until that one is done, or give it {old.search.n_trials:,} trials "
                "(tuning.n_trials)."
            )
        last = old.search.n_batches
        if old.size_of(last) < old.search.batch_size:
            run(connection, "delete from exitladder_batches where study = :t and batch = :b", t=token, b=last)
            numbered = "study_id = :s and number >= :n"
            first = old.first_trial(last)
            for table in _OF_TRIALS:
                trials = f"select trial_id from trials where {numbered}"
                run(connection, f"delete from {table} where trial_id in ({trials})", s=study_id, n=first)
            run(connection, f"delete from trials where {numbered}", s=study_id, n=first)
        more = {**kept, "search": {**kept["search"], "n_trials": n_trials}}
        run(
            connection,
            "update study_user_attributes set value_json = :v where study_id = :s and key = :k",
            v=json.dumps(more),
            s=study_id,
            k=_PLAN_KEY,
        )
        return _plan_of(more)

    def _delete(self, connection: Any, study_id: int, token: str) -> None:
        run = self.database.run
        for table in _OF_TRIALS:
            trials = "select trial_id from trials where study_id = :s"
            run(connection, f"delete from {table} where trial_id in ({trials})", s=study_id)
        for table in _OF_STUDIES:
            run(connection, f"delete from {table} where study_id = :s", s=study_id)
        run(connection, "delete from exitladder_batches where study = :t", t=token)


class StoredStudy:
    """A study in a database, as one of its workers sees it.

    Parameters
    ----------
    store : StudyStore
    name : str
    study_id : int
        Optuna's.
    token : str
        Names its batches; another study of the same name has another.
    plan : StudyPlan
    """

    def __init__(self, store: StudyStore, name: str, study_id: int, token: str, plan: StudyPlan) -> None:
        self.store, self.name, self.token, self.plan = store, name, token, plan
        self.worker = f"{platform.node()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"
        self._known: set[int] = set()
        self._rows = TrialRows(store.database.tables, study_id)

    def claim(self) -> int | None:
        """Claim and return a free batch, or None."""
        with self.store.database.locked() as connection:
            rows = self._execute(
                connection,
                # a claim of the future was made before the clock was set back
                f"select batch, payload is not null, abs(claimed_at - {self.store.database.now}) < :lease, worker "
                "from exitladder_batches where study = :t",
                lease=self.store.lease_seconds,
            )
            finished = {batch for batch, is_known, _, _ in rows if is_known}
            taken = finished | {batch for batch, _, is_held, worker in rows if is_held and not _is_gone(worker)}
            for batch in self.plan.batches:
                if batch not in taken and self.plan.may_begin(batch, finished):
                    self._execute(connection, "delete from exitladder_batches where study = :t and batch = :b", b=batch)
                    self._execute(
                        connection,
                        "insert into exitladder_batches (study, batch, worker, claimed_at) "
                        f"values (:t, :b, :w, {self.store.database.now})",
                        b=batch,
                        w=self.worker,
                    )
                    return batch
        return None

    def keep(self, batch: int) -> None:
        """Renew the claim on a batch, if this worker still holds it."""
        with self.store.database.locked() as connection:
            self._execute(
                connection,
                f"update exitladder_batches set claimed_at = {self.store.database.now} "
                "where study = :t and batch = :b and worker = :w and payload is null",
                b=batch,
                w=self.worker,
            )

    def release(self, batch: int) -> None:
        """Give up this worker's claim on a batch."""
        with self.store.database.locked() as connection:
            self._execute(
                connection,
                "delete from exitladder_batches where study = :t and batch = :b and worker = :w and payload is null",
                b=batch,
                w=self.worker,
            )

    def finish(self, batch: int, candidates: Sequence[Candidate], evaluation: Evaluation) -> bool:
        """Store the evaluation of a batch, unless another worker did; see `Study.finish`.

        Parameters
        ----------
        batch : int
        candidates : sequence of Candidate
        evaluation : Evaluation
            Of the candidates, in the same order.

        Returns
        -------
        bool
            Whether it was stored.
        """
        payload = json.dumps({"parameters": [dict(c.parameters) for c in candidates], **kept_of(evaluation)})
        with self.store.database.locked() as connection:
            if self._execute(
                connection,
                "select count(*) from exitladder_batches where study = :t and batch = :b and payload is not null",
                b=batch,
            )[0][0]:
                return False
            self._execute(connection, "delete from exitladder_batches where study = :t and batch = :b", b=batch)
            self._execute(
                connection,
                "insert into exitladder_batches (study, batch, worker, payload) values (:t, :b, :w, :p)",
                b=batch,
                w=self.worker,
                p=payload,
            )
            self._rows.add(connection, batch, self.plan.first_trial(batch), candidates, evaluation)
        self._known.add(batch)
        return True

    def news(self) -> list[KnownBatch]:
        """Return batches that other workers have finished since the last call."""
        with self.store.database.reading() as connection:
            finished = self._execute(
                connection, "select batch from exitladder_batches where study = :t and payload is not null"
            )
            fresh = sorted({batch for (batch,) in finished} - self._known)
            if not fresh:
                return []
            rows = self._execute(
                connection,
                "select batch, payload from exitladder_batches where study = :t and payload is not null "
                "and batch between :low and :high order by batch",
                low=fresh[0],
                high=fresh[-1],
            )
        found = []
        for batch, payload in rows:
            if batch not in self._known:
                found.append(self._batch(batch, payload))
        self._known.update(fresh)
        return found

    def _batch(self, batch: int, payload: str) -> KnownBatch:
        try:
            kept = parse_json(payload, has_constants=True)
            check_shape(kept, _BATCH, f"batch {batch}")
            if batch not in self.plan.batches or len(kept["parameters"]) != self.plan.size_of(batch):
                raise ValueError(f"batch {batch} must have the candidates that its plan names, but has others")
            return KnownBatch(batch, kept["parameters"], evaluation_of(self.plan, kept))
        except (ValueError, TypeError, OverflowError, ModelError) as cause:
            raise ModelError(
                f"Study '{self.name}' in {self.store.url} must be as exitladder wrote it, but "
                f"{str(cause).rstrip('.')}. Start again with --fresh, which deletes this study, or give "
                "another name (tuning.study)."
            ) from cause

    def _execute(self, connection: Any, statement: str, **values: Any) -> list[Any]:
        return self.store.database.run(connection, statement, t=self.token, **values)


def _is_gone(worker: str) -> bool:
    """Whether a worker was a process of this machine that has ended: its claim can be taken over at once."""
    node, pid, _ = worker.rsplit(":", 2)
    if node != platform.node() or os.name != "posix":
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False


def _same(name: str, kept: Mapping[str, Any], plan: StudyPlan, url: str) -> StudyPlan:
    """Return the plan of an existing study, if it is of the same search; it may have fewer trials."""
    wanted = json.loads(json.dumps(asdict(plan)))
    has_more = plan.search.n_trials >= kept["search"]["n_trials"]
    searched = [key for key in wanted["search"] if not (key == "n_trials" and has_more)]
    found = [
        *(key for key in wanted["identity"] if kept["identity"].get(key) != wanted["identity"][key]),
        *(key for key in searched if kept["search"].get(key) != wanted["search"][key]),
        *(key for key in ("n_warm", "objectives", "constraints") if kept.get(key) != wanted[key]),
    ]
    differ = list(dict.fromkeys(found))  # objectives are part of the identity too
    if differ == ["n_trials"]:
        raise ModelError(
            f"Study '{name}' in {url} may be given more trials, but not fewer: it has {kept['search']['n_trials']:,}, "
            f"and tuning.n_trials is {plan.search.n_trials:,}. Raise that, give another name (tuning.study), or start "
            "again with --fresh, which deletes this study."
        )
    if "program" in differ:
        raise ModelError(
            f"Study '{name}' in {url} must be made by this version of exitladder to be continued, but was made by "
            f"another one, which may score ladders differently (differs in: {', '.join(differ)}). It can still be "
            "read. Give another name (tuning.study), or start again with --fresh, which deletes this study."
        )
    if differ:
        raise ModelError(
            f"Study '{name}' in {url} must be of the same search to be continued, but differs in: {', '.join(differ)}. "
            "Give another name (tuning.study), or start again with --fresh, which deletes this study."
        )
    return _plan_of(kept)


def _plan_of(kept: Mapping[str, Any]) -> StudyPlan:
    return StudyPlan(
        search=SearchPlan(**kept["search"]),
        n_warm=kept["n_warm"],
        learns=kept["learns"],
        ahead=kept["ahead"],
        objectives=tuple(kept["objectives"]),
        constraints=tuple(kept["constraints"]),
        identity=kept["identity"],
    )
