"""Exits by the clock (X11), a second time: bar by bar in calendar dates, from the text of the rule.

For each bar it answers what a trader with a watch and the exchange's hours would know: whether an order is overdue when
it opens, and whether it is the bar at whose close an order was due.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from exitladder.plans.ladder import Stop

DAY = timedelta(days=1)


def moment(nanoseconds: int) -> datetime:
    return datetime.fromtimestamp(nanoseconds // 10**9, UTC)


@dataclass(frozen=True)
class Hours:
    """The hours of an exchange; without a session only its zone, or not even that."""

    zone: str = ""
    session: str = ""
    half_days: tuple[str, ...] = ()

    @property
    def is_overnight(self) -> bool:
        return self.session[:5] >= self.session[6:]

    def at(self, day: date, text: str) -> datetime:
        """A time on the exchange's clock; one that it shows twice is the later one."""
        if text == "24:00":
            day, text = day + DAY, "00:00"
        wall = datetime.combine(day, time.fromisoformat(text), ZoneInfo(self.zone))
        both = [wall.replace(fold=fold).astimezone(UTC) for fold in (0, 1)]
        back = [found.astimezone(ZoneInfo(self.zone)).replace(tzinfo=None) for found in both]
        if both[0] > both[1] and back[0] != wall.replace(tzinfo=None):
            # left out by the clock: the moment of the change
            low, high = both[1], both[0]
            while high - low > timedelta(seconds=1):
                middle = low + (high - low) / 2
                before = middle.astimezone(ZoneInfo(self.zone)).replace(tzinfo=None) < wall.replace(tzinfo=None)
                low, high = (middle, high) if before else (low, middle)
            return high.replace(microsecond=0) + (timedelta(seconds=1) if high.microsecond else timedelta())
        return max(both)

    def local_date(self, when: datetime) -> date:
        return when.astimezone(ZoneInfo(self.zone)).date()

    def opens(self, day: date) -> datetime:
        return self.at(day - DAY if self.is_overnight else day, self.session[:5])

    def closes(self, day: date) -> datetime:
        early = [text[11:] for text in self.half_days if date.fromisoformat(text[:10]) == day]
        return self.at(day, early[-1] if early else self.session[6:])

    def next_day(self, day: date) -> date:
        day += DAY
        while self.session != "00:00-24:00" and day.weekday() >= 5:
            day += DAY
        return day

    def session_of(self, start: datetime) -> date:
        day = self.local_date(start)
        return day if start < self.closes(day) else self.next_day(day)

    def clock(self, day: date, text: str) -> datetime:
        if not self.session:
            return self.at(day, text)
        evening = self.is_overnight and text > self.session[:5]
        return min(self.at(day - DAY if evening else day, text), self.closes(day))


class Clock:
    """The exits of one trade.

    Parameters
    ----------
    stop : Stop
    starts : sequence of datetime
        Of the bars.
    length : timedelta
        Of a bar.
    hours : Hours
    entry, first : int
        Bar of the entry and first exposed one.
    entered : datetime
    """

    def __init__(
        self, stop: Stop, starts: Sequence[datetime], length: timedelta, hours: Hours, trade: tuple[int, int, datetime]
    ) -> None:
        self.stop, self.starts, self.length, self.hours = stop, starts, length, hours
        self.entry, self.first, entered = trade
        self.known = bool(hours.session)
        self.sessions: list[date] = []
        if hours.zone:
            latest = date.min
            for start in starts:
                latest = max(latest, hours.session_of(start) if self.known else hours.local_date(start))
                self.sessions.append(latest)
        self.begins = self.starts[self.entry] if self.first == self.entry else self.end(self.entry)
        self.entered = entered
        self.passed = False

    def end(self, t: int) -> datetime:
        end = self.starts[t] + self.length
        return min(end, self.hours.closes(self.sessions[t])) if self.known else end

    def ends_next(self, t: int) -> datetime | None:
        """When the bar after t may end at the earliest; None without a way to know."""
        if self.known:
            end, day = self.end(t), self.sessions[t]
            if end < self.hours.closes(day):
                return min(end + self.length, self.hours.closes(day))
            following = self.hours.next_day(day)
            return min(self.hours.opens(following) + self.length, self.hours.closes(following))
        return self.end(t + 1) if t + 1 < len(self.starts) else None

    def is_last_by(self, t: int, when: datetime) -> bool:
        """Whether t is known to be the last bar that ends at or before a time."""
        if self.end(t) > when:
            return False
        following = self.ends_next(t)
        return self.end(t) == when if following is None else following > when

    def wishes(self) -> list[str]:
        stop = self.stop
        given = {
            "hours": stop.hours, "sessions": stop.sessions, "session": stop.session_close, "clock": stop.clock,
            "gap": stop.max_gap,
        }  # fmt: skip
        return [name for name, value in given.items() if value]

    def at_open(self, t: int) -> str | None:
        return self.first_of(t, self.is_overdue)

    def at_close(self, t: int) -> str | None:
        return self.first_of(t, self.is_due)

    def first_of(self, t: int, question: object) -> str | None:
        for name in self.wishes():
            if question(name, t):  # type: ignore[operator]
                return "time" if name in ("hours", "sessions") else name
        return None

    def session_time(self, name: str, day: date) -> datetime | None:
        """When the exit is due in a session; None if that is not known."""
        if name == "clock":
            assert self.stop.clock is not None
            return self.hours.clock(day, self.stop.clock)
        if self.known:
            return self.hours.closes(day)
        bars = [t for t, of in enumerate(self.sessions) if of == day]
        return self.end(bars[-1]) if bars[-1] + 1 < len(self.starts) else None

    def rank(self, t: int) -> int:
        """1 in the session of the entry, 2 in the next that has bars, and so on."""
        return len(set(self.sessions[self.entry : t + 1]))

    def wanted_rank(self, name: str) -> int:
        count = self.stop.sessions if name == "sessions" else 1
        assert count is not None
        if count > 1:
            return count
        when = self.session_time(name, self.sessions[self.entry])
        over = when is not None and when <= self.begins
        if not self.known and self.first < len(self.starts) and self.rank(self.first) > 1:
            over = True
        self.passed = self.passed or over
        return 2 if over else 1

    def is_due(self, name: str, t: int) -> bool:
        if name == "gap":
            return False
        if name == "hours":
            assert self.stop.hours is not None
            when = self.entered + timedelta(hours=self.stop.hours)
            return self.is_last_by(t, when) or (t == self.first and self.end(t) > when)
        if self.rank(t) != self.wanted_rank(name):
            return False
        due = self.session_time(name, self.sessions[t])
        if due is None:
            return False
        if name != "clock" and not self.known:
            return self.end(t) == due
        return self.is_last_by(t, due) or (t == self.first and self.starts[t] < due < self.end(t))

    def is_overdue(self, name: str, t: int) -> bool:
        if name == "gap":
            assert self.stop.max_gap is not None
            longest = timedelta(hours=self.stop.max_gap)
            return t > self.entry and self.starts[t] - self.end(t - 1) > longest
        if name == "hours":
            assert self.stop.hours is not None
            return t > self.first and self.end(t) > self.entered + timedelta(hours=self.stop.hours)
        rank, wanted = self.rank(t), self.wanted_rank(name)
        if rank != wanted:
            return rank > wanted
        due = self.session_time(name, self.sessions[t])
        if due is None:
            return False
        return self.starts[t] >= due or (t > self.first and self.end(t) > due)
