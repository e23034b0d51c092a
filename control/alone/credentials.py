"""Who is who in an API alone: its own CA, server, admin, controllers, scheduler, nodes; and its kubeconfigs."""

import os
from pathlib import Path
from typing import Final

from control.alone.place import Place
from control.errors import AloneFailed, AloneInvalid
from control.lab.kubeconfig import kubeconfig
from control.lab.pki import KeyPair, Subject, Usage, create_ca, issue, service_account_key

SERVER: Final = Subject(
    "kube-apiserver",
    (),
    (
        "kubernetes",
        "kubernetes.default",
        "kubernetes.default.svc",
        "kubernetes.default.svc.cluster.local",
        "localhost",
        "127.0.0.1",
        "10.96.0.1",
    ),
)
CLIENTS: Final = {
    "admin": Subject("podwire-admin", ("system:masters",)),
    "controllers": Subject("system:kube-controller-manager"),
    "scheduler": Subject("system:kube-scheduler"),
    # One client plays all nodes, which no node's own name may do.
    "nodes": Subject("podwire-fake-nodes", ("system:masters",)),
}
_NAME: Final = "api"


def ensure_credentials(place: Place) -> None:
    """Make what is missing: keys on P-256, about 2 ms for all. Raises AloneFailed for what can't be read."""
    try:
        ca = create_ca(place.pki, "ca", "podwire-api-ca")
    except ValueError as error:
        raise AloneFailed(
            f"The certificate authority in {place.pki} can't be read.",
            "remove that directory: new ones are made",
        ) from error
    service_account_key(place.pki)
    for name, subject, usage in (
        ("server", SERVER, Usage.SERVER),
        *((name, subject, Usage.CLIENT) for name, subject in CLIENTS.items()),
    ):
        if not KeyPair.at(place.pki, name).exists:
            issue(ca, place.pki, name, subject, usage)


def write_kubeconfig(place: Place, port: int, copy: Path | None) -> Path:
    """The admin's kubeconfig in its place, and in ``copy``; where to find it."""
    admin = KeyPair.at(place.pki, "admin")
    text = kubeconfig(_NAME, f"https://127.0.0.1:{port}", place.pki / "ca.crt", admin.cert, admin.key)
    _write(place.kubeconfig, text)
    if copy is None:
        return place.kubeconfig
    _write(copy, text)
    return copy


def check_copy(path: Path) -> Path:
    """The path as absolute one, if a kubeconfig may be written there. Raises AloneInvalid."""
    path = path.absolute()
    if path.is_dir() or not path.parent.is_dir():
        why = "is a directory" if path.is_dir() else "is in no directory that exists"
        raise AloneInvalid(f"--kubeconfig {path} {why}.", "--kubeconfig FILE in a directory that exists")
    if path.exists() and not _ours(path):
        raise AloneInvalid(
            f"--kubeconfig {path} is there already, and podwire api did not write it.",
            "another file; `export KUBECONFIG=FILE` then points to it",
        )
    return path


def remove_copy(place: Place, copy: Path | None) -> None:
    """Take the copy away again, unless something else stands there by now."""
    if copy is None or place.kept or not copy.is_file():
        return
    if copy.read_bytes() == place.kubeconfig.read_bytes():
        copy.unlink()


def _ours(path: Path) -> bool:
    try:
        return f"\ncurrent-context: podwire-{_NAME}\n" in path.read_text()
    except (OSError, UnicodeDecodeError):
        return False


def _write(path: Path, text: str) -> None:
    """A 0600 file, in one step."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    part.unlink(missing_ok=True)
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    part.rename(path)
