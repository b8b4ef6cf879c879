"""Run by freqtrade's own Python: trades booked through its persistence, in a database."""

import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from freqtrade.persistence import Order, Trade, init_db

folder = Path(sys.argv[1])
init_db(f"sqlite:///{folder / 'trades.sqlite'}")
START = datetime(2024, 1, 1, tzinfo=UTC)


def order(number, side, amount, price, minutes, filled=None, status="closed"):
    moment = START + timedelta(minutes=minutes)
    return Order(
        order_id=f"o{number}",
        ft_order_side=side,
        ft_pair="ADA/USDT",
        ft_is_open=False,
        ft_amount=amount,
        ft_price=price,
        status=status,
        symbol="ADA/USDT",
        order_type="limit",
        side=side,
        price=price,
        average=price,
        amount=amount,
        filled=amount if filled is None else filled,
        remaining=0,
        cost=amount * price,
        order_date=moment,
        order_filled_date=moment if filled != 0 else None,
    )


def trade(entries, exits, is_short=False):
    made = Trade(
        pair="ADA/USDT",
        base_currency="ADA",
        stake_currency="USDT",
        stake_amount=100,
        amount=0,
        open_rate=entries[0].price,
        open_date=entries[0].order_date,
        fee_open=0.001,
        fee_close=0.001,
        exchange="binance",
        is_open=True,
        strategy="S",
        timeframe=5,
        is_short=is_short,
        leverage=1.0,
        initial_stop_loss=entries[0].price * (1.1 if is_short else 0.9),
    )
    Trade.session.add(made)
    Trade.session.flush()
    for one in entries:
        made.orders.append(one)
        if one.filled:
            made.recalc_trade_from_orders()
    for one in exits:
        made.orders.append(one)
        made.recalc_trade_from_orders()
    made.close(exits[-1].price)
    Trade.commit()
    return made


first = trade(
    [order(1, "buy", 12, 2.0, 0), order(2, "buy", 8, 1.9, 5), order(3, "buy", 8, 1.8, 6, filled=0, status="canceled")],
    [order(4, "sell", 5, 2.2, 60), order(5, "sell", 15, 1.85, 90)],
)
second = trade(
    [order(6, "sell", 10, 3.0, 200)], [order(7, "buy", 4, 2.9, 230), order(8, "buy", 6, 3.1, 260)], is_short=True
)
trades = [first, second]
(folder / "expected.json").write_text(
    json.dumps({"open_rate": [t.open_rate for t in trades], "profit": [t.close_profit_abs for t in trades]})
)
