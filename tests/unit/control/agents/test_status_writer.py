"""What a pod's status writer tells the API, and when it keeps quiet."""

import asyncio
from types import SimpleNamespace

import pytest

from control.agents.status_writer import StatusWriter, says
from control.client.client import ApiUnreachable
from control.client.clock import FakeClock
from control.errors import Conflict, NotFound

CONDITION = {"type": "Ready", "status": "True", "lastTransitionTime": "t"}


class Api:
    """Answers patches, and may fail first."""

    def __init__(self, *failures):
        self.failures = list(failures)
        self.uid = "u"
        self.written = []

    async def patch(self, _resource, _name, _namespace, body, **_):
        await asyncio.sleep(0)
        if self.failures:
            raise self.failures.pop(0)
        self.written.append(body["status"])
        return {"metadata": {"resourceVersion": str(100 + len(self.written))}}

    async def get(self, _resource, _name, _namespace):
        if self.uid is None:
            raise NotFound("gone")
        return {"metadata": {"uid": self.uid}}


def writer(api, status, had=None):
    pod = {
        "metadata": {"name": "p", "namespace": "n", "uid": "u", "resourceVersion": "1"},
        "status": had or {},
    }
    tools = SimpleNamespace(client=api, clock=FakeClock(), lane=asyncio.Semaphore(1))
    return StatusWriter(tools, pod, lambda: dict(status)), tools.clock


async def settled():
    for _ in range(20):
        await asyncio.sleep(0)


async def test_an_unchanged_status_is_written_once():
    api, status = Api(), {"phase": "Running", "conditions": []}
    told, _ = writer(api, status)
    for _ in range(3):
        await told.write()
    assert api.written == [status]


async def test_what_the_api_says_already_is_not_written_again():
    have = {
        "phase": "Running",
        "qosClass": "BestEffort",
        "conditions": [{**CONDITION, "x": 1}, {"type": "Other"}],
    }
    api = Api()
    told, _ = writer(api, {"phase": "Running", "conditions": [{**CONDITION, "x": 1, "message": None}]}, have)
    await told.write()
    assert api.written == []


def test_a_status_says_another_only_when_every_field_is_equal():
    assert says({"phase": "A", "conditions": [CONDITION]}, {"conditions": [CONDITION]})
    assert not says({"conditions": []}, {"conditions": [CONDITION]})
    assert not says({"conditions": [{**CONDITION, "message": "m"}]}, {"conditions": [CONDITION]})
    assert not says({"podIP": "1"}, {"podIP": "2"})


async def test_it_is_tried_again_after_the_api_was_unreachable():
    api, status = Api(ApiUnreachable("cut"), ApiUnreachable("cut")), {"phase": "Running", "conditions": []}
    told, clock = writer(api, status)
    told.touch(urgent=True)
    task = asyncio.create_task(told.run())
    for _ in range(4):
        await settled()
        await clock.advance(1)
    task.cancel()
    assert api.written == [status]


async def test_a_pod_that_is_gone_ends_it():
    told, _ = writer(Api(NotFound("gone")), {"phase": "Running", "conditions": []})
    told.touch(urgent=True)
    await asyncio.wait_for(told.run(), 5)


@pytest.mark.parametrize("uid", ["another", None])
async def test_another_pod_of_the_name_ends_it(uid):
    api = Api(Conflict("Precondition failed: UID"))
    api.uid = uid
    told, _ = writer(api, {"phase": "Running", "conditions": []})
    told.touch(urgent=True)
    await asyncio.wait_for(told.run(), 5)
    assert api.written == []


async def test_too_many_writers_at_once_do_not_end_it():
    api, status = Api(Conflict("the object has been modified")), {"phase": "Running", "conditions": []}
    told, clock = writer(api, status)
    told.touch(urgent=True)
    task = asyncio.create_task(told.run())
    for _ in range(4):
        await settled()
        await clock.advance(1)
    assert not task.done()
    task.cancel()
    assert api.written == [status]


@pytest.mark.parametrize(("revision", "again"), [("50", False), ("200", True)])
async def test_a_condition_that_somebody_else_changed_is_written_over_but_old_news_is_not_heeded(
    revision, again
):
    api, status = Api(), {"phase": "Running", "conditions": [CONDITION]}
    told, _ = writer(api, status)
    await told.write()
    was = {"metadata": {"resourceVersion": "1"}, "status": {"conditions": [CONDITION]}}
    told.seen(
        was,
        {
            "metadata": {"resourceVersion": revision},
            "status": {"conditions": [{**CONDITION, "status": "False"}]},
        },
    )
    await told.write()
    assert len(api.written) == (2 if again else 1)


@pytest.mark.parametrize(
    ("now", "at_once"),
    [
        ({"metadata": {"resourceVersion": "2"}, "status": {"phase": "Running"}}, False),
        ({"metadata": {"resourceVersion": "2", "generation": 2}}, True),
        ({"metadata": {"resourceVersion": "2", "annotations": {"podwire.io/ready": "false"}}}, True),
        ({"metadata": {"resourceVersion": "2", "deletionTimestamp": "t"}}, True),
        ({"metadata": {"resourceVersion": "2"}, "status": {"conditions": [{"type": "a.gate/open"}]}}, True),
    ],
    ids=["only a status", "another spec", "an annotation", "its end", "a readiness gate"],
)
async def test_only_what_others_ask_for_makes_a_write_urgent(now, at_once):
    api = Api()
    told, _ = writer(api, {"phase": "Running", "conditions": []})
    told.seen({"metadata": {"resourceVersion": "1"}}, now)
    task = asyncio.create_task(told.run())
    await settled()
    assert bool(api.written) == at_once
    task.cancel()
