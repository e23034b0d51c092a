"""Volumes that are none, and what may not change in them, in upstream's words."""

import copy

import pytest

from control.schema.validate_storage import volume_update

VOLUME = "{{apiVersion: v1, kind: PersistentVolume, metadata: {{name: disk}}, spec: {{{}}}}}"
RWO = "accessModes: [ReadWriteOnce]"
SIZE = "capacity: {storage: 1Gi}"
HOST = "hostPath: {path: /data}"
AFFINITY = (
    "nodeAffinity: {required: {nodeSelectorTerms: [{matchExpressions:"
    " [{key: failure-domain.beta.kubernetes.io/zone, operator: In, values: [a]}]}]}}"
)


def told(found):
    return [f"{cause.field}: {cause.message}" for cause in found]


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        (f"{RWO}, {SIZE}, {HOST}", []),
        (f"{RWO}, {SIZE}, local: {{path: /data}}, {AFFINITY}, storageClassName: fast", []),
        (f"{SIZE}, {HOST}", ["spec.accessModes: Required value"]),
        (
            f"accessModes: [Some], {SIZE}, {HOST}",
            [
                'spec.accessModes: Unsupported value: "Some": supported values: "ReadOnlyMany", '
                '"ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"'
            ],
        ),
        (
            f"accessModes: [ReadWriteOncePod, ReadWriteOnce], {SIZE}, {HOST}",
            ["spec.accessModes: Forbidden: may not use ReadWriteOncePod with other access modes"],
        ),
        (
            f"{RWO}, {HOST}",
            [
                "spec.capacity: Required value",
                'spec.capacity: Unsupported value: null: supported values: "storage"',
            ],
        ),
        (
            f"{RWO}, {HOST}, capacity: {{storage: '0'}}",
            ['spec.capacity[storage]: Invalid value: "0": must be greater than zero'],
        ),
        (
            f"{RWO}, {SIZE}, {HOST}, persistentVolumeReclaimPolicy: Keep",
            [
                'spec.persistentVolumeReclaimPolicy: Unsupported value: "Keep": '
                'supported values: "Delete", "Recycle", "Retain"'
            ],
        ),
        (f"{RWO}, {SIZE}", ["spec: Required value: must specify a volume type"]),
        (
            f"{RWO}, {SIZE}, {HOST}, nfs: {{server: a, path: /b}}, cephfs: {{monitors: [a]}}",
            [
                "spec.nfs: Forbidden: may not specify more than 1 volume type",
                "spec.cephFS: Forbidden: may not specify more than 1 volume type",
            ],
        ),
        (
            f"{RWO}, {SIZE}, local: {{path: /a/../b}}",
            [
                "spec.local.path: Invalid value: \"/a/../b\": must not contain '..'",
                "spec.nodeAffinity: Required value: Local volume requires node affinity",
            ],
        ),
        (
            f"{RWO}, {SIZE}, {HOST}, nodeAffinity: {{}}",
            ["spec.nodeAffinity.required: Required value: must specify required node constraints"],
        ),
        (
            f"{RWO}, {SIZE}, csi: {{driver: a.b, volumeHandle: '', nodePublishSecretRef: {{name: s}}}}",
            [
                "spec.csi.volumeHandle: Required value",
                "spec.csi.nodePublishSecretRef.namespace: Required value",
            ],
        ),
        (
            f"{RWO}, {SIZE}, hostPath: {{path: /./}}, persistentVolumeReclaimPolicy: Recycle",
            [
                "spec.persistentVolumeReclaimPolicy: Forbidden: may not be 'recycle' for a hostPath mount of '/'"
            ],
        ),
        (
            f"{RWO}, {SIZE}, {HOST}, volumeMode: Tape",
            ['spec.volumeMode: Unsupported value: "Tape": supported values: "Block", "Filesystem"'],
        ),
        (
            f"{RWO}, {SIZE}, {HOST}, volumeAttributesClassName: gold",
            ["spec.csi: Required value: has to be specified when using volumeAttributesClassName"],
        ),
    ],
)
def test_volumes(wrong, spec, said):
    assert wrong(VOLUME.format(spec)) == said


def changed(obj, **spec):
    new = copy.deepcopy(obj)
    for key, value in spec.items():
        if value is None:
            new["spec"].pop(key, None)
        else:
            new["spec"][key] = value
    return new


def test_a_volume_keeps_its_source_and_mode(load):
    old = load(VOLUME.format(f"{RWO}, {SIZE}, {HOST}"))
    [said] = told(volume_update(changed(old, hostPath={"path": "/other", "type": ""}), old))
    assert said.startswith(
        "spec.persistentvolumesource: Forbidden: spec.persistentvolumesource is immutable after creation\n"
    )
    assert told(volume_update(changed(old, volumeMode="Block"), old)) == [
        'volumeMode: Invalid value: "Block": field is immutable'
    ]
    free = changed(old, capacity={"storage": "2Gi"}, claimRef={"name": "data"}, accessModes=["ReadOnlyMany"])
    assert volume_update(free, old) == []


def test_a_volumes_node_affinity_may_be_set_once_and_follow_renamed_labels(load):
    bare = load(VOLUME.format(f"{RWO}, {SIZE}, {HOST}"))
    old = load(VOLUME.format(f"{RWO}, {SIZE}, {HOST}, {AFFINITY}"))
    assert volume_update(old, bare) == []
    new = copy.deepcopy(old)
    expression = new["spec"]["nodeAffinity"]["required"]["nodeSelectorTerms"][0]["matchExpressions"][0]
    expression["key"] = "topology.kubernetes.io/zone"
    assert volume_update(new, old) == []
    for refused in (changed(old, nodeAffinity=None), old):
        [said] = told(volume_update(refused, new))
        assert said.startswith("nodeAffinity: Invalid value: ")
        assert said.endswith(": field is immutable, except for updating from beta label to GA")


def test_a_class_has_a_subdomain_for_a_name(wrong):
    [said] = wrong(VOLUME.format(f"{RWO}, {SIZE}, {HOST}, storageClassName: Fast_One"))
    assert said.startswith('spec.storageClassName: Invalid value: "Fast_One": a lowercase RFC 1123 subdomain')
