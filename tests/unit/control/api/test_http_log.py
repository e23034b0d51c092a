"""The log of the HTTP library."""

import pytest
from aiohttp import web
from aiohttp.http_exceptions import BadStatusLine

from control.api.http_log import HTTP_LOG


@pytest.mark.parametrize("error", [BadStatusLine("\x00 \r\n"), web.RequestPayloadError("400,\n no gzip")])
def test_what_was_no_http_is_one_line(caplog: pytest.LogCaptureFixture, error: Exception) -> None:
    HTTP_LOG.error("Error handling request from %s", "1.2.3.4", exc_info=error)
    (record,) = caplog.records
    assert (record.levelname, record.exc_info) == ("WARNING", None)
    assert "\n" not in record.getMessage()
    assert "1.2.3.4" in record.getMessage()


def test_our_own_failures_keep_their_traceback(caplog: pytest.LogCaptureFixture) -> None:
    HTTP_LOG.error("failed", exc_info=KeyError("x"))
    (record,) = caplog.records
    assert (record.levelname, record.exc_info is not None) == ("ERROR", True)
