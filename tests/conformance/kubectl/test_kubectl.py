"""What people type: kubectl against our API server."""

import asyncio
from typing import Any

import orjson

from control.client.client import ApiClient
from control.client.resources import DEPLOYMENTS, NODES, PODS
from tests.integration.control.api.conftest import Kubectl
from tests.integration.control.api.objects import pod

MANIFEST = """
apiVersion: v1
kind: Service
metadata: {name: web, labels: {app: web}}
spec:
  selector: {app: web}
  ports:
  - {name: http, port: 80, targetPort: http}
  - {name: metrics, port: 9090}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: main
        image: nginx:1
        ports: [{name: http, containerPort: 8080}]
"""


def rows(text: str) -> list[list[str]]:
    return [line.split() for line in text.splitlines()]


async def run_as_its_controller_would(client: ApiClient, name: str, ready: int) -> None:
    """What the deployment controller writes once all pods are up."""
    seen = await client.get(DEPLOYMENTS, name, "default")
    counted = dict.fromkeys(("replicas", "readyReplicas", "availableReplicas", "updatedReplicas"), ready)
    status = {"observedGeneration": seen["metadata"]["generation"], **counted}
    conditions = [
        {"type": "Available", "status": "True", "reason": "MinimumReplicasAvailable", "message": "up"}
    ]
    await client.patch(
        DEPLOYMENTS, name, "default", {"status": {**status, "conditions": conditions}}, subresource="status"
    )


async def test_create_sends_protobuf_and_is_understood(kubectl: Kubectl, client: ApiClient) -> None:
    made = await kubectl("create", "deployment", "web", "--image=nginx", "--replicas=2", "--port=8080")
    assert made.out == "deployment.apps/web created\n", made.err

    obj = await client.get(DEPLOYMENTS, "web", "default")
    assert obj["spec"]["replicas"] == 2
    assert obj["spec"]["template"]["spec"]["containers"][0]["ports"] == [
        {"containerPort": 8080, "protocol": "TCP"}
    ]
    for words in (
        ["namespace", "shop"],
        ["serviceaccount", "robot"],
        ["configmap", "settings", "--from-literal=a=b"],
        ["secret", "generic", "secret", "--from-literal=a=b"],
        ["service", "clusterip", "door", "--tcp=80:8080"],
        ["job", "once", "--image=busybox", "--", "true"],
        ["ingress", "gate", "--rule=example.com/=door:80"],
        ["quota", "small", "--hard=pods=3"],
        ["role", "reader", "--verb=get", "--resource=pods"],
    ):
        said = await kubectl("create", *words)
        assert said.code == 0, said.err


async def test_columns(kubectl: Kubectl, client: ApiClient) -> None:
    await kubectl("apply", "-f", "-", stdin=MANIFEST)
    await client.create(PODS, pod("a"), "default")

    assert rows((await kubectl("get", "deployments")).out)[0] == [
        "NAME",
        "READY",
        "UP-TO-DATE",
        "AVAILABLE",
        "AGE",
    ]
    wide = rows((await kubectl("get", "deploy", "-o", "wide")).out)
    assert wide[0][-3:] == ["CONTAINERS", "IMAGES", "SELECTOR"]
    assert wide[1][-3:] == ["main", "nginx:1", "app=web"]
    pods = rows((await kubectl("get", "pods")).out)
    assert pods[0] == ["NAME", "READY", "STATUS", "RESTARTS", "AGE"]
    assert pods[1][:4] == ["a", "0/1", "Pending", "0"]
    services = rows((await kubectl("get", "svc")).out)
    assert services[0] == ["NAME", "TYPE", "CLUSTER-IP", "EXTERNAL-IP", "PORT(S)", "AGE"]
    assert services[1][:5] == ["kubernetes", "ClusterIP", "10.96.0.1", "<none>", "443/TCP"]
    assert services[2][4] == "80/TCP,9090/TCP"
    everywhere = rows((await kubectl("get", "pods", "-A", "--show-labels")).out)
    assert everywhere[0][0] == "NAMESPACE"
    as_yaml = (await kubectl("get", "svc", "web", "-o", "yaml")).out
    assert "kind: Service" in as_yaml
    assert "clusterIP: 10.96." in as_yaml
    listed = orjson.loads((await kubectl("get", "pods,svc", "-o", "json")).out)
    assert [one["kind"] for one in listed["items"]] == ["Pod", "Service", "Service"]
    path = await kubectl("get", "pods", "-o", "jsonpath={.items[*].metadata.name}")
    assert path.out == "a"


