"""serviceaccounts/token (TokenRequest), and the reviews that ask who somebody is and what he may do."""

from datetime import UTC, datetime
from typing import Final

import orjson

from control.api.authn.token import Bound, ServiceAccountTokens
from control.api.bodies import read_object
from control.api.metadata import timestamp
from control.api.refusals import conflict, invalid, not_allowed, not_found
from control.api.request import Answer, ApiRequest, Json, User
from control.errors import BadRequest, Cause, Unauthorized
from control.schema.resource import ResourceRow
from control.store.contract import Key, Store

_SHORTEST_S: Final = 600
_USUAL_S: Final = 3600
_LONGEST_S: Final = 1 << 32


class TokenSubresource:
    """POST of ``serviceaccounts/NAME/token``."""

    def __init__(self, store: Store, tokens: ServiceAccountTokens) -> None:
        self._store = store
        self._tokens = tokens

    async def __call__(self, row: ResourceRow, request: ApiRequest) -> Answer:
        """A fresh token. Raises NotFound, Invalid, Conflict."""
        route = request.route
        if route.verb != "create":
            raise not_allowed()
        body = await read_object(request, "k8s.io.api.authentication.v1.TokenRequest")
        spec = body.get("spec") or {}
        entry = self._store.get(Key("/serviceaccounts", route.namespace, route.name))
        if entry is None:
            raise not_found(row, route.name)
        seconds = spec.get("expirationSeconds") or _USUAL_S
        if not _SHORTEST_S <= seconds <= _LONGEST_S:
            limit = "less than 10 minutes" if seconds < _SHORTEST_S else "larger than 2^32 seconds"
            why = f"Invalid value: {seconds}: may not specify a duration {limit}"
            raise invalid(row, route.name, [Cause("FieldValueInvalid", why, "spec.expirationSeconds")])
        bound = self._bound(row, request, spec.get("boundObjectRef"), entry.parsed())
        audiences = spec.get("audiences") or [self._tokens.issuer]
        token, expires = self._tokens.issue(entry.parsed(), audiences, seconds, bound=bound)
        answer: Json = {
            "kind": "TokenRequest",
            "apiVersion": "authentication.k8s.io/v1",
            "metadata": {"name": route.name, "namespace": route.namespace, "creationTimestamp": timestamp()},
            "spec": {"audiences": audiences, "expirationSeconds": seconds},
            "status": {
                "token": token,
                "expirationTimestamp": timestamp(datetime.fromtimestamp(expires, UTC)),
            },
        }
        if spec.get("boundObjectRef"):
            answer["spec"]["boundObjectRef"] = spec["boundObjectRef"]
        return Answer(orjson.dumps(answer), 201)

    def _bound(self, row: ResourceRow, request: ApiRequest, ref: Json | None, account: Json) -> Bound | None:
        if not ref:
            return None
        kind, name = ref.get("kind", ""), ref.get("name", "")
        if kind not in ("Pod", "Secret"):
            raise BadRequest(
                f"cannot bind token to object of type {ref.get('apiVersion', 'v1')}, Kind={kind}"
            )
        namespace = request.route.namespace
        entry = self._store.get(Key(f"/{kind.lower()}s", namespace, name))
        if entry is None:
            raise BadRequest(f'{kind.lower()}s "{name}" not found')
        obj = entry.parsed()
        if ref.get("uid") and ref["uid"] != obj["metadata"]["uid"]:
            why = f"the UID in the bound object reference ({ref['uid']}) does not match the UID in record"
            raise conflict(row, account["metadata"]["name"], why)
        if kind == "Pod" and obj["spec"].get("serviceAccountName") != account["metadata"]["name"]:
            raise BadRequest(
                "cannot bind token for serviceaccount to pod running with different serviceaccount name"
            )
        return Bound(kind, name, obj["metadata"]["uid"])


class Reviews:
    """TokenReview, SelfSubjectReview and the access reviews, which are asked and not stored.

    podwire authorises nothing yet: whoever is known may do everything, and the reviews say so.
    """

    def __init__(self, tokens: ServiceAccountTokens) -> None:
        self._tokens = tokens

    async def access(self, row: ResourceRow, request: ApiRequest) -> Answer:
        """SelfSubjectAccessReview, SubjectAccessReview, LocalSubjectAccessReview."""
        body = await _asked(row, request)
        return Answer(
            orjson.dumps({**body, "status": {"allowed": True, "reason": "podwire: no RBAC yet"}}), 201
        )

    async def rules(self, row: ResourceRow, request: ApiRequest) -> Answer:
        """SelfSubjectRulesReview."""
        body = await _asked(row, request)
        everything = {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}
        status = {
            "resourceRules": [everything],
            "nonResourceRules": [{"verbs": ["*"], "nonResourceURLs": ["*"]}],
            "incomplete": False,
        }
        return Answer(orjson.dumps({**body, "status": status}), 201)

    async def self_subject(self, row: ResourceRow, request: ApiRequest) -> Answer:
        """SelfSubjectReview: kubectl auth whoami."""
        body = await _asked(row, request)
        return Answer(orjson.dumps({**body, "status": {"userInfo": _user_info(request.user)}}), 201)

    async def token(self, row: ResourceRow, request: ApiRequest) -> Answer:
        """TokenReview. Raises BadRequest for one without a token."""
        body = await _asked(row, request)
        spec = body.get("spec") or {}
        if not spec.get("token"):
            raise BadRequest("token is required for TokenReview in authentication")
        audiences = spec.get("audiences") or [self._tokens.issuer]
        try:
            self._tokens.claims(spec.get("token", ""), audiences)
            user = self._tokens.user_of(spec["token"]) if self._tokens.issuer in audiences else User("")
            status: Json = {"authenticated": True, "user": _user_info(user), "audiences": audiences}
        except Unauthorized:
            status = {"user": {}, "error": "invalid bearer token"}
        return Answer(orjson.dumps({**body, "status": status}), 201)


async def _asked(row: ResourceRow, request: ApiRequest) -> Json:
    if request.route.verb != "create":
        raise not_allowed()
    body = await read_object(request, row.message)
    return {"kind": row.kind, "apiVersion": row.api_version, "metadata": {}, "spec": body.get("spec") or {}}


def _user_info(user: User) -> Json:
    extra = {key: list(values) for key, values in user.extra.items()}
    known = {"username": user.name, "uid": user.uid, "groups": list(user.groups), "extra": extra}
    return {key: value for key, value in known.items() if value}
