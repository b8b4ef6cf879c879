"""The exhaustion model as an MLflow model: its signature, its files, and predictions for a table of features.

The folder of the model stays as it is (LightGBM's text and one JSON). MLflow's ``MLmodel``, which names
`exitladder.pyfunc` as the loader, and the requirements are written beside it. Nothing is pickled.
"""

from __future__ import annotations

import platform
import warnings
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from exitladder.errors import ModelError
from exitladder.models.exhaustion.file import check_names
from exitladder.models.exhaustion.model import ExhaustionModel
from exitladder.models.forests.rows import RowSymbols
from exitladder.pipelines.tracking.provenance import package_version

if TYPE_CHECKING:
    import pandas as pd

TIME, SYMBOL = "time", "symbol"
# columns of a request for advice: the contents of files, and options of `exitladder score`
FILES = ("bars", "trades", "ladder")
OPTIONS = ("asof", "previous", "assume", "since_entry", "settings")
OUTPUTS = ("exhaustion", "hold_value_r")
# Written into every saved model: this path never moves.
LOADER = "exitladder.pyfunc"
_LIBRARIES = ("lightgbm", "numpy", "pandas", "scikit-learn", "mlflow")


class ExhaustionPyfunc:
    """Predictions for a table of features.

    Parameters
    ----------
    model : ExhaustionModel
    """

    def __init__(self, model: ExhaustionModel) -> None:
        self.model = model

    def predict(self, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.DataFrame:
        """Return the columns exhaustion and hold_value_r, one row per row given, with its index.

        Parameters
        ----------
        model_input : DataFrame
            The features by name, in any order; NaN if one is not known. With a column ``time`` (UTC without
            a time zone: when the row's bar closed) each row is predicted by the stage that was valid then, and is
            NaN before the first. Without it the last stage predicts all rows: out of sample for rows after its
            training span, in sample for rows inside it. With a column ``symbol``, a symbol with a model of its own is
            predicted by that; of a pooled model the column names the book, or BOOK/SYMBOL.
        params : dict, optional
            Not used; MLflow passes it.

        Raises
        ------
        ModelError
            If a feature is missing, or a column is not a feature.
        """
        import pandas as pd

        names = self.model.names
        beside = [name for name in (TIME, SYMBOL) if name not in names]
        given = [str(name) for name in model_input.columns if name not in beside]
        if set(given) != set(names) or len(given) != len(names):
            check_names(given, names, "the table given")
        X = np.ascontiguousarray(model_input[list(names)].to_numpy(dtype=np.float32))
        if TIME in model_input:
            stamps = pd.to_datetime(model_input[TIME], utc=True)
            if stamps.isna().any():
                raise ModelError(
                    f"'{TIME}' must hold the close of each row's bar, but some are blank. Remove those rows."
                )
            when = np.asarray(pd.DatetimeIndex(stamps).as_unit("ns").asi8, dtype=np.int64)
        else:
            when = np.full(len(X), self.model.stages[-1].valid_from_ns, dtype=np.int64)
        symbols = None
        if SYMBOL in model_input and SYMBOL in beside:
            of = model_input[SYMBOL].astype(str)
            if self.model.context.get("books"):
                of = of.str.split("/").str[0]
            index, known = pd.factorize(of)
            symbols = RowSymbols(tuple(map(str, known)), index.astype(np.int64))
        predicted = self.model.predict(X, when, symbols=symbols)
        return pd.DataFrame(
            {"exhaustion": predicted.exhaustion, "hold_value_r": predicted.hold_value_r}, index=model_input.index
        )


def write_flavour(folder: Path, names: tuple[str, ...], *, has_symbols: bool = False) -> None:
    """Write ``MLmodel`` and its requirements into a model's folder.

    Parameters
    ----------
    folder : path
    names : tuple of str
        The features, in order.
    has_symbols : bool
        Whether symbols have models of their own.
    """
    with warnings.catch_warnings():
        # MLflow's own use of deprecated calls is nothing a user of ours could act on.
        warnings.simplefilter("ignore")
        from mlflow import pyfunc
        from mlflow.models import Model, ModelSignature
        from mlflow.types import ColSpec, DataType, Schema

        # None is required: a request has features, or the contents of files, and the loader says what is missing.
        columns = [ColSpec(DataType.double, name, required=False) for name in names]
        beside = [ColSpec(DataType.datetime, TIME, required=False)]
        if has_symbols:
            beside.append(ColSpec(DataType.string, SYMBOL, required=False))
        beside += [ColSpec(DataType.string, name, required=False) for name in (*FILES, *OPTIONS)]
        signature = ModelSignature(
            inputs=Schema([*columns, *beside]),
            outputs=Schema([ColSpec(DataType.double, name) for name in OUTPUTS]),
        )
        model = Model(signature=signature)
        pyfunc.add_to_model(model, loader_module=LOADER, python_env="python_env.yaml")
        model.save(str(folder / "MLmodel"))
    (folder / "requirements.txt").write_text("".join(f"{line}\n" for line in _requirements()), encoding="utf-8")
    (folder / "python_env.yaml").write_text(
        f"python: {platform.python_version()}\ndependencies:\n- -r requirements.txt\n", encoding="utf-8"
    )


def _requirements() -> list[str]:
    """Return the package and the libraries that a prediction needs, as installed; inferring them would take minutes."""
    return [f"exitladder=={package_version()}", *(f"{name}=={metadata.version(name)}" for name in _LIBRARIES)]
