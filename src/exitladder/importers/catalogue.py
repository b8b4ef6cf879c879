"""The files that `trades import` knows: one entry a kind of table.

Field lists were taken from the programs' sources, from real exports and from parsers of them. Entries stand
in the order in which they are tried: the first whose needed columns are all there reads the table.
"""

from __future__ import annotations

from exitladder.importers.profiles import Profile

# MetaTrader writes its report in the language of the terminal: English, German, French, Spanish, Portuguese,
# Italian, Russian
_TIME = ("time", "zeit", "heure", "tiempo", "fecha", "hora", "horario", "ora", "время")
_SYMBOL = ("symbol", "symbole", "simbolo", "ativo", "символ")
_TYPE = ("type", "typ", "tipo", "тип")
_VOLUME = ("volume", "volumen", "обьем", "объем")
_PRICE = ("price", "preis", "prix", "precio", "preco", "prezzo", "цена")
_ORDER = ("order", "ordre", "orden", "ordem", "ordine", "ордер")
_COMMISSION = ("commission", "kommission", "comision", "comissao", "commissione", "commissioni", "комиссия")
_SWAP = ("swap", "своп")
_PROFIT = ("profit", "gewinn", "beneficio", "lucro", "profitto", "прибыль")
_DEAL = ("deal", "geschaft", "transaction", "transaccion", "transacao", "oferta", "affare", "сделка")
_DIRECTION = ("direction", "richtung", "direccion", "direcao", "direzione", "направление")
_POSITION = ("position", "posicion", "posicao", "posizione", "позиция")

_BROKER_TIME = "stamps are the broker's server time; give its zone with --tz, such as --tz Europe/Athens"

MT5_ORDERS = Profile(
    name="mt5-orders",
    title="MetaTrader 5 orders",
    kind="helper",
    columns={
        "time": ("opentime", "eroffnungszeit", "heuredouverture", "horaapertura", "horariodeabertura", "oradiapertura",
                 "времяоткрытия"),
        "order_id": _ORDER, "symbol": _SYMBOL, "type": _TYPE, "stop": ("sl",), "target": ("tp",),
        "state": ("state", "status", "etat", "estado", "stato", "состояние"),
    },
    needs=("time", "order_id", "symbol", "stop", "target"),
)  # fmt: skip

