"""The compiler's decorator for kernels that take arrays in tuples.

`uncounted` is `numba.njit` without counting references to arrays, which costs several times as much as the work of a
small function. A function compiled so, and every one that it calls, makes no arrays (the compiler refuses it), and
none returns a new one to a function that counts. Functions that make arrays, and those that call them, use `njit`.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from numba import njit

if TYPE_CHECKING:
    uncounted = njit
else:
    uncounted = partial(njit, _nrt=False)
