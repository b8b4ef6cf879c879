"""The module that saved models name as their loader; its path never moves.

``MLmodel`` files say ``loader_module: exitladder.pyfunc``, so whatever moves inside the package, this file stays.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from exitladder.cli.served import ServedModel

__all__ = ["_load_pyfunc"]


def _load_pyfunc(path: str) -> ServedModel:
    """Return the model in a folder as MLflow loads it, for features and for requests with files."""
    from exitladder.cli.served import ServedModel

    return ServedModel(path)