FILLS = (
    Profile(
        name="mt5",
        title="MetaTrader 5 deals",
        kind="fills",
        columns={
            "time": _TIME, "fill_id": _DEAL, "symbol": _SYMBOL, "side": _TYPE, "direction": _DIRECTION,
            "quantity": _VOLUME, "price": _PRICE, "order_id": _ORDER, "fee": _COMMISSION, "fee2": ("fee", "gebuhr"),
            "swap": _SWAP, "profit": _PROFIT, "balance": ("balance", "saldo", "kontostand", "solde", "баланс"),
            "tag": ("comment", "kommentar", "commentaire", "comentario", "commento", "комментарий"),
        },
        needs=("time", "fill_id", "symbol", "side", "direction", "quantity", "price"),
        keep={"side": ("buy", "sell", "kauf", "verkauf", "compra", "venta", "venda", "achat", "vente")},
        costs=-1,
        profit="gross",
        prepare="mt5_deals",
        notes=(_BROKER_TIME, "profit is in the account's currency at the rates of that time"),
    ),
    Profile(
        name="mt5",
        title="MetaTrader 5 history_deals_get",
        kind="fills",
        columns={
            "fill_id": ("ticket",), "order_id": ("order",), "time": ("timemsc", "time"), "side": ("type",),
            "entry": ("entry",), "trade_id": ("positionid",), "quantity": ("volume",), "price": ("price",),
            "fee": ("commission",), "fee2": ("fee",), "swap": ("swap",), "profit": ("profit",), "symbol": ("symbol",),
            "tag": ("comment",),
        },
        needs=("fill_id", "time", "side", "entry", "trade_id", "quantity", "price", "symbol"),
        keep={"side": ("0", "1")},
        sides={"0": 1, "1": -1},
        costs=-1,
        profit="gross",
        prepare="mt5_python",
        notes=("stamps are the broker's server time written as if it were UTC; give its zone with --tz",),
    ),
    Profile(
        name="ibkr",
        title="Interactive Brokers Flex trades",
        kind="fills",
        columns={
            "fill_id": ("tradeid", "ibexecid"), "order_id": ("iborderid",), "symbol": ("symbol",),
            "time": ("datetime",), "side": ("buysell",), "quantity": ("quantity",), "price": ("tradeprice",),
            "fee": ("ibcommission",), "fee_currency": ("ibcommissioncurrency",), "multiplier": ("multiplier",),
            "profit": ("fifopnlrealized",), "currency": ("currency", "currencyprimary"), "level": ("levelofdetail",),
            "kind": ("assetcategory", "assetclass"), "tag": ("orderreference",),
        },
        needs=("symbol", "time", "side", "quantity", "price"),
        keep={"level": ("execution", ""), "kind": ("stk", "fut", "opt", "fop", "cfd", "crypto", "bond", "etf", "war",
                                                   "fund", "ind", "")},
        costs=-1,
        profit="net",
        matching="fifo",
        notes=("stamps are in the zone of the Flex query; give it with --tz, such as --tz America/New_York",),
    ),
    Profile(
        name="ibkr",
        title="Interactive Brokers activity statement",
        kind="fills",
        signed=True,
        columns={
            "symbol": ("symbol",), "time": ("datetime",), "quantity": ("quantity",), "price": ("tprice",),
            "fee": ("commfee", "comminusd", "commineur"), "profit": ("realizedpl",), "currency": ("currency",),
            "level": ("datadiscriminator",), "kind": ("assetcategory",),
        },
        needs=("symbol", "time", "quantity", "price", "level"),
        keep={"level": ("order", "trade", "execution")},
        costs=-1,
        profit="net",
        matching="fifo",
        notes=("stamps are in the zone of the statement; give it with --tz, such as --tz America/New_York",),
    ),
    Profile(
        name="binance",
        title="Binance spot trades",
        kind="fills",
        columns={
            "time": ("dateutc", "time", "timeutc"), "symbol": ("pair",), "side": ("side",), "price": ("price",),
            "quantity": ("executed",), "amount": ("amount",), "fee": ("fee",), "fee_currency": ("feecoin",),
            "order_id": ("orderno",),
        },
        needs=("time", "symbol", "side", "price", "quantity", "fee"),
        prepare="binance_spot",
    ),
    Profile(
        name="binance",
        title="Binance futures trades",
        kind="fills",
        columns={
            "time": ("dateutc", "timeutc", "time"), "symbol": ("symbol",), "side": ("side",),
            "position_side": ("positionside",), "price": ("price",), "quantity": ("quantity", "qty"),
            "amount": ("amount",), "fee": ("fee",), "fee_currency": ("feecoin",),
            "profit": ("realizedprofit", "realizedpnl"), "currency": ("quoteasset",), "fill_id": ("tradeid",),
            "order_id": ("orderid",),
        },
        needs=("time", "symbol", "side", "price", "quantity", "fee", "profit"),
        profit="gross",
        prepare="binance_futures",
        notes=("funding is not in this file", "stamps: UTC where the header says so, else give the zone with --tz"),
    ),
    Profile(
        name="bybit",
        title="Bybit closed P&L",
        kind="refused",
        columns={"symbol": ("contracts", "market", "symbol"), "side": ("closingdirection",),
                 "quantity": ("qty", "quantity"), "price": ("entryprice",), "profit": ("closedpl", "closedpnl")},
        needs=("symbol", "side", "price", "profit"),
        refusal="It has no time of entry. Export the executions instead: Bybit, Data Export, Transaction Log (Unified "
                "Trading Account).",
    ),
    Profile(
        name="bybit",
        title="Bybit transaction log",
        kind="fills",
        columns={
            "time": ("timeutc", "time"), "symbol": ("contract",), "kind": ("type",), "side": ("direction",),
            "quantity": ("quantity",), "price": ("filledprice",), "funding": ("funding",), "fee": ("feepaid",),
            "profit": ("cashflow",), "currency": ("currency",), "action": ("action",), "position": ("position",),
        },
        needs=("time", "symbol", "kind", "side", "quantity", "price", "fee", "currency"),
        keep={"kind": ("trade", "liquidation", "adl", "delivery")},
        zone="UTC",
        costs=-1,
        profit="gross",
        prepare="bybit",
    ),
    Profile(
        name="okx",
        title="OKX trading history",
        kind="fills",
        columns={
            "fill_id": ("id",), "order_id": ("orderid",), "time": ("time",), "kind": ("tradetype",),
            "symbol": ("symbol",), "side": ("action",), "quantity": ("amount",), "unit": ("tradingunit",),
            "price": ("filledprice",), "profit": ("pnl",), "fee": ("fee",), "fee_currency": ("feeunit",),
            "funding": ("balancechange",), "currency": ("balanceunit",),
        },
        needs=("time", "kind", "symbol", "side", "quantity", "unit", "price", "fee"),
        keep={"side": ("buy", "sell", "open long", "open short", "close long", "close short", "buy to open long",
                       "sell to open short", "sell to close long", "buy to close short", "liquidation long",
                       "liquidation short")},
        sides={"open long": 1, "close short": 1, "open short": -1, "close long": -1, "buy to open long": 1,
               "sell to open short": -1, "sell to close long": -1, "buy to close short": 1},
        costs=-1,
        profit="gross",
        prepare="okx",
    ),
    Profile(
        name="nautilus",
        title="NautilusTrader fills report",
        kind="fills",
        columns={
            "fill_id": ("tradeid",), "order_id": ("venueorderid",), "trade_id": ("positionid",),
            "symbol": ("instrumentid",), "side": ("orderside",), "quantity": ("lastqty",), "price": ("lastpx",),
            "fee": ("commission",), "currency": ("currency",), "time": ("tsevent",), "tag": ("strategyid",),
        },
        needs=("symbol", "side", "quantity", "price", "time"),
        marks=("lastqty", "lastpx"),
        zone="UTC",
        prepare="units",
    ),
    Profile(
        name="lean",
        title="Lean order events",
        kind="fills",
        signed=True,
        columns={
            "order_id": ("orderid",), "fill_id": ("id",), "symbol": ("symbolvalue", "symbol"), "time": ("time",),
            "status": ("status",), "fee": ("orderfeeamount",), "fee_currency": ("orderfeecurrency",),
            "price": ("fillprice",), "currency": ("fillpricecurrency",), "quantity": ("fillquantity",),
            "tag": ("message",),
        },
        needs=("symbol", "time", "status", "price", "quantity"),
        keep={"status": ("filled", "partiallyfilled", "partially filled", "3", "2")},
        zone="UTC",
        prepare="lean",
    ),
    Profile(
        name="freqtrade",
        title="freqtrade orders",
        kind="fills",
        columns={
            "trade_id": ("fttradeid",), "fill_id": ("id",), "order_id": ("orderid",), "side": ("side", "ftorderside"),
            "order_side": ("ftorderside",), "symbol": ("ftpair", "symbol"), "status": ("status",), "price": ("price",),
            "average": ("average",), "quantity": ("filled",), "stop_price": ("stopprice",), "ft_price": ("ftprice",),
            "fee_base": ("ftfeebase",), "time": ("orderfilleddate",), "order_date": ("orderdate",),
            "tag": ("ftordertag",), "funding": ("fundingfee",),
        },
        needs=("trade_id", "side", "symbol", "price", "quantity", "time", "status"),
        zone="UTC",
        profit="net",
        prepare="freqtrade_orders",
    ),
    Profile(
        name="vectorbt",
        title="vectorbt orders",
        kind="fills",
        columns={
            "fill_id": ("orderid",), "symbol": ("column",), "time": ("timestamp",), "quantity": ("size",),
            "price": ("price",), "fee": ("fees",), "side": ("side",),
        },
        needs=("fill_id", "symbol", "time", "quantity", "price", "side", "fee"),
        zone="UTC",
    ),
)  # fmt: skip

