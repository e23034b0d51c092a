"""The filter that finds out who asks: client certificate, then bearer token; anonymous only where it is open."""

from typing import Final

from control.api.authn.certificate import user_of
from control.api.authn.token import ServiceAccountTokens
from control.api.chain import Handler
from control.api.request import ANONYMOUS, ApiRequest, Response
from control.errors import Unauthorized

_OPEN: Final = frozenset({"/healthz", "/livez", "/readyz", "/version", "/version/"})
"""What upstream's default roles let anonymous read."""


class Authenticate:
    """Refuses whoever is not known, with 401."""

    def __init__(self, tokens: ServiceAccountTokens) -> None:
        self._tokens = tokens

    async def __call__(self, request: ApiRequest, following: Handler) -> Response:
        """Set ``request.user``."""
        transport = request.http.transport
        user = user_of(transport.get_extra_info("peercert")) if transport is not None else None
        if user is None:
            scheme, _, token = request.http.headers.get("Authorization", "").partition(" ")
            if scheme.lower() == "bearer" and token:
                user = self._tokens.user_of(token.strip())
        if user is None:
            path = request.route.path
            if path not in _OPEN and not path.startswith(("/livez/", "/readyz/", "/healthz/")):
                raise Unauthorized("Unauthorized")
            user = ANONYMOUS
        request.user = user
        return await following(request)
