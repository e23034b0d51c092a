"""Rules for CRDs, in upstream's words."""

import pytest

from control.schema.custom.validate_definition import definition as validate
from control.schema.custom.validate_definition import definition_update


def said(crd) -> list[str]:
    return [f"{cause.field}: {cause.message}" for cause in validate(crd)]


def test_a_right_one_passes(definition) -> None:
    assert said(definition()) == []


def change(crd, path, value):
    *above, last = path.split(".")
    here = crd
    for key in above:
        here = here[int(key)] if isinstance(here, list) else here[key]
    if isinstance(here, list):
        here[int(last)] = value
    else:
        here[last] = value


@pytest.mark.parametrize(
    ("path", "value", "wanted"),
    [
        ("metadata.name", "x", 'metadata.name: Invalid value: "x": must be spec.names.plural+"."+spec.group'),
        ("spec.scope", "Local", 'spec.scope: Unsupported value: "Local": supported values: "Cluster", "Namespaced"'),
        ("spec.scope", "", "spec.scope: Required value"),
        ("spec.names.kind", "ThingList", 'spec.names.listKind: Invalid value: "ThingList": kind and listKind may not be the same'),
        ("spec.names.singular", "", "spec.names.singular: Required value"),
        ("spec.preserveUnknownFields", True, "spec.preserveUnknownFields: Invalid value: true: cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead"),
        ("spec.conversion", {"strategy": "Magic"}, 'spec.conversion.strategy: Unsupported value: "Magic": supported values: "None", "Webhook"'),
        ("spec.versions.0.schema", None, "spec.versions[0].schema.openAPIV3Schema: Required value: schemas are required"),
        ("spec.versions.0.deprecationWarning", "x", 'spec.versions[0].deprecationWarning: Invalid value: "x": can only be set for deprecated versions'),
        ("spec.versions.0.additionalPrinterColumns", [{"name": "x", "type": "text", "jsonPath": ".x"}], 'spec.versions[0].additionalPrinterColumns[0].type: Invalid value: "text": must be one of boolean,date,integer,number,string'),
        ("spec.versions.0.additionalPrinterColumns", [{"name": "x", "type": "string", "jsonPath": "x"}], 'spec.versions[0].additionalPrinterColumns[0].JSONPath: Invalid value: "x": must be a simple json path starting with .'),
        ("spec.versions.0.subresources", {"scale": {"specReplicasPath": ".x.y", "statusReplicasPath": ".status.r"}}, 'spec.versions[0].subresources.scale.specReplicasPath: Invalid value: ".x.y": should be a json path under .spec'),
        ("spec.versions.0.selectableFields", [{"jsonPath": ".metadata.name"}], 'spec.versions[0].selectableFields[0].jsonPath: Invalid value: ".metadata.name": must not point to fields in metadata'),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told(definition, path, value, wanted) -> None:
    crd = definition()
    change(crd, path, value)
    assert said(crd) == [wanted]


def test_a_group_is_a_domain(definition) -> None:
    crd = definition()
    crd["spec"]["group"], crd["metadata"]["name"] = "example", "things.example"
    assert said(crd) == ['spec.group: Invalid value: "example": should be a domain with at least one dot']


def test_groups_of_kubernetes_need_an_approval(definition) -> None:
    crd = definition()
    crd["spec"]["group"], crd["metadata"]["name"] = "x.k8s.io", "things.x.k8s.io"
    (missing,) = said(crd)
    assert missing.startswith(
        "metadata.annotations[api-approved.kubernetes.io]: Required value: protected groups must have"
    )
    crd["metadata"]["annotations"] = {"api-approved.kubernetes.io": "unapproved, a test"}
    assert said(crd) == []


def test_exactly_one_version_is_stored_and_names_are_unique(definition) -> None:
    crd = definition()
    crd["spec"]["versions"] *= 2
    told = [line.rpartition(": ")[2] for line in said(crd)]
    assert told == [
        "must contain unique version names",
        "must have exactly one version marked as storage version",
    ]


def test_what_is_served_keeps_its_names(definition) -> None:
    old, new = definition(), definition()
    new["spec"]["scope"] = "Cluster"
    assert definition_update(new, old) == []
    old["status"] = {"conditions": [{"type": "Established", "status": "True"}]}
    assert [f"{cause.field}: {cause.message}" for cause in definition_update(new, old)] == [
        'spec.scope: Invalid value: "Cluster": field is immutable'
    ]


def test_a_version_that_may_be_stored_stays(definition) -> None:
    new = definition()
    new["status"] = {"storedVersions": ["v0", "v1"]}
    (told,) = definition_update(new, definition())
    assert told.field == "status.storedVersions[0]"
    assert "missing from spec.versions; v0 was previously a storage version" in told.message
