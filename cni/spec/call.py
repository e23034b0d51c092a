"""One call of a plugin: what the runtime says in the environment (specification 1.1, section 2)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from cni.errors import EnvironmentInvalid

VERBS = ("ADD", "DEL", "CHECK", "GC", "STATUS", "VERSION")
_CONTAINER = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.\-]*")
_NEEDS_CONTAINER = frozenset({"ADD", "DEL", "CHECK"})
_NEEDS_NETNS = frozenset({"ADD", "CHECK"})


@dataclass(frozen=True, slots=True)
class Call:
    """A verb and what it is about.

    netns: path of the container's namespace, may be empty for DEL. interface: its name in the container.
    args: pairs of ``CNI_ARGS``. path: directories where plugins are, ``CNI_PATH``.
    """

    verb: str
    container_id: str = ""
    netns: str = ""
    interface: str = ""
    args: tuple[tuple[str, str], ...] = ()
    path: tuple[str, ...] = ()

    def environment(self) -> dict[str, str]:
        """The variables that say it; empty ones are left out."""
        said = {
            "CNI_COMMAND": self.verb,
            "CNI_CONTAINERID": self.container_id,
            "CNI_NETNS": self.netns,
            "CNI_IFNAME": self.interface,
            "CNI_ARGS": ";".join(f"{key}={value}" for key, value in self.args),
            "CNI_PATH": ":".join(self.path),
        }
        return {key: value for key, value in said.items() if value}


def read(environment: Mapping[str, str]) -> Call:
    """The call that the environment says. Raises EnvironmentInvalid, which names the variable."""
    verb = environment.get("CNI_COMMAND", "")
    if verb not in VERBS:
        raise EnvironmentInvalid(f"CNI_COMMAND: {verb!r} is none of {', '.join(VERBS)}")
    container, interface = environment.get("CNI_CONTAINERID", ""), environment.get("CNI_IFNAME", "")
    netns = environment.get("CNI_NETNS", "")
    if verb in _NEEDS_CONTAINER:
        if not _CONTAINER.fullmatch(container):
            raise EnvironmentInvalid(
                f"CNI_CONTAINERID: {container!r} is not a container's id",
                f"it must match {_CONTAINER.pattern}",
            )
        if not is_interface_name(interface):
            raise EnvironmentInvalid(f"CNI_IFNAME: {interface!r} is not an interface's name")
    if verb in _NEEDS_NETNS and not netns.startswith("/"):
        raise EnvironmentInvalid(f"CNI_NETNS: {netns!r} is not the path of a namespace")
    return Call(
        verb,
        container,
        netns,
        interface,
        _pairs(environment.get("CNI_ARGS", "")),
        tuple(part for part in environment.get("CNI_PATH", "").split(":") if part),
    )


def is_interface_name(name: str) -> bool:
    """Whether the kernel takes it (15 bytes) and the specification does (no colon, slash or space)."""
    return 0 < len(name.encode()) < 16 and name not in {".", ".."} and not re.search(r"[/:\s]", name)


def _pairs(text: str) -> tuple[tuple[str, str], ...]:
    pairs = []
    for part in text.split(";"):
        if part:
            key, equals, value = part.partition("=")
            if not key or not equals:
                raise EnvironmentInvalid(f"CNI_ARGS: {part!r} is not KEY=VALUE")
            pairs.append((key, value))
    return tuple(pairs)
