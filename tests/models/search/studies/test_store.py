"""Studies in a database: whole batches, one budget, the same result after a kill, and what Optuna reads of them."""

from __future__ import annotations

import contextlib
import math
import os
import re
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest

from exitladder.errors import ModelError
from exitladder.models.search import search as ladder_search
from exitladder.models.search.evaluation import Evaluation, Evaluator
from exitladder.models.search.loop import Inline, SearchWorker
from exitladder.models.search.samplers.optuna import distribution_of
from exitladder.models.search.samplers.sampler import SAMPLERS, SearchPlan
from exitladder.models.search.search import SearchResult, search
from exitladder.models.search.space.candidates import Candidate, Cube
from exitladder.models.search.space.space import SearchSpace
from exitladder.models.search.studies.store import StudyStore
from exitladder.models.search.studies.studies import StudyPlan
from exitladder.plans.costs import Costs
from exitladder.plans.ladder import Execution, Ladder, Stop
from exitladder.plans.units import Distance
from exitladder.settings.tables import SearchSettings

BASE = Ladder(
    name="base",
    atr_window=10,
    stop=Stop(initial=Distance(2.0, "ATR"), time=50),
    costs=Costs(commission_bps=2.0),
    execution=Execution(intrabar="ohlc"),
)
SPACE = SearchSpace(SearchSettings(n_rungs=(1, 3)), BASE)
WARM = (SPACE.base, Cube(SPACE).at(np.full(Cube(SPACE).n, 0.4)).ladder)


def worth(ladders: list[Ladder]) -> Evaluation:
    """Two numbers that tell ladders apart, with a constraint; every seventh is worth nothing known."""
    result = [len(str(ladder)) % 7 for ladder in ladders]
    trail = [ladder.stop.trail.value if ladder.stop.trail else 9.0 for ladder in ladders]
    first = [math.nan if t == 0 else -abs(w - 3.0) for t, w in zip(result, trail, strict=True)]
    second = [sum(rung.fraction for rung in ladder.rungs) for ladder in ladders]
    limits = [[20.0 - (ladder.stop.time or 0)] for ladder in ladders]
    return Evaluation(
        np.column_stack([np.array(first, dtype=float), np.array(second, dtype=float)]),
        np.array(limits, dtype=float).reshape(len(ladders), 1),
        ("nearness", "sold"),
        ("time",),
    )


def nearness(ladders: list[Ladder]) -> Evaluation:
    """The first of both only."""
    both = worth(ladders)
    return Evaluation(both.values[:, :1], both.violations, both.objectives[:1], both.constraints)


def found_by(sampler: str, store: StudyStore | None, n: int = 40, **changes: object) -> SearchResult:
    given: dict[str, Any] = {"evaluate": nearness if sampler == "cmaes" else worth, **changes}
    return search(SPACE, n_trials=n, sampler=sampler, batch_size=8, warm_starts=WARM, store=store, **given)


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/mlruns/studies.db"


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_search_left_after_any_batch_ends_as_one_that_was_not(sampler: str, url: str) -> None:
    whole = found_by(sampler, None)
    for left_after in (0, 3):
        store = StudyStore(url)
        calls = iter(range(left_after + 1))

        def until_left(ladders: list[Ladder], calls: object = calls, sampler: str = sampler) -> Evaluation:
            if ladders and next(calls, None) is None:  # type: ignore[call-overload]
                raise KeyboardInterrupt
            return (nearness if sampler == "cmaes" else worth)(ladders)

        with contextlib.suppress(KeyboardInterrupt):
            found_by(sampler, store, evaluate=until_left, name=str(left_after))
        resumed = found_by(sampler, store, name=str(left_after))
        assert resumed.table.equals(whole.table)
        assert resumed.ladders == whole.ladders
        np.testing.assert_array_equal(resumed.evaluation.values, whole.evaluation.values)
        store.close()


