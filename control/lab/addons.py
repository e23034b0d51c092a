"""What every lab has beside the control plane: DNS. Created when missing, then the user's to change."""

from collections.abc import Iterable
from typing import Any

from control.client.client import ApiClient
from control.client.resources import Resource
from control.dns.addon import manifests
from control.errors import AlreadyExists
from control.lab.plan import LabPlan
from control.schema.resource import registry


async def ensure_addons(client: ApiClient, plan: LabPlan) -> None:
    """Create the addons' objects that are not there."""
    upstreams = tuple(
        str(network[0])
        for network in plan.fabric.internet.ranges
        if network.prefixlen == network.max_prefixlen
    )
    dns_ips = [str(cidr[10]) for cidr in plan.service_cidrs]
    await _create_missing(client, manifests(dns_ips, plan.spec.cluster_domain, upstreams=upstreams))


async def _create_missing(client: ApiClient, objects: Iterable[dict[str, Any]]) -> None:
    for obj in objects:
        row = registry().by_kind(obj["apiVersion"], obj["kind"])
        assert row is not None, obj["kind"]
        try:
            await client.create(Resource(row.group, row.version, row.plural, row.namespaced), obj)
        except AlreadyExists:
            continue
