"""Every picture draws, shows what it was given, and leaves matplotlib's global state alone."""

from __future__ import annotations

import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from exitladder.pipelines.plots import captions as plots
from exitladder.pipelines.plots.data import (
    cumulative_r,
    ladder_steps,
    leading_features,
    mfe_against_exit,
    reliability,
    rung_hits,
)
from exitladder.plans.file import ladder_from_mapping
from exitladder.plans.ladder import Ladder

LADDER = ladder_from_mapping(
    {
        "name": "tuned",
        "rungs": [
            {"fraction": 0.25, "target": "1R"},
            {"fraction": 0.6, "target": "2R"},
            {"fraction": 0.1, "target": "-0.5R"},
            {"fraction": 0.05, "when": ["exhaustion >= 0.7"]},
        ],
        "stop": {"initial": "2ATR", "breakeven_after": 1, "trail": "3ATR", "trail_after": 1, "time": 40},
    }
)


def texts(figure: Figure) -> str:
    """Return all that is written in a figure, as a browser would find it."""
    root = ElementTree.fromstring(plots.to_svg(figure))
    return " | ".join("".join(node.itertext()).strip() for node in root.iter("{http://www.w3.org/2000/svg}text"))


@pytest.fixture(scope="module")
def bars(root: Path) -> pd.DataFrame:
    """Real daily bars of the sample."""
    return pd.read_parquet(root / "src" / "exitladder" / "sample" / "IBM-1d.parquet").iloc[1000:1200]


@pytest.fixture(scope="module")
def trade(bars: pd.DataFrame) -> pd.Series:
    return pd.Series(
        {
            "trade_id": "T-1",
            "symbol": "$IBM_<&>",
            "side": "long",
            "status": "closed",
            "quantity": 100.0,
            "entry_time": bars["timestamp"].iloc[50],
            "entry_price": float(bars["open"].iloc[50]),
            "risk": 2.0,
            "r": 0.75,
        }
    )


@pytest.fixture(scope="module")
def fills(bars: pd.DataFrame, trade: pd.Series) -> pd.DataFrame:
    price = float(trade["entry_price"])
    rows = [
        ("T-1", bars["timestamp"].iloc[50], "entry", np.nan, 100.0, price, 0.0),
        ("T-1", bars["timestamp"].iloc[60], "rung", 1, 25.0, price + 2.0, 1.0),
        ("T-1", bars["timestamp"].iloc[75], "trail", np.nan, 75.0, price + 1.0, 0.5),
    ]
    return pd.DataFrame(rows, columns=["trade_id", "bar_time", "order", "rung", "quantity", "price", "r"])


def test_a_trade_shows_its_levels_fills_and_dates(bars: pd.DataFrame, trade: pd.Series, fills: pd.DataFrame) -> None:
    price = float(trade["entry_price"])
    stops = pd.Series([price - 2.0, price, price + 1.0], index=bars["timestamp"].iloc[[50, 61, 70]])
    figure = plots.trade_picture(bars, trade, fills, targets=[(1, price + 2), (2, price + 500)], stop_path=stops)
    shown = texts(figure)
    for part in ("$IBM_<&>: long 100", "net +0.75R", "rung 1: +1.00R", "25 · +1.00R", "75 · +0.50R", "trail", "stop"):
        assert part in shown, part
    assert f"outside the chart: rung 2 at {price + 500:.6g}" in shown
    assert bars["timestamp"].iloc[42].strftime("%d %b %Y") in shown
    low, high = figure.axes[0].get_ylim()
    assert low < bars["low"].iloc[42:84].min() < bars["high"].iloc[42:84].max() < high


def test_a_short_trade_and_one_without_a_stop_path_draw(
    bars: pd.DataFrame, trade: pd.Series, fills: pd.DataFrame
) -> None:
    short = pd.Series({**trade.to_dict(), "side": "short", "status": "open"})
    shown = texts(plots.trade_picture(bars, short, fills))
    assert "open, marked to market" in shown
    initial = float(trade["entry_price"]) + 2.0
    lines = [line.get_ydata() for line in plots.trade_picture(bars, short, fills).axes[0].lines]
    assert any(np.allclose(np.asarray(y, dtype=float), initial) for y in lines)


