"""Trained estimators as files, without pickle: skops' archive of arrays and parameters, checked before it is loaded.

Only classes whose stored state is checked here are saved: linear and Bayesian models, neural networks, trees and
forests of trees, and pipelines of them with scalers. A checksum does not help against a hostile file, because whoever
changes the file can change its checksum too; so every class that the archive names is checked before any object is
made, and every tree before it predicts, since scikit-learn trusts the children of its nodes.
"""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import numpy as np

from exitladder.errors import ModelError
from exitladder.files.conventions import MEGABYTE
from exitladder.files.untrusted.limits import how_to_raise, limit
from exitladder.files.untrusted.shapes import parse_json

_PREDICTORS = (
    "AdaBoostClassifier", "AdaBoostRegressor", "ARDRegression", "BaggingClassifier", "BaggingRegressor",
    "BayesianRidge", "BernoulliNB", "DecisionTreeClassifier", "DecisionTreeRegressor", "DummyClassifier",
    "DummyRegressor", "ElasticNet", "ExtraTreeClassifier", "ExtraTreeRegressor", "ExtraTreesClassifier",
    "ExtraTreesRegressor", "GaussianNB", "HuberRegressor", "Lasso", "LinearDiscriminantAnalysis",
    "LinearRegression", "LogisticRegression", "MLPClassifier", "MLPRegressor", "QuadraticDiscriminantAnalysis",
    "RandomForestClassifier", "RandomForestRegressor", "Ridge", "RidgeClassifier", "SGDRegressor",
)  # fmt: skip
_STEPS = (
    "LabelBinarizer", "MaxAbsScaler", "MinMaxScaler", "Nystroem", "PCA", "Pipeline", "PolynomialFeatures",
    "PowerTransformer", "QuantileTransformer", "RBFSampler", "RobustScaler", "StandardScaler",
    "TruncatedSVD", "VarianceThreshold",
)  # fmt: skip
SAVED = frozenset({*_PREDICTORS, *_STEPS})
"""Names of scikit-learn's classes that can be saved with a model."""
# Besides, an archive may hold these: plain values, arrays and the trees themselves.
_PLAIN = frozenset({
    "builtins.dict", "builtins.list", "builtins.tuple", "builtins.str", "builtins.int", "builtins.float",
    "builtins.bool", "builtins.set", "builtins.slice", "builtins.NoneType", "numpy.ndarray", "numpy.dtype",
    "numpy.float64", "numpy.float32", "numpy.int64", "numpy.int32", "numpy.bool", "numpy.bool_", "numpy.str_",
    "numpy.random.mtrand.RandomState", "numpy.random._mt19937.MT19937", "numpy.dtypes.Float64DType",
})  # fmt: skip
# Types that skops asks about: nodes, which `check_tree` checks, and the state of an optimizer, which is not used again.
_ASKED = (
    "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
    "sklearn.neural_network._stochastic_optimizers.SGDOptimizer",
    "sklearn.tree._tree.Tree",
)
_MOST_FILES = 20_000
_MOST_PARTS = 400_000


def why_not_saved(estimator: Any) -> str:
    """Return why an estimator cannot be saved without pickle; empty if it can.

    Parameters
    ----------
    estimator : object
        Trained or not.
    """
    for part in _parts(estimator):
        kind = type(part)
        if not kind.__module__.startswith("sklearn.") or kind.__name__ not in SAVED:
            return (
                f"{kind.__module__.partition('.')[0]}'s {kind.__name__} cannot be stored without pickle in a form that "
                "can be checked before it is loaded"
            )
    return ""


def to_bytes(estimator: Any) -> bytes:
    """Return a trained estimator as an archive that `from_bytes` reads.

    Raises
    ------
    ModelError
        If it cannot be saved without pickle.
    """
    import skops.io  # type: ignore[import-untyped]

    reason = why_not_saved(estimator)
    content = b""
    if not reason:
        content = bytes(skops.io.dumps(estimator, compression=zipfile.ZIP_DEFLATED))
        foreign = sorted(_types(_schema(content, "the archive")) - _known_types())
        reason = f"{type(estimator).__name__} holds values of the type {foreign[0]}" if foreign else ""
    if reason:
        raise ModelError(
            f"A model is saved without pickle, but {reason}. It can be used in the run that trained it; to save a "
            f"model, use one of: {', '.join(sorted(_PREDICTORS))}."
        )
    return content


def from_bytes(content: bytes, n_features: int, objective: str, place: str) -> Any:
    """Return the estimator in an archive, checked before any object is made from it.

    Parameters
    ----------
    content : bytes
    n_features : int
        That it must have been trained on.
    objective : {"binary", "regression"}
    place : str
        The file, for messages.

    Returns
    -------
    estimator

    Raises
    ------
    ModelError
        If the archive is damaged, too large, or holds anything but what `to_bytes` writes.
    """
    foreign = sorted(_types(_schema(content, place)) - _known_types())
    if foreign:
        raise ModelError(
            f"The estimator in '{place}' must consist of scikit-learn's own saved types, but names {foreign[0]!r}. Do "
            "not use this file; train the model again."
        )
    import skops.io

    try:
        asked = skops.io.get_untrusted_types(data=content)
        if untrusted := sorted(set(asked) - set(_ASKED)):
            raise ValueError(f"it names the type {untrusted[0]}")
        found = skops.io.loads(content, trusted=asked)
        _check_loaded(found, n_features, objective)
    except ModelError:
        raise
    except Exception as cause:  # whatever a damaged archive makes of skops, numpy or scikit-learn
        reason = " ".join(str(cause).split()).rstrip(".")[:300] or type(cause).__name__
        raise ModelError(
            f"The estimator in '{place}' must be readable and fit its model, but is not: {reason}. Train the model "
            "again."
        ) from cause
    return found


