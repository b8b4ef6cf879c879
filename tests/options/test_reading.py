"""Files of quotes, positions, plans, events and volatilities: what is read, and what is refused with its cure."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.options.markets import CLOSES_UP, DAYS, EXPIRY, replayed, snapshots, told, trade_of, underlying

from exitladder.clock import DAY_NS
from exitladder.errors import LadderError, OptionsError, TradesError
from exitladder.files.conventions import PLAIN
from exitladder.files.table import Table
from exitladder.options.black_scholes import greeks
from exitladder.options.contracts import Contract
from exitladder.options.market import OptionMarket, read_events, read_settlements
from exitladder.options.modelled import no_quotes, read_volatilities, with_modelled_quotes
from exitladder.options.positions.measures import Valuer
from exitladder.options.positions.plan import check_targets, option_plan
from exitladder.options.positions.trades import read_option_trades
from exitladder.options.quote_files import quotes_of_table
from exitladder.plans.file import ladder_from_mapping
from exitladder.settings.options import OptionSettings
from exitladder.trades.files import read_trades

ROW = {"trade_id": "T1", "symbol": "XYZ", "side": "long", "entry_time": DAYS[0], "quantity": 1, "expiry": EXPIRY,
       "strike": 100, "right": "call"}  # fmt: skip


def quotes_of(frame: pd.DataFrame, symbol: str = "") -> Any:
    return quotes_of_table(Table.from_frame(frame, "quotes"), symbol, PLAIN)


def test_daily_snapshots_are_bars_of_their_date_and_intraday_ones_have_no_length() -> None:
    daily = snapshots("call", 100, [(1.0, 1.2)] * 5)
    assert quotes_of(daily).interval_ns == DAY_NS
    timed = daily.assign(timestamp=[f"{day} 15:45" for day in DAYS])
    found = quotes_of(timed)
    assert found.interval_ns == 0
    bars = found[Contract.of("XYZ", EXPIRY, 100, "call")]
    assert np.array_equal(bars.start, bars.end) and (bars.bid == 1.0).all() and np.isnan(bars.bid_size).all()


def test_other_spellings_and_a_file_of_one_underlying() -> None:
    frame = snapshots("P", 100, [(1.0, 1.2)] * 5, underlying_last=[101.0] * 5).drop(columns="underlying")
    frame = frame.rename(columns={"expiry": "expire_date", "timestamp": "quote_date", "right": "option_type"})
    with pytest.raises(OptionsError, match="--underlying SYMBOL"):
        quotes_of(frame)
    bars = quotes_of(frame, "XYZ")[Contract.of("XYZ", EXPIRY, 100, "put")]
    assert (bars.spot == 101).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"bid": None}, "must have the columns bid and ask"), ({"strike": None}, "strike is missing"),
        ({"right": "X"}, "call, put, C or P"), ({"bid": -1.0}, "number of 0 or more"), ({"strike": 0}, "above 0"),
        ({"expiry": "soon"}, "must"), ({"timestamp": DAYS[0]}, "two at 2024-03-11"),
    ],
)  # fmt: skip
def test_faulty_quotes_are_refused(change: dict[str, Any], message: str) -> None:
    frame = snapshots("call", 100, [(1.0, 1.2)] * 5)
    for name, value in change.items():
        frame = frame.drop(columns=name) if value is None else frame.assign(**{name: value})
    with pytest.raises(OptionsError, match=message):
        quotes_of(frame)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"quantity": 1.5}, "whole number of contracts"), ({"side": "buy"}, "long or short"),
        ({"strike_2": 100}, "must differ"), ({"style": "asian"}, "american, european"),
        ({"entry_price": 2.0, "stop_price": 3.0}, "below entry_price"),
        ({"entry_price": 6.0, "strike_2": 105}, "below its width"), ({"entry_time": "2024-04-02"}, "by its expiry"),
        ({"expiry": None}, "expiry is missing"), ({"stop_price": 0}, "above 0, or blank"),
    ],
)  # fmt: skip
def test_faulty_positions_are_refused(change: dict[str, Any], message: str) -> None:
    row = {name: value for name, value in (ROW | change).items() if value is not None}
    with pytest.raises(OptionsError, match=message):
        read_option_trades(pd.DataFrame([row]), OptionSettings())


def test_other_commands_refuse_positions_in_options_by_name() -> None:
    with pytest.raises(TradesError, match="exitladder options backtest"):
        read_trades(pd.DataFrame([ROW | {"entry_price": 2.0}]))
    # blank columns of options are no options
    with pytest.warns(match="left out"):
        blank = read_trades(pd.DataFrame([ROW | {"entry_price": 2.0, "right": None, "expiry": None, "strike": None}]))
    assert len(blank) == 1


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"stop": {"trail": "1R"}}, "stop.trail"), ({"stop": {"session_close": True}}, "stop.session_close"),
        ({"costs": {"half_spread_bps": 1}}, "costs.half_spread_bps"),
        ({"execution": {"intrabar": "ohlc"}}, "execution"),
        ({"rungs": [{"fraction": 1, "target": "2ATR"}]}, r"rungs\[1\].target in ATR"),
        ({"rungs": [{"fraction": 1, "target": "1R", "stop": "1R"}]}, r"rungs\[1\].stop"),
        ({"book": {"equity": 1000}}, r"\[book\]"), ({"size": {"rule": "fixed", "units": 2}}, r"\[size\]"),
        ({"rungs": [{"fraction": 1, "when": ["detla >= 0.3"]}]}, "Did you mean"),
        ({"stop": {"initial": "2ATR"}}, "% of the premium"),
    ],
)  # fmt: skip
def test_parts_of_a_plan_that_options_do_not_know_are_refused_by_name(table: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionsError, match=message):
        option_plan(ladder_from_mapping(table))


def test_a_vertical_has_no_limit_on_its_net_premium() -> None:
    plan = option_plan(ladder_from_mapping({"rungs": [{"fraction": 1.0, "target": "1R"}]}))
    check_targets(plan, [trade_of()])
    with pytest.raises(OptionsError, match="premium_r >= 1"):
        check_targets(plan, [trade_of(strike_2=105)])


def test_a_lot_of_one_is_no_restriction_of_contracts() -> None:
    assert option_plan(ladder_from_mapping({"costs": {"lot": 1, "min_quantity": 1}})).costs.lot == 1
    with pytest.raises(LadderError):
        ladder_from_mapping({"costs": {"lot": -1}})


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_dividends_need_their_announcement_and_splits_whole_numbers(tmp_path: Path) -> None:
    good = "symbol,date,split,dividend,announced\nXYZ,2024-03-13,7:1,,\nXYZ,2024-03-14,,0.5,2024-03-01\n"
    events = read_events(write(tmp_path / "a.csv", good))
    assert events.splits[0].factor == 7 and events.dividends["XYZ"][0].amount == 0.5
    # a date is known once it has ended
    assert events.dividends["XYZ"][0].announced == pd.Timestamp("2024-03-02").as_unit("ns").value
    for text, message in (
        ("symbol,date,dividend\nXYZ,2024-03-14,0.5\n", "column announced"),
        ("symbol,date,dividend,announced\nXYZ,2024-03-14,0.5,2024-03-20\n", "by its ex-date"),
        ("symbol,date,split\nXYZ,2024-03-13,3:2\n", "ratio 1.5"),
    ):
        with pytest.raises(OptionsError, match=message):
            read_events(write(tmp_path / "b.csv", text))


def test_settlement_prices(tmp_path: Path) -> None:
    found = read_settlements(write(tmp_path / "s.csv", "underlying,expiry,price\nXYZ,2024-03-15,103.2\n"))
    assert found == {("XYZ", Contract.of("XYZ", EXPIRY, 1, "put").expiry): 103.2}


def modelled(tmp_path: Path, text: str, **settings: Any) -> OptionMarket:
    market = OptionMarket(no_quotes(), underlying(CLOSES_UP), OptionSettings(style="european", **settings))
    trades = [replace(trade_of(), style="european")]
    return with_modelled_quotes(market, trades, read_volatilities(write(tmp_path / "iv.csv", text)))


IV = "timestamp,implied_volatility\n2024-03-08,0.30\n2024-03-11,0.32\n2024-03-12,0.34\n"


def test_quotes_by_the_model_use_the_last_volatility_known(tmp_path: Path) -> None:
    market = modelled(tmp_path, IV, half_spread=0.05, rate=0.03)
    bars = market.quotes[Contract.of("XYZ", EXPIRY, 100, "call")]

    def value(spot: float, days: float, sigma: float) -> float:
        return float(greeks(spot, 100, days / 365, sigma, 1.0, (0.03, 0.0)).value)

    # Monday opens with Friday's volatility and closes with its own; Friday's bar ends with the contract
    assert bars.ask[0, 0] == pytest.approx(value(CLOSES_UP[0], 5, 0.30) + 0.05)
    assert bars.bid[0, 3] == pytest.approx(value(CLOSES_UP[0], 4, 0.32) - 0.05)
    assert bars.bid[4, 3] == pytest.approx(CLOSES_UP[4] - 100 - 0.05)
    # Greeks use the volatility of the series, also at closes without a bid
    volatility, sensitivities = Valuer(market).at_close(Contract.of("XYZ", EXPIRY, 100, "call"), 1, "european")
    assert volatility == 0.34 and 0.5 < sensitivities.delta < 1
    found = replayed(market, replace(trade_of(), style="european"), {"stop": {"time": 2}})
    assert told(found) == [("time", 1, 4, pytest.approx(float(bars.bid[2, 0])))]


def test_the_model_needs_a_spread_decimals_and_fresh_volatilities(tmp_path: Path) -> None:
    with pytest.raises(OptionsError, match=r"options\.half_spread is 0"):
        modelled(tmp_path, IV)
    with pytest.raises(OptionsError, match="Divide an index such as the VIX by 100"):
        modelled(tmp_path, IV.replace("0.3", "3"), half_spread=0.05)
    with pytest.raises(OptionsError, match="No bar of the underlyings"):
        modelled(tmp_path, "timestamp,implied_volatility\n2024-02-01,0.3\n", half_spread=0.05)
