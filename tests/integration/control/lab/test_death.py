"""Whatever is killed at whatever moment: one `down` later nothing is left."""

import os
import random
from collections.abc import Iterator

import pytest

from dataplane.host.untouched import snapshot
from tests.integration.control.lab import death

pytestmark = pytest.mark.root

SEED = int(os.environ.get("PODWIRE_TEST_SEED") or random.SystemRandom().randrange(1_000_000))
KINDS = (
    death.of_up,
    death.of_down,
    death.of_stop_and_start,
    death.of_node_add,
    death.of_node_remove,
    death.of_roles,
)


@pytest.fixture
def reaper(cli, request: pytest.FixtureRequest) -> Iterator[death.Reaper]:
    made = death.Reaper(cli, "tdeath", random.Random(SEED))
    yield made
    with request.config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
        print(f"\nseed {SEED} (PODWIRE_TEST_SEED); {made.hit.total()} kills hit:")
        for phase, times in sorted(made.hit.items()):
            print(f"  {times:3} {phase}")


def test_eight_kills_and_nothing_is_left(reaper):
    before = snapshot()
    assert (
        death.slaughter(reaper, 12, (death.of_up, death.of_stop_and_start, death.of_down, death.of_roles))
        >= 8
    )
    assert before.differences(snapshot()) == []


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_hundred_kills_and_nothing_is_left(reaper):
    before = snapshot()
    assert death.slaughter(reaper, 100, KINDS) >= 100
    assert len({phase.split(":")[0] for phase in reaper.hit}) >= 6 + len(death.ROLES)
    assert before.differences(snapshot()) == []
