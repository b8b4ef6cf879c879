"""An estimator as text, such as ``sklearn.linear_model.LogisticRegression(C=0.1)``, and back.

The text is never evaluated: it is parsed, and only classes of scikit-learn's own public modules are made from it.
"""

from __future__ import annotations

import ast
import importlib
import inspect
from typing import Any, Literal

from exitladder.errors import SettingsError, did_you_mean

Kind = Literal["classifier", "regressor"]
# Public modules with predictors, and with what may come before one in a pipeline.
MODULES = (
    "sklearn.calibration", "sklearn.cross_decomposition", "sklearn.decomposition", "sklearn.discriminant_analysis",
    "sklearn.dummy", "sklearn.ensemble", "sklearn.feature_selection", "sklearn.gaussian_process",
    "sklearn.kernel_approximation", "sklearn.kernel_ridge", "sklearn.linear_model", "sklearn.naive_bayes",
    "sklearn.neighbors", "sklearn.neural_network", "sklearn.pipeline", "sklearn.preprocessing", "sklearn.svm",
    "sklearn.tree",
)  # fmt: skip
_LONGEST = 2000
# Names a folder of joblib's, from which fitted steps would be unpickled.
_CACHE = "memory"
_KEYS: dict[Kind, str] = {"classifier": "model.estimator", "regressor": "model.hold_estimator"}
_EXAMPLES: dict[Kind, str] = {
    "classifier": "sklearn.linear_model.LogisticRegression(C=0.1)",
    "regressor": "sklearn.linear_model.Ridge(alpha=10)",
}


def estimator_of(text: str, kind: Kind) -> Any:
    """Return the estimator that a text describes.

    Parameters
    ----------
    text : str
        A dotted name of a class, with keyword arguments in brackets if wanted; their values are numbers, texts, lists
        or estimators in turn. A name without a module is looked for in `MODULES`.
    kind : {"classifier", "regressor"}

    Returns
    -------
    estimator

    Raises
    ------
    SettingsError
        If it is no such text, or its class is not among scikit-learn's, or of the other kind.

    Examples
    --------
    >>> estimator_of("sklearn.linear_model.LogisticRegression(C=0.1)", "classifier")
    LogisticRegression(C=0.1)
    >>> estimator_of("os.system", "classifier")
    Traceback (most recent call last):
    exitladder.errors.SettingsError: model.estimator must name a class of scikit-learn, but os.system is none. ...
    """
    key = _KEYS[kind]
    try:
        if len(text) > _LONGEST:
            raise SyntaxError(f"it has more than {_LONGEST} characters")
        node = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as cause:
        reason = getattr(cause, "msg", None) or str(cause)
        raise SettingsError(
            f"{key} must be the name of an estimator, with its parameters if wanted, but cannot be read: {reason}. "
            f"Write {_EXAMPLES[kind]}."
        ) from None
    return check_estimator(_made(node, key), kind)


def text_of(estimator: Any) -> str:
    """Return the text from which `estimator_of` makes an equal estimator; empty if there is none.

    There is none for classes of other packages, and for parameters that are no plain values.
    """
    text = _text(estimator)
    if not text:
        return ""
    try:
        again = _made(ast.parse(text, mode="eval").body, "model.estimator")
    except (SettingsError, SyntaxError):
        return ""
    return text if _text(again) == text else ""


def check_estimator(estimator: Any, kind: Kind) -> Any:
    """Return an estimator that is of a kind.

    Raises
    ------
    SettingsError
        If it is no estimator of scikit-learn's interface, or of the other kind.
    """
    from sklearn.base import is_classifier, is_regressor  # type: ignore[import-untyped]

    key, name = _KEYS[kind], type(estimator).__name__
    for name_of, value in (estimator.get_params() if hasattr(type(estimator), "get_params") else {}).items():
        if name_of.split("__")[-1] == _CACHE and value is not None:
            raise SettingsError(
                f"An estimator in {key} must not keep a cache, because its files are pickles, but has "
                f"{name_of}={value!r}. Leave it out."
            )
    if inspect.isclass(estimator):
        raise SettingsError(
            f"{key} must be an estimator, but is the class {estimator.__name__}. Write it with brackets."
        )
    if not all(hasattr(estimator, method) for method in ("fit", "predict", "get_params")):
        raise SettingsError(
            f"{key} must have fit, predict and get_params as scikit-learn's estimators have, but {name} has not. "
            f"Write {_EXAMPLES[kind]}."
        )
    fits = is_classifier(estimator) if kind == "classifier" else is_regressor(estimator)
    if not fits:
        raise SettingsError(
            f"{key} must be a {kind} ({'probability of exhaustion' if kind == 'classifier' else 'value of holding'}), "
            f"but {name} is none. Write {_EXAMPLES[kind]}; the other series has "
            f"{_KEYS['regressor' if kind == 'classifier' else 'classifier']}."
        )
    return estimator


