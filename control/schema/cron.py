"""Cron schedules as CronJobs have them: five fields, ``@daily`` and its like, ``@every 90m``. Pure.

Source: crontab(5), and the words of upstream's parser (robfig/cron v3, ParseStandard).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import lru_cache
from typing import Final

from control.schema.timestamps import duration_nanos

_BOUNDS: Final = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 6))
_MACROS: Final = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS: Final = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_NAMES: Final[tuple[dict[str, int], ...]] = (
    {},
    {},
    {},
    {name: number for number, name in enumerate(_MONTHS, 1)},
    {name: number for number, name in enumerate(_DAYS)},
)
_DAYS_MOST: Final = 5 * 366
"""How far ahead a schedule is looked for: the 30th of February never comes."""


class ScheduleInvalid(ValueError):
    """Not a schedule; the text is upstream's."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """When something is to happen. every_s: seconds between two times, and 0 where the fields say when."""

    minutes: frozenset[int] = frozenset()
    hours: frozenset[int] = frozenset()
    days: frozenset[int] = frozenset()
    months: frozenset[int] = frozenset()
    weekdays: frozenset[int] = frozenset()
    """0 is Sunday."""
    any_day: bool = True
    """Day of the month or of the week is ``*``: then both must fit, else either."""
    every_s: int = 0

    @staticmethod
    def parse(text: str) -> "Schedule":
        """Raises ScheduleInvalid.

        >>> sorted(Schedule.parse("*/20 * * * mon-fri").minutes)
        [0, 20, 40]
        """
        return _parse(text)

    def after(self, moment: datetime, zone: tzinfo = UTC) -> datetime | None:
        """The first time after ``moment``, in UTC; None when there is none within five years.

        zone: whose clock the fields are read on. An hour that a zone skips in spring is skipped, and one that
        it has twice in autumn counts once.
        """
        if self.every_s:
            return moment.replace(microsecond=0) + timedelta(seconds=self.every_s)
        first = moment.astimezone(zone).date()
        for offset in range(_DAYS_MOST):
            day = first + timedelta(days=offset)
            if not self._on(day):
                continue
            for local in self._times(day, zone):
                when = local.astimezone(UTC)
                if when > moment and when.astimezone(zone).replace(tzinfo=None) == local.replace(tzinfo=None):
                    return when
        return None

    def _on(self, day: date) -> bool:
        if day.month not in self.months:
            return False
        by_date, by_weekday = day.day in self.days, day.isoweekday() % 7 in self.weekdays
        return (by_date and by_weekday) if self.any_day else (by_date or by_weekday)

    def _times(self, day: date, zone: tzinfo) -> Iterator[datetime]:
        for hour in sorted(self.hours):
            for minute in sorted(self.minutes):
                yield datetime.combine(day, time(hour, minute), zone)


@lru_cache(maxsize=1024)
def _parse(text: str) -> Schedule:
    if text.startswith("@every "):
        span = text.removeprefix("@every ")
        try:
            return Schedule(every_s=max(1, duration_nanos(span) // 10**9))
        except ValueError as error:
            raise ScheduleInvalid(f"failed to parse duration {text}: {error}") from None
    if text.startswith("@"):
        if text not in _MACROS:
            raise ScheduleInvalid(f"unrecognized descriptor: {text}")
        text = _MACROS[text]
    parts = text.split()
    if len(parts) != 5:
        raise ScheduleInvalid(f"expected exactly 5 fields, found {len(parts)}: [{' '.join(parts)}]")
    minutes, hours, days, months, weekdays = (_field(part, place) for place, part in enumerate(parts))
    stars = any(_is_star(part) for place in (2, 4) for part in parts[place].split(","))
    return Schedule(minutes, hours, days, months, weekdays, any_day=stars)


def _is_star(item: str) -> bool:
    """Whether a part leaves its field open: ``*`` and ``?``, but not ``*/2``."""
    span, _, step = item.partition("/")
    return span in ("*", "?") and step in ("", "1")


def _field(text: str, place: int) -> frozenset[int]:
    found: set[int] = set()
    for item in text.split(","):
        if item:
            found.update(_range(item.lower(), place))
    return frozenset(found)


def _range(item: str, place: int) -> range:
    """One of a field's comma-separated parts: ``*``, ``5``, ``1-5``, ``*/15``, ``mon``, ``10/5``."""
    low, high = _BOUNDS[place]
    span, *steps = item.split("/")
    ends = span.split("-")
    if ends[0] in ("*", "?"):
        start, end = low, high
    else:
        start = _number(ends[0], place)
        end = start if len(ends) == 1 else _number(ends[1], place)
        if len(ends) > 2:
            raise ScheduleInvalid(f"too many hyphens: {item}")
    step = 1
    if len(steps) > 1:
        raise ScheduleInvalid(f"too many slashes: {item}")
    if steps:
        step = _integer(steps[0])
        if len(ends) == 1:
            end = high
    if start < low:
        raise ScheduleInvalid(f"beginning of range ({start}) below minimum ({low}): {item}")
    if end > high:
        raise ScheduleInvalid(f"end of range ({end}) above maximum ({high}): {item}")
    if start > end:
        raise ScheduleInvalid(f"beginning of range ({start}) beyond end of range ({end}): {item}")
    if step == 0:
        raise ScheduleInvalid(f"step of range should be a positive number: {item}")
    return range(start, end + 1, step)


def _number(text: str, place: int) -> int:
    named = _NAMES[place].get(text)
    return named if named is not None else _integer(text)


def _integer(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or len(text) > 9:
        raise ScheduleInvalid(
            f'failed to parse int from {text}: strconv.Atoi: parsing "{text}": invalid syntax'
        )
    return int(text)
