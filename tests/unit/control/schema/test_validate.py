"""Rules for the other kinds, and for metadata."""

import copy
import json

import pytest
import yaml

from control.errors import Cause
from control.schema.defaults import apply_defaults
from control.schema.resource import registry
from control.schema.structure import check
from control.schema.validate import invalid_message, validate_create, validate_update

POLICY = "{{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {{name: a}}, spec: {{podSelector: {{}}, ingress: [{}]}}}}"
SERVICE = "{{apiVersion: v1, kind: Service, metadata: {{name: a}}, spec: {}}}"
DEPLOYMENT = """
    apiVersion: apps/v1
    kind: Deployment
    metadata: {{name: web}}
    spec:
      {}
      selector: {{matchLabels: {{app: web}}}}
      template: {{metadata: {{labels: {{app: web}}}}, spec: {{containers: [{{name: a, image: x}}]}}}}
"""


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("{from: [{}]}", "spec.ingress[0].from[0]: Required value: must specify a peer"),
        (
            "{from: [{ipBlock: {cidr: 10.0.0.0/8}, podSelector: {}}]}",
            "spec.ingress[0].from[0]: Forbidden: may not specify both ipBlock and another peer",
        ),
        (
            "{from: [{ipBlock: {cidr: 10.0.0.0/8, except: [11.0.0.0/16]}}]}",
            'spec.ingress[0].from[0].ipBlock.except[0]: Invalid value: "11.0.0.0/16": '
            "must be a strict subset of `cidr`",
        ),
        (
            "{from: [{ipBlock: {cidr: 10.0.0.1}}]}",
            'spec.ingress[0].from[0].ipBlock.cidr: Invalid value: "10.0.0.1": '
            "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)",
        ),
        (
            "{ports: [{port: 80, endPort: 79}]}",
            "spec.ingress[0].ports[0].endPort: Invalid value: 79: must be greater than or equal to `port`",
        ),
        (
            "{ports: [{port: http, endPort: 80}]}",
            "spec.ingress[0].ports[0].endPort: Invalid value: 80: may not be specified when `port` is non-numeric",
        ),
        (
            "{ports: [{endPort: 80}]}",
            "spec.ingress[0].ports[0].endPort: Invalid value: 80: may not be specified when `port` is not specified",
        ),
        (
            "{ports: [{port: 0}]}",
            "spec.ingress[0].ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive",
        ),
        (
            "{from: [{podSelector: {matchExpressions: [{key: a, operator: Near}]}}]}",
            "spec.ingress[0].from[0].podSelector.matchExpressions[0].operator: "
            'Invalid value: "Near": not a valid selector operator',
        ),
    ],
)
def test_network_policies(wrong, rule: str, said: str):
    assert said in wrong(POLICY.format(rule))


def test_good_policies(wrong):
    for rule in (
        "{}",
        "{from: [{podSelector: {}, namespaceSelector: {}}], ports: [{port: 80, endPort: 90}, {port: http}, {protocol: UDP}]}",
        "{from: [{ipBlock: {cidr: 0.0.0.0/0, except: [10.0.0.0/8]}}, {ipBlock: {cidr: 'fd00::/8', except: ['fd00:1::/32']}}]}",
    ):
        assert wrong(POLICY.format(rule)) == []


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("{}", "spec.ports: Required value"),
        ("{ports: [{port: 80}, {port: 81, name: b}]}", "spec.ports[0].name: Required value"),
        ("{ports: [{port: 80, name: a}, {port: 81, name: a}]}", 'spec.ports[1].name: Duplicate value: "a"'),
        ("{ports: [{port: 80, name: a}, {port: 80, name: b}]}", 'spec.ports[1]: Duplicate value: {"Name":"","Protocol":"TCP","AppProtocol":null,"Port":80,"TargetPort":0,"NodePort":0}'),
        (
            "{ports: [{port: 80, nodePort: 30000}]}",
            "spec.ports[0].nodePort: Forbidden: may not be used when `type` is 'ClusterIP'",
        ),
        (
            "{type: Magic, ports: [{port: 80}]}",
            'spec.type: Unsupported value: "Magic": supported values: "ClusterIP", "ExternalName", "LoadBalancer", "NodePort"',
        ),
        ("{type: ExternalName}", "spec.externalName: Required value"),
        (
            "{clusterIP: nope, clusterIPs: [nope], ports: [{port: 80}]}",
            'spec.clusterIPs[0]: Invalid value: "nope": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)',
        ),
        (
            "{ports: [{port: 80}], externalTrafficPolicy: Local}",
            'spec.externalTrafficPolicy: Invalid value: "Local": may only be set for externally-accessible services',
        ),
        ("{ports: [{port: 80}], externalIPs: [127.0.0.1]}", "spec.externalIPs[0]: Invalid value: \"127.0.0.1\": may not be in the loopback range (127.0.0.0/8, ::1/128)"),
    ],
)  # fmt: skip
def test_services(wrong, spec: str, said: str):
    assert said in wrong(SERVICE.format(spec))