ROUND_TRIPS = (
    Profile(
        name="freqtrade",
        title="freqtrade trades",
        kind="round_trips",
        columns={
            "trade_id": ("id", "tradeid"), "symbol": ("pair",), "quantity": ("amount",),
            "entry_time": ("opendate",), "entry_price": ("openrate",), "exit_time": ("closedate",),
            "exit_price": ("closerate",), "stop": ("initialstoplossabs", "initialstoploss"), "short": ("isshort",),
            "profit": ("profitabs", "closeprofitabs"), "realized": ("realizedprofit",), "open": ("isopen",),
            "fee_rate": ("feeopen",), "exit_fee_rate": ("feeclose",), "tag": ("entertag",), "orders": ("orders",),
            "swap": ("fundingfees",), "strategy": ("strategy",), "multiplier": ("contractsize",),
        },
        needs=("symbol", "quantity", "entry_time", "entry_price", "exit_time", "exit_price"),
        zone="UTC",
        profit="net or gross",
        prepare="freqtrade_trades",
    ),
    Profile(
        name="backtesting",
        title="backtesting.py _trades",
        kind="round_trips",
        columns={
            "quantity": ("size",), "entry_bar": ("entrybar",), "entry_price": ("entryprice",),
            "exit_price": ("exitprice",), "stop": ("sl",), "profit": ("pnl",), "fee": ("commission",),
            "entry_time": ("entrytime",), "exit_time": ("exittime",), "tag": ("tag",),
        },
        needs=("quantity", "entry_bar", "entry_price", "exit_price", "entry_time", "exit_time"),
        profit="net or gross",
        group=("entry_bar", "entry_price", "sign", "tag"),
        prepare="backtesting",
        notes=("trades still open at the end of the backtest are missing unless it ran with finalize_trades=True",),
    ),
    Profile(
        name="vectorbt",
        title="vectorbt exit trades",
        kind="round_trips",
        columns={
            "slice": ("exittradeid",), "trade_id": ("positionid",), "symbol": ("column",), "quantity": ("size",),
            "entry_time": ("entrytimestamp",), "entry_price": ("avgentryprice",), "entry_fee": ("entryfees",),
            "exit_time": ("exittimestamp",), "exit_price": ("avgexitprice",), "exit_fee": ("exitfees",),
            "profit": ("pnl",), "side": ("direction",), "status": ("status",),
        },
        needs=("slice", "trade_id", "symbol", "quantity", "entry_time", "exit_time", "side", "status"),
        zone="UTC",
        profit="net",
        group=("symbol", "trade_id"),
        prepare="vectorbt",
        notes=("entries of a position carry its average price, as vectorbt writes it",),
    ),
    Profile(
        name="vectorbt",
        title="vectorbt positions or entry trades",
        kind="round_trips",
        columns={
            "slice": ("entrytradeid",), "trade_id": ("positionid",), "symbol": ("column",), "quantity": ("size",),
            "entry_time": ("entrytimestamp",), "entry_price": ("avgentryprice",), "entry_fee": ("entryfees",),
            "exit_time": ("exittimestamp",), "exit_price": ("avgexitprice",), "exit_fee": ("exitfees",),
            "profit": ("pnl",), "side": ("direction",), "status": ("status",),
        },
        needs=("trade_id", "symbol", "quantity", "entry_time", "exit_time", "side", "status"),
        marks=("avgentryprice",),
        zone="UTC",
        profit="net",
        group=("symbol", "trade_id"),
        prepare="vectorbt",
        notes=("this table has one average exit for each row; exit trades (`records_readable`) tell partial exits",),
    ),
    Profile(
        name="nautilus",
        title="NautilusTrader positions report",
        kind="round_trips",
        columns={
            "trade_id": ("positionid",), "symbol": ("instrumentid",), "side": ("entry",), "quantity": ("peakqty",),
            "entry_time": ("tsopened",), "exit_time": ("tsclosed",), "entry_price": ("avgpxopen",),
            "exit_price": ("avgpxclose",), "fee": ("commissions",), "profit": ("realizedpnl",),
            "tag": ("strategyid",),
        },
        needs=("trade_id", "symbol", "side", "quantity", "entry_time", "exit_time", "entry_price", "exit_price"),
        zone="UTC",
        profit="net",
        prepare="nautilus_positions",
        notes=("this report has one average entry and exit a position; the fills report tells partial exits",),
    ),
    Profile(
        name="lean",
        title="Lean closed trades",
        kind="round_trips",
        columns={
            "symbol": ("symbol", "symbols"), "entry_time": ("entrytime",), "entry_price": ("entryprice",),
            "side": ("direction",), "quantity": ("quantity",), "exit_time": ("exittime",), "exit_price": ("exitprice",),
            "profit": ("profitloss",), "fee": ("totalfees",), "trade_id": ("id",),
        },
        needs=("symbol", "entry_time", "entry_price", "side", "quantity", "exit_time", "exit_price", "fee"),
        sides={"0": 1, "1": -1},
        zone="UTC",
        profit="gross",
        group=("symbol", "side", "entry_time", "entry_price"),
        prepare="lean_trades",
    ),
    Profile(
        name="mt5",
        title="MetaTrader 5 positions",
        kind="round_trips",
        columns={
            "entry_time": _TIME, "trade_id": _POSITION, "symbol": _SYMBOL, "side": _TYPE, "quantity": _VOLUME,
            "entry_price": _PRICE, "stop": ("sl",), "exit_time": tuple(f"{t}#2" for t in _TIME),
            "exit_price": tuple(f"{p}#2" for p in _PRICE), "fee": _COMMISSION, "swap": _SWAP, "profit": _PROFIT,
        },
        needs=("entry_time", "trade_id", "symbol", "side", "quantity", "entry_price", "exit_time", "exit_price"),
        keep={"side": ("buy", "sell", "kauf", "verkauf", "compra", "venta", "venda", "achat", "vente")},
        costs=-1,
        profit="gross",
        notes=(_BROKER_TIME, "positions tell one average exit; the deals of the same report tell partial exits"),
    ),
    Profile(
        name="mt4",
        title="MetaTrader 4 statement",
        kind="round_trips",
        columns={
            "trade_id": ("ticket",), "entry_time": ("opentime",), "side": ("type",), "quantity": ("size",),
            "symbol": ("item",), "entry_price": ("price",), "stop": ("sl",), "exit_time": ("closetime",),
            "exit_price": ("price#2",), "fee": ("commission",), "fee2": ("taxes",), "swap": ("swap",),
            "profit": ("profit",),
        },
        needs=("trade_id", "entry_time", "side", "quantity", "symbol", "entry_price", "exit_time", "exit_price"),
        keep={"side": ("buy", "sell")},
        costs=-1,
        profit="gross",
        notes=(_BROKER_TIME,),
    ),
    Profile(
        name="tradingview",
        title="TradingView list of trades",
        kind="legs",
        columns={
            "number": ("trade", "tradenumber"), "type": ("type",), "signal": ("signal",),
            "time": ("datetime", "dateandtime"), "price": ("price*",),
            "quantity": ("contracts", "sizeqty", "positionsizeqty", "quantity", "qty", "size"),
            "value": ("sizevalue", "positionsizevalue"),
            "profit": ("netpl*", "netpnl*", "profit*"), "fee": ("commission*",), "symbol": ("symbol",),
        },
        needs=("number", "type", "time", "price", "quantity"),
        profit="net",
        prepare="tradingview",
        notes=("stamps are in the chart's time zone; give it with --tz",),
    ),
)  # fmt: skip

