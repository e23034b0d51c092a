"""When is a lab up: its nodes are Ready, and DNS answers kubernetes.default through the kernel's rules."""

import http.client
import json
import secrets
import select
import socket
import ssl
import struct
import time
from collections.abc import Iterator
from typing import Any

from control.errors import NotReady
from control.lab.directory import LabDirectory
from control.lab.plan import LabPlan
from dataplane.netns.enter import run_inside


def loopback_tls(directory: LabDirectory) -> ssl.SSLContext:
    """The admin's TLS context."""
    context = ssl.create_default_context(cafile=str(directory.pki / "ca.crt"))
    context.load_cert_chain(directory.pki / "admin.crt", directory.pki / "admin.key")
    return context


def wait_for_nodes(directory: LabDirectory, port: int, names: tuple[str, ...], within_s: float) -> None:
    """Return once all nodes are Ready, as the API tells it; NotReady names those that are not."""
    deadline = time.monotonic() + within_s
    waiting = set(names)
    try:
        for node in _watch_nodes(directory, port, deadline):
            conditions = (node.get("status") or {}).get("conditions") or []
            ready = any(c.get("type") == "Ready" and c.get("status") == "True" for c in conditions)
            name = node["metadata"]["name"]
            waiting = waiting - {name} if ready else waiting | ({name} & set(names))
            if not waiting:
                return
    except (OSError, http.client.HTTPException) as error:
        raise NotReady(
            f"The API does not answer on loopback: {error}.", f"see {directory.logs}/api.log"
        ) from error
    raise NotReady(
        f"Not Ready after {within_s:g} s: {', '.join(sorted(waiting))}.",
        f"see {directory.logs}/agents-{min(waiting)}.log",
    )


def _watch_nodes(directory: LabDirectory, port: int, deadline: float) -> Iterator[dict[str, Any]]:
    """Node objects as they change, those there first; ends at the deadline."""
    connection = http.client.HTTPSConnection("127.0.0.1", port, context=loopback_tls(directory), timeout=2)
    try:
        connection.request("GET", "/api/v1/nodes?watch=true&timeoutSeconds=120")
        response = connection.getresponse()
        if response.status != 200:
            raise http.client.HTTPException(f"status {response.status}")
        while time.monotonic() < deadline:
            try:
                line = response.readline()
            except TimeoutError:
                return
            if not line:
                return
            event = json.loads(line)
            if event["type"] in ("ADDED", "MODIFIED"):
                yield event["object"]
    finally:
        connection.close()


def wait_for_dns(plan: LabPlan, within_s: float) -> None:
    """Return once kubernetes.default.svc resolves from inside a node to the API's ClusterIP."""
    name = f"kubernetes.default.svc.{plan.spec.cluster_domain}"
    wanted = plan.api_service_ip.packed

    def ask_until_answered() -> bool:
        family = socket.AF_INET if plan.dns_ip.version == 4 else socket.AF_INET6
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline:
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
