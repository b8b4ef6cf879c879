"""What files of brokers, exchanges and terminals need before they can be read as all others."""

from __future__ import annotations

import re
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from exitladder.clock import NO_TIME
from exitladder.errors import TradesError
from exitladder.files.stamps import read_stamps
from exitladder.importers.decode import units
from exitladder.importers.prepared import Prepared

# coin-margined contracts by the exchange's names, perpetual or with a date of delivery
_BYBIT_INVERSE = r"[A-Z0-9]{2,}USD(?:[FGHJKMNQUVXZ]\d{2})?"
_BINANCE_INVERSE = r"[A-Z0-9]{2,}USD_(?:PERP|\d{6})"
_OKX_INVERSE = r"[A-Z0-9]{2,}-USD-(?:SWAP|\d{6})"


def mt5_deals(prepared: Prepared) -> None:
    """Group deals of hedging accounts by the side they open or close; take stops from the orders."""
    frame = prepared.frame
    account = " ".join(cell for row in prepared.found.before for cell in row).lower()
    buys = frame["side"].str.lower().isin(["buy", "kauf", "compra", "achat"])
    closing = frame["direction"].str.lower().isin(["out", "ausgang", "sortie", "salida", "saida", "saída", "uscita"])
    if "hedge" in account or "hedging" in account:
        is_long = buys != closing
        frame["book"] = np.where(is_long, "long", "short")
        prepared.notes.append("hedging account: long and short deals of a symbol are separate positions")
    by = [o for o in prepared.others if o.profile.name == "mt5-orders"]
    if by:
        stops = dict(zip(by[0].frame["order_id"], by[0].frame["stop"], strict=True))
        frame["stop"] = [
            stops.get(order, "") if not out else "" for order, out in zip(frame["order_id"], closing, strict=True)
        ]
        prepared.notes.append("stop_price: from the S / L of the opening orders")


def mt5_python(prepared: Prepared) -> None:
    """Take millisecond or second stamps as texts of the server's clock."""
    number = pd.to_numeric(prepared.frame["time"], errors="coerce")
    if number.notna().all():
        unit: Literal["ms", "s"] = "ms" if number.max() > 1e11 else "s"
        prepared.frame["time"] = [s.isoformat() for s in pd.DatetimeIndex(pd.to_datetime(number.to_numpy(), unit=unit))]


def units_behind(prepared: Prepared) -> None:
    """Take the units behind quantities and fees (``0.5BTC``, ``1.2 USDT``) as base and fee currencies."""
    frame = prepared.frame
    if "fee_currency" not in frame and "fee" in frame:
        frame["fee_currency"] = units(frame["fee"])
    frame["base"] = units(frame["quantity"])
    if "currency" not in frame:
        amount = units(frame["amount"]) if "amount" in frame else np.full(len(frame), "", dtype=object)
        frame["currency"] = amount


def binance_spot(prepared: Prepared) -> None:
    """As `units_behind`; the header says whether stamps are in UTC."""
    units_behind(prepared)
    # some exports shorten the year: 24-01-05 09:30:00
    prepared.frame["time"] = prepared.frame["time"].str.replace(r"^(\d\d-\d\d-\d\d )", r"20\1", regex=True)
    prepared.zone = "UTC" if "utc" in prepared.found.headers["time"].lower() else ""


def binance_futures(prepared: Prepared) -> None:
    """As `units_behind`; in hedge mode long and short fills of a symbol are separate positions.

    A symbol such as BTCUSD_PERP is coin-margined.
    """
    binance_spot(prepared)
    frame = prepared.frame
    frame["base"] = ""
    _coin_margined(prepared, frame["symbol"].str.fullmatch(_BINANCE_INVERSE).to_numpy(dtype=bool))
    if "position_side" in frame:
        side = frame["position_side"].str.strip().str.lower()
        frame["book"] = side.where(side.isin(["long", "short"]), "")
    if not (frame["currency"] != "").all():
        frame["currency"] = frame["fee_currency"].where(frame["currency"] == "", frame["currency"])
        coins = set(frame["fee_currency"]) - {"BNB", ""}
        if len(coins) == 1:
            frame["currency"] = coins.pop()


def _coin_margined(prepared: Prepared, inverse: npt.NDArray[np.bool_]) -> None:
    """Mark contracts that pay in their coin and are counted in contracts of 100 (BTC) or 10 (others) US dollars."""
    if not inverse.any():
        return
    frame = prepared.frame
    size = np.where(frame["symbol"].str.startswith("BTC"), "100", "10")
    frame["inverse"], frame["multiplier"] = np.where(inverse, "1", ""), np.where(inverse, size, "")
    frame["currency"] = np.where(inverse, frame["symbol"].str.extract(r"^(.+?)-?USD")[0], frame["currency"])
    prepared.notes.append(
        "quantities of coin-margined contracts are numbers of contracts of 100 (BTC) or 10 US dollars: compare the "
        "profit by the file with that from the fills"
    )


