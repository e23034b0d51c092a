"""kubectl's other verbs: what is printed, and what is stored then."""

import asyncio
from pathlib import Path
from typing import Any

import orjson
import pytest

from control.client.client import ApiClient
from control.client.resources import CONFIGMAPS, DEPLOYMENTS, NODES, PODDISRUPTIONBUDGETS, PODS, SERVICES
from tests.integration.control.api.conftest import Kubectl
from tests.integration.control.api.objects import config, pod

pytestmark = pytest.mark.parametrize("kubectl", ["v1.37"], indirect=True)
MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: m}\ndata: {a: '1', b: '2'}\n"
CSR = "/apis/certificates.k8s.io/v1/certificatesigningrequests"


async def data_of(client: ApiClient, name: str = "m") -> Any:
    return (await client.get(CONFIGMAPS, name, "default")).get("data")


async def test_patches_of_each_type(kubectl: Kubectl, client: ApiClient) -> None:
    await kubectl("apply", "-f", "-", stdin=MAP)
    for kind, patch, want in (
        ("merge", '{"data":{"a":null,"c":"3"}}', {"b": "2", "c": "3"}),
        ("strategic", '{"data":{"b":"4"}}', {"b": "4", "c": "3"}),
        ("json", '[{"op":"move","from":"/data/b","path":"/data/d"}]', {"c": "3", "d": "4"}),
    ):
        said = await kubectl("patch", "configmap", "m", f"--type={kind}", "-p", patch)
        assert said.out == "configmap/m patched\n", said.err
        assert await data_of(client) == want
    same = await kubectl("patch", "configmap", "m", "--type=merge", "-p", "{}")
    assert same.out == "configmap/m patched (no change)\n"


async def test_a_patch_of_the_status(kubectl: Kubectl, client: ApiClient) -> None:
    await client.create(NODES, {"metadata": {"name": "n"}})
    patch = '{"status":{"capacity":{"cpu":"4"}}}'
    said = await kubectl("patch", "node", "n", "--subresource=status", "--type=merge", "-p", patch)
    assert said.code == 0, said.err
    assert (await client.get(NODES, "n"))["status"]["capacity"] == {"cpu": "4"}


async def test_edit_saves_what_the_editor_wrote(kubectl: Kubectl, client: ApiClient, tmp_path: Path) -> None:
    await kubectl("apply", "-f", "-", stdin=MAP)
    editor = tmp_path / "editor"
    editor.write_text('#!/bin/sh\nsed -i \'s/b: "2"/b: "9"/\' "$1"\n')
    editor.chmod(0o755)
    changed = Kubectl(kubectl.binary, {**kubectl.environment, "KUBE_EDITOR": str(editor)})
    said = await changed("edit", "configmap", "m")
    assert said.out == "configmap/m edited\n", said.err
    assert await data_of(client) == {"a": "1", "b": "9"}
    assert (await changed("edit", "configmap", "m")).err == "Edit cancelled, no changes made.\n"


async def test_replace_by_force_makes_it_anew(kubectl: Kubectl, client: ApiClient) -> None:
    await kubectl("create", "-f", "-", stdin=MAP)
    before = (await client.get(CONFIGMAPS, "m", "default"))["metadata"]["uid"]
    said = await kubectl("replace", "--force", "-f", "-", stdin=MAP.replace("'1'", "'5'"))
    assert 'configmap "m" deleted' in said.out, said.err
    assert (await client.get(CONFIGMAPS, "m", "default"))["metadata"]["uid"] != before
    assert (await data_of(client))["a"] == "5"


async def test_apply_takes_away_what_is_no_longer_said_and_prunes(
    kubectl: Kubectl, client: ApiClient
) -> None:
    await kubectl("apply", "-f", "-", stdin=MAP)
    await kubectl("patch", "configmap", "m", "--type=merge", "-p", '{"data":{"others":"x"}}')
    await kubectl("apply", "-f", "-", stdin=MAP.replace(", b: '2'", ""))
    assert await data_of(client) == {"a": "1", "others": "x"}
    assert 'a: "1"' in (await kubectl("apply", "view-last-applied", "configmap", "m")).out

    labelled = MAP.replace("name: m", "name: NAME, labels: {set: one}")
    both = labelled.replace("NAME", "old") + "---\n" + labelled.replace("NAME", "new")
    await kubectl("apply", "-f", "-", stdin=both)
    said = await kubectl(
        "apply", "--prune", "-l", "set=one", "--prune-allowlist=core/v1/ConfigMap", "-f", "-",
        stdin=labelled.replace("NAME", "new"),
    )  # fmt: skip
    assert "configmap/old pruned" in said.out, said.err
    names = [one["metadata"]["name"] for one in (await client.list(CONFIGMAPS, "default")).items]
    assert names == ["m", "new"]


