"""``exitladder options score``: advice on each open position in options for the next quote."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pandas as pd

from exitladder.clock import DAY_NS, NO_TIME, close_text
from exitladder.errors import OptionsError, OutputFileError
from exitladder.files.output import write_json, write_table
from exitladder.options.market import OptionMarket
from exitladder.options.positions.measures import Valuer
from exitladder.options.positions.plan import OptionPlan, check_targets, option_plan
from exitladder.options.positions.standing import standing
from exitladder.pipelines.options.score.columns import ASK, COLUMNS, by_urgency, flat_rows
from exitladder.pipelines.options.score.orders import Advice, advise, with_sizes
from exitladder.pipelines.options.score.reading import OpenPosition, OpenPositions
from exitladder.pipelines.options.score.row import Scored, asked_row, faulty_row, row_of
from exitladder.pipelines.options.score.working import left_over, of_same_position
from exitladder.plans.file import ladder_fingerprint
from exitladder.plans.ladder import Ladder

_FRIDAY = 4


@dataclass(frozen=True)
class Evening:
    """What one evening knows beside the files: the moment, the earlier output, and assumptions.

    Parameters
    ----------
    moment : int
        ``--asof``, or the clock's moment: only quotes that ended by then are used.
    clock : str
        The moment at which the clock was read; empty with ``--asof``.
    since_entry : bool
        Whether the plan is followed from each entry on, as in a backtest; otherwise from ``managed_from`` on, or from
        the next quote.
    assume : {"", "followed", "untouched"}
        The contracts held where ``quantity_open`` is blank: what the plan left, or all that was entered. With either,
        a blank ``entry_price`` is that of the quotes.
    previous : mapping of str to mapping
        Rows of an earlier output by trade_id.
    """

    moment: int
    clock: str = ""
    since_entry: bool = False
    assume: str = ""
    previous: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class OptionsScore:
    """The advice on all open positions.

    Parameters
    ----------
    frame : DataFrame
        The columns of ``COLUMNS``, one row per position, the most urgent first.
    basis : str
        The plan, in words.
    notes : tuple of str
        Warnings that concern all positions.
    """

    frame: pd.DataFrame
    basis: str
    notes: tuple[str, ...] = ()

    def records(self) -> list[dict[str, Any]]:
        """Return the rows as the published schema has them."""
        return [{str(name): value for name, value in row.items()} for row in self.frame.to_dict("records")]


def score_options(positions: OpenPositions, ladder: Ladder, market: OptionMarket, evening: Evening) -> OptionsScore:
    """Return the orders of a plan on open positions for the next quote.

    The plan is replayed as in a backtest up to the last quote known; its decisions there are tonight's orders.

    Parameters
    ----------
    positions : OpenPositions
    ladder : Ladder
        A plan on options.
    market : OptionMarket
    evening : Evening

    Returns
    -------
    OptionsScore
        A position that cannot be scored is named in its row, and the others are scored.

    Raises
    ------
    OptionsError
        If the plan has a part that options do not know, or no quote is known by then.
    """
    plan = option_plan(ladder)
    seen = known_by(market, evening.moment)
    entered = [one for one in positions.known if one.trade.entry_time < evening.moment]
    check_targets(plan, [one.trade for one in entered])
    fingerprint = ladder_fingerprint(ladder)
    earlier, checks, others = {}, dict[str, list[str]](), list[str]()
    for one in entered:
        trade_id = one.trade.trade_id
        found, texts, is_other_plan = of_same_position(evening.previous.get(trade_id), one, fingerprint)
        earlier[trade_id], checks[trade_id] = found, texts
        others += [trade_id] if is_other_plan else []
    begins = [_begin(one, earlier[one.trade.trade_id], seen, evening) for one in entered]
    standings = standing([one.trade for one in entered], plan, Valuer(seen), begins)
    each = [
        Scored(one, found, begin, evening.assume, evening.moment, earlier[one.trade.trade_id])
        for one, found, begin in zip(entered, standings, begins, strict=True)
    ]
    rows = [_row(scored, advice, plan) for scored, advice in _advised(each)]
    rows += [
        faulty_row(one.trade_id, one.symbol, one.text, evening.previous.get(one.trade_id)) for one in positions.faulty
    ]
    for row in rows:
        row["ladder"] = row["ladder"] or fingerprint
        row["clock"] = evening.clock
        row["checks"] = [*checks.get(row["trade_id"], []), *row["checks"]]
        _add_age(row, seen, evening.moment)
    # a position whose entry is dated after --asof has no row, and is open all the same
    known = {one.trade.trade_id for one in positions.known} | {one.trade_id for one in positions.faulty}
    notes = [*_notes(positions, ladder, others, seen, evening), *left_over(evening.previous, known)]
    frame = by_urgency(rows) if rows else pd.DataFrame(columns=list(COLUMNS))
    return OptionsScore(frame, f"plan '{ladder.name}'", tuple(notes))


def known_by(market: OptionMarket, moment: int) -> OptionMarket:
    """Return a market with the quotes known by a moment; a row of a date is known at its session's close.

    Raises
    ------
    OptionsError
        If there is none.
    """
    until = moment
    if market.clock.is_daily:
        wall = replace(market.clock, is_daily=False)
        date = wall.date_of(moment)
        until = date + DAY_NS if moment >= wall.end_of(date) else date
    seen = market.without_quotes_after(until)
    if not seen.quotes:
        raise OptionsError(
            f"Orders need quotes that are known, but {market.quotes.name} has none that ended by {close_text(until)}. "
            "Pass newer quotes, or a later --asof."
        )
    return seen


def _begin(one: OpenPosition, row: Mapping[str, Any] | None, seen: OptionMarket, evening: Evening) -> int:
    """Return from when the plan manages a position: its file's, the earlier output's, or the last quote."""
    if evening.since_entry:
        return NO_TIME
    if one.managed_from != NO_TIME:
        return one.managed_from
    kept = None if row is None else row.get("managed_from")
    if isinstance(kept, str) and kept:
        stamp = pd.Timestamp(kept)
        return int((stamp.tz_localize("UTC") if stamp.tz is None else stamp).as_unit("ns").value)
    return seen.quotes.last


def _advised(each: Sequence[Scored]) -> list[tuple[Scored, Advice | None]]:
    """Return each position with its orders, None if it is asked about; sizes are shared in the order of entries."""
    advices: list[Advice | None] = [
        None if one.question() else advise(one.standing, int(one.held), one.gone) if one.held else Advice()
        for one in each
    ]
    order = sorted(
        (k for k, advice in enumerate(advices) if advice is not None), key=lambda k: each[k].position.trade.entry_time
    )
    shared = with_sizes(
        [advice for k in order if (advice := advices[k]) is not None], [each[k].standing for k in order]
    )
    for k, advice in zip(order, shared, strict=True):
        advices[k] = advice
    return list(zip(each, advices, strict=True))


def _row(scored: Scored, advice: Advice | None, plan: OptionPlan) -> dict[str, Any]:
    return asked_row(scored, scored.question()) if advice is None else row_of(scored, advice, plan)


def _add_age(row: dict[str, Any], seen: OptionMarket, moment: int) -> None:
    """Add the age of a position's last quotes, with a warning if sessions have passed since."""
    if pd.isna(row["asof"]):
        return
    last = row["asof"].as_unit("ns").value
    wall = replace(seen.clock, is_daily=False)
    date = wall.date_of(moment)
    over = date if moment >= wall.end_of(date) else date - DAY_NS
    before = seen.clock.date_of(last)
    missed = sum((day // DAY_NS + 3) % 7 <= _FRIDAY for day in range(before + DAY_NS, over + 1, DAY_NS))
    row["quote_age_days"] = round(max(0.0, (moment - last) / DAY_NS), 2)
    row["quotes_missed"] = float(missed)
    if missed:
        many = f"{missed} sessions are" if missed > 1 else "1 session is"
        row["warnings"] = [
            f"Old quotes: the last ones are of {close_text(last)}, and at least {many} over since, unless the market "
            "was closed. Update the quotes: these orders are for a quote that has passed.",
            *row["warnings"],
        ]


def _notes(
    positions: OpenPositions, ladder: Ladder, others: Sequence[str], seen: OptionMarket, evening: Evening
) -> list[str]:
    """Return warnings that concern all positions."""
    notes = []
    if positions.unread:
        notes.append(
            f"{' and '.join(positions.unread)} of the trades file are not read here: resting orders are known from "
            "--previous alone."
        )
    if others:
        notes.append(
            f"The earlier output is of another plan than '{ladder.name}' ({', '.join(others[:5])}). Its orders are "
            "taken to be in the market; this plan manages these positions from the next quote on, unless the trades "
            "file has managed_from."
        )
    american = [one for one in positions.known if one.trade.style == "american"]
    has_short_call = any(sign < 0 and c.right > 0 for one in american for c, sign in one.trade.legs)
    if has_short_call and not seen.events.dividends:
        notes.append("No dividends are known (--actions): early assignment of short calls before ex-dates is not seen.")
    if american and find_spec("QuantLib") is None:
        notes.append('Greeks of American options are valued by QuantLib: pip install "exitladder[options]".')
    if seen.settings.settlement == "physical" and seen.bars is None and not _has_spot(seen):
        notes.append("No price of the underlying is known: pass --bars for Greeks and for moneyness at expiry.")
    if evening.clock and seen.quotes.interval_ns < DAY_NS:
        hours = (evening.moment - seen.quotes.last) / 3_600e9
        wall = seen.clock
        if (
            1 < hours < 24
            and wall.date_of(evening.moment) == wall.date_of(seen.quotes.last)
            and (evening.moment < wall.end_of(wall.date_of(evening.moment)))
        ):
            notes.append(f"The newest quote is {hours:.0f} hours old, and the session goes on: update the quotes.")
    return notes


def _has_spot(seen: OptionMarket) -> bool:
    return any(bool((bars.spot > 0).any()) for bars in seen.quotes.values())


def starting_now(result: OptionsScore, evening: Evening, positions: OpenPositions) -> str:
    """Return what to save if the plan manages positions from now on; empty if it manages none newly.

    Parameters
    ----------
    result : OptionsScore
    evening : Evening
    positions : OpenPositions

    Returns
    -------
    str
    """
    stated = {one.trade.trade_id for one in positions.known if one.managed_from != NO_TIME}
    frame = result.frame
    new = frame.loc[(frame["managed_from"] != "") & (frame["bars_managed"] == 0) & (frame["urgency"] != ASK)]
    new = new.loc[[t not in stated and t not in evening.previous for t in new["trade_id"]]]
    if not len(new):
        return ""
    return (
        f"the plan manages {len(new)} position{'s' if len(new) != 1 else ''} from now on: pass this output with "
        f"--previous next time, or save managed_from = {new['managed_from'].iloc[0]} in the trades file (--since-entry "
        "follows the plan from each entry)"
    )


def write_options_score(result: OptionsScore, path: Path) -> None:
    """Write the scores as .csv or .json, by the file's ending.

    Raises
    ------
    OutputFileError
        If the file has another ending or cannot be written.
    """
    kind = path.suffix.lower()
    if kind == ".csv":
        write_table(flat_rows(result.frame), path)
    elif kind == ".json":
        write_json(result.records(), path)
    else:
        raise OutputFileError(f"Scores are written as .csv, .json or .html, but the file is '{path}'.")
