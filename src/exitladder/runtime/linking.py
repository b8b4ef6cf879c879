"""Numba's compiler without its last steps, for functions that are compiled where they are linked.

It builds on parts of numba that are not promised to stay; without one of them the import of this module fails, and
`exitladder.runtime.compiling` does without it.
"""

# Numba has no types of its own.
# mypy: disable-error-code="misc, no-untyped-call, untyped-decorator, attr-defined"

from __future__ import annotations

from functools import cache
from typing import Any

from numba import _dynfunc, njit
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import Compiler
from numba.core.compiler_machinery import register_pass
from numba.core.typed_passes import NativeLowering

for _needed in ("_optimize_final_module", "_finalize_final_module", "_finalize_dynamic_globals"):
    getattr(JITCodeLibrary, _needed)


class _LinkedLibrary(JITCodeLibrary):
    """The code of one function and of those it calls, neither optimised nor translated, to be linked into a kernel."""

    def _optimize_final_module(self) -> None:
        pass

    def _finalize_final_module(self) -> None:
        self._finalize_dynamic_globals()
        self._finalized = True


@njit
def _not_from_python() -> None:
    pass


@cache
def _entry_from_python() -> int:
    """Return the address that a linked function has for Python: of a function that refuses any arguments."""
    _not_from_python.compile(())
    (compiled,) = _not_from_python.overloads.values()
    return int(compiled.library.get_pointer_to_function(compiled.fndesc.llvm_cpython_wrapper_name))


@register_pass(mutates_CFG=True, analysis_only=False)
class _Link(NativeLowering):
    """Write a function's code into a `_LinkedLibrary`, in place of the pass that compiles it to its end."""

    _name = "link"

    def run_pass(self, state: Any) -> bool:
        state.library = _LinkedLibrary(state.targetctx.codegen(), state.func_id.func_qualname)
        state.flags.no_compile = True
        super().run_pass(state)
        library, lowered = state.library, state["cr"]
        if not library._finalized:
            library.finalize()
        description = lowered.fndesc
        # Numba finds the functions that a kernel calls by an object of its own kind for each.
        entry = _dynfunc.make_function(
            description.lookup_module(), description.qualname, "", _entry_from_python(), lowered.env, (library,)
        )
        state.targetctx.insert_user_function(entry, description, [library])
        state["cr"] = lowered._replace(cfunc=entry)
        return True


class LinkingCompiler(Compiler):
    """Numba's compiler of a function that is compiled in the kernel it is linked into."""

    def define_pipelines(self) -> list[Any]:
        """Return numba's passes, `_Link` in the place of the one that compiles to the end."""
        managers = super().define_pipelines()
        for manager in managers:
            manager.passes = [(_Link if step is NativeLowering else step, why) for step, why in manager.passes]
            manager._finalized = False
            manager.finalize()
        return list(managers)
