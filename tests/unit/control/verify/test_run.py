"""verify before it tries anything."""

from types import SimpleNamespace

import pytest

from control.errors import NoSuchPlace
from control.verify.run import VerifyOptions, run_verify


class Lists:
    """An API that answers lists."""

    def __init__(self, objects):
        self._objects = objects

    async def list(self, resource):
        return SimpleNamespace(items=self._objects.get(resource.plural, []))


async def test_a_namespace_that_is_not_there_is_no_proof(objects):
    with pytest.raises(NoSuchPlace, match="no namespace 'shpo' in lab lab"):
        await run_verify(Lists(objects), VerifyOptions("lab", ("shpo",)))
