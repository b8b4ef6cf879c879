"""Makes nautilus_trader's backtest engine and runs it without data; prints its version."""

import json

from nautilus_trader import __version__
from nautilus_trader.backtest.engine import BacktestEngine, BacktestEngineConfig
from nautilus_trader.config import LoggingConfig

engine = BacktestEngine(BacktestEngineConfig(logging=LoggingConfig(bypass_logging=True)))
engine.dispose()
print(json.dumps({"version": __version__}))
