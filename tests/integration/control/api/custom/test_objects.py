"""Custom objects: every verb, in the words and with the checks that their definition asks for."""

from typing import Any

import orjson
import pytest

from control.client.client import ApiClient
from control.client.resources import NAMESPACES
from control.errors import AlreadyExists, BadRequest, Conflict, Invalid, NotFound, UnsupportedMediaType
from tests.integration.control.api.custom.crontabs import CRONTABS, GROUP, OLD, crontab

Json = dict[str, Any]
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"
LIST = f"/apis/{GROUP}/v1/namespaces/default/crontabs"

WRONG = {
    "a text for a number": (
        {"replicas": "x"},
        'spec.replicas: Invalid value: "string": spec.replicas in body must be of type integer: "string"',
    ),
    "more than the maximum": (
        {"replicas": 11, "maxReplicas": 20},
        "spec.replicas: Invalid value: 11: spec.replicas in body should be less than or equal to 10",
    ),
    "less than the minimum": (
        {"replicas": 0},
        "spec.replicas: Invalid value: 0: spec.replicas in body should be greater than or equal to 1",
    ),
    "a pattern that does not match": (
        {"cronSpec": "daily"},
        'spec.cronSpec: Invalid value: "daily": spec.cronSpec in body should match'
        r" '^(\d+|\*)(/\d+)?(\s+(\d+|\*)(/\d+)?){4}$'",
    ),
    "none of an enumeration": (
        {"mode": "some"},
        'spec.mode: Unsupported value: "some": supported values: "one", "many"',
    ),
    "too long": ({"image": "i" * 21}, "spec.image: Too long: may not be more than 20 bytes"),
    "null where it is no value": ({"cronSpec": None}, "spec.cronSpec: Required value"),
    "neither a number nor a text": (
        {"port": True},
        'spec.port: Invalid value: "boolean": spec.port in body must be of type integer,string: "boolean"',
    ),
    "no time": (
        {"when": "soon"},
        'spec.when: Invalid value: "soon": spec.when in body must be of type date-time: "soon"',
    ),
    "an item without what it needs": ({"steps": [{"run": "x"}]}, "spec.steps[0].name: Required value"),
    "a key twice": (
        {"steps": [{"name": "x"}, {"name": "x"}]},
        'spec.steps[1]: Duplicate value: {"name":"x"}',
    ),
    "a member twice": ({"tags": ["x", "x"]}, 'spec.tags[1]: Duplicate value: "x"'),
    "too many items": (
        {"steps": [{"name": name} for name in "abcd"]},
        "spec.steps: Too many: 4: must have at most 3 items",
    ),
    "an object without a kind": (
        {"template": {"apiVersion": "v1"}},
        "spec.template.kind: Required value",
    ),
    "a rule that is broken": (
        {"replicas": 5, "maxReplicas": 2},
        "spec: Invalid value: replicas should be smaller than or equal to maxReplicas",
    ),
    "a rule with its own path, reason and message": (
        {"mode": "many"},
        "spec.mode: Forbidden: many is more than 1",
    ),
}
BLOCKING = {
    "a text for a number", "none of an enumeration", "too long", "null where it is no value", "no time",
    "neither a number nor a text", "an item without what it needs", "too many items", "an object without a kind",
}  # fmt: skip
UNCHECKED = (
    "<nil>: Invalid value: null: some validation rules were not checked because the object was invalid;"
    " correct the existing errors to complete validation"
)


@pytest.mark.parametrize("what", WRONG)
async def test_what_is_wrong_is_said_in_upstreams_words(crontabs: ApiClient, what: str) -> None:
    spec, fault = WRONG[what]
    told = [fault] + [UNCHECKED] * (what in BLOCKING)
    with pytest.raises(Invalid) as refused:
        await crontabs.create(CRONTABS, crontab("bad", **spec), "default")
    said = f"[{', '.join(told)}]" if len(told) > 1 else fault
    assert refused.value.message == f'CronTab.{GROUP} "bad" is invalid: {said}'
    assert [f"{cause.field}: {cause.message}" for cause in refused.value.causes] == told


async def test_a_value_that_is_wrong_hides_no_rule(crontabs: ApiClient) -> None:
    with pytest.raises(Invalid) as refused:
        await crontabs.create(CRONTABS, crontab("bad", replicas=11, maxReplicas=2), "default")
    assert [cause.field for cause in refused.value.causes] == ["spec.replicas", "spec"]


async def test_a_finalizer_without_a_domain_passes_as_upstream(crontabs: ApiClient) -> None:
    await crontabs.create(CRONTABS, crontab("held"), "default")
    body = {"metadata": {"finalizers": ["finalizer.example.com"]}}
    held = await crontabs.patch(CRONTABS, "held", "default", body)
    assert held["metadata"]["finalizers"] == ["finalizer.example.com"]


