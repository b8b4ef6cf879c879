"""Writes a strategy from freqtrade's own template and a book of trades in its own tables; prints what it reads back."""

import contextlib
import json
import sys
from datetime import UTC, datetime

from freqtrade import __version__
from freqtrade.persistence import Order, Trade, init_db

with contextlib.redirect_stdout(sys.stderr):
    init_db(f"sqlite:///{sys.argv[1]}")
opened = datetime(2026, 1, 5, tzinfo=UTC)
trade = Trade(
    pair="BTC/USDT", base_currency="BTC", stake_currency="USDT", stake_amount=1000.0, amount=10.0,
    amount_requested=10.0, open_rate=100.0, open_date=opened, fee_open=0.001, fee_close=0.001, exchange="binance",
    is_open=True,
    leverage=1.0, is_short=False, price_precision=2.0, amount_precision=3.0, precision_mode=2,
)  # fmt: skip
trade.orders.append(
    Order(
        ft_order_side="buy",
        ft_pair=trade.pair,
        ft_is_open=False,
        ft_amount=10.0,
        ft_price=100.0,
        order_id="1",
        status="closed",
        symbol=trade.pair,
        order_type="limit",
        side="buy",
        price=100.0,
        average=100.0,
        amount=10.0,
        filled=10.0,
        remaining=0.0,
        cost=1000.0,
        order_date=opened,
        order_filled_date=opened,
    )
)
Trade.session.add(trade)
Trade.commit()
(read,) = Trade.get_trades().all()
print(json.dumps({"version": __version__, "pair": read.pair, "amount": read.amount, "orders": len(read.orders)}))
