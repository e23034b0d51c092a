"""What the zygote prepares once for all its containers: a slim mount table, devices, our Python at a fixed path."""

import json
import os
import pwd
import resource
import sys
import sysconfig
from dataclasses import asdict, dataclass
from pathlib import Path

from dataplane.errors import KernelError
from dataplane.host import mounts, process
from dataplane.host.overlayfs import has_overlayfs

PYTHON_PLACE = "/run/podwire/python"
"""Where containers find podwire's own code, wherever the checkout lies."""

_BASE = "/run/podwire"
_PACKAGES = ("control", "dataplane", "policy", "cni")
DEFAULT_CAPABILITIES = (
    "CHOWN", "DAC_OVERRIDE", "FSETID", "FOWNER", "NET_RAW", "SETGID", "SETUID", "SETFCAP", "SETPCAP",
    "NET_BIND_SERVICE", "KILL", "AUDIT_WRITE",
)  # fmt: skip
"""containerd's default set without MKNOD and SYS_CHROOT."""

ADDABLE_CAPABILITIES = (
    "NET_ADMIN", "NET_BROADCAST", "SYS_PTRACE", "IPC_OWNER",
)  # fmt: skip
"""What a manifest may add: capabilities that stay inside the container's own namespaces.

Not SYS_NICE, SYS_RESOURCE, IPC_LOCK: real-time priority, limits and locked memory are those of the whole machine.
"""


@dataclass(frozen=True, slots=True)
class Machine:
    """What every container's root is built from; see ``container_root.ContainerRoot``."""

    stage: str
    devices: str
    lower: tuple[str, ...]
    hidden: tuple[str, ...]
    python: str
    bounding: frozenset[int]
    overlay: bool = True


def prepare(home: str) -> Machine:
    """Change the calling process for good: own mount table without the labs' namespaces, few capabilities to give.

    home: PODWIRE_HOME; stays visible to the zygote, and is empty in containers.
    """
    _raise_open_files()
    code = _code_paths()
    os.makedirs(home, exist_ok=True)
    kept = os.open(home, os.O_PATH | os.O_CLOEXEC)
    process.unshare(process.CLONE_NEWNS)
    mounts.make_private()
    # A copy of /run/netns in this table would pin every namespace of every lab after its deletion.
    mounts.detach_below("/run")
    mounts.mount("run", "/run", "tmpfs", mounts.NOSUID | mounts.NODEV, "mode=755,size=16m")
    if Path(home).resolve().is_relative_to("/run"):
        os.makedirs(home)
        mounts.bind(f"/proc/self/fd/{kept}", home, recursive=True)
    os.close(kept)
    stage, devices = f"{_BASE}/stage", f"{_BASE}/dev"
    os.makedirs(stage)
    mounts.device_template(devices)
    for name, source in code.items():
        target = f"{PYTHON_PLACE}/{name}"
        os.makedirs(target, exist_ok=True)
        mounts.bind(source, target, read_only=True)
    _move_imports(code)
    hidden = hidden_paths(home)
    keep = [process.CAPABILITY_NUMBERS[name] for name in (*DEFAULT_CAPABILITIES, *ADDABLE_CAPABILITIES)]
    process.drop_bounding(keep, process.bounding_set())
    layers, left = mounts.layers(hidden), process.bounding_set()
    return Machine(stage, devices, layers, hidden, PYTHON_PLACE, left, overlay=has_overlayfs())


def describe(machine: Machine) -> str:
    """As JSON, for `rejoin`."""
    return json.dumps({**asdict(machine), "bounding": sorted(machine.bounding)})


def rejoin(text: str, mount_table: int) -> Machine:
    """What `prepare` does, in the mount table that another process prepared: memory volumes of its pods are there.

    Raises KernelError.
    """
    _raise_open_files()
    code = _code_paths()
    process.setns(mount_table, process.CLONE_NEWNS)
    _move_imports(code)
    had = json.loads(text)
    machine = Machine(
        **{
            **had,
            "lower": tuple(had["lower"]),
            "hidden": tuple(had["hidden"]),
            "bounding": frozenset(had["bounding"]),
        }
    )
    process.drop_bounding(machine.bounding, process.bounding_set())
    return machine


def hidden_paths(home: str) -> tuple[str, ...]:
    """Directories that are empty in every container: run-time sockets, homes, the labs' keys."""
    found = {"/run", "/tmp", "/root", "/home", "/var/lib/podwire", home}  # noqa: S108 (hidden, not used)
    for entry in pwd.getpwall():
        if 1000 <= entry.pw_uid < 60000:
            found.add(entry.pw_dir)
    resolved = {os.path.realpath(path) for path in found if path not in {"", "/"}}
    return tuple(
        sorted(path for path in resolved if not any(path.startswith(other + "/") for other in resolved))
    )


def _raise_open_files() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _code_paths() -> dict[str, str]:
    """Directories to bind below PYTHON_PLACE: our packages, and what we import from others."""
    checkout = Path(__file__).resolve().parents[2]
    paths = {f"src/{name}": str(checkout / name) for name in _PACKAGES if (checkout / name).is_dir()}
    paths["site"] = sysconfig.get_paths()["purelib"]
    base = os.path.realpath(sys.base_prefix)
    if base not in {"/", "/usr"} and not base.startswith("/usr/"):
        paths["base"] = base
    return paths


def _move_imports(code: dict[str, str]) -> None:
    """Later imports, in any container, go by the fixed path; and those of loaded packages too."""
    checkout = str(Path(__file__).resolve().parents[2])
    moves = {checkout: f"{PYTHON_PLACE}/src", code["site"]: f"{PYTHON_PLACE}/site"}
    if "base" in code:
        moves[code["base"]] = f"{PYTHON_PLACE}/base"
    sys.path[:] = [f"{PYTHON_PLACE}/src", f"{PYTHON_PLACE}/site"] + [
        _moved(path, moves) for path in sys.path if path not in {"", checkout, code["site"]}
    ]
    sys.path_importer_cache.clear()
    for module in list(sys.modules.values()):
        places = getattr(module, "__path__", None)
        if isinstance(places, list):
            places[:] = [_moved(place, moves) for place in places]


def _moved(path: str, moves: dict[str, str]) -> str:
    for old, new in sorted(moves.items(), key=lambda item: -len(item[0])):
        if path == old or path.startswith(old + "/"):
            return new + path.removeprefix(old)
    return path


def capability_numbers(names: tuple[str, ...]) -> frozenset[int]:
    """Numbers of the named capabilities. Raises KernelError for a name that the kernel does not have."""
    try:
        return frozenset(process.CAPABILITY_NUMBERS[name] for name in names)
    except KeyError as error:
        raise KernelError("container", f"no capability is called {error.args[0]}") from error
