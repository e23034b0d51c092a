"""A pod's volumes as directories of the node, and their mounts in containers.

ConfigMaps, Secrets and projections are written as upstream writes them: a time-stamped directory, a link
``..data`` that is swapped in one step, and a link per file, so that a running container sees all of a change.
"""

import asyncio
import os
import shutil
import stat
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from control.agents.kubelet_errors import ConfigError, MountError
from control.schema.quantity import parse
from control.workload.machine import hidden_paths
from dataplane.host.container_root import NODE_ROOT

Json = dict[str, Any]
_SMALL_BYTES = 64 * 1024
_HIDDEN = ("/proc", "/sys", "/dev")
"""Beside what no container sees (``hidden_paths``): what it has of its own."""


@dataclass(frozen=True, slots=True)
class FileSpec:
    """One file of a written volume."""

    path: str
    data: bytes
    mode: int


@dataclass(frozen=True, slots=True)
class VolumeTools:
    """What volumes need of their pod's surroundings.

    fetch: (kind, name, optional) → the ConfigMap or Secret, None where it is optional and missing.
    token: (audience, seconds) → a fresh service account token. field: a downward API path → its text.
    resource: a resourceFieldRef → its text. tmpfs: (path, bytes) mounts memory for the pod's containers.
    hidden: the labs' directory, which no container may see.
    """

    fetch: Callable[[str, str, bool], Awaitable[Mapping[str, bytes] | None]]
    token: Callable[[str, int], Awaitable[str]]
    field: Callable[[str], str]
    resource: Callable[[Json], str]
    tmpfs: Callable[[str, int], Awaitable[None]]
    hidden: str


@dataclass(frozen=True, slots=True)
class VolumePlaces:
    """Two directories of one pod, which its owner removes. disk: of emptyDirs. memory: of what the kubelet writes."""

    disk: Path
    memory: Path


class PodVolumes:
    """The volumes of one pod, each ``volume-<name>`` in one of the pod's places."""

    def __init__(self, pod: Json, places: VolumePlaces, tools: VolumeTools) -> None:
        self._pod = pod
        self._at = places
        self._tools = tools
        self._places: dict[str, str] = {}
        self._written: dict[str, tuple[FileSpec, ...]] = {}

    async def set_up(self) -> None:
        """Make every volume, in the pod's directory. Raises MountError, in upstream's words where there are any."""
        for volume in self._pod["spec"].get("volumes") or []:
            try:
                await self._one(volume)
            except (OSError, ConfigError) as error:
                raise MountError(
                    f'MountVolume.SetUp failed for volume "{volume["name"]}" : {error}'
                ) from error

    async def refresh(self) -> None:
        """Write again what has changed behind ConfigMaps, Secrets, tokens and fields."""
        for volume in self._pod["spec"].get("volumes") or []:
            if not {"configMap", "secret", "projected", "downwardAPI"}.isdisjoint(volume):
                await self._one(volume)

    def update_pod(self, pod: Json) -> None:
        """Labels and annotations may have changed."""
        self._pod = pod

    def mounts_of(self, container: Json) -> tuple[tuple[str, str, str, str], ...]:
        """(source, target, "ro" | "rw", sub_path) for a container. Raises ConfigError."""
        found = []
        kinds = {volume["name"]: volume for volume in self._pod["spec"].get("volumes") or []}
        for mount in container.get("volumeMounts") or []:
            name = mount["name"]
            if name not in self._places:
                raise ConfigError(f'volume "{name}" is not there')
            volume, source = kinds[name], self._places[name]
            sub_path = mount.get("subPath") or ""
            if ".." in sub_path.split("/"):
                raise ConfigError(f"subPath {sub_path!r} must not contain '..'")
            writable = "emptyDir" in volume
            if sub_path and not writable and source != NODE_ROOT:
                source, sub_path = os.path.realpath(f"{source}/{sub_path}"), ""
                if not os.path.exists(source):
                    raise ConfigError(f'failed to prepare subPath for volumeMount "{name}"')
            mode = "rw" if writable and not mount.get("readOnly") else "ro"
            found.append((source, mount["mountPath"], mode, sub_path))
        return tuple(found)

    async def _one(self, volume: Json) -> None:
        name = volume["name"]
        if "emptyDir" in volume:
            await self._empty_dir(name, volume["emptyDir"] or {})
        elif "hostPath" in volume:
            self._host_path(name, volume["hostPath"])
        elif "configMap" in volume:
            source = volume["configMap"]
            files = await self._keys("configMap", source.get("name", ""), source)
            await self._write(name, files)
        elif "secret" in volume:
            source = volume["secret"]
            files = await self._keys("secret", source.get("secretName", ""), source)
            await self._write(name, files)
        elif "downwardAPI" in volume:
            source = volume["downwardAPI"]
            await self._write(name, self._fields(source, source.get("defaultMode", 0o644)))
        elif "projected" in volume:
            await self._write(name, await self._projected(volume["projected"]))
        else:
            kind = next((key for key in volume if key != "name"), "unknown")
            raise MountError(f'volume "{name}": podwire has no volumes of type {kind}')

    async def _empty_dir(self, name: str, source: Json) -> None:
        place = self._at.disk / f"volume-{name}"
        if not place.exists():
            self._at.disk.mkdir(parents=True, exist_ok=True)
            place.mkdir()
            os.chmod(place, 0o777)  # noqa: S103 (as upstream makes them)
            self._own(place)
        if source.get("medium") == "Memory":
            limit = source.get("sizeLimit")
            await self._tools.tmpfs(str(place), int(parse(str(limit))) if limit else 0)
        self._places[name] = str(place)

    def _own(self, place: Path) -> None:
        group = (self._pod["spec"].get("securityContext") or {}).get("fsGroup")
        if group is not None:
            os.chown(place, -1, int(group))
            os.chmod(place, 0o2777)  # noqa: S103 (setgid, as upstream makes them)

    def _host_path(self, name: str, source: Json) -> None:
        path = os.path.realpath(source["path"])
        if path == NODE_ROOT:  # as the container sees it, so that what is hidden stays so
            self._places[name] = path
            return
        hidden = {*map(os.path.realpath, _HIDDEN), *hidden_paths(self._tools.hidden)}
        at_fault = next((place for place in sorted(hidden) if _one_holds_the_other(path, place)), None)
        if at_fault is not None:
            raise MountError(
                f"hostPath {path} is refused: containers of a lab never see {at_fault} (docs/security.md)"
            )
        if not os.path.exists(path):
            raise MountError(f"hostPath type check failed: {path} is not a directory")
        self._places[name] = path

    async def _keys(self, kind: str, name: str, source: Json) -> list[FileSpec]:
        optional = bool(source.get("optional"))
        data = await self._tools.fetch(kind, name, optional)
        mode = int(source.get("defaultMode", 0o644))
        if data is None:
            return []
        items = source.get("items")
        if not items:
            return [FileSpec(key, value, mode) for key, value in sorted(data.items())]
        found = []
        for item in items:
            if item["key"] not in data:
                if optional:
                    continue
                raise MountError(f"references non-existent {kind.lower()} key: {item['key']}")
            found.append(FileSpec(item["path"], data[item["key"]], int(item.get("mode", mode))))
        return found

    def _fields(self, source: Json, mode: int) -> list[FileSpec]:
        found = []
        for item in source.get("items") or []:
            if "fieldRef" in item:
                text = self._tools.field(item["fieldRef"]["fieldPath"])
            else:
                text = self._tools.resource(item["resourceFieldRef"])
            found.append(FileSpec(item["path"], text.encode(), int(item.get("mode", mode))))
        return found

    async def _projected(self, projected: Json) -> list[FileSpec]:
        mode = int(projected.get("defaultMode", 0o644))
        found: list[FileSpec] = []
        for source in projected.get("sources") or []:
            if "configMap" in source:
                inner = {"defaultMode": mode, **source["configMap"]}
                found += await self._keys("configMap", inner.get("name", ""), inner)
            elif "secret" in source:
                inner = {"defaultMode": mode, **source["secret"]}
                found += await self._keys("secret", inner.get("name", ""), inner)
            elif "downwardAPI" in source:
                found += self._fields(source["downwardAPI"] or {}, mode)
            elif "serviceAccountToken" in source:
                wanted = source["serviceAccountToken"]
                seconds = int(wanted.get("expirationSeconds", 3600))
                token = await self._tools.token(wanted.get("audience", ""), seconds)
                found.append(FileSpec(wanted["path"], token.encode(), mode))
        return found

    async def _write(self, name: str, files: list[FileSpec]) -> None:
        place = self._at.memory / f"volume-{name}"
        self._places[name] = str(place)
        want = tuple(files)
        if self._written.get(name) == want and place.exists():
            return
        self._at.memory.mkdir(parents=True, exist_ok=True)
        if sum(len(file.data) for file in files) > _SMALL_BYTES:
            await asyncio.to_thread(write_atomically, place, want, self._owner())
        else:  # quicker than handing it to a thread
            write_atomically(place, want, self._owner())
        self._written[name] = want

    def _owner(self) -> int | None:
        group = (self._pod["spec"].get("securityContext") or {}).get("fsGroup")
        return None if group is None else int(group)


