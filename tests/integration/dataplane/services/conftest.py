"""A node's namespace without links, and Services in it."""

import uuid
from collections.abc import Iterator
from ipaddress import ip_address, ip_network

import pytest

from dataplane.netns.create import create, delete
from dataplane.netns.sysctl import Place
from dataplane.nft.handle import NftHandle
from dataplane.services.contract import ServiceNode
from dataplane.services.nft_sync import NftServices

NODE = ServiceNode(
    (ip_address("10.0.1.10"), ip_address("fd00:10:1::a")),
    (ip_network("10.244.0.0/16"), ip_network("fd00:10:244::/48")),
    (ip_network("10.96.0.0/12"), ip_network("fd00:10:96::/112")),
    (ip_network("10.0.1.0/24"), ip_network("fd00:10:1::/64")),
)


@pytest.fixture
def handle() -> Iterator[NftHandle]:
    """nf_tables of a node's namespace."""
    name = f"podwire-tsvc{uuid.uuid4().hex[:6]}-node"
    create(name, Place.NODE)
    with NftHandle(name) as made:
        yield made
    delete(name)


@pytest.fixture
def services(handle: NftHandle) -> Iterator[NftServices]:
    """Services of that node, not started."""
    made = NftServices(handle, NODE)
    yield made
    made.close()
