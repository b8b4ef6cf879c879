"""Sides, costs, options and orders in lists whose headers do not name them in the usual way."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd

from exitladder.errors import TradesError
from exitladder.importers.decode import HOLES, decode_sides
from exitladder.importers.prepared import Prepared
from exitladder.importers.profiles import key_of

_YES = frozenset({"1", "true", "yes", "y", "t", "x", "1.0"})
_NO = frozenset({"0", "false", "no", "n", "f", "0.0", ""})
_MONEY_MOVES = (
    r"dividend|distribution|interest|deposit|withdraw|transfer|\bfees?\b|\btax|utdelning|dividende|ausschüttung|zinsen|"
    r"einzahlung|auszahlung|steuer|dividendo|cedola|stortingen|insättning|uttag|ränta"
)
_LETTERS = ("cv", "ks", "av", "kv")
_STILL_OPEN = frozenset({"open", "still open", "running", "active", "offen", "abierta", "ouvert"})
_IS_LONG = ("islong", "long", "isbuy", "isbuyer")
# unread columns that are known to be a further cost
_COSTS = frozenset(
    {
        "clearingfee", "clearingfees", "exchangefee", "exchangefees", "ipfee", "nfafee", "nfafees", "regfee", "regfees",
        "regulatoryfee", "regulatoryfees", "secfee", "secfees", "tafee", "taffee", "platformfee", "brokeragefee",
        "brokerage", "stampduty", "stt", "gst", "transactioncharges", "orfee", "routingfee", "fees", "fee",
        "commission", "commissions", "taxes",
    }
)  # fmt: skip
_ORDER_TYPES = frozenset(
    {"limit", "market", "stop", "stop limit", "lmt", "mkt", "stp", "stplmt", "stop loss", "stoplimit"}
)
_EXIT = re.compile(r"(?:exit|ex|close|closing|sell|out)(?:date|time|datetime|price|rate)|(?:date|time|price)out")
_MONEY = frozenset(
    ("USD", "EUR", "GBP", "JPY", "CHF", "CAD", "AUD", "NZD", "SEK", "NOK", "DKK", "PLN", "CZK", "HUF", "TRY", "ZAR",
     "MXN", "CNY", "HKD", "SGD", "INR", "BRL")
)  # fmt: skip
_QUOTES = ("USDT", "USDC", "USD", "EUR", "BTC", "ETH", "BNB", "BUSD", "FDUSD", "GBP", "TRY", "BRL")
_STRIKES = ("strike", "strikeprice")
_RIGHTS = ("putcall", "callput", "right", "optiontype", "type", "cp", "pc", "spread")
_RIGHT_WORDS = frozenset({"c", "p", "call", "put", "calls", "puts", "ce", "pe"})


def find_side(prepared: Prepared) -> None:
    """Take a yes-or-no column (`is_short`, `is_long`), or another column all of whose cells are sides, as the side.

    Raises
    ------
    TradesError
        If a yes-or-no column holds another word.
    """
    frame, rest = prepared.frame, prepared.found.rest
    letters = key_of(prepared.found.headers.get("side", ""))
    if letters in _LETTERS:
        # C/V, K/S: the header names the letter of a purchase first
        words = frame["side"].map(_word)
        frame["side"] = words.map({letters[0]: "buy", letters[1]: "sell"}).fillna(frame["side"])
    if "side" in frame:
        if frame["side"].map(_word).str.contains(r"[^\W\d_]|^-?1$", regex=True).any():
            return
        # a column of amounts, such as that of Degiro's costs of a transaction
        frame = prepared.frame = frame.drop(columns=["side"])
    if "short" in frame:
        is_short = _truth(frame["short"], prepared.found.headers["short"], frame["line"])
        frame["side"] = np.where(is_short, "short", "long")
        prepared.notes.append("side: from is_short")
        return
    for header in rest.columns:
        if key_of(str(header)) in _IS_LONG:
            frame["side"] = np.where(_truth(rest[header], str(header), frame["line"]), "buy", "sell")
            prepared.notes.append(f"side: from the column '{header}'")
            return
    when = frame["time" if "time" in frame else "entry_time"].map(_word) != ""
    given = {str(header): rest[header] for header in rest.columns}
    if "trade_id" in frame:
        given[prepared.found.headers["trade_id"]] = frame["trade_id"]
    for header, cells in given.items():
        words = cells.map(_word)[when]
        # numbers and truths may mean anything
        if not len(words) or words.isin(["true"]).any() or not words.str.contains(r"[^\W\d_]", regex=True).all():
            continue
        if np.isfinite(decode_sides(words)).all():
            frame["side"] = cells.to_numpy(dtype=object)
            if header == prepared.found.headers.get("trade_id"):
                prepared.frame = frame.drop(columns=["trade_id"])
            prepared.notes.append(f"side: from the column '{header}'")
            return


def blank_open_exits(prepared: Prepared) -> None:
    """Blank words such as ``open`` in the column of exit times."""
    frame = prepared.frame
    if "exit_time" in frame:
        frame["exit_time"] = frame["exit_time"].where(~frame["exit_time"].map(_word).isin(_STILL_OPEN), "")


def leave_out_money(prepared: Prepared) -> None:
    """Leave out dividends, interest, fees and the like among the fills."""
    frame = prepared.frame
    if "side" not in frame:
        return
    words = frame["side"].map(_word)
    out = np.isnan(decode_sides(frame["side"])) & words.str.contains(_MONEY_MOVES, regex=True).to_numpy(dtype=bool)
    for word in dict.fromkeys(words[out]):
        n = int((words[out] == word).sum())
        prepared.notes.append(f"{n} row{'' if n == 1 else 's'} left out: side is {word}")
    prepared.frame = frame[~out]


def _word(cell: object) -> str:
    text = str(cell).strip().lower()
    return "" if text in HOLES else text


def _truth(cells: pd.Series, header: str, lines: pd.Series) -> np.ndarray:
    words = cells.map(_word)
    known = words.isin(_YES | _NO)
    if not known.all():
        i = int(np.argmax(~known.to_numpy()))
        raise TradesError(
            f"The column '{header}' must say yes or no (true or false, 1 or 0), but is {cells.iloc[i]!r} "
            f"({lines.iloc[i]}). Write one of these, or name the column of sides with --map OLD=side."
        )
    return words.isin(_YES).to_numpy()


def ask_for_the_price(prepared: Prepared) -> None:
    """Ask which of two columns is the price of a fill: an average beside a price may be a running cost.

    In a list of orders the average price is that of the order's fills, and the other one its limit.
    """
    header = prepared.found.headers.get("price", "")
    others = {key_of(name): name for name in prepared.found.rest.columns}
    is_average = key_of(header).startswith(("avg", "average"))
    has_orders = "status" in prepared.found.frame or any(
        key in others for key in ("limitprice", "ordertype", "status", "orderstatus", "orderprice", "type")
    )
    if is_average and "price" in others and not has_orders:
        raise TradesError(
            f"The price of a fill must be known, but {prepared.found.sheet.name} has '{header}' and "
            f"'{others['price']}', and the average may be the running cost of the position. Name the price of each "
            f"fill: --map '{others['price']}=price', or --map '{header}=price'."
        )


def refuse_round_trips(prepared: Prepared) -> None:
    """Reject a list of fills with unread columns of exits: a row is a round trip then.

    Raises
    ------
    TradesError
        If there is one.
    """
    rest = prepared.found.rest
    exits = [str(h) for h in rest.columns if _EXIT.fullmatch(key_of(str(h))) and (rest[h].map(_word) != "").any()]
    if exits:
        raise TradesError(
            f"A row of a list of fills must be one execution, but {prepared.found.sheet.name} has the column "
            f"'{exits[0]}' of an exit beside the time and price of its entry: its rows are round trips. Name their "
            "columns, such as --map 'Date=entry_time' --map 'Price=entry_price' --map 'Ex. date=exit_time' --map "
            "'Ex. Price=exit_price'."
        )


def add_costs(prepared: Prepared) -> None:
    """Put further columns of costs beside the first one; leave out one that is a sum of others."""
    frame, rest = prepared.frame, prepared.found.rest
    further = [str(h) for h in rest.columns if key_of(str(h)) in _COSTS and (rest[h].map(_word) != "").any()]
    if "fee" not in frame or not further or key_of(prepared.found.headers["fee"]).startswith("total"):
        return
    for k, header in enumerate(further):
        frame[f"fee_{k}"] = rest[header].to_numpy(dtype=object)
    shown = ", ".join([prepared.found.headers["fee"], *further])
    prepared.notes.append(f"costs: the sum of the columns {shown}")


def leave_out_options(prepared: Prepared) -> None:
    """Leave out rows in options that carry the symbol of the share: their prices are not the share's."""
    rest = prepared.found.rest.loc[prepared.frame.index]
    keys = {key_of(str(header)): header for header in rest.columns}
    strike = next((rest[keys[k]].map(_word) for k in _STRIKES if k in keys), None)
    if strike is None or "symbol" not in prepared.frame:
        return
    is_option = (~strike.isin(["", "0", "0.0", "0.00"])).to_numpy(dtype=bool, copy=True)
    rights = [rest[keys[k]].map(_word).isin(_RIGHT_WORDS).to_numpy() for k in _RIGHTS if k in keys]
    if rights:
        is_option &= np.any(rights, axis=0)
    number = strike.str.replace(r"\.0*$", "", regex=True).str.replace(",", "")
    named = [bool(n) and n in str(s) for n, s in zip(number, prepared.frame["symbol"], strict=True)]
    is_option &= ~np.array(named, dtype=bool)
    if not is_option.any():
        return
    n, header = int(is_option.sum()), keys[next(k for k in _STRIKES if k in keys)]
    prepared.notes.append(
        f"{n} row{'' if n == 1 else 's'} left out: they are options (column '{header}'), whose "
        "prices are not those of the symbol; `exitladder options backtest` replays positions in options"
    )
    prepared.frame = prepared.frame[~is_option]