def _made(node: ast.AST, key: str) -> Any:
    # the class first: what is said of brackets holds for allowed ones only
    made = _class(_dotted(node.func if isinstance(node, ast.Call) else node), key)
    if isinstance(node, ast.Call):
        name = _dotted(node.func)
        if node.args or any(word.arg is None for word in node.keywords):
            raise SettingsError(f"Parameters in {key} must be named, as in {name}(C=0.1), but {name} has others.")
        parameters = {str(word.arg): _value(word.value, key) for word in node.keywords}
    else:
        name, parameters = _dotted(node), {}
    known = inspect.signature(made).parameters
    for parameter in parameters:
        if parameter not in known:
            raise SettingsError(f"{name} has no parameter {parameter!r} ({key}). {did_you_mean(parameter, known)}")
    if len(parameters) < len(getattr(node, "keywords", ())):
        raise SettingsError(f"Each parameter in {key} must come once, but one of {name} comes twice. Leave one out.")
    return made(**parameters)


def _value(node: ast.AST, key: str) -> Any:
    if isinstance(node, (ast.Call, ast.Attribute)):
        return _made(node, key)
    if isinstance(node, (ast.List, ast.Tuple)):
        items = [_value(item, key) for item in node.elts]
        return items if isinstance(node, ast.List) else tuple(items)
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, RecursionError):
        raise SettingsError(
            f"Parameters in {key} must be numbers, texts, lists or estimators, but one is {ast.unparse(node)!r}."
        ) from None


def _dotted(node: ast.AST) -> str:
    return ast.unparse(node) if isinstance(node, (ast.Name, ast.Attribute)) else ""


def _class(name: str, key: str) -> type[Any]:
    from sklearn.base import BaseEstimator

    module, _, last = name.rpartition(".")
    places = [module] if module else list(MODULES)
    for place in places if last.isidentifier() and not last.startswith("_") else ():
        if place in MODULES:
            home = importlib.import_module(place)
            found = getattr(home, last, None)
            is_public = last in home.__all__ if hasattr(home, "__all__") else getattr(found, "__module__", "") == place
            if is_public and inspect.isclass(found) and issubclass(found, BaseEstimator):
                return found
    shown = name or "this"
    allowed = ", ".join(place.removeprefix("sklearn.") for place in MODULES)
    example = next(_EXAMPLES[kind] for kind, setting in _KEYS.items() if setting == key)
    raise SettingsError(
        f"{key} must name a class of scikit-learn, but {shown} is none. Allowed are the estimators of these modules of "
        f"sklearn: {allowed}; nothing else is imported or called. Write {example}. An estimator of another package can "
        "be given from Python: exitladder.train(..., estimator=...)."
    )


def _text(value: Any) -> str:
    """Return an estimator, or a parameter, as text; empty if it has none."""
    if hasattr(value, "get_params") and not inspect.isclass(value):
        module = type(value).__module__
        public = next((m for m in MODULES if module == m or module.startswith(f"{m}.")), "")
        if not public:
            return ""
        usual = inspect.signature(type(value)).parameters
        words = []
        for name, given in value.get_params(deep=False).items():
            default = usual[name].default if name in usual else inspect.Parameter.empty
            if type(given) is type(default) and _same(given, default):
                continue
            text = _text(given)
            if not text:
                return ""
            words.append(f"{name}={text}")
        return f"{public}.{type(value).__name__}({', '.join(words)})"
    if isinstance(value, (list, tuple)):
        items = [_text(item) for item in value]
        if not all(items):
            return ""
        inner = ", ".join(items)
        return f"[{inner}]" if isinstance(value, list) else f"({inner}{',' if len(items) == 1 else ''})"
    if value is None or type(value) in (bool, int, float, str):
        return repr(value)
    if hasattr(value, "item") and getattr(value, "ndim", 1) == 0:
        return repr(value.item())
    return ""


def _same(given: Any, default: Any) -> bool:
    try:
        return bool(given == default)
    except (ValueError, TypeError):
        return False
