"""The profit of closed positions by the program, compared with that of their fills; contract sizes it implies."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from exitladder.arrays import FloatArray
from exitladder.errors import TradesError
from exitladder.importers.reading import Executions
from exitladder.trades.positions import Positions
from exitladder.trades.trades import Trades

# profits are rounded to the cent, of each part
_CENT = 0.0101
# a profit so small that the cent is a larger share of it says nothing of the size
_TELLING = 5e-3
_MOST_DIGITS = 3
# contract sizes of futures with more than one digit: 25, 12.5, 125, 62.5, 37.5, 42 and tens of them
_USUAL = frozenset({"2.500", "1.250", "6.250", "3.750", "4.200", "1.120", "1.500", "1.100"})


@dataclass(frozen=True)
class ClosedProfit:
    """Profit of closed positions, in the file's currency.

    Parameters
    ----------
    n_positions : int
        Closed positions of which the program tells the profit.
    currency : str
        Blank where the file names none, or several.
    by_file, from_fills, residue : float
        Sums; `residue` is the first less the second.
    largest_residue : float
        Of one position, with its `trade_id`.
    trade_id : str
    commission : dict of str to float
        Commission on these positions, by currency.
    swap : float
        Swap and funding booked with them.
    basis : {"gross", "net"}
        Whether the program's figure is before or after commission.
    multipliers : dict of str to float
        Contract sizes used, by symbol, where not 1.
    explained : tuple of str
        Known parts of the residue.
    """

    n_positions: int
    currency: str
    by_file: float
    from_fills: float
    residue: float
    largest_residue: float
    trade_id: str
    commission: dict[str, float]
    swap: float
    basis: str
    multipliers: dict[str, float]
    explained: tuple[str, ...]

    def text(self) -> str:
        """Return one sentence for the import's report."""
        unit = f" {self.currency}" if self.currency else ""
        positions = f"{self.n_positions} closed position{'' if self.n_positions == 1 else 's'}"
        text = (
            f"profit of {positions} ({self.basis} of commission): {_money(self.by_file)}{unit} "
            f"by the file, {_money(self.from_fills)}{unit} from the fills; residue {_money(self.residue)}"
        )
        if self.explained:
            text += f" ({'; '.join(self.explained)})"
        if self.multipliers:
            text += "; contract sizes " + ", ".join(f"{name} {size:g}" for name, size in self.multipliers.items())
        return text


def closed_profit(
    executions: Executions, positions: Positions, trade_id: npt.NDArray[np.object_]
) -> ClosedProfit | None:
    """Return how the program's profit compares with the fills, None where it tells none.

    Parameters
    ----------
    executions : Executions
    positions : Positions
        Of its fills.
    trade_id : object array of str, shape (n_positions,)

    Returns
    -------
    ClosedProfit or None

    Notes
    -----
    A position that is flat earned the same under FIFO and under average price, so that the sum over closed
    positions does not depend on the program's matching.
    """
    fills, n = executions.fills, len(positions)
    owner = np.repeat(np.arange(n), np.diff(positions.start))
    share = positions.quantity / fills.quantity[positions.fill]
    booked = executions.profit[positions.fill]
    told = np.bincount(owner, weights=~np.isnan(booked), minlength=n) > 0
    rows = (positions.left == 0.0) & told
    if not rows.any() or not executions.profile.profit:
        return None
    by_file = np.bincount(owner, weights=np.nan_to_num(booked) * share, minlength=n)[rows]
    swap = np.bincount(owner, weights=executions.swap[positions.fill] * share, minlength=n)[rows]
    sign = np.where(positions.is_entry, -1.0, 1.0) * positions.side[owner]
    moved = np.bincount(owner, weights=sign * positions.quantity * _worth(executions, positions), minlength=n)[rows]
    symbols = fills.symbol[positions.fill[positions.start[:-1]]][rows]
    currency = _common(executions.currency[positions.fill][rows[owner]])
    paid = np.nan_to_num(fills.commission[positions.fill]) * share
    coins = fills.commission_currency[positions.fill]
    is_own = (coins == "") | (coins == currency)
    costs = np.bincount(owner, weights=np.where(is_own, paid, 0.0), minlength=n)[rows]
    given = executions.multiplier[positions.fill[positions.start[:-1]]][rows]
    sizes, explained = _sizes(symbols, moved, by_file, given)
    gross = moved * sizes
    basis = executions.profile.profit
    net = gross - costs + swap
    if basis == "net or gross":
        basis = "net" if abs(by_file - net).sum() <= abs(by_file - gross).sum() else "gross"
    from_fills = net if basis == "net" else gross
    residue = by_file - from_fills
    worst = int(np.argmax(np.abs(residue)))
    in_closed = rows[owner]
    commission = {
        str(coin) or currency: float(paid[in_closed & (coins == coin)].sum()) for coin in sorted(set(coins[in_closed]))
    }
    foreign = {coin: cost for coin, cost in commission.items() if coin not in ("", currency) and cost}
    if basis == "net" and foreign:
        paid_text = ", ".join(f"{_money(cost)} {coin}" for coin, cost in foreign.items())
        explained.append(f"commission in other currencies: {paid_text}")
    if basis == "gross" and swap.any():
        explained.append(f"swap and funding beside it: {_money(float(swap.sum()))}")
    if basis == "net" and not costs.any() and abs(residue.sum()) >= 0.005 * len(residue) and not foreign:
        explained.append("commission that this file does not list")
    multipliers = {str(s): float(m) for s, m in zip(symbols, sizes, strict=True) if m != 1.0}
    return ClosedProfit(
        int(rows.sum()), currency, float(by_file.sum()), float(from_fills.sum()), float(residue.sum()),
        float(residue[worst]), str(trade_id[rows][worst]), {c: v for c, v in commission.items() if v},
        float(swap.sum()), basis, multipliers, tuple(explained),
    )  # fmt: skip


