"""Rules for pods: paths and words of upstream."""

import copy

import pytest

from control.schema.validate import validate_update

POD = """
    apiVersion: v1
    kind: Pod
    metadata: {{name: a}}
    spec:
      containers:
      - {{name: c, image: "x:1", {container}}}
      {spec}
"""


def pod(container: str = "", spec: str = "") -> str:
    return POD.format(container=container, spec=spec)


def test_a_good_pod_has_nothing_wrong(wrong):
    assert wrong(pod()) == []


@pytest.mark.parametrize(
    ("container", "said"),
    [
        ("ports: [{containerPort: 0}]", "ports[0].containerPort: Required value"),
        (
            "ports: [{containerPort: 65536}]",
            "ports[0].containerPort: Invalid value: 65536: must be between 1 and 65535, inclusive",
        ),
        (
            "ports: [{containerPort: 1, protocol: ICMP}]",
            'ports[0].protocol: Unsupported value: "ICMP": supported values: "SCTP", "TCP", "UDP"',
        ),
        (
            "ports: [{containerPort: 1, name: a}, {containerPort: 2, name: a}]",
            'ports[1].name: Duplicate value: "a"',
        ),
        (
            "ports: [{containerPort: 1, name: UPPER}]",
            'ports[0].name: Invalid value: "UPPER": must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)',
        ),
        (
            "ports: [{containerPort: 1, hostPort: 80}, {containerPort: 2, hostPort: 80}]",
            'ports[1].hostPort: Duplicate value: "TCP//80"',
        ),
        ("env: [{value: x}]", "env[0].name: Required value"),
        (
            "env: [{name: A, value: x, valueFrom: {secretKeyRef: {name: s, key: k}}}]",
            'env[0].valueFrom: Invalid value: "": may not be specified when `value` is not empty',
        ),
        (
            "env: [{name: A, valueFrom: {fieldRef: {fieldPath: spec.foo}}}]",
            'env[0].valueFrom.fieldRef.fieldPath: Invalid value: "spec.foo": '
            "error converting fieldPath: field label not supported: spec.foo",
        ),
        ("volumeMounts: [{name: gone, mountPath: /x}]", 'volumeMounts[0].name: Not found: "gone"'),
        ("livenessProbe: {}", "livenessProbe: Required value: must specify a handler type"),
        (
            "livenessProbe: {tcpSocket: {port: 1}, exec: {command: [a]}}",
            "livenessProbe.tcpSocket: Forbidden: may not specify more than 1 handler type",
        ),
        (
            "livenessProbe: {tcpSocket: {port: 1}, successThreshold: 2}",
            "livenessProbe.successThreshold: Invalid value: 2: must be 1",
        ),
        (
            "readinessProbe: {grpc: {port: 0}}",
            "readinessProbe.grpc.port: Invalid value: 0: must be between 1 and 65535, inclusive",
        ),
        (
            "readinessProbe: {tcpSocket: {port: 1}, periodSeconds: -1}",
            "readinessProbe.periodSeconds: Invalid value: -1: must be greater than or equal to 0",
        ),
        (
            "resources: {limits: {cpu: 1}, requests: {cpu: 2}}",
            'resources.requests: Invalid value: "2": must be less than or equal to cpu limit of 1',
        ),
        (
            "resources: {limits: {cpu: -1}}",
            'resources.limits[cpu]: Invalid value: "-1": must be greater than or equal to 0',
        ),
        (
            "imagePullPolicy: Sometimes",
            'imagePullPolicy: Unsupported value: "Sometimes": supported values: "Always", "IfNotPresent", "Never"',
        ),
        ("lifecycle: {preStop: {exec: {}}}", "lifecycle.preStop.exec.command: Required value"),
    ],
)
def test_containers(wrong, container: str, said: str):
    assert f"spec.containers[0].{said}" in wrong(pod(container))


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        (
            "restartPolicy: Maybe",
            'spec.restartPolicy: Unsupported value: "Maybe": supported values: "Always", "OnFailure", "Never"',
        ),
        ("volumes: [{name: v}, {name: v}]", 'spec.volumes[1].name: Duplicate value: "v"'),
        (
            "volumes: [{name: v, emptyDir: {}, configMap: {name: x}}]",
            "spec.volumes[0].configMap: Forbidden: may not specify more than 1 volume type",
        ),
        ("volumes: [{name: v, secret: {}}]", "spec.volumes[0].secret.secretName: Required value"),
        (
            "volumes: [{name: v, configMap: {name: c, items: [{key: k, path: ../x}]}}]",
            "spec.volumes[0].configMap.items[0].path: Invalid value: \"../x\": must not contain '..'",
        ),
        (
            "volumes: [{name: v, configMap: {name: c, defaultMode: 1000}}]",
            "spec.volumes[0].configMap.defaultMode: Invalid value: 1000: "
            "must be a number between 0 and 0777 (octal), both inclusive",
        ),
        (
            "tolerations: [{key: a, operator: Exists, value: x}]",
            "spec.tolerations[0].operator: Invalid value: "
            "\"x\": value must be empty when `operator` is 'Exists'",
        ),
        (
            "affinity: {podAntiAffinity: {requiredDuringSchedulingIgnoredDuringExecution: [{labelSelector: {}}]}}",
            "spec.affinity.podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].topologyKey: "
            "Required value: can not be empty",
        ),
        (
            "dnsPolicy: None",
            "spec.dnsConfig: Required value: must provide `dnsConfig` when `dnsPolicy` is None",
        ),
        (
            "hostAliases: [{ip: nope}]",
            'spec.hostAliases[0].ip: Invalid value: "nope": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)',
        ),
        (
            "initContainers: [{name: c, image: x}]",
            'spec.initContainers[0].name: Duplicate value: "c"',
        ),
        (
            "initContainers: [{name: i, image: x, readinessProbe: {tcpSocket: {port: 1}}}]",
            "spec.initContainers[0].readinessProbe: Forbidden: may not be set for init containers without restartPolicy=Always",
        ),
        (
            "topologySpreadConstraints: [{maxSkew: 0, topologyKey: z, whenUnsatisfiable: DoNotSchedule}]",
            "spec.topologySpreadConstraints[0].maxSkew: Invalid value: 0: must be greater than zero",
        ),
    ],
)
def test_the_spec(wrong, spec: str, said: str):
    assert said in wrong(pod(spec=spec))


