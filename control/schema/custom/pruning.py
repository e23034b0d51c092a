"""Pruning: fields that a structural schema does not name are dropped, and told by their paths.

So are, untold, nulls of named fields that have no null and no default: Go clients send them for empty lists.
"""

from collections.abc import Callable
from typing import Any

from control.schema.custom.structural import Node
from control.schema.structure import check_message
from control.schema.tables import META

Fine = Callable[[Any], bool]
"""Has this value nothing to prune? Changes nothing."""
_OBJECT_META = META + "ObjectMeta"
_TYPE_META = ("apiVersion", "kind", "metadata")


class Pruner:
    """Prunes objects of one schema: one quick look, and a walk that knows its path only where that found something."""

    def __init__(self, root: Node) -> None:
        self._root = root
        self._fine = _compiled(root, root=True)

    def prune(self, obj: Any) -> list[str]:
        """Drop unknown fields in place; their paths, in order. The object's own metadata is not looked at."""
        if self._fine is None or self._fine(obj):
            return []
        found: list[str] = []
        _prune(self._root, obj, "", found, root=True)
        return found


def _compiled(node: Node, *, root: bool = False) -> Fine | None:
    """None when nothing below can be unknown."""
    if node.embedded and not root:
        return _embedded(node)
    if node.properties or node.type == "object":
        return _object(node, root=root)
    return _items(node)


def _items(node: Node) -> Fine | None:
    each = _compiled(node.items) if node.items is not None else None
    if each is None:
        return None
    one = each
    return lambda value: type(value) is not list or all(map(one, value))


def _embedded(node: Node) -> Fine:
    """Its metadata are looked at by the slow walk, which is right for all of them."""
    return lambda value: type(value) is not dict


def _object(node: Node, *, root: bool) -> Fine | None:
    inner = {key: _compiled(child) for key, child in node.properties.items()}
    if root:
        inner |= dict.fromkeys(_TYPE_META)
    every = _compiled(node.additional) if node.additional is not None else None
    rest = node.preserve or node.open or node.additional is not None
    if rest and not node.properties and node.additional is None:
        return None

    def fine(value: Any) -> bool:
        if type(value) is not dict:
            return True
        for key, child in value.items():
            if child is None:
                return False  # the slow walk knows whether null is a value here
            if key in inner:
                look = inner[key]
                if look is not None and not look(child):
                    return False
            elif not rest or (every is not None and not every(child)):
                return False
        return True

    return fine


def _prune(node: Node, value: Any, path: str, found: list[str], *, root: bool = False) -> None:
    if type(value) is list:
        if node.items is not None:
            for index, item in enumerate(value):
                _prune(node.items, item, f"{path}[{index}]", found)
        return
    if type(value) is not dict:
        return
    dot = f"{path}." if path else ""
    whole = node.embedded or root
    for key in list(value):
        if whole and key in _TYPE_META:
            if key == "metadata" and not root and type(value[key]) is dict:
                found += [f"{dot}metadata.{inner}" for inner in prune_metadata(value[key])]
        elif (child := node.properties.get(key, node.additional)) is not None:
            if value[key] is None and not child.nullable and child.raw.get("default") is None:
                del value[key]
            else:
                _prune(child, value[key], dot + key, found)
        elif not (node.preserve or node.open) and (node.properties or node.type == "object"):
            found.append(dot + key)
            del value[key]


def prune_metadata(meta: dict[str, Any]) -> tuple[str, ...]:
    """Drop what ObjectMeta has not; the paths of it."""
    return check_message(_OBJECT_META, meta).unknown
