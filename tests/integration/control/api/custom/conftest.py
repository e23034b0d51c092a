"""The fixtures of the API's own tests, and a client on an API that serves CronTabs."""

import pytest

from control.client.client import ApiClient
from tests.integration.control.api.conftest import authority, client, serve, served  # noqa: F401 (fixtures)
from tests.integration.control.api.custom.crontabs import definition, established


@pytest.fixture
async def crontabs(client: ApiClient) -> ApiClient:  # noqa: F811
    """An admin's client of an API where CronTab is established."""
    await established(client, definition())
    return client
