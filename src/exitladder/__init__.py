"""Optimize how to scale out of a position, with a model of exhaustion, and test the result out of sample.

Importing this package is quick: each name below loads its modules at first use.

Examples
--------
>>> import exitladder
>>> bars, report = exitladder.load_sample_bars()
>>> trades = exitladder.make_trades(bars, "donchian", window=55)
>>> ladder = exitladder.ladder_from_mapping({"rungs": [{"fraction": 0.5, "target": "1R"}], "stop": {"time": 40}})
>>> result = exitladder.simulate(exitladder.place_trades(trades, bars), ladder)
>>> result.trades_frame()["status"].isin(["closed", "open", "skipped"]).all()
np.True_
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

_HOMES = {
    "Ladder": "exitladder.plans",
    "Costs": "exitladder.plans",
    "Settings": "exitladder.settings",
    "ExitladderError": "exitladder.errors",
    "load_settings": "exitladder.settings",
    "load_sample_bars": "exitladder.sample",
    "read_bars": "exitladder.bars.reading",
    "read_trades": "exitladder.trades.files",
    "read_ladder": "exitladder.plans.file",
    "ladder_from_mapping": "exitladder.plans.file",
    "make_trades": "exitladder.api.verbs",
    "place_trades": "exitladder.api.verbs",
    "simulate": "exitladder.execution",
    "features_frame": "exitladder.api.verbs",
    "train": "exitladder.api.verbs",
    "tune": "exitladder.api.verbs",
    "backtest": "exitladder.api.verbs",
    "score": "exitladder.api.verbs",
    "compare": "exitladder.api.comparison",
    "report": "exitladder.api.verbs",
    "run": "exitladder.api.project",
    "promote": "exitladder.api.project",
    "rollback": "exitladder.api.project",
    "promotion_history": "exitladder.api.project",
    "import_trades": "exitladder.api.exchange",
    "export": "exitladder.api.exchange",
    "measure_exits": "exitladder.api.verbs",
    "ExhaustionClassifier": "exitladder.models.exhaustion.estimators",
    "HoldValueRegressor": "exitladder.models.exhaustion.estimators",
}

__all__ = ["__version__", *_HOMES]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        value = getattr(importlib.import_module(_HOMES[name]), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'exitladder' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
