"""What was attached, kept on disk: DEL, CHECK and GC need the configuration and the result of their ADD.

One file an attachment, written before the first plugin is asked and again with the result: whoever dies in
between leaves a trace that the next DEL or GC follows.
"""

import contextlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from cni.errors import LedgerDamaged

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Attachment:
    """One pod's interface on one network.

    netns: path. args: pairs of CNI_ARGS. capabilities: what the runtime tells plugins that declare to take it.
    """

    container_id: str
    netns: str
    interface: str = "eth0"
    args: tuple[tuple[str, str], ...] = ()
    capabilities: Json = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Entry:
    """An attachment, the list it was made by, and its result: None while ADD is under way, or when it died."""

    attachment: Attachment
    document: Json
    result: Json | None = None


class Cache:
    """The attachments of one network in a directory of its own."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def write(self, entry: Entry) -> None:
        """Put it in the place of what was there, whole. Raises LedgerDamaged."""
        path = self._path(entry.attachment.container_id, entry.attachment.interface)
        fresh = path.with_suffix(".new")
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            fresh.write_text(json.dumps(asdict(entry)))
            os.replace(fresh, path)
        except OSError as error:
            raise self._damaged(path, error) from error

    def find(self, container_id: str, interface: str = "eth0") -> Entry | None:
        """The attachment's entry. Raises LedgerDamaged."""
        return self._read(self._path(container_id, interface))

    def entries(self) -> tuple[Entry, ...]:
        """All of them, by container. Raises LedgerDamaged."""
        found = (self._read(path) for path in sorted(self.directory.glob("*.json")))
        return tuple(entry for entry in found if entry is not None)

    def remove(self, container_id: str, interface: str = "eth0") -> None:
        """Forget an attachment; none is no error."""
        with contextlib.suppress(FileNotFoundError):
            self._path(container_id, interface).unlink()

    def _path(self, container_id: str, interface: str) -> Path:
        return self.directory / f"{container_id}-{interface}.json"

    def _read(self, path: Path) -> Entry | None:
        try:
            document = json.loads(path.read_text())
            said = document["attachment"]
            attachment = Attachment(**(said | {"args": tuple((key, value) for key, value in said["args"])}))
            return Entry(attachment, document["document"], document["result"])
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise self._damaged(path, error) from error

    def _damaged(self, path: Path, error: Exception) -> LedgerDamaged:
        return LedgerDamaged(
            f"{path}: the record of an attachment can't be used",
            str(error),
            f"remove {path} and delete the pod",
        )