def test_headless_services_need_no_ports(wrong):
    assert wrong(SERVICE.format("{clusterIP: None, clusterIPs: [None], selector: {a: b}}")) == []


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("replicas: -1", "spec.replicas: Invalid value: -1: must be greater than or equal to 0"),
        (
            "strategy: {type: Odd}",
            'spec.strategy: Unsupported value: {"Type":"Odd","RollingUpdate":null}: supported values: "Recreate", "RollingUpdate"',
        ),
        (
            "strategy: {rollingUpdate: {maxUnavailable: 0, maxSurge: 0}}",
            "spec.strategy.rollingUpdate.maxUnavailable: Invalid value: 0: may not be 0 when `maxSurge` is 0",
        ),
        (
            "strategy: {type: Recreate, rollingUpdate: {}}",
            "spec.strategy.rollingUpdate: Forbidden: may not be specified when strategy `type` is 'Recreate'",
        ),
        (
            "minReadySeconds: 600",
            "spec.progressDeadlineSeconds: Invalid value: 600: must be greater than minReadySeconds",
        ),
    ],
)
def test_deployments(wrong, spec: str, said: str):
    assert said in wrong(DEPLOYMENT.format(spec))


def test_a_selector_must_pick_its_template_and_never_changes(row, load, wrong):
    assert wrong(DEPLOYMENT.format("")) == []
    mismatch = DEPLOYMENT.format("").replace("matchLabels: {app: web}", "matchLabels: {app: db}")
    assert wrong(mismatch) == [
        'spec.template.metadata.labels: Invalid value: {"app":"web"}: `selector` does not match template `labels`'
    ]
    old = load(DEPLOYMENT.format(""))
    new = copy.deepcopy(old)
    new["spec"]["selector"] = {"matchLabels": {"app": "db"}}
    new["spec"]["template"]["metadata"]["labels"] = {"app": "db"}
    (cause,) = validate_update(row("apps/v1", "Deployment"), new, old)
    assert cause.field == "spec.selector"
    assert cause.message == 'Invalid value: {"matchLabels":{"app":"db"}}: field is immutable'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{apiVersion: v1, kind: Namespace, metadata: {name: a.b}}", "metadata.name: Invalid value: \"a.b\": must not contain dots"),
        ("{apiVersion: v1, kind: ConfigMap, metadata: {name: a}, data: {'a b': x}}", "data[a b]: Invalid value: \"a b\": a valid config key must consist of"),
        ("{apiVersion: v1, kind: ConfigMap, metadata: {name: a, labels: {'-x': y}}}", 'metadata.labels: Invalid value: "-x": name part must consist of'),
        ("{apiVersion: v1, kind: ConfigMap, metadata: {}}", "metadata.name: Required value: name or generateName is required"),
        ("{apiVersion: v1, kind: Secret, metadata: {name: a}, type: kubernetes.io/tls}", "data[tls.crt]: Required value"),
        ("{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, metadata: {name: a}, addressType: IPv4, endpoints: [{addresses: ['::1']}]}", 'endpoints[0].addresses[0]: Invalid value: "::1": must be a valid IPv4 address'),
        ("{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, metadata: {name: a}, addressType: Odd}", 'addressType: Unsupported value: "Odd": supported values: "FQDN", "IPv4", "IPv6"'),
        ("{apiVersion: batch/v1, kind: CronJob, metadata: {name: a}, spec: {schedule: '* * *'}}", 'spec.schedule: Invalid value: "* * *": expected exactly 5 fields, found 3: [* * *]'),
        ("{apiVersion: v1, kind: Node, metadata: {name: a}, spec: {taints: [{key: a, effect: Odd}]}}", 'metadata.taints[0].effect: Unsupported value: "Odd": supported values: "NoSchedule", "PreferNoSchedule", "NoExecute"'),
        ("{apiVersion: rbac.authorization.k8s.io/v1, kind: Role, metadata: {name: a}, rules: [{verbs: [get]}]}", "rules[0].apiGroups: Required value: resource rules must supply at least one api group"),
        ("{apiVersion: coordination.k8s.io/v1, kind: Lease, metadata: {name: a}, spec: {leaseDurationSeconds: 0}}", "spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0"),
        ("{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {name: a}, spec: {}}", "spec: Invalid value: null: either `defaultBackend` or `rules` must be specified"),
        ("{apiVersion: apps/v1, kind: StatefulSet, metadata: {name: a.b}, spec: {}}", "spec.selector: Required value"),
    ],
)  # fmt: skip
def test_other_kinds(wrong, text: str, said: str):
    assert any(found.startswith(said) for found in wrong(text)), wrong(text)


