"""Rules for CustomResourceDefinitions: names, scope, versions, conversion, columns, subresources.

Source: the Kubernetes API reference of CustomResourceDefinition v1; wording as kube-apiserver has it.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from control.errors import Cause
from control.schema import causes, formats
from control.schema.custom.jsonpath import JsonPath, PathInvalid, parse
from control.schema.custom.validate_schema import schema

Raw = Mapping[str, Any]
_COLUMN_TYPES: Final = ("boolean", "date", "integer", "number", "string")
_COLUMN_FORMATS: Final = ("byte", "date", "date-time", "double", "float", "int32", "int64", "password")
_APPROVED: Final = "api-approved.kubernetes.io"
_SELECTABLE_MOST: Final = 8
_WARNING_MOST: Final = 256


def definition(obj: Mapping[str, Any]) -> list[Cause]:
    """What is wrong with a defaulted CRD; its metadata are checked elsewhere, but for the name."""
    spec: Raw = obj.get("spec") or {}
    names: Raw = spec.get("names") or {}
    wanted = f"{names.get('plural', '')}.{spec.get('group', '')}"
    found: list[Cause] = []
    name = (obj.get("metadata") or {}).get("name", "")
    if name != wanted:
        found.append(causes.invalid("metadata.name", name, 'must be spec.names.plural+"."+spec.group'))
    found += _group(spec.get("group", "")) + _approval(obj)
    found += causes.one_of("spec.scope", spec.get("scope", ""), ("Cluster", "Namespaced"))
    found += _versions(spec.get("versions") or [])
    if spec.get("preserveUnknownFields"):
        said = "cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead"
        found.append(causes.invalid("spec.preserveUnknownFields", True, said))
    found += _names(names)
    found += _conversion(spec.get("conversion") or {})
    return found


def definition_update(new: Mapping[str, Any], old: Mapping[str, Any]) -> list[Cause]:
    """What may not change: group, plural and, once it is established, scope and kind."""
    mine, was = new["spec"], old["spec"]
    found = [
        causes.immutable(f"spec.{path}", value)
        for path, value, before in (
            ("group", mine.get("group"), was.get("group")),
            ("names.plural", mine["names"].get("plural"), was["names"].get("plural")),
        )
        if value != before
    ]
    conditions = (old.get("status") or {}).get("conditions") or ()
    if any(one.get("type") == "Established" and one.get("status") == "True" for one in conditions):
        pairs = (
            ("scope", mine.get("scope"), was.get("scope")),
            ("names.kind", mine["names"].get("kind"), was["names"].get("kind")),
        )
        found += [causes.immutable(f"spec.{path}", value) for path, value, before in pairs if value != before]
    return found + _stored_versions(new)


def _stored_versions(obj: Mapping[str, Any]) -> list[Cause]:
    known = {one.get("name") for one in obj["spec"].get("versions") or ()}
    stored = (obj.get("status") or {}).get("storedVersions") or []
    return [
        causes.invalid(
            f"status.storedVersions[{index}]",
            name,
            f"missing from spec.versions; {name} was previously a storage version, and must remain in spec.versions"
            f" until a storage migration ensures no data remains persisted in {name} and removes {name} from"
            " status.storedVersions",
        )
        for index, name in enumerate(stored)
        if name not in known
    ]


def _approval(obj: Mapping[str, Any]) -> list[Cause]:
    """Groups of the Kubernetes project carry the URL of their review, or say that there was none."""
    if not (obj.get("spec") or {}).get("group", "").endswith((".k8s.io", ".kubernetes.io")):
        return []
    where = f"metadata.annotations[{_APPROVED}]"
    said = ((obj.get("metadata") or {}).get("annotations") or {}).get(_APPROVED, "")
    needed = f'protected groups must have approval annotation "{_APPROVED}"'
    issue = "see https://github.com/kubernetes/enhancements/pull/1111"
    if not said:
        return [causes.required(where, f"{needed}, {issue}")]
    if said.startswith(("unapproved", "http://", "https://")):
        return []
    told = f'{needed} with either a URL or a reason starting with "unapproved", {issue}'
    return [causes.invalid(where, said, told)]


def _group(group: str) -> list[Cause]:
    if not group:
        return [causes.required("spec.group")]
    wrong = formats.subdomain(group)
    if wrong:
        return [causes.invalid("spec.group", group, ",".join(wrong))]
    if "." not in group:
        return [causes.invalid("spec.group", group, "should be a domain with at least one dot")]
    return []


def _versions(versions: Sequence[Raw]) -> list[Cause]:
    found: list[Cause] = []
    names = [one.get("name", "") for one in versions]
    for index, version in enumerate(versions):
        found += _version(version, f"spec.versions[{index}]")
    if len(set(names)) != len(names):
        found.append(causes.invalid("spec.versions", versions, "must contain unique version names"))
    if sum(bool(one.get("storage")) for one in versions) != 1:
        said = "must have exactly one version marked as storage version"
        found.append(causes.invalid("spec.versions", versions, said))
    return found


def _version(version: Raw, at: str) -> list[Cause]:
    found = causes.all_invalid(
        f"{at}.name", version.get("name", ""), formats.dns1035(version.get("name", ""))
    )
    warning = version.get("deprecationWarning")
    if warning is not None:
        found += _warning(warning, bool(version.get("deprecated")), f"{at}.deprecationWarning")
    raw = (version.get("schema") or {}).get("openAPIV3Schema")
    if raw is None:
        found.append(causes.required(f"{at}.schema.openAPIV3Schema", "schemas are required"))
    else:
        found += schema(raw, f"{at}.schema.openAPIV3Schema")
    found += _subresources(version.get("subresources") or {}, f"{at}.subresources")
    for index, column in enumerate(version.get("additionalPrinterColumns") or ()):
        found += _column(column, f"{at}.additionalPrinterColumns[{index}]")
    return found + _selectable(version, raw or {}, f"{at}.selectableFields")


def _warning(warning: str, deprecated: bool, at: str) -> list[Cause]:  # noqa: FBT001 (a fact, not a switch)
    found: list[Cause] = []
    if not deprecated:
        found.append(causes.invalid(at, warning, "can only be set for deprecated versions"))
    if not warning:
        found.append(causes.invalid(at, warning, "must not be empty if set"))
    if len(warning) > _WARNING_MOST:
        found.append(
            causes.invalid(at, warning, f"must be <= {_WARNING_MOST} characters, was {len(warning)}")
        )
    if not warning.isprintable():
        found.append(causes.invalid(at, warning, "must only contain printable UTF-8 characters"))
    return found


def _names(names: Raw) -> list[Cause]:
    needed = ("plural", "singular", "kind", "listKind")
    found = [causes.required(f"spec.names.{key}") for key in needed if not names.get(key)]
    for key in ("plural", "singular"):
        if names.get(key):
            found += causes.all_invalid(f"spec.names.{key}", names[key], formats.dns1035(names[key]))
    for key in ("kind", "listKind"):
        if names.get(key):
            wrong = formats.dns1035(names[key].lower())
            told = [f"may have mixed case, but should otherwise match: {said}" for said in wrong]
            found += causes.all_invalid(f"spec.names.{key}", names[key], told)
    for key in ("shortNames", "categories"):
        for index, name in enumerate(names.get(key) or ()):
            found += causes.all_invalid(f"spec.names.{key}[{index}]", name, formats.dns1035(name))
    if names.get("kind") and names.get("kind") == names.get("listKind"):
        said = "kind and listKind may not be the same"
        found.append(causes.invalid("spec.names.listKind", names["listKind"], said))
    return found


def _conversion(conversion: Raw) -> list[Cause]:
    strategy, webhook = conversion.get("strategy", ""), conversion.get("webhook")
    at = "spec.conversion"
    found = causes.one_of(f"{at}.strategy", strategy, ("None", "Webhook"))
    if strategy == "None" and webhook is not None:
        found.append(
            causes.forbidden(
                f"{at}.webhookClientConfig", "should not be set when strategy is not set to Webhook"
            )
        )
    if strategy == "Webhook":
        if webhook is None or webhook.get("clientConfig") is None:
            said = "required when strategy is set to Webhook"
            found.append(causes.required(f"{at}.webhookClientConfig", said))
        if webhook is not None and not webhook.get("conversionReviewVersions"):
            found.append(causes.required(f"{at}.conversionReviewVersions"))
    return found


def _column(column: Raw, at: str) -> list[Cause]:
    found: list[Cause] = []
    if not column.get("name"):
        found.append(causes.required(f"{at}.name"))
    kind, form = column.get("type", ""), column.get("format", "")
    if not kind:
        found.append(causes.required(f"{at}.type", f"must be one of {','.join(_COLUMN_TYPES)}"))
    elif kind not in _COLUMN_TYPES:
        found.append(causes.invalid(f"{at}.type", kind, f"must be one of {','.join(_COLUMN_TYPES)}"))
    if form and form not in _COLUMN_FORMATS:
        found.append(causes.invalid(f"{at}.format", form, f"must be one of {','.join(_COLUMN_FORMATS)}"))
    if not column.get("jsonPath"):
        found.append(causes.required(f"{at}.JSONPath"))
    elif not column["jsonPath"].startswith("."):
        said = "must be a simple json path starting with ."
        found.append(causes.invalid(f"{at}.JSONPath", column["jsonPath"], said))
    return found


def _path(text: str, at: str) -> tuple[JsonPath | None, list[Cause]]:
    try:
        return parse(text), []
    except PathInvalid as error:
        return None, [causes.invalid(at, text, f"is an invalid path: {error}")]


def _subresources(subresources: Raw, at: str) -> list[Cause]:
    scale = subresources.get("scale")
    if scale is None:
        return []
    found = _scale_path(scale, "specReplicasPath", ("spec",), f"{at}.scale")
    found += _scale_path(scale, "statusReplicasPath", ("status",), f"{at}.scale")
    if scale.get("labelSelectorPath"):
        found += _scale_path(scale, "labelSelectorPath", ("status", "spec"), f"{at}.scale")
    return found


def _scale_path(scale: Raw, key: str, roots: Sequence[str], above: str) -> list[Cause]:
    at, text = f"{above}.{key}", scale.get(key, "")
    if not text:
        return [causes.required(at)]
    path, wrong = _path(text, at)
    if path is None:
        return wrong
    if not path.fields:
        return [causes.invalid(at, text, "should be a simple json path: names and dots alone")]
    if len(path.fields) < 2 or path.fields[0] not in roots:
        told = " or ".join(sorted(f".{root}" for root in roots))
        said = f"should be a json path under {'either ' if len(roots) > 1 else ''}{told}"
        return [causes.invalid(at, text, said)]
    return []


def _selectable(version: Raw, raw: Raw, at: str) -> list[Cause]:
    fields = version.get("selectableFields") or []
    found: list[Cause] = []
    if len(fields) > _SELECTABLE_MOST:
        found.append(causes.too_many(at, len(fields), _SELECTABLE_MOST))
    seen = set()
    for index, one in enumerate(fields):
        text, here = one.get("jsonPath", ""), f"{at}[{index}].jsonPath"
        if not text:
            found.append(causes.required(here))
            continue
        path, wrong = _path(text, here)
        found += wrong
        if path is not None and not wrong:
            found += _selected(path, raw, here)
        if text in seen:
            found.append(causes.duplicate(here, text))
        seen.add(text)
    return found


def _selected(path: JsonPath, raw: Raw, at: str) -> list[Cause]:
    if not path.fields or not path.text.startswith("."):
        return [causes.invalid(at, path.text, "is an invalid path: array notation is not allowed")]
    if path.fields[0] == "metadata":
        return [causes.invalid(at, path.text, "must not point to fields in metadata")]
    here: Any = raw
    for field in path.fields:
        here = (here.get("properties") or {}).get(field) if isinstance(here, Mapping) else None
    if here is None:
        known = "does not refer to a valid field"
        return [causes.invalid(at, path.text, f"is an invalid path: {known}")]
    if here.get("type") not in ("string", "integer", "boolean"):
        said = (
            "must point to a field of type string, boolean or integer."
            " Enum string fields and strings with formats are allowed."
        )
        return [causes.invalid(at, path.text, said)]
    return []