def test_fills_of_one_bar_do_not_write_over_each_other(bars: pd.DataFrame, trade: pd.Series) -> None:
    price = float(trade["entry_price"])
    rows = [
        ("T-1", bars["timestamp"].iloc[k], "rung", n, 25.0, price + n, float(n)) for n, k in ((1, 60), (2, 60), (3, 62))
    ]
    rows.append(("T-1", bars["timestamp"].iloc[63], "time", 0, 25.0, price + 3.0, 1.5))
    fills = pd.DataFrame(rows, columns=["trade_id", "bar_time", "order", "rung", "quantity", "price", "r"])
    figure = plots.trade_picture(bars, trade, fills)
    plots.to_png(figure)
    boxes = [label.get_window_extent() for label in figure.axes[0].texts if "25 ·" in label.get_text()]
    assert len(boxes) == 4
    assert not any(a.overlaps(b) for k, a in enumerate(boxes) for b in boxes[:k])


def test_the_ladder_says_what_is_sold_where() -> None:
    shown = texts(plots.ladder_picture(LADDER, ladder_steps(LADDER)))
    for part in (
        "rung 1: sell 25% at 1R",
        "rung 3: sell 10% at -0.5R",
        "when exhaustion >= 0.7",
        "trail 3ATR",
        "40 bars",
    ):
        assert part in shown, part
    assert "runner" not in shown
    empty = Ladder(name="hold")
    assert "runner: 100%" in texts(plots.ladder_picture(empty, ladder_steps(empty)))


@pytest.fixture(scope="module")
def net_r() -> pd.DataFrame:
    rng = np.random.default_rng(5)
    index = pd.date_range("2020-01-01", periods=80, freq="7D", tz="UTC")
    return pd.DataFrame(rng.normal(0.1, 1, (80, 3)), index=index, columns=["ours", "other", "third"])


def test_equity_marks_where_tuning_ended(net_r: pd.DataFrame) -> None:
    figure = plots.equity_picture(cumulative_r(net_r), emphasised="ours", untouched_from=net_r.index[50])
    assert "out of sample" in texts(figure)
    widths = {str(line.get_label()): line.get_linewidth() for line in figure.axes[0].lines}
    assert widths["ours"] > widths["other"]
    assert "out of sample" not in texts(plots.equity_picture(cumulative_r(net_r), emphasised="ours"))


def test_a_difference_shows_its_interval_and_the_policy_without_one_is_left_out() -> None:
    table = pd.DataFrame(
        {"policy": ["ours", "other"], "difference_r": [np.nan, -0.1], "low": [np.nan, -0.2], "high": [np.nan, 0.05]}
    )
    shown = texts(plots.forest_picture(table, "ours"))
    assert "−0.100R  [−0.200, +0.050]" in shown
    assert "vs other" in shown
    assert "vs ours" not in shown


def test_every_other_picture_draws(net_r: pd.DataFrame) -> None:
    rng = np.random.default_rng(3)
    trades = pd.DataFrame(
        {"status": "closed", "mfe_r": rng.exponential(1, 900), "r": rng.normal(0, 1, 900), "trade_id": range(900)}
    ).assign(side="long", entry_price=10.0, risk=1.0)
    fills = pd.DataFrame(
        {"trade_id": range(900), "order": "rung", "rung": rng.integers(1, 3, 900), "quantity": 1.0, "price": 11.0}
    )
    p = rng.uniform(0.2, 0.8, 500)
    assert "capture" in texts(plots.mfe_picture(mfe_against_exit(trades)))
    assert "never" in texts(plots.rung_picture(rung_hits(fills, trades, 4)))
    assert "base rate" in texts(plots.calibration_picture(reliability(rng.random(500) < p, p)))
    assert "constant" in texts(plots.importance_picture(leading_features({"constant": 1.0}, {"constant": "none"})))
    assert "third (mean" in texts(plots.distribution_picture({str(c): net_r[c] for c in net_r}, emphasised="ours"))


