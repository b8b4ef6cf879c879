"""Positions in options against values worked out by hand, rule by rule of docs/design/options.md."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.options.markets import CLOSES_UP, DAYS, market_of, plan_of, replayed, snapshots, told, trade_of

from exitladder.bars.actions import Action
from exitladder.clock import DAY_NS
from exitladder.errors import OptionsError
from exitladder.options.market import Dividend, Events, OptionMarket
from exitladder.options.positions.measures import Valuer, greek_series, series
from exitladder.options.positions.replay import replay
from exitladder.options.positions.tables import fills_frame, is_beyond_width, net_r, trades_frame

CALL = [(2.0, 2.2), (3.0, 3.2), (2.5, 2.7), (4.1, 4.3), (4.9, 5.1)]
NONE = math.nan


def date(day: int) -> int:
    return pd.Timestamp(DAYS[day], tz="UTC").as_unit("ns").value


def test_a_long_call_pays_the_ask_and_is_exercised_at_its_intrinsic_value() -> None:
    found = replayed(market_of(snapshots("call", 100, CALL), closes=CLOSES_UP), trade_of())
    # bought at 2.20, worth 5 on Friday: R is the premium
    assert told(found) == [("expiry", 1, 4, 5.0)]
    assert found.status == "closed" and net_r(found) == pytest.approx((5 - 2.2) / 2.2)
    assert found.position is not None and "delivered" in found.position.notes


def test_decisions_at_a_close_fill_at_the_next_bid() -> None:
    plan = {"rungs": [{"fraction": 0.5, "when": ["premium_r >= 0.3"]}], "stop": {"initial": "50%"}}
    found = replayed(market_of(snapshots("call", 100, CALL), closes=CLOSES_UP), trade_of(), plan)
    # R = 1.10; the bid of Tuesday, 3.00, is 0.73 R: sold on Wednesday at 2.50
    assert told(found) == [("rung", 1, 2, 2.5), ("expiry", 1, 2, 5.0)]
    assert net_r(found) == pytest.approx((0.5 * 0.3 + 0.5 * 2.8) / 1.1)


def test_a_stop_on_the_premium_counts_at_a_close_and_fills_at_the_next_quote() -> None:
    falling = [(2.0, 2.2), (0.9, 1.1), (0.4, 0.6), (0.3, 0.5), (0.0, 0.1)]
    found = replayed(market_of(snapshots("call", 100, falling), closes=[100, 98, 97, 96, 95]), trade_of(stop_price=1.0))
    assert told(found) == [("stop", 1, 4, 0.4)]
    assert net_r(found) == pytest.approx((0.4 - 2.2) / 1.2)
    assert found.state["mae_r"] == pytest.approx((0.9 - 2.2) / 1.2)


def test_a_time_stop_counts_closes() -> None:
    found = replayed(market_of(snapshots("call", 100, CALL), closes=CLOSES_UP), trade_of(), {"stop": {"time": 2}})
    assert told(found) == [("time", 1, 4, 2.5)]


def test_a_sale_without_a_bid_waits_at_the_longest_to_expiry() -> None:
    quotes = [(2.0, 2.2), (0.5, 0.7), (0.0, 0.3), (NONE, 0.2), (0.0, 0.1)]
    found = replayed(
        market_of(snapshots("call", 100, quotes), closes=[100, 97, 95, 94, 93]),
        trade_of(),
        {"stop": {"initial": "50%"}},
    )
    assert told(found) == [("expiry", 1, 4, 0.0)] and net_r(found) == pytest.approx(-2.2 / 1.1)
    assert found.position is not None and "waited" in found.position.notes
    again = [*quotes[:3], (0.1, 0.2), (0.0, 0.1)]
    found = replayed(
        market_of(snapshots("call", 100, again), closes=[100, 97, 95, 94, 93]), trade_of(), {"stop": {"initial": "50%"}}
    )
    assert told(found) == [("stop", 1, 4, 0.1)]


def test_a_fill_takes_what_was_shown_before_and_the_rest_waits() -> None:
    market = market_of(snapshots("call", 100, CALL, bid_size=[9, 3, 1, 9, 9], ask_size=[9] * 5), closes=CLOSES_UP)
    found = replayed(market, trade_of(), {"rungs": [{"fraction": "rest", "when": ["bars_held >= 2"]}]})
    # decided on Tuesday, which shows 3; Wednesday shows 1
    assert told(found) == [("rung", 1, 3, 2.5), ("rung", 1, 1, 4.1)]


def test_crossed_quotes_and_rows_of_zeros_are_no_quotes() -> None:
    quotes = [(0.0, 0.0), (3.4, 3.2), (2.5, 2.7), (4.1, 4.3), (4.9, 5.1)]
    market = market_of(snapshots("call", 100, quotes), closes=CLOSES_UP)
    assert replayed(market, trade_of()).reason == "no usable quote on the day of the entry"
    assert replayed(market, trade_of(entry_time=DAYS[1])).status == "skipped"
    found = replayed(market, trade_of(entry_time=DAYS[2]))
    assert found.position is not None and found.position.premium == 2.7
    # a crossed quote is no mark: the condition on it is false, and the close is counted
    crossed = market_of(snapshots("call", 100, [CALL[0], (3.4, 3.2), *CALL[2:]]), closes=CLOSES_UP)
    found = replayed(crossed, trade_of(), {"rungs": [{"fraction": 1.0, "when": ["premium_r >= 0.1"]}]})
    assert told(found) == [("rung", 1, 4, 4.1)] and found.state["n_unknown"] == 1


def test_a_limit_fills_only_where_later_quotes_trade_through_it() -> None:
    table = snapshots("call", 100, CALL)
    for side in ("bid", "ask"):
        for price in ("open", "high", "low", "close"):
            table[f"{side}_{price}"] = table[side]
    bars = table.drop(columns=["bid", "ask"])
    plan = {"rungs": [{"fraction": 1.0, "target": "1R"}]}

    def fills(**changes: tuple[int, float]) -> list[tuple[str, int, int, float]]:
        changed = bars.copy()
        for column, (day, value) in changes.items():
            changed.loc[day, column] = value
        return told(replayed(market_of(changed, closes=CLOSES_UP), trade_of(), plan))

    # the limit is 4.40: the bid of Friday, 4.90, is beyond it, and it fills at the limit
    assert fills() == [("rung", 1, 4, 4.4)]
    # a high of exactly 4.40 does not trade through; one of the entry's own bar is not later
    assert fills(bid_high=(4, 4.4)) == [("expiry", 1, 4, 5.0)]
    assert fills(bid_high=(0, 9.0), ask_high=(0, 9.0)) == [("rung", 1, 4, 4.4)]
    assert fills(bid_high=(0, 9.0), ask_high=(0, 9.5), bid_open=(4, 4.0)) == [("rung", 1, 4, 4.4)]
    # extremes that contradict each other fill no limit
    assert fills(bid_high=(4, 6.0)) == [("expiry", 1, 4, 5.0)]


def test_a_short_put_needs_a_stop_and_buys_back_at_the_ask() -> None:
    quotes = [(2.0, 2.2), (1.4, 1.6), (0.9, 1.1), (0.7, 0.9), (0.0, 0.1)]
    market = market_of(snapshots("put", 100, quotes), closes=[100, 101, 103, 104, 105])
    assert "no R" in replayed(market, trade_of("short", right="put")).reason
    plan = {"rungs": [{"fraction": 0.5, "when": ["max_profit_share >= 0.4"]}], "stop": {"initial": "100%"}}
    found = replayed(market, trade_of("short", right="put"), plan)
    # sold at 2.00, stop at 4.00, R 2.00; the ask of Wednesday, 1.10, is 45% of the largest profit
    assert told(found) == [("rung", 1, 2, 0.9), ("expiry", 1, 2, 0.0)]
    assert net_r(found) == pytest.approx((0.5 * 1.1 + 0.5 * 2.0) / 2)
    assert found.position is not None and found.position.stop == 4.0


def test_a_short_in_the_money_by_any_amount_is_assigned_and_a_long_from_a_cent_on() -> None:
    quotes = [(2.0, 2.2)] * 5
    closes = [100.0] * 4 + [100.005]
    market = market_of(snapshots("call", 100, quotes), closes=closes)
    short = replayed(market, trade_of("short", stop_price=9))
    assert told(short)[0][0] == "assignment" and told(short)[0][3] == pytest.approx(0.005)
    assert told(replayed(market, trade_of())) == [("expiry", 1, 4, 0.0)]
    long = replayed(market_of(snapshots("call", 100, quotes), closes=[*closes[:4], 100.01]), trade_of())
    assert told(long)[0][3] == pytest.approx(0.01)


SHORT_CALL = [(0.8, 0.9), (1.3, 1.4), (1.0, 1.1), (1.9, 2.0), (0.0, 0.1)]


def test_a_debit_vertical_against_its_own_arithmetic() -> None:
    market = market_of(snapshots("call", 100, CALL), snapshots("call", 105, SHORT_CALL), closes=CLOSES_UP)
    trade = trade_of(strike_2=105)
    plan = {"rungs": [{"fraction": 0.25, "when": ["max_profit_share >= 0.05"]}], "costs": {"commission_per_unit": 0.5}}
    found = replayed(market, trade, plan)
    # 2.20 − 0.80 = 1.40 paid of a width of 5.00. Tuesday: 3.00 − 1.40 = 1.60, 0.2 of 3.6 = 5.6% of the most
    assert told(found) == [("rung", 1, 1, 2.5), ("rung", 2, 1, 1.1), ("expiry", 1, 3, 5.0), ("expiry", 2, 3, 0.0)]
    gross = 0.25 * (2.5 - 1.1 - 1.4) + 0.75 * (5.0 - 1.4)
    # four of each leg at the entry, one of each sold: 5 a contract of 100
    costs = (8 + 2) * 0.5 / 400
    assert net_r(found) == pytest.approx((gross - costs) / 1.4)
    table = fills_frame([found])
    assert table["r"].sum() == pytest.approx(net_r(found)) and len(table) == 6
    assert trades_frame([found]).loc[0, "costs"] == pytest.approx(5.0)


def test_a_credit_vertical_risks_its_width_less_the_credit() -> None:
    puts = [(2.0, 2.2), (1.3, 1.4), (0.9, 1.1), (0.4, 0.6), (0.0, 0.1)]
    lower = [(0.6, 0.8), (0.3, 0.4), (0.2, 0.3), (0.1, 0.2), (0.0, 0.1)]
    market = market_of(snapshots("put", 100, puts), snapshots("put", 95, lower), closes=[100, 101, 102, 103, 97.0])
    trade = trade_of("short", right="put", strike_2=95)
    found = replayed(market, trade)
    # credit 2.00 − 0.80 = 1.20, R 3.80; at 97 the short put costs 3, the long one is worth nothing
    assert told(found) == [("assignment", 1, 4, 3.0), ("expiry", 2, 4, 0.0)]
    assert net_r(found) == pytest.approx((1.2 - 3.0) / 3.8)
    assert found.position is not None and "pin" in found.position.notes and not is_beyond_width(found)


def test_a_worthless_long_leg_does_not_keep_the_short_leg_open() -> None:
    puts = [(2.0, 2.2), (1.3, 1.4), (0.2, 0.3), (0.1, 0.2), (0.0, 0.1)]
    lower = [(0.6, 0.8), (0.3, 0.4), (0.0, 0.1), (0.0, 0.1), (0.0, 0.1)]
    market = market_of(snapshots("put", 100, puts), snapshots("put", 95, lower), closes=[100, 101, 104, 106, 94.0])
    plan = {"rungs": [{"fraction": "rest", "when": ["max_profit_share >= 0.7"]}]}
    found = replayed(market, trade_of("short", right="put", strike_2=95), plan)
    # Wednesday: 0.30 − 0 of a credit of 1.20; Thursday the short leg is bought at 0.20 and the long one kept
    assert told(found) == [("rung", 1, 4, 0.2), ("expiry", 2, 4, 1.0)]
    assert net_r(found) == pytest.approx((1.2 - 0.2 + 1.0) / 3.8)
    assert found.position is not None and "kept_leg" in found.position.notes


@pytest.mark.parametrize(("bid", "ask"), [(0.8, 2.2), (6.0, 6.2)])
def test_a_vertical_for_nothing_or_for_its_width_is_no_entry(bid: float, ask: float) -> None:
    market = market_of(
        snapshots("call", 100, [(bid, ask)] * 5), snapshots("call", 105, [(2.2, 2.3)] * 5), closes=CLOSES_UP
    )
    found = replayed(market, trade_of(strike_2=105, side="short" if bid < 1 else "long"))
    assert found.status == ("skipped" if bid < 1 else "closed")
    wide = market_of(
        snapshots("call", 100, [(9.0, 9.2)] * 5), snapshots("call", 105, [(2.2, 2.3)] * 5), closes=CLOSES_UP
    )
    assert "between 0 and the width" in replayed(wide, trade_of(strike_2=105)).reason


def test_an_entry_with_its_own_premium_is_taken_as_given_and_marked_if_no_quote_was_so_good() -> None:
    market = market_of(snapshots("call", 100, CALL), closes=CLOSES_UP)
    inside, outside = (replayed(market, trade_of(entry_price=price)) for price in (2.1, 1.5))
    assert net_r(inside) == pytest.approx(2.9 / 2.1)
    assert inside.position is not None and "entry_outside" not in inside.position.notes
    assert outside.position is not None and "entry_outside" in outside.position.notes


def with_dividend(amount: float, announced: int = 0) -> Events:
    return Events(dividends={"XYZ": (Dividend(date(3), amount, date(announced) + DAY_NS),)})


def test_a_short_call_is_assigned_before_a_dividend_worth_more_than_its_time_value() -> None:
    pytest.importorskip("QuantLib", reason="QuantLib is not installed")
    deep = [(20.1, 20.3), (20.1, 20.3), (20.05, 20.2), (17.1, 17.3), (17.1, 17.3)]
    closes = [120.0, 120.0, 120.0, 117.0, 117.0]

    def fills(events: Events, trade_style: str = "american") -> list[tuple[str, int, int, float]]:
        market = market_of(snapshots("call", 100, deep), closes=closes, events=events)
        return told(replayed(market, replace(trade_of("short", stop_price=40), style=trade_style)))

    assert fills(with_dividend(3.0)) == [("assignment", 1, 4, 20.0)]
    # announced on the ex-date only, too small, or European: nobody exercises before expiry
    for events in (with_dividend(3.0, announced=3), with_dividend(0.001)):
        assert fills(events) == [("assignment", 1, 4, 17.0)]
    assert fills(with_dividend(3.0), "european") == [("assignment", 1, 4, 17.0)]


def test_after_an_early_assignment_the_long_leg_is_sold_at_the_next_bid() -> None:
    puts = [(10.0, 10.4), (14.0, 15.0), (14.0, 14.6), (13.0, 13.5), (12.0, 12.5)]
    lower = [(6.0, 6.4), (9.6, 10.0), (9.5, 9.9), (8.5, 9.0), (7.5, 8.0)]
    market = market_of(snapshots("put", 100, puts), snapshots("put", 95, lower), closes=[92, 85, 86, 87, 88])
    found = replayed(market, trade_of("short", right="put", strike_2=95))
    # on Tuesday the ask of the 100 put, 15.00, is what exercise pays
    assert told(found) == [("assignment", 1, 4, 15.0), ("assignment", 2, 4, 9.5)]
    assert net_r(found) == pytest.approx((10.0 - 6.4 - 15 + 9.5) / (5 - 3.6))
    # 5.50 for a vertical of 5: an assignment can cost more than the width, and is counted
    assert is_beyond_width(found)


def test_an_entry_at_the_quotes_pays_slippage_and_your_own_price_does_not() -> None:
    market = market_of(snapshots("call", 100, CALL), closes=CLOSES_UP)
    costs = {"costs": {"slippage_ticks": 1.0, "tick": 0.05}}
    plain, slipped = (replayed(market, trade_of(), table).position for table in ({}, costs))
    assert plain is not None and slipped is not None
    assert slipped.premium == pytest.approx(plain.premium + 0.05)
    assert slipped.entry_slippage == pytest.approx((0.05 * 4 * 100,))
    own = replayed(market, trade_of(entry_price=2.1), costs).position
    assert own is not None and own.premium == 2.1 and own.entry_slippage == (0.0,)


def test_a_long_leg_left_by_an_early_assignment_is_marked_alone() -> None:
    puts = [(10.0, 10.4), (14.0, 15.0), (14.0, 14.6), None, None]
    # nobody bids for the long leg's size on Tuesday, so it waits on Wednesday, where the quotes end
    lower = snapshots("put", 95, [(6.0, 6.4), (9.6, 10.0), (9.5, 9.9), None, None], bid_size=[9, 0, 9, 9, 9])
    market = market_of(snapshots("put", 100, puts, bid_size=[9] * 5), lower, closes=[92, 85, 86, 87, 88])
    found = replayed(market, trade_of("short", right="put", strike_2=95))
    assert told(found) == [("assignment", 1, 4, 15.0)] and found.status == "open"
    # the short leg is booked once, and the long one at its last bid
    assert net_r(found) == pytest.approx((10.0 - 15.0 + 9.5 - 6.4) / (5 - 3.6))


def test_a_split_changes_contracts_strikes_and_premiums_but_no_value() -> None:
    old = snapshots("call", 700, [(14.0, 14.7), (21.0, 21.7), None, None, None])
    new = snapshots("call", 100, [None, None, (2.9, 3.1), (4.0, 4.2), (4.9, 5.1)])
    split = Events(splits=(Action("XYZ", date(2), factor=7.0),))
    market = market_of(old, new, closes=[700, 707, 101, 104, 105], events=split)
    plan = {"rungs": [{"fraction": 0.5, "when": ["premium_r >= 0.8"]}]}
    found = replayed(market, trade_of(strike=700), plan)
    assert told(found) == [("rung", 1, 14, 4.9), ("expiry", 1, 14, 5.0)]
    # 14.70 is 2.10 of the new contract
    assert net_r(found) == pytest.approx((0.5 * 2.8 + 0.5 * 2.9) / 2.1)
    assert trades_frame([found]).loc[0, "entry_price"] == pytest.approx(14.7)
    unlisted = market_of(old, snapshots("call", 101, [None, None, *[(2.9, 3.1)] * 3]), closes=CLOSES_UP, events=split)
    with pytest.raises(OptionsError, match="listed contract"):
        replayed(unlisted, trade_of(strike=700))


def test_a_position_is_open_where_quotes_end_before_expiry() -> None:
    market = market_of(snapshots("call", 100, [*CALL[:3], None, None]), closes=CLOSES_UP)
    found = replayed(market, trade_of())
    assert found.status == "open" and net_r(found) == pytest.approx((2.5 - 2.2) / 2.2)


def test_cash_settlement_needs_its_price() -> None:
    market = market_of(snapshots("call", 100, CALL), closes=CLOSES_UP, settlement="file")
    with pytest.raises(OptionsError, match="--settlements has none"):
        replayed(market, trade_of())
    priced = replace(market, settlements={("XYZ", date(4)): 103.2})
    found = replayed(priced, trade_of())
    assert told(found)[0][3] == pytest.approx(3.2)
    assert found.position is not None and "delivered" not in found.position.notes


def test_costs_of_the_underlying_after_exercise() -> None:
    market = market_of(snapshots("call", 100, CALL), closes=CLOSES_UP, underlying_cost_bps=10)
    assert net_r(replayed(market, trade_of())) == pytest.approx((5 - 2.2 - 0.105) / 2.2)


def test_series_of_a_position_are_those_of_its_legs() -> None:
    market = market_of(
        snapshots("call", 100, CALL), snapshots("call", 105, SHORT_CALL), closes=CLOSES_UP, style="european"
    )
    trade = replace(trade_of(strike_2=105), style="european")
    valuer = Valuer(market.without_quotes_after(date(1) + DAY_NS))
    found = replay([trade], plan_of(), valuer)[0]
    position = found.position
    assert position is not None
    values = greek_series(position, found.mark, valuer, date(1))
    legs = [valuer.at_close(leg.contract, 1, "european") for leg in position.legs]
    assert values["delta"] == pytest.approx(legs[0][1].delta - legs[1][1].delta)
    assert values["position_vega"] == pytest.approx(400 * (legs[0][1].vega - legs[1][1].vega))
    assert values["theta_premium"] == pytest.approx(-(legs[0][1].theta - legs[1][1].theta) / 1.6)
    assert values["gamma_1pct"] == pytest.approx(values["gamma"] * 400 * 102**2 / 100)
    rest = series(position, found.mark, {"bars_held": 2, "mfe_r": 0.5}, valuer, date(1))
    assert rest["days_to_expiry"] == 3 and rest["max_profit_share"] == pytest.approx(0.2 / 3.6)
    assert rest["give_back_r"] == pytest.approx(0.5 - 0.2 / 1.4)


def test_conditions_on_greeks_close_a_position_and_unknown_ones_do_not() -> None:
    plan = {"rungs": [{"fraction": 1.0, "when": ["delta >= 0.6", "days_to_expiry <= 3"]}]}
    market = market_of(snapshots("call", 100, CALL), closes=CLOSES_UP, style="european")
    trade = replace(trade_of(), style="european")
    assert told(replayed(market, trade, plan)) == [("rung", 1, 4, 2.5)]
    # without a price of the underlying nothing is known of delta
    blind = replace(market, bars=None, settlements={("XYZ", date(4)): 105.0}, settings=market.settings)
    blind = replace(blind, settings=replace(market.settings, settlement="file"))
    assert told(replayed(blind, trade, plan)) == [("expiry", 1, 4, 5.0)]


RUNGS = [
    {"fraction": 0.3, "when": ["premium_r >= 0.2"]},
    {"fraction": 0.3, "when": ["give_back_r >= 0.3"]},
    {"fraction": "rest", "when": ["days_to_expiry <= 1"]},
]


@settings(max_examples=12)
@given(data=st.data(), side=st.sampled_from(["long", "short"]), is_vertical=st.booleans())
def test_no_fill_depends_on_later_quotes(data: st.DataObject, side: str, is_vertical: bool) -> None:
    prices = st.tuples(st.floats(0.05, 4), st.floats(0.05, 1))
    first = [(bid, bid + spread) for bid, spread in data.draw(st.lists(prices, min_size=5, max_size=5))]
    second = [(bid, bid + spread) for bid, spread in data.draw(st.lists(prices, min_size=5, max_size=5))]
    market = market_of(snapshots("call", 100, first), snapshots("call", 105, second), closes=CLOSES_UP)
    trade = trade_of(
        side, strike_2=105 if is_vertical else None, stop_price=None if is_vertical or side == "long" else 99
    )
    table = {"rungs": RUNGS, "stop": {"initial": "60%"}}
    whole = replayed(market, trade, table)
    for day in range(1, 5):
        end = date(day) + DAY_NS
        cut = replayed(market.without_quotes_after(end), trade, table)
        if whole.position is None or cut.position is None:
            assert cut.status == whole.status
            continue
        before = [fill for fill in whole.position.fills if fill.time < end]
        assert [(f.time, f.order, f.quantity, f.price) for f in cut.position.fills if f.time < end] == [
            (f.time, f.order, f.quantity, f.price) for f in before
        ]


def test_buying_and_selling_at_once_costs_the_spread() -> None:
    same = [(2.0, 2.2)] * 5
    for side in ("long", "short"):
        stop, risk = (1.0, 1.2) if side == "long" else (3.0, 1.0)
        market = market_of(snapshots("call", 100, same), closes=CLOSES_UP)
        found = replayed(market, trade_of(side, stop_price=stop), {"stop": {"time": 1}})
        assert net_r(found) == pytest.approx(-0.2 / risk)


def test_a_european_vertical_held_to_expiry_loses_no_more_than_its_debit() -> None:
    rng = np.random.default_rng(5)
    for last in rng.uniform(90, 115, 8):
        market = market_of(
            snapshots("call", 100, CALL), snapshots("call", 105, SHORT_CALL), closes=[*CLOSES_UP[:4], float(last)]
        )
        found = replayed(market, replace(trade_of(strike_2=105), style="european"))
        assert net_r(found) >= -1 - 1e-12 and not is_beyond_width(found)


def test_markets_of_other_hours_end_at_the_exchanges_close() -> None:
    market = market_of(snapshots("call", 100, CALL), closes=CLOSES_UP)
    hours = OptionMarket(replace(market.quotes, interval_ns=3600 * 10**9), market.bars, market.settings)
    # 16:00 in New York is 20:00 UTC in summer time; a Saturday's expiry ends on Friday
    assert pd.Timestamp(hours.clock.moment(date(4))) == pd.Timestamp("2024-03-15 20:00")
    assert hours.clock.date(date(4) + DAY_NS) == date(4)
    assert market.clock.moment(date(4)) == date(4) + DAY_NS


def test_positions_share_the_size_of_a_quote_and_entries_take_no_more_than_is_shown() -> None:
    market = market_of(
        snapshots("call", 100, CALL, bid_size=[9, 5, 9, 9, 9], ask_size=[6, 1, 9, 9, 9]), closes=CLOSES_UP
    )
    rest = plan_of({"rungs": [{"fraction": "rest", "when": ["bars_held >= 2"]}]})
    trades = [trade_of(trade_id=name, quantity=n) for name, n in (("A", 4), ("B", 4), ("C", 4))]
    first, second, third = replay(trades, rest, Valuer(market))
    # 6 contracts are offered on Monday: 4 and 2, none for the third
    assert told(first) == [("rung", 1, 4, 2.5)]
    # Tuesday bids for 5: one is left of them for the second, the rest waits for Thursday
    assert told(second) == [("rung", 1, 1, 2.5), ("rung", 1, 1, 4.1)]
    assert second.position is not None and {"entry_cut", "waited"} <= second.position.notes
    assert (third.status, third.reason) == ("skipped", "no size left at the quotes on the day of the entry")
    table = trades_frame([first, second, third])
    assert table["quantity"].tolist() == [4, 2, 4] and table["quantity_wanted"].tolist() == [4, 4, 4]
    fills = fills_frame([first, second, third])
    sums = fills.groupby("trade_id")["r"].sum()
    assert sums.tolist() == pytest.approx([net_r(first), net_r(second)])
    # an entry at the trader's own price has its quantity, and is counted
    own = replay([trade_of(entry_price=2.1, quantity=9)], rest, Valuer(market))[0]
    assert own.position is not None and own.position.quantity == 9 and "entry_large" in own.position.notes
