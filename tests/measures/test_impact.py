"""The impact of fills: closed forms, two halves in one day, limit orders, and refusals."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from exitladder.bars.bars import BarSet
from exitladder.bars.reading import read_bars
from exitladder.errors import SettingsError
from exitladder.execution import Simulation, simulate
from exitladder.measures.impact import impact_of
from exitladder.plans.file import ladder_from_mapping
from exitladder.risk.impact import Almgren
from exitladder.settings.contracts import Contract
from exitladder.settings.impact import ImpactSettings
from exitladder.trades.files import trades_from_frame
from exitladder.trades.trades import place_trades

N, WINDOW = 30, 10
LAW = ImpactSettings(law="square_root", window=WINDOW)


def market(volume: float | None = 1e6) -> BarSet:
    """Daily bars that move by turns, then rise."""
    close = 100 + np.where(np.arange(N) % 2, 1.0, -1.0) + np.where(np.arange(N) > 20, np.arange(N) - 20.0, 0.0)
    frame = pd.DataFrame({"timestamp": pd.date_range("2024-01-01", periods=N), "open": close, "close": close})
    frame = frame.assign(high=close + 0.5, low=close - 0.5, symbol="XYZ")
    return read_bars(frame if volume is None else frame.assign(volume=volume))[0]


def trades(n: int = 1, quantity: float = 10_000, at: int = 15) -> Any:
    when = pd.Timestamp("2024-01-01") + pd.Timedelta(days=at)
    price = float(market()["XYZ"].open[at])
    rows = [
        {"trade_id": f"T{k}", "symbol": "XYZ", "side": "long", "entry_time": when, "entry_price": price,
         "quantity": quantity, "stop_price": 90.0, "entry_at": "open"} for k in range(n)
    ]  # fmt: skip
    return trades_from_frame(pd.DataFrame(rows))


def run(ladder: dict[str, Any], bars: BarSet | None = None, **more: Any) -> Simulation:
    return simulate(place_trades(trades(**more), bars or market()), ladder_from_mapping(ladder))


TIMED = {"stop": {"time": 3}, "rungs": []}


def known(day: int) -> tuple[float, float]:
    """Volume and volatility of the ten closed days before a day, by pandas."""
    closes = pd.Series(market()["XYZ"].close[:day])
    return 1e6, float(closes.pct_change().iloc[-WINDOW:].std())


def test_a_market_order_pays_the_square_root_law_on_days_closed_before_it() -> None:
    done = run(TIMED)
    (exit_bar,) = done.exit_bar
    volume, sigma = known(int(exit_bar))
    price = float(done.fills.price[-1])
    expected = 0.75 * sigma * np.sqrt(10_000 / volume) / 1.5 * price
    risk = float(done.risk[0])
    assert impact_of([done], LAW).r[0] == pytest.approx([expected / risk])


def test_two_halves_in_one_day_cost_as_much_as_the_whole() -> None:
    one, two = run(TIMED), run(TIMED, n=2, quantity=5_000)
    whole, halves = impact_of([one], LAW).r[0], impact_of([two], LAW).r[0]
    # in R per trade; the second half pays more than the first
    assert halves.mean() == pytest.approx(whole[0]) and halves[1] > halves[0] > 0
    apart = impact_of([run(TIMED, quantity=5_000), run(TIMED, quantity=5_000)], LAW)
    assert np.concatenate(apart.r) == pytest.approx(halves)


def test_a_price_below_the_entry_is_a_stop_order_and_pays() -> None:
    entry = float(market()["XYZ"].open[15])
    for target, pays in ((entry - 0.2, True), (entry + 0.2, False)):
        done = run({"rungs": [{"fraction": 1.0, "target": target}]})
        assert done.fills.order.tolist()[-1] == 1
        assert bool(impact_of([done], LAW).r[0][0] > 0) is pays


def test_limit_orders_pay_nothing_but_count_as_quantity() -> None:
    limit = {"rungs": [{"fraction": 1.0, "target": "0.1R"}]}
    done = run(limit)
    assert done.fills.order.tolist()[-1] == 1 and impact_of([done], LAW).r[0].tolist() == [0.0]
    larger = impact_of([run(limit, quantity=200_000)], LAW)
    assert larger.n_large_entries == 1 and impact_of([run(limit)], LAW).n_large_entries == 0


def test_impact_does_not_read_the_day_of_the_fill_and_is_unknown_without_days_before_it() -> None:
    done = run(TIMED)
    later = market()["XYZ"].to_frame()
    later.loc[later.index >= int(done.exit_bar[0]), "volume"] = 5e7
    changed = run(TIMED, read_bars(later.assign(symbol="XYZ"))[0])
    assert impact_of([changed], LAW).r[0] == pytest.approx(impact_of([done], LAW).r[0])
    assert np.isnan(impact_of([done], ImpactSettings(law="square_root", window=25)).r[0]).all()


def test_almgrens_preset() -> None:
    done = run(TIMED)
    volume, sigma = known(int(done.exit_bar[0]))
    lasting, passing = Almgren().parts(10_000, volume, sigma, 1.0, 150 * volume)
    found = impact_of([done], ImpactSettings(law="almgren", window=WINDOW, turnover_days=150.0)).r[0]
    assert found == pytest.approx([(lasting / 2 + passing) * done.fills.price[-1] / done.risk[0]])
    with pytest.raises(SettingsError, match="turnover_days"):
        impact_of([done], ImpactSettings(law="almgren"))


def test_bars_without_volume_are_refused_and_not_charged_nothing() -> None:
    with pytest.raises(SettingsError, match="have none"):
        impact_of([run(TIMED, market(None))], LAW)


def test_a_sale_never_falls_below_a_price_of_zero() -> None:
    done = run(TIMED, quantity=1e12)
    cost = impact_of([done], LAW).r[0]
    assert cost == pytest.approx([done.fills.price[-1] / done.risk[0]])


def test_days_are_the_sessions_of_the_exchange_and_not_dates_in_utc() -> None:
    # futures: a session runs from 17:00 to 16:00 in Chicago, across midnight of both clocks
    hours = pd.date_range("2024-01-01 23:00", periods=24 * 24, freq="h", tz="UTC")
    chicago = hours.tz_convert("America/Chicago")
    is_open = (chicago.hour != 16) & ~((chicago + pd.Timedelta(hours=7)).day_of_week >= 5)
    hours, chicago = hours[is_open], chicago[is_open]
    session = (chicago + pd.Timedelta(hours=7)).date
    rng = np.random.default_rng(3)
    close = 100 + rng.normal(0, 0.3, len(hours)).cumsum()
    frame = pd.DataFrame({"timestamp": hours, "symbol": "F", "open": close, "close": close})
    frame = frame.assign(high=close + 0.2, low=close - 0.2, volume=rng.integers(100, 900, len(hours)).astype(float))
    bars = read_bars(frame)[0]
    entry = len(hours) - 40
    row = {"trade_id": "T", "symbol": "F", "side": "long", "entry_time": hours[entry], "entry_at": "open",
           "entry_price": close[entry], "quantity": 2_000.0, "stop_price": 60.0}  # fmt: skip
    placed = place_trades(trades_from_frame(pd.DataFrame([row])), bars)

    def cost(contracts: dict[str, Contract]) -> tuple[float, int]:
        known = place_trades(placed.trades, bars.with_contracts(contracts))
        done = simulate(known, ladder_from_mapping(TIMED))
        return float(impact_of([done], LAW).r[0][0] * done.risk[0]), int(done.exit_bar[0])

    at_exchange, exit_bar = cost({"F": Contract(exchange_tz="America/Chicago", session="17:00-16:00")})
    before = session < session[exit_bar]
    by_day = pd.DataFrame({"day": session[before], "close": close[before], "volume": frame["volume"][before]})
    days = by_day.groupby("day").agg({"close": "last", "volume": "sum"}).iloc[-WINDOW - 1 :]
    sigma, volume = days["close"].pct_change().iloc[-WINDOW:].std(), days["volume"].iloc[-WINDOW:].mean()
    assert at_exchange == pytest.approx(0.75 * sigma * np.sqrt(2_000 / volume) / 1.5 * close[exit_bar])
    assert cost({})[0] != pytest.approx(at_exchange, rel=1e-3)
