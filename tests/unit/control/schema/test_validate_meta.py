"""Rules of any object's metadata."""

from control.schema.custom.definition import rows_of
from control.schema.validate_meta import finalizer_warnings, metadata

NAME = "finalizer.example.com"


def test_custom_kinds_may_have_finalizers_without_a_path(row) -> None:
    names = {"plural": "things", "singular": "thing", "kind": "Thing", "listKind": "ThingList"}
    version = {"name": "v1", "served": True, "storage": True}
    spec = {"group": "example.com", "scope": "Namespaced", "names": names, "versions": [version]}
    (custom,) = rows_of({"metadata": {"name": "things.example.com"}, "spec": spec}, 1)
    meta = {"name": "a", "namespace": "default", "finalizers": [NAME]}
    assert metadata(custom, meta) == []
    (fault,) = metadata(row("v1", "ConfigMap"), meta)
    assert fault.field == "metadata.finalizers[0]"
    assert "neither a standard finalizer name" in fault.message
    (wrong,) = metadata(custom, {**meta, "finalizers": ["no good"]})
    assert wrong.field == "metadata.finalizers"


def test_finalizers_that_are_added_without_a_domain_are_warned_of() -> None:
    advice = "to avoid accidental conflicts with other finalizer writers"
    assert finalizer_warnings({"finalizers": [NAME, "plain", "orphan", "a.b/c"]}, {}) == [
        f'metadata.finalizers: "{NAME}": prefer a domain-qualified finalizer name including a path (/) {advice}',
        f'metadata.finalizers: "plain": prefer a domain-qualified finalizer name {advice}',
    ]
    assert finalizer_warnings({"finalizers": [NAME]}, {"finalizers": [NAME]}) == []