async def test_a_new_object_gets_defaults_and_loses_what_nobody_knows(crontabs: ApiClient) -> None:
    wanted = crontab(unknown=1, note=None, steps=[{"name": "x", "y": 1}], extra={"any": {"thing": 1}})
    made = await crontabs.create(CRONTABS, wanted, "default")
    assert made["spec"] == {
        "cronSpec": "* * * * */5",
        "image": "img",
        "replicas": 1,
        "maxReplicas": 10,
        "note": None,
        "steps": [{"name": "x", "tries": 1}],
        "extra": {"any": {"thing": 1}},
    }
    assert made["metadata"]["generation"] == 1
    assert await crontabs.get(CRONTABS, "a", "default") == made


async def test_unknown_fields_are_refused_when_validation_is_strict(crontabs: ApiClient) -> None:
    wanted = crontab(unknown=1, steps=[{"name": "x", "y": 1}])
    with pytest.raises(BadRequest) as refused:
        await crontabs.request("POST", LIST, query={"fieldValidation": "Strict"}, body=wanted)
    told = 'unknown field "spec.unknown", unknown field "spec.steps[0].y"'
    assert refused.value.message == (
        f'CronTab in version "v1" cannot be handled as a CronTab: strict decoding error: {told}'
    )


async def test_generation_counts_the_spec_and_not_the_status(crontabs: ApiClient) -> None:
    await crontabs.create(CRONTABS, crontab() | {"status": {"replicas": 7}}, "default")
    changed = await crontabs.patch(
        CRONTABS, "a", "default", {"spec": {"replicas": 2}, "status": {"replicas": 3}}
    )
    assert (changed["metadata"]["generation"], changed.get("status")) == (2, None)
    told = {"status": {"replicas": 2}, "spec": {"replicas": 9}, "metadata": {"labels": {"x": "y"}}}
    after = await crontabs.patch(CRONTABS, "a", "default", told, subresource="status")
    assert after["metadata"]["generation"] == 2
    assert (after["spec"]["replicas"], after["status"]) == (2, {"replicas": 2})
    assert "labels" not in after["metadata"]


async def test_scale_reads_and_writes_at_the_paths_of_the_definition(crontabs: ApiClient) -> None:
    await crontabs.create(CRONTABS, crontab(replicas=3), "default")
    seen = {"status": {"replicas": 2, "selector": "app=x"}}
    await crontabs.patch(CRONTABS, "a", "default", seen, subresource="status")
    scale = await crontabs.get(CRONTABS, "a", "default", subresource="scale")
    assert (scale["apiVersion"], scale["kind"]) == ("autoscaling/v1", "Scale")
    assert (scale["spec"], scale["status"]) == ({"replicas": 3}, {"replicas": 2, "selector": "app=x"})
    await crontabs.patch(CRONTABS, "a", "default", {"spec": {"replicas": 4}}, subresource="scale")
    assert (await crontabs.get(CRONTABS, "a", "default"))["spec"]["replicas"] == 4
    with pytest.raises(Invalid, match="should be less than or equal to 10"):
        await crontabs.patch(CRONTABS, "a", "default", {"spec": {"replicas": 40}}, subresource="scale")


async def test_a_transition_rule_compares_with_what_was(crontabs: ApiClient) -> None:
    await crontabs.create(CRONTABS, crontab(fixed="x"), "default")
    with pytest.raises(Invalid, match=r'spec\.fixed: Invalid value: "y": Value is immutable'):
        await crontabs.patch(CRONTABS, "a", "default", {"spec": {"fixed": "y"}})
    await crontabs.patch(CRONTABS, "a", "default", {"spec": {"fixed": None, "image": "other"}})


async def test_patches_are_json_merge_and_apply_but_not_strategic(crontabs: ApiClient) -> None:
    await crontabs.create(CRONTABS, crontab(), "default")
    step = [{"op": "replace", "path": "/spec/image", "value": "new"}]
    after = await crontabs.patch(CRONTABS, "a", "default", step, patch_type="json")
    assert after["spec"]["image"] == "new"
    with pytest.raises(UnsupportedMediaType) as refused:
        await crontabs.patch(CRONTABS, "a", "default", {}, patch_type="strategic")
    assert refused.value.message == (
        "the body of the request was in an unknown format - accepted media types include:"
        " application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml"
    )
    body = b"k8s\x00anything"
    with pytest.raises(UnsupportedMediaType):
        await crontabs.request("POST", LIST, body=body, content_type="application/vnd.kubernetes.protobuf")


