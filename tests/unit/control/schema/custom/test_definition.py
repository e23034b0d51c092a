"""From a CRD to its rows."""

from control.schema.custom.definition import is_established, rows_of, storage_version


def test_a_definition_is_a_row_for_each_served_version(definition) -> None:
    crd = definition(
        subresources={
            "status": {},
            "scale": {"specReplicasPath": ".spec.r", "statusReplicasPath": ".status.r"},
        }
    )
    crd["spec"]["versions"] += [
        {"name": "v2", "served": True, "storage": False, "deprecated": True},
        {"name": "v3", "served": False, "storage": False},
    ]
    one, two = rows_of(crd, 7)
    assert (one.api_version, one.kind, one.plural, one.singular, one.namespaced) == (
        "example.com/v1", "Thing", "things", "thing", True,
    )  # fmt: skip
    assert [sub.name for sub in one.subresources] == ["scale", "status"]
    assert two.custom.stored is one
    assert (one.custom.warning, two.custom.warning) == ("", "example.com/v2 Thing is deprecated")
    assert storage_version(crd) == "v1"
    assert (one.custom.is_fresh(7), one.custom.is_fresh(6)) == (True, False)


def test_a_definition_is_served_when_its_condition_says_so(definition) -> None:
    crd = definition()
    assert not is_established(crd)
    crd["status"] = {"conditions": [{"type": "Established", "status": "True"}]}
    assert is_established(crd)
