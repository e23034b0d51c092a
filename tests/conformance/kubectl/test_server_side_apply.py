"""kubectl apply --server-side: ownership, conflicts, force."""

from control.client.client import ApiClient
from control.client.resources import CONFIGMAPS, DEPLOYMENTS, SERVICES
from tests.conformance.kubectl.test_kubectl import MANIFEST
from tests.integration.control.api.conftest import Kubectl

CONFIG = """
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {colour: blue, size: small}
"""


async def test_it_creates_and_changes_and_gives_up(kubectl: Kubectl, client: ApiClient) -> None:
    said = await kubectl("apply", "--server-side", "-f", "-", stdin=CONFIG)
    assert said.out == "configmap/settings serverside-applied\n", said.err
    made = await client.get(CONFIGMAPS, "settings", "default")
    assert [one["manager"] for one in made["metadata"]["managedFields"]] == ["kubectl"]

    less = CONFIG.replace(", size: small", "")
    assert (await kubectl("apply", "--server-side", "-f", "-", stdin=less)).code == 0
    assert (await client.get(CONFIGMAPS, "settings", "default"))["data"] == {"colour": "blue"}


async def test_another_managers_field_is_a_conflict_unless_forced(
    kubectl: Kubectl, client: ApiClient
) -> None:
    await kubectl("apply", "--server-side", "--field-manager=ann", "-f", "-", stdin=CONFIG)
    other = CONFIG.replace("blue", "red")

    refused = await kubectl("apply", "--server-side", "--field-manager=bob", "-f", "-", stdin=other)
    assert refused.code == 1
    assert 'conflict with "ann"' in refused.err
    assert ".data.colour" in refused.err
    forced = await kubectl(
        "apply", "--server-side", "--field-manager=bob", "--force-conflicts", "-f", "-", stdin=other
    )
    assert forced.code == 0, forced.err
    assert (await client.get(CONFIGMAPS, "settings", "default"))["data"]["colour"] == "red"


async def test_what_was_applied_by_the_client_moves_to_the_server(
    kubectl: Kubectl, client: ApiClient
) -> None:
    await kubectl("apply", "-f", "-", stdin=MANIFEST)
    less = MANIFEST.replace("  - {name: metrics, port: 9090}\n", "")
    said = await kubectl("apply", "--server-side", "-f", "-", stdin=less)

    assert said.code == 0, said.err
    ports = (await client.get(SERVICES, "web", "default"))["spec"]["ports"]
    assert [port["port"] for port in ports] == [80]


async def test_applying_the_same_again_writes_nothing(kubectl: Kubectl, client: ApiClient) -> None:
    await kubectl("apply", "--server-side", "-f", "-", stdin=MANIFEST)
    first = await client.get(DEPLOYMENTS, "web", "default")
    said = await kubectl("apply", "--server-side", "-f", "-", stdin=MANIFEST)

    assert said.code == 0, said.err
    assert await client.get(DEPLOYMENTS, "web", "default") == first
