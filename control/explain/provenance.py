"""Where a rule of the kernel comes from: the API object, its version, and the line of a file that said so."""

import re
from dataclasses import dataclass
from pathlib import Path

from control.errors import ManifestInvalid
from control.explain.atlas import Atlas, Json
from control.lab.apply import SOURCE_ANNOTATION
from control.lab.manifests import read_manifests

_COMMENT = re.compile(r"(?P<kind>\S+) (?:(?P<namespace>[^/\s]+)/)?(?P<name>\S+)(?: (?P<field>\S+))?")
_PLURALS = {"NetworkPolicy": "networkpolicies", "Service": "services", "Pod": "pods"}
_WIDTH = 70
_FILE = re.compile(r"(?P<path>.+):(?P<line>\d+)")


@dataclass(frozen=True, slots=True)
class Provenance:
    """kind, key, field: of the API object. resource_version, written: of its last write; "" when it is gone.

    file: ``path:line`` when it came through `podwire apply`. text: that line of the file.
    """

    kind: str
    key: str
    field: str
    resource_version: str = ""
    written: str = ""
    file: str = ""
    text: str = ""

    @property
    def lines(self) -> tuple[str, ...]:
        """For a terminal: the line of YAML where there is one, then the object."""
        field = f" {self.field}" if self.field else ""
        version = f", resourceVersion {self.resource_version}" if self.resource_version else ", gone since"
        written = f", written {self.written}" if self.written else ""
        obj = f"{self.kind} {self.key}{field}{version}{written}"
        if not self.file:
            return (obj,)
        text = self.text if len(self.text) <= _WIDTH else f"{self.text[: _WIDTH - 1]}…"
        return f"{self.file}  {text}".rstrip(), obj


def provenance(atlas: Atlas, comment: str) -> Provenance | None:
    """The object behind a rule's comment (``NetworkPolicy shop/db spec.ingress[0].from[1]``); None for none."""
    found = _COMMENT.fullmatch(comment.strip())
    if found is None or found["kind"] not in _PLURALS:
        return None
    namespace, name, field = found["namespace"] or "", found["name"], found["field"] or ""
    key = f"{namespace}/{name}" if namespace else name
    obj = atlas.object(_PLURALS[found["kind"]], namespace, name)
    if obj is None:
        return Provenance(found["kind"], key, field)
    meta = obj["metadata"]
    file, text = _line(obj, found["kind"], field)
    return Provenance(
        found["kind"], key, field, str(meta.get("resourceVersion", "")), _written(obj), file, text
    )


def _written(obj: Json) -> str:
    times = [entry.get("time") or "" for entry in obj["metadata"].get("managedFields") or ()
             if entry.get("subresource") != "status"]  # fmt: skip
    return max(times, default="") or str(obj["metadata"].get("creationTimestamp") or "")


def _line(obj: Json, kind: str, field: str) -> tuple[str, str]:
    """``path:line`` of the field, and that line, from the file that `podwire apply` noted, if it still says so."""
    noted = _FILE.fullmatch((obj["metadata"].get("annotations") or {}).get(SOURCE_ANNOTATION, ""))
    if noted is None:
        return "", ""
    path, line = noted["path"], int(noted["line"])
    try:
        manifests = [m for m in read_manifests([path]) if m.line == line and m.object["kind"] == kind]
        if not manifests or manifests[0].object["metadata"].get("name") != obj["metadata"]["name"]:
            return f"{path}:{line}", ""
        number = manifests[0].line_of(field) if field else line
        lines = Path(path).read_text(encoding="utf-8").splitlines()
        return f"{path}:{number}", lines[number - 1].strip() if number <= len(lines) else ""
    except (ManifestInvalid, OSError):
        return f"{path}:{line}", ""
