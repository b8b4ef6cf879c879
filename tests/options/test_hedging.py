"""The delta hedge (L9): against a slow reading of the rule, its bands, and what always holds."""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.options.markets import plan_of

from exitladder.bars.actions import parse_split
from exitladder.bars.reading import read_bars
from exitladder.cli.screens.options.backtest import hedge_line
from exitladder.errors import OptionsError
from exitladder.files.conventions import PLAIN
from exitladder.files.table import Table
from exitladder.options.black_scholes import Greeks, greeks
from exitladder.options.hedging import Hedge, HedgeTrade, check_hedge, hedged_book, hedges_of
from exitladder.options.market import Events, OptionMarket
from exitladder.options.positions.measures import Valuer
from exitladder.options.positions.replay import replay
from exitladder.options.positions.tables import net_money
from exitladder.options.positions.trades import OptionTrade, read_option_trades
from exitladder.options.quote_files import quotes_of_table
from exitladder.pipelines.options.backtest import backtest_options
from exitladder.plans.file import ladder_from_mapping
from exitladder.settings.loading import load_settings
from exitladder.settings.options import OptionSettings

SIGMA, STRIKE, N = 0.25, 100.0, 60
DAYS = pd.bdate_range("2024-01-01", periods=N)
EXPIRY = DAYS[-1]
BAND: dict[str, Any] = {"hedge": "band", "hedge_band": 50.0, "style": "european", "underlying_cost_bps": 5.0}


def path(seed: int = 3) -> np.ndarray:
    return np.asarray(100 * np.exp(np.random.default_rng(seed).normal(0, 0.016, N).cumsum()))


def market(spots: np.ndarray, bad: int | None = None, **settings: Any) -> OptionMarket:
    """Daily quotes of one call at a flat volatility, a cent around its value, and bars that open at the last close."""
    bars = pd.DataFrame({"timestamp": DAYS, "symbol": "XYZ", "open": np.r_[spots[0], spots[:-1]], "close": spots})
    high, low = bars[["open", "close"]].max(axis=1), bars[["open", "close"]].min(axis=1)
    known = read_bars(bars.assign(high=high, low=low))[0]
    first = quotes_of_table(Table.from_frame(_quotes(np.full(N, 3.0), None), "quotes"), "", PLAIN)
    empty = OptionMarket(first, known, OptionSettings(**settings))
    ends = first[next(iter(first))].end
    values = np.array([float(_greeks(empty, spot, int(end)).value) for spot, end in zip(spots, ends, strict=False)])
    quotes = quotes_of_table(Table.from_frame(_quotes(np.append(values, 3.0), bad), "quotes"), "", PLAIN)
    return replace(empty, quotes=quotes)


def _quotes(values: np.ndarray, bad: int | None) -> pd.DataFrame:
    half = np.minimum(values / 2, 0.01)
    table = pd.DataFrame({"timestamp": DAYS, "underlying": "XYZ", "expiry": EXPIRY, "strike": STRIKE, "right": "call",
                          "bid": values - half, "ask": values + half})  # fmt: skip
    if bad is not None:
        table.loc[bad, ["bid", "ask"]] = [9.0, 1.0]
    return table[:-1]


def _greeks(of: OptionMarket, spot: float, moment: int) -> Greeks:
    return greeks(spot, STRIKE, of.years(next(iter(of.quotes)), moment), SIGMA)


def positions(side: str = "short", quantity: int = 10) -> list[OptionTrade]:
    row = {"trade_id": "A", "symbol": "XYZ", "side": side, "entry_time": DAYS[2], "quantity": quantity, "right": "call",
           "strike": STRIKE, "expiry": EXPIRY, "stop_price": 90.0 if side == "short" else math.nan,
           "style": "european"}  # fmt: skip
    return read_option_trades(pd.DataFrame([row]), OptionSettings())


def hedged(of: OptionMarket, trades: list[OptionTrade], plan: dict[str, Any] | None = None) -> tuple[Any, Hedge]:
    outcomes = replay(trades, plan_of(plan), Valuer(of), keeps_path=True)
    return outcomes, hedges_of(outcomes, of)["XYZ"]


def bar_times(of: OptionMarket) -> list[int]:
    assert of.bars is not None
    return [int(time) for time in of.bars["XYZ"].time]


