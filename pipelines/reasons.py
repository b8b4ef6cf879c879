"""The model's three plainest reasons for what it says about a trade."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from exitladder.bars import FloatArray
from exitladder.features import describe_catalogue

_N_REASONS = 3
_LEAST_WEIGHT = 1e-3


def plain_reasons(
    names: tuple[str, ...], values: npt.NDArray[np.floating], contributions: FloatArray
) -> list[list[str]]:
    """Return the strongest reasons of each row, in words.

    Parameters
    ----------
    names : tuple of str
        Features in the order of the columns.
    values : float array, shape (n_rows, n_features)
    contributions : float array, shape (n_rows, n_features)
        What each feature adds to the log-odds of exhaustion; NaN rows have no reasons.

    Examples
    --------
    >>> (said,) = plain_reasons(("rsi_14", "clv"), np.array([[81.0, 0.1]]), np.array([[0.7, -0.0001]]))
    >>> said[0].startswith("rsi_14 is 81 ("), said[0].endswith("): speaks for exhaustion"), len(said)
    (True, True, 1)
    """
    about = _abouts(names)
    said: list[list[str]] = []
    for value, weight in zip(values, contributions, strict=True):
        if not np.isfinite(weight).all():
            said.append([])
            continue
        strongest = np.argsort(-np.abs(weight), kind="stable")[:_N_REASONS]
        said.append(
            [_sentence(names[k], float(value[k]), float(weight[k]), about) for k in strongest if abs(weight[k]) > 1e-3]
        )
    return said


def _sentence(name: str, value: float, weight: float, about: dict[str, str]) -> str:
    shown = "is not known" if np.isnan(value) else f"is {value:.3g}"
    what = f" ({about[name]})" if name in about else ""
    return f"{name} {shown}{what}: speaks {'for' if weight > 0 else 'against'} exhaustion"


def _abouts(names: tuple[str, ...]) -> dict[str, str]:
    table = describe_catalogue().set_index("name")
    return {name: str(table.loc[name, "formula"]) for name in names if name in table.index}
