"""The compiler's decorators for kernels that take arrays in tuples, and for the functions that a kernel consists of.

`uncounted` is `numba.njit` without counting references to arrays, which costs several times as much as the work of a
small function. A function compiled so, and every one that it calls, makes no arrays (the compiler refuses it), and
none returns a new one to a function that counts. Functions that make arrays, and those that call them, count.

`linked` and `linked_counted` are for functions that only compiled code calls. Numba optimises every function, and
writes machine code for it, with all that it calls inside it; in a kernel of ninety functions, each rule is so compiled
dozens of times. Linked functions are handed on as they are, and compiled once, in the kernel that they end up in: as
fast a kernel, in a quarter of the time. Called from Python they raise a TypeError; their `py_func` can be called.

In a process that chose plain Python (`exitladder.runtime.interpreting`) the decorators leave functions as they are, and
numba is not imported.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from types import FunctionType
from typing import TYPE_CHECKING, Any

from exitladder.runtime.interpreting import is_interpreted

__all__ = ["interpreted", "linked", "linked_counted", "njit", "prange", "uncounted"]

if TYPE_CHECKING:
    from numba import njit, prange

    uncounted = linked = linked_counted = njit
elif is_interpreted():
    prange = range

    def njit(function: Callable[..., Any] | None = None, **_: Any) -> Callable[..., Any]:
        """Return a function as it is, or a decorator that does."""
        return njit if function is None else function

    uncounted = linked = linked_counted = njit
else:
    from numba import njit, prange

    uncounted = partial(njit, _nrt=False)
    try:
        from exitladder.runtime.linking import LinkingCompiler
    except (ImportError, AttributeError):  # a numba that is built differently
        linked_counted = njit
    else:
        linked_counted = partial(njit, pipeline_class=LinkingCompiler)
    linked = partial(linked_counted, _nrt=False)


def interpreted(function: Any) -> Callable[..., Any]:
    """Return a compiled function for calls from Python: with it, all compiled functions that it calls run in Python.

    For a few calls, which the compiler would cost more than. It is the same source, so that a rule is written once.

    Parameters
    ----------
    function : callable
        Compiled, or plain if the compiler is switched off.

    Returns
    -------
    callable
    """
    return _interpreted(function, {})


def _interpreted(function: Any, known: dict[Any, Callable[..., Any]]) -> Callable[..., Any]:
    plain = getattr(function, "py_func", function)
    if plain in known:
        return known[plain]
    names = dict(plain.__globals__)
    copy = FunctionType(plain.__code__, names, plain.__name__, plain.__defaults__, plain.__closure__)
    known[plain] = copy
    for name in plain.__code__.co_names:
        if hasattr(names.get(name), "py_func"):
            names[name] = _interpreted(names[name], known)
    return copy