def slow(
    spots: np.ndarray, of: OptionMarket, size: float, width: Callable[[int, float], float], last: int
) -> list[tuple[int, float, float]]:
    """The rule read literally: each close from the entry's on, the trade of the next open, its price."""
    units, found = 0.0, []
    ends = of.quotes[next(iter(of.quotes))].end
    for day in range(2, last):
        at = _greeks(of, float(spots[day]), int(ends[day]))
        net, w = size * float(at.delta) + units, max(width(day, size * float(at.gamma)), 1.0)
        wanted = -w - net if net < -w else w - net if net > w else 0.0
        trade = math.trunc(wanted)
        if trade:
            units += trade
            found.append((day + 1, float(trade), float(spots[day])))
    return [*found, (last + 1, -units, float(spots[last]))] if units else found


@pytest.mark.parametrize("side", ["short", "long"])
def test_trades_are_those_of_the_rule_read_literally(side: str) -> None:
    spots = path()
    of = market(spots, **BAND)
    outcomes, hedge = hedged(of, positions(side), {"stop": {"time": 30}})
    # 30 closes from the third day on: the options are sold at the open of day 32, and the hedge a day later
    expected = slow(spots, of, 1000.0 * (1 if side == "long" else -1), lambda day, gamma: 50.0, 32)
    assert len(expected) > 5
    time = bar_times(of)
    assert [(t.time, t.units) for t in hedge.trades] == [(time[day], units) for day, units, _ in expected]
    assert [t.price for t in hedge.trades] == pytest.approx([price for _, _, price in expected])
    assert hedge.units == 0 and hedge.n_unknown == 0
    assert hedge.costs == pytest.approx(sum(abs(units) * price * 5e-4 for _, units, price in expected))
    cash = sum(-units * price - abs(units) * price * 5e-4 for _, units, price in expected)
    book = hedged_book(outcomes, {"XYZ": hedge}, of)
    assert book is not None and book.hedge[-1] == pytest.approx(cash)
    assert book.plain[-1] == pytest.approx(net_money(outcomes[0]))


def test_the_width_of_whalley_and_wilmott() -> None:
    spots = path(8)
    terms: dict[str, Any] = {
        "hedge": "whalley_wilmott",
        "hedge_aversion": 0.001,
        "style": "european",
        "underlying_cost_bps": 10.0,
    }
    of = market(spots, **terms)

    def width(day: int, gamma: float) -> float:
        return float((1.5 * 0.001 * spots[day] * gamma**2 / 0.001) ** (1 / 3))

    _, hedge = hedged(of, positions(), {"stop": {"time": 25}})
    expected = slow(spots, of, -1000.0, width, 27)
    assert [t.units for t in hedge.trades] == [units for _, units, _ in expected] and len(expected) > 3
    # eight times the risk aversion, half the width
    _, narrow = hedged(market(spots, **{**terms, "hedge_aversion": 0.008}), positions(), {"stop": {"time": 25}})
    widths = [(t.high - t.low) / 2 for t in (hedge.trades[0], narrow.trades[0])]
    assert widths[1] == pytest.approx(widths[0] / 2, rel=1e-6)


def test_an_unknown_delta_trades_nothing_and_is_counted() -> None:
    spots = path()
    plain, crossed = market(spots, **BAND), market(spots, bad=10, **BAND)
    _, known = hedged(plain, positions())
    _, unknown = hedged(crossed, positions())
    day = bar_times(plain)[11]
    assert unknown.n_unknown == 1 and day not in [t.time for t in unknown.trades]
    assert [t for t in unknown.trades if t.time < day] == [t for t in known.trades if t.time < day]


def test_later_quotes_change_no_earlier_trade_and_the_delta_is_traded_to_the_edge() -> None:
    spots = path(11)
    of = market(spots, **BAND)
    _, whole = hedged(of, positions())
    changed = spots.copy()
    changed[30:] *= 1.2
    _, other = hedged(market(changed, **BAND), positions())
    day = bar_times(of)[30]

    def before(trades: list[HedgeTrade]) -> list[HedgeTrade]:
        return [trade for trade in trades if trade.time <= day]

    assert before(whole.trades) == before(other.trades) and len(before(whole.trades)) > 5
    assert whole.trades != other.trades
    for trade in whole.trades:
        # whole units, cut towards nothing: at the edge, or less than one unit beyond it
        aim = trade.delta + trade.units
        assert trade.low - 1 < aim < trade.high + 1


