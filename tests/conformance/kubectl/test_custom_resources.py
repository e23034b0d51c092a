"""kubectl on a CustomResourceDefinition: made from YAML, waited for, explained, applied to, refused, deleted."""

import asyncio

import orjson

from tests.integration.control.api.conftest import Kubectl, Said
from tests.integration.control.api.custom.crontabs import NAME, TEXT

CRONTAB = """
apiVersion: stable.example.com/v1
kind: CronTab
metadata: {name: my-crontab}
spec:
  cronSpec: "* * * * */5"
  image: my-image
  replicas: 2
  steps: [{name: build, run: make, tries: 1}]
"""


async def good(kubectl: Kubectl, *args: str, stdin: str | None = None) -> str:
    said = await kubectl(*args, stdin=stdin)
    assert said.code == 0, said.err
    return said.out


async def with_crontabs(kubectl: Kubectl) -> None:
    await good(kubectl, "create", "-f", "-", stdin=TEXT)
    waited = await good(kubectl, "wait", "--for=condition=Established", f"crd/{NAME}", "--timeout=5s")
    assert waited == f"customresourcedefinition.apiextensions.k8s.io/{NAME} condition met\n"


async def test_a_definition_gives_its_kind_to_kubectl(kubectl: Kubectl) -> None:
    await with_crontabs(kubectl)
    listed = await good(kubectl, "api-resources", "--api-group=stable.example.com", "--no-headers")
    assert listed.split() == ["crontabs", "ct", "stable.example.com/v1", "true", "CronTab"]
    made = await good(kubectl, "apply", "-f", "-", stdin=CRONTAB)
    assert made == "crontab.stable.example.com/my-crontab created\n"
    again = await good(kubectl, "apply", "-f", "-", stdin=CRONTAB)
    assert again == "crontab.stable.example.com/my-crontab unchanged\n"
    head, row = [line.split() for line in (await good(kubectl, "get", "ct")).splitlines()]
    assert head == ["NAME", "SPEC", "REPLICAS", "AGE"]
    assert row[:7] == ["my-crontab", "*", "*", "*", "*", "*/5", "2"]
    everything = await good(kubectl, "get", "all")
    assert "crontab.stable.example.com/my-crontab" in everything
    wide = await good(kubectl, "get", "crontab", "my-crontab", "-o", "wide")
    assert wide.splitlines()[0].split() == ["NAME", "SPEC", "REPLICAS", "READY", "AGE"]


async def test_explain_tells_the_schema(kubectl: Kubectl) -> None:
    await with_crontabs(kubectl)
    told = await good(kubectl, "explain", "crontab")
    assert "CronTab runs a command from time to time" in told
    field = await good(kubectl, "explain", "crontab.spec.cronSpec")
    assert "FIELD: cronSpec <string>" in field
    assert "When it runs" in field
    whole = await good(kubectl, "explain", "crontab", "--recursive")
    assert "steps\t<[]Object>" in whole


async def test_what_is_wrong_is_told_as_by_any_api_server(kubectl: Kubectl) -> None:
    await with_crontabs(kubectl)
    wrong = CRONTAB.replace("replicas: 2", "replicas: 20").replace('"* * * * */5"', "daily")
    said = await kubectl("apply", "-f", "-", stdin=wrong)
    assert said.code == 1
    assert 'The CronTab "my-crontab" is invalid:' in said.err
    assert (
        "* spec.replicas: Invalid value: 20: spec.replicas in body should be less than or equal to 10"
        in said.err
    )
    assert '* spec.cronSpec: Invalid value: "daily": spec.cronSpec in body should match' in said.err
    unknown = await kubectl("create", "-f", "-", stdin=CRONTAB.replace("image:", "imgae:"))
    assert unknown.code == 1
    assert 'strict decoding error: unknown field "spec.imgae"' in unknown.err
    unstructural = TEXT.replace("type: object\n        description: CronTab", "description: CronTab", 1)
    refused = await kubectl("replace", "-f", "-", stdin=unstructural)
    assert refused.code == 1
    at = "spec.versions[0].schema.openAPIV3Schema.type: Required value: must not be empty at the root"
    assert at in refused.err


async def test_kubectl_changes_scales_and_selects(kubectl: Kubectl) -> None:
    await with_crontabs(kubectl)
    await good(kubectl, "create", "-f", "-", stdin=CRONTAB)
    await good(kubectl, "patch", "ct", "my-crontab", "--type=merge", "-p", '{"spec":{"image":"other"}}')
    assert (await good(kubectl, "scale", "--replicas=3", "ct/my-crontab")).endswith("scaled\n")
    await good(kubectl, "label", "ct", "my-crontab", "team=a")
    shown = orjson.loads(await good(kubectl, "get", "ct", "--field-selector=spec.image=other", "-o", "json"))
    assert [(one["spec"]["replicas"], one["metadata"]["labels"]) for one in shown["items"]] == [
        (3, {"team": "a"})
    ]
    strategic = await kubectl(
        "patch", "ct", "my-crontab", "--type=strategic", "-p", '{"spec":{"replicas":1}}'
    )
    assert strategic.code == 1
    status = '{"status":{"conditions":[{"type":"Ready","status":"True"}]}}'
    await good(kubectl, "patch", "ct", "my-crontab", "--subresource=status", "--type=merge", "-p", status)
    assert "condition met" in await good(
        kubectl, "wait", "--for=condition=Ready", "ct/my-crontab", "--timeout=5s"
    )
    described = await good(kubectl, "describe", "ct", "my-crontab")
    assert "Cron Spec:" in described


async def test_server_side_apply_merges_keyed_lists(kubectl: Kubectl) -> None:
    await with_crontabs(kubectl)
    mine = CRONTAB.replace("{name: build, run: make, tries: 1}", "{name: test, run: check}")
    for manager, text in (("one", CRONTAB), ("two", mine)):
        await good(kubectl, "apply", "--server-side", f"--field-manager={manager}", "-f", "-", stdin=text)
    names = await good(kubectl, "get", "ct", "my-crontab", "-o", "jsonpath={.spec.steps[*].name}")
    assert names == "build test"
    said = await kubectl(
        "apply", "--server-side", "--field-manager=three", "-f", "-", stdin=CRONTAB.replace("my-image", "x")
    )
    assert said.code == 1
    assert "Apply failed with 1 conflict" not in said.out
    assert "conflict" in said.err
    assert ".spec.image" in said.err


async def test_a_definition_that_goes_takes_its_objects_along(kubectl: Kubectl) -> None:
    await with_crontabs(kubectl)
    await good(kubectl, "create", "-f", "-", stdin=CRONTAB)
    watching = asyncio.create_task(kubectl("wait", "--for=delete", "ct/my-crontab", "--timeout=20s"))
    deleted = await good(kubectl, "delete", "crd", NAME)
    assert "deleted" in deleted
    waited: Said = await watching
    assert waited.code == 0, waited.err
    gone = await kubectl("get", "ct")
    assert gone.code == 1
    assert "the server could not find the requested resource" in gone.err