def _worth(executions: Executions, positions: Positions) -> FloatArray:
    """Return the price of each fill, of a coin-margined contract less the coins that a dollar buys at it."""
    price = executions.fills.price[positions.fill]
    return np.where(executions.is_inverse[positions.fill], -1.0 / price, price)


def _sizes(
    symbols: npt.NDArray[np.object_], moved: FloatArray, by_file: FloatArray, given: FloatArray
) -> tuple[FloatArray, list[str]]:
    """Return the contract size of each position: the file's, else what its profits say, else 1."""
    sizes, explained = np.where(np.isnan(given), 1.0, given), []
    for symbol in dict.fromkeys(symbols):
        rows = (symbols == symbol) & np.isnan(given)
        usable = rows & (np.abs(moved) > 0) & (by_file != 0)
        if not usable.any():
            continue
        ratios = by_file[usable] / moved[usable]
        weights = np.abs(moved[usable])
        ratio = float((ratios * weights).sum() / weights.sum())
        nearest = float(f"{ratio:.3g}")
        if not abs(ratio - 1.0) >= 0.5:
            continue  # units of the thing itself; what differs is cost
        if ratio > 0 and abs(ratio / nearest - 1) < 2e-3 and np.std(ratios) < 0.01 * abs(ratio):
            sizes[rows] = nearest
        elif ratio > 0:
            sizes[rows] = ratio
            explained.append(f"{symbol} is paid in another currency, at rates that the file does not list")
    return sizes, explained


def _common(texts: npt.NDArray[np.object_]) -> str:
    names = {str(t) for t in texts if t}
    return names.pop() if len(names) == 1 else ""


def _money(value: float) -> str:
    if value == 0 or abs(value) >= 0.1:
        return f"{value + 0.0:,.2f}"
    return f"{value:.3g}" if abs(value) > 1e-9 else "0.00"


