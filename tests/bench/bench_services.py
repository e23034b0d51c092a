"""Row `services`: Services in one node's kernel. One endpoint among 10,000 Services x 5, and a full sync of them.

Each value stands beside the kernel's own part (the floor) and beside the real nft, fed the same change as text (the
peer), in the same run.
"""

import statistics
import subprocess
import uuid
from collections.abc import Callable
from ipaddress import IPv4Address, IPv4Network

from dataplane.model.origin import Origin
from dataplane.model.service import Backend, ServicePort, Transport
from dataplane.netns.create import create, delete
from dataplane.netns.sysctl import Place
from dataplane.nft.handle import NftHandle
from dataplane.services.contract import Ports, ServiceNode
from dataplane.services.nft_layout import FAMILY, NAME
from dataplane.services.nft_sync import NftServices
from tests.bench.harness import Bench, Line, Sample, budget, percentile, seconds

NODE = ServiceNode(
    (IPv4Address("10.0.1.10"),), (IPv4Network("10.244.0.0/16"),), (IPv4Network("10.96.0.0/12"),),
    (IPv4Network("10.0.1.0/24"),),
)  # fmt: skip
SERVICES, CHANGES, ENDPOINTS = 10_000, 300, 5


def service(number: int, turn: int = 0) -> Ports:
    """Service ``number`` with five endpoints, the third another one each turn."""
    first = 0x0AF40000 + number * ENDPOINTS % 60_000
    addresses = [first + each for each in range(ENDPOINTS)]
    if turn:
        addresses[2] = 0x0AF50000 + turn
    backends = tuple(Backend(IPv4Address(each), 8080, local=each % 5 == 0) for each in addresses)
    origin = Origin("Service", "default", f"web-{number}", field="spec.ports[0]")
    address = IPv4Address(0x0A600100 + number)
    return (ServicePort(f"default/web-{number}", "", address, Transport.TCP, 80, backends, origin=origin),)


def timed(work: Callable[[], object]) -> float:
    """Milliseconds."""
    return seconds(work) * 1e3


def nft_change(netns: str, number: int, address: str) -> float:
    """The same change by the real nft: one element deleted, one added, in a transaction."""
    key = f"{IPv4Address(0x0A600100 + number)} . tcp . 80 . 2"
    there = f"{FAMILY} {NAME} endpoints4"
    text = f"delete element {there} {{ {key} }}\nadd element {there} {{ {key} : {address} . 8080 }}\n"
    command = ["ip", "netns", "exec", netns, "nft", "-f", "-"]
    return timed(lambda: subprocess.run(command, input=text, text=True, check=True))


def measure(count: int = SERVICES) -> list[Line]:
    """One node's kernel with so many Services."""
    netns = f"podwire-tbench{uuid.uuid4().hex[:5]}-node"
    create(netns, Place.NODE)
    try:
        with NftHandle(netns) as handle:
            services = NftServices(handle, NODE)
            want = {f"default/web-{number}": service(number) for number in range(count)}
            kernel = []
            full = timed(lambda: kernel.append(services.start(want).microseconds / 1e3))
            text = subprocess.run(
                ["ip", "netns", "exec", netns, "nft", "list", "table", FAMILY, NAME],
                capture_output=True, text=True, check=True,
            ).stdout  # fmt: skip
            values, floors = [], []
            for turn in range(1, CHANGES + 1):
                number = turn * 7 % count
                changed = {f"default/web-{number}": service(number, turn)}
                synced = []
                values.append(timed(lambda: synced.append(services.replace(changed))))  # noqa: B023 - called here
                floors.append(synced[0].microseconds / 1e3)
            peers = [nft_change(netns, 7, f"10.246.0.{n}") for n in range(1, 20)]
            subprocess.run(["ip", "netns", "exec", netns, "nft", "delete", "table", FAMILY, NAME], check=True)
            peer_full = timed(
                lambda: subprocess.run(
                    ["ip", "netns", "exec", netns, "nft", "-f", "-"], input=text, text=True, check=True
                )
            )
        name, kernel_is = f"{count:,} Services x {ENDPOINTS}", "the kernel's own part"
        return [
            Line("services", f"{name}: one endpoint changes, p99 of {CHANGES}", Sample.of(percentile(values, 0.99)), "ms",
                 floor=Sample.of(percentile(floors, 0.99)), floor_is=kernel_is, budget=budget("services-change"),
                 note=f"p50 {statistics.median(values):.2f} ms; the same change by nft {statistics.median(peers):.1f} ms"),
            Line("services", f"{name}: full sync of an empty kernel", Sample.of(full), "ms", floor=Sample.of(kernel[0]),
                 floor_is=kernel_is, budget=budget("services-sync"), note=f"by nft {peer_full:,.0f} ms"),
        ]  # fmt: skip
    finally:
        delete(netns)


BENCH = Bench(
    "services", "one endpoint among 10,000 Services, and a full sync, in one node's kernel", 30, measure
)