@pytest.mark.parametrize("offset", [-7_200, 86_400])
def test_a_claim_of_another_clock_holds_nothing_up(url: str, offset: int) -> None:
    """A worker on another machine died while it held a batch, by a clock that was then set back by a day."""
    whole = found_by("qmc", None)
    store = StudyStore(url, lease_seconds=60.0)

    def until_left(ladders: list[Ladder]) -> Evaluation:
        if ladders:
            raise KeyboardInterrupt
        return worth(ladders)

    with contextlib.suppress(KeyboardInterrupt):
        found_by("qmc", store, evaluate=until_left, name="claimed")
    with store.database.locked() as connection:
        kept = store.database.run(connection, "select value_json from study_user_attributes")
        token = next(found[1] for (text,) in kept if (found := re.search(r"token\W+([0-9a-f]{32})", text)))
        store.database.run(
            connection,
            "insert into exitladder_batches (study, batch, worker, claimed_at) "
            f"values (:t, 0, 'elsewhere:1:0', {store.database.now} + :o)",
            t=token,
            o=offset,
        )
    began = time.monotonic()
    resumed = found_by("qmc", store, name="claimed")
    assert time.monotonic() - began < 30
    assert resumed.table.equals(whole.table)
    store.close()


def test_optuna_reads_what_was_found(url: str) -> None:
    store = StudyStore(url)
    found = found_by("qmc", store, name="mine")
    study = optuna.load_study(study_name="mine", storage=url)
    trials = study.get_trials()
    assert [t.number for t in trials] == list(range(42))
    cube = Cube(SPACE)
    for k, trial in enumerate(trials):
        candidate = cube.warm(WARM[k]) if k < 2 else cube.given(trial.params)
        assert candidate.ladder == found.ladders[k]
        assert trial.params == dict(candidate.parameters)
        assert trial.distributions == {n: distribution_of(optuna, r) for n, r in candidate.ranges.items()}
        known = found.evaluation.has_values[k]
        assert trial.state == (optuna.trial.TrialState.COMPLETE if known else optuna.trial.TrialState.FAIL)
        assert trial.values == (found.evaluation.values[k].tolist() if known else None)
        assert trial.constraints == {"time": found.evaluation.violations[k, 0]}
        assert trial.user_attrs["source"] == found.table["source"][k]
        assert trial.datetime_start is not None
    assert study.metric_names == ["nearness", "sold"]
    assert study.directions == [optuna.study.StudyDirection.MAXIMIZE] * 2
    assert sorted(t.number for t in study.best_trials)[0] in found.front
    # What Optuna adds itself is what a batch adds.
    again = optuna.create_study(study_name="Optuna's", storage=url, directions=study.directions)
    again.add_trials(trials)
    for a, b in zip(again.get_trials(), trials, strict=True):
        a._trial_id = b._trial_id
        assert a == b
    store.close()


def test_a_finished_search_is_read_and_others_are_distinguished(url: str) -> None:
    store = StudyStore(url)
    found = found_by("qmc", store, name="mine", identity={"trades": "a"})

    def never(ladders: list[Ladder]) -> Evaluation:
        assert not ladders
        return worth(ladders)

    again = found_by("qmc", store, evaluate=never, name="mine", identity={"trades": "a"})
    assert again.table.equals(found.table)
    with pytest.raises(ModelError, match=r"Study 'mine' in sqlite.* but differs in: trades, n_trials\. Give another"):
        found_by("qmc", store, 24, name="mine", identity={"trades": "b"})
    other = replace(SPACE, settings=SearchSettings(n_rungs=(1, 1)))
    with pytest.raises(ModelError, match=r"differs in: trades, space, objectives|differs in: space"):
        search(other, worth, 40, sampler="qmc", batch_size=8, warm_starts=WARM, store=store, name="mine")
    store.close()
    fresh = StudyStore(url, fresh=True)
    found_by("qmc", fresh, 24, name="mine", identity={"trades": "b"})
    assert len(optuna.load_study(study_name="mine", storage=url).trials) == 26
    fresh.close()
    by_content = StudyStore(url, by_content=True)
    for trades in ("a", "b", "a"):
        found_by("qmc", by_content, 8, name="mine", identity={"trades": trades})
    names = [s.study_name for s in optuna.get_all_study_summaries(url)]
    assert len([name for name in names if name.startswith("mine-")]) == 2
    by_content.close()