def test_kinds_without_rules_of_their_own_have_the_tables(row, load, wrong):
    text = "{apiVersion: storage.k8s.io/v1, kind: StorageClass, metadata: {name: a}, volumeBindingMode: Odd}"
    assert wrong(text) == [
        "provisioner: Required value",
        'volumeBindingMode: Unsupported value: "Odd": supported values: "Immediate", "WaitForFirstConsumer"',
    ]
    old = load("{apiVersion: storage.k8s.io/v1, kind: StorageClass, metadata: {name: a}, provisioner: x}")
    new = {**old, "provisioner": "y"}
    (cause,) = validate_update(row("storage.k8s.io/v1", "StorageClass"), new, old)
    assert (cause.field, cause.message) == ("provisioner", 'Invalid value: "y": field is immutable')


def test_metadata_that_never_changes(row, load):
    old = load("{apiVersion: v1, kind: ConfigMap, metadata: {name: a, uid: u1}}")
    new = copy.deepcopy(old)
    new["metadata"]["uid"] = "u2"
    assert validate_update(row("v1", "ConfigMap"), new, old) == [
        Cause("FieldValueInvalid", 'Invalid value: "u2": field is immutable', "metadata.uid")
    ]


def test_an_immutable_config_map_stays_as_it_is(row, load):
    old = load("{apiVersion: v1, kind: ConfigMap, metadata: {name: a}, data: {a: b}, immutable: true}")
    new = copy.deepcopy(old)
    new["data"] = {"a": "c"}
    (cause,) = validate_update(row("v1", "ConfigMap"), new, old)
    assert (cause.field, cause.message) == ("data", "Forbidden: field is immutable when `immutable` is set")


def test_a_cluster_ip_stays(row, load):
    old = load(SERVICE.format("{clusterIP: 10.96.0.1, clusterIPs: [10.96.0.1], ports: [{port: 1}]}"))
    new = copy.deepcopy(old)
    new["spec"] |= {"clusterIP": "10.96.0.2", "clusterIPs": ["10.96.0.2"]}
    (cause,) = validate_update(row("v1", "Service"), new, old)
    assert cause.field == "spec.clusterIPs[0]"
    assert cause.message == 'Invalid value: ["10.96.0.2"]: may not change once set'


def test_the_message_names_kind_group_and_all_causes(row):
    one = Cause("FieldValueRequired", "Required value", "spec.a")
    assert invalid_message(row("v1", "Pod"), "x", [one]) == 'Pod "x" is invalid: spec.a: Required value'
    two = [one, Cause("FieldValueRequired", "Required value", "spec.b")]
    assert invalid_message(row("apps/v1", "Deployment"), "x", two) == (
        'Deployment.apps "x" is invalid: [spec.a: Required value, spec.b: Required value]'
    )


def test_a_published_application_passes_as_it_stands(boutique):
    seen = 0
    for file in sorted(boutique.rglob("*.yaml")):
        for obj in yaml.safe_load_all(file.read_text()):
            found = registry().by_kind(obj["apiVersion"], obj["kind"]) if obj else None
            if found is None:
                continue
            obj["metadata"].setdefault("namespace", "default")
            check(found, obj).refuse(strict=True)
            apply_defaults(found, obj)
            assert validate_create(found, obj) == [], json.dumps(obj)
            seen += 1
    assert seen > 40


@pytest.mark.parametrize("kind", registry().rows, ids=lambda kind: f"{kind.api_version} {kind.kind}")
def test_no_kind_breaks_the_rules_machinery(kind):
    for obj in (
        {"metadata": {"name": "a", "namespace": "default"}},
        {"metadata": {"name": "a"}, "spec": {}, "status": {}},
    ):
        assert not check(kind, obj).errors
        apply_defaults(kind, obj)
        validate_create(kind, obj)
        validate_update(kind, obj, copy.deepcopy(obj))
