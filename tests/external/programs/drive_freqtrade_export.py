"""Runs an exported ladder in freqtrade's own backtesting, on candles and entries from files, without any network.

Arguments: folder with exits.py (the export), bars.csv and entries.json, and the size of a tick. One pair per entry, all
with the same candles: of a spot market, or of a futures market without leverage if an entry is short. Prints the exits
and the adds: entry, candle, price, amount, tag.
"""

import json
import logging
import sys
from pathlib import Path

import pandas as pd

folder = Path(sys.argv[1])
sys.path.insert(0, str(folder))
logging.disable(logging.INFO)

from exits import LadderExits  # noqa: E402
from freqtrade.enums import RunMode  # noqa: E402
from freqtrade.exchange import Exchange  # noqa: E402
from freqtrade.optimize.backtesting import Backtesting  # noqa: E402
from freqtrade.persistence import LocalTrade  # noqa: E402
from freqtrade.resolvers import StrategyResolver  # noqa: E402
from freqtrade.strategy import IStrategy  # noqa: E402

entries = json.loads((folder / "entries.json").read_text())
bars = pd.read_csv(folder / "bars.csv", parse_dates=["timestamp"]).rename(columns={"timestamp": "date"})
FUTURES = any(entry["side"] < 0 for entry in entries)
PAIRS = [f"E{k}/USDT{':USDT' if FUTURES else ''}" for k in range(len(entries))]


class Replay(LadderExits, IStrategy):
    """Enter each pair at its own candle, with its own stop."""

    INTERFACE_VERSION = 3
    timeframe = "1d"
    can_short = FUTURES
    startup_candle_count = 0

    def populate_indicators(self, dataframe, metadata):
        return self.ladder_indicators(dataframe)

    def populate_entry_trend(self, dataframe, metadata):
        dataframe["enter_long"] = dataframe["enter_short"] = 0
        entry = entries[PAIRS.index(metadata["pair"])]
        dataframe.loc[entry["bar"] - 1, "enter_long" if entry["side"] > 0 else "enter_short"] = 1
        return dataframe

    def populate_exit_trend(self, dataframe, metadata):
        dataframe["exit_long"] = dataframe["exit_short"] = 0
        return dataframe

    def initial_stop(self, trade):
        return entries[PAIRS.index(trade.pair)]["stop"]

    def custom_stake_amount(self, pair, current_time, current_rate, *args, **kwargs):
        return entries[PAIRS.index(pair)]["quantity"] * current_rate


def market(pair):
    return {
        "id": pair, "symbol": pair, "base": pair.split("/")[0], "quote": "USDT", "active": True,
        "spot": not FUTURES, "swap": FUTURES, "linear": FUTURES or None, "type": "swap" if FUTURES else "spot",
        "settle": "USDT" if FUTURES else None, "contractSize": 1.0 if FUTURES else None, "info": {},
        "taker": 0.0, "maker": 0.0,
        "precision": {"amount": 1.0, "price": float(sys.argv[2])},
        "limits": {"amount": {"min": 1.0, "max": None}, "price": {}, "cost": {"min": 1.0, "max": None}, "leverage": {}},
    }  # fmt: skip


MARKETS = {pair: market(pair) for pair in PAIRS}
for name, value in {
    "_init_ccxt": lambda self, *args, **kwargs: __import__("ccxt").binance(),
    "validate_config": lambda self, config: None,
    "reload_markets": lambda self, *args, **kwargs: None,
    "get_fee": lambda self, *args, **kwargs: 0.0,
    "get_max_leverage": lambda self, *args, **kwargs: 1.0,
    "fill_leverage_tiers": lambda self, *args, **kwargs: None,
    "calculate_funding_fees": lambda self, *args, **kwargs: 0.0,
    "markets": property(lambda self: MARKETS),
    "precisionMode": property(lambda self: 4),
    "precision_mode_price": property(lambda self: 4),
}.items():
    setattr(Exchange, name, value)
config = {
    "runmode": RunMode.BACKTEST, "dry_run": True, "strategy": "Replay", "timeframe": "1d", "stake_currency": "USDT",
    "stake_amount": 1000.0, "dry_run_wallet": 1e9, "max_open_trades": len(PAIRS), "fee": 0.0,
    "trading_mode": "futures" if FUTURES else "spot", "margin_mode": "isolated" if FUTURES else "",
    "candle_type_def": "futures" if FUTURES else "spot",
    "tradable_balance_ratio": 1.0, "cache": "none", "export": "none",
    "exchange": {"name": "binance", "pair_whitelist": PAIRS, "pair_blacklist": []}, "pairs": PAIRS,
    "pairlists": [{"method": "StaticPairList"}], "entry_pricing": {"price_side": "same"}, "user_data_dir": folder,
    "exit_pricing": {"price_side": "same"}, "datadir": folder, "dataformat_ohlcv": "feather", "original_config": {},
    "unfilledtimeout": {"entry": 1440, "exit": 1440, "unit": "minutes"}, "internals": {},
    "amend_last_stake_amount": False, "last_stake_amount_min_ratio": 0.5, "enable_protections": False,
}  # fmt: skip


StrategyResolver._load_strategy = staticmethod(lambda name, config, extra_dir=None: Replay(config))
import freqtrade.optimize.backtesting as module  # noqa: E402

module.validate_config_consistency = lambda config: None
module.update_liquidation_prices = lambda *args, **kwargs: None
testing = Backtesting(config)
testing._set_strategy(testing.strategylist[0])
testing.strategy.bot_start()
testing.funding_fee_timeframe_secs, testing.futures_data = 8 * 3600, dict.fromkeys(PAIRS)
data = {pair: bars.copy() for pair in PAIRS}
processed = testing.strategy.advise_all_indicators(data)
found = testing.backtest(
    processed=processed,
    start_date=bars["date"].iloc[0].to_pydatetime(),
    end_date=bars["date"].iloc[-1].to_pydatetime(),
)
rows = []
dates = list(bars["date"])
for trade in LocalTrade.bt_trades:
    for order in trade.orders:
        is_add = (order.ft_order_tag or "").startswith("add ")
        is_exit = order.ft_order_side == trade.exit_side and order.ft_order_tag != "force_exit"
        if (is_exit or is_add) and not order.ft_is_open and order.safe_filled:
            bar = dates.index(pd.Timestamp(order.order_filled_utc))
            rows.append([PAIRS.index(trade.pair), bar, order.safe_price, order.safe_filled, order.ft_order_tag])
print(json.dumps(rows))
