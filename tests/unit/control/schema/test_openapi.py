"""The OpenAPI documents: what kubectl looks for in them."""

import json
import re

import pytest

from control.schema.openapi import OpenApi
from control.schema.openapi_schemas import V3, schemas
from control.schema.resource import registry

DOCUMENTS = OpenApi(registry())
DEPLOYMENT = {"group": "apps", "version": "v1", "kind": "Deployment"}


@pytest.fixture(scope="module")
def apps():
    return json.loads(DOCUMENTS.v3("apis/apps/v1"))


def test_every_group_version_has_a_document_without_dangling_references():
    paths = json.loads(DOCUMENTS.v3_index())["paths"]
    assert len(paths) == sum(len(versions) for versions in registry().groups().values())
    for path in paths:
        text = DOCUMENTS.v3(path).decode()
        schemas = json.loads(text)["components"]["schemas"]
        assert set(re.findall(r'"#/components/schemas/([^"]+)"', text)) <= set(schemas), path


def test_version_2_has_no_dangling_references():
    text = DOCUMENTS.v2().decode()
    assert set(re.findall(r'"#/definitions/([^"]+)"', text)) <= set(json.loads(text)["definitions"])


def test_there_is_no_document_for_what_is_not_served():
    assert DOCUMENTS.v3("apis/apps/v9") is None
    assert DOCUMENTS.v3("nothing") is None


def test_kubectl_apply_finds_the_patch_operation_and_its_validation_parameter(apps):
    patch = apps["paths"]["/apis/apps/v1/namespaces/{namespace}/deployments/{name}"]["patch"]
    assert patch["x-kubernetes-group-version-kind"] == DEPLOYMENT
    assert "fieldValidation" in {parameter["name"] for parameter in patch["parameters"]}
    assert "application/strategic-merge-patch+json" in patch["requestBody"]["content"]


def test_kubectl_apply_finds_merge_keys(apps):
    schemas = apps["components"]["schemas"]
    containers = schemas["io.k8s.api.core.v1.PodSpec"]["properties"]["containers"]
    assert containers["x-kubernetes-patch-merge-key"] == "name"
    assert containers["x-kubernetes-patch-strategy"] == "merge"
    assert containers["x-kubernetes-list-map-keys"] == ["name"]
    assert containers["items"]["allOf"] == [{"$ref": "#/components/schemas/io.k8s.api.core.v1.Container"}]


def test_kubectl_explain_finds_the_kind(apps):
    schema = apps["components"]["schemas"]["io.k8s.api.apps.v1.Deployment"]
    assert schema["x-kubernetes-group-version-kind"] == [DEPLOYMENT]
    assert {"apiVersion", "kind", "metadata", "spec", "status"} == set(schema["properties"])
    spec = apps["components"]["schemas"]["io.k8s.api.apps.v1.DeploymentSpec"]
    assert spec["required"] == ["selector", "template"]


def test_special_values_have_their_formats(apps):
    schemas = apps["components"]["schemas"]
    assert schemas["io.k8s.apimachinery.pkg.util.intstr.IntOrString"]["format"] == "int-or-string"
    assert schemas["io.k8s.apimachinery.pkg.apis.meta.v1.Time"] == {"type": "string", "format": "date-time"}


def test_an_enumeration_is_of_a_lists_items():
    spec = schemas(["k8s.io.api.core.v1.ServiceSpec"], V3)["io.k8s.api.core.v1.ServiceSpec"]["properties"]
    assert spec["ipFamilies"]["items"]["enum"] == ["", "IPv4", "IPv6"]
    assert "enum" not in spec["ipFamilies"]
    assert "ClusterIP" in spec["type"]["enum"]
