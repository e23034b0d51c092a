"""Structure: types, unknown fields, canonical form."""

import pytest

from control.errors import BadRequest
from control.schema.structure import check, check_message, check_partial
from control.schema.tables import META


@pytest.fixture
def pod(row):
    def make(spec):
        obj = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}, "spec": spec}
        return check(row("v1", "Pod"), obj), obj

    return make


def test_unknown_fields_are_pruned_and_named_by_path(pod):
    findings, obj = pod({"foo": 1, "containers": [{"name": "a", "bar": {}}]})
    assert findings.unknown == ("spec.foo", "spec.containers[0].bar")
    assert findings.warnings() == ['unknown field "spec.foo"', 'unknown field "spec.containers[0].bar"']
    assert obj["spec"] == {"containers": [{"name": "a", "resources": {}}]}


def test_strict_refuses_them_in_upstreams_words(pod):
    findings, _ = pod({"foo": 1, "bar": 2})
    findings.refuse(strict=False)
    with pytest.raises(BadRequest) as caught:
        findings.refuse(strict=True)
    assert caught.value.message == (
        'Pod in version "v1" cannot be handled as a Pod: strict decoding error: '
        'unknown field "spec.foo", unknown field "spec.bar"'
    )


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        (
            {"containers": [{"ports": [{"containerPort": "80"}]}]},
            "json: cannot unmarshal string into Go struct field "
            "ContainerPort.spec.containers.ports.containerPort of type int32",
        ),
        (
            {"nodeName": 5},
            "json: cannot unmarshal number into Go struct field PodSpec.spec.nodeName of type string",
        ),
        (
            {"hostNetwork": "yes"},
            "json: cannot unmarshal string into Go struct field PodSpec.spec.hostNetwork of type bool",
        ),
        (
            {"containers": {}},
            "json: cannot unmarshal object into Go struct field PodSpec.spec.containers of type []v1.Container",
        ),
        (
            {"securityContext": []},
            "json: cannot unmarshal array into Go struct field PodSpec.spec.securityContext of type v1.PodSecurityContext",
        ),
        (
            {"nodeSelector": {"a": 1}},
            "json: cannot unmarshal number into Go struct field PodSpec.spec.nodeSelector.a of type string",
        ),
        (
            {"activeDeadlineSeconds": 1.5},
            "json: cannot unmarshal number 1.5 into Go struct field PodSpec.spec.activeDeadlineSeconds of type int64",
        ),
        (
            {"overhead": {"cpu": "much"}},
            "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
        ),
    ],
)
def test_a_wrong_type_is_a_bad_request_in_the_decoders_words(pod, spec, said):
    findings, _ = pod(spec)
    assert findings.errors == (said,)
    with pytest.raises(BadRequest, match="cannot be handled as a Pod"):
        findings.refuse(strict=False)


def test_true_is_no_number_and_a_number_no_bool(pod):
    assert pod({"priority": True})[0].errors
    assert pod({"hostPID": 1})[0].errors
    assert pod({"priority": 1 << 31})[0].errors


def test_nulls_and_empty_optional_values_are_left_out_but_pointers_keep_zero(pod):
    _, obj = pod(
        {
            "hostNetwork": False,
            "nodeName": "",
            "volumes": [],
            "nodeSelector": {},
            "terminationGracePeriodSeconds": 0,
            "enableServiceLinks": False,
            "affinity": None,
            "containers": [],
        }
    )
    assert obj["spec"] == {
        "terminationGracePeriodSeconds": 0,
        "enableServiceLinks": False,
        "containers": [],
    }


def test_structs_and_numbers_that_go_always_writes_are_there(row):
    replicas = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": {"name": "a"}, "spec": {}}
    check(row("apps/v1", "ReplicaSet"), replicas)
    assert replicas["status"] == {"replicas": 0}
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "a"}}
    check(row("v1", "Service"), service)
    assert service["status"] == {"loadBalancer": {}}


def test_quantities_times_and_durations_become_canonical(row, pod):
    limits = {"cpu": 0.5, "memory": "1024Mi", "ephemeral-storage": 2}
    _, obj = pod({"containers": [{"name": "a", "resources": {"limits": limits}}]})
    assert obj["spec"]["containers"][0]["resources"]["limits"] == {
        "cpu": "500m",
        "memory": "1Gi",
        "ephemeral-storage": "2",
    }
    lease = {
        "metadata": {"creationTimestamp": "2024-01-01T02:00:00+02:00"},
        "spec": {"renewTime": "2024-01-01T00:00:00.5Z"},
    }
    check(row("coordination.k8s.io/v1", "Lease"), lease)
    assert lease["metadata"]["creationTimestamp"] == "2024-01-01T00:00:00Z"
    assert lease["spec"]["renewTime"] == "2024-01-01T00:00:00.500000Z"


def test_a_claim_template_has_a_kind_of_its_own(row):
    obj = {
        "spec": {
            "volumeClaimTemplates": [
                {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "d"}}
            ]
        }
    }
    assert check(row("apps/v1", "StatefulSet"), obj).unknown == ()


def test_a_recursive_message_is_checked_all_the_way_down(row):
    schema = {"type": "object", "properties": {"a": {"properties": {"b": {"typo": 1, "type": "string"}}}}}
    obj = {"spec": {"versions": [{"name": "v1", "schema": {"openAPIV3Schema": schema}}]}}
    findings = check(row("apiextensions.k8s.io/v1", "CustomResourceDefinition"), obj)
    assert findings.unknown == ("spec.versions[0].schema.openAPIV3Schema.properties.a.properties.b.typo",)


def test_options_are_checked_by_their_message():
    options = {"apiVersion": "v1", "kind": "DeleteOptions", "gracePeriodSeconds": 0, "foo": 1}
    assert check_message(META + "DeleteOptions", options).unknown == ("foo",)
    assert options["gracePeriodSeconds"] == 0


def test_a_partial_check_fills_nothing_in(row):
    obj = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a", "labels": {}}, "spec": {"x": 1}}
    assert check_partial(row("v1", "Pod"), obj).unknown == ("spec.x",)
    assert obj == {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a", "labels": {}}, "spec": {}}
