"""Rows `tcp` and `clusterip`: pod to pod across nodes in a lab, beside the same wires by hand; and through a Service."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from control.client.resources import PODS, SERVICES
from control.testkit.until import until
from dataplane.netns.names import NamespaceName
from dataplane.netns.sweep import sweep
from tests.bench import by_hand
from tests.bench.harness import Bench, Line, budget, pairs
from tests.bench.lab import Lab, lab_name, pod, running
from tests.bench.transport import PORT, connect_us, drain, echo, far_end, gigabits, round_trip_us

TURNS, FOR_S, CONNECTS = 7, 1.0, 200
ECHO, SERVICE_DRAIN, SERVICE_ECHO = PORT + 1, 80, 81


@dataclass(frozen=True, slots=True)
class Path:
    """From a namespace to an address; the far end drains on one port and echoes on another."""

    netns: str
    address: str
    drains: int = PORT
    echoes: int = ECHO

    def gigabits(self) -> float:
        """See transport."""
        return gigabits(self.netns, self.address, FOR_S, self.drains)

    def round_trip_us(self) -> float:
        """See transport."""
        return round_trip_us(self.netns, self.address, FOR_S, self.echoes)

    def connect_us(self) -> float:
        """See transport."""
        return connect_us(self.netns, self.address, CONNECTS, self.drains)


@contextmanager
def in_a_lab() -> Iterator[tuple[Path, Lab]]:
    """ann on node-1, shop on node-2, as the product made them."""
    with running(lab_name("tcp")) as lab:
        for name, node in (("ann", "node-1"), ("shop", "node-2")):
            lab.api.create(pod(name, node), "default")
        ann, shop = (_ready(lab, name) for name in ("ann", "shop"))
        with _served(_netns(lab, shop)):
            yield Path(_netns(lab, ann), shop["status"]["podIP"]), lab


@contextmanager
def with_wires_by_hand() -> Iterator[Path]:
    """The same nodes and two pods by `ip -batch`: no nft table, so no connection tracking and no policy."""
    name = lab_name("hand")
    try:
        plan = by_hand.plan(name)
        by_hand.fabric(plan)
        near, far = (
            by_hand.port(name, plan.node(node), 10, plan.tunnel.mtu) for node in ("node-1", "node-2")
        )
        by_hand.pod(near)
        by_hand.pod(far)
        with _served(far.netns):
            yield Path(near.netns, str(far.addresses[0].ip))
    finally:
        sweep(name)


@contextmanager
def _served(netns: str) -> Iterator[None]:
    with far_end(netns, drain, PORT), far_end(netns, echo, ECHO):
        yield


def measure_tcp() -> list[Line]:
    """Throughput and round trip, pairs that alternate between the lab and the wires by hand."""
    with ExitStack() as stack:
        ours, _ = stack.enter_context(in_a_lab())
        hand = stack.enter_context(with_wires_by_hand())
        flow, flow_floor = pairs(ours.gigabits, hand.gigabits, TURNS)
        trip, trip_floor = pairs(ours.round_trip_us, hand.round_trip_us, TURNS)
        opened, opened_floor = pairs(ours.connect_us, hand.connect_us, TURNS)
    by = "the same wires by `ip -batch`, no rule in the kernel"
    return [
        Line("tcp", "throughput pod to pod across nodes, one connection", flow, "Gbit/s", "higher", flow_floor, by,
             budget("tcp-throughput"), _note(flow.median / flow_floor.median)),
        Line("tcp", "one byte there and back (TCP_RR)", trip, "µs", floor=trip_floor, floor_is=by),
        Line("tcp", "a connection opens", opened, "µs", floor=opened_floor, floor_is=by),
    ]  # fmt: skip


def _note(ratio: float) -> str:
    return f"the lab's packets also pass connection tracking, Service and policy tables: {ratio:.2f} of none of it"


def measure_clusterip() -> list[Line]:
    """The same pods in one lab, through a Service and directly."""
    with in_a_lab() as (direct, lab):
        ports = [
            {"name": "drain", "port": SERVICE_DRAIN, "targetPort": PORT},
            {"name": "echo", "port": SERVICE_ECHO, "targetPort": ECHO},
        ]
        spec = {"selector": {"app": "shop"}, "ports": ports}
        lab.api.create(
            {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "door"}, "spec": spec}, "default"
        )
        address = lab.api.get(SERVICES, "door", "default")["spec"]["clusterIP"]
        service = Path(direct.netns, address, SERVICE_DRAIN, SERVICE_ECHO)
        until(lambda: _answers(service.connect_us), 20, what="the Service answers")
        flow, flow_floor = pairs(service.gigabits, direct.gigabits, TURNS)
        trip, trip_floor = pairs(service.round_trip_us, direct.round_trip_us, TURNS)
        opened, opened_floor = pairs(service.connect_us, direct.connect_us, TURNS)
    by = "the same pod by its own address"
    return [
        Line("clusterip", "throughput through a ClusterIP across nodes", flow, "Gbit/s", "higher", flow_floor, by),
        Line("clusterip", "one byte there and back", trip, "µs", floor=trip_floor, floor_is=by),
        Line("clusterip", "a connection opens: the packets that are translated first", opened, "µs", floor=opened_floor,
             floor_is=by),
    ]  # fmt: skip


def _answers(call: Callable[[], float]) -> bool:
    try:
        return call() > 0
    except OSError:
        return False


def _ready(lab: Lab, name: str) -> dict:
    def look() -> dict | None:
        pod = lab.api.get(PODS, name, "default")
        conditions = pod.get("status", {}).get("conditions") or ()
        return pod if any(c["type"] == "Ready" and c["status"] == "True" for c in conditions) else None

    found = until(look, 30, what=f"{name} is Ready")
    assert found is not None
    return found


def _netns(lab: Lab, pod: dict) -> str:
    meta = pod["metadata"]
    return str(NamespaceName.of_pod(lab.name, meta["namespace"], meta["name"], meta["uid"]))


TCP = Bench("tcp", "TCP pod to pod across nodes, against the wires by hand", 50, measure_tcp)
CLUSTERIP = Bench(
    "clusterip", "TCP through a ClusterIP, against the pod's own address", 50, measure_clusterip
)
