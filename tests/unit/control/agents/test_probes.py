"""A probe's rhythm and thresholds, on a clock that stands until it is moved."""

import asyncio

import pytest

from control.agents.lifecycle import BackOff
from control.agents.probe_io import Outcome
from control.agents.probes import ProbeSpec, Verdict, run_probe
from control.client.clock import FakeClock

WELL, ILL = Outcome(healthy=True), Outcome(healthy=False, message="no")


def spec(kind="Readiness", **fields):
    return ProbeSpec.of(kind, {f"{kind.lower()}Probe": {"tcpSocket": {"port": 1}, **fields}})


def test_defaults_are_upstream_s():
    probe = spec()
    assert (probe.initial_delay_s, probe.period_s, probe.timeout_s, probe.successes, probe.failures) == (
        0,
        10,
        1,
        1,
        3,
    )
    assert ProbeSpec.of("Liveness", {"readinessProbe": {}}) is None


@pytest.mark.parametrize(
    ("kind", "begin", "answers", "changes"),
    [
        ("Readiness", False, "ill well", [None, True]),
        ("Readiness", True, "ill ill well ill ill ill ill", [None, None, None, None, None, False, None]),
        ("Readiness", False, "ill ill ill well", [None, None, None, True]),
        ("Liveness", True, "well ill ill well ill ill ill", [None] * 6 + [False]),
        ("Startup", None, "ill ill well", [None, None, True]),
        ("Startup", None, "ill ill ill", [None, None, False]),
    ],
)
def test_only_so_many_answers_in_a_row_change_the_verdict(kind, begin, answers, changes):
    verdict = Verdict(spec(kind), healthy=begin)
    heard = []
    for answer in answers.split():
        changed = verdict.hear(WELL if answer == "well" else ILL)
        heard.append(verdict.healthy if changed else None)
    assert heard == changes


async def moved(clock, seconds):
    await clock.advance(seconds)
    for _ in range(10):
        await asyncio.sleep(0)


async def test_it_asks_after_the_delay_and_then_in_its_period():
    clock, asked = FakeClock(), []

    async def check():
        asked.append(clock.monotonic())
        return WELL

    task = asyncio.create_task(
        run_probe(spec(initialDelaySeconds=5, periodSeconds=3), check, clock, lambda *_: None, healthy=False)
    )
    await asyncio.sleep(0)
    for _ in range(12):
        await moved(clock, 1)
    task.cancel()
    assert asked == [5, 8, 11]


async def answers_of(kind, answers, seconds, **fields):
    """What a probe was asked and told while the clock went on in steps of 25 ms."""
    clock, asked, told = FakeClock(), [], []

    async def check():
        asked.append(round(clock.monotonic(), 3))
        return answers.pop(0) if len(answers) > 1 else answers[0]

    task = asyncio.create_task(
        run_probe(
            spec(kind, **fields),
            check,
            clock,
            lambda o, c: told.append((o.healthy, c)),
            healthy=kind == "Liveness",
        )
    )
    for _ in range(3):
        await asyncio.sleep(0)
    for _ in range(int(seconds / 0.025)):
        await moved(clock, 0.025)
    done = task.done()
    task.cancel()
    return asked, told, done


async def test_the_first_answer_is_asked_for_again_soon_and_counts_once():
    asked, told, _ = await answers_of("Readiness", [ILL, ILL, WELL], 0.5)
    assert asked == [0, 0.025, 0.075]
    assert told == [(True, True)]


async def test_a_probe_that_stays_ill_is_heard_once_a_period():
    asked, told, _ = await answers_of("Readiness", [ILL], 2.5, periodSeconds=1)
    assert told == [(False, False)] * len(told)
    assert len(told) == 3
    assert asked == [0, 0.025, 0.075, 0.175, 0.375, 0.775, 1, 2]


async def test_a_startup_probe_ends_with_its_first_success():
    _, told, done = await answers_of("Startup", [ILL, WELL], 1, periodSeconds=1)
    assert (told, done) == ([(True, True)], True)


async def test_liveness_is_not_asked_again_in_haste():
    asked, told, _ = await answers_of("Liveness", [ILL], 2.2, periodSeconds=1)
    assert asked == [0, 1, 2]
    assert told == [(False, False), (False, False), (False, True)]


def test_back_off_doubles_to_five_minutes_and_is_forgotten_after_ten():
    back_off = BackOff()
    assert [back_off.ended(1) for _ in range(8)] == [0, 10, 20, 40, 80, 160, 300, 300]
    assert back_off.ended(600) == 0
    assert back_off.ended(1) == 10
