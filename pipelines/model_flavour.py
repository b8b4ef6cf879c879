"""The loader that models saved by version 0.1 name; new ones name `exitladder.pyfunc`."""

from exitladder.pyfunc import _load_pyfunc

__all__ = ["_load_pyfunc"]