def test_the_summary_says_what_the_hedge_did_and_a_hedge_takes_most_of_the_swing() -> None:
    of = market(path(4), **BAND)
    known = load_settings(None, ["validation.n_bootstrap=200", "tracking.enabled=false"])
    settings = replace(known, options=of.settings)
    plan = ladder_from_mapping({"name": "thirty", "stop": {"time": 30}})
    found = backtest_options(positions(), plan, of, settings)
    hedge, table = found.summary["hedge"], found.hedge
    assert table is not None and hedge["n_trades"] == len(table) > 5
    assert hedge["sd_daily"]["with"] < 0.5 * hedge["sd_daily"]["without"]
    one = hedge["against_no_hedge"]["return_per_year"]
    assert one["low"] <= one["difference"] <= one["high"]
    # without a hedge the same fills
    plain = backtest_options(positions(), plan, of, replace(settings, options=replace(of.settings, hedge="none")))
    assert plain.fills.equals(found.fills) and "hedge" not in plain.summary and "hedge.csv" not in plain.files()


def test_what_a_hedge_needs_is_asked_for() -> None:
    of = market(path(), **BAND)
    with pytest.raises(OptionsError, match="--bars"):
        check_hedge(of.settings, replace(of, bars=None))
    with pytest.raises(OptionsError, match="hedge_band must be at least 1"):
        check_hedge(replace(of.settings, hedge_band=0.0), of)
    with pytest.raises(OptionsError, match="hedge_aversion above 0"):
        check_hedge(replace(of.settings, hedge="whalley_wilmott"), of)


SPLIT_DAY, RATIO = 25, 4


def split_market(spots: np.ndarray, **settings: Any) -> OptionMarket:
    """The market with a split of 4:1 on day 25: from then on all prices are a quarter, and the strike is 25."""
    plain = market(spots, **settings)
    (contract,) = plain.quotes
    quoted, day = plain.quotes[contract], int(plain.quotes[contract].start[SPLIT_DAY])
    names = ("start", "end", "bid", "ask", "bid_size", "ask_size", "spot")
    old, new = (
        replace(quoted, volatility=None, **{name: getattr(quoted, name)[rows] for name in names})
        for rows in (slice(0, SPLIT_DAY), slice(SPLIT_DAY, None))
    )
    new = replace(new, bid=new.bid / RATIO, ask=new.ask / RATIO)
    quotes = replace(plain.quotes, bars={contract: old, contract.after_split(RATIO): new})
    assert plain.bars is not None
    bars = plain.bars["XYZ"]
    frame = pd.DataFrame({name: getattr(bars, name) for name in ("open", "high", "low", "close")})
    frame.loc[SPLIT_DAY:] /= RATIO
    known = read_bars(frame.assign(timestamp=DAYS, symbol="XYZ"), adjust="none")[0]
    split = parse_split(f"XYZ,{pd.Timestamp(day):%Y-%m-%d},{RATIO}:1")
    return replace(plain, quotes=quotes, bars=known, events=Events(splits=(split,)))


