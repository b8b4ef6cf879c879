"""Run by nautilus's own Python: a backtest that enters and leaves in parts, and its reports."""

import json
import sys
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
from nautilus_trader.backtest.engine import BacktestEngine, BacktestEngineConfig
from nautilus_trader.config import LoggingConfig, StrategyConfig
from nautilus_trader.model import BarType, Money, Venue
from nautilus_trader.model.currencies import USD
from nautilus_trader.model.enums import AccountType, OmsType, OrderSide
from nautilus_trader.persistence.wranglers import BarDataWrangler
from nautilus_trader.test_kit.providers import TestInstrumentProvider
from nautilus_trader.trading.strategy import Strategy

folder = Path(sys.argv[1])
instrument = TestInstrumentProvider.default_fx_ccy("EUR/USD")
bar_type = BarType.from_str("EUR/USD.SIM-1-HOUR-LAST-EXTERNAL")


class InParts(Strategy):
    def __init__(self):
        super().__init__(StrategyConfig())
        self.n = 0

    def on_start(self):
        self.subscribe_bars(bar_type)

    def send(self, side, units):
        quantity = instrument.make_qty(Decimal(units))
        self.submit_order(self.order_factory.market(instrument.id, side, quantity))

    def on_bar(self, bar):
        step = self.n % 20
        if step == 2:
            self.send(OrderSide.BUY, 100_000)
        elif step == 8:
            self.send(OrderSide.SELL, 40_000)
        elif step == 14:
            self.send(OrderSide.SELL, 60_000)
        self.n += 1


rng = np.random.default_rng(1)
close = 1.1 * np.exp(np.cumsum(rng.normal(0, 0.001, 100)))
opened = np.r_[1.1, close[:-1]]
frame = pd.DataFrame(
    {"open": opened, "high": np.maximum(opened, close) + 1e-4, "low": np.minimum(opened, close) - 1e-4, "close": close},
    index=pd.date_range("2024-01-01", periods=100, freq="h", tz="UTC", name="timestamp"),
).round(5)
engine = BacktestEngine(BacktestEngineConfig(logging=LoggingConfig(bypass_logging=True)))
engine.add_venue(
    Venue("SIM"), OmsType.NETTING, AccountType.MARGIN, base_currency=USD, starting_balances=[Money(1_000_000, USD)]
)
engine.add_instrument(instrument)
engine.add_data(BarDataWrangler(bar_type, instrument).process(frame))
engine.add_strategy(InParts())
engine.run()
positions = engine.trader.generate_positions_report()
engine.trader.generate_fills_report().to_csv(folder / "fills.csv")
positions.to_csv(folder / "positions.csv")
total = sum(float(str(text).split()[0]) for text in positions["realized_pnl"])
(folder / "expected.json").write_text(json.dumps({"n_positions": len(positions), "realized_pnl": total}))