def write_atomically(place: Path, files: tuple[FileSpec, ...], group: int | None) -> None:
    """Swap a directory's whole contents in one step, by the link ``..data``."""
    root = str(place)
    data = f"{root}/..data"
    old = os.readlink(data) if os.path.islink(data) else None
    if old is None:
        place.mkdir(exist_ok=True)
    fresh = f"..{int(old.removeprefix('..')) + 1 if old else 1:06d}"
    if os.path.exists(f"{root}/{fresh}"):  # left by an agent that died while it wrote
        shutil.rmtree(f"{root}/{fresh}")
    os.mkdir(f"{root}/{fresh}", 0o755)
    for file in files:
        _write_file(f"{root}/{fresh}", file, group)
    swap = f"{root}/..data_tmp"
    if os.path.lexists(swap):
        os.unlink(swap)
    os.symlink(fresh, swap)
    os.rename(swap, data)
    wanted = {file.path.split("/")[0] for file in files}
    there = {name for name in os.listdir(root) if not name.startswith("..")}
    for name in wanted - there:
        os.symlink(f"..data/{name}", f"{root}/{name}")
    for name in there - wanted:
        os.unlink(f"{root}/{name}")
    if old is not None:
        shutil.rmtree(f"{root}/{old}", ignore_errors=True)


def _write_file(directory: str, file: FileSpec, group: int | None) -> None:
    if ".." in file.path.split("/") or file.path.startswith("/"):
        raise MountError(f"invalid path {file.path!r}")
    if "/" in file.path:
        os.makedirs(os.path.dirname(f"{directory}/{file.path}"), exist_ok=True)
    mode = file.mode if group is None else file.mode | (stat.S_IRGRP if file.mode & stat.S_IRUSR else 0)
    descriptor = os.open(
        f"{directory}/{file.path}", os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode
    )
    try:
        os.write(descriptor, file.data)
        os.fchmod(descriptor, mode)  # whatever the umask took
        if group is not None:
            os.fchown(descriptor, -1, group)
    finally:
        os.close(descriptor)


def _one_holds_the_other(path: str, place: str) -> bool:
    """Is one of two real paths the other, or somewhere below it?"""
    return os.path.commonpath((path, place)) in (path, place)