async def test_appliers_share_a_keyed_list_and_dispute_a_field(crontabs: ApiClient) -> None:
    async def apply(manager: str, **spec: Any) -> Json:
        wanted = {"apiVersion": f"{GROUP}/v1", "kind": "CronTab", "metadata": {"name": "a"}, "spec": spec}
        return await crontabs.patch(
            CRONTABS, "a", "default", wanted, patch_type="apply", field_manager=manager
        )

    await apply("one", cronSpec="* * * * *", steps=[{"name": "x", "run": "1"}])
    both = await apply("two", steps=[{"name": "y", "run": "2"}])
    assert [step["name"] for step in both["spec"]["steps"]] == ["x", "y"]
    with pytest.raises(Conflict) as refused:
        await apply("two", steps=[{"name": "x", "run": "3"}])
    assert refused.value.message == (
        'Apply failed with 1 conflict: conflict with "one": .spec.steps[name="x"].run'
    )
    left = await apply("two")
    assert [step["name"] for step in left["spec"]["steps"]] == ["x"]


async def test_all_versions_show_the_same_objects(crontabs: ApiClient) -> None:
    await crontabs.create(OLD, crontab(api_version=f"{GROUP}/v1beta1"), "default")
    shown = await crontabs.get(CRONTABS, "a", "default")
    assert (shown["apiVersion"], shown["spec"]["image"]) == (f"{GROUP}/v1", "img")
    listed = await crontabs.list(OLD, "default")
    assert [one["apiVersion"] for one in listed.items] == [f"{GROUP}/v1beta1"]
    with pytest.raises(BadRequest, match="does not match the expected API version"):
        await crontabs.create(OLD, crontab("b"), "default")


async def test_selectors_ask_for_labels_and_selectable_fields(crontabs: ApiClient) -> None:
    for name, image in (("a", "red"), ("b", "blue")):
        obj = crontab(name, image=image)
        obj["metadata"]["labels"] = {"tint": image}
        await crontabs.create(CRONTABS, obj, "default")
    by_field = await crontabs.list(CRONTABS, field_selector="spec.image=red")
    by_label = await crontabs.list(CRONTABS, label_selector="tint=blue")
    assert [one["metadata"]["name"] for one in by_field.items + by_label.items] == ["a", "b"]
    with pytest.raises(BadRequest, match=r"field label not supported: spec\.mode"):
        await crontabs.list(CRONTABS, field_selector="spec.mode=one")


async def test_a_table_has_the_columns_of_the_definition(crontabs: ApiClient) -> None:
    await crontabs.create(CRONTABS, crontab(replicas=2), "default")
    table = orjson.loads(await crontabs.request("GET", LIST, accept=TABLE))
    heads = [(column["name"], column["type"], column["priority"]) for column in table["columnDefinitions"]]
    assert heads == [
        ("Name", "string", 0), ("Spec", "string", 0), ("Replicas", "integer", 0), ("Ready", "string", 1), ("Age", "date", 0),
    ]  # fmt: skip
    assert table["rows"][0]["cells"][:4] == ["a", "* * * * */5", 2, None]


async def test_deleting_names_a_status_and_collections_go_whole(crontabs: ApiClient) -> None:
    for name in ("a", "b", "c"):
        await crontabs.create(CRONTABS, crontab(name), "default")
    with pytest.raises(AlreadyExists, match=f'crontabs.{GROUP} "a" already exists'):
        await crontabs.create(CRONTABS, crontab(), "default")
    gone = await crontabs.delete(CRONTABS, "a", "default")
    assert (gone["kind"], gone["status"], gone["details"]["group"]) == ("Status", "Success", GROUP)
    await crontabs.request("DELETE", LIST)
    assert (await crontabs.list(CRONTABS)).items == []
    with pytest.raises(NotFound, match=f'crontabs.{GROUP} "a" not found'):
        await crontabs.get(CRONTABS, "a", "default")


async def test_a_watch_tells_what_happens_to_custom_objects(crontabs: ApiClient) -> None:
    seen = []
    start = (await crontabs.list(CRONTABS)).resource_version
    await crontabs.create(CRONTABS, crontab(), "default")
    await crontabs.patch(CRONTABS, "a", "default", {"spec": {"replicas": 2}})
    await crontabs.delete(CRONTABS, "a", "default")
    async for event in crontabs.watch(CRONTABS, resource_version=start):
        seen.append((event.type, event.object["spec"]["replicas"]))
        if event.type == "DELETED":
            break
    assert seen == [("ADDED", 1), ("MODIFIED", 2), ("DELETED", 2)]


async def test_nothing_is_made_in_a_namespace_that_is_not_there(crontabs: ApiClient) -> None:
    with pytest.raises(NotFound, match='namespaces "nowhere" not found'):
        await crontabs.create(CRONTABS, crontab(), "nowhere")
    await crontabs.create(NAMESPACES, {"metadata": {"name": "somewhere"}})
    assert (await crontabs.create(CRONTABS, crontab(), "somewhere"))["metadata"]["namespace"] == "somewhere"
