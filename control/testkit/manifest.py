"""Pods and Services of tests as API objects: few words in, complete manifests out."""

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from control.lab.manifests import Manifest, read_manifests
from control.testkit.place import Pod
from control.testkit.ports import Ports, ports_of

Json = dict[str, Any]

IMAGE = "podwire.dev/test/pod:1"  # no machine has it, so it becomes a stand-in


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


def manifests_of(*sources: str | Path) -> list[Manifest]:
    """Objects of files, folders and YAML texts, in an order in which they can be applied.

    A text is what has a line break. Raises ManifestInvalid naming file and line; a text is called ``text.yaml``.
    """
    with TemporaryDirectory(prefix="podwire-") as folder:
        paths = []
        for number, source in enumerate(sources):
            if isinstance(source, str) and "\n" in source:
                text = Path(folder, str(number), "text.yaml")
                text.parent.mkdir()
                text.write_text(source, encoding="utf-8")
                source = text  # noqa: PLW2901 (the same, as a file)
            paths.append(str(source))
        return read_manifests(paths)
