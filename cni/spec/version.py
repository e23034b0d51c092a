"""Versions of the CNI specification that we speak."""

from cni.errors import ConfigInvalid, VersionUnknown

CURRENT = "1.1.0"
SUPPORTED = ("0.3.1", "0.4.0", "1.0.0", CURRENT)
_SINCE = {
    "ADD": "0.1.0",
    "DEL": "0.1.0",
    "VERSION": "0.1.0",
    "CHECK": "0.4.0",
    "GC": CURRENT,
    "STATUS": CURRENT,
}


def supported(version: str, verb: str = "ADD") -> str:
    """The version itself, when we speak it and it has the verb. Raises VersionUnknown, ConfigInvalid."""
    if version not in SUPPORTED:
        raise VersionUnknown(
            f"cniVersion: {version!r} is not spoken here", f"spoken are {', '.join(SUPPORTED)}"
        )
    if parts(version) < parts(_SINCE[verb]):
        raise ConfigInvalid(f"cniVersion: {verb} came with {_SINCE[verb]}, this is {version}")
    return version


def as_json(asked: str = CURRENT) -> dict[str, object]:
    """The answer to VERSION, in the version that the runtime asked in."""
    return {"cniVersion": asked, "supportedVersions": list(SUPPORTED)}


def parts(version: str) -> tuple[int, ...]:
    """A version as numbers, to be compared."""
    return tuple(int(part) for part in version.split("."))
