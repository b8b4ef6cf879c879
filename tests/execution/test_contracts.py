"""Money, costs and R of contracts: the multiplier counts in money and never in gross R (rule S8)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from exitladder.bars.bars import BarSet
from exitladder.bars.reading import bars_from_frame
from exitladder.errors import LadderError, TradesError
from exitladder.execution import simulate, simulate_many
from exitladder.execution.kernel import state as kernel_state
from exitladder.execution.many_ladders import simulate_moments, simulate_outcomes
from exitladder.execution.own_exits import simulate_own_exits
from exitladder.measures.cash import cash_flow
from exitladder.measures.exposure import exposure, exposure_of
from exitladder.measures.summary import summarise
from exitladder.plans.costs import Costs
from exitladder.plans.file import ladder_fingerprint, ladder_from_mapping
from exitladder.plans.ladder import Ladder
from exitladder.settings.contracts import Contract, Contracts, contracts_from_mapping
from exitladder.settings.currencies import currencies_from_mapping
from exitladder.statistics.intervals import Intervals
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


def with_multipliers(book: PlacedTrades, *values: float) -> PlacedTrades:
    return replace(book, trades=replace(book.trades, multiplier=np.array(values)))


def test_a_trade_s_own_multiplier_counts() -> None:
    """Known answer: two contracts at 50 a point cost 0.0225 R; a blank is the symbol's, here 1: 9 / 8 R."""
    book = with_multipliers(placed(bars(ES=4900), ES, ES), 50.0, np.nan)
    plan = ladder(commission_per_unit=2.25)
    done = simulate(book, plan)
    assert (1.0 - done.r).tolist() == pytest.approx([0.0225, 1.125])
    assert done.pnl.tolist() == pytest.approx([391.0, -1.0])
    assert simulate_many(book, [plan])[:, 0].tolist() == done.r.tolist()
    assert done.trades_frame()["multiplier"].tolist() == [50, 1]
    assert (1.0 - simulate_own_exits(book, plan).r)[0] == pytest.approx(1.0 - (49.0 / 4 - 0.0225))


def test_two_multipliers_of_one_trade_are_refused() -> None:
    market = bars(ES=4900).with_contracts(Contracts({"ES": Contract(50)}))
    assert simulate(with_multipliers(placed(market, ES), 50.0), ladder()).pnl[0] == 400.0
    wrong = with_multipliers(placed(market, ES, ES), np.nan, 5.0)
    with pytest.raises(TradesError, match=r"trade 'T1' has 5 .* symbols.ES.multiplier is 50"):
        simulate(wrong, ladder())


def test_a_written_multiplier_of_one_counts_as_given() -> None:
    given = contracts_from_mapping({"ES": {"multiplier": 1, "tick": 0.25}})
    with pytest.raises(TradesError, match=r"has 50 .* symbols.ES.multiplier is 1"):
        simulate(with_multipliers(placed(bars(ES=4900).with_contracts(given), ES), 50.0), ladder())
    again = contracts_from_mapping(given.to_mapping())
    assert again == given and again.multiplier_of("ES") == 1.0
    steps = contracts_from_mapping({"ES": {"tick": 0.25}})
    assert steps.multiplier_of("ES") is None
    done = simulate(with_multipliers(placed(bars(ES=4900).with_contracts(steps), ES), 50.0), ladder())
    assert done.pnl[0] == 400.0


def test_capital_and_costs_of_the_summary_know_the_multiplier() -> None:
    """Two contracts at 4900 x 50 tie up 490,000; commission of 9 on a risk of 400 is 0.0225 R."""
    done = simulate(placed(bars(ES=4900), ES), ladder(commission_per_unit=2.25, multiplier=50))
    trades, fills = done.trades_frame(), done.fills_frame()
    assert exposure(trades, fills)["capital_used"] == pytest.approx(490_000.0)
    assert exposure_of([done]) == exposure(trades, fills)
    found = summarise(trades, fills, ladder(), intervals=Intervals(0.9, 100, 0))
    assert found["cost_r"]["value"] == pytest.approx(0.0225)


COIN = Contract(1, inverse=True, currency="BTC")


def coins(side: str, stop: float, *, quantity: float = 1000.0, contract: Contract = COIN) -> PlacedTrades:
    """Return one trade at 40,000, entered at the second open; the third bar runs to 50,000 or 32,000."""
    rows = [(40000, 40000, 40000, 40000)] * 2 + [
        (40000, 50000, 40000, 45000) if side == "long" else (40000, 40000, 32000, 36000),
        (45000, 45000, 45000, 45000) if side == "long" else (36000, 36000, 36000, 36000),
    ]
    table = pd.DataFrame(rows, columns=["open", "high", "low", "close"]).assign(symbol="XBT")
    market = bars_from_frame(table.assign(timestamp=pd.date_range("2024-01-01", periods=4)))[0]
    trades = pd.DataFrame(
        {
            "trade_id": ["C1"], "symbol": "XBT", "side": side, "entry_time": "2024-01-02", "entry_price": 40000.0,
            "quantity": quantity, "stop_price": stop, "exit_time": "2024-01-04",
            "exit_price": 45000.0 if side == "long" else 36000.0,
        }
    )  # fmt: skip
    return place_trades(trades_from_frame(trades), market.with_contracts(Contracts({"XBT": contract})))


def two_r(**costs: float) -> Ladder:
    return ladder_from_mapping({"rungs": [{"fraction": 1.0, "target": "2R"}], "costs": costs})


