"""Storage classes that are none, in upstream's words."""

import copy

import pytest

from control.schema.validate_storage_class import storage_class_update

CLASS = "{{apiVersion: storage.k8s.io/v1, kind: StorageClass, metadata: {{name: fast}}, {}}}"
ZONE = "{key: zone, values: [a]}"


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ("provisioner: example.com/disk, parameters: {kind: ssd}", []),
        ("provisioner: ''", ["provisioner: Required value"]),
        (
            "provisioner: a.b, reclaimPolicy: Recycle",
            ['reclaimPolicy: Unsupported value: "Recycle": supported values: "Delete", "Retain"'],
        ),
        (
            "provisioner: a.b, volumeBindingMode: Later",
            [
                'volumeBindingMode: Unsupported value: "Later": supported values: "Immediate", "WaitForFirstConsumer"'
            ],
        ),
        (
            "provisioner: a.b, parameters: {'': x}",
            ['parameters: Invalid value: "": field can not be empty.'],
        ),
        (f"provisioner: a.b, allowedTopologies: [{{matchLabelExpressions: [{ZONE}]}}]", []),
        (
            f"provisioner: a.b, allowedTopologies: [{{matchLabelExpressions: [{ZONE}]}},"
            f" {{matchLabelExpressions: [{ZONE}]}}]",
            ['allowedTopologies[1].matchLabelExpressions: Duplicate value: ""'],
        ),
        (
            "provisioner: a.b, allowedTopologies: [{matchLabelExpressions: "
            f"[{ZONE}, {{key: zone, values: []}}, {{key: host, values: [a, a]}}]}}]",
            [
                "allowedTopologies.matchLabelExpressions[1].values: Required value",
                'allowedTopologies.matchLabelExpressions[1].key: Duplicate value: "zone"',
                'allowedTopologies.matchLabelExpressions[2].values[1]: Duplicate value: "a"',
            ],
        ),
    ],
)
def test_classes(wrong, fields, said):
    assert wrong(CLASS.format(fields)) == said


def test_a_provisioner_is_a_qualified_name(wrong):
    [said] = wrong(CLASS.format("provisioner: 'a b'"))
    assert said.startswith('provisioner: Invalid value: "a b": name part must consist of')


def test_too_many_or_too_long_parameters(wrong):
    many = ", ".join(f"k{n}: v" for n in range(513))
    assert wrong(CLASS.format(f"provisioner: a.b, parameters: {{{many}}}")) == [
        "parameters: Too long: may not be more than 512 bytes"
    ]
    assert wrong(CLASS.format(f"provisioner: a.b, parameters: {{k: {'x' * (256 << 10)}}}")) == [
        "parameters: Too long: may not be more than 262144 bytes"
    ]


def test_what_says_where_volumes_come_from_is_fixed(load):
    old = load(CLASS.format("provisioner: a.b"))
    new = copy.deepcopy(old) | {
        "provisioner": "c.d", "parameters": {"a": "b"}, "reclaimPolicy": "Retain",
        "volumeBindingMode": "WaitForFirstConsumer", "allowVolumeExpansion": True, "mountOptions": ["ro"],
    }  # fmt: skip
    assert [f"{cause.field}: {cause.message}" for cause in storage_class_update(new, old)] == [
        'provisioner: Invalid value: "c.d": field is immutable',
        'parameters: Invalid value: {"a":"b"}: field is immutable',
        'reclaimPolicy: Invalid value: "Retain": field is immutable',
        'volumeBindingMode: Invalid value: "WaitForFirstConsumer": field is immutable',
    ]
