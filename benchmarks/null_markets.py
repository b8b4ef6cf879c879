"""Markets in which no exit is better than the trader's own, for counting false claims.

Without drift every exit is worth nothing: prices are Brownian inside each bar, with a volatility that is constant,
follows GARCH(1, 1), or makes the bars' returns Student's t. In the market that drifts up, all trades are long and the
trader holds longer than any candidate may, so leaving earlier only gives up drift. Clustered trades are entered in
bursts that share their direction, on symbols that move together.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from verdicts import HOUR, N_SYMBOLS, OWN_BARS, PRICE, SIGMA, SPACING, WARM_UP

from exitladder.arrays import FloatArray, IntArray
from exitladder.bars.bars import Bars, BarSet
from exitladder.trades.trades import Trades

# Variance of tomorrow: what is left of the long-run variance, the last squared return, the last variance.
GARCH_ARCH, GARCH_LAG = 0.1, 0.88
TAIL_FREEDOM = 3
# Held for all but so many bars of the spacing of trades: longer than any candidate.
UP_DRIFT, SPARE = 0.01, 5
BURST, BURST_STEP, BURST_SPACING = 3, 24, 200


@dataclass(frozen=True)
class World:
    """A market in which no exit is better than the trader's own.

    Parameters
    ----------
    name, words : str
    volatility : {"constant", "garch", "heavy"}
    drift : float
        Of every bar, standard deviations; above zero, all trades are long and held until `SPARE` bars before the next.
    clustered : bool
    settings : tuple of str
    with_model : bool
        A model is trained in stages on the same trades and takes part.
    """

    name: str
    words: str
    volatility: str = "constant"
    drift: float = 0.0
    clustered: bool = False
    settings: tuple[str, ...] = ()
    with_model: bool = False


WORLDS = {
    world.name: world
    for world in (
        World("walks", "driftless random walks"),
        World("garch", "GARCH(1, 1) volatility", volatility="garch"),
        World("heavy", "heavy tails (Student's t, 3 degrees of freedom)", volatility="heavy"),
        World("up", "long-only, prices drift up", drift=UP_DRIFT),
        World("clustered", "entries in bursts, symbols move together", clustered=True),
        World("costs", "with costs", settings=("costs.commission_bps=0.4", "costs.slippage_bps=0.6")),
        World("model", "with a model", with_model=True),
    )
}


def volatilities(kind: str, shocks: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Return the standard deviation of every bar, in units of the long-run one, shape (n,).

    Parameters
    ----------
    kind : {"constant", "garch", "heavy"}
    shocks : float64 array, shape (n,)
        Standard normal; of GARCH, each enters the next bar's variance.
    rng : Generator
    """
    n = len(shocks)
    if kind == "heavy":
        return np.sqrt((TAIL_FREEDOM - 2) / rng.chisquare(TAIL_FREEDOM, n))
    variance = np.ones(n)
    if kind == "garch":
        rest = 1 - GARCH_ARCH - GARCH_LAG
        for k in range(1, n):
            variance[k] = rest + variance[k - 1] * (GARCH_ARCH * shocks[k - 1] ** 2 + GARCH_LAG)
    return np.sqrt(variance)


def burst_spacing(spacing: int) -> int:
    """Return the bars between bursts: all trades of one end before the next, as those `spacing` bars apart do."""
    return BURST_SPACING - SPACING + spacing


def entries_of(
    world: World, per_symbol: int, rng: np.random.Generator, spacing: int = SPACING
) -> tuple[IntArray, IntArray]:
    """Return entry bars and sides of a symbol's trades.

    Parameters
    ----------
    world : World
    per_symbol : int
    rng : Generator
    spacing : int
        Bars from one entry to the next; see `burst_spacing` for clustered trades.
    """
    if world.clustered:
        burst, place = np.divmod(np.arange(per_symbol), BURST)
        sides = rng.choice((-1, 1), burst[-1] + 1)
        entry = WARM_UP + burst * burst_spacing(spacing) + place * BURST_STEP + rng.integers(0, 3, per_symbol)
        return entry, sides[burst]
    entry = WARM_UP + np.arange(per_symbol) * spacing + rng.integers(0, 5, per_symbol)
    side = np.ones(per_symbol, dtype=np.int64) if world.drift else rng.choice((-1, 1), per_symbol)
    return entry, side


def null_market(world: World, n_trades: int, seed: int, spacing: int = SPACING) -> tuple[BarSet, Trades]:
    """Return bars and trades of a data set.

    Parameters
    ----------
    world : World
    n_trades : int
        Over all symbols.
    seed : int
    spacing : int
        Bars between the entries of a symbol.
    """
    rng = np.random.default_rng([seed, list(WORLDS).index(world.name)])
    per_symbol = n_trades // N_SYMBOLS
    length = WARM_UP + spacing + max(per_symbol * spacing, (per_symbol // BURST + 1) * burst_spacing(spacing))
    common = rng.standard_normal(length)
    bars, tables = [], []
    for k in range(N_SYMBOLS):
        entry, side = entries_of(world, per_symbol, rng, spacing)
        shocks = rng.standard_normal(length)
        if world.clustered:
            shocks = (shocks + common) / np.sqrt(2)
        found = _bars(f"W{k}", shocks, SIGMA * volatilities(world.volatility, shocks, rng), world.drift, rng)
        bars.append(found)
        tables.append(_trades(found, entry, side, spacing - SPARE if world.drift else OWN_BARS))
    columns = {name: np.concatenate([table[name] for table in tables]) for name in tables[0]}
    return BarSet(bars), Trades(**columns)


def _bars(symbol: str, shocks: FloatArray, sd: FloatArray, drift: float, rng: np.random.Generator) -> Bars:
    """Return hourly bars of a path that is Brownian inside each bar."""
    n = len(shocks)
    close = PRICE + np.cumsum(sd * shocks + SIGMA * drift)
    opened = np.concatenate([[PRICE], close[:-1]])
    # Extremes of a Brownian bridge between the closes, each by its exact law; it does not depend on the drift.
    turns = [np.sqrt((close - opened) ** 2 + 2 * sd**2 * rng.standard_exponential(n)) for _ in "hl"]
    high, low = (opened + close + turns[0]) / 2, (opened + close - turns[1]) / 2
    stamps = np.arange(n, dtype=np.int64) * HOUR
    return Bars(symbol, HOUR, stamps, opened, high, low, close, np.exp(rng.normal(0.0, 0.3, n)))


def _trades(bars: Bars, entry: IntArray, side: IntArray, held: int) -> dict[str, np.ndarray]:
    """Return the columns of trades entered at the open of these bars and closed `held` bars later."""
    n, left = len(entry), entry + held - 1
    return {
        "trade_id": np.array([f"{bars.symbol}-{i}" for i in range(n)], dtype=object),
        "symbol": np.full(n, bars.symbol, dtype=object),
        "side": side.astype(np.int8),
        "entry_time": bars.time[entry],
        "entry_price": bars.open[entry],
        "quantity": np.ones(n),
        "stop_price": np.full(n, np.nan),
        "entry_at": np.full(n, -1, dtype=np.int8),
        "exit_time": bars.time[left] + HOUR - 1,
        "exit_price": bars.close[left],
        "quantity_open": np.full(n, np.nan),
        "tag": np.full(n, "", dtype=object),
    }
