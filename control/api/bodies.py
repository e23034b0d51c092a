"""Request bodies: JSON, YAML or protobuf in, dicts out."""

from typing import Any, Final

import orjson
from aiohttp import web

from control.api.request import ApiRequest
from control.errors import BadRequest, RequestTooLarge, UnsupportedMediaType
from control.schema.protobuf import decode_protobuf

BODY_MOST: Final = 3 << 20
PROTOBUF: Final = "application/vnd.kubernetes.protobuf"
PATCHES: Final = {
    "application/json-patch+json": "json",
    "application/merge-patch+json": "merge",
    "application/strategic-merge-patch+json": "strategic",
    "application/apply-patch+yaml": "apply",
    "application/apply-patch+cbor": "",
}


async def read_body(request: ApiRequest) -> bytes:
    """The whole body. Raises RequestTooLarge beyond 3 MiB."""
    try:
        return await request.http.read()
    except web.HTTPRequestEntityTooLarge:
        raise RequestTooLarge(f"Request entity too large: limit is {BODY_MOST}") from None


async def read_object(request: ApiRequest) -> dict[str, Any]:
    """The body as an object; an empty one is ``{}``. Raises BadRequest, UnsupportedMediaType."""
    return decode(await read_body(request), request.http.content_type)


def decode(body: bytes, content_type: str) -> dict[str, Any]:
    """An object from bytes. A body that says no type is taken as JSON, as upstream does."""
    if not body:
        return {}
    if content_type == PROTOBUF or body.startswith(b"k8s\0"):
        return decode_protobuf(body)
    if content_type in ("application/json", "application/octet-stream", ""):
        value = _json(body)
    elif content_type in ("application/yaml", "application/x-yaml", "text/yaml"):
        value = _yaml(body)
    else:
        known = f"application/json, application/yaml, {PROTOBUF}"
        raise UnsupportedMediaType(
            f"the body of the request was in an unknown format - accepted media types include: {known}"
        )
    if not isinstance(value, dict):
        raise BadRequest("the object provided is unrecognized: it is no object")
    return value


def patch_type(request: ApiRequest) -> str:
    """json, merge, strategic or apply. Raises UnsupportedMediaType."""
    kind = PATCHES.get(request.http.content_type, "")
    if not kind:
        known = ", ".join(media for media, name in PATCHES.items() if name)
        raise UnsupportedMediaType(
            f"the body of the request was in an unknown format - accepted media types include: {known}"
        )
    return kind


def decode_patch(body: bytes, kind: str) -> Any:
    """The patch document: JSON, and for apply YAML. Raises BadRequest."""
    return _yaml(body) if kind == "apply" and not body.lstrip().startswith(b"{") else _json(body)


def _json(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise BadRequest(f"couldn't get version/kind; json parse error: {error}") from None


def _yaml(body: bytes) -> Any:
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        # Through JSON, so that dates become text and keys strings, as they would upstream.
        value = yaml.load(body, Loader=loader)  # noqa: S506 (a safe loader, chosen above)
        return orjson.loads(orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS))
    except (yaml.YAMLError, orjson.JSONEncodeError) as error:
        raise BadRequest(f"yaml: {error}") from None