@pytest.mark.parametrize("sampler", [name for name in SAMPLERS if name != "tpe"])
@pytest.mark.parametrize("fewer", [16, 20])
def test_a_study_that_is_given_more_trials_ends_as_one_that_had_them(sampler: str, fewer: int, url: str) -> None:
    """Of 20 trials the last batch has 4: it is evaluated again, as a batch of 8."""
    store = StudyStore(url)
    found_by(sampler, store, fewer, name="mine")
    asked: list[int] = []

    def counted(ladders: list[Ladder]) -> Evaluation:
        asked.append(len(ladders))
        return (nearness if sampler == "cmaes" else worth)(ladders)

    longer = found_by(sampler, store, 36, name="mine", evaluate=counted)
    whole = found_by(sampler, None, 36)
    assert longer.table.equals(whole.table) and longer.ladders == whole.ladders
    assert sum(asked) == 36 - 16
    trials = optuna.load_study(study_name="mine", storage=url).get_trials()
    assert [trial.number for trial in trials] == list(range(38))
    # it keeps them: read again, nothing is evaluated
    asked.clear()
    assert found_by(sampler, store, 36, name="mine", evaluate=counted).table.equals(whole.table) and sum(asked) == 0
    with pytest.raises(ModelError, match=r"more trials, but not fewer: it has 36, and tuning.n_trials is 20"):
        found_by(sampler, store, 20, name="mine")
    store.close()


def test_a_study_that_another_process_searches_is_not_given_more_trials(url: str) -> None:
    store = StudyStore(url)
    study = store.open("mine", plan_of(20, False, 1))
    assert study.claim() == 1
    with pytest.raises(ModelError, match=r"another process holds a batch of it. Wait"):
        store.open("mine", plan_of(40, False, 1))
    study.release(1)
    assert store.open("mine", plan_of(40, False, 1)).plan.search.n_trials == 40
    store.close()


def test_a_study_of_another_program_is_left_alone(url: str) -> None:
    StudyStore(url).close()
    optuna.create_study(study_name="theirs", storage=url).add_trial(optuna.trial.create_trial(value=1.0))
    for fresh in (False, True):
        with pytest.raises(ModelError, match=r"'theirs' .* must be one of exitladder's"):
            found_by("qmc", StudyStore(url, fresh=fresh), name="theirs")
    assert len(optuna.load_study(study_name="theirs", storage=url).trials) == 1


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ("nonsense", "must be sqlite:///PATH or postgresql://USER@HOST/DATABASE, but is 'nonsense'"),
        ("mysql://a@b/c", "must be sqlite:///PATH or postgresql"),
        ("sqlite://", "must have a path"),
        ("postgresql://a:secret@b/c", r"must not contain a password.*a:\*\*\*@b/c"),
        ("postgresql://a@127.0.0.1:1/c", "must be a database that can be written to, but: "),
    ],
)
def test_storages_that_cannot_be_used_are_refused(wrong: str, message: str) -> None:
    if "127.0.0.1" in wrong:
        pytest.importorskip("psycopg", reason="psycopg is not installed (pip install 'exitladder[postgresql]')")
    with pytest.raises(ModelError, match=message) as result:
        StudyStore(wrong)
    assert "secret" not in str(result.value)


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "studies.db").write_text("not a database, but long enough to be taken for one" * 40)
    with pytest.raises(ModelError, match="is not a complete SQLite database"):
        StudyStore(f"sqlite:///{tmp_path}/studies.db")


def plan_of(n_trials: int, learns: bool, ahead: int) -> StudyPlan:
    return StudyPlan(SearchPlan("qmc", 0, n_trials, 8), 0, learns, ahead, ("a",), (), {})


def test_a_batch_is_claimed_once_and_waits_for_what_it_must_know(url: str) -> None:
    store = StudyStore(url)
    study = store.open("free", plan_of(40, learns=False, ahead=1))
    assert [study.claim() for _ in range(6)] == [1, 2, 3, 4, 5, None]
    learning = store.open("learning", plan_of(40, learns=True, ahead=2))
    assert [learning.claim() for _ in range(3)] == [1, 2, None]
    candidates = [Cube(SPACE).at(np.full(Cube(SPACE).n, 0.5))] * 8
    known = Evaluation.of_values(np.zeros(8), "a")
    assert learning.finish(2, candidates, known)
    assert learning.claim() is None  # 3 has to know 1
    assert learning.finish(1, candidates, known)
    assert [learning.claim() for _ in range(3)] == [3, 4, None]
    store.close()


