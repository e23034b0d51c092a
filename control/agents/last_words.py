"""Termination messages: what a container writes to its terminationMessagePath, or the end of its log."""

from pathlib import Path
from typing import Any

from control.agents.images import facts_of
from control.agents.pod_logs import parse_line

Json = dict[str, Any]
_MOST_BYTES = 4096
_LOG_BYTES, _LOG_LINES = 2048, 80
DEFAULT_PATH = "/dev/termination-log"


def message_file(directory: Path, container: Json, attempt: int) -> Path:
    """Where one run's message lies on the node."""
    return directory / f"said-{container['name']}-{attempt}"


def message_mount(directory: Path, container: Json, attempt: int) -> tuple[tuple[str, str, str, str], ...]:
    """A writable file for the message; none for an image that becomes a stand-in, which has nothing to say."""
    if not container.get("command") and not facts_of(container.get("image", "")).known_base:
        return ()
    place = message_file(directory, container, attempt)
    directory.mkdir(parents=True, exist_ok=True)
    place.touch()
    place.chmod(0o666)
    return ((str(place), container.get("terminationMessagePath") or DEFAULT_PATH, "rw", ""),)


def read_message(place: Path, log: Path, container: Json, code: int) -> str:
    """The message of a run that ended with ``code``, as upstream cuts it."""
    text = ""
    if place.exists():
        with place.open("rb") as file:
            text = file.read(_MOST_BYTES).decode(errors="replace")
    if text or code == 0 or container.get("terminationMessagePolicy") != "FallbackToLogsOnError":
        return text
    return _end_of(log)


def _end_of(log: Path) -> str:
    if not log.exists():
        return ""
    with log.open("rb") as file:
        file.seek(0, 2)
        file.seek(max(file.tell() - 4 * _LOG_BYTES, 0))
        lines = [parse_line(line) for line in file.read().splitlines()]
    texts = [parsed[3] for parsed in lines if parsed is not None][-_LOG_LINES:]
    return (b"\n".join(texts) + b"\n")[-_LOG_BYTES:].decode(errors="replace")
