"""Money, costs and R of contracts: the multiplier counts in money and never in gross R (rule S8)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from exitladder.bars.bars import BarSet
from exitladder.bars.reading import bars_from_frame
from exitladder.errors import LadderError
from exitladder.execution import simulate, simulate_many
from exitladder.execution.many_ladders import simulate_moments, simulate_outcomes
from exitladder.execution.own_exits import simulate_own_exits
from exitladder.measures.cash import cash_flow
from exitladder.measures.summary import summarise
from exitladder.plans.costs import Costs
from exitladder.plans.file import ladder_fingerprint, ladder_from_mapping
from exitladder.plans.ladder import Ladder
from exitladder.settings.contracts import Contract, Contracts
from exitladder.settings.currencies import currencies_from_mapping
from exitladder.trades.files import trades_from_frame
from exitladder.trades.trades import PlacedTrades, place_trades


def ladder(**costs: float) -> Ladder:
    return ladder_from_mapping({"rungs": [{"fraction": 1.0, "target": "1R"}], "costs": costs})


def bars(**opens: float) -> BarSet:
    """Return five daily bars per symbol: flat at the open, then a bar that reaches far up."""
    frames = []
    for symbol, price in opens.items():
        rows = [(price, price, price, price)] * 2 + [(price, price * 1.1, price, price)] * 3
        table = pd.DataFrame(rows, columns=["open", "high", "low", "close"]).assign(symbol=symbol)
        frames.append(table.assign(timestamp=pd.date_range("2024-01-01", periods=5)))
    return bars_from_frame(pd.concat(frames, ignore_index=True))[0]


def placed(market: BarSet, *rows: tuple[str, float, float, float]) -> PlacedTrades:
    """Return longs entered at the second open: symbol, price, quantity, stop."""
    table = pd.DataFrame(rows, columns=["symbol", "entry_price", "quantity", "stop_price"])
    table = table.assign(trade_id=[f"T{i}" for i in range(len(rows))], side="long", entry_time="2024-01-02")
    table = table.assign(exit_time="2024-01-04", exit_price=table["entry_price"] * 1.01)
    return place_trades(trades_from_frame(table), market)


ES = ("ES", 4900.0, 2.0, 4896.0)


def test_two_es_contracts_cost_two_hundredths_of_r() -> None:
    """Known answer: R is 4 points, 2 x 4 x 50 = 400 of money; commission 2.25 x 2 contracts x 2 fills = 9."""
    trades = placed(bars(ES=4900), ES)
    done = simulate(trades, ladder(commission_per_unit=2.25, multiplier=50))
    assert 1.0 - done.r[0] == pytest.approx(0.0225, abs=1e-12)
    assert done.commission[0] == pytest.approx(9.0) and done.pnl[0] == pytest.approx(391.0)
    fills = done.fills_frame()
    assert fills["commission"].sum() == pytest.approx(9.0)
    flow = cash_flow(done.trades_frame(), fills)
    assert flow is not None and flow.pnl.sum() == pytest.approx(391.0)
    assert done.trades_frame()["multiplier"].tolist() == [50]
    assert summarise(done.trades_frame(), fills, done.ladder)["cost_r"]["value"] == pytest.approx(0.0225)


@pytest.mark.parametrize("multiplier", [0.1, 1.0, 50.0, 100_000.0])
def test_gross_r_and_costs_in_basis_points_do_not_depend_on_it(multiplier: float) -> None:
    trades = placed(bars(ES=4900), ES)
    plain = simulate(trades, ladder(commission_bps=2, slippage_bps=1))
    other = simulate(trades, ladder(commission_bps=2, slippage_bps=1, multiplier=multiplier))
    assert other.r[0] == plain.r[0]
    assert other.pnl[0] == pytest.approx(plain.pnl[0] * multiplier)


def test_a_forex_lot() -> None:
    """One lot of 100,000: a stop 20 pips away risks 200, the commission of 3.50 a side is 0.035 R."""
    trades = placed(bars(EURUSD=1.1), ("EURUSD", 1.1, 1.0, 1.098))
    done = simulate(trades, ladder(commission_per_unit=3.5, multiplier=100_000))
    assert 1.0 - done.r[0] == pytest.approx(0.035, abs=1e-9)
    assert done.pnl[0] == pytest.approx(193.0)


BOOK = (ES, ("NQ", 17000.0, 1.0, 16990.0), ("ACME", 50.0, 100.0, 48.0), ("ES", 4900.0, 3.0, 4880.0))
CONTRACTS = Contracts({"ES": Contract(50, tick=0.25, lot=1), "NQ": Contract(20, tick=0.25, lot=1)})
COSTS = {"commission_per_unit": 2.25, "commission_min": 1.0, "slippage_bps": 1.0}


def each_alone(book: PlacedTrades, plan: Ladder) -> list[float]:
    """Return net r of every trade under the ladder with the costs of its own contract."""
    found = []
    for i in range(len(book)):
        own = replace(plan, costs=CONTRACTS.contract_of(str(book.trades.symbol[i])).costs(plan.costs))
        bare = replace(book.take([i]), bars=book.bars.with_contracts({}))
        found.append(float(simulate(bare, own).r[0]))
    return found


def test_a_book_of_several_contracts_is_that_of_each_alone() -> None:
    market = bars(ES=4900, NQ=17000, ACME=50).with_contracts(CONTRACTS)
    book, plan = placed(market, *BOOK), ladder(**COSTS)
    done = simulate(book, plan)
    expected = each_alone(book, plan)
    assert done.r.tolist() == expected
    assert simulate_many(book, [plan, plan])[:, 1].tolist() == expected
    outcomes = simulate_outcomes(book, [plan])
    assert outcomes.net_r[:, 0].tolist() == expected
    assert outcomes.n_fills[:, 0].tolist() == done.n_fills.tolist()
    assert simulate_moments(book, [plan]).mean_r[0] == pytest.approx(np.mean(expected))
    fills = done.fills_frame()
    assert fills["trade_id"].tolist() == sorted(fills["trade_id"])
    # invariant 2: the money of the fills is the money of the trades
    flow = cash_flow(done.trades_frame(), fills)
    assert flow is not None and flow.pnl.sum() == pytest.approx(done.pnl.sum())
    own = simulate_own_exits(book, plan)
    assert own.pnl[1] == pytest.approx(170.0 * 20 - 2 * 2.25)
    assert own.quantity.tolist() == [2, 1, 100, 3]


def test_money_of_another_currency_is_the_account_s() -> None:
    """An R is an R in every currency; money is converted at the rate known at the entry."""
    contracts = Contracts({"ES": Contract(50, currency="USD"), "ACME": Contract(currency="EUR")})
    market = bars(ES=4900, ACME=50, EURUSD=1.25)
    book, plan = placed(market, ES, ("ACME", 50.0, 100.0, 48.0)), ladder(commission_per_unit=2.25)
    plain = simulate(replace(book, bars=market.with_contracts(contracts)), plan)
    own = currencies_from_mapping({"account": "EUR", "USD": "1/EURUSD"})
    done = simulate(replace(book, bars=market.with_contracts(contracts, own)), plan)
    assert done.r.tolist() == plain.r.tolist()
    assert done.pnl.tolist() == pytest.approx([plain.pnl[0] / 1.25, plain.pnl[1]])
    assert done.fills_frame()["commission"].sum() == pytest.approx(9 / 1.25 + 450)


def test_an_inverse_contract_is_not_simulated_as_a_linear_one() -> None:
    market = bars(XBT=40000).with_contracts(Contracts({"XBT": Contract(1, inverse=True)}))
    with pytest.raises(LadderError, match="'XBT' is an inverse contract"):
        simulate(placed(market, ("XBT", 40000.0, 1.0, 39000.0)), ladder())


def test_old_fingerprints_hold() -> None:
    assert ladder_fingerprint(ladder(tick=0.25)) == "5cca47f21b4f0504"
    assert ladder_fingerprint(ladder()) == ladder_fingerprint(ladder(multiplier=1))
    assert ladder_fingerprint(ladder()) != ladder_fingerprint(ladder(multiplier=2))
    with pytest.raises(LadderError, match="multiplier must be greater than 0"):
        Costs(multiplier=0)
