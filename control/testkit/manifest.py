"""Pods and Services of tests as API objects: few words in, complete manifests out."""

from collections.abc import Mapping, Sequence
from typing import Any

from control.testkit.place import Pod

Json = dict[str, Any]
Ports = int | str | Sequence[int | str]

IMAGE = "podwire.dev/test/pod:1"  # no machine has it, so it becomes a stand-in


def ports_of(ports: Ports) -> list[tuple[int, str]]:
    """Numbers and protocols.

    >>> ports_of([8080, "53/UDP"])
    [(8080, 'TCP'), (53, 'UDP')]
    """
    listed = [ports] if isinstance(ports, int | str) else list(ports)
    pairs = (str(port).partition("/") for port in listed)
    return [(int(number), protocol or "TCP") for number, _, protocol in pairs]


def pod_manifest(
    name: str,
    *,
    node: str | None,
    listens: Ports,
    labels: Mapping[str, str] | None,
    spec: Mapping[str, Any] | None,
) -> Json:
    """A pod with one stand-in; on that node by its selector, so that the scheduler still decides."""
    more = dict(spec or {})
    container: Json = {
        "name": "main",
        "image": IMAGE,
        "ports": [
            {"name": f"p{number}-{protocol.lower()}", "containerPort": number, "protocol": protocol}
            for number, protocol in ports_of(listens)
        ],
        **more.pop("container", {}),
    }
    body: Json = {"containers": [container], "terminationGracePeriodSeconds": 1}
    if node is not None:
        body["nodeSelector"] = {"kubernetes.io/hostname": node}
        body["tolerations"] = [{"operator": "Exists"}]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": {"name": name, **(labels or {})}},
        "spec": {**body, **more},
    }


def service_manifest(
    name: str,
    *,
    to: Pod | Mapping[str, str] | None,
    port: Ports,
    target: int | str | None,
    spec: Mapping[str, Any] | None,
) -> Json:
    """A Service; several ports get names, as the API demands."""
    ports = [
        {
            "name": f"p{number}-{protocol.lower()}",
            "port": number,
            "protocol": protocol,
            **({} if target is None else {"targetPort": target}),
        }
        for number, protocol in ports_of(port)
    ]
    body: Json = {"ports": ports, **(spec or {})}
    if to is not None:
        body["selector"] = {"name": to.name} if isinstance(to, Pod) else dict(to)
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": body}
