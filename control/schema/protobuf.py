"""Protobuf bodies, as kubectl and Go clients send them, into JSON form."""

from typing import Any


def decode_protobuf(body: bytes) -> dict[str, Any]:
    """The object in a ``k8s\\0`` envelope, with apiVersion and kind. Raises BadRequest."""
    raise NotImplementedError
