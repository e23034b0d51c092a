"""A namespace of a test's own, and what the real nft lists in it."""

import subprocess
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dataplane.netns.create import create, delete
from dataplane.nft.handle import NftHandle


@pytest.fixture
def netns() -> Iterator[str]:
    """An empty namespace."""
    name = f"podwire-tnft{uuid.uuid4().hex[:6]}-node"
    create(name)
    yield name
    delete(name)


@pytest.fixture
def handle(netns: str) -> Iterator[NftHandle]:
    """nf_tables of that namespace."""
    with NftHandle(netns) as made:
        yield made


@pytest.fixture
def listed(netns: str) -> Callable[[str, str], str]:
    """``listed(family, name)``: what the real nft prints of a table, in a process of its own."""
    if not Path("/etc/protocols").exists():
        pytest.skip("without /etc/protocols (package netbase) nft prints protocols as numbers")

    def list_table(family: str, name: str) -> str:
        command = ["ip", "netns", "exec", netns, "nft", "list", "table", family, name]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"nft ended with {done.returncode}: {done.stderr}"
        return done.stdout

    return list_table
