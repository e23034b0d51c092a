"""Defaults: pods, workloads, services, and the rest from the tables."""

import copy

import pytest

from control.schema.defaults import apply_defaults
from control.schema.defaults_pod import pull_policy


@pytest.mark.parametrize(
    ("image", "policy"),
    [
        ("nginx", "Always"), ("nginx:latest", "Always"), ("nginx:1.25", "IfNotPresent"),
        ("host:5000/a/b", "Always"), ("host:5000/a/b:v1", "IfNotPresent"), ("nginx@sha256:abc", "IfNotPresent"),
        ("", "IfNotPresent"), ("nginx@sha256:" + "ab" * 32, "IfNotPresent"), ("nginx:latest@sha256:" + "ab" * 32, "Always"), ("Not An Image", "IfNotPresent"),
    ],
)  # fmt: skip
def test_images_are_pulled_always_only_when_the_tag_can_move(image: str, policy: str):
    assert pull_policy(image) == policy


def test_a_bare_pod_gets_what_upstream_gives_it(load):
    spec = load(
        "{apiVersion: v1, kind: Pod, metadata: {name: a}, spec: {containers: [{name: a, image: x}]}}"
    )["spec"]
    assert spec == {
        "containers": [
            {
                "name": "a",
                "image": "x",
                "imagePullPolicy": "Always",
                "resources": {},
                "terminationMessagePath": "/dev/termination-log",
                "terminationMessagePolicy": "File",
            }
        ],
        "dnsPolicy": "ClusterFirst",
        "enableServiceLinks": True,
        "restartPolicy": "Always",
        "schedulerName": "default-scheduler",
        "securityContext": {},
        "terminationGracePeriodSeconds": 30,
    }


def test_probes_ports_volumes_and_references(load):
    spec = load("""
        apiVersion: v1
        kind: Pod
        metadata: {name: a}
        spec:
          serviceAccount: robot
          containers:
          - name: a
            image: x:1
            ports: [{containerPort: 80}]
            env: [{name: A, valueFrom: {fieldRef: {fieldPath: status.podIP}}}]
            livenessProbe: {httpGet: {port: 80}}
            readinessProbe: {grpc: {port: 80}, periodSeconds: 3}
            resources: {limits: {cpu: 1, memory: 1Gi}, requests: {cpu: 500m}}
          volumes:
          - {name: none}
          - {name: c, configMap: {name: c}}
          - {name: s, secret: {secretName: s, defaultMode: 256}}
          - {name: h, hostPath: {path: /x}}
          - {name: p, projected: {sources: [{serviceAccountToken: {path: token}}]}}
    """)["spec"]
    container = spec["containers"][0]
    assert container["ports"] == [{"containerPort": 80, "protocol": "TCP"}]
    assert container["env"][0]["valueFrom"]["fieldRef"]["apiVersion"] == "v1"
    counts = {"timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3}
    assert container["livenessProbe"] == {"httpGet": {"port": 80, "path": "/", "scheme": "HTTP"}, **counts}
    assert container["readinessProbe"] == {"grpc": {"port": 80, "service": ""}, **counts, "periodSeconds": 3}
    assert container["resources"]["requests"] == {"cpu": "500m", "memory": "1Gi"}
    assert container["imagePullPolicy"] == "IfNotPresent"
    assert [volume["name"] for volume in spec["volumes"]] == ["none", "c", "s", "h", "p"]
    none, config, secret, host, projected = spec["volumes"]
    assert none["emptyDir"] == {}
    assert (config["configMap"]["defaultMode"], secret["secret"]["defaultMode"]) == (420, 256)
    assert host["hostPath"]["type"] == ""
    assert projected["projected"]["defaultMode"] == 420
    assert projected["projected"]["sources"][0]["serviceAccountToken"]["expirationSeconds"] == 3600
    assert spec["serviceAccountName"] == spec["serviceAccount"] == "robot"


def test_a_template_does_not_get_what_only_a_pod_gets(load):
    spec = load("""
        apiVersion: apps/v1
        kind: Deployment
        metadata: {name: a}
        spec:
          template: {spec: {containers: [{name: a, image: x, resources: {limits: {cpu: 1}}}]}}
    """)["spec"]
    assert "enableServiceLinks" not in spec["template"]["spec"]
    assert "requests" not in spec["template"]["spec"]["containers"][0]["resources"]
    assert spec["strategy"] == {
        "type": "RollingUpdate",
        "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"},
    }
    assert (spec["replicas"], spec["revisionHistoryLimit"], spec["progressDeadlineSeconds"]) == (1, 10, 600)


