"""Service account tokens: made by TokenRequest, signed ES256, good only while what they are bound to exists."""

import hashlib
import time
import uuid
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from control.api.request import Json, User
from control.errors import Unauthorized

Lookup = Callable[[str, str, str], Json | None]
"""(plural of the core group, namespace, name) → the object, or None."""
_CLAIM: Final = "kubernetes.io"
_CHECKED: Final = 1024


@dataclass(frozen=True, slots=True)
class Bound:
    """What a token is bound to beside its service account: a pod (and its node), or a secret."""

    kind: str
    name: str
    uid: str


class ServiceAccountTokens:
    """Issues and checks tokens. ``lookup`` reads the store."""

    def __init__(self, key: Path, issuer: str, lookup: Lookup) -> None:
        private = serialization.load_pem_private_key(key.read_bytes(), password=None)
        assert isinstance(private, ec.EllipticCurvePrivateKey)
        self._private = private
        self._public = private.public_key()
        public = self._public.public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        self._key_id = hashlib.sha256(public).hexdigest()[:32]
        self._issuer = issuer
        self._lookup = lookup
        self._known: OrderedDict[str, Json] = OrderedDict()

    @property
    def issuer(self) -> str:
        """The API's audience too."""
        return self._issuer

    def issue(
        self, account: Json, audiences: Sequence[str], seconds: int, *, bound: Bound | None = None
    ) -> tuple[str, int]:
        """A token for a ServiceAccount object, and when it expires (seconds since the epoch)."""
        meta, now = account["metadata"], int(time.time())
        claim: Json = {
            "namespace": meta["namespace"],
            "serviceaccount": {"name": meta["name"], "uid": meta["uid"]},
        }
        if bound is not None:
            claim[bound.kind.lower()] = {"name": bound.name, "uid": bound.uid}
            node = self._node_of(meta["namespace"], bound)
            if node:
                claim["node"] = node
        claims = {
            "iss": self._issuer,
            "sub": f"system:serviceaccount:{meta['namespace']}:{meta['name']}",
            "aud": list(audiences) or [self._issuer],
            "exp": now + seconds,
            "iat": now,
            "nbf": now,
            "jti": str(uuid.uuid4()),
            _CLAIM: claim,
        }
        token = jwt.encode(claims, self._private, algorithm="ES256", headers={"kid": self._key_id})
        return token, now + seconds

    def _node_of(self, namespace: str, bound: Bound) -> dict[str, str] | None:
        pod = self._lookup("pods", namespace, bound.name) if bound.kind == "Pod" else None
        name = (pod or {}).get("spec", {}).get("nodeName", "")
        node = self._lookup("nodes", "", name) if name else None
        return {"name": name, "uid": node["metadata"]["uid"]} if node else None

    def user_of(self, token: str) -> User:
        """Who shows this token. Raises Unauthorized."""
        claims = self.claims(token, [self._issuer])
        claim = claims[_CLAIM]
        namespace, account = claim["namespace"], claim["serviceaccount"]
        extra = {"authentication.kubernetes.io/credential-id": (f"JTI={claims['jti']}",)}
        if "pod" in claim:
            extra["authentication.kubernetes.io/pod-name"] = (claim["pod"]["name"],)
            extra["authentication.kubernetes.io/pod-uid"] = (claim["pod"]["uid"],)
        if "node" in claim:
            extra["authentication.kubernetes.io/node-name"] = (claim["node"]["name"],)
            extra["authentication.kubernetes.io/node-uid"] = (claim["node"].get("uid", ""),)
        groups = ("system:serviceaccounts", f"system:serviceaccounts:{namespace}", "system:authenticated")
        name = f"system:serviceaccount:{namespace}:{account['name']}"
        return User(name, groups, account["uid"], extra)

    def claims(self, token: str, audiences: Sequence[str]) -> Json:
        """The claims of a good token whose objects exist. Raises Unauthorized."""
        claims = self._verified(token)
        if not set(claims.get("aud", ())) & set(audiences) or claims.get("exp", 0) <= time.time():
            raise Unauthorized("Unauthorized")
        claim = claims.get(_CLAIM, {})
        self._exists("serviceaccounts", claim.get("namespace", ""), claim.get("serviceaccount"))
        for kind in ("pod", "secret"):
            if kind in claim:
                self._exists(f"{kind}s", claim["namespace"], claim[kind])
        return claims

    def _verified(self, token: str) -> Json:
        """The claims, signature checked; a token that was checked before is remembered (ECDSA costs 0.1 ms)."""
        known = self._known.get(token)
        if known is not None:
            return known
        try:
            claims: Json = jwt.decode(
                token,
                self._public,
                algorithms=["ES256"],
                issuer=self._issuer,
                options={"verify_aud": False, "require": ["exp", "iss", "sub"]},
            )
        except jwt.InvalidTokenError:
            raise Unauthorized("Unauthorized") from None
        self._known[token] = claims
        if len(self._known) > _CHECKED:
            self._known.popitem(last=False)
        return claims

    def _exists(self, plural: str, namespace: str, wanted: Any) -> None:
        have = self._lookup(plural, namespace, wanted["name"]) if wanted else None
        if have is None or have["metadata"]["uid"] != wanted["uid"]:
            raise Unauthorized("Unauthorized")
