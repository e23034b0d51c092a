"""Server-side apply: ownership, conflicts, shared fields, giving up."""

from typing import Any

import pytest

from control.errors import Conflict
from control.schema.apply import apply_patch, record_update
from control.schema.resource import registry


def row(api_version: str, kind: str):
    found = registry().by_kind(api_version, kind)
    assert found is not None
    return found


DEPLOYMENT = row("apps/v1", "Deployment")
SERVICE = row("v1", "Service")


def deployment(**spec: Any) -> dict[str, Any]:
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": spec}


def containers(*images: tuple[str, str]) -> dict[str, Any]:
    return {"spec": {"containers": [{"name": name, "image": image} for name, image in images]}}


def managers(obj: dict[str, Any]) -> dict[tuple[str, str], Any]:
    return {(e["manager"], e["operation"]): e["fieldsV1"] for e in obj["metadata"]["managedFields"]}


def test_the_first_apply_owns_what_it_says_and_nothing_else():
    made = apply_patch(
        DEPLOYMENT,
        None,
        deployment(replicas=2, template=containers(("web", "a"))),
        manager="ann",
        force=False,
    )
    assert managers(made) == {
        ("ann", "Apply"): {
            "f:spec": {
                "f:replicas": {},
                "f:template": {
                    "f:spec": {"f:containers": {'k:{"name":"web"}': {".": {}, "f:image": {}, "f:name": {}}}}
                },
            }
        }
    }


def test_another_managers_field_is_a_conflict_that_names_manager_and_field():
    made = apply_patch(DEPLOYMENT, None, deployment(replicas=2), manager="ann", force=False)
    with pytest.raises(Conflict) as caught:
        apply_patch(DEPLOYMENT, made, deployment(replicas=3), manager="bob", force=False)
    assert caught.value.message == 'Apply failed with 1 conflict: conflict with "ann": .spec.replicas'
    assert [(c.reason, c.field) for c in caught.value.causes] == [("FieldManagerConflict", ".spec.replicas")]


def test_force_takes_the_field_and_the_other_manager_loses_it():
    made = apply_patch(DEPLOYMENT, None, deployment(replicas=2, paused=True), manager="ann", force=False)
    taken = apply_patch(DEPLOYMENT, made, deployment(replicas=3), manager="bob", force=True)
    assert taken["spec"] == {"replicas": 3, "paused": True}
    assert managers(taken) == {
        ("ann", "Apply"): {"f:spec": {"f:paused": {}}},
        ("bob", "Apply"): {"f:spec": {"f:replicas": {}}},
    }


def test_the_same_value_is_shared_without_a_conflict():
    made = apply_patch(DEPLOYMENT, None, deployment(replicas=2), manager="ann", force=False)
    shared = apply_patch(DEPLOYMENT, made, deployment(replicas=2), manager="bob", force=False)
    assert set(managers(shared)) == {("ann", "Apply"), ("bob", "Apply")}
    kept = apply_patch(DEPLOYMENT, shared, deployment(), manager="ann", force=False)
    assert kept["spec"] == {"replicas": 2}


def test_a_field_that_its_only_manager_gives_up_goes():
    made = apply_patch(
        DEPLOYMENT,
        None,
        deployment(replicas=2, template=containers(("web", "a"), ("log", "b"))),
        manager="ann",
        force=False,
    )
    less = apply_patch(
        DEPLOYMENT, made, deployment(template=containers(("web", "a"))), manager="ann", force=False
    )
    assert less["spec"] == {"template": containers(("web", "a"))}


def test_ports_are_known_by_port_and_protocol_with_the_protocols_default():
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}}
    live = {**service, "spec": {"ports": [{"port": 80, "protocol": "TCP", "nodePort": 30080}]}}
    merged = apply_patch(
        SERVICE,
        live,
        {**service, "spec": {"ports": [{"port": 80, "name": "http"}]}},
        manager="ann",
        force=False,
    )
    assert merged["spec"]["ports"] == [{"port": 80, "protocol": "TCP", "nodePort": 30080, "name": "http"}]


def test_applying_the_same_again_changes_nothing_at_all():
    once = apply_patch(
        DEPLOYMENT,
        None,
        deployment(replicas=2, template=containers(("web", "a"))),
        manager="ann",
        force=False,
    )
    once["metadata"]["managedFields"][0]["time"] = "2020-01-01T00:00:00Z"
    again = apply_patch(
        DEPLOYMENT,
        once,
        deployment(replicas=2, template=containers(("web", "a"))),
        manager="ann",
        force=False,
    )
    assert again == once


def test_status_in_a_patch_is_left_to_its_own_subresource():
    patch = deployment(replicas=1) | {"status": {"replicas": 9}}
    assert "status" not in apply_patch(DEPLOYMENT, None, patch, manager="ann", force=False)


def test_an_ordinary_write_takes_what_it_changes_from_its_owner():
    made = apply_patch(DEPLOYMENT, None, deployment(replicas=2, paused=True), manager="ann", force=False)
    new = deployment(replicas=5, paused=True)
    record_update(DEPLOYMENT, new, made, manager="kubectl")
    assert managers(new) == {
        ("ann", "Apply"): {"f:spec": {"f:paused": {}}},
        ("kubectl", "Update"): {"f:spec": {"f:replicas": {}}},
    }


def test_a_struct_that_is_given_up_goes_with_its_defaults():
    probe = {"livenessProbe": {"tcpSocket": {"port": 1}}}
    first = {"spec": {"containers": [{"name": "web", **probe}]}}
    made = apply_patch(DEPLOYMENT, None, deployment(template=first), manager="ann", force=False)
    made["spec"]["template"]["spec"]["containers"][0]["livenessProbe"]["periodSeconds"] = 10  # a default
    bare = {"spec": {"containers": [{"name": "web"}]}}
    less = apply_patch(DEPLOYMENT, made, deployment(template=bare), manager="ann", force=False)
    assert less["spec"]["template"]["spec"]["containers"] == [{"name": "web"}]


def test_a_selector_has_one_owner_as_a_whole():
    made = apply_patch(
        DEPLOYMENT, None, deployment(selector={"matchLabels": {"a": "b"}}), manager="ann", force=False
    )
    assert managers(made) == {("ann", "Apply"): {"f:spec": {"f:selector": {}}}}


def test_a_status_write_leaves_the_owners_of_the_rest_alone():
    made = apply_patch(DEPLOYMENT, None, deployment(replicas=2), manager="ann", force=False)
    made["status"] = {}
    before = made["metadata"]["managedFields"][0]
    new = {**made, "status": {"replicas": 2}}
    record_update(DEPLOYMENT, new, made, manager="controller", subresource="status")
    entries = new["metadata"]["managedFields"]
    assert entries[0]["fieldsV1"] is before["fieldsV1"]
    assert (entries[1]["subresource"], entries[1]["fieldsV1"]) == ("status", {"f:status": {"f:replicas": {}}})


def test_a_new_objects_first_status_is_nobodys():
    new = deployment(replicas=1) | {"status": {"replicas": 0}}
    record_update(DEPLOYMENT, new, None, manager="kubectl")
    assert managers(new) == {("kubectl", "Update"): {"f:spec": {"f:replicas": {}}}}