def forget_triggers(prepared: Prepared) -> None:
    """Leave out the trigger prices of a list of orders: they are no stops of positions."""
    frame = prepared.frame
    if "stop" not in frame or key_of(prepared.found.headers["stop"]) not in ("stopprice", "stop"):
        return
    columns = [
        *(prepared.found.rest[c] for c in prepared.found.rest.columns),
        *([frame["side"]] if "side" in frame else []),
    ]
    for texts in columns:
        words = texts.map(_word).str.replace("_", " ")
        if len(words) and words.isin(_ORDER_TYPES).all():
            prepared.frame = frame.drop(columns=["stop"])
            prepared.notes.append(
                f"stop_price: left blank, because '{prepared.found.headers['stop']}' in a list of orders is the "
                "trigger of an order, not the stop at the entry"
            )
            return


def prices_of_cash(prepared: Prepared) -> None:
    """Take the sign off prices that are negative on every purchase and on no sale, as flows of cash are."""
    frame = prepared.frame
    if "price" not in frame or "side" not in frame:
        return
    price, side = frame["price"].map(_word), decode_sides(frame["side"])
    negative = price.str.contains(r"^\s*(?:-|\u2212|\()").to_numpy(dtype=bool)
    known = np.isfinite(side) & (price != "").to_numpy(dtype=bool)
    if negative.any() and (negative[known] == (side[known] > 0)).all():
        frame["price"] = frame["price"].str.replace(r"^\s*(?:-|\u2212)", "", regex=True).str.strip("() ")
        prepared.notes.append("price: negative on every purchase, so the sign was read as that of the cash")


def coins_of_fees(prepared: Prepared) -> None:
    """Name the coin of pairs whose fee is paid in it: it is less to hold."""
    frame = prepared.frame
    if "fee_currency" not in frame or "symbol" not in frame or "base" in frame:
        return
    base, quote = [], []
    for coin, symbol in zip(frame["fee_currency"].str.upper(), frame["symbol"].str.upper(), strict=True):
        rest = re.sub(r"^[/_-]", "", symbol.removeprefix(coin)) if coin and symbol.startswith(coin) else ""
        is_coin = coin not in _MONEY and any(rest.startswith(name) for name in _QUOTES)
        # a contract is not paid for in its coin
        is_coin &= ":" not in rest and "-" not in rest and "_" not in rest
        base.append(coin if is_coin else "")
        quote.append(rest if is_coin else "")
    if any(base):
        frame["fee_currency"] = frame["fee_currency"].str.upper()
        frame["base"] = base
        given = frame["currency"] if "currency" in frame else pd.Series("", index=frame.index)
        frame["currency"] = given.where(given != "", pd.Series(quote, index=frame.index))
