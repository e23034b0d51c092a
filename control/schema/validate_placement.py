"""Rules for what places a pod: affinity, tolerations, topology spread."""

from collections.abc import Mapping
from typing import Any

from control.errors import Cause
from control.schema import causes, formats
from control.schema.validate_meta import label_selector

_NODE_OPERATORS = ("DoesNotExist", "Exists", "Gt", "In", "Lt", "NotIn")
_EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")
_UNSATISFIABLE = ("DoNotSchedule", "ScheduleAnyway")
_INCLUSIONS = ("nodeAffinityPolicy", "nodeTaintsPolicy")
_WEIGHT_WORDS = "must be in the range 1-100"
_REQUIRED, _PREFERRED = (
    "requiredDuringSchedulingIgnoredDuringExecution",
    "preferredDuringSchedulingIgnoredDuringExecution",
)


def affinity(value: Mapping[str, Any], path: str) -> list[Cause]:
    """A pod's affinity."""
    found: list[Cause] = []
    if "nodeAffinity" in value:
        found += _node_affinity(value["nodeAffinity"], f"{path}.nodeAffinity")
    for kind in ("podAffinity", "podAntiAffinity"):
        if kind in value:
            found += _pod_affinity(value[kind], f"{path}.{kind}")
    return found


def _node_affinity(value: Mapping[str, Any], path: str) -> list[Cause]:
    found: list[Cause] = []
    if _REQUIRED in value:
        found += node_selector(value[_REQUIRED], f"{path}.{_REQUIRED}")
    for index, item in enumerate(value.get(_PREFERRED, ())):
        at = f"{path}.{_PREFERRED}[{index}]"
        if not 1 <= item.get("weight", 0) <= 100:
            found.append(causes.invalid(f"{at}.weight", item.get("weight", 0), _WEIGHT_WORDS))
        found += _node_term(item.get("preference", {}), f"{at}.preference", preferred=True)
    return found


def node_selector(value: Mapping[str, Any], path: str) -> list[Cause]:
    """Terms of which one must hold."""
    terms = value.get("nodeSelectorTerms")
    if not terms:
        said = "must have at least one node selector term"
        return [causes.required(f"{path}.nodeSelectorTerms", said)]
    found: list[Cause] = []
    for index, term in enumerate(terms):
        found += _node_term(term, f"{path}.nodeSelectorTerms[{index}]")
    return found


def _node_term(term: Mapping[str, Any], path: str, *, preferred: bool = False) -> list[Cause]:
    """A term; the values of a preferred one need not be label values."""
    found: list[Cause] = []
    for index, item in enumerate(term.get("matchExpressions", ())):
        at = f"{path}.matchExpressions[{index}]"
        found += _node_requirement(item, at)
        for number, value in enumerate(() if preferred else item.get("values", ())):
            found += causes.all_invalid(f"{at}.values[{number}]", value, formats.label_value(value))
    for index, item in enumerate(term.get("matchFields", ())):
        at = f"{path}.matchFields[{index}]"
        if item.get("operator") not in ("In", "NotIn"):
            said = "not a valid selector operator"
            found.append(causes.invalid(f"{at}.operator", item.get("operator", ""), said))
        elif len(item.get("values", ())) != 1:
            said = "must be only one value when `operator` is 'In' or 'NotIn' for node field selector"
            found.append(causes.required(f"{at}.values", said))
        if item.get("key") != "metadata.name":
            said = "not a valid field selector key"
            found.append(causes.invalid(f"{at}.key", item.get("key", ""), said))
    return found


def _node_requirement(item: Mapping[str, Any], at: str) -> list[Cause]:
    found: list[Cause] = []
    operator, values = item.get("operator", ""), item.get("values", ())
    if operator in ("In", "NotIn"):
        if not values:
            said = "must be specified when `operator` is 'In' or 'NotIn'"
            found.append(causes.required(f"{at}.values", said))
    elif operator in ("Exists", "DoesNotExist"):
        if values:
            said = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"
            found.append(causes.forbidden(f"{at}.values", said))
    elif operator in ("Gt", "Lt"):
        if len(values) != 1:
            said = "must be specified single value when `operator` is 'Lt' or 'Gt'"
            found.append(causes.required(f"{at}.values", said))
    else:
        found.append(causes.invalid(f"{at}.operator", operator, "not a valid selector operator"))
    key = item.get("key", "")
    return found + causes.all_invalid(f"{at}.key", key, formats.qualified_name(key))


