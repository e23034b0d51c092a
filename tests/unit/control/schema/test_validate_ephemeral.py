"""Ephemeral containers: what they may not have, and what a write of the subresource may change."""

import copy
from typing import Any

import pytest

from control.errors import Cause
from control.schema.defaults import apply_defaults
from control.schema.resource import registry
from control.schema.strategy import prepare_update
from control.schema.validate import validate_update

ROW = registry().by_kind("v1", "Pod")
assert ROW is not None


def pod(*ephemeral: dict[str, Any]) -> dict[str, Any]:
    spec: dict[str, Any] = {
        "containers": [{"name": "main", "image": "x"}],
        "initContainers": [{"name": "first", "image": "x"}],
        "volumes": [{"name": "data", "emptyDir": {}}],
    }
    if ephemeral:
        spec["ephemeralContainers"] = list(ephemeral)
    made = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "a", "namespace": "default", "uid": "u", "resourceVersion": "1"},
        "spec": spec,
    }
    apply_defaults(ROW, made)
    return made


def debug(**fields: Any) -> dict[str, Any]:
    return {"name": "debug", "image": "busybox", **fields}


def written(new: dict[str, Any], old: dict[str, Any], subresource: str = "ephemeralcontainers") -> list[str]:
    wanted = copy.deepcopy(new)
    prepare_update(ROW, wanted, old, subresource)
    return [said(cause) for cause in validate_update(ROW, wanted, old, subresource)]


def said(cause: Cause) -> str:
    return f"{cause.field}: {cause.message}"


def test_a_running_pod_gets_one_more_and_its_defaults() -> None:
    new = pod(debug(targetContainerName="main", stdin=True, tty=True, env=[{"name": "A", "value": "b"}]))
    assert written(new, pod()) == []
    (made,) = new["spec"]["ephemeralContainers"]
    assert made["imagePullPolicy"] == "Always"
    assert made["terminationMessagePath"] == "/dev/termination-log"
    assert made["terminationMessagePolicy"] == "File"


AT = "spec.ephemeralContainers[0]"


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"name": ""}, f"{AT}.name: Required value"),
        ({"image": ""}, f"{AT}.image: Required value"),
        ({"image": " x"}, f'{AT}.image: Invalid value: " x": must not have leading or trailing whitespace'),
        ({"name": "main"}, f'{AT}.name: Duplicate value: "main"'),
        ({"name": "first"}, f'{AT}.name: Duplicate value: "first"'),
        ({"targetContainerName": "nobody"}, f'{AT}.targetContainerName: Not found: "nobody"'),
        (
            {"ports": [{"containerPort": 1}]},
            f"{AT}.ports: Forbidden: cannot be set for an Ephemeral Container",
        ),
        (
            {"resources": {"limits": {"cpu": "1"}}},
            f"{AT}.resources: Forbidden: cannot be set for an Ephemeral Container",
        ),
        (
            {"livenessProbe": {"tcpSocket": {"port": 1}}},
            f"{AT}.livenessProbe: Forbidden: cannot be set for an Ephemeral Container",
        ),
        (
            {"lifecycle": {"preStop": {"exec": {"command": ["x"]}}}},
            f"{AT}.lifecycle: Forbidden: cannot be set for an Ephemeral Container",
        ),
        (
            {"volumeMounts": [{"name": "data", "mountPath": "/d", "subPath": "s"}]},
            f"{AT}.volumeMounts[0].subPath: Forbidden: cannot be set for an Ephemeral Container",
        ),
    ],
)
def test_what_one_may_not_have(fields: dict[str, Any], words: str) -> None:
    assert words in written(pod({**debug(), **fields}), pod())


def test_those_that_are_there_stay_as_they_are() -> None:
    had = pod(debug())
    (gone,) = written(pod(), had)
    assert gone == (
        'spec.ephemeralContainers: Forbidden: existing ephemeral containers "debug" may not be removed\n'
    )
    (changed,) = written(pod(debug(image="other")), had)
    assert changed.startswith(
        'spec.ephemeralContainers: Forbidden: existing ephemeral containers "debug" may not be changed\n'
    )
    assert '"image": "other"' in changed
    assert written(pod(debug(name="second"), debug()), had) == [], "the order does not matter"


def test_the_subresource_writes_nothing_else_and_the_pod_itself_not_them() -> None:
    new = pod(debug())
    new["spec"]["containers"][0]["image"] = "changed"
    old = pod()
    prepare_update(ROW, new, old, "ephemeralcontainers")
    assert new["spec"]["containers"] == old["spec"]["containers"]
    (refused,) = written(pod(debug()), pod(), subresource="")
    assert "pod updates may not change fields other than" in refused
