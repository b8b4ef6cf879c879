"""Functions that are compiled in the kernel they are linked into."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from numba import njit

from exitladder.arrays import FloatArray
from exitladder.runtime.compiling import linked, linked_counted


@linked(error_model="numpy", forceinline=False)
def _half_to_even(x: float) -> float:
    return float(np.floor(x / 2.0) * 2.0)


@linked_counted(error_model="numpy")
def _made(n: int) -> FloatArray:
    out = np.empty(n)
    for k in range(n):
        out[k] = _half_to_even(k + 0.1)
    return out


@njit(error_model="numpy")
def _kernel(n: int) -> float:
    return float(_made(n).sum()) + _half_to_even(3.0)


def test_a_kernel_calls_linked_functions_and_arrays_they_make() -> None:
    assert _kernel(6) == (0 + 0 + 2 + 2 + 4 + 4) + 2


def test_python_is_refused_and_not_a_crash() -> None:
    with pytest.raises(TypeError):
        _half_to_even(3.0)
    assert _half_to_even.py_func(3.0) == 2.0


def test_kernels_that_follow_trades_can_run_as_plain_python(root: Path) -> None:
    """Otherwise `score` of a few trades would start the compiler, see `exitladder.runtime.interpreting`."""
    files = [*(root / "features").rglob("*.py"), *(root / "src" / "exitladder" / "execution").rglob("*.py")]
    assert len(files) > 60
    direct = re.compile(r"^(from numba|import numba)", re.MULTILINE)
    assert [path.name for path in files if direct.search(path.read_text(encoding="utf-8"))] == []
