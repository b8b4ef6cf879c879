"""The table of symbols: read from settings, TOML and CSV, checked, proposed from bars."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from exitladder.bars.reading import bars_from_frame
from exitladder.cli import main
from exitladder.errors import SettingsError
from exitladder.execution.contracts import check_money
from exitladder.plans.costs import Costs
from exitladder.plans.file import read_ladder
from exitladder.settings.contracts import Contract, Contracts, read_contracts
from exitladder.settings.currencies import Currencies, currencies_from_mapping
from exitladder.settings.loading import load_settings
from exitladder.settings.proposal import common_step
from exitladder.settings.template import settings_toml
from exitladder.trades.files import trades_from_frame
from exitladder.trades.trades import Trades

ES = Contract(multiplier=50, tick=0.25, lot=1, currency="USD", session="09:30-16:00", exchange_tz="America/New_York")
TOML = (
    '[symbols.ES]\nmultiplier = 50\ntick = 0.25\nlot = 1\ncurrency = "USD"\nsession = "09:30-16:00"\n'
    'exchange_tz = "America/New_York"\n[symbols."BTC/USDT:USDT"]\nlot = 0.001\n'
)


def test_settings_toml_and_csv_give_the_same_contracts(tmp_path: Path) -> None:
    (tmp_path / "e.toml").write_text(TOML)
    (tmp_path / "s.csv").write_text(
        "symbol,multiplier,tick,lot,currency,session,exchange_tz\n"
        "ES,50,0.25,1,USD,09:30-16:00,America/New_York\nBTC/USDT:USDT,,,0.001,,,\n"
    )
    settings = load_settings(tmp_path / "e.toml")
    assert settings.symbols.contract_of("ES") == ES
    assert settings.symbols.contract_of("BTC/USDT:USDT") == Contract(lot=0.001)
    assert settings.symbols.contract_of("AAPL") == Contract()
    assert read_contracts(tmp_path / "s.csv") == read_contracts(tmp_path / "e.toml") == settings.symbols
    (tmp_path / "f.toml").write_text(f'[symbols]\nfile = "{tmp_path / "s.csv"}"\n[symbols.ES]\nmultiplier = 5\n')
    other = load_settings(tmp_path / "f.toml").symbols
    assert other["ES"] == Contract(multiplier=5) and other["BTC/USDT:USDT"].lot == 0.001


def test_they_are_written_back(tmp_path: Path) -> None:
    (tmp_path / "e.toml").write_text(TOML + '[currencies]\naccount = "EUR"\nUSD = "1/EURUSD"\nGBP = 1.15\n')
    settings = load_settings(tmp_path / "e.toml")
    (tmp_path / "again.toml").write_text(settings_toml(settings))
    assert load_settings(tmp_path / "again.toml") == settings
    assert settings.with_values(settings.to_mapping()) == settings


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("[symbols.ES]\nmultiplier = 0\n", "symbols.ES: multiplier must be greater than 0"),
        ("[symbols.ES]\ntick = -1\n", "symbols.ES: tick must be a number of 0 or more"),
        ("[symbols.ES]\nmultiplyer = 50\n", "Did you mean 'multiplier'?"),
        ('[symbols.ES]\ncurrency = "dollar"\n', "currency must be a code such as USD"),
        ('[symbols.ES]\nsession = "morning"\n', "session must read like 09:30-16:00"),
        ('[symbols.ES]\nexchange_tz = "New York"\n', "New York"),
        ("symbols = 3\n", "symbols must be a table"),
        ("[currencies]\nEUR = -1\n", "currencies.EUR must be a positive number"),
        ('[currencies]\naccount = "us"\n', "currencies.account must be a code"),
        ("[currencies]\neuro = 1\n", "A rate must read CODE = number"),
    ],
)
def test_what_cannot_be_is_refused(tmp_path: Path, text: str, part: str) -> None:
    (tmp_path / "e.toml").write_text(text)
    with pytest.raises(SettingsError) as caught:
        load_settings(tmp_path / "e.toml")
    assert part in str(caught.value)


def test_a_symbol_twice_in_a_table_is_refused(tmp_path: Path) -> None:
    (tmp_path / "s.csv").write_text("symbol,lot\nES,1\nES,2\n")
    with pytest.raises(SettingsError, match=r"come once, but 'ES' does not \(s.csv, line 3\)"):
        read_contracts(tmp_path / "s.csv")


def test_steps_of_a_contract_go_before_those_of_the_costs() -> None:
    costs = Contract(50, tick=0.25).costs(Costs(tick=0.01, lot=1, commission_bps=2))
    assert (costs.multiplier, costs.tick, costs.lot, costs.commission_bps) == (50, 0.25, 1, 2)
    assert Contract().costs(Costs(multiplier=5)).multiplier == 5


def test_a_currency_without_a_rate_is_asked_for() -> None:
    Currencies().check(["USD", ""])
    with pytest.raises(SettingsError, match=r"several currencies \(EUR, USD\) need the account's"):
        Currencies().check(["USD", "EUR"])
    own = currencies_from_mapping({"account": "EUR", "GBP": 1.15, "USD": "1/EURUSD"})
    own.check(["EUR", "GBP", "USD"])
    with pytest.raises(SettingsError, match="rate to EUR, but JPY has none"):
        own.check(["JPY"])


def trades_of(*symbols: str) -> Trades:
    table = pd.DataFrame({"symbol": symbols}).assign(side="long", entry_time="2024-01-02", entry_price=10.0, quantity=1)
    return trades_from_frame(table.assign(trade_id=[f"T{i}" for i in range(len(symbols))]))


def test_money_that_the_settings_leave_open_is_asked_for() -> None:
    coin = Contracts({"XBT": Contract(inverse=True)})
    with pytest.raises(SettingsError, match="'XBT' has inverse = true and no currency"):
        check_money(trades_of("XBT"), coin, Currencies())
    coin = Contracts({"XBT": Contract(inverse=True, currency="BTC")})
    check_money(trades_of("XBT"), coin, Currencies())
    with pytest.raises(SettingsError, match="Profit in BTC and in other money"):
        check_money(trades_of("XBT", "ACME"), coin, Currencies())
    with pytest.raises(SettingsError, match="rate to USD, but BTC has none"):
        check_money(trades_of("XBT", "ACME"), coin, Currencies("USD"))
    check_money(trades_of("XBT", "ACME"), coin, Currencies("USD", {"BTC": 40_000.0}))


def test_trades_check_asks_for_a_rate(tmp_path: Path) -> None:
    trades_of("ES").to_frame().to_csv(tmp_path / "t.csv", index=False)
    (tmp_path / "s.toml").write_text('[symbols.ES]\ncurrency = "USD"\n[currencies]\naccount = "EUR"\n')
    done = CliRunner().invoke(
        main, ["trades", "check", str(tmp_path / "t.csv"), "--settings", str(tmp_path / "s.toml")]
    )
    assert done.exit_code == 1 and "USD has none" in done.stderr and "USD has none" in done.stdout


def test_a_rate_from_a_series_knows_closed_bars_only() -> None:
    days = pd.date_range("2024-01-01", periods=3, tz="UTC")
    table = pd.DataFrame({name: [1.25, 1.6, 2.0] for name in ("open", "high", "low", "close")}, index=days)
    bars = bars_from_frame(table, "EURUSD")[0]
    own = currencies_from_mapping({"account": "EUR", "USD": "1/EURUSD"})
    noon = np.array([days[1].value + 12 * 3600 * 10**9, days[2].value])
    assert own.rate("USD", noon, bars).tolist() == [0.8, 0.625]
    with pytest.raises(SettingsError, match="begins after the first trade"):
        own.rate("USD", np.array([days[0].value]), bars)
    with pytest.raises(SettingsError, match="no bars of it"):
        own.rate("USD", noon)
    assert own.rate("EUR", noon).tolist() == [1, 1]


@given(
    st.sampled_from([1.0, 0.25, 0.1, 0.05, 0.01, 0.001, 0.00001, 0.03125, 5.0, 0.5]),
    st.lists(st.integers(1, 10_000), min_size=1, max_size=30),
)
def test_the_step_divides_every_price_and_is_no_finer_than_the_market_s(step: float, counts: list[int]) -> None:
    counts = [*counts, 7919, 7920]  # next to one another: no larger step fits
    assert common_step(np.array([k * step for k in counts])) == pytest.approx(step)


def test_init_proposes_what_the_bars_show(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    run: Callable[[list[str]], Result] = lambda args: CliRunner().invoke(main, args)  # noqa: E731
    time = pd.date_range("2024-01-01", periods=40, tz="UTC")
    parts = []
    for symbol, tick, start, lot in (("EURUSD", 0.00001, 110_000, 1000), ("ES", 0.25, 19_600, 1)):
        close = (start + 3 * np.arange(40) + np.arange(40) % 2) * tick
        frame = pd.DataFrame({"open": close, "high": close + tick, "low": close - tick, "close": close})
        parts.append(frame.assign(symbol=symbol, timestamp=time, volume=lot * (7.0 + np.arange(40))))
    pd.concat(parts).to_csv("bars.csv", index=False)
    assert run(["init", "p", "--bars", "bars.csv"]).exit_code == 0
    found = load_settings("p/exitladder.toml").symbols
    assert found["ES"] == Contract(tick=0.25, lot=1, min_quantity=1)
    assert found["EURUSD"].tick == pytest.approx(0.00001)
    assert read_ladder("p/ladder.toml").costs.tick == 0


def test_the_step_of_coins_far_below_one() -> None:
    prices = np.round(np.random.default_rng(1).uniform(4_000, 5_500, 400)) * 1e-8
    assert common_step(prices) == 1e-8
    assert common_step(prices * 1e4) == 1e-4
