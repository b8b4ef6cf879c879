"""A position that grows: the adds of a plan, their sizes, and what their fills change (rules PL1 to PL8)."""

from __future__ import annotations

from typing import Any

from exitladder.exporters.programs.exit_rules import (
    INF,
    NAN,
    SLACK,
    STATE_SERIES,
    Part,
    Position,
    holds,
    on_grid,
    reaches_down,
    steps_of,
    to_tick,
)


class AddOrder:
    """One add of the plan, from 1: ``limit`` below the entry, ``stop`` above it, ``market`` after conditions."""

    def __init__(self, number: int, table: dict[str, Any]) -> None:
        self.number, self.table = number, table
        self.kind = "market" if table.get("when") else "stop" if table["at"][0] > 0 else "limit"
        self.level = self.reach = NAN  # signed prices
        self.lots = 0.0
        self.is_open, self.rests, self.is_due = True, False, False
        self.was_resting = False  # whether it rested before this open


class Growing(Position):
    """One position under a plan with adds; without adds it is a `Position`.

    `fill_add` books a purchase. Its effects are in force once `close_bar` has closed the bar.
    """

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.entered, self.average, self.average_before = self.start, self.entry, self.entry
        self.rise = self.fall = 0.0  # extremes of the bars, each from the average entry before it
        self.atr_last = self.atr
        self.made, self.stop_next = 0, -INF
        self.is_reduced = self.reduced_next = False
        self.gone: set[int] = set()
        self.adds = [AddOrder(n, table) for n, table in enumerate(self.plan.get("adds", []), start=1)]
        self.place_adds()

    def place_adds(self) -> None:
        """Resolve the adds that are measured from the entry; one that can never fill is closed."""
        before = None
        for add in self.adds:
            table = add.table
            wanted = table.get("quantity", 0.0) * on_grid(self.start, self.lot) + table.get("units", 0.0)
            add.lots = steps_of(wanted, self.lot)
            if add.kind != "market":
                if table.get("previous") and before is not None:
                    add.is_open = before.is_open
                else:
                    price = self.entry + self.distance(table["at"], self.entry)
                    beyond = add.kind == "limit" and reaches_down(price, self.entry - self.risk)
                    add.is_open = price == price and price != self.entry and not beyond
                    self.rest_add(add, price)
            before = add

    def rest_add(self, add: AddOrder, price: float) -> None:
        """Let an add rest at a signed price, rounded up to the tick: a purchase."""
        add.level = -to_tick(-price, self.tick)
        slack = abs(add.level) * SLACK
        if add.kind == "stop":
            add.reach = add.level - slack
        else:
            add.reach = add.level + slack - ((self.tick or 2 * slack) if self.plan["through"] else 0)
        add.rests = add.is_open

    @property
    def may_add(self) -> bool:
        """Whether adds may fill: nothing was sold in an earlier bar, the position is not ending, and time is left."""
        until = self.plan.get("until_bars")
        sold = self.is_reduced and not self.plan.get("after_exit")
        return self.left > 0 and not self.is_ending and not sold and (not until or self.held < until)

    def room(self, price: float) -> float:
        """Return the lots that the maximum size leaves at a signed price."""
        limit = self.plan.get("maximum") or {}
        if "quantity" in limit:
            return steps_of(limit["quantity"] * on_grid(self.start, self.lot), self.lot) - self.left
        if "units" in limit:
            return steps_of(limit["units"], self.lot) - self.left
        if "money" in limit:
            return steps_of(limit["money"] / max(abs(price), abs(self.average)), self.lot) - self.left
        return INF

    def lots_of(self, add: AddOrder, price: float) -> float:
        """Return the lots that an add buys at a signed price; 0 if nothing may be ordered."""
        money = add.table.get("money")
        wanted = steps_of(money / abs(price), self.lot) if money else add.lots
        lots = min(wanted, self.room(price))
        return 0.0 if lots <= 1e-9 * self.start or lots < self.least else lots

    def slipped(self, add: AddOrder, base: float) -> float:
        """Return the signed price that an add pays at a market price: limits have no slippage."""
        price, costs = base, self.plan["costs"]
        if add.kind != "limit":
            price += abs(base) * costs["slippage_rate"] + costs["slippage_ticks"] * self.tick
            price += costs["slippage_atr"] * self.atr_last if costs["slippage_atr"] else 0.0
        return -to_tick(-price, self.tick)

    def fill_add(self, add: AddOrder, lots: float, price: float) -> None:
        """Book a purchase; no lots drop the add.

        Parameters
        ----------
        add : AddOrder
        lots : float
        price : float
            Signed, slippage included.
        """
        add.is_open = add.rests = add.is_due = False
        if lots <= 0:
            return
        bought, before = on_grid(lots, self.lot), on_grid(self.entered, self.lot)
        self.average = (before * self.average + bought * price) / (before + bought)
        self.entered += lots
        self.left += lots
        self.made += 1
        runner = self.parts[-1]
        runner.quantity, runner.is_open = runner.quantity + lots, True
        stop = add.table.get("stop")
        if stop is not None:
            level = self.average if stop == "average" else price - self.distance(stop, price)
            self.stop_next = max(self.stop_next, to_tick(level, self.tick)) if level == level else self.stop_next
        follows = self.adds[add.number] if add.number < len(self.adds) else None
        if follows is not None and follows.is_open and follows.table.get("previous"):
            self.rest_add(follows, price + self.distance(follows.table["at"], price))

    def nearest_add(self, kind: str, price: float, at_open: bool) -> AddOrder | None:
        """Return the resting add of a kind that a signed price reaches, the one met first; none at or below the stop.

        Parameters
        ----------
        kind : {"limit", "stop"}
        price : float
        at_open : bool
            Whether only adds count that rested before this open.

        Returns
        -------
        AddOrder or None
        """
        stop = self.stop_of(Part(0, {}))[0]
        sign = 1 if kind == "stop" else -1
        reached = [
            add
            for add in self.adds
            if add.kind == kind and add.rests and add.is_open and sign * price >= sign * add.reach
            and (add.was_resting or not at_open) and not reaches_down(add.level, stop)
        ]  # fmt: skip
        return min(reached, key=lambda add: sign * add.level) if reached else None

    def is_adding(self) -> bool:
        """Whether an add may still fill."""
        return self.may_add and any(a.is_open and (a.rests or a.kind == "market") for a in self.adds)

    def take_rest(self, part: Part) -> list[Part]:
        """Return no parts while adds may make the rest grow."""
        return [] if self.is_adding() else super().take_rest(part)

    def sold(self, part: Part, by_rung: bool) -> None:
        """Note that a part was sold, which withdraws adds from the next bar on."""
        self.reduced_next = True
        self.gone.add(part.number)
        super().sold(part, by_rung)

    def close_bar(
        self, high: float, low: float, close: float, atr: float, series: dict[str, float] | None = None
    ) -> list[Part]:
        """Put the effects of the bar's fills in force, and close it as a `Position` does.

        Parameters
        ----------
        high, low, close : float
            Prices of the bar, not signed.
        atr : float
        series : dict
            As for `Position.close_bar`.

        Returns
        -------
        list of Part
        """
        top, bottom = (high, low) if self.side > 0 else (-low, -high)
        self.rise = max(self.rise, top - self.average_before)
        self.fall = min(self.fall, bottom - self.average_before)
        self.is_reduced = self.is_reduced or self.reduced_next
        self.stop = max(self.stop, self.stop_next)
        self.stop_next, self.average_before = -INF, self.average
        if self.adds:
            self.size_again()
        due = super().close_bar(high, low, close, atr, series)
        self.atr_last = atr
        return due

    def size_again(self) -> None:
        """Size the rungs that have sold nothing by all that was entered; the rest is the runner's (PL4)."""
        entered, passed_on = on_grid(self.entered, self.lot), 0.0
        for part in self.parts[:-1]:
            is_level = part.limit == part.limit or part.partial > -INF
            if part.is_rest or (part.rung.get("target") and not is_level):
                continue
            wanted = part.rung["fraction"] * entered + passed_on
            lots = steps_of(wanted, self.lot)
            lots, passed_on = (0.0, wanted) if lots <= 0 or lots < self.least else (lots, 0.0)
            if part.number not in self.gone:
                part.quantity, part.is_open = lots, lots > 0
        runner = self.parts[-1]
        rest = self.left - sum(part.quantity for part in self.parts[:-1] if part.is_open)
        runner.quantity = rest if rest > 1e-9 * self.start else 0.0
        runner.is_open = runner.quantity > 0

    def state_at(self, close: float, series: dict[str, float]) -> tuple[dict[str, float], float]:
        """Return the series at a close; once an add has filled, R counts from the average entry."""
        if not self.made:
            return super().state_at(close, series)
        kept = self.entry, self.best, self.worst
        self.entry, self.best, self.worst = self.average, self.average + self.rise, self.average + self.fall
        known, _ = super().state_at(close, series)
        self.entry, self.best, self.worst = kept
        return known, abs(self.entry) * 1e-10 / self.risk

    def decide(self, close: float, series: dict[str, float]) -> list[Part]:
        """Decide signal adds, and what a `Position` decides."""
        if self.may_add:
            known, slack = self.state_at(close, series)
            for add in self.adds:
                if add.kind == "market" and add.is_open:
                    add.is_due = add.is_due or all(
                        holds(
                            known.get(name, NAN), operator, number,
                            slack if name in STATE_SERIES and name != "bars_held" else 0,
                        )
                        for name, operator, number in add.table["when"]
                    )  # fmt: skip
        return super().decide(close, series)
