"""The names of array types."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import numpy.typing as npt

N = TypeVar("N", bound=np.generic)

BoolArray = npt.NDArray[np.bool_]

FloatArray = npt.NDArray[np.float64]

IntArray = npt.NDArray[np.int64]

FloatTable = npt.NDArray[np.float64]

IntegerTable = npt.NDArray[np.integer]
IntTable = npt.NDArray[np.int64]

CountArray = npt.NDArray[np.uint32]

CountTable = npt.NDArray[np.uint32]


def plain(values: npt.NDArray[N], dtype: type[N]) -> npt.NDArray[N]:
    """Return the values contiguous and writable: arrays of another kind would compile the kernels again."""
    return np.require(values, dtype, ["C", "W"])
