"""A contract proposed from the bars of a symbol: tick, lot and session as far as bars show them."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import replace

import numpy as np

from exitladder.arrays import FloatArray
from exitladder.bars.bars import Bars, BarSet
from exitladder.plans.costs import Costs
from exitladder.settings.contracts import Contract, Contracts
from exitladder.settings.sessions import propose_session

_ROWS = 20_000
_NEARLY_ALL = 0.995
# prices step by 1, 2, 2.5 or 5 of a power of ten, or by a binary fraction
_STEPS = sorted(
    {float(f"{base}e{power}") for base in ("1", "2", "2.5", "5") for power in range(-8, 4)}
    | {1 / 2**k for k in range(1, 9)},
    reverse=True,
)


def propose_contract(bars: Bars, *, counts_ticks: bool = False) -> Contract:
    """Return the tick and the lot that the bars show; the rest keeps its default.

    Parameters
    ----------
    bars : Bars
        As traded: adjusted prices have no tick.
    counts_ticks : bool
        Whether the volume counts price changes, not a quantity: it then shows no lot.

    Returns
    -------
    Contract
        The tick is the greatest common divisor of the latest prices, the lot that of the volumes (at most 1, as
        volumes of shares are often rounded to hundreds). Multiplier and currency are not in the bars.
    """
    latest = slice(max(0, len(bars) - _ROWS), len(bars))
    prices = np.concatenate([getattr(bars, name)[latest] for name in ("open", "high", "low", "close")])
    tick = common_step(prices)
    lot = 0.0
    if bars.volume is not None and not counts_ticks:
        traded = bars.volume[latest]
        lot = min(common_step(traded[traded > 0]), 1.0)
    return Contract(tick=tick, lot=lot, min_quantity=lot)


def propose_contracts(
    bars: BarSet, known: Contracts, tz: str = "UTC", tick_volume: Collection[str] = ()
) -> tuple[Contracts, dict[str, str]]:
    """Return contracts of all symbols, those known and proposals for the others, and remarks on the sessions.

    Parameters
    ----------
    bars : BarSet
        As traded.
    known : Contracts
    tz : str
        The exchange's zone, if it is known; UTC if not.
    tick_volume : collection of str
        Symbols whose volume counts price changes.

    Returns
    -------
    contracts : Contracts
    remarks : dict of str to str
        By symbol, for those proposed with intraday bars: which hours were seen, half days included.
    """
    found: dict[str, Contract] = {}
    remarks: dict[str, str] = {}
    for symbol in bars:
        if symbol in known:
            continue
        own = bars[symbol]
        session = propose_session(own, tz)
        found[symbol] = replace(
            propose_contract(own, counts_ticks=symbol in tick_volume),
            session=session.session,
            exchange_tz=session.exchange_tz,
            half_days=session.half_days,
        )
        if session.text:
            remarks[symbol] = session.text
    return known.over(Contracts(found)), remarks


def ladder_with_steps(text: str, contracts: Contracts) -> str:
    """Return a ladder file's text without a tick and a lot of its own: those of the symbols count.

    Parameters
    ----------
    text : str
        TOML with the lines ``tick = ...``, ``lot = ...`` and ``min_quantity = ...``.
    contracts : Contracts
        If all have one tick or one lot, the text states it; otherwise it is 0 and each symbol's own counts.
    """
    for name in ("tick", "lot", "min_quantity"):
        steps = {getattr(contract, name) for contract in contracts.values()}
        step = steps.pop() if len(steps) == 1 else 0.0
        text = re.sub(rf"(?m)^{name} = .*$", f"{name} = {step:.10g}", text)
    return text


def ladder_with_rates(text: str, costs: Costs) -> str:
    """Return a ladder file's text with the commission and slippage of the settings, so that both give one result.

    Parameters
    ----------
    text : str
        TOML with the lines ``commission_bps = ...`` and ``slippage_bps = ...``.
    costs : Costs
        ``[costs]`` of the settings.
    """
    for name in ("commission_bps", "slippage_bps"):
        text = re.sub(rf"(?m)^{name} = [\d.]+", f"{name} = {getattr(costs, name)!r}", text)
    return text


def common_step(values: FloatArray) -> float:
    """Return the largest step of markets of which nearly all values are multiples, or 0 if there is none.

    Parameters
    ----------
    values : float64 array, shape (n,)
        One in 200 may be off the step: averages and corrections are in most sources.

    Examples
    --------
    >>> common_step(np.array([4900.25, 4901.5, 4899.0])), common_step(np.array([0.1, 0.30000000000000004]))
    (0.25, 0.1)
    >>> common_step(np.array([np.pi, np.e])), common_step(np.array([4.873e-05, 4.9e-05]))
    (0.0, 1e-08)
    """
    values = np.abs(values[np.isfinite(values)])
    values = values[values > 0]
    if not len(values):
        return 0.0
    for step in _STEPS:
        counts = values / step
        slack = 1e-7 + 1e-10 * counts
        if slack.max() > 0.05:
            break
        # a value far below the step is no multiple of it
        if np.mean((np.abs(counts - np.round(counts)) < slack) & (counts > 0.5)) >= _NEARLY_ALL:
            return step
    return 0.0