def test_every_finding_is_told_at_once(wrong):
    text = "{apiVersion: v1, kind: Pod, metadata: {name: A_B}, spec: {containers: [{name: a}, {name: a, image: x}]}}"
    found = wrong(text)
    assert len(found) == 3
    assert found[0].startswith(
        'metadata.name: Invalid value: "A_B": a lowercase RFC 1123 subdomain must consist of'
    )
    assert found[1:] == [
        "spec.containers[0].image: Required value",
        'spec.containers[1].name: Duplicate value: "a"',
    ]


def test_no_containers_at_all(wrong):
    assert wrong("{apiVersion: v1, kind: Pod, metadata: {name: a}, spec: {}}") == [
        "spec.containers: Required value"
    ]


@pytest.fixture
def changed(row, load):
    """What validation says of a pod whose spec a function changed."""

    def told(change) -> list[str]:
        old = load(pod(spec="tolerations: [{key: a, operator: Exists}]"))
        new = copy.deepcopy(old)
        change(new["spec"])
        return [f"{cause.field}: {cause.message}" for cause in validate_update(row("v1", "Pod"), new, old)]

    return told


def test_images_tolerations_and_deadlines_may_change(changed):
    def change(spec):
        spec["containers"][0]["image"] = "x:2"
        spec["tolerations"].append({"key": "b", "operator": "Exists"})
        spec["activeDeadlineSeconds"] = 5

    assert changed(change) == []


def test_the_rest_of_a_pods_spec_may_not_change(changed):
    (said,) = changed(lambda spec: spec["containers"][0].update(command=["x"]))
    assert said.startswith(
        "spec: Forbidden: pod updates may not change fields other than `spec.containers[*].image`"
    )
    (said,) = changed(lambda spec: spec.update(nodeName="other"))
    assert '\n+ "nodeName": "other",\n' in said
    assert "spec.containers: Forbidden: pod updates may not add or remove containers" in changed(
        lambda spec: spec["containers"].append({"name": "b", "image": "x"})
    )
    assert changed(lambda spec: spec["tolerations"].clear()) == [
        "spec.tolerations: Forbidden: existing toleration can not be modified except its tolerationSeconds"
    ]
