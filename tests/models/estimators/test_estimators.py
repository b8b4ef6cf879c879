"""Estimators of scikit-learn: named by a text that is never evaluated, trained as forests are, saved without pickle."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin, is_classifier  # type: ignore[import-untyped]
from sklearn.ensemble import RandomForestClassifier  # type: ignore[import-untyped]
from sklearn.linear_model import LogisticRegression, Ridge  # type: ignore[import-untyped]
from sklearn.pipeline import make_pipeline  # type: ignore[import-untyped]
from sklearn.preprocessing import StandardScaler  # type: ignore[import-untyped]
from sklearn.svm import LinearSVC  # type: ignore[import-untyped]
from sklearn.tree import DecisionTreeClassifier  # type: ignore[import-untyped]
from sklearn.utils import all_estimators  # type: ignore[import-untyped]

from exitladder.errors import ModelError, SettingsError
from exitladder.models.estimators import saving
from exitladder.models.estimators.fitted import Fitted, Scale
from exitladder.models.estimators.names import check_estimator, estimator_of, text_of
from exitladder.models.estimators.saving import from_bytes, to_bytes, why_not_saved

RNG = np.random.default_rng(0)
X = RNG.normal(size=(300, 4))
Y = (X[:, 0] + RNG.normal(size=300) > 0).astype(int)


class Mine(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A classifier of nobody's package."""

    def fit(self, X: Any, y: Any) -> Mine:
        """Learn nothing."""
        self.classes_ = np.unique(y)
        return self

    def predict_proba(self, X: Any) -> Any:
        """Say a half."""
        return np.full((len(X), 2), 0.5)

    def predict(self, X: Any) -> Any:
        """Say one."""
        return np.ones(len(X), dtype=int)


@pytest.mark.parametrize(
    "estimator",
    [
        LogisticRegression(C=0.1, max_iter=50),
        RandomForestClassifier(n_estimators=7, max_depth=3, class_weight="balanced"),
        make_pipeline(StandardScaler(), LogisticRegression(C=0.3)),
    ],
)
def test_an_estimator_and_its_text_are_one(estimator: Any) -> None:
    again = estimator_of(text_of(estimator), "classifier")
    assert repr(again) == repr(estimator)
    assert type(again) is type(estimator)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("os.system", "must name a class of scikit-learn, but os.system is none"),
        ("os.system('touch x')", r"os.system is none. Allowed are .*linear_model.*nothing else is imported or called"),
        ("__import__('os').system('touch x')", "must name a class"),
        ("exitladder.train(x=1)", "exitladder.train is none"),
        ("sklearn.externals.joblib.load", "must name a class of scikit-learn"),
        ("sklearn.linear_model._logistic.LogisticRegression", "must name a class of scikit-learn"),
        (
            "sklearn.linear_model.LogisticRegression(C=open(file='x'))",
            "must name a class of scikit-learn, but open is none",
        ),
        ("LogisticRegression(C=1+1)", "must be numbers, texts, lists or estimators, but one is '1 [+] 1'"),
        ("LogisticRegression(0.1)", "must be named"),
        ("LogisticRegression(C=0.1, C=0.2)", "must come once"),
        (
            "Pipeline(steps=[('m', sklearn.linear_model.LogisticRegression())], memory='cache')",
            "must not keep a cache, because its files are pickles",
        ),
        ("LogisticRegression(max_itr=1)", "no parameter 'max_itr'.*Did you mean 'max_iter'"),
        ("LogisticRegression(", "cannot be read"),
        ("(" * 3000, "cannot be read"),
        ("Ridge", "must be a classifier.*model.hold_estimator"),
        ("StandardScaler", "must have fit, predict and get_params"),
    ],
)
def test_other_texts_are_refused_and_nothing_is_run(text: str, words: str, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SettingsError, match=f"(?s)model.estimator.*{words}|{words}"):
        estimator_of(text, "classifier")
    assert list(tmp_path.iterdir()) == []


