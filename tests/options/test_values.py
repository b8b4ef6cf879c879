"""Values and Greeks against Haug's and QuantLib's published numbers, parity, and round trips."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exitladder.errors import OptionsError
from exitladder.options.american import american
from exitladder.options.black_scholes import CALL, PUT, bounds, greeks, implied_volatility

PRICES = st.floats(20, 200)
YEARS = st.floats(0.02, 3)
VOLATILITIES = st.floats(0.05, 1.5)
RATES = st.tuples(st.floats(-0.02, 0.15), st.floats(0, 0.1))


@pytest.mark.parametrize(
    ("right", "strike", "spot", "q", "r", "years", "sigma", "value"),
    [
        # Haug, pages 2-8, as in QuantLib's test of European options
        (CALL, 65, 60, 0.00, 0.08, 0.25, 0.30, 2.1334), (PUT, 95, 100, 0.05, 0.10, 0.50, 0.20, 2.4648),
        (PUT, 19, 19, 0.10, 0.10, 0.75, 0.28, 1.7011), (CALL, 19, 19, 0.10, 0.10, 0.75, 0.28, 1.7011),
        (CALL, 1.6, 1.56, 0.08, 0.06, 0.50, 0.12, 0.0291), (PUT, 70, 75, 0.05, 0.10, 0.50, 0.35, 4.0870),
    ],
)  # fmt: skip
def test_haugs_values(
    right: float, strike: float, spot: float, q: float, r: float, years: float, sigma: float, value: float
) -> None:
    found = greeks(spot, strike, years, sigma, right, (r, q))
    assert float(found.value) == pytest.approx(value, abs=5e-5)


def test_haugs_greeks() -> None:
    assert greeks(105, 100, 0.5, 0.36, [CALL, PUT], (0.1, 0.1)).delta.tolist() == pytest.approx(
        [0.5946, -0.3566], abs=5e-5
    )
    both = greeks(55, 60, 0.75, 0.30, [CALL, PUT], (0.1, 0.0))
    assert both.gamma.tolist() == pytest.approx([0.0278, 0.0278], abs=5e-5)
    assert both.vega.tolist() == pytest.approx([18.9358, 18.9358], abs=5e-5)
    assert float(greeks(430, 405, 1 / 12, 0.20, PUT, (0.07, 0.05)).theta) == pytest.approx(-31.1924, abs=5e-5)
    first = greeks(60, 65, 0.25, 0.30, CALL, (0.08, 0.0))
    found = [float(x) for x in (first.value, first.delta, first.gamma, first.vega, first.theta)]
    assert found == pytest.approx([2.133368, 0.372483, 0.042043, 11.351544, -8.428174], abs=1e-6)


@given(spot=PRICES, strike=PRICES, years=YEARS, sigma=VOLATILITIES, rates=RATES)
def test_parity_and_bounds(spot: float, strike: float, years: float, sigma: float, rates: tuple[float, float]) -> None:
    call, put = greeks(spot, strike, years, sigma, [CALL, PUT], rates).value
    forward = spot * np.exp(-rates[1] * years) - strike * np.exp(-rates[0] * years)
    assert call - put == pytest.approx(forward, abs=1e-9 * (spot + strike))
    low, high = bounds(spot, strike, years, [CALL, PUT], rates)
    assert (low - 1e-9 <= [call, put]).all() and ([call, put] <= high + 1e-9).all()


@given(spot=PRICES, strike=PRICES, years=YEARS, sigma=VOLATILITIES, rates=RATES, right=st.sampled_from([CALL, PUT]))
def test_greeks_are_slopes_of_the_value(
    spot: float, strike: float, years: float, sigma: float, rates: tuple[float, float], right: float
) -> None:
    at = greeks(spot, strike, years, sigma, right, rates)
    h = 1e-4

    def slope(up: float, down: float, step: float) -> float:
        return (up - down) / (2 * step)

    def value(s: float = spot, t: float = years, v: float = sigma, r: float = rates[0]) -> float:
        return float(greeks(s, strike, t, v, right, (r, rates[1])).value)

    assert float(at.delta) == pytest.approx(slope(value(spot + h), value(spot - h), h), rel=1e-4, abs=1e-4)
    assert float(at.vega) == pytest.approx(slope(value(v=sigma + h), value(v=sigma - h), h), rel=1e-4, abs=1e-4)
    assert float(at.rho) == pytest.approx(slope(value(r=rates[0] + h), value(r=rates[0] - h), h), rel=1e-4, abs=1e-4)
    assert float(at.theta) == pytest.approx(-slope(value(t=years + h), value(t=years - h), h), rel=1e-3, abs=1e-2)


@given(spot=PRICES, strike=PRICES, years=YEARS, sigma=VOLATILITIES, rates=RATES, right=st.sampled_from([CALL, PUT]))
def test_implied_volatility_gives_the_price_back(
    spot: float, strike: float, years: float, sigma: float, rates: tuple[float, float], right: float
) -> None:
    price = float(greeks(spot, strike, years, sigma, right, rates).value)
    found = float(implied_volatility(price, spot, strike, years, right, rates))
    if np.isfinite(found):
        assert float(greeks(spot, strike, years, found, right, rates).value) == pytest.approx(price, abs=1e-9 * strike)
    else:
        # only where volatility leaves no trace in the price
        assert float(greeks(spot, strike, years, sigma, right, rates).vega) < 1e-6 * strike


def test_what_has_no_value_is_unknown_and_never_guessed() -> None:
    nothing = greeks([np.nan, -1.0, 100.0], 100, 0.5, [0.2, 0.2, 0.0])
    assert np.isnan(nothing.value).all() and np.isnan(nothing.delta).all()
    # below what exercise pays, above the underlying, no time left
    assert np.isnan(implied_volatility([4.9, 106.0, 5.0], 105, 100, [0.5, 0.5, 0.0])).all()
    assert greeks([90, 110], 100, 0.0, 0.2, CALL).value.tolist() == [0.0, 10.0]
    assert greeks([90, 110], 100, 0.0, 0.2, PUT).delta.tolist() == [-1.0, 0.0]


def test_american_options_against_published_values() -> None:
    pytest.importorskip("QuantLib", reason="QuantLib is not installed")
    # Longstaff and Schwartz (2001), table 1: S 36, K 40, one year
    assert american(36, 40, 365, 0.20, PUT, (0.06, 0.0)).value == pytest.approx(4.486, abs=3e-3)
    # Geske and Johnson's puts by 10,000-step trees: S 40, r 0.0488, 7 months (213 days)
    for strike, sigma, value in [(35, 0.3, 1.2198), (40, 0.2, 1.9904), (40, 0.4, 4.3526), (45, 0.3, 6.2436)]:
        assert american(40, strike, 213, sigma, PUT, (0.0488, 0.0)).value == pytest.approx(value, abs=3e-3)
    european = float(greeks(100, 100, 182 / 365, 0.2, CALL, (0.05, 0.0)).value)
    assert american(100, 100, 182, 0.2, CALL, (0.05, 0.0)).value == pytest.approx(european, abs=3e-3)


def test_a_dividend_makes_early_exercise_worth_something() -> None:
    pytest.importorskip("QuantLib", reason="QuantLib is not installed")
    without = american(100, 80, 30, 0.2, CALL, (0.05, 0.0))
    paid = american(100, 80, 30, 0.2, CALL, (0.05, 0.0), dividends=[(10, 3.0), (90, 50.0)])
    # exercised before the dividend it pays 20 at once, held on it pays about 20.3 − 3
    assert 20.0 <= paid.value < without.value < 20.4
    assert paid.vega >= 0


@pytest.mark.parametrize("faulty", [(0, 100, 30, 0.2), (100, 100, 0, 0.2), (100, 100, 30, float("nan"))])
def test_an_impossible_option_is_refused(faulty: tuple[float, float, int, float]) -> None:
    with pytest.raises(OptionsError, match="must be above 0"):
        american(*faulty)


def test_a_deep_option_with_next_to_no_vega_is_solved_without_a_warning() -> None:
    # at the first volatility tried, vega is so small that a step of Newton is too large for a number
    years = np.linspace(4.9e-4, 5.4e-4, 400)
    assert ((vega := greeks(645.0, 500.0, years, 0.3, CALL, (0.0, 0.0)).vega) < 1e-300).any() and (vega > 0).any()
    found = implied_volatility(147.0, 645.0, 500.0, years, CALL, (0.0, 0.0))
    assert greeks(645.0, 500.0, years, found, CALL, (0.0, 0.0)).value == pytest.approx(147.0)