PLAIN_FILLS = Profile(
    name="fills",
    title="a list of fills",
    kind="fills",
    columns={
        "trade_id": ("tradeid", "positionid", "position"), "fill_id": ("fillid", "execid", "executionid", "execution"),
        "symbol": ("symbol", "ticker", "instrument", "pair", "contract", "market", "product", "asset", "item"),
        "time": ("time", "timestamp", "datetime", "dateandtime", "filltime", "filledtime", "executiontime",
                 "executedat", "tradetime", "tradedate", "transactiontime", "date"),
        "side": ("side", "action", "buysell", "bs", "direction", "type", "transactiontype"),
        "quantity": ("quantity", "qty", "size", "amount", "shares", "volume", "units", "contracts", "totalqty",
                     "filledqty", "filled"),
        "filled": ("filledqty", "filledquantity", "filled", "executedqty", "executed", "cumqty"),
        "price": ("fillprice", "avgprice", "averageprice", "filledprice", "price", "tradeprice",
                  "executionprice", "rate"),
        "fee": ("commission", "commissions", "fee", "fees", "feescomm", "comm"),
        "fee_currency": ("commissioncurrency", "feecurrency", "feecoin", "feeunit"),
        "profit": ("realizedpnl", "realizedprofit", "realizedpl"), "currency": ("currency",),
        "multiplier": ("multiplier", "contractsize", "pointvalue"), "stop": ("stopprice", "stoploss", "sl"),
        "tag": ("tag", "note", "notes", "comment", "strategy"), "status": ("status", "state"),
    },
    needs=("time", "quantity", "price"),
    keep={"status": ("", "filled", "closed", "partiallyfilled", "partially filled", "complete", "completed", "executed",
                     "fill", "done")},
    prepare="plain",
)  # fmt: skip