def test_recreate_has_no_rolling_update(load):
    spec = load(
        "{apiVersion: apps/v1, kind: Deployment, metadata: {name: a}, spec: {strategy: {type: Recreate}}}"
    )["spec"]
    assert spec["strategy"] == {"type": "Recreate"}


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("{}", {"sessionAffinity": "None", "type": "ClusterIP", "internalTrafficPolicy": "Cluster"}),
        (
            "{type: NodePort, sessionAffinity: ClientIP}",
            {
                "sessionAffinity": "ClientIP",
                "sessionAffinityConfig": {"clientIP": {"timeoutSeconds": 10800}},
                "type": "NodePort",
                "internalTrafficPolicy": "Cluster",
                "externalTrafficPolicy": "Cluster",
            },
        ),
        ("{type: ExternalName}", {"sessionAffinity": "None", "type": "ExternalName"}),
        (
            "{type: LoadBalancer, externalTrafficPolicy: Local}",
            {
                "sessionAffinity": "None",
                "type": "LoadBalancer",
                "internalTrafficPolicy": "Cluster",
                "externalTrafficPolicy": "Local",
                "allocateLoadBalancerNodePorts": True,
            },
        ),
    ],
)
def test_services_by_type(load, spec: str, expected):
    assert load(f"{{apiVersion: v1, kind: Service, metadata: {{name: a}}, spec: {spec}}}")["spec"] == expected


def test_a_services_ports(load):
    text = "{apiVersion: v1, kind: Service, metadata: {name: a}, spec: {ports: [{port: 80}, {port: 1, targetPort: x, protocol: UDP}]}}"
    assert load(text)["spec"]["ports"] == [
        {"port": 80, "targetPort": 80, "protocol": "TCP"},
        {"port": 1, "targetPort": "x", "protocol": "UDP"},
    ]


@pytest.mark.parametrize(
    ("spec", "types"),
    [("{podSelector: {}}", ["Ingress"]), ("{podSelector: {}, egress: [{}]}", ["Ingress", "Egress"]), ("{policyTypes: [Egress]}", ["Egress"])],
)  # fmt: skip
def test_policy_types_follow_the_rules_that_are_there(load, spec: str, types: list[str]):
    text = f"{{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {{name: a}}, spec: {spec}}}"
    assert load(text)["spec"]["policyTypes"] == types


def test_string_data_becomes_data_and_wins(load):
    secret = load(
        "{apiVersion: v1, kind: Secret, metadata: {name: a}, data: {a: YQ==, b: YQ==}, stringData: {b: bb, c: cc}}"
    )
    assert secret["data"] == {"a": "YQ==", "b": "YmI=", "c": "Y2M="}
    assert "stringData" not in secret
    assert secret["type"] == "Opaque"


def test_namespaces_are_labelled_with_their_name(load):
    namespace = load("{apiVersion: v1, kind: Namespace, metadata: {name: shop}}")
    assert namespace["metadata"]["labels"] == {"kubernetes.io/metadata.name": "shop"}
    assert namespace["status"] == {"phase": "Active"}
    assert namespace["spec"] == {"finalizers": ["kubernetes"]}


@pytest.mark.parametrize(
    ("kind", "path", "value"),
    [
        ("batch/v1 CronJob", "spec.concurrencyPolicy", "Allow"),
        ("batch/v1 Job", "spec.backoffLimit", 6),
        ("apps/v1 StatefulSet", "spec.podManagementPolicy", "OrderedReady"),
        ("apps/v1 StatefulSet", "spec.updateStrategy.rollingUpdate.partition", 0),
        ("apps/v1 DaemonSet", "spec.updateStrategy.rollingUpdate.maxUnavailable", 1),
        ("storage.k8s.io/v1 StorageClass", "volumeBindingMode", "Immediate"),
        ("scheduling.k8s.io/v1 PriorityClass", "preemptionPolicy", "PreemptLowerPriority"),
        ("autoscaling/v2 HorizontalPodAutoscaler", "spec.minReplicas", 1),
        ("v1 PersistentVolumeClaim", "spec.volumeMode", "Filesystem"),
    ],
)
def test_other_kinds(load, kind: str, path: str, value):
    api_version, name = kind.split()
    obj = load(
        f"{{apiVersion: {api_version}, kind: {name}, metadata: {{name: a}}, spec: {{}}}}"
        if "Class" not in name
        else f"{{apiVersion: {api_version}, kind: {name}, metadata: {{name: a}}}}"
    )
    for part in path.split("."):
        obj = obj[part]
    assert obj == value


def test_defaults_twice_change_nothing_and_share_nothing(row, load):
    obj = load("{apiVersion: v1, kind: Pod, metadata: {name: a}, spec: {containers: [{name: a, image: x}]}}")
    other = load(
        "{apiVersion: v1, kind: Pod, metadata: {name: b}, spec: {containers: [{name: a, image: x}]}}"
    )
    before = copy.deepcopy(obj)
    apply_defaults(row("v1", "Pod"), obj)
    assert obj == before
    obj["spec"]["securityContext"]["runAsUser"] = 1
    assert other["spec"]["securityContext"] == {}
