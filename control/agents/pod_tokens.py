"""A pod's service account tokens, renewed before they expire, as upstream's kubelet does it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from control.client.client import ApiUnreachable
from control.errors import ApiError

Json = dict[str, Any]
_SPENT: Final = 0.8
"""The part of its life after which a token is renewed; or after a day, whichever comes first."""
_OLDEST: Final = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class _Token:
    text: str
    renew: datetime
    expires: datetime


class PodTokens:
    """``ask``: (audience, seconds) → a TokenRequest as the API answers it."""

    def __init__(self, ask: Callable[[str, int], Awaitable[Json]], now: Callable[[], datetime]) -> None:
        self._ask = ask
        self._now = now
        self._have: dict[tuple[str, int], _Token] = {}

    async def get(self, audience: str, seconds: int) -> str:
        """A token that is good for a while yet. Raises ApiError, ApiUnreachable when there is none."""
        have = self._have.get((audience, seconds))
        now = self._now()
        if have is not None and now < have.renew:
            return have.text
        try:
            status = (await self._ask(audience, seconds))["status"]
        except (ApiError, ApiUnreachable):
            if have is not None and now < have.expires:
                return have.text  # next time
            raise
        expires = datetime.fromisoformat(status["expirationTimestamp"])
        life = min((expires - now) * _SPENT, _OLDEST)
        self._have[audience, seconds] = _Token(str(status["token"]), now + life, expires)
        return str(status["token"])
