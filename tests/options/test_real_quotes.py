"""Real quotes: a vertical worked out by hand, a split, and an independent slow reading of single contracts."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from tests.options.markets import plan_of, told

from exitladder.bars.actions import parse_split
from exitladder.bars.reading import read_bars
from exitladder.options.contracts import Contract
from exitladder.options.market import Events, OptionMarket
from exitladder.options.positions.measures import Valuer
from exitladder.options.positions.replay import replay
from exitladder.options.positions.tables import net_r
from exitladder.options.positions.trades import OptionTrade
from exitladder.options.quote_files import read_quotes
from exitladder.options.valuation import Terms
from exitladder.settings.options import OptionSettings

START = pd.Timestamp("2014-06-06 14:00", tz="UTC").as_unit("ns").value


@pytest.fixture(scope="module")
def spx(shared_data: Path) -> OptionMarket:
    folder = shared_data / "lean-options"
    bars = read_bars(folder / "SPX-1m.parquet", symbol="SPXW")[0]
    quotes = read_quotes(folder / "SPXW-quotes-1m.parquet", symbol="SPXW")
    return OptionMarket(quotes, bars, OptionSettings(style="european", settlement="close"))


@pytest.fixture(scope="module")
def apple(shared_data: Path) -> OptionMarket:
    quotes = read_quotes(shared_data / "lean-options/AAPL-quotes-1h.parquet", symbol="AAPL")
    bars = read_bars(shared_data / "lean-usa/AAPL-1h.parquet", adjust="none")[0]
    split = parse_split("AAPL,2014-06-09,7:1")
    return OptionMarket(quotes, bars, OptionSettings(rate=0.002), Events(splits=(split,)))


def trade(contract: Contract, second: Contract | None = None, side: int = 1, **more: Any) -> OptionTrade:
    known: dict[str, Any] = {"entry_time": START, "quantity": 4, "entry_price": math.nan, "stop_price": math.nan}
    known |= {"multiplier": 100.0, "style": "american"} | more
    return OptionTrade("T1", side, contract, second, **known)


def test_a_vertical_of_spx_by_hand(spx: OptionMarket) -> None:
    legs = [Contract.of("SPXW", "2021-01-04", strike, "call") for strike in (3700, 3800)]
    entry = pd.Timestamp("2021-01-04 15:00", tz="UTC").as_unit("ns").value
    position = trade(legs[0], legs[1], entry_time=entry, quantity=1, style="european")
    # 15:00 opens at 47.60/51.70 and 0.10/0.20: 51.70 − 0.10 = 51.60 paid
    held = replay([position], plan_of(), Valuer(spx))[0]
    # the minute that ends at 16:00 New York closes at 3701.38
    assert told(held) == [("expiry", 1, 1, pytest.approx(1.38)), ("expiry", 2, 1, 0.0)]
    assert net_r(held) == pytest.approx((1.38 - 51.6) / 51.6)
    # the 61st close of minutes in which both were quoted is that of 16:19; the next one, 16:23, opens at 14.00 and 0.05
    timed = replay([position], plan_of({"stop": {"time": 61}}), Valuer(spx))[0]
    assert told(timed) == [("time", 1, 1, 14.0), ("time", 2, 1, 0.05)]
    assert net_r(timed) == pytest.approx((13.95 - 51.6) / 51.6)


def test_apples_split_leaves_the_value_of_a_position(apple: OptionMarket) -> None:
    contract = Contract.of("AAPL", "2014-06-21", 645, "call")
    before = replay([trade(contract)], plan_of(), Valuer(replace(apple, events=Events())))[0]
    after = replay([trade(contract)], plan_of(), Valuer(apple))[0]
    assert before.position is not None and after.position is not None
    assert after.position.legs[0].contract == Contract.of("AAPL", "2014-06-21", 92.14, "call")
    assert (before.position.held, after.position.held) == (4, 28)
    assert before.position.premium == pytest.approx(7 * after.position.premium)
    # strikes round by less than half a cent
    old, new = 92.142857, after.position.legs[0].contract.strike
    assert abs(old - new) < 0.005 and before.position.money_at_risk == pytest.approx(after.position.money_at_risk)
    assert before.status == after.status == "open" and after.state["bars_held"] > before.state["bars_held"]


def rows_of(frame: pd.DataFrame, contract: Contract) -> Iterator[dict[str, Any]]:
    right = "C" if contract.right > 0 else "P"
    expiry = pd.Timestamp(contract.expiry, tz="UTC")
    chosen = frame[(frame["expiry"] == expiry) & (frame["strike"] == contract.strike) & (frame["right"] == right)]
    for record in chosen.sort_values("timestamp").to_dict("records"):
        yield {str(name): value for name, value in record.items()}


def slow_reading(frame: pd.DataFrame, contract: Contract, side: int, last: float) -> float | None:
    """Return the R of: half at a mark of 0.4 R, all at a stop 60% away, the rest at expiry; read row by row."""
    bought, sold = ("ask", "bid") if side > 0 else ("bid", "ask")

    def good(row: dict[str, Any], name: str, at: str) -> float | None:
        bid, ask = row[f"bid_{at}"], row[f"ask_{at}"]
        if bid > 0 and ask > 0 and bid > ask:
            return None
        value = row[f"{name}_{at}"]
        return float(value) if value > 0 else None

    paid, total, risk = None, 0.0, math.nan
    left, fired, shown, remembered, offered, entered = 4, False, math.inf, None, math.inf, 4
    waiting: list[list[int]] = []
    for row in rows_of(frame, contract):
        before, offered = offered, math.inf if math.isnan(row[f"{bought}_size"]) else row[f"{bought}_size"]
        if row["timestamp"].value < START or row["timestamp"].day > 6:
            continue
        if paid is None:
            paid = good(row, bought, "open") if before >= 1 else None
            if paid is None:
                continue
            risk = 0.6 * paid
            left = entered = int(min(4, before))
        else:
            exit_price = good(row, sold, "open")
            for order in list(waiting):
                if exit_price is None:
                    continue
                size = int(min(order[0], left, shown))
                total += size * side * (exit_price - paid)
                left, order[0], shown = left - size, order[0] - size, shown - size
                if order[0] == 0:
                    waiting.remove(order)
        value = good(row, sold, "close")
        if side > 0 and value is None and good(row, "ask", "close") is not None:
            value = 0.0
        if side < 0:
            crossed = row["bid_close"] > row["ask_close"]
            remembered = value if value is not None else remembered
            value = None if crossed else remembered
        shown = math.inf if math.isnan(row[f"{sold}_size"]) else row[f"{sold}_size"]
        if left == 0 or value is None or any(order[1] for order in waiting):
            continue
        r = side * (value - paid) / risk
        if r <= -1 + 1e-10:
            waiting = [[left, 1]]
        elif r >= 0.4 - 1e-10 and not fired:
            fired = True
            waiting.append([entered // 2, 0])
    if paid is None:
        return None
    worth = max(contract.right * (last - contract.strike), 0.0)
    worth = worth if side < 0 or worth >= 0.01 - 1e-9 else 0.0
    return (total + left * side * (worth - paid)) / (entered * risk)


def test_an_independent_reading_of_apple_on_its_expiry_day(apple: OptionMarket, shared_data: Path) -> None:
    frame = pd.read_parquet(shared_data / "lean-options/AAPL-quotes-1h.parquet")
    plan = plan_of({"rungs": [{"fraction": 0.5, "when": ["premium_r >= 0.4"]}], "stop": {"initial": "60%"}})
    last = apple.settlement(Contract.of("AAPL", "2014-06-06", 645, "call"))
    contracts = [c for c in apple.quotes if c.expiry == Contract.of("AAPL", "2014-06-06", 1, "put").expiry]
    chosen = [c for c in contracts if 600 <= c.strike <= 700]
    assert last == 645.57 and len(chosen) > 60
    valuer, n_traded = Valuer(apple), 0
    for contract in chosen:
        for side in (1, -1):
            found, slow = (
                net_r(replay([trade(contract, side=side)], plan, valuer)[0]),
                slow_reading(frame, contract, side, last),
            )
            assert math.isnan(found) == (slow is None), contract
            if slow is not None:
                assert found == pytest.approx(slow, abs=1e-9), (contract, side)
                n_traded += 1
    assert n_traded > 80


def test_calls_and_puts_of_apple_imply_one_volatility(apple: OptionMarket) -> None:
    """Parity on real quotes, near the money; the volatilities that the chain's file states come from old trades."""
    pytest.importorskip("QuantLib", reason="QuantLib is not installed")
    valuer = Valuer(apple)
    for strike in (640.0, 645.0, 650.0):
        call, put = (
            valuer.at_close(Contract.of("AAPL", "2014-06-21", strike, r), 2, "american") for r in ("call", "put")
        )
        assert 0.15 < call[0] < 0.35 and abs(call[0] - put[0]) < 0.01
        assert call[1].delta - put[1].delta == pytest.approx(1, abs=0.02)
        assert call[1].gamma == pytest.approx(put[1].gamma, rel=0.05)


