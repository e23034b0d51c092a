"""The OpenAPI documents that we publish."""


def openapi_v2() -> bytes:
    """``/openapi/v2`` as JSON; cached."""
    raise NotImplementedError


def openapi_v3_index() -> bytes:
    """``/openapi/v3`` as JSON: paths and their versioned URLs; cached."""
    raise NotImplementedError


def openapi_v3(path: str) -> bytes | None:
    """The document of one group version (``api/v1``, ``apis/apps/v1``); None when there is none; cached."""
    raise NotImplementedError