async def test_a_kustomization(kubectl: Kubectl, client: ApiClient, tmp_path: Path) -> None:
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "map.yaml").write_text(MAP)
    (folder / "kustomization.yaml").write_text(
        "resources: [map.yaml]\nnamePrefix: my-\nlabels:\n- pairs: {from: kustomize}\n"
        "configMapGenerator:\n- {name: made, literals: [k=v]}\n"
    )
    said = await kubectl("apply", "-k", str(folder))
    assert "configmap/my-m created" in said.out, said.err
    listed = (await client.list(CONFIGMAPS, "default", label_selector="from=kustomize")).items
    assert len(listed) == 2
    assert "my-made-" in (await kubectl("kustomize", str(folder))).out
    assert (await kubectl("delete", "-k", str(folder))).out.count("deleted") == 2


async def test_what_get_can_print(kubectl: Kubectl, client: ApiClient) -> None:
    for name, node in (("b", "n1"), ("a", "n2"), ("c", "n1")):
        await client.create(PODS, pod(name, nodeName=node), "default")
    ask = ("get", "pods")

    assert (await kubectl(*ask, "-o", "name")).out == "pod/a\npod/b\npod/c\n"
    by_node = await kubectl(*ask, "--field-selector=spec.nodeName=n1", "-o", "name")
    assert by_node.out == "pod/b\npod/c\n"
    path = "jsonpath={range .items[*]}{.metadata.name}={.spec.nodeName} {end}"
    assert (await kubectl(*ask, "-o", path)).out == "a=n2 b=n1 c=n1 "
    columns = "custom-columns=N:.metadata.name,WHERE:.spec.nodeName"
    sorted_by = await kubectl(*ask, "-o", columns, "--sort-by=.spec.nodeName")
    assert [line.split()[1] for line in sorted_by.out.splitlines()] == ["WHERE", "n1", "n1", "n2"]
    template = await kubectl(*ask, "-o", "go-template={{len .items}}")
    assert template.out == "3"
    wide = (await kubectl(*ask, "-o", "wide")).out.splitlines()
    assert wide[0].split()[-4:] == ["NOMINATED", "NODE", "READINESS", "GATES"]
    assert (await kubectl(*ask, "-o", "yaml")).out.startswith("apiVersion: v1\nitems:\n- apiVersion: v1\n")
    raw = orjson.loads((await kubectl("get", "--raw", "/api/v1/namespaces/default/pods?limit=1")).out)
    assert (raw["kind"], len(raw["items"])) == ("PodList", 1)
    both = (await kubectl("get", "pods,services", "--ignore-not-found", "-o", "name")).out
    assert both.endswith("service/kubernetes\n")


async def test_label_and_annotate(kubectl: Kubectl, client: ApiClient) -> None:
    await kubectl("apply", "-f", "-", stdin=MAP)
    assert (await kubectl("label", "configmap", "m", "tier=front")).out == "configmap/m labeled\n"
    refused = await kubectl("label", "configmap", "m", "tier=back")
    assert "'tier' already has a value (front), and --overwrite is false" in refused.err
    await kubectl("label", "configmap", "m", "tier=back", "--overwrite")
    await kubectl("annotate", "configmap", "-l", "tier=back", "note=yes")
    meta = (await client.get(CONFIGMAPS, "m", "default"))["metadata"]
    assert (meta["labels"], meta["annotations"]["note"]) == ({"tier": "back"}, "yes")
    assert (await kubectl("label", "configmap", "m", "tier-")).out == "configmap/m unlabeled\n"
    assert "labels" not in (await client.get(CONFIGMAPS, "m", "default"))["metadata"]
    assert "must be no more than 63" in (await kubectl("label", "configmap", "m", f"a={'x' * 64}")).err


