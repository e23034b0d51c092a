"""Request bodies: JSON, YAML or protobuf in, dicts out."""

from typing import Any, Final

import orjson
from aiohttp import web

from control.api.request import ApiRequest
from control.errors import BadRequest, RequestTooLarge, UnsupportedMediaType
from control.schema.protobuf import decode_protobuf
from control.schema.structure import check_message

BODY_MOST: Final = 3 << 20
JSON_TYPES: Final = ("application/json", "application/octet-stream", "")
DEPTH_MOST: Final = 200
"""Levels of an object. Below what the JSON encoder can write (254), as objects stand in lists and events, too."""
YAML_TYPES: Final = ("application/yaml", "application/x-yaml", "text/yaml")
PROTOBUF: Final = "application/vnd.kubernetes.protobuf"
PATCHES: Final = {
    "application/json-patch+json": "json",
    "application/merge-patch+json": "merge",
    "application/strategic-merge-patch+json": "strategic",
    "application/apply-patch+yaml": "apply",
    "application/apply-patch+cbor": "",
}


async def read_body(request: ApiRequest) -> bytes:
    """The whole body. Raises RequestTooLarge beyond 3 MiB, BadRequest."""
    try:
        return await request.http.read()
    except web.HTTPRequestEntityTooLarge:
        raise RequestTooLarge(f"Request entity too large: limit is {BODY_MOST}") from None
    except web.RequestPayloadError as error:  # cut off, or not compressed as its header says
        said = " ".join(str(error).removeprefix("400, message:").split())
        raise BadRequest(f"the body of the request can't be read: {said}") from None


async def read_object(request: ApiRequest, message: str = "") -> dict[str, Any]:
    """The body as an object; an empty one is ``{}``. Raises BadRequest, UnsupportedMediaType.

    message: its full name in the schema, to check its structure; the body of a verb is checked by the writer.
    """
    body = decode(await read_body(request), request.http.content_type)
    if message and body:
        check_message(message, body).refuse(strict=False)
    return body


def decode(body: bytes, content_type: str) -> dict[str, Any]:
    """An object from bytes. A body that says no type is taken as JSON, as upstream does."""
    if not body:
        return {}
    if content_type == PROTOBUF or body.startswith(b"k8s\0"):
        return decode_protobuf(body)
    if content_type in JSON_TYPES:
        value = _json(body)
    elif content_type in YAML_TYPES:
        value = _yaml(body)
    else:
        known = f"application/json, application/yaml, {PROTOBUF}"
        raise UnsupportedMediaType(
            f"the body of the request was in an unknown format - accepted media types include: {known}"
        )
    if not isinstance(value, dict):
        raise BadRequest("the object provided is unrecognized: it is no object")
    return value


def repacked(value: Any) -> Any:
    """A copy that shares nothing. Raises BadRequest for what nests too deeply to be stored."""
    try:
        return orjson.loads(orjson.dumps(value))
    except orjson.JSONEncodeError as error:
        raise BadRequest(f"the object can't be written: {error}") from None


def patch_type(request: ApiRequest, *, strategic: bool = True) -> str:
    """json, merge, strategic (where the kind can) or apply. Raises UnsupportedMediaType."""
    kind = PATCHES.get(request.http.content_type, "")
    if not kind or (kind == "strategic" and not strategic):
        known = ", ".join(
            media for media, name in PATCHES.items() if name and (strategic or name != "strategic")
        )
        raise UnsupportedMediaType(
            f"the body of the request was in an unknown format - accepted media types include: {known}"
        )
    return kind


def decode_patch(body: bytes, kind: str) -> Any:
    """The patch document: JSON, and for apply YAML. Raises BadRequest."""
    return _yaml(body) if kind == "apply" and not body.lstrip().startswith(b"{") else _json(body)


def refuse_null_items(value: Any) -> None:
    """Raises BadRequest for a null in a list: an apply has no use for an item that has no key."""
    if isinstance(value, list) and any(item is None for item in value):
        raise BadRequest("a list of the apply patch has a null item")
    for inner in value.values() if isinstance(value, dict) else value:
        if isinstance(inner, dict | list):
            refuse_null_items(inner)


def _json(body: bytes) -> Any:
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise BadRequest(f"couldn't get version/kind; json parse error: {error}") from None
    if body.count(b"{") + body.count(b"[") > DEPTH_MOST:
        _check_depth(value)
    return value


def _check_depth(value: Any) -> None:
    """Raises BadRequest for what nests deeper than can be walked and stored."""
    level = [value]
    for _ in range(DEPTH_MOST):
        inner = (one.values() if type(one) is dict else one for one in level)
        level = [child for children in inner for child in children if type(child) in (dict, list)]
        if not level:
            return
    raise BadRequest(f"the object nests deeper than {DEPTH_MOST} levels")


def _yaml(body: bytes) -> Any:
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        # A few lines of aliases of aliases unfold to all the memory there is.
        if b"*" in body and any(
            isinstance(token, yaml.AliasToken) for token in yaml.scan(body, Loader=loader)
        ):
            raise BadRequest("yaml: an alias (*name) is not accepted here; write out what it stands for")
        # Through JSON, so that dates become text and keys strings, as they would upstream.
        value = yaml.load(body, Loader=loader)  # noqa: S506 (a safe loader, chosen above)
        return _json(orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS))
    except (yaml.YAMLError, orjson.JSONEncodeError, ValueError, RecursionError) as error:
        raise BadRequest(f"yaml: {error}") from None
