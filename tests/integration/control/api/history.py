"""Clients that write at random and remember what was acknowledged; the judge of what an API shows afterwards."""

import asyncio
import random
from dataclasses import dataclass, field
from typing import Any

from control.client.client import ApiClient, ApiUnreachable
from control.client.resources import CONFIGMAPS
from control.errors import Conflict, NotFound

FILLER = 40
"""Every value is repeated so often, in fields of its own: half an object would be seen."""


@dataclass
class Name:
    """What one client knows of one object: the value that it last had for sure, and the write under way.

    known, asked: values, None for absent. asked counts only while ``open``: it may or may not have happened.
    """

    known: int | None = None
    asked: int | None = None
    open: bool = False
    acknowledged: int = 0
    revisions: list[int] = field(default_factory=list)


def body(name: str, value: int) -> dict[str, Any]:
    """An object that carries its value many times."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "labels": {"value": str(value), "odd": str(value % 2)}},
        "data": {f"f{number}": str(value) for number in range(FILLER)},
    }


def value_of(obj: dict[str, Any]) -> int:
    """An object's value. AssertionError when it is half one and half another."""
    values = {*obj["data"].values(), obj["metadata"]["labels"]["value"]}
    assert len(values) == 1, f"{obj['metadata']['name']} is half {values}"
    assert len(obj["data"]) == FILLER
    return int(values.pop())


class Client:
    """Writes to names that no other client writes to, so that it knows what must be there."""

    def __init__(self, number: int, names: int, namespace: str = "default") -> None:
        self._random = random.Random(number)
        self.namespace = namespace
        self.names = {f"c{number}-{one}": Name() for one in range(names)}
        self._value = number * 1_000_000

    async def write(self, client: ApiClient, times: int | None = None) -> None:
        """Write until the server is gone, or so many times."""
        try:
            while times is None or (times := times - 1) >= 0:
                await self._once(client, self._random.choice(list(self.names)))
        except ApiUnreachable:
            return  # killed: what was under way stays open

    async def _once(self, client: ApiClient, text: str) -> None:
        name = self.names[text]
        self._value += 1
        gone = name.known is not None and self._random.random() < 0.2
        name.asked, name.open = (None if gone else self._value), True
        if name.known is None:
            made = await client.create(CONFIGMAPS, body(text, self._value), self.namespace)
        elif gone:
            made = await client.delete(CONFIGMAPS, text, self.namespace)
        elif self._random.random() < 0.5:
            patch = body(text, self._value)
            made = await client.patch(CONFIGMAPS, text, self.namespace, patch)
        else:
            wanted = body(text, self._value)
            wanted["metadata"]["namespace"] = self.namespace
            made = await client.update(CONFIGMAPS, wanted)
        name.known, name.open = name.asked, False
        name.acknowledged += 1
        if not gone:
            name.revisions.append(int(made["metadata"]["resourceVersion"]))

    async def judge(self, client: ApiClient) -> int:
        """Compare with what is there, and take it over; how many writes were acknowledged so far."""
        for text, name in self.names.items():
            try:
                found: int | None = value_of(await client.get(CONFIGMAPS, text, self.namespace))
            except NotFound:
                found = None
            allowed = {name.known, name.asked} if name.open else {name.known}
            assert found in allowed, f"{text} is {found}, acknowledged was {name.known}, asked {name.asked}"
            name.known, name.open = found, False
        return sum(name.acknowledged for name in self.names.values())


async def fight(client: ApiClient, name: str, times: int, namespace: str = "default") -> int:
    """One of several that change the same object, each from what it read; how many of its writes won."""
    won = 0
    for _ in range(times):
        obj = await client.get(CONFIGMAPS, name, namespace)
        value = value_of(obj) + 1
        changed = body(name, value)
        changed["metadata"] |= {"namespace": namespace, "resourceVersion": obj["metadata"]["resourceVersion"]}
        try:
            await client.update(CONFIGMAPS, changed)
            won += 1
        except Conflict:
            await asyncio.sleep(0)
    return won