def _check_loaded(found: Any, n_features: int, objective: str) -> None:
    """Refuse an estimator that is not of its label, or whose trees would leave their arrays; raises ValueError."""
    from sklearn.base import is_classifier, is_regressor  # type: ignore[import-untyped]

    if not (is_classifier(found) if objective == "binary" else is_regressor(found)):
        raise ValueError(f"{type(found).__name__} does not predict this label")
    if int(found.n_features_in_) != n_features:
        raise ValueError(f"it was trained on {found.n_features_in_} features, not on {n_features}")
    if objective == "binary" and [int(c) for c in found.classes_] != [0, 1]:
        raise ValueError("its classes are not 0 and 1")
    for part in _parts(found):
        tree = vars(part).get("tree_")
        if tree is not None:
            check_tree(tree, int(part.n_features_in_))
    said = found.predict(np.zeros((2, n_features)))
    if np.shape(said) != (2,) or not np.isfinite(np.asarray(said, dtype=np.float64)).all():
        raise ValueError("it does not predict one number a row")


def check_tree(tree: Any, n_features: int) -> None:
    """Refuse a tree whose walk would not end or would leave its arrays.

    Parameters
    ----------
    tree : sklearn.tree._tree.Tree
    n_features : int
        Of the rows that it will be asked about.

    Raises
    ------
    ValueError
        If a child is not a later node of the tree, or a node asks for a feature that there is not.
    """
    n = int(tree.node_count)
    left, right, feature = (np.asarray(a) for a in (tree.children_left, tree.children_right, tree.feature))
    at = np.arange(n)
    leaf = left == -1
    later = (left > at) & (left < n) & (right > at) & (right < n)
    if n < 1 or not ((leaf & (right == -1)) | later).all():
        raise ValueError("a tree has a node whose children are not later nodes of it")
    if int(tree.n_features) != n_features or not ((feature[~leaf] >= 0) & (feature[~leaf] < n_features)).all():
        raise ValueError("a tree asks for a feature that there is not")
    if int(tree.n_outputs) != 1 or np.shape(tree.value)[:2] != (n, 1):
        raise ValueError("a tree has another number of values than of nodes")


def _parts(estimator: Any) -> Iterator[Any]:
    """Yield an estimator and all estimators in it, whether given as parameters or trained."""
    seen: set[int] = set()
    waiting = [estimator]
    while waiting:
        one = waiting.pop()
        if isinstance(one, (list, tuple)):
            waiting += one
        elif isinstance(one, np.ndarray) and one.dtype == object:
            waiting += list(one.ravel())
        elif isinstance(one, Mapping):
            waiting += list(one.values())
        elif hasattr(one, "get_params") and not isinstance(one, type) and id(one) not in seen:
            seen.add(id(one))
            yield one
            waiting += list(vars(one).values())


def _schema(content: bytes, place: str) -> Any:
    """Return the description of an archive, whose size is checked before anything is unpacked."""
    most = limit("EXITLADDER_MAX_MODEL_MB") * MEGABYTE
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            parts = archive.infolist()
            if len(parts) > _MOST_FILES or sum(part.file_size for part in parts) > most:
                raise ModelError(
                    f"An estimator may have {most // MEGABYTE:,} MB unpacked in {_MOST_FILES:,} files, but '{place}' "
                    f"has more. {how_to_raise('EXITLADDER_MAX_MODEL_MB')}"
                )
            # what an archive says of its sizes may be wrong: no more than that is ever read
            with archive.open("schema.json") as stream:
                text = stream.read(most + 1)
        return parse_json(text.decode("utf-8"), has_constants=True)
    except (
        zipfile.BadZipFile, zlib.error, KeyError, ValueError, OSError, EOFError, NotImplementedError, RuntimeError,
    ) as cause:  # fmt: skip
        raise ModelError(f"The estimator in '{place}' is damaged: {cause}. Train the model again.") from cause


def _types(schema: Any) -> set[str]:
    """Return every type that a description names."""
    found: set[str] = set()
    waiting, count = [schema], 0
    while waiting:
        count += 1
        if count > _MOST_PARTS * 10:
            raise ModelError("The description of an estimator has too many parts. Train a smaller one.")
        one = waiting.pop()
        if isinstance(one, dict):
            if "__class__" in one or "__module__" in one:
                found.add(f"{one.get('__module__')}.{one.get('__class__')}")
            waiting += one.values()
        elif isinstance(one, list):
            waiting += one
    return found


@cache
def _known_types() -> frozenset[str]:
    """Return the full names of the types that an archive may name."""
    from sklearn.utils import all_estimators  # type: ignore[import-untyped]

    return _PLAIN | {*_ASKED} | {f"{k.__module__}.{k.__name__}" for n, k in all_estimators() if n in SAVED}