def test_a_dead_claim_is_taken_over_and_counts_once(url: str) -> None:
    dead, alive = StudyStore(url), StudyStore(url, lease_seconds=-1.0)
    plan = plan_of(16, learns=False, ahead=1)
    first, second = dead.open("s", plan), alive.open("s", plan)
    assert first.claim() == 1
    assert second.claim() == 1
    first.keep(1)  # it is no longer its own
    candidates = [Cube(SPACE).at(np.full(Cube(SPACE).n, 0.5))] * 8
    assert second.finish(1, candidates, Evaluation.of_values(np.zeros(8), "a"))
    assert not first.finish(1, candidates, Evaluation.of_values(np.ones(8), "a"))
    assert [batch.number for batch in first.news()] == [1]
    assert len(optuna.load_study(study_name="s", storage=url).trials) == 8
    dead.close()
    alive.close()


@pytest.mark.parametrize("sampler", ["random", "tpe", "nsga2", "mixture"])
def test_many_who_share_a_study_find_what_one_finds(sampler: str, url: str) -> None:
    """Three threads, each with connections of its own; a batch is asked for knowing all up to three before it."""
    plan = StudyPlan(
        SearchPlan(sampler, 0, 96, 8, 2), 2, sampler != "random", 3, ("nearness", "sold"), ("time",), {"a": "b"}
    )

    def take_part(number: int) -> None:
        store = StudyStore(url)
        worker = SearchWorker(store.open("shared", plan), Cube(SPACE), WARM)
        worker.take_part(Inline(Evaluator(slowly)))
        tables[number] = (worker.candidates(), worker.evaluation())
        store.close()

    def slowly(ladders: list[Ladder]) -> Evaluation:
        time.sleep(0.005 * (len(str(ladders[0])) % 5))
        return worth(ladders)

    tables: dict[int, tuple[list[Candidate], Evaluation]] = {}
    threads = [threading.Thread(target=take_part, args=(k,)) for k in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    alone = StudyStore(url)
    worker = SearchWorker(alone.open("alone", plan), Cube(SPACE), WARM)
    worker.take_part(Inline(Evaluator(worth)))
    alone.close()
    assert len(tables) == 3
    for candidates, evaluation in tables.values():
        assert candidates == worker.candidates()
        np.testing.assert_array_equal(evaluation.values, worker.evaluation().values)
    assert len(optuna.load_study(study_name="shared", storage=url).trials) == 98


_KILLED = """
import sys, time
sys.path.insert(0, {folder!r})
from exitladder.models.search import search as ladder_search
from test_store import StudyStore, found_by, worth
import test_store

ladder_search.program_fingerprint = lambda: "the same"

def slowly(ladders):
    time.sleep(0.15 if ladders else 0)
    return worth(ladders)

test_store.worth, test_store.nearness = slowly, slowly

found_by({sampler!r}, StudyStore({url!r}), 80, name="killed")
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no SIGKILL")
@pytest.mark.parametrize("sampler", ["mixture"])
def test_a_killed_search_goes_on_where_it_was_and_ends_as_one_that_was_not(
    sampler: str, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # So that whoever edits the program while its tests run sees them pass.
    monkeypatch.setattr(ladder_search, "program_fingerprint", lambda: "the same")
    whole = found_by(sampler, None, 80)
    code = _KILLED.format(folder=str(Path(__file__).parent), sampler=sampler, url=url)
    running = subprocess.Popen([sys.executable, "-c", code], env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"})
    file = tmp_path / "mlruns" / "studies.db"
    try:
        for _ in range(600):
            time.sleep(0.05)
            if file.exists() and n_known(file) >= 3:
                break
    finally:
        running.kill()
        running.wait()
    n_before = n_known(file)
    assert 3 <= n_before < 11
    evaluated = []

    def counting(ladders: list[Ladder]) -> Evaluation:
        evaluated.append(len(ladders))
        return worth(ladders)

    store = StudyStore(url)  # nobody waits for the claim of a process that is gone
    began = time.monotonic()
    resumed = found_by(sampler, store, 80, evaluate=counting, name="killed")
    assert resumed.table.equals(whole.table)
    assert time.monotonic() - began < store.lease_seconds / 2
    assert len(evaluated) - 1 == 11 - n_before  # no finished batch again
    assert len(optuna.load_study(study_name="killed", storage=url).trials) == 82
    store.close()


def n_known(file: Path) -> int:
    connection = sqlite3.connect(file, timeout=60)
    try:
        return int(
            connection.execute("select count(*) from exitladder_batches where payload is not null").fetchone()[0]
        )
    except sqlite3.OperationalError:  # the table is not there yet
        return 0
    finally:
        connection.close()