def bybit(prepared: Prepared) -> None:
    """Keep one of the two rows that a spot fill has; sells have negative quantities.

    A contract such as BTCUSD, whose rows are in BTC alone, is coin-margined: its quantity is in US dollars.
    """
    frame = prepared.frame
    is_base = np.array([s.startswith(c) and s != c for c, s in zip(frame["currency"], frame["symbol"], strict=True)])
    inverse = is_base & frame["symbol"].str.fullmatch(_BYBIT_INVERSE).to_numpy(dtype=bool)
    inverse &= ~frame["symbol"].isin(set(frame["symbol"][~is_base])).to_numpy()
    is_base &= ~inverse
    pairs = set(frame["symbol"][is_base])
    quote = frame["symbol"].isin(pairs).to_numpy() & ~is_base
    if inverse.any():
        frame["inverse"] = np.where(inverse, "1", "")
        frame["multiplier"] = np.where(inverse, "1", "")
    fees = frame[quote].set_index(["symbol", "time", "price"])["fee"] if quote.any() else None
    frame["base"] = np.where(is_base, frame["currency"], "")
    frame["fee_currency"] = frame["currency"]
    if fees is not None:
        quotes = frame[quote].drop_duplicates(["symbol", "time", "price"]).set_index(["symbol", "time", "price"])
        for row in frame.index[is_base]:
            key = (frame.loc[row, "symbol"], frame.loc[row, "time"], frame.loc[row, "price"])
            frame.loc[row, "profit"] = ""
            if key in quotes.index and float(frame.loc[row, "fee"] or 0) == 0:
                frame.loc[row, "fee"], frame.loc[row, "fee_currency"] = (
                    quotes.loc[key, "fee"],
                    quotes.loc[key, "currency"],
                )
        for row in frame.index[is_base]:
            symbol, coin = frame.loc[row, "symbol"], frame.loc[row, "base"]
            frame.loc[row, "currency"] = symbol.removeprefix(coin)
        prepared.notes.append(f"{int(quote.sum())} rows are the money side of spot fills and were not read twice")
    frame["quantity"] = frame["quantity"].str.lstrip("-")
    prepared.frame = frame[~quote].reset_index(drop=True)


def okx(prepared: Prepared) -> None:
    """Read the zone of the first line; keep the row of a spot fill that is in the base currency."""
    frame = prepared.frame
    head = " ".join(cell for row in prepared.found.before for cell in row)
    if zone := re.search(r"Time Zone:\s*UTC([+-]\d{1,2})?(?::00)?", head):
        hours = int(zone[1] or 0)
        # names of the tz database count westward
        prepared.zone = "UTC" if hours == 0 else f"Etc/GMT{-hours:+d}"
        prepared.notes.append(f"stamps: UTC{hours:+d}, as the file's first line says")
    base = frame["symbol"].str.split("-").str[0]
    spot = frame["kind"].str.strip().str.lower().isin(["spot", "margin"])
    coin = frame["currency"] if "currency" in frame else frame["unit"]
    money_side = spot & (coin != base)
    if money_side.any():
        # the row of the base tells what was traded; the fee of a sell is in the row of the money
        place = frame["order_id"] + "|" + frame["time"]
        nth = place + "|" + place.groupby([place, money_side]).cumcount().astype(str)
        paid = frame[money_side].set_index(nth[money_side])
        for row in frame.index[spot & ~money_side]:
            if float(frame.loc[row, "fee"] or 0) == 0 and nth[row] in paid.index:
                frame.loc[row, "fee"] = paid.loc[nth[row], "fee"]
                frame.loc[row, "fee_currency"] = paid.loc[nth[row], "fee_currency"]
        prepared.notes.append(f"{int(money_side.sum())} rows are the money side of spot fills and were not read twice")
    contracts = ~spot & (frame["unit"].str.lower() == "cont")
    if contracts.any():
        prepared.notes.append("quantities of swaps and futures are numbers of contracts; their size is not in the file")
    frame["base"] = np.where(spot, base, "")
    frame["currency"] = frame["symbol"].str.split("-").str[1].fillna("")
    inverse = frame["symbol"].str.fullmatch(_OKX_INVERSE).to_numpy(dtype=bool)
    _coin_margined(prepared, inverse & ~spot.to_numpy(dtype=bool))
    frame.loc[spot, "profit"] = ""
    prepared.frame = frame[~money_side].reset_index(drop=True)