def test_a_class_is_no_estimator() -> None:
    with pytest.raises(SettingsError, match="Write it with brackets"):
        check_estimator(LogisticRegression, "classifier")
    assert text_of(Mine()) == ""


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_every_class_that_is_saved_predicts_the_same_when_loaded() -> None:
    known = dict(all_estimators())
    for name in saving._PREDICTORS:
        small = {"n_estimators": 3} if "n_estimators" in known[name]().get_params() else {}
        one = known[name](**small)
        objective = "binary" if is_classifier(one) else "regression"
        one.fit(X, Y if objective == "binary" else X[:, 0])
        again = from_bytes(to_bytes(one), 4, objective, "file")
        np.testing.assert_array_equal(again.predict(X), one.predict(X), err_msg=name)


@pytest.mark.parametrize("estimator", [Mine(), LinearSVC(), make_pipeline(StandardScaler(), Mine())])
def test_what_cannot_be_checked_is_not_saved(estimator: Any) -> None:
    assert "cannot be stored without pickle" in why_not_saved(estimator)
    with pytest.raises(ModelError, match=r"saved without pickle.*use one of: .*LogisticRegression"):
        to_bytes(estimator.fit(X, Y))


def _changed(content: bytes, change: Any) -> bytes:
    """An archive whose description was changed."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(out, "w") as new:
        for part in old.namelist():
            text = old.read(part)
            if part == "schema.json":
                text = json.dumps(change(json.loads(text))).encode()
            new.writestr(part, text)
    return out.getvalue()


def test_an_archive_that_names_another_type_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    content = to_bytes(LogisticRegression().fit(X, Y))

    def evil(schema: dict[str, Any]) -> dict[str, Any]:
        schema["content"]["content"]["C"] = {
            "__class__": "system", "__module__": "os", "__loader__": "FunctionNode", "__id__": 1, "content": "system",
        }  # fmt: skip
        return schema

    with pytest.raises(ModelError, match=r"must consist of scikit-learn's own saved types, but names 'os.system'"):
        from_bytes(_changed(content, evil), 4, "binary", "file")
    with pytest.raises(ModelError, match="on 4 features, not on 5"):
        from_bytes(content, 5, "binary", "file")
    with pytest.raises(ModelError, match="does not predict this label"):
        from_bytes(content, 4, "regression", "file")
    for damaged in (b"", b"PK", content[:-40], content[:200]):
        with pytest.raises(ModelError, match="is damaged"):
            from_bytes(damaged, 4, "binary", "file")


def test_a_tree_that_would_not_end_is_refused() -> None:
    tree = DecisionTreeClassifier(max_depth=3).fit(X, Y)
    nodes = tree.tree_.__getstate__()["nodes"].copy()
    for field, value, words in (
        ("left_child", 0, "later nodes"),
        ("right_child", 999, "later nodes"),
        ("feature", 77, "a feature"),
    ):
        state = tree.tree_.__getstate__()
        state["nodes"] = nodes.copy()
        state["nodes"][field][0] = value
        broken = DecisionTreeClassifier(max_depth=3).fit(X, Y)
        broken.tree_.__setstate__(state)
        content = to_bytes(broken)
        with pytest.raises(ModelError, match=words):
            from_bytes(content, 4, "binary", "file")


def test_contributions_of_a_linear_estimator_are_exact() -> None:
    values = X.copy()
    values[::7, 1] = np.nan
    scale = Scale.of(values, np.array([True, True, True, False]))
    line = Ridge(alpha=1.0).fit(scale.apply(values), X[:, 0])
    fitted = Fitted(("a", "b", "c", "d"), (line,), scale, "regression")
    parts = fitted.contributions(values)
    np.testing.assert_allclose(parts, scale.apply(values) * line.coef_, atol=1e-9)
    np.testing.assert_allclose(parts.sum(axis=1) + line.intercept_, fitted.predict(values))
    assert fitted.shares_on(values)[0] > 0.9
    assert fitted.shares_on(values)[3] == 0


def test_scikit_learn_is_loaded_only_when_it_is_used() -> None:
    code = (
        "import sys; import exitladder.models.estimators.trainer; "
        "print('sklearn' in sys.modules, 'skops' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
