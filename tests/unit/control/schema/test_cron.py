"""When schedules come due, and what is no schedule."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from control.schema.cron import Schedule, ScheduleInvalid


def following(text, start, count=3, zone=UTC):
    schedule, moment, found = Schedule.parse(text), datetime.fromisoformat(start), []
    for _ in range(count):
        moment = schedule.after(moment, zone)
        if moment is None:
            break
        found.append(moment.strftime("%m-%d %H:%M:%S"))
    return found


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("* * * * *", ["01-31 23:59:00", "02-01 00:00:00", "02-01 00:01:00"]),
        ("*/20 * * * *", ["02-01 00:00:00", "02-01 00:20:00", "02-01 00:40:00"]),
        ("10/20 0 * * *", ["02-01 00:10:00", "02-01 00:30:00", "02-01 00:50:00"]),
        ("0 0 * * mon", ["02-02 00:00:00", "02-09 00:00:00", "02-16 00:00:00"]),
        # Day of the month and of the week both given: either is enough; with */2 the star is no star.
        ("0 0 3 * 1", ["02-02 00:00:00", "02-03 00:00:00", "02-09 00:00:00"]),
        ("@hourly", ["02-01 00:00:00", "02-01 01:00:00", "02-01 02:00:00"]),
        ("@every 90s", ["01-31 23:59:59", "02-01 00:01:29", "02-01 00:02:59"]),
        ("0 0 30 2 *", []),
    ],
)
def test_the_next_times(text, want):
    assert following(text, "2026-01-31T23:58:29.5+00:00") == want


def test_the_29th_of_february_comes_every_fourth_year():
    first = Schedule.parse("0 6 29 feb *").after(datetime(2026, 1, 1, tzinfo=UTC))
    assert first == datetime(2028, 2, 29, 6, tzinfo=UTC)


def test_an_hour_that_spring_skips_is_skipped_and_one_that_autumn_repeats_counts_once():
    berlin = ZoneInfo("Europe/Berlin")
    assert following("30 2 * * *", "2026-03-28T12:00:00+00:00", 2, berlin) == [
        "03-30 00:30:00",
        "03-31 00:30:00",
    ]
    assert following("30 2 * * *", "2026-10-24T12:00:00+00:00", 2, berlin) == [
        "10-25 00:30:00",
        "10-26 01:30:00",
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("* * * *", "expected exactly 5 fields, found 4: [* * * *]"),
        ("60 * * * *", "end of range (60) above maximum (59): 60"),
        ("* * 0 * *", "beginning of range (0) below minimum (1): 0"),
        ("* * * * 7", "end of range (7) above maximum (6): 7"),
        ("5-1 * * * *", "beginning of range (5) beyond end of range (1): 5-1"),
        ("*/0 * * * *", "step of range should be a positive number: */0"),
        ("1-2-3 * * * *", "too many hyphens: 1-2-3"),
        ("*/2/3 * * * *", "too many slashes: */2/3"),
        ("x * * * *", 'failed to parse int from x: strconv.Atoi: parsing "x": invalid syntax'),
        ("@often", "unrecognized descriptor: @often"),
        ("@every soon", 'failed to parse duration @every soon: time: invalid duration "soon"'),
    ],
)
def test_what_is_no_schedule_is_told_in_upstreams_words(text, said):
    with pytest.raises(ScheduleInvalid) as refused:
        Schedule.parse(text)
    assert str(refused.value) == said
