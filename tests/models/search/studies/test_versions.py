"""Studies of other versions: of exitladder, which are read and never continued, and of Optuna's tables."""

from __future__ import annotations

import sqlite3
import warnings
from pathlib import Path

import numpy as np
import optuna
import pytest

from exitladder.errors import ExitladderWarning, ModelError
from exitladder.models.search import search as search_module
from exitladder.models.search.evaluation import Evaluation
from exitladder.models.search.search import SearchResult, search
from exitladder.models.search.space.space import SearchSpace
from exitladder.models.search.studies import database
from exitladder.models.search.studies.store import StudyStore
from exitladder.plans.ladder import Ladder, Stop
from exitladder.plans.units import Distance
from exitladder.settings.tables import SearchSettings

# A database that exitladder wrote before its modules moved into rooms: the search of `found` twice, named by
# content and named "mine".
BEFORE = Path(__file__).parent / "studies_of_the_flat_layout.sql"
SPACE = SearchSpace(
    SearchSettings(n_rungs=(1, 3)),
    Ladder(name="base", atr_window=10, stop=Stop(initial=Distance(2.0, "ATR"), time=50)),
)


@pytest.fixture
def url(tmp_path: Path) -> str:
    with sqlite3.connect(tmp_path / "studies.db") as connection:
        connection.executescript(BEFORE.read_text())
    connection.close()
    return f"sqlite:///{tmp_path}/studies.db"


def found(store: StudyStore, evaluated: list[int], **changes: str) -> SearchResult:
    def worth(ladders: list[Ladder]) -> Evaluation:
        evaluated.append(len(ladders))
        trails = [ladder.stop.trail.value if ladder.stop.trail else 9.0 for ladder in ladders]
        return Evaluation.of_values(-np.abs(np.array(trails, dtype=float) - 3.0), "nearness")

    identity = {"bars": "b", "trades": "t", **changes}
    return search(SPACE, worth, 8, sampler="qmc", batch_size=4, store=store, name="tune", identity=identity)


def test_a_study_of_an_earlier_version_is_read(url: str) -> None:
    earlier = [s.study_name for s in optuna.get_all_study_summaries(url)]
    assert len(earlier) == 2 and "mine" in earlier
    for name in earlier:
        study = optuna.load_study(study_name=name, storage=url)
        assert len(study.trials) == 8 and study.metric_names == ["nearness"]
        assert study.best_value == 0.0 and study.best_trial.params["trail_atr_steps"] == 12
    store = StudyStore(url)
    assert len(store.join("mine").news()) == 2  # its batches
    store.close()


def test_a_new_search_begins_beside_a_study_of_an_earlier_version_and_says_so(url: str) -> None:
    earlier = {s.study_name for s in optuna.get_all_study_summaries(url)}
    store = StudyStore(url, by_content=True)
    evaluated: list[int] = []
    (name,) = earlier - {"mine"}
    with pytest.warns(ExitladderWarning, match="studies of this search made by another version .* new search begins"):
        new = found(store, evaluated)
    assert evaluated == [0, 4, 4]
    # The same code, asked again, goes on without a word, and other data have nothing to do with the earlier study.
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        again = found(store, evaluated)
        found(store, evaluated, trades="others")
    assert again.table.equals(new.table) and evaluated == [0, 4, 4, 0, 0, 4, 4]
    store.close()
    assert len(optuna.load_study(study_name=name, storage=url).trials) == 8
    assert len(optuna.get_all_study_summaries(url)) == 4


def test_changed_code_begins_a_new_study(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    store = StudyStore(url, by_content=True)
    for code, expected in (("one", [0, 4, 4]), ("another", [0, 4, 4]), ("one", [0])):
        monkeypatch.setattr(search_module, "program_fingerprint", lambda code=code: code)
        evaluated: list[int] = []
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExitladderWarning)
            found(store, evaluated)
        assert evaluated == expected, code
    store.close()


def test_a_named_study_of_an_earlier_version_is_refused_and_left(url: str) -> None:
    store = StudyStore(url)
    with pytest.raises(ModelError, match=r"'mine' .* made by another one.*program.*still be read.*--fresh"):
        search(SPACE, lambda ladders: Evaluation.of_values(np.zeros(len(ladders)), "nearness"), 8, sampler="qmc",
               batch_size=4, store=store, name="mine", identity={"bars": "b", "trades": "t"})  # fmt: skip
    store.close()
    assert len(optuna.load_study(study_name="mine", storage=url).trials) == 8


def test_the_installed_optuna_has_the_tables_that_trials_are_written_to(tmp_path: Path) -> None:
    """Trials are written by SQL of exitladder's own, as Optuna's `add_trials` takes some 100 times as long.

    Where this fails, Optuna has changed its tables: compare `optuna_rows` with `optuna.storages._rdb.models`, then
    set `_REVISION` to the new revision.
    """
    optuna.create_study(storage=f"sqlite:///{tmp_path}/optuna.db")
    with sqlite3.connect(tmp_path / "optuna.db") as connection:
        ((revision,),) = connection.execute("select version_num from alembic_version").fetchall()
    connection.close()
    assert revision == database._REVISION


def test_tables_of_another_revision_are_refused(url: str, tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "studies.db") as connection:
        connection.execute("update alembic_version set version_num = 'v9.0.0.a'")
    connection.close()
    with pytest.raises(
        ModelError, match=rf"must be of revision {database._REVISION}, but those in .* are of v9\.0\.0\.a"
    ):
        StudyStore(url)