async def test_apply_changes_only_what_is_said(kubectl: Kubectl, client: ApiClient) -> None:
    assert (await kubectl("apply", "-f", "-", stdin=MANIFEST)).out == (
        "service/web created\ndeployment.apps/web created\n"
    )
    assert (await kubectl("apply", "-f", "-", stdin=MANIFEST)).out == (
        "service/web unchanged\ndeployment.apps/web unchanged\n"
    )
    await kubectl("scale", "deployment", "web", "--replicas=7")
    changed = MANIFEST.replace("nginx:1", "nginx:2").replace("  replicas: 2\n", "")
    said = await kubectl("apply", "-f", "-", stdin=changed)
    assert "deployment.apps/web configured" in said.out, said.err

    obj = await client.get(DEPLOYMENTS, "web", "default")
    assert obj["spec"]["template"]["spec"]["containers"][0]["image"] == "nginx:2"
    diff = await kubectl("diff", "-f", "-", stdin=changed.replace("nginx:2", "nginx:3"))
    assert "nginx:3" in diff.out, diff.err


async def test_wrong_manifests_are_refused_with_the_field(kubectl: Kubectl) -> None:
    wrong = MANIFEST.replace("port: 80,", "port: 99999,")
    said = await kubectl("apply", "-f", "-", stdin=wrong)
    assert 'The Service "web" is invalid: spec.ports[0].port: Invalid value: 99999' in said.err
    said = await kubectl("apply", "-f", "-", stdin=MANIFEST.replace("replicas: 2", "replcas: 2"))
    assert 'unknown field "spec.replcas"' in said.err
    said = await kubectl("create", "-f", "-", stdin=MANIFEST.replace("kind: Service", "kind: Sevrice"))
    assert 'no matches for kind "Sevrice" in version "v1"' in said.err


async def test_label_annotate_patch_set_scale(kubectl: Kubectl, client: ApiClient) -> None:
    await kubectl("create", "deployment", "web", "--image=nginx")

    for words in (
        ["label", "deployment", "web", "tier=front"],
        ["annotate", "deployment", "web", "note=yes"],
        ["patch", "deployment", "web", "-p", '{"spec":{"minReadySeconds":3}}'],
        [
            "patch",
            "deployment",
            "web",
            "--type=json",
            "-p",
            '[{"op":"add","path":"/spec/paused","value":true}]',
        ],
        ["set", "image", "deployment/web", "nginx=nginx:9"],
        ["set", "env", "deployment/web", "COLOUR=blue"],
        ["scale", "deployment", "web", "--replicas=3", "--current-replicas=1"],
    ):
        said = await kubectl(*words)
        assert said.code == 0, said.err
    obj = await client.get(DEPLOYMENTS, "web", "default")
    assert obj["metadata"]["labels"]["tier"] == "front"
    assert (obj["spec"]["minReadySeconds"], obj["spec"]["paused"], obj["spec"]["replicas"]) == (3, True, 3)
    container = obj["spec"]["template"]["spec"]["containers"][0]
    assert (container["image"], container["env"]) == ("nginx:9", [{"name": "COLOUR", "value": "blue"}])


async def test_describe(kubectl: Kubectl, client: ApiClient) -> None:
    await kubectl("apply", "-f", "-", stdin=MANIFEST)
    await client.create(PODS, pod("a"), "default")

    said = await kubectl("describe", "service", "web")
    assert "TargetPort:" in said.out
    assert "http/TCP" in said.out
    assert "25% max unavailable, 25% max surge" in (await kubectl("describe", "deployment", "web")).out
    described = (await kubectl("describe", "pod", "a")).out
    assert "kube-api-access-" in described
    assert "QoS Class:" in described
    assert "No resource quota." in (await kubectl("describe", "namespace", "default")).out


async def test_wait_and_rollout_status(kubectl: Kubectl, client: ApiClient) -> None:
    await kubectl("create", "deployment", "web", "--image=nginx", "--replicas=2")
    rollout = asyncio.create_task(kubectl("rollout", "status", "deployment/web", "--timeout=20s"))
    available = asyncio.create_task(
        kubectl("wait", "--for=condition=Available", "deployment/web", "--timeout=20s")
    )
    gone = asyncio.create_task(kubectl("wait", "--for=delete", "pod/a", "--timeout=20s"))
    await client.create(PODS, pod("a", nodeName="node-1"), "default")
    deleting = asyncio.create_task(kubectl("delete", "pod", "a"))

    async def marked() -> bool:
        listed = await client.list(PODS, "default")
        return any("deletionTimestamp" in one["metadata"] for one in listed.items)

    while not await marked():
        await asyncio.sleep(0.02)
    await client.delete(PODS, "a", "default", grace_s=0)
    await run_as_its_controller_would(client, "web", 2)

    assert (await rollout).out.endswith('deployment "web" successfully rolled out\n')
    assert (await available).out == "deployment.apps/web condition met\n"
    assert 'pod "a" deleted' in (await deleting).out
    assert (await gone).code == 0


