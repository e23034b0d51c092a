"""Volumes as files."""

import dataclasses
import os
from pathlib import Path

import pytest

from control.agents.kubelet_errors import MountError
from control.agents.volumes import FileSpec, PodVolumes, VolumePlaces, VolumeTools, write_atomically
from dataplane.host.container_root import NODE_ROOT


def files(place):
    """Path and text of all that a container sees below a volume."""
    found = {}
    for directory, _, names in os.walk(place, followlinks=True):
        relative = os.path.relpath(directory, place)
        if not relative.startswith("..") or relative == ".":
            found.update({os.path.normpath(f"{relative}/{n}"): Path(directory, n).read_text() for n in names})
    return found


def test_a_change_is_seen_whole_and_what_is_gone_is_gone(tmp_path):
    place = tmp_path / "cm"
    write_atomically(place, (FileSpec("a", b"1", 0o644), FileSpec("deep/b", b"2", 0o600)), None)
    opened = os.open(place / "..data", os.O_RDONLY)  # as a container that is about to read has it
    assert files(place) == {"a": "1", "deep/b": "2"}
    assert (place / "a").stat().st_mode & 0o777 == 0o644
    write_atomically(place, (FileSpec("a", b"3", 0o644),), None)
    assert files(place) == {"a": "3"}
    assert sorted(os.listdir(place))[-1] == "a"
    os.close(opened)


def test_a_path_can_not_leave_its_volume(tmp_path):
    for path in ("../x", "/etc/x", "a/../../x"):
        with pytest.raises(MountError, match="invalid path"):
            write_atomically(tmp_path / "v", (FileSpec(path, b"", 0o644),), None)


def pod(*volumes, **spec):
    return {
        "metadata": {"name": "p", "namespace": "n", "uid": "u"},
        "spec": {"volumes": list(volumes), **spec},
    }


def tools(**objects):
    async def fetch(kind, name, optional):
        found = objects.get(name)
        if found is None and not optional:
            raise MountError(f'{kind.lower()} "{name}" not found')
        return found

    async def token(audience, seconds):
        return f"token for {audience} of {seconds} s"

    async def tmpfs(path, size):
        raise AssertionError("no memory volume here")

    return VolumeTools(fetch, token, lambda path: f"<{path}>", lambda ref: "7", tmpfs, "/labs")


def places(root):
    return VolumePlaces(root / "disk", root / "memory")


async def test_a_projection_gathers_its_sources(tmp_path):
    projected = {
        "sources": [
            {"serviceAccountToken": {"path": "token", "audience": "api", "expirationSeconds": 600}},
            {"configMap": {"name": "cm", "items": [{"key": "k", "path": "ca.crt"}]}},
            {"downwardAPI": {"items": [{"path": "ns", "fieldRef": {"fieldPath": "metadata.namespace"}}]}},
        ]
    }
    volumes = PodVolumes(
        pod({"name": "v", "projected": projected}),
        places(tmp_path),
        tools(cm={"k": b"CA"}),
    )
    await volumes.set_up()
    ((source, target, mode, sub),) = volumes.mounts_of({"volumeMounts": [{"name": "v", "mountPath": "/v"}]})
    assert (source, target, mode, sub) == (str(tmp_path / "memory/volume-v"), "/v", "ro", "")
    assert {name: Path(source, name).read_text() for name in ("token", "ca.crt", "ns")} == {
        "token": "token for api of 600 s", "ca.crt": "CA", "ns": "<metadata.namespace>",
    }  # fmt: skip


async def test_the_node_s_root_is_the_container_s_own_view_of_it_whatever_lies_below(tmp_path):
    volumes = PodVolumes(
        pod({"name": "v", "hostPath": {"path": "/"}}),
        places(tmp_path),
        tools(),
    )
    await volumes.set_up()
    mounts = [
        {"name": "v", "mountPath": "/host"},
        {"name": "v", "mountPath": "/homes", "subPath": "home"},
    ]
    assert volumes.mounts_of({"volumeMounts": mounts}) == (
        (NODE_ROOT, "/host", "ro", ""),
        (NODE_ROOT, "/homes", "ro", "home"),
    )


@pytest.mark.parametrize(
    ("volume", "message"),
    [
        ({"configMap": {"name": "none"}}, 'MountVolume.SetUp failed|configmap "none" not found'),
        (
            {"configMap": {"name": "cm", "items": [{"key": "x", "path": "x"}]}},
            "references non-existent configmap key: x",
        ),
        ({"hostPath": {"path": "/labs/lab/pki"}}, "is refused"),
        ({"hostPath": {"path": "/home/ann"}}, "is refused"),
        ({"hostPath": {"path": "/etc/../labs"}}, "is refused"),
        ({"nfs": {"server": "x"}}, "no volumes of type nfs"),
    ],
)
async def test_what_can_not_be_mounted_says_why(tmp_path, volume, message):
    with pytest.raises(MountError, match=message):
        await PodVolumes(
            pod({"name": "v", **volume}),
            places(tmp_path),
            tools(cm={"k": b""}),
        ).set_up()


async def test_only_empty_dirs_are_writable(tmp_path):
    made = PodVolumes(
        pod({"name": "e", "emptyDir": {}}, {"name": "h", "hostPath": {"path": "/etc"}}),
        places(tmp_path),
        tools(),
    )
    await made.set_up()
    mounts = [{"name": "e", "mountPath": "/e", "subPath": "x"}, {"name": "h", "mountPath": "/h"},
              {"name": "e", "mountPath": "/r", "readOnly": True}]  # fmt: skip
    assert [m[2:] for m in made.mounts_of({"volumeMounts": mounts})] == [("rw", "x"), ("ro", ""), ("ro", "")]


async def test_a_token_in_a_volume_is_rotated_in_place(tmp_path):
    """As containers read it: the same path, whole at any moment, the new token after a refresh."""
    given = iter(["first", "first", "second"])

    async def token(audience, seconds):
        return next(given)

    projected = {"sources": [{"serviceAccountToken": {"path": "token", "expirationSeconds": 3607}}]}
    volumes = PodVolumes(
        pod({"name": "v", "projected": projected}),
        places(tmp_path),
        dataclasses.replace(tools(), token=token),
    )
    await volumes.set_up()
    ((source, *_),) = volumes.mounts_of({"volumeMounts": [{"name": "v", "mountPath": "/v"}]})
    seen = []
    for _ in range(3):
        seen.append(Path(source, "token").read_text())
        if len(seen) < 3:
            await volumes.refresh()
    assert seen == ["first", "first", "second"]
