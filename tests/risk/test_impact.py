"""Impact laws against worked cases, and what every impact must satisfy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exitladder.risk.impact import Almgren, PowerLaw
from exitladder.risk.no_trade_band import half_width, traded

SIZES = st.floats(1, 1e6)


def test_almgrens_worked_case() -> None:
    permanent, temporary = Almgren().parts(2_000, 80e6, 0.012, 1.0, 108.75 * 80e6)
    # an order pays half of what stays: 0.001521 basis points
    assert permanent / 2 * 1e4 == pytest.approx(0.001521, abs=5e-7)
    assert temporary == pytest.approx(2.95280e-6, abs=5e-11)
    # IBM in the paper: a tenth of a day's volume in a tenth, a fifth and half of the day
    ibm = Almgren().parts(0.6561e6, 6.561e6, 0.0157, [0.1, 0.2, 0.5], 1_728e6)
    assert (ibm[0] / 2 + ibm[1]) * 1e4 == pytest.approx([32.22, 24.64, 18.42], abs=0.01)


def test_the_square_root_law() -> None:
    law = PowerLaw()
    # 1% of a day's volume at 2% volatility: 0.75 × 0.02 × 0.1
    assert law.impact(10_000, 1e6, 0.02) == pytest.approx(0.0015)
    assert law.mean_cost(10_000, 1e6, 0.02) == pytest.approx(0.001)
    assert np.isnan(law.impact(10_000, [0.0, np.nan], 0.02)).all()


@given(quantity=SIZES, more=st.floats(1.001, 100), exponent=st.floats(0.1, 1))
def test_larger_orders_cost_more_and_two_halves_no_more_than_the_whole(
    quantity: float, more: float, exponent: float
) -> None:
    law = PowerLaw(exponent=exponent)
    small, large = float(law.impact(quantity, 1e6, 0.02)), float(law.impact(more * quantity, 1e6, 0.02))
    assert 0 < small < large
    assert float(law.impact(quantity / 2, 1e6, 0.02)) <= small


@pytest.mark.parametrize(("prefactor", "exponent"), [(-0.1, 0.5), (0.75, 0.0), (0.75, 1.5)])
def test_a_law_that_is_none_is_refused(prefactor: float, exponent: float) -> None:
    with pytest.raises(ValueError, match="prefactor"):
        PowerLaw(prefactor, exponent)


def test_whalley_and_wilmott() -> None:
    width = float(half_width(0.001, 100, 0.039844, 1.0))
    assert width == pytest.approx(0.061983, abs=5e-7)
    assert float(half_width(0.008, 100, 0.039844, 1.0)) == pytest.approx(2 * width)
    assert float(half_width(0.001, 100, 0.039844, 8.0)) == pytest.approx(width / 2)
    assert float(half_width(0.001, 100, 2 * 0.039844, 1.0)) / width == pytest.approx(1.5874, abs=5e-5)
    with pytest.raises(ValueError, match="above 0"):
        half_width(0.001, 100, 0.04, 0.0)


def test_a_band_trades_to_its_edge_only_from_outside() -> None:
    assert traded([0.4, 0.5, 0.62, np.nan], 0.5, 0.1).tolist()[:3] == pytest.approx([0.0, 0.0, -0.02])
    assert np.isnan(traded(np.nan, 0.5, 0.1))
    assert traded([0.3, 0.45], 0.5, 0.1, to_target=True).tolist() == pytest.approx([0.2, 0.0])