async def test_set(kubectl: Kubectl, client: ApiClient) -> None:
    await kubectl("create", "deployment", "web", "--image=x")
    await kubectl("create", "service", "clusterip", "web", "--tcp=80")
    await kubectl("create", "rolebinding", "b", "--clusterrole=c", "--user=ann")
    for words in (
        "set resources deployment web --limits=cpu=200m,memory=64Mi --requests=cpu=100m",
        "set serviceaccount deployment web robot",
        "set selector service web app=other",
        "set env deployment/web A=b --containers=x",
        "set subject rolebinding b --group=g",
    ):
        said = await kubectl(*words.split())
        assert said.code == 0, f"{words}: {said.err}"
    spec = (await client.get(DEPLOYMENTS, "web", "default"))["spec"]["template"]["spec"]
    assert spec["containers"][0]["resources"] == {
        "limits": {"cpu": "200m", "memory": "64Mi"},
        "requests": {"cpu": "100m"},
    }
    assert spec["serviceAccountName"] == "robot"
    assert spec["containers"][0]["env"] == [{"name": "A", "value": "b"}]
    assert (await client.get(SERVICES, "web", "default"))["spec"]["selector"] == {"app": "other"}
    binding = await client.request(
        "GET", "/apis/rbac.authorization.k8s.io/v1/namespaces/default/rolebindings/b"
    )
    assert [one["kind"] for one in orjson.loads(binding)["subjects"]] == ["User", "Group"]


async def test_explain(kubectl: Kubectl) -> None:
    said = (await kubectl("explain", "pod.spec.containers.image")).out
    assert "Container image name" in said
    tree = (await kubectl("explain", "deployment", "--recursive")).out
    assert "maxSurge\t<" in tree
    assert "livenessProbe\t<Probe>" in tree
    assert "-required-" in tree
    enumerated = (await kubectl("explain", "pod.spec.restartPolicy")).out
    assert "Always" in enumerated
    assert "does not exist" in (await kubectl("explain", "pod.spec.nonsense")).err
    old = await kubectl("explain", "cronjob", "--api-version=batch/v1", "--output=plaintext-openapiv2")
    assert "spec\t<CronJobSpec>" in old.out or old.code != 0


async def test_the_servers_own_words(kubectl: Kubectl) -> None:
    verbose = (await kubectl("get", "--raw", "/readyz?verbose")).out
    assert verbose.startswith("[+]ping ok\n")
    assert verbose.endswith("readyz check passed\n")
    assert (await kubectl("get", "--raw", "/livez")).out == "ok"
    metrics = (await kubectl("get", "--raw", "/metrics")).out
    assert "# TYPE apiserver_request_total counter" in metrics
    assert "apps/v1" in (await kubectl("api-versions")).out.splitlines()
    short = (await kubectl("api-resources", "--api-group=apps", "--no-headers", "-o", "wide")).out
    assert any(line.split()[:3] == ["deployments", "deploy", "apps/v1"] for line in short.splitlines())
    every = (await kubectl("api-resources", "--categories=all", "-o", "name")).out.split()
    assert {"pods", "services", "cronjobs.batch", "horizontalpodautoscalers.autoscaling"} <= set(every)
    assert "Metrics API not available" in (await kubectl("top", "pods")).err
    assert "current-context: x" in (await kubectl("config", "view")).out


async def test_auth(kubectl: Kubectl) -> None:
    assert (await kubectl("auth", "can-i", "delete", "nodes")).out.endswith("yes\n")
    listed = (await kubectl("auth", "can-i", "--list")).out
    assert "[*]" in listed
    role = (
        "apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {name: r, namespace: default}\n"
        "rules: [{apiGroups: [''], resources: [pods], verbs: [get]}]\n"
    )
    for _ in range(2):
        said = await kubectl("auth", "reconcile", "-f", "-", stdin=role)
        assert "role.rbac.authorization.k8s.io/r reconciled" in said.out, said.err


async def test_events(kubectl: Kubectl, client: ApiClient) -> None:
    await client.create(CONFIGMAPS, config("m"), "default")
    for number, kind in enumerate(("Normal", "Warning")):
        about = {"kind": "ConfigMap", "name": "m", "namespace": "default", "apiVersion": "v1"}
        event = {
            "metadata": {"name": f"m.{number}"},
            "involvedObject": about,
            "type": kind,
            "reason": f"Reason{number}",
            "message": "something",
            "lastTimestamp": f"2026-01-01T00:00:0{number}Z",
        }
        await client.request("POST", "/api/v1/namespaces/default/events", body=event)
    warned = (await kubectl("events", "--for=configmap/m", "--types=Warning", "--no-headers")).out
    assert [line.split()[1:3] for line in warned.splitlines()] == [["Warning", "Reason1"]]
    newer = (await kubectl("get", "events.events.k8s.io", "-o", "jsonpath={.items[*].note}")).out
    assert newer == "something something"


