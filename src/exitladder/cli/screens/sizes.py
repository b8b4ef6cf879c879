"""The part of a backtest's screen about sizes: a size rule against constant size, risk of ruin, optimal fraction."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from exitladder.cli.screens.parts import facts, signed, texts_table


def sizes_text(sizes: Mapping[str, Any] | None, width: int) -> str:
    """Return the block about sizes, empty without a size rule and an equity.

    Parameters
    ----------
    sizes : mapping or None
        ``sizes`` of ``summary.json``.
    width : int
        Characters per line.

    Returns
    -------
    str
    """
    if not sizes:
        return ""
    head = f"Sizes: {sizes['in_words']}\n"
    rows = [
        _row(label, sizes[name]) for name, label in (("sized", "this rule"), ("constant", "constant")) if name in sizes
    ]
    difference = sizes.get("difference")
    if difference:
        rows.append(
            {
                "size": "difference",
                "final equity": signed(difference["final_equity"]["value"], 0),
                "growth per trade": percent_range(difference["growth_per_trade"]),
                "drawdown": _percent(difference["max_drawdown"]["value"], 1, sign=True),
                "ruin": _percent(difference["risk_of_ruin"], 1, sign=True),
            }
        )
    table = texts_table(rows, width) if rows else ""
    return head + table + facts(size_facts(sizes), width)


def size_facts(sizes: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return names and sentences about the sizes of a backtest, for the screen and the page."""
    skipped = ", ".join(f"{count:,} {reason.replace('_', ' ')}" for reason, count in sizes["skipped"].items())
    ruin, curve = sizes.get("ruin"), sizes.get("fractions")
    texts = [
        ("skipped", skipped),
        (
            "at risk",
            ""
            if sizes["mean_share"] is None
            else f"{sizes['mean_share']:.2%} of equity per trade on average, {sizes['max_share']:.2%} at most",
        ),
        ("no growth", "" if sizes["equity"] is not None else "set equity in [book] for growth and the risk of ruin"),
    ]
    if "sized" in sizes:
        years = [
            f"{name} {_percent(sizes[key]['growth_per_year'], 1, sign=True)}"
            for key, name in (("sized", "this rule"), ("constant", "constant"))
            if sizes[key]["growth_per_year"] is not None
        ]
        texts.append(("growth per year", ", ".join(years)))
    if ruin:
        texts.append(
            (
                "ruin",
                f"equity at or below {ruin['equity']:,.0f} ({ruin['level']:.0%} of the start lost) within "
                f"{ruin['horizon_trades']:,} trades, in {ruin['n_resamples']:,} block resamples of these trades",
            )
        )
    if curve:
        best = curve["optimal"]
        ends = "" if best["low"] is None or best["high"] is None else f" [{best['low']:.1%}, {best['high']:.1%}]"
        texts.append(("optimal fraction", f"{best['value']:.1%}{ends} of equity at risk grew fastest, in hindsight"))
    return texts


def _row(label: str, entry: Mapping[str, Any]) -> dict[str, str]:
    final, growth = entry["final_equity"], entry["growth_per_trade"]
    return {
        "size": label,
        "final equity": f"{final['value'] if isinstance(final, Mapping) else final:,.0f}",
        "growth per trade": percent_range(growth if isinstance(growth, Mapping) else {"value": growth}),
        "drawdown": _percent(entry["max_drawdown"], 1),
        "ruin": _percent(entry.get("risk_of_ruin"), 1),
    }


def percent_range(entry: Mapping[str, Any]) -> str:
    """Return a growth in per cent with its interval.

    Examples
    --------
    >>> percent_range({"value": 0.00123, "low": -0.0002, "high": 0.0031})
    '+0.123% [-0.020%, +0.310%]'
    """
    value, low, high = (_percent(entry.get(key), 3, sign=True) for key in ("value", "low", "high"))
    return f"{value} [{low}, {high}]" if low and high else value


def _percent(value: float | None, digits: int, *, sign: bool = False) -> str:
    return "" if value is None else f"{value:{'+' if sign else ''}.{digits}%}"