def with_contract_sizes(trades: Trades, executions: Executions, positions: Positions) -> tuple[Trades, list[str]]:
    """Return imported trades with the multiplier of each, and notes on its origin.

    Parameters
    ----------
    trades : Trades
        Of these positions.
    executions : Executions
    positions : Positions

    Returns
    -------
    trades : Trades
        Unchanged if nothing but sizes of 1 is known.
    notes : list of str

    Raises
    ------
    TradesError
        If the fills of one position have different multipliers in the file.

    Notes
    -----
    Where the file gives no size, it follows from profit = size x quantity x price change, if one size of at most three
    digits explains the profit of every closed position of the symbol to the cent.
    """
    given = executions.multiplier[positions.fill]
    owner = np.repeat(np.arange(len(positions)), np.diff(positions.start))
    sizes = pd.Series(given).groupby(owner).agg(["min", "max"]).reindex(range(len(positions)))
    low, high = sizes["min"].to_numpy(np.float64), sizes["max"].to_numpy(np.float64)
    if (low < high).any():
        i = int(np.argmax(low < high))
        raise TradesError(
            f"The fills of a position must have one multiplier, but those of '{trades.trade_id[i]}' have {low[i]:.10g} "
            f"and {high[i]:.10g}. Correct the file, or import these rows apart."
        )
    found = np.where(low > 0, low, np.nan)
    by_profit = _by_profit(trades, executions, positions, owner, np.isnan(found))
    for symbol, size in by_profit.items():
        found[(trades.symbol == symbol) & np.isnan(found)] = size
    notes = [
        "multiplier: from the profits of the file, " + ", ".join(f"{s} {size:.10g}" for s, size in by_profit.items())
    ]
    if not (found[~np.isnan(found)] != 1.0).any():
        return trades, []
    return replace(trades, multiplier=found), notes if by_profit else []


def _by_profit(
    trades: Trades, executions: Executions, positions: Positions, owner: np.ndarray, is_asked: np.ndarray
) -> dict[str, float]:
    """Return the one size other than 1 that explains all profits of a symbol, by symbol."""
    if not executions.profile.profit:
        return {}
    fills, n = executions.fills, len(positions)
    booked = executions.profit[positions.fill]
    share = positions.quantity / fills.quantity[positions.fill]
    profit = np.bincount(owner, weights=np.nan_to_num(booked) * share, minlength=n)
    sign = np.where(positions.is_entry, -1.0, 1.0) * positions.side[owner]
    moved = np.bincount(owner, weights=sign * positions.quantity * _worth(executions, positions), minlength=n)
    parts = np.diff(positions.start)
    costs: FloatArray = np.zeros(n)
    if executions.profile.profit != "gross":
        costs = np.asarray(
            np.bincount(owner, weights=np.nan_to_num(fills.commission[positions.fill]) * share, minlength=n),
            dtype=np.float64,
        )
    told = np.bincount(owner, weights=~np.isnan(booked), minlength=n) > 0
    usable = is_asked & told & (positions.left == 0.0) & (profit != 0) & (moved != 0)
    found: dict[str, float] = {}
    for symbol in dict.fromkeys(map(str, trades.symbol[usable])):
        rows = usable & (trades.symbol == symbol)
        size = _size(profit[rows], moved[rows], costs[rows], parts[rows])
        if size is not None and size != 1.0:
            found[symbol] = size
    return found


def _size(profit: FloatArray, moved: FloatArray, costs: FloatArray, parts: np.ndarray) -> float | None:
    """Return the roundest size that explains all profits to the cent, before or after costs, None if there is none."""
    found = [_explains(given, moved, parts) for given in ([profit, profit + costs] if costs.any() else [profit])]
    sizes = [size for size in found if size is not None]
    if not sizes:
        return None
    size = min(sizes, key=_digits)
    # what differs less from the profit of one unit is cost, and so may be any size that one position alone tells
    if abs(size - 1.0) < 0.5 or (len(profit) == 1 and _digits(size) > 1 and f"{size:e}"[:5] not in _USUAL):
        return None
    return size


def _digits(size: float) -> int:
    return next((n for n in range(1, _MOST_DIGITS + 1) if float(f"{size:.{n}g}") == size), _MOST_DIGITS + 1)


def _explains(profit: FloatArray, moved: FloatArray, parts: np.ndarray) -> float | None:
    surest = int(np.argmax(np.abs(profit)))
    ratio, slack = profit[surest] / moved[surest], _CENT * parts
    if ratio <= 0 or slack[surest] > _TELLING * abs(profit[surest]):
        return None
    for digits in range(1, _MOST_DIGITS + 1):
        size = float(f"{ratio:.{digits}g}")
        if (np.abs(profit - size * moved) <= slack).all():
            return size
    return None