@pytest.mark.parametrize("side", ["short", "long"])
def test_through_a_split_units_delta_and_band_are_multiplied(side: str) -> None:
    spots, last = path(5), 40
    of = split_market(spots, **BAND)
    outcomes, hedge = hedged(of, positions(side), {"stop": {"time": last - 2}})
    plain, unsplit = hedged(market(spots, **BAND), positions(side), {"stop": {"time": last - 2}})
    assert outcomes[0].position is not None and outcomes[0].position.notes == {"split"}
    # the rule read literally: all in units and prices of each day
    time = bar_times(of)
    size, units, expected = 1000.0 * (1 if side == "long" else -1), 0.0, []
    whole = market(spots, **BAND)
    ends = whole.quotes[next(iter(whole.quotes))].end
    for day in range(2, last):
        ratio = RATIO if day >= SPLIT_DAY else 1
        units *= RATIO if day == SPLIT_DAY else 1
        net = ratio * size * float(_greeks(whole, float(spots[day]), int(ends[day])).delta) + units
        wanted = max(-50.0 * ratio - net, 0.0) + min(50.0 * ratio - net, 0.0)
        trade = float(math.trunc(wanted))
        if trade and day == SPLIT_DAY - 1:
            # decided before the split, filled at the first open after it
            expected.append((day + 1, trade * RATIO, float(spots[day]) / RATIO))
            units += trade
        elif trade:
            units += trade
            expected.append((day + 1, trade, float(spots[day]) / ratio))
    expected.append((last + 1, -units, float(spots[last]) / RATIO))
    assert [(t.time, t.units) for t in hedge.trades] == [(time[day], units) for day, units, _ in expected]
    assert [t.price for t in hedge.trades] == pytest.approx([price for _, _, price in expected])
    assert hedge.n_unknown == 0 and hedge.units == 0 and hedge.trades[-1].held == 0
    assert any(day < SPLIT_DAY for day, _, _ in expected) and any(day > SPLIT_DAY for day, _, _ in expected)
    # the split itself earns nothing: day by day the same money, but for the rounding to whole units
    ours, theirs = (
        hedged_book(them, {"XYZ": one}, world) for them, one, world in ((outcomes, hedge, of), (plain, unsplit, whole))
    )
    assert ours is not None and theirs is not None
    assert ours.plain == pytest.approx(theirs.plain, abs=1e-6)
    assert ours.hedge == pytest.approx(theirs.hedge, abs=1.0 * np.abs(np.diff(spots)).sum())


def test_whalley_and_wilmotts_band_grows_with_the_split_and_what_is_left_is_shown() -> None:
    terms: dict[str, Any] = {**BAND, "hedge": "whalley_wilmott", "hedge_aversion": 0.001, "underlying_cost_bps": 10.0}
    spots = path(5)
    (_, hedge), (_, unsplit) = (hedged(make(spots, **terms), positions()) for make in (split_market, market))
    day = bar_times(market(spots, **terms))[SPLIT_DAY]
    ours, theirs = ({t.time: (t.high - t.low) / 2 for t in one.trades if t.time > day} for one in (hedge, unsplit))
    shared = sorted(set(ours) & set(theirs))
    assert len(shared) > 2
    assert [ours[t] for t in shared] == pytest.approx([RATIO * theirs[t] for t in shared], rel=0.05)
    # the quotes end a day before the expiry: the position is open, and so is its hedge
    assert hedge.units == hedge.trades[-1].held != 0
    summary = {"n_trades": 3, "n_unknown": 0, "costs": 1.0, "units": {"XYZ": -350.0, "ABC": 0.0}, "pnl": 2.0,
               "sd_daily": None}  # fmt: skip
    assert "open at the end: -350 XYZ" in hedge_line(summary) and "ABC" not in hedge_line(summary)


def test_prices_of_before_a_split_count_in_units_of_after_it() -> None:
    spots = path(5)
    of = split_market(spots, **BAND)
    start = bar_times(of)[SPLIT_DAY]
    # at the day's first moment the last known close is that of the day before
    assert of.spot("XYZ", start) == pytest.approx(spots[SPLIT_DAY - 1])
    assert of.spot("XYZ", start + 1) == pytest.approx(spots[SPLIT_DAY - 1] / RATIO)
    clock = replace(of.clock, is_daily=False)
    assert clock.date_of(clock.before(start)) < start == clock.date_of(clock.before(start) + 1)


def test_a_hedge_on_real_quotes_goes_through_apples_split(root: Path, shared_data: Path) -> None:
    spec = importlib.util.spec_from_file_location("options_hedge", root / "benchmarks" / "options_hedge.py")
    assert spec is not None and spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    of, trades = script.apple(shared_data)
    of = replace(of, settings=replace(of.settings, **script.HEDGES["band of 100 units"]))
    hedge = hedges_of(replay(trades, plan_of(), Valuer(of), keeps_path=True), of)["AAPL"]
    split = pd.Timestamp("2014-06-09", tz="UTC").as_unit("ns").value
    last, first = ([t for t in hedge.trades if (t.time < split) is side] for side in (True, False))
    assert last and first and hedge.n_unknown == 0
    assert first[0].held - first[0].units == 7 * last[-1].held
    assert (last[-1].high, first[0].high) == (100, 700)
    # a price of 650 becomes one of 93, and the net delta stays in the band that it would have had
    assert last[-1].price > 600 and first[0].price < 100
    assert all(trade.low - 1 < trade.delta + trade.units < trade.high + 1 for trade in hedge.trades)
