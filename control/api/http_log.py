"""The log of the HTTP library: what was no HTTP is its sender's failure, one line without a traceback."""

import logging
from typing import Final

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

HTTP_LOG: Final = logging.getLogger("control.api.http")


def _brief(record: logging.LogRecord) -> bool:
    """A filter that lets everything pass, and shortens what the client did wrong."""
    error = record.exc_info[1] if record.exc_info else None
    if isinstance(error, HttpProcessingError | web.RequestPayloadError):
        record.levelno, record.levelname = logging.WARNING, "WARNING"
        record.msg, record.args = "%s: %s", (record.getMessage(), " ".join(str(error).split())[:200])
        record.exc_info = None
    return True


HTTP_LOG.addFilter(_brief)
