"""Claims that are none, and what may not change in them, in upstream's words."""

import copy

import pytest

from control.schema.validate_claim import claim_update

CLAIM = "{{apiVersion: v1, kind: PersistentVolumeClaim, metadata: {{name: data}}, spec: {{{}}}}}"
RWO = "accessModes: [ReadWriteOnce]"
ASKED = "resources: {requests: {storage: 1Gi}}"


def told(found):
    return [f"{cause.field}: {cause.message}" for cause in found]


def changed(obj, **spec):
    new = copy.deepcopy(obj)
    for key, value in spec.items():
        if value is None:
            new["spec"].pop(key, None)
        else:
            new["spec"][key] = value
    return new


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        (f"{RWO}, {ASKED}", []),
        (f"{RWO}, {ASKED}, dataSource: {{kind: PersistentVolumeClaim, name: other}}", []),
        (ASKED, ["spec.accessModes: Required value: at least 1 access mode is required"]),
        (RWO, ["spec.resources[storage]: Required value"]),
        (
            f"{RWO}, resources: {{requests: {{storage: '-1'}}}}",
            ['spec.resources[storage]: Invalid value: "-1": must be greater than zero'],
        ),
        (
            f"accessModes: [ReadWriteOncePod, ReadOnlyMany], {ASKED}",
            ["spec.accessModes: Forbidden: may not use ReadWriteOncePod with other access modes"],
        ),
        (
            f"{RWO}, {ASKED}, dataSourceRef: {{kind: Pod, name: a}}",
            [
                f'spec.{field}: Invalid value: "Pod": '
                "must be 'PersistentVolumeClaim' when referencing the default apiGroup"
                for field in ("dataSource", "dataSourceRef")
            ],
        ),
        (
            f"{RWO}, {ASKED}, dataSource: {{kind: PersistentVolumeClaim, name: a}},"
            " dataSourceRef: {kind: PersistentVolumeClaim, name: b}",
            ['spec: Invalid value: "spec.dataSource": must match dataSourceRef'],
        ),
    ],
)
def test_claims(wrong, spec, said):
    assert wrong(CLAIM.format(spec)) == said


def sized(obj, amount):
    return changed(obj, resources={"requests": {"storage": amount}})


def test_a_claim_may_grow_once_it_is_bound(load):
    old = load(CLAIM.format(f"{RWO}, {ASKED}, storageClassName: fast"))
    [said] = told(claim_update(sized(old, "2Gi"), old))
    assert said.startswith(
        "spec: Forbidden: spec is immutable after creation except resources.requests and "
        "volumeAttributesClassName for bound claims\n"
    )
    bound = changed(old, volumeName="disk")
    assert claim_update(bound, old) == []
    bound["status"] = {"phase": "Bound", "capacity": {"storage": "1Gi"}}
    bigger = sized(bound, "3Gi")
    assert claim_update(bigger, bound) == []
    assert claim_update(sized(bigger, "2Gi"), bigger) == []  # a growth that failed may be taken back
    shrunk = "spec.resources.requests.storage: Forbidden: field can not be less than status.capacity"
    assert told(claim_update(sized(bound, "1Mi"), bound)) == [shrunk]
    for spec in ({"volumeName": "other"}, {"accessModes": ["ReadOnlyMany"]}, {"storageClassName": "slow"}):
        [said] = told(claim_update(changed(bound, **spec), bound))
        assert said.startswith("spec: Forbidden: spec is immutable after creation")


def test_a_claim_takes_a_class_that_came_later_or_its_annotations(load):
    old = load(CLAIM.format(f"{RWO}, {ASKED}"))
    assert claim_update(changed(old, storageClassName="fast"), old) == []
    noted = copy.deepcopy(old)
    noted["metadata"]["annotations"] = {"volume.beta.kubernetes.io/storage-class": "fast"}
    assert claim_update(changed(old, storageClassName="fast"), noted) == []
    assert told(claim_update(old, noted)) == [
        'metadata.annotations.volume.beta.kubernetes.io/storage-class: Invalid value: "": field is immutable'
    ]


def test_a_claims_attributes_class_may_change_but_not_go(load):
    old = load(CLAIM.format(f"{RWO}, {ASKED}, volumeAttributesClassName: silver"))
    assert claim_update(changed(old, volumeAttributesClassName="gold"), old) == []
    assert told(claim_update(changed(old, volumeAttributesClassName=None), old)) == [
        "spec.volumeAttributesClassName: Forbidden: update from non-nil value to nil is forbidden"
    ]


def test_a_class_has_a_subdomain_for_a_name(wrong):
    [said] = wrong(CLAIM.format(f"{RWO}, {ASKED}, storageClassName: Fast_One"))
    assert said.startswith('spec.storageClassName: Invalid value: "Fast_One": a lowercase RFC 1123 subdomain')
