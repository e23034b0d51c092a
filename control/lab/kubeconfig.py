"""The kubeconfig of a lab: the caller's client certificate against the API on loopback."""

import base64
from pathlib import Path

import yaml


def kubeconfig(lab: str, server: str, ca: Path, certificate: Path, key: Path) -> str:
    """A kubeconfig with everything inside, so that it can be copied; YAML text."""

    def inside(path: Path) -> str:
        return base64.b64encode(path.read_bytes()).decode()

    name = f"podwire-{lab}"
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": name,
        "clusters": [{"name": name, "cluster": {"server": server, "certificate-authority-data": inside(ca)}}],
        "users": [
            {
                "name": f"{name}-admin",
                "user": {"client-certificate-data": inside(certificate), "client-key-data": inside(key)},
            }
        ],
        "contexts": [{"name": name, "context": {"cluster": name, "user": f"{name}-admin"}}],
        "preferences": {},
    }
    return yaml.safe_dump(document, sort_keys=False)