def test_an_inverse_contract_pays_in_its_coin() -> None:
    """Known answer: 1000 x (1 / 40000 - 1 / 50000) = 0.005 BTC; gross R is that of the prices."""
    done = simulate(coins("long", 35000.0), two_r())
    assert done.pnl[0] == pytest.approx(0.005, abs=1e-15) and done.r[0] == 2.0
    # a short to 32,000: 1000 x (1 / 32000 - 1 / 40000)
    short = simulate(coins("short", 44000.0), two_r())
    assert short.pnl[0] == pytest.approx(0.00625, abs=1e-15) and short.r[0] == 2.0
    table = done.trades_frame()
    assert table["inverse"].tolist() == [True] and table["multiplier"].tolist() == [1.0]
    flow = cash_flow(table, done.fills_frame())
    assert flow is not None and flow.pnl.sum() == pytest.approx(0.005)


def test_costs_of_an_inverse_contract_are_shares_of_the_coins_at_risk() -> None:
    """By hand: 5 bp of 1000 / 40000 and of 1000 / 50000 is 0.0000225 BTC; the stop loses 1000 (1/35000 - 1/40000)."""
    plan, book = two_r(commission_bps=5.0), coins("long", 35000.0)
    done = simulate(book, plan)
    paid, at_risk = 5e-4 * (1000 / 40000 + 1000 / 50000), 1000 * (1 / 35000 - 1 / 40000)
    assert done.commission[0] == pytest.approx(paid) and paid == pytest.approx(2.25e-5)
    assert done.r[0] == pytest.approx(2.0 - paid / at_risk)
    assert done.pnl[0] == pytest.approx(0.005 - paid)
    assert done.fills.net_r.sum() == pytest.approx(done.r[0])
    fills = done.fills_frame()
    assert fills["commission"].tolist() == pytest.approx([5e-4 / 40, 5e-4 / 50])
    flow = cash_flow(done.trades_frame(), fills)
    assert flow is not None and flow.pnl.sum() == pytest.approx(done.pnl[0])
    found = summarise(done.trades_frame(), fills, plan, intervals=Intervals(0.9, 100, 0))
    assert found["cost_r"]["value"] == pytest.approx(paid / at_risk)
    outcomes = simulate_outcomes(book, [plan, two_r()])
    assert outcomes.net_r.tolist() == [[done.r[0], 2.0]] and outcomes.n_fills.tolist() == [[2, 2]]
    assert simulate_many(book, [two_r(), plan]).tolist() == [[2.0, done.r[0]]]
    own = simulate_own_exits(book, plan)
    gross, fee = 1000 * (1 / 40000 - 1 / 45000), 5e-4 * (1000 / 40000 + 1000 / 45000)
    assert own.pnl[0] == pytest.approx(gross - fee) and own.r[0] == pytest.approx(1.0 - fee / at_risk)


def test_a_stop_of_an_inverse_contract_loses_one_r_and_its_coins() -> None:
    book = coins("long", 39000.0)
    down = replace(book, trades=replace(book.trades, side=-book.trades.side, stop_price=np.array([41000.0])))
    done = simulate(down, two_r(commission_per_unit=1e-7))
    lost = 1000 * (1 / 40000 - 1 / 41000)
    assert done.r[0] == pytest.approx(-1.0 - 2e-4 / lost) and done.pnl[0] == pytest.approx(-lost - 2e-4)


def test_financing_of_an_inverse_contract_is_on_its_notional_in_coins() -> None:
    """One basis point a bar of 1000 / close, on the bars that are held; a position left open is marked."""
    plan = ladder_from_mapping({"rungs": [{"fraction": 0.5, "target": "2R"}], "costs": {"funding_bps_per_bar": 1.0}})
    done = simulate(coins("long", 35000.0), plan)
    held = 1000 / 40000 + 500 / 45000 + 500 / 45000  # three closes; half is sold on the second bar
    assert done.financing[0] == pytest.approx(1e-4 * held)
    assert done.fills.net_r.sum() == pytest.approx(done.r[0])
    marked = 500 * (1 / 40000 - 1 / 50000) + 500 * (1 / 40000 - 1 / 45000)
    assert done.pnl[0] == pytest.approx(marked - 1e-4 * held)


@pytest.mark.parametrize(("side", "leverage", "margin"), [("long", 10, 0.0), ("short", 10, 0.005), ("long", 3, 0.01)])
def test_liquidation_of_an_inverse_contract_is_where_the_coins_run_out(
    side: str, leverage: float, margin: float
) -> None:
    """Margin plus profit equals the maintenance margin, all in coins (S6)."""
    table = {
        "rungs": [{"fraction": 1.0, "target": "9R"}],
        "execution": {"leverage": leverage, "maintenance_margin": margin},
    }
    book = coins(side, 1000.0 if side == "long" else 79000.0)
    done = simulate(book, ladder_from_mapping(table))
    s = 1 if side == "long" else -1
    price = s * done.states[0, kernel_state.LIQUIDATION]
    equity = 1000 / 40000 / leverage + s * 1000 * (1 / 40000 - 1 / price)
    assert equity == pytest.approx(margin * 1000 / price)


def test_coins_are_changed_into_the_account_s_currency() -> None:
    """A coin is a currency: 0.005 BTC at 40,000 US dollars, known at the entry, are 200."""
    book, usd = coins("long", 35000.0), currencies_from_mapping({"account": "USD", "BTC": 40_000})
    market = book.bars.with_contracts(book.bars.contracts, usd)
    assert simulate(replace(book, bars=market), two_r()).pnl[0] == pytest.approx(200.0)


def test_old_fingerprints_hold() -> None:
    assert ladder_fingerprint(ladder(tick=0.25)) == "5cca47f21b4f0504"
    assert ladder_fingerprint(ladder()) == ladder_fingerprint(ladder(multiplier=1))
    assert ladder_fingerprint(ladder()) != ladder_fingerprint(ladder(multiplier=2))
    with pytest.raises(LadderError, match="multiplier must be greater than 0"):
        Costs(multiplier=0)
