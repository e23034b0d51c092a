"""The root namespace as it is, so that it can be shown to be the same before, during and after a lab."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dataplane.netlink import listing

_LISTS = ("links", "addresses", "routes", "rules", "ruleset")
_RESOLV_CONF = Path("/etc/resolv.conf")
_SYSCTLS = "/proc/sys/net"
_VOLATILE = re.compile(
    r"/(nf_conntrack_count"  # changes with every connection
    r"|tcp_fastopen_key|stable_secret"  # made by the kernel at first use
    r"|flush)$"  # to write only
)
_COUNTER = re.compile(r"\bcounter packets \d+ bytes \d+")


@dataclass(frozen=True, slots=True)
class RootState:
    """What a lab must not change.

    lists: lines by kind (links, addresses, routes, rules, ruleset). sysctls: settings under net, by path.
    resolver: /etc/resolv.conf, as text.
    """

    lists: Mapping[str, tuple[str, ...]]
    sysctls: Mapping[str, str]
    resolver: str

    def as_json(self) -> dict[str, Any]:
        """For keeping it in a file."""
        return {
            "lists": {kind: list(lines) for kind, lines in self.lists.items()},
            "sysctls": dict(self.sysctls),
            "resolver": self.resolver,
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "RootState":
        """From what ``as_json`` gave. KeyError or TypeError when it is something else."""
        lists = {kind: tuple(lines) for kind, lines in document["lists"].items()}
        return cls(lists, dict(document["sysctls"]), str(document["resolver"]))

    def differences(self, other: "RootState") -> list[str]:
        """What is otherwise in ``other``, the later one, a line each; empty when nothing is.

        A sysctl that is only there later (its module was loaded), or no more, is none: no value changed.
        """
        found: list[str] = []
        for kind in _LISTS:
            before, after = self.lists.get(kind, ()), other.lists.get(kind, ())
            found += [f"{kind}: gone: {line}" for line in before if line not in set(after)]
            found += [f"{kind}: new: {line}" for line in after if line not in set(before)]
        found += [
            f"sysctl {key}: {value} → {other.sysctls[key]}"
            for key, value in sorted(self.sysctls.items())
            if other.sysctls.get(key, value) != value
        ]
        if self.resolver != other.resolver:
            found.append(f"{_RESOLV_CONF}: changed")
        return found


def snapshot() -> RootState:
    """The state of the calling thread's network namespace (a command's own is the machine's); about 40 ms."""
    links = listing.links()
    names = {index: line.split(" ", 1)[0] for index, line in links.items()}
    return RootState(
        lists={
            "links": tuple(sorted(links.values())),
            "addresses": tuple(listing.addresses(names)),
            "routes": tuple(listing.routes(names)),
            "rules": tuple(listing.rules()),
            "ruleset": tuple(_ruleset()),
        },
        sysctls=dict(_sysctls(_SYSCTLS)),
        resolver=_resolver(),
    )


def _sysctls(directory: str) -> Iterator[tuple[str, str]]:
    """Everything that can be set; what can only be read (counts, statistics) changes by itself."""
    for entry in os.scandir(directory):
        if entry.is_dir(follow_symlinks=False):
            yield from _sysctls(entry.path)
        elif entry.stat(follow_symlinks=False).st_mode & 0o222 and not _VOLATILE.search(entry.path):
            try:
                with open(entry.path, "rb", buffering=0) as file:
                    value = file.read().decode(errors="replace").strip()
            except OSError:
                continue  # gone with its link, or not for reading
            yield entry.path.removeprefix("/proc/sys/").replace("/", "."), value


def _ruleset() -> list[str]:
    """nftables' rules as text, in a process of its own: nft aborts on rules that it can't print."""
    nft = shutil.which("nft", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if nft is None:
        return ["nft is not installed: the ruleset was not compared"]
    for arguments in (["-s", "list", "ruleset"], ["list", "tables"]):
        try:
            done = subprocess.run(
                [nft, *arguments], capture_output=True, text=True, timeout=20, check=False, errors="replace"
            )
        except (OSError, subprocess.TimeoutExpired):
            continue
        if done.returncode == 0:
            return _as_lines(_COUNTER.sub("counter", done.stdout))
    return ["the ruleset could not be listed"]


def _as_lines(text: str) -> list[str]:
    """Each line behind the names of its table and chain, so that it stands for itself; repeated ones numbered."""
    path: list[str] = []
    seen: dict[str, int] = {}
    lines: list[str] = []
    for raw in text.splitlines():
        line = raw.strip()
        if line == "}":
            path = path[:-1]
            continue
        if not line:
            continue
        whole = " > ".join([*path, line.removesuffix("{").strip()])
        seen[whole] = seen.get(whole, 0) + 1
        lines.append(whole if seen[whole] == 1 else f"{whole} ({seen[whole]})")
        if line.endswith("{"):
            path.append(line.removesuffix("{").strip())
    return lines


def _resolver() -> str:
    try:
        return _RESOLV_CONF.read_text(errors="replace")
    except OSError as error:
        return f"unreadable: {error.errno}"
