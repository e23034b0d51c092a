"""kubectl create and run: each kind that it has a command for, as it is stored then."""

from typing import Any

import orjson
import pytest

from control.client.client import ApiClient
from tests.integration.control.api.conftest import Kubectl

pytestmark = pytest.mark.parametrize("kubectl", ["v1.37"], indirect=True)
SETS: list[tuple[str, str, dict[str, Any]]] = [
    ("create namespace shop", "/api/v1/namespaces/shop", {"status.phase": "Active"}),
    ("create serviceaccount robot", "serviceaccounts/robot", {"metadata.name": "robot"}),
    ("create configmap m --from-literal=a=b", "configmaps/m", {"data": {"a": "b"}}),
    ("create secret generic s --from-literal=a=b", "secrets/s", {"data": {"a": "Yg=="}, "type": "Opaque"}),
    (
        "create secret docker-registry s --docker-username=a --docker-password=b --docker-server=c",
        "secrets/s",
        {"type": "kubernetes.io/dockerconfigjson"},
    ),
    ("create quota q --hard=pods=3,cpu=2", "resourcequotas/q", {"spec.hard": {"pods": "3", "cpu": "2"}}),
    (
        "create service clusterip d --tcp=80:8080",
        "services/d",
        {"spec.ports.0.targetPort": 8080, "spec.type": "ClusterIP"},
    ),
    ("create service nodeport d --tcp=80 --node-port=30080", "services/d", {"spec.ports.0.nodePort": 30080}),
    ("create service loadbalancer d --tcp=80", "services/d", {"spec.type": "LoadBalancer"}),
    (
        "create service externalname d --external-name=a.example",
        "services/d",
        {"spec.externalName": "a.example"},
    ),
    (
        "create deployment d --image=x --replicas=2 --port=80",
        "apps/v1 deployments/d",
        {"spec.replicas": 2, "spec.template.spec.containers.0.ports.0.containerPort": 80},
    ),
    (
        "create job j --image=x -- true",
        "batch/v1 jobs/j",
        {"spec.template.spec.containers.0.command": ["true"], "spec.completions": 1},
    ),
    (
        "create cronjob c --image=x --schedule=@hourly -- true",
        "batch/v1 cronjobs/c",
        {"spec.schedule": "@hourly", "spec.concurrencyPolicy": "Allow"},
    ),
    (
        "create ingress i --rule=a.example/x=d:80,tls=t --class=c",
        "networking.k8s.io/v1 ingresses/i",
        {"spec.rules.0.host": "a.example", "spec.tls.0.secretName": "t", "spec.ingressClassName": "c"},
    ),
    (
        "create poddisruptionbudget p --selector=a=b --min-available=50%",
        "policy/v1 poddisruptionbudgets/p",
        {"spec.minAvailable": "50%"},
    ),
    (
        "create priorityclass p --value=7 --description=d",
        "/apis/scheduling.k8s.io/v1/priorityclasses/p",
        {"value": 7, "preemptionPolicy": "PreemptLowerPriority"},
    ),
    (
        "create role r --verb=get,list --resource=pods,deployments.apps",
        "rbac.authorization.k8s.io/v1 roles/r",
        {"rules.0.verbs": ["get", "list"], "rules.1.apiGroups": ["apps"]},
    ),
    (
        "create clusterrole r --verb=get --non-resource-url=/healthz",
        "/apis/rbac.authorization.k8s.io/v1/clusterroles/r",
        {"rules.0.nonResourceURLs": ["/healthz"]},
    ),
    (
        "create rolebinding b --clusterrole=r --user=ann --serviceaccount=default:robot",
        "rbac.authorization.k8s.io/v1 rolebindings/b",
        {"roleRef.kind": "ClusterRole", "subjects.0.name": "ann", "subjects.1.namespace": "default"},
    ),
    (
        "create clusterrolebinding b --clusterrole=r --group=g",
        "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/b",
        {"subjects.0.kind": "Group"},
    ),
    (
        "run p --image=x --port=80 --labels=a=b --env=C=d -- sleep 1",
        "pods/p",
        {"spec.containers.0.args": ["sleep", "1"], "spec.containers.0.env.0.name": "C"},
    ),
]


def path_of(where: str) -> str:
    if where.startswith("/"):
        return where
    group, _, rest = where.rpartition(" ")
    return f"/apis/{group}/namespaces/default/{rest}" if group else f"/api/v1/namespaces/default/{rest}"


def at(obj: Any, path: str) -> Any:
    for step in path.split("."):
        obj = obj[int(step)] if step.isdigit() else obj[step]
    return obj


@pytest.mark.parametrize(
    ("words", "where", "want"), SETS, ids=[words.split(" --")[0].replace(" ", "-") for words, _, _ in SETS]
)
async def test_create(
    kubectl: Kubectl, client: ApiClient, words: str, where: str, want: dict[str, Any]
) -> None:
    tried = await kubectl(*_with(words, "--dry-run=server"))
    assert "(server dry run)" in tried.out, tried.err
    said = await kubectl(*words.split())
    assert said.out.endswith(" created\n"), said.err

    obj = orjson.loads(await client.request("GET", path_of(where)))
    assert {path: at(obj, path) for path in want} == want
    again = await kubectl(*words.split())
    assert "(AlreadyExists)" in again.err or "already exists" in again.err


def _with(words: str, option: str) -> list[str]:
    before, dashes, after = words.partition(" -- ")
    return [*before.split(), option, *([dashes.strip(), *after.split()] if dashes else [])]


async def test_protobuf_and_json_make_the_same_object(kubectl: Kubectl, client: ApiClient) -> None:
    made = ["create", "deployment", "d", "--image=x", "--replicas=2", "--port=80"]
    as_json = await kubectl(*made, "--dry-run=client", "-o", "json")
    await kubectl(*made)
    path = path_of("apps/v1 deployments/d")
    from_protobuf = orjson.loads(await client.request("GET", path))
    await kubectl("delete", "deployment", "d")
    said = await kubectl("create", "-f", "-", stdin=as_json.out)
    assert said.code == 0, said.err
    from_json = orjson.loads(await client.request("GET", path))
    assert (from_protobuf["spec"], from_protobuf["metadata"]["labels"]) == (
        from_json["spec"],
        from_json["metadata"]["labels"],
    )


async def test_a_job_from_a_cron_job(kubectl: Kubectl, client: ApiClient) -> None:
    await kubectl("create", "cronjob", "c", "--image=x", "--schedule=0 0 * * *")
    assert (await kubectl("create", "job", "now", "--from=cronjob/c")).out == "job.batch/now created\n"
    job = orjson.loads(await client.request("GET", path_of("batch/v1 jobs/now")))
    assert job["metadata"]["annotations"]["cronjob.kubernetes.io/instantiate"] == "manual"
    assert job["metadata"]["ownerReferences"][0]["name"] == "c"


async def test_a_token(kubectl: Kubectl, client: ApiClient) -> None:
    said = await kubectl("create", "token", "default", "--duration=600s", "--audience=me")
    assert said.code == 0, said.err
    assert len(said.out.strip().split(".")) == 3