def amibroker(prepared: Prepared) -> None:
    """Take `Open Long` and `Open Short` as trades that are still open: their exit is the last price of the data."""
    frame = prepared.frame
    word = frame["side"].str.strip().str.lower()
    still = word.str.startswith("open")
    frame["side"] = word.str.replace(r"^open\s+", "", regex=True).str.extract(r"^(long|short)")[0].fillna(word)
    if still.any():
        frame.loc[still, ["exit_time", "exit_price", "profit"]] = ""
        prepared.notes.append(
            f"{int(still.sum())} open trades: their exit is the last price of the data and was left out"
        )


def tradovate(prepared: Prepared) -> None:
    """Make a row's purchase and sale its entry and exit, by which of both came first; join slices of one entry."""
    frame = prepared.frame
    bought, sold = (read_stamps(frame[name]) for name in ("buy_time", "sell_time"))
    problem = bought.problem or sold.problem
    order = next((o for o in (bought.order, sold.order) if o), "")
    if problem or (bought.ns == NO_TIME).any() or (sold.ns == NO_TIME).any():
        # the order of day and month may come from the other column, and else from the user
        bought, sold = (
            read_stamps(frame[name], dates=(order or prepared.dates).replace(" ", ""))
            for name in ("buy_time", "sell_time")
        )
    problem = bought.problem or sold.problem
    if problem:
        raise TradesError(f"{problem} ({prepared.found.sheet.name}).")
    is_long = bought.ns < sold.ns
    # fills of one moment: the lower id came first
    ids = [pd.to_numeric(frame[name], errors="coerce").to_numpy() for name in ("buy_id", "sell_id")]
    is_long = np.where(bought.ns == sold.ns, ids[0] < ids[1], is_long)
    frame["side"] = np.where(is_long, "long", "short")
    for name, first, second in (("time", "buy_time", "sell_time"), ("price", "buy_price", "sell_price")):
        frame[f"entry_{name}"] = np.where(is_long, frame[first], frame[second])
        frame[f"exit_{name}"] = np.where(is_long, frame[second], frame[first])
    entry = pd.Series(np.where(is_long, frame["buy_id"], frame["sell_id"]), index=frame.index)
    frame["trade_id"] = "T-" + entry.astype(str)


def tradingview(prepared: Prepared) -> None:
    """Join the two rows of each trade number; trade numbers of one entry are legs of one position."""
    frame = prepared.frame
    kind = frame["type"].str.strip().str.lower()
    is_entry = kind.str.contains("entry|einstieg|entrada|entrée|ingresso", regex=True)
    side = np.where(kind.str.contains("short|verkauf|corta|corto|vente"), "short", "long")
    entries = frame[is_entry].assign(side=side[is_entry]).drop_duplicates("number").set_index("number")
    exits = frame[~is_entry].drop_duplicates("number").set_index("number")
    numbers = sorted(entries.index, key=lambda n: (len(n), n))
    lost = sorted(set(exits.index) - set(numbers))
    if lost:
        prepared.notes.append(
            f"{len(lost)} trade numbers have no entry in the file and were left out, such as {lost[0]}"
        )
    legs = pd.DataFrame({"trade_id": numbers}, dtype=object)
    for name, source in (
        ("side", "side"),
        ("quantity", "quantity"),
        ("entry_time", "time"),
        ("entry_price", "price"),
        ("tag", "signal"),
        ("line", "line"),
    ):
        if source in entries:
            legs[name] = [entries.loc[n, source] for n in numbers]
    closed = exits.reindex(numbers)
    still = closed["time"].isna() | closed["time"].str.strip().str.lower().eq("open")
    if "signal" in closed:
        still |= closed["signal"].str.strip().str.lower().eq("open")
    still_list = still.to_list()
    for name, source in (("exit_time", "time"), ("exit_price", "price"), ("profit", "profit"), ("fee", "fee")):
        if source in closed:
            legs[name] = ["" if off or pd.isna(v) else v for off, v in zip(still_list, closed[source], strict=True)]
    if "value" in entries:
        legs["value"] = [entries.loc[n, "value"] for n in numbers]
    if "symbol" in entries:
        legs["symbol"] = [entries.loc[n, "symbol"].split(":")[-1] for n in numbers]
    legs["currency"] = prepared.found.currency
    if "fee" in legs and prepared.found.currency:
        legs["fee_currency"] = prepared.found.currency
    if legs.empty:
        raise TradesError(
            f"Every trade must have an entry, but no row of {prepared.found.sheet.name} is one. Export the list of "
            "trades again."
        )
    key = legs["side"] + "|" + legs["entry_time"] + "|" + legs["entry_price"]
    legs["trade_id"] = legs["trade_id"].groupby(key).transform("first")
    regrouped = len(legs) - legs["trade_id"].nunique()
    if regrouped:
        prepared.notes.append(
            f"{len(legs)} trade numbers are {legs['trade_id'].nunique()} entries left in parts: regrouped"
        )
    prepared.frame, prepared.kind = legs, "round_trips"