def _pod_affinity(value: Mapping[str, Any], path: str) -> list[Cause]:
    found: list[Cause] = []
    for index, term in enumerate(value.get(_REQUIRED, ())):
        found += _pod_term(term, f"{path}.{_REQUIRED}[{index}]")
    for index, item in enumerate(value.get(_PREFERRED, ())):
        at = f"{path}.{_PREFERRED}[{index}]"
        if not 1 <= item.get("weight", 0) <= 100:
            found.append(causes.invalid(f"{at}.weight", item.get("weight", 0), _WEIGHT_WORDS))
        found += _pod_term(item.get("podAffinityTerm", {}), f"{at}.podAffinityTerm")
    return found


def _pod_term(term: Mapping[str, Any], path: str) -> list[Cause]:
    found = label_selector(term.get("labelSelector"), f"{path}.labelSelector")
    found += label_selector(term.get("namespaceSelector"), f"{path}.namespaceSelector")
    for name in term.get("namespaces", ()):
        found += causes.all_invalid(f"{path}.namespace", name, formats.label(name))
    key = term.get("topologyKey", "")
    if not key:
        found.append(causes.required(f"{path}.topologyKey", "can not be empty"))
    return found + causes.all_invalid(f"{path}.topologyKey", key, formats.qualified_name(key))


def tolerations(items: list[dict[str, Any]], path: str) -> list[Cause]:
    """A pod's tolerations."""
    found: list[Cause] = []
    for index, item in enumerate(items):
        at = f"{path}[{index}]"
        key, operator, effect = item.get("key", ""), item.get("operator", ""), item.get("effect", "")
        if key:
            found += causes.all_invalid(f"{at}.key", key, formats.qualified_name(key))
        elif operator != "Exists":
            said = 'operator must be Exists when `key` is empty, which means "match all values and all keys"'
            found.append(causes.invalid(f"{at}.operator", operator, said))
        if "tolerationSeconds" in item and effect != "NoExecute":
            said = "effect must be 'NoExecute' when `tolerationSeconds` is set"
            found.append(causes.invalid(f"{at}.effect", effect, said))
        if operator in ("", "Equal"):
            value = item.get("value", "")
            wrong = formats.label_value(value)
            if wrong:
                found.append(causes.invalid(f"{at}.operator", value, ";".join(wrong)))
        elif operator == "Exists":
            if item.get("value"):
                said = "value must be empty when `operator` is 'Exists'"
                found.append(causes.invalid(f"{at}.operator", item["value"], said))
        elif operator not in ("Lt", "Gt"):
            found.append(causes.not_supported(f"{at}.operator", operator, ("Equal", "Exists")))
        if effect and effect not in _EFFECTS:
            found.append(causes.not_supported(f"{at}.effect", effect, _EFFECTS))
    return found


def spread(items: list[dict[str, Any]], path: str) -> list[Cause]:
    """A pod's topologySpreadConstraints."""
    found: list[Cause] = []
    pairs = [(item.get("topologyKey", ""), item.get("whenUnsatisfiable", "")) for item in items]
    for index, item in enumerate(items):
        at = f"{path}[{index}]"
        if item.get("maxSkew", 0) <= 0:
            found.append(causes.invalid(f"{at}.maxSkew", item.get("maxSkew", 0), "must be greater than zero"))
        key, action = item.get("topologyKey", ""), item.get("whenUnsatisfiable", "")
        if not key:
            found.append(causes.required(f"{at}.topologyKey", "can not be empty"))
        if action not in _UNSATISFIABLE:
            found.append(causes.not_supported(f"{at}.whenUnsatisfiable", action, _UNSATISFIABLE))
        if (key, action) in pairs[index + 1 :]:
            found.append(causes.duplicate(f"{at}.{{topologyKey, whenUnsatisfiable}}", f"{{{key}, {action}}}"))
        odd = [key for key in _INCLUSIONS if item.get(key, "Honor") not in ("Honor", "Ignore")]
        found += [causes.not_supported(f"{at}.{key}", item[key], ("Honor", "Ignore")) for key in odd]
        least = item.get("minDomains")
        if least is not None and least <= 0:
            found.append(causes.invalid(f"{at}.minDomains", least, "must be greater than zero"))
        if least is not None and action != "DoNotSchedule":
            said = f"can only use minDomains if whenUnsatisfiable=DoNotSchedule, not {action}"
            found.append(causes.invalid(f"{at}.minDomains", least, said))
        found += label_selector(item.get("labelSelector"), f"{at}.labelSelector")
    return found
