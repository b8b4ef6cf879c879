"""The compiler's decorators for kernels that take arrays in tuples, and for the functions that a kernel consists of.

`uncounted` is `numba.njit` without counting references to arrays, which costs several times as much as the work of a
small function. A function compiled so, and every one that it calls, makes no arrays (the compiler refuses it), and
none returns a new one to a function that counts. Functions that make arrays, and those that call them, count.

`linked` and `linked_counted` are for functions that only compiled code calls. Numba optimises every function, and
writes machine code for it, with all that it calls inside it; in a kernel of ninety functions, each rule is so compiled
dozens of times. Linked functions are handed on as they are, and compiled once, in the kernel that they end up in: as
fast a kernel, in a quarter of the time. Called from Python they raise a TypeError; their `py_func` can be called.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from numba import njit

if TYPE_CHECKING:
    uncounted = linked = linked_counted = njit
else:
    uncounted = partial(njit, _nrt=False)
    try:
        from exitladder.runtime.linking import LinkingCompiler
    except (ImportError, AttributeError):  # a numba that is built differently
        linked_counted = njit
    else:
        linked_counted = partial(njit, pipeline_class=LinkingCompiler)
    linked = partial(linked_counted, _nrt=False)