def test_pictures_of_nothing_say_so() -> None:
    columns = ("status", "mfe_r", "r", "trade_id", "side", "entry_price", "risk")
    nothing = pd.DataFrame({name: [] for name in columns})
    none = pd.DataFrame({"trade_id": [], "order": [], "rung": [], "quantity": [], "price": []})
    assert "No closed trade" in texts(plots.mfe_picture(mfe_against_exit(nothing)))
    assert "No exit" in texts(plots.rung_picture(rung_hits(none, nothing, 0)))
    assert "No trade" in texts(plots.equity_picture(pd.DataFrame()))
    assert "No trade" in texts(plots.distribution_picture({"a": [np.nan]}))
    assert "Nothing to compare" in texts(
        plots.forest_picture(pd.DataFrame(columns=["policy", "difference_r", "low", "high"]), "a")
    )
    assert "no feature" in texts(plots.importance_picture(leading_features({}, {})))


def test_the_same_picture_is_the_same_file_and_changes_no_global_style() -> None:
    before = dict(mpl.rcParams)
    first, second = (plots.to_svg(plots.ladder_picture(LADDER, ladder_steps(LADDER))) for _ in range(2))
    assert first == second
    assert dict(mpl.rcParams) == before
    assert plots.to_png(plots.ladder_picture(LADDER, ladder_steps(LADDER))).startswith(b"\x89PNG")


def test_a_symbol_in_another_script_does_not_stop_a_picture(
    bars: pd.DataFrame, trade: pd.Series, fills: pd.DataFrame
) -> None:
    figure = plots.trade_picture(bars, pd.Series({**trade.to_dict(), "symbol": "トヨタ"}), fills)
    assert "トヨタ" in texts(figure)
    assert plots.to_png(figure).startswith(b"\x89PNG")


def test_pyplot_is_never_loaded(root: Path) -> None:
    code = "import sys, exitladder.pipelines.plots.captions; sys.exit('matplotlib.pyplot' in sys.modules)"
    assert (
        subprocess.run([sys.executable, "-c", code], check=False, env={"PYTHONPATH": str(root / "src")}).returncode == 0
    )


def test_every_kind_of_picture_has_words(net_r: pd.DataFrame) -> None:
    for kind, (title, caption) in plots.HOW_TO_READ.items():
        picture = plots.to_page(Figure(), kind, "alt", half=True)
        assert (picture.title, picture.caption, picture.half) == (title, caption, True)
    assert plots.to_page(Figure(), "mfe", "alt").half
    assert not plots.to_page(Figure(), "equity", "alt").half
    assert plots.to_page(Figure(), "trade", "alt", title="T-1", explain=False).caption == ""


def test_a_trade_with_adds_shows_its_average_entry_and_its_size(bars: pd.DataFrame, trade: pd.Series) -> None:
    price = float(trade["entry_price"])
    rows = [
        ("T-1", bars["timestamp"].iloc[50], "entry", np.nan, 100.0, price, 0.0),
        ("T-1", bars["timestamp"].iloc[60], "add", np.nan, 100.0, price + 2.0, 0.0),
        ("T-1", bars["timestamp"].iloc[70], "rung", 1, 50.0, price + 3.0, 0.5),
        ("T-1", bars["timestamp"].iloc[75], "trail", np.nan, 150.0, price + 2.0, 0.5),
    ]
    fills = pd.DataFrame(rows, columns=["trade_id", "bar_time", "order", "rung", "quantity", "price", "r"])
    figure = plots.trade_picture(bars, trade, fills)
    prices, size = figure.axes
    assert f"average {price + 1.0:.6g}" in texts(figure)
    assert any(np.allclose(np.unique(np.asarray(line.get_ydata())), [price, price + 1.0]) for line in prices.lines)
    assert np.asarray(size.lines[0].get_ydata()).tolist() == [100.0, 200.0, 150.0, 0.0, 0.0]
