"""Services in a real kernel: start, change by change, start again."""

import random
import subprocess
from collections.abc import Mapping
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path

import pytest

from dataplane.errors import RulesetRejected
from dataplane.model.service import Affinity, Backend, ServicePort, TrafficScope, Transport
from dataplane.nft.batch import BatchWriter
from dataplane.nft.diff import diff
from dataplane.services.contract import Ports
from dataplane.services.nft_layout import FAMILY, NAME
from dataplane.services.nft_sync import NftServices

pytestmark = pytest.mark.root


def service(name: str, last: int, *endpoints: int, **fields) -> Ports:
    """A dual-stack Service on TCP port 80; endpoints by their last number, those below 10 on this node."""

    def backends(prefix: str) -> tuple[Backend, ...]:
        return tuple(Backend(ip_address(f"{prefix}{n}"), 8080, local=n < 10) for n in endpoints)

    return (
        ServicePort(
            f"default/{name}", "", ip_address(f"10.96.0.{last}"), Transport.TCP, 80, backends("10.244.1."), **fields
        ),
        ServicePort(
            f"default/{name}", "", ip_address(f"fd00:10:96::{last}"), Transport.TCP, 80,
            backends("fd00:10:244:1::"), **fields,
        ),
    )  # fmt: skip


def in_kernel(services: NftServices, handle) -> bool:
    """The kernel has what the object says, element by element."""
    return diff(handle.dump(FAMILY, NAME), services.state).empty


def endpoints(ports: Mapping[str, Ports]) -> dict:
    """Ports without the order of their endpoints."""
    return {
        key: [replace(p, backends=tuple(sorted(p.backends, key=str))) for p in each]
        for key, each in ports.items()
    }


WANT = {
    "default/web": service("web", 20, 5, 11, 12, node_port=30080),
    "default/none": service("none", 21),
    "default/sticky": service("sticky", 22, 5, 6, affinity=Affinity()),
    "default/here": service("here", 23, 5, 11, node_port=30081, external=TrafficScope.LOCAL),
}


@pytest.mark.skipif(
    not Path("/etc/protocols").exists(), reason="nft prints protocols as numbers (package netbase)"
)
def test_the_real_nft_lists_the_table_as_it_prints_itself(services, handle):
    services.start(WANT)

    command = ["ip", "netns", "exec", handle.netns, "nft", "list", "table", FAMILY, NAME]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert listed == str(services.state)
    assert in_kernel(services, handle)


def test_a_second_start_changes_nothing(services, handle):
    services.start(WANT)

    assert NftServices(handle, services._node).start(WANT).elements == 0


def test_a_start_after_endpoints_moved_changes_nothing(services, handle):
    services.start(WANT)
    want = WANT | {"default/web": service("web", 20, 3, 11, 12, 13, node_port=30080)}
    services.replace({"default/web": want["default/web"]})

    assert NftServices(handle, services._node).start(want).elements == 0


def test_one_endpoint_less_of_many_is_two_elements_a_door(services):
    services.start({"default/web": service("web", 20, *range(10, 60))[:1]})

    synced = services.replace({"default/web": service("web", 20, *range(11, 60))[:1]})

    # Its number goes to the last one (delete, add), the last number goes, and the door draws from 49.
    assert synced.elements == 2 + 1 + 2


def test_a_service_that_stays_as_it_is_costs_nothing(services):
    services.start(WANT)

    assert services.replace({"default/web": WANT["default/web"]}).elements == 0


def test_a_service_that_goes_leaves_nothing(services, handle):
    services.start({})
    services.replace(WANT)
    services.replace(dict.fromkeys(WANT, ()))

    table = handle.dump(FAMILY, NAME).table(FAMILY, NAME)
    assert {each.name for each in table.sets if each.elements} == {"inside4", "inside6"}


def test_a_hairpin_element_stays_as_long_as_one_service_has_the_endpoint(services, handle):
    def hairpins() -> int:
        table = handle.dump(FAMILY, NAME).table(FAMILY, NAME)
        return len(table.set_by_name["hairpin4"].elements)

    services.start({"default/a": service("a", 1, 5), "default/b": service("b", 2, 5)})
    assert hairpins() == 1
    services.replace({"default/a": ()})
    assert hairpins() == 1
    services.replace({"default/b": ()})
    assert hairpins() == 0


def test_a_hundred_random_changes_lead_where_a_fresh_start_leads(services, handle):
    dice = random.Random(8)
    want = dict(WANT)
    services.start(want)
    for _step in range(100):
        changed = {}
        for name in dice.sample(["web", "none", "sticky", "here", "new"], dice.randint(1, 3)):
            last = ["web", "none", "sticky", "here", "new"].index(name) + 20
            chosen = dice.sample(range(1, 30), dice.randint(0, 6))
            fields = {
                "node_port": dice.choice([None, 30000 + last]),
                "external": dice.choice(list(TrafficScope)),
                "affinity": dice.choice([None, None, Affinity()]),
            }
            changed[f"default/{name}"] = () if dice.random() < 0.2 else service(name, last, *chosen, **fields)
        services.replace(changed)
        want = {key: ports for key, ports in (want | changed).items() if ports}
        assert in_kernel(services, handle)
    assert endpoints(services.ports) == endpoints(want)


def test_what_a_stranger_deleted_is_mended_by_the_next_start(services, handle):
    services.start(WANT)
    table = handle.dump(FAMILY, NAME).table(FAMILY, NAME)
    each = table.set_by_name["services4"]
    writer = BatchWriter()
    writer.delete_elements(table, each, [next(iter(each.elements.values()))])
    handle.apply(writer.batch())

    assert services.start(WANT).elements == 1
    assert in_kernel(services, handle)


def test_a_refused_change_leaves_everything_as_it_was(services, handle):
    services.start(WANT)
    clash = {"default/other": service("other", 20, 7)}

    with pytest.raises(RulesetRejected, match=r"10\.96\.0\.20 \. tcp \. 80"):
        services.replace(clash)

    assert in_kernel(services, handle)
    assert set(services.ports) == set(WANT)