def test_american_values_respect_their_bounds() -> None:
    pytest.importorskip("QuantLib", reason="QuantLib is not installed")
    for spot in (80.0, 95.0, 100.0, 120.0):
        for right in (1.0, -1.0):
            for dividends in ((), ((0.1, 2.0),)):
                american = Terms(right, 100.0, True, (0.05, 0.0), dividends)
                european = replace(american, is_american=False)
                value = american.value(spot, 0.25, 0.3)
                least = max(right * (spot - 100.0), 0.0)
                assert value >= max(least, european.value(spot, 0.25, 0.3) - 0.02)
                volatility = american.implied(value, spot, 0.25)
                assert math.isnan(volatility) or american.value(spot, 0.25, volatility) == pytest.approx(
                    value, abs=1e-3
                )
    # QuantLib's fixed point and its finite differences
    quick = Terms(-1.0, 100.0, True, (0.06, 0.0)).value(100.0, 1.0, 0.2)
    from exitladder.options.american import american as by_grid

    assert quick == pytest.approx(by_grid(100, 100, 365, 0.2, -1.0, (0.06, 0.0)).value, abs=3e-3)


def test_parity_with_dividends() -> None:
    call, put = (Terms(right, 100.0, False, (0.03, 0.01), ((0.2, 1.5),)) for right in (1.0, -1.0))
    at = (105.0, 0.5, 0.25)
    paid = 1.5 * math.exp(-0.03 * 0.2)
    forward = (105.0 - paid) * math.exp(-0.01 * 0.5) - 100 * math.exp(-0.03 * 0.5)
    assert call.value(*at) - put.value(*at) == pytest.approx(forward, abs=1e-12)
