"""The names of array types."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

BoolArray = npt.NDArray[np.bool_]

FloatArray = npt.NDArray[np.float64]

IntArray = npt.NDArray[np.int64]

FloatTable = npt.NDArray[np.float64]

IntTable = npt.NDArray[np.int64]

CountArray = npt.NDArray[np.uint32]

CountTable = npt.NDArray[np.uint32]
