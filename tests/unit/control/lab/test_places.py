"""Places by the names that people use, against an API's answer as it is on the wire."""

from typing import Any

import pytest

from control.errors import NoSuchPlace
from control.lab import places
from control.lab.plan import make_plan
from control.lab.spec import LabSpec, default_nodes

PLAN = make_plan("t", LabSpec(nodes=default_nodes(2)), ipv6=False)


def _pod(key: str, ip: str, phase: str = "Running", **spec: Any) -> dict[str, Any]:
    namespace, name = key.split("/")
    return {
        "metadata": {"namespace": namespace, "name": name, "uid": key,
                     "ownerReferences": [{"kind": "ReplicaSet", "name": f"{name}-5d8f"}]},
        "spec": {"nodeName": "node-1", **spec},
        "status": {"phase": phase, **({"podIP": ip, "podIPs": [{"ip": ip}]} if ip else {})},
    }  # fmt: skip


PODS = [
    _pod("a/web", "10.244.1.2"),
    _pod("default/web", "10.244.1.3"),
    _pod("default/done", "10.244.1.4", "Succeeded"),
    _pod("default/pending", "", "Pending"),
    _pod("default/host", "10.0.1.10", hostNetwork=True),
    _pod("default/again", "10.244.1.4", "Failed"),
    _pod("a/again", "10.244.1.5"),
]


@pytest.fixture
def find(monkeypatch):
    monkeypatch.setattr(places, "_pods", lambda _directory, _port: PODS)
    return lambda text: places.find_place(PLAN, None, 0, text)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "kind", "name"),
    [
        ("node-1", "node", "node-1"),
        ("node/node-1", "node", "node-1"),
        ("10.0.1.10", "node", "node-1"),
        ("internet", "internet", "internet"),
        ("web", "pod", "default/web"),
        ("a/web", "pod", "a/web"),
        ("10.244.1.2", "pod", "a/web"),
        ("deploy/web", "pod", "default/web"),
        ("again", "pod", "a/again"),
        ("host", "node", "node-1"),
    ],
)
def test_a_place_by_its_name(find, text, kind, name):
    assert (find(text).kind, find(text).name) == (kind, name)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("done", "default/done is Succeeded: it has given its network back"),
        ("10.244.1.4", "No place '10.244.1.4'"),
        ("pending", "default/pending is Pending: it has no network yet"),
        ("we", "pods like it: a/web, default/web"),
        ("", "No place ''"),
    ],
)
def test_what_has_no_network_is_told_apart_from_what_is_not_there(find, text, said):
    with pytest.raises(NoSuchPlace) as refused:
        find(text)
    assert said in refused.value.what
