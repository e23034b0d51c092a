"""Manifests from files and directories, each object with the file and line it came from."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from control.errors import ManifestInvalid

SUFFIXES = (".yaml", ".yml", ".json")
_FIRST = ("Namespace", "CustomResourceDefinition", "ServiceAccount", "Secret", "ConfigMap", "NetworkPolicy",
          "Service")  # fmt: skip
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, slots=True)
class Manifest:
    """One object as it stands in a file. line: of its first key, from 1; node: for the lines of fields."""

    path: str
    line: int
    object: dict[str, Any]
    node: yaml.Node

    @property
    def where(self) -> str:
        """``file:line``."""
        return f"{self.path}:{self.line}"

    @property
    def title(self) -> str:
        """``Service default/web``."""
        meta = self.object.get("metadata") or {}
        namespace = f"{meta['namespace']}/" if meta.get("namespace") else ""
        return f"{self.object.get('kind')} {namespace}{meta.get('name') or meta.get('generateName')}"

    def line_of(self, field: str) -> int:
        """The line of a field path such as ``spec.ports[0].port``; of the nearest parent that is there."""
        node, line = self.node, self.line
        for step in _steps(field):
            found: yaml.Node | None = None
            if isinstance(node, yaml.MappingNode):
                found = next((value for key, value in node.value if key.value == step), None)
            elif isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
                found = node.value[step]
            if found is None:
                break
            node, line = found, found.start_mark.line + 1
        return line


def read_manifests(sources: Sequence[str]) -> list[Manifest]:
    """All objects of files and directories (recursively, by name), in an order in which they can be applied.

    Raises ManifestInvalid naming file and line.
    """
    found = [manifest for source in sources for path in _files(source) for manifest in _read(path)]
    if not found:
        raise ManifestInvalid(
            f"No object in {', '.join(sources)}.", "-f a file or directory with YAML manifests"
        )
    order = {kind: index for index, kind in enumerate(_FIRST)}
    return sorted(found, key=lambda manifest: order.get(manifest.object["kind"], len(order)))


def _files(source: str) -> Iterator[Path]:
    path = Path("/dev/stdin" if source == "-" else source)
    if path.is_dir():
        yield from sorted(p for p in path.rglob("*") if p.suffix in SUFFIXES and p.is_file())
    elif path.exists():
        yield path
    else:
        raise ManifestInvalid(f"{source}: no such file or directory.", "-f FILE|DIR")


def _read(path: Path) -> Iterator[Manifest]:
    try:
        nodes = list(yaml.compose_all(path.read_text(encoding="utf-8"), Loader=_Loader))
    except OSError as error:
        raise ManifestInvalid(f"{path}: {error.strerror}.", "a file that you may read") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        at = f"{path}:{mark.line + 1}" if mark else str(path)
        raise ManifestInvalid(
            f"{at}: this is not YAML: {getattr(error, 'problem', error)}.", "mend it"
        ) from error
    for node in nodes:
        if node is not None and not (isinstance(node, yaml.ScalarNode) and not node.value):
            yield from _objects(path, node)


def _objects(path: Path, node: yaml.Node) -> Iterator[Manifest]:
    """The object of a document; those of a List, each with its own line."""
    line = node.start_mark.line + 1
    _refuse_doubles(path, node)
    try:
        value = _value(node)
    except (yaml.YAMLError, ValueError, TypeError) as error:
        raise ManifestInvalid(f"{path}:{line}: {error}.", "mend it") from error
    if value is None:
        return
    if not isinstance(value, dict) or not all(_is_text(value.get(key)) for key in ("apiVersion", "kind")):
        raise ManifestInvalid(
            f"{path}:{line}: an object needs apiVersion and kind.", "apiVersion: v1, kind: …"
        )
    if value["kind"] == "List" and isinstance(node, yaml.MappingNode):
        items = next((entry for key, entry in node.value if key.value == "items"), None)
        for item in items.value if isinstance(items, yaml.SequenceNode) else []:
            yield from _objects(path, item)
        return
    meta = value.get("metadata")
    if not isinstance(meta, dict) or not (_is_text(meta.get("name")) or _is_text(meta.get("generateName"))):
        raise ManifestInvalid(
            f"{path}:{line}: metadata.name: is required, and is text.", 'metadata: {name: "…"}'
        )
    yield Manifest(str(path), line, value, node)


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value)


def _refuse_doubles(path: Path, node: yaml.Node) -> None:
    """A key that stands twice: YAML would silently take the last."""
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value in seen and key.value != "<<":
                line = key.start_mark.line + 1
                raise ManifestInvalid(f"{path}:{line}: the key {key.value!r} stands twice.", "take one out")
            seen.add(key.value if isinstance(key, yaml.ScalarNode) else "")
            _refuse_doubles(path, value)
    elif isinstance(node, yaml.SequenceNode):
        for value in node.value:
            _refuse_doubles(path, value)


def _value(node: yaml.Node) -> Any:
    loader = yaml.SafeLoader("")
    try:
        return loader.construct_document(node)
    finally:
        loader.dispose()


def _steps(field: str) -> Iterator[str | int]:
    """``spec.ports[0].port`` → spec, ports, 0, port."""
    for part in field.split("."):
        name, *indexes = part.replace("]", "").split("[")
        if name:
            yield name
        for index in indexes:
            yield int(index) if index.isdigit() else index
