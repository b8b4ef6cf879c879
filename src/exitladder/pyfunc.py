"""The module that saved models name as their loader; its path never moves.

``MLmodel`` files say ``loader_module: exitladder.pyfunc``, so whatever moves inside the package, this file stays.
"""

from exitladder.pipelines.tracking.flavour import load_pyfunc as _load_pyfunc

__all__ = ["_load_pyfunc"]