async def test_a_watch_prints_lines_as_things_happen(kubectl: Kubectl, client: ApiClient) -> None:
    await client.create(PODS, pod("a"), "default")
    process = await kubectl.start("get", "pods", "-w")
    assert process.stdout is not None

    async def line() -> list[str]:
        assert process.stdout is not None
        return (await asyncio.wait_for(process.stdout.readline(), 10)).decode().split()

    try:
        assert await line() == ["NAME", "READY", "STATUS", "RESTARTS", "AGE"]
        assert (await line())[:3] == ["a", "0/1", "Pending"]
        await client.patch(PODS, "a", "default", {"status": {"phase": "Running"}}, subresource="status")
        assert (await line())[:3] == ["a", "0/1", "Running"]
        await client.create(PODS, pod("b"), "default")
        assert (await line())[:3] == ["b", "0/1", "Pending"]
    finally:
        process.kill()
        await process.wait()


async def test_questions_about_the_server(kubectl: Kubectl) -> None:
    version = orjson.loads((await kubectl("version", "-o", "json")).out)
    assert version["serverVersion"]["minor"] == "37"
    resources = (await kubectl("api-resources", "--no-headers")).out
    assert "deployments" in resources
    assert "networkpolicies" in resources
    assert "apps/v1" in (await kubectl("api-versions")).out.splitlines()
    assert (await kubectl("auth", "can-i", "create", "pods")).out == "yes\n"
    assert "podwire-admin" in (await kubectl("auth", "whoami")).out
    explained = await kubectl("explain", "deployment.spec.strategy")
    assert "rollingUpdate" in explained.out, explained.err
    assert "https://127.0.0.1" in (await kubectl("cluster-info")).out
    token = await kubectl("create", "token", "default")
    assert token.code in (0, 1)
    missing = await kubectl("get", "pod", "nope")
    assert missing.err == 'Error from server (NotFound): pods "nope" not found\n'
    assert (await kubectl("get", "gadgets")).err.startswith("error: the server doesn't have a resource type")


async def test_cordon_and_taint(kubectl: Kubectl, client: ApiClient) -> None:
    await client.create(NODES, {"metadata": {"name": "node-1"}})

    assert (await kubectl("cordon", "node-1")).out == "node/node-1 cordoned\n"
    assert (await kubectl("taint", "nodes", "node-1", "a=b:NoSchedule")).code == 0
    node: Any = await client.get(NODES, "node-1")
    assert node["spec"]["unschedulable"] is True
    assert {"key": "a", "value": "b", "effect": "NoSchedule"} in node["spec"]["taints"]
    assert (await kubectl("uncordon", "node-1")).code == 0
    assert rows((await kubectl("get", "nodes")).out)[1][0] == "node-1"


async def test_delete_by_label_and_all(kubectl: Kubectl, client: ApiClient) -> None:
    for name in ("a", "b", "c"):
        obj = pod(name)
        obj["metadata"]["labels"] = {"odd": str(name != "b").lower()}
        await client.create(PODS, obj, "default")

    said = await kubectl("delete", "pods", "-l", "odd=true")
    assert said.code == 0, said.err
    assert [one["metadata"]["name"] for one in (await client.list(PODS, "default")).items] == ["b"]
    await kubectl("delete", "pods", "--all", "--now")
    assert (await client.list(PODS, "default")).items == []


async def test_drain_evicts_what_is_on_the_node(kubectl: Kubectl, client: ApiClient) -> None:
    await client.create(NODES, {"metadata": {"name": "node-1"}})
    await client.create(PODS, pod("here", nodeName="node-1"), "default")
    await client.create(PODS, pod("there", nodeName="node-2"), "default")
    draining = asyncio.create_task(kubectl("drain", "node-1", "--force", "--timeout=20s"))

    async def going() -> bool:
        return "deletionTimestamp" in (await client.get(PODS, "here", "default"))["metadata"]

    while not await going():
        await asyncio.sleep(0.02)
    await client.delete(PODS, "here", "default", grace_s=0)
    said = await draining
    assert said.out.endswith("node/node-1 drained\n"), said.err
    assert [one["metadata"]["name"] for one in (await client.list(PODS, "default")).items] == ["there"]


async def test_long_lists_come_in_pages(kubectl: Kubectl, client: ApiClient) -> None:
    await asyncio.gather(*(client.create(PODS, pod(f"p{number}"), "default") for number in range(23)))

    said = await kubectl("get", "pods", "--chunk-size=5", "--no-headers")
    assert len(said.out.splitlines()) == 23


async def test_replace_edit_and_rollout_history(kubectl: Kubectl, client: ApiClient) -> None:
    await kubectl("apply", "-f", "-", stdin=MANIFEST)
    got = (await kubectl("get", "deployment", "web", "-o", "yaml")).out
    replaced = await kubectl("replace", "-f", "-", stdin=got.replace("nginx:1", "nginx:2"))
    assert replaced.out == "deployment.apps/web replaced\n", replaced.err
    stale = await kubectl("replace", "-f", "-", stdin=got)
    assert "the object has been modified" in stale.err
    assert (await kubectl("rollout", "restart", "deployment/web")).code == 0
    obj = await client.get(DEPLOYMENTS, "web", "default")
    assert "kubectl.kubernetes.io/restartedAt" in obj["spec"]["template"]["metadata"]["annotations"]
    assert (await kubectl("edit", "deployment", "web")).code == 0
