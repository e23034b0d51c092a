"""Times, Go's durations, ages."""

import pytest

from control.schema import timestamps


@pytest.mark.parametrize(
    ("seconds", "age"),
    [
        (0, "0s"), (119, "119s"), (120, "2m"), (130, "2m10s"), (600, "10m"), (10799, "179m"), (10800, "3h"),
        (3 * 3600 + 300, "3h5m"), (8 * 3600, "8h"), (47 * 3600, "47h"), (48 * 3600, "2d"), (52 * 3600, "2d4h"),
        (8 * 86400, "8d"), (400 * 86400, "400d"), (730 * 86400, "2y"), (760 * 86400, "2y30d"), (-0.5, "0s"),
        (-5, "<invalid>"), (9 * 365 * 86400, "9y"),
    ],
)  # fmt: skip
def test_ages_are_those_that_kubectl_prints(seconds: float, age: str):
    assert timestamps.human_age(seconds) == age


@pytest.mark.parametrize(
    ("nanos", "text"),
    [(0, "0s"), (3600 * 10**9, "1h0m0s"), (90 * 10**9, "1m30s"), (1_500_000_000, "1.5s"), (2_000_000, "2ms"), (-10**9, "-1s"), (1500, "1.5µs")],
)  # fmt: skip
def test_durations_go_both_ways(nanos: int, text: str):
    assert timestamps.duration_text(nanos) == text
    assert timestamps.duration_nanos(text) == nanos


def test_times_become_utc_and_what_is_none_is_refused():
    assert timestamps.normal_time("2024-01-01T00:00:00.9Z") == "2024-01-01T00:00:00Z"
    assert timestamps.normal_time("2024-01-01T01:00:00+01:00") == "2024-01-01T00:00:00Z"
    for text in ("2024-01-01", "now", "2024-13-01T00:00:00Z", "2024-01-01T00:00:00"):
        with pytest.raises(ValueError, match="parsing time"):
            timestamps.normal_time(text)
    with pytest.raises(ValueError, match='invalid duration "5"'):
        timestamps.duration_nanos("5")