async def test_certificates_are_approved_and_denied(kubectl: Kubectl, client: ApiClient) -> None:
    for name in ("good", "bad"):
        spec = {"request": "YQ==", "signerName": "example.com/x", "usages": ["client auth"]}
        await client.request("POST", CSR, body={"metadata": {"name": name}, "spec": spec})
    said = await kubectl("certificate", "approve", "good")
    assert said.out == "certificatesigningrequest.certificates.k8s.io/good approved\n", said.err
    await kubectl("certificate", "deny", "bad")
    rows = {line.split()[0]: line.split()[-1] for line in (await kubectl("get", "csr")).out.splitlines()}
    assert (rows["good"], rows["bad"]) == ("Approved", "Denied")


async def test_waiting_for_what_a_path_says(kubectl: Kubectl, client: ApiClient) -> None:
    await client.create(PODS, pod("a"), "default")
    waiting = asyncio.create_task(
        kubectl("wait", "pod/a", "--for=jsonpath={.status.phase}=Running", "--timeout=20s")
    )
    made = asyncio.create_task(kubectl("wait", "configmap/m", "--for=create", "--timeout=20s"))
    await client.patch(PODS, "a", "default", {"status": {"phase": "Running"}}, subresource="status")
    await client.create(CONFIGMAPS, config("m"), "default")
    assert (await waiting).out == "pod/a condition met\n"
    assert (await made).out == "configmap/m condition met\n"
    late = await kubectl("wait", "pod/a", "--for=condition=Ready", "--timeout=1s")
    assert "timed out waiting for the condition on pods/a" in late.err


async def test_field_validation(kubectl: Kubectl, client: ApiClient) -> None:
    wrong = MAP + "dta: {}\n"
    strict = await kubectl("create", "-f", "-", "--validate=strict", stdin=wrong)
    assert 'unknown field "dta"' in strict.err
    warned = await kubectl("create", "-f", "-", "--validate=warn", stdin=wrong)
    assert (warned.out, 'Warning: unknown field "dta"' in warned.err) == ("configmap/m created\n", True)
    ignored = await kubectl(
        "apply", "-f", "-", "--validate=ignore", stdin=wrong.replace("name: m", "name: other")
    )
    assert (ignored.out, "unknown" in ignored.err) == ("configmap/other created\n", False)


async def test_a_drain_waits_for_the_budget(kubectl: Kubectl, client: ApiClient) -> None:
    await client.create(NODES, {"metadata": {"name": "n"}})
    obj = pod("a", nodeName="n")
    obj["metadata"]["labels"] = {"app": "a"}
    await client.create(PODS, obj, "default")
    ready = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}
    await client.patch(PODS, "a", "default", {"status": ready}, subresource="status")
    await kubectl("create", "pdb", "p", "--selector=app=a", "--min-available=1")
    # What its controller counts: as long as it has not, evictions are asked to come again in ten seconds.
    status = {
        "status": {"observedGeneration": 1, "currentHealthy": 1, "desiredHealthy": 1, "expectedPods": 1}
    }
    await client.patch(PODDISRUPTIONBUDGETS, "p", "default", status, subresource="status")
    said = await kubectl("drain", "n", "--force", "--timeout=2s")
    assert "Cannot evict pod as it would violate the pod's disruption budget" in said.err
    assert "deletionTimestamp" not in (await client.get(PODS, "a", "default"))["metadata"]


@pytest.mark.parametrize("how", ["background", "foreground", "orphan"])
async def test_a_cascade_is_asked_for(kubectl: Kubectl, client: ApiClient, how: str) -> None:
    await kubectl("create", "deployment", "web", "--image=x")
    said = await kubectl("delete", "deployment", "web", f"--cascade={how}", "--wait=false")
    assert 'deployment.apps "web" deleted' in said.out, said.err
    left = (await client.list(DEPLOYMENTS, "default")).items
    finalizers = [one["metadata"].get("finalizers") for one in left]
    assert (
        finalizers
        == {
            "background": [],
            "foreground": [["foregroundDeletion"]],
            "orphan": [["orphan"]],
        }[how]
    )


async def test_a_finalizer_holds_what_is_deleted(kubectl: Kubectl, client: ApiClient) -> None:
    held = MAP.replace("name: m", "name: m, finalizers: [example.com/hold]")
    await kubectl("create", "-f", "-", stdin=held)
    await kubectl("delete", "configmap", "m", "--wait=false")
    gone = asyncio.create_task(kubectl("wait", "configmap/m", "--for=delete", "--timeout=20s"))
    assert "deletionTimestamp" in (await client.get(CONFIGMAPS, "m", "default"))["metadata"]
    await kubectl(
        "patch", "configmap", "m", "--type=json", "-p", '[{"op":"remove","path":"/metadata/finalizers"}]'
    )
    assert (await gone).code == 0
    assert await client.list(CONFIGMAPS, "default") is not None
