"""The definition of the Kubernetes documentation, CronTab, with what the tests need of it."""

import copy
from typing import Any

import yaml

from control.client.client import ApiClient
from control.client.resources import CUSTOMRESOURCEDEFINITIONS, Resource

Json = dict[str, Any]
GROUP = "stable.example.com"
NAME = f"crontabs.{GROUP}"
CRONTABS = Resource(GROUP, "v1", "crontabs")
OLD = Resource(GROUP, "v1beta1", "crontabs")

TEXT = r"""
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: crontabs.stable.example.com}
spec:
  group: stable.example.com
  scope: Namespaced
  names: {plural: crontabs, kind: CronTab, shortNames: [ct], categories: [all]}
  versions:
  - name: v1
    served: true
    storage: true
    selectableFields: [{jsonPath: .spec.image}]
    additionalPrinterColumns:
    - {name: Spec, type: string, jsonPath: .spec.cronSpec, description: The cron spec}
    - {name: Replicas, type: integer, jsonPath: .spec.replicas}
    - {name: Ready, type: string, jsonPath: '.status.conditions[?(@.type=="Ready")].status', priority: 1}
    - {name: Age, type: date, jsonPath: .metadata.creationTimestamp}
    subresources:
      status: {}
      scale: {specReplicasPath: .spec.replicas, statusReplicasPath: .status.replicas, labelSelectorPath: .status.selector}
    schema:
      openAPIV3Schema:
        type: object
        description: CronTab runs a command from time to time
        properties:
          spec:
            type: object
            required: [cronSpec]
            x-kubernetes-validations:
            - {rule: self.replicas <= self.maxReplicas, message: replicas should be smaller than or equal to maxReplicas}
            - {rule: 'self.replicas >= 2 || !has(self.mode) || self.mode != "many"', messageExpression: '"many is more than %d".format([self.replicas])', fieldPath: .mode, reason: FieldValueForbidden}
            properties:
              cronSpec: {type: string, description: When it runs, pattern: '^(\d+|\*)(/\d+)?(\s+(\d+|\*)(/\d+)?){4}$'}
              image: {type: string, maxLength: 20}
              replicas: {type: integer, minimum: 1, maximum: 10, default: 1}
              maxReplicas: {type: integer, default: 10}
              port: {x-kubernetes-int-or-string: true}
              mode: {type: string, enum: [one, many]}
              fixed: {type: string, x-kubernetes-validations: [{rule: self == oldSelf, message: Value is immutable}]}
              when: {type: string, format: date-time}
              note: {type: string, nullable: true, default: none}
              tags: {type: array, x-kubernetes-list-type: set, items: {type: string}}
              steps:
                type: array
                maxItems: 3
                x-kubernetes-list-type: map
                x-kubernetes-list-map-keys: [name]
                items:
                  type: object
                  required: [name]
                  properties: {name: {type: string}, run: {type: string}, tries: {type: integer, default: 1}}
              extra: {type: object, x-kubernetes-preserve-unknown-fields: true}
              template:
                type: object
                x-kubernetes-embedded-resource: true
                x-kubernetes-preserve-unknown-fields: true
          status:
            type: object
            properties:
              replicas: {type: integer}
              selector: {type: string}
              conditions:
                type: array
                items: {type: object, properties: {type: {type: string}, status: {type: string}}}
  - name: v1beta1
    served: true
    storage: false
    deprecated: true
    schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
"""


def definition() -> Json:
    """A fresh copy of the CRD."""
    return copy.deepcopy(yaml.safe_load(TEXT))


def crontab(name: str = "a", *, api_version: str = f"{GROUP}/v1", **spec: Any) -> Json:
    """A CronTab that is right, but for what ``spec`` makes of it."""
    wanted = {"cronSpec": "* * * * */5", "image": "img", **spec}
    return {"apiVersion": api_version, "kind": "CronTab", "metadata": {"name": name}, "spec": wanted}


def condition(obj: Json, kind: str) -> Json:
    """A status condition; empty while there is none."""
    conditions = (obj.get("status") or {}).get("conditions") or ()
    return next((one for one in conditions if one["type"] == kind), {})


async def established(client: ApiClient, crd: Json) -> Json:
    """Create a CRD, and watch it until it is established."""
    made = await client.create(CUSTOMRESOURCEDEFINITIONS, crd)
    name = made["metadata"]["name"]
    async for event in client.watch(
        CUSTOMRESOURCEDEFINITIONS, field_selector=f"metadata.name={name}", initial=True
    ):
        if condition(event.object, "Established").get("status") == "True":
            return event.object
    raise AssertionError("the watch ended")
