"""Exits measured a second time, slowly: in money, bar by bar, from the definitions that journals publish.

Best last exit: Tradervue, "Exit analysis". Efficiencies: TradeStation, "Trades graphs". Updraw and drawdown, set and
forget: Edgewonk. First exit against last, some bars or sessions later: TradesViz, "Multi-timeframe exit".
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

Exit = tuple[int, float, float]
"""Bar, price and quantity."""
DAY, HOUR = 86_400 * 10**9, 3_600 * 10**9


@dataclass(frozen=True)
class Slow:
    """A closed trade on hourly bars of open, high, low, close that begin `offset` hours into the first day."""

    rows: Sequence[Sequence[float]]
    offset: int
    side: int
    entry: float
    stop: float
    quantity: float
    first: int
    exits: Sequence[Exit]
    target: float | None
    multiplier: float = 1.0

    def profit(self, price: float, quantity: float) -> float:
        """Money made by a quantity sold at a price."""
        return self.side * (price - self.entry) * quantity * self.multiplier

    @property
    def risk(self) -> float:
        """Money at risk at the entry."""
        return abs(self.entry - self.stop) * self.quantity * self.multiplier

    def good_bad(self, bar: int) -> tuple[float, float]:
        """The best and the worst price of a bar for this side."""
        high, low = self.rows[bar][1:3]
        return (high, low) if self.side > 0 else (low, high)

    def date(self, bar: int) -> int:
        """The date of a bar, which may be one that comes after the data."""
        return (self.offset * HOUR + bar * HOUR) // DAY

    def session_close(self, bar: int, later: int) -> float:
        """Close of the session of a bar or of a later one, NaN where the data do not show it."""
        date = self.date(bar) + later
        inside = [k for k in range(len(self.rows)) if self.date(k) == date]
        if not inside or self.date(inside[-1] + 1) == date:
            return math.nan
        return self.rows[inside[-1]][3]

    def joined(self) -> list[Exit]:
        """Exits in which fills of one bar at one price are one."""
        out: list[Exit] = []
        for bar, price, quantity in self.exits:
            if out and out[-1][:2] == (bar, price):
                out[-1] = (bar, price, out[-1][2] + quantity)
            else:
                out.append((bar, price, quantity))
        return out

    def prices_seen(self) -> list[float]:
        """Prices that count while the trade was held, the fills included."""
        last = self.exits[-1][0]
        seen = [self.entry]
        for bar in range(self.first, last + 1):
            seen += self.rows[bar][1:3] if bar < last else [self.rows[bar][0]]
        return seen + [price for _, price, _ in self.exits]

    def position_values(self) -> list[float]:
        """Values of the account while the position was held: what was made, and what the rest was worth."""
        made, left, last = 0.0, self.quantity, self.exits[-1][0]
        values = [0.0]
        for bar in range(min(self.first, self.exits[0][0]), last + 1):
            good, bad = self.good_bad(bar)
            sold = [e for e in self.exits if e[0] == bar]
            exposed = bar >= self.first
            if not sold:
                if exposed:
                    values += [made + self.profit(good, left), made + self.profit(bad, left)]
                continue
            if exposed:
                values.append(made + self.profit(self.rows[bar][0], left))
            if exposed and bar < last:
                values.append(made + self.profit(bad, left))
            for _, price, quantity in sold:
                values.append(made + self.profit(price, left))
                made += self.profit(price, quantity)
                left -= quantity
            if exposed and bar < last:
                values += [made + self.profit(good, left), made + self.profit(bad, left)]
        return values

    def best_last_exit(self) -> float:
        """Money made with the last exit floated to its best price within the risk that was taken."""
        exits = self.joined()
        last_bar, price, quantity = exits[-1]
        made = sum(self.profit(p, q) for _, p, q in exits[:-1])
        begin = max(self.first, exits[-2][0] + 1) if len(exits) > 1 else self.first
        allowed = max(self.risk, -min(self.position_values()))
        best = made + self.profit(price, quantity)
        for bar in range(begin, len(self.rows)):
            if self.date(bar) > self.date(last_bar):
                break
            good, bad = self.good_bad(bar)
            if made + self.profit(bad, quantity) < -allowed - 1e-9:
                opened = made + self.profit(self.rows[bar][0], quantity)
                if opened >= -allowed - 1e-9:
                    best = max(best, opened)
                break
            best = max(best, made + self.profit(good, quantity))
        return best

    def left_alone(self) -> float:
        """Money made by the initial stop and the target alone; NaN if neither was reached."""
        assert self.target is not None
        for bar in range(self.first, len(self.rows)):
            opened = self.rows[bar][0]
            good, bad = self.good_bad(bar)
            if self.side * (opened - self.stop) <= 0:
                return self.profit(opened, self.quantity)
            if self.side * (opened - self.target) >= 0:
                return self.profit(opened, self.quantity)
            if self.side * (bad - self.stop) <= 0:
                return self.profit(self.stop, self.quantity)
            if self.side * (good - self.target) >= 0:
                return self.profit(self.target, self.quantity)
        return math.nan

    def measured(self, bars_later: int, sessions_later: int) -> dict[str, float]:
        """Every measure; results in R."""
        exits, seen, values = self.joined(), self.prices_seen(), self.position_values()
        own = sum(self.profit(price, quantity) for _, price, quantity in exits)
        best_price = max(seen, key=lambda price: self.profit(price, 1.0))
        worst_price = min(seen, key=lambda price: self.profit(price, 1.0))
        up, down = self.profit(best_price, self.quantity), self.profit(worst_price, self.quantity)
        first, last = (self.profit(exits[k][1], self.quantity) for k in (0, -1))
        several = len(exits) > 1
        best_exit = self.best_last_exit()
        money = {
            "exit_r": own,
            "mfe_r": up,
            "mae_r": down,
            "hindsight_give_back_r": up - own,
            "position_mfe_r": max(values),
            "position_mae_r": min(values),
            "hindsight_best_exit_r": best_exit,
            "hindsight_best_exit_gain_r": best_exit - own,
            "first_exit_r": first,
            "last_exit_r": last,
            "scaling_r": own - last if several else math.nan,
            "scaling_vs_first_r": own - first if several else math.nan,
        }
        if self.target is not None:
            money["set_and_forget_r"] = self.left_alone()
            money["managing_r"] = own - money["set_and_forget_r"]
        for name, (bar, _, _) in (("first", exits[0]), ("last", exits[-1])):
            stem = f"hindsight_{name}_exit"
            closes = {
                f"{stem}_{bars_later}_bars_later_r": (
                    self.rows[bar + bars_later][3] if bar + bars_later < len(self.rows) else math.nan
                ),
                f"{stem}_session_end_r": self.session_close(bar, 0),
                f"{stem}_{sessions_later}_sessions_later_r": self.session_close(bar, sessions_later),
            }
            money |= {key: self.profit(close, self.quantity) - own for key, close in closes.items()}
        width = up - down
        found = {name: value / self.risk for name, value in money.items()} | {
            "n_exits": float(len(exits)),
            "hindsight_entry_efficiency": up / width if width else math.nan,
            "hindsight_exit_efficiency": (own - down) / width if width else math.nan,
            "hindsight_total_efficiency": own / width if width else math.nan,
            "hindsight_best_exit_efficiency": own / best_exit if best_exit > 1e-6 else math.nan,
            "drawdown": -down / self.risk,
        }
        if self.target is not None:
            way = self.profit(self.target, self.quantity)
            found |= {"target_r": way / self.risk, "updraw": up / way}
        return found
