"""ServiceAccount: every pod runs as one, and finds its token, the CA and its namespace mounted."""

from typing import Final

from control.api.admission.attempt import Attempt, Operation
from control.api.metadata import generated_name
from control.api.refusals import forbidden
from control.api.request import Json
from control.store.contract import Key, Store

MOUNT_PATH: Final = "/var/run/secrets/kubernetes.io/serviceaccount"
TOKEN_S: Final = 3607
"""Upstream asks for an hour and seven seconds, by which its kubelet's requests are told apart."""
_VOLUME: Final = "kube-api-access-"


class ServiceAccountAdmission:
    """As upstream's plug-in of that name."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def admit(self, attempt: Attempt) -> None:
        """Raises Forbidden when the account does not exist."""
        if attempt.operation is not Operation.CREATE or attempt.resource != "/pods" or attempt.new is None:
            return
        spec = attempt.new["spec"]
        if "kubernetes.io/config.mirror" in (attempt.new["metadata"].get("annotations") or {}):
            return
        name = spec.get("serviceAccountName") or "default"
        spec["serviceAccountName"] = spec["serviceAccount"] = name
        entry = self._store.get(Key("/serviceaccounts", attempt.namespace, name))
        if entry is None:
            why = f'error looking up service account {attempt.namespace}/{name}: serviceaccount "{name}" not found'
            raise forbidden(attempt.row, attempt.name, why)
        account = entry.parsed()
        if _wants_token(spec, account):
            _mount(spec)
        if not spec.get("imagePullSecrets") and account.get("imagePullSecrets"):
            spec["imagePullSecrets"] = account["imagePullSecrets"]


def _wants_token(spec: Json, account: Json) -> bool:
    for holder in (spec, account):
        if "automountServiceAccountToken" in holder:
            return bool(holder["automountServiceAccountToken"])
    return True


def _mount(spec: Json) -> None:
    """The projected volume, and its mount in each container that has nothing there yet."""
    volumes: list[Json] = spec.get("volumes") or []
    have = next((volume["name"] for volume in volumes if volume["name"].startswith(_VOLUME)), "")
    name = have or generated_name(_VOLUME)
    mounted = False
    for kind in ("initContainers", "containers"):
        for container in spec.get(kind) or ():
            mounts: list[Json] = container.get("volumeMounts") or []
            if any(mount.get("mountPath") == MOUNT_PATH for mount in mounts):
                continue
            mounts.append({"name": name, "readOnly": True, "mountPath": MOUNT_PATH})
            container["volumeMounts"] = mounts
            mounted = True
    if mounted and not have:
        spec["volumes"] = [*volumes, _volume(name)]


def _volume(name: str) -> Json:
    in_namespace = {"apiVersion": "v1", "fieldPath": "metadata.namespace"}
    return {
        "name": name,
        "projected": {
            "defaultMode": 0o644,
            "sources": [
                {"serviceAccountToken": {"expirationSeconds": TOKEN_S, "path": "token"}},
                {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
                {"downwardAPI": {"items": [{"path": "namespace", "fieldRef": in_namespace}]}},
            ],
        },
    }
