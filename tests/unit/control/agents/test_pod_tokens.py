"""Tokens in pods are renewed in time, asked for seldom, and kept while the API can't be reached."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from control.agents.pod_tokens import PodTokens
from control.client.client import ApiUnreachable

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


class Api:
    """Numbers its tokens; ``now`` is the test's clock."""

    def __init__(self) -> None:
        self.now = BEGIN
        self.asked: list[tuple[str, int]] = []
        self.down = False

    async def ask(self, audience: str, seconds: int) -> dict[str, Any]:
        if self.down:
            raise ApiUnreachable("no")
        self.asked.append((audience, seconds))
        expires = (self.now + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")
        return {"status": {"token": f"token {len(self.asked)}", "expirationTimestamp": expires}}

    def tokens(self) -> PodTokens:
        return PodTokens(self.ask, lambda: self.now)


async def test_a_token_serves_for_four_fifths_of_its_life() -> None:
    api = Api()
    tokens = api.tokens()
    assert await tokens.get("", 3600) == "token 1"
    api.now = BEGIN + timedelta(seconds=2879)
    assert await tokens.get("", 3600) == "token 1"
    api.now = BEGIN + timedelta(seconds=2880)
    assert await tokens.get("", 3600) == "token 2"
    assert len(api.asked) == 2


async def test_a_token_that_lives_long_is_renewed_after_a_day() -> None:
    api = Api()
    tokens = api.tokens()
    await tokens.get("", 30 * 86_400)
    api.now = BEGIN + timedelta(hours=24)
    assert await tokens.get("", 30 * 86_400) == "token 2"


async def test_each_audience_has_its_own() -> None:
    api = Api()
    tokens = api.tokens()
    assert await tokens.get("", 3600) == "token 1"
    assert await tokens.get("vault", 3600) == "token 2"
    assert await tokens.get("", 3600) == "token 1"


async def test_while_the_api_is_away_the_old_one_serves_until_it_expires() -> None:
    api = Api()
    tokens = api.tokens()
    await tokens.get("", 3600)
    api.down = True
    api.now = BEGIN + timedelta(seconds=3599)
    assert await tokens.get("", 3600) == "token 1"
    api.now = BEGIN + timedelta(seconds=3600)
    with pytest.raises(ApiUnreachable):
        await tokens.get("", 3600)