PLAIN_ROUND_TRIPS = Profile(
    name="round-trips",
    title="a list of round trips",
    kind="round_trips",
    columns={
        "trade_id": ("tradeid", "id", "ticket", "positionid", "trade", "tradenumber", "number", "position"),
        "symbol": ("symbol", "ticker", "instrument", "pair", "contract", "market", "product", "asset", "item"),
        "side": ("side", "direction", "positionside", "type", "longshort", "buysell", "marketpos", "action"),
        "short": ("isshort", "short"),
        "quantity": ("quantity", "qty", "size", "amount", "shares", "volume", "units", "contracts", "lots"),
        "entry_time": ("entrytime", "entrydate", "opentime", "opendate", "openedat", "opened", "dateopened",
                       "openeddate", "entrydatetime", "opendatetime", "enteredat", "timein", "buydate"),
        "entry_price": ("entryprice", "openprice", "avgentryprice", "averageentryprice", "entry", "openrate", "pricein",
                        "avgopenprice", "buyprice", "openedprice"),
        "exit_time": ("exittime", "exitdate", "closetime", "closedate", "closedat", "closed", "dateclosed",
                      "closeddate", "exitdatetime", "closedatetime", "exitedat", "timeout", "selldate"),
        "exit_price": ("exitprice", "closeprice", "avgexitprice", "averageexitprice", "exit", "closerate", "priceout",
                       "avgcloseprice", "sellprice"),
        "stop": ("stopprice", "stoploss", "stop", "sl", "initialstop"),
        "fee": ("commission", "commissions", "fee", "fees"),
        "profit": ("pnl", "profit", "netprofit", "netpnl", "realizedpnl", "profitloss", "pl", "netpl"),
        "tag": ("tag", "note", "notes", "comment", "strategy", "setup"),
    },
    needs=("symbol", "quantity", "entry_time", "entry_price"),
    profit="net or gross",
    prepare="plain",
)  # fmt: skip

PROFILES: tuple[Profile, ...] = (MT5_ORDERS, *FILLS, *ROUND_TRIPS, PLAIN_ROUND_TRIPS, PLAIN_FILLS)
NAMES = tuple(dict.fromkeys(p.name for p in PROFILES if p.kind != "helper"))
