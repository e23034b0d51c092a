"""When is a lab up: its nodes are Ready, and DNS answers kubernetes.default through the kernel's rules."""

import http.client
import json
import secrets
import select
import socket
import ssl
import struct
import time
from collections.abc import Callable, Iterator
from typing import Any

from control.errors import NotReady
from control.lab.directory import LabDirectory
from control.lab.plan import LabPlan
from dataplane.netns.enter import run_inside
from dataplane.patience import patient


def loopback_tls(directory: LabDirectory) -> ssl.SSLContext:
    """The admin's TLS context."""
    context = ssl.create_default_context(cafile=str(directory.pki / "ca.crt"))
    context.load_cert_chain(directory.pki / "admin.crt", directory.pki / "admin.key")
    return context


def wait_for_nodes(
    directory: LabDirectory, port: int, names: tuple[str, ...], within_s: float, check: Callable[[], None]
) -> None:
    """Return once all nodes are Ready, as the API tells it; NotReady names those that are not.

    check: called about once a second; raises when waiting is in vain.
    """
    deadline = time.monotonic() + within_s
    waiting = set(names)
    try:
        while time.monotonic() < deadline:
            check()
            for node in _watch_nodes(directory, port):
                conditions = (node.get("status") or {}).get("conditions") or []
                ready = any(c.get("type") == "Ready" and c.get("status") == "True" for c in conditions)
                name = node["metadata"]["name"]
                waiting = waiting - {name} if ready else waiting | ({name} & set(names))
                if not waiting:
                    return
    except (OSError, http.client.HTTPException) as error:
        raise NotReady(f"The API does not answer on loopback: {error}.", "podwire logs api") from error
    raise NotReady(f"Not Ready after {within_s:g} s: {', '.join(sorted(waiting))}.", "see the agents' logs")


def _watch_nodes(directory: LabDirectory, port: int) -> Iterator[dict[str, Any]]:
    """Node objects, those there first, then as they change; for about a second."""
    connection = http.client.HTTPSConnection(
        "127.0.0.1", port, context=loopback_tls(directory), timeout=patient(10.0)
    )
    try:
        connection.request("GET", "/api/v1/nodes?watch=true&timeoutSeconds=1")
        response = connection.getresponse()
        if response.status != 200:
            raise http.client.HTTPException(f"status {response.status}")
        while line := response.readline():
            event = json.loads(line)
            if event["type"] in ("ADDED", "MODIFIED"):
                yield event["object"]
    finally:
        connection.close()


def wait_for_dns(plan: LabPlan, within_s: float, check: Callable[[], None]) -> None:
    """Return once kubernetes.default.svc resolves from inside a node to the API's ClusterIP.

    check: called about once a second; raises when waiting is in vain.
    """
    name = f"kubernetes.default.svc.{plan.spec.cluster_domain}"
    wanted = plan.api_service_ip.packed

    def ask_until_answered() -> bool:
        family = socket.AF_INET if plan.dns_ip.version == 4 else socket.AF_INET6
        deadline = time.monotonic() + within_s
        next_check = time.monotonic() + 1
        while time.monotonic() < deadline:
            if time.monotonic() > next_check:
                check()
                next_check += 1
            with socket.socket(family, socket.SOCK_DGRAM) as sock:  # anew: a refused flow must not stick
                sock.setblocking(False)
                try:
                    sock.connect((str(plan.dns_ip), 53))
                    sock.send(_query(name, 1 if plan.dns_ip.version == 4 else 28))
                    if select.select([sock], [], [], 0.1)[0] and wanted in sock.recv(2048):
                        return True
                except (ConnectionRefusedError, OSError):
                    pass
            time.sleep(0.01)  # refused at once until the pod is ready: the kernel has no event for that
        return False

    if not run_inside(plan.control.netns, ask_until_answered):
        raise NotReady(
            f"DNS at {plan.dns_ip} does not answer {name} after {within_s:g} s.",
            f"podwire kubectl --name {plan.name} -n kube-system describe pods",
        )


def _query(name: str, kind: int) -> bytes:
    """A DNS question with recursion desired (RFC 1035, section 4.1)."""
    labels = b"".join(bytes([len(part)]) + part.encode() for part in name.split("."))
    header = struct.pack(">HHHHHH", secrets.randbits(16), 0x0100, 1, 0, 0, 0)
    return header + labels + b"\0" + struct.pack(">HH", kind, 1)
