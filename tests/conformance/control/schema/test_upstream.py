"""Decoding, defaults, strategies, rules and columns against upstream's own code, release 1.37, object by object.

The program in upstream/ is compiled from upstream's modules (about eight minutes on two cores, seconds when
Go's cache is warm). Objects: one or more rich ones a kind (objects.yaml), the published application, and
mutations of the former. Upstream prints some wrong values as Go structs, and has rules for volume plugins and
alpha fields that we leave out: hence the shares below, and not 100.
"""

import copy
import json
import random
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from control.schema.defaults import apply_defaults
from control.schema.resource import ResourceRow, registry
from control.schema.strategy import prepare_create
from control.schema.structure import check
from control.schema.table import as_table
from control.schema.tables import Form, Shape, message
from control.schema.validate import validate_create

HERE = Path(__file__).parent
TEXTS = (
    "", "a", "A_b", "x" * 70, "10.0.0.1", "-1", "0", "None", "In", "a/b", "a/b/c", "..", "/abs", "../x", "Exists",
    "Always", "TCP", "::1", "10.0.0.0/8", "25%", "0.0.0.0", "127.0.0.1", "1Gi",
)  # fmt: skip
NUMBERS = (0, 1, -1, 80, 65535, 65536, 600, 3600, 100_000)
VALUES: dict[Form, tuple[Any, ...]] = {
    Form.STRING: TEXTS,
    Form.BOOL: (True, False),
    Form.INT32: NUMBERS,
    Form.INT64: NUMBERS,
    Form.QUANTITY: ("1", "-1", "500m"),
    Form.INT_OR_STRING: (80, 0, "http", "25%", "x y", -1),
    Form.MESSAGE: ({},),
    Form.TIME: ("2024-01-01T00:00:00Z",),
}
SERVERS = ("uid", "creationTimestamp", "selfLink", "deletionTimestamp", "deletionGracePeriodSeconds")
pytestmark = [pytest.mark.slow, pytest.mark.skipif(shutil.which("go") is None, reason="needs Go's compiler")]


class Upstream:
    """The running program: one question, one answer."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def __call__(self, op: str, obj: Any) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"op": op, "obj": obj}) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())


@pytest.fixture(scope="module")
def upstream(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Upstream]:
    binary = tmp_path_factory.mktemp("upstream") / "upstream"
    subprocess.run(["go", "build", "-o", binary, "."], cwd=HERE / "upstream", check=True)
    with subprocess.Popen([binary], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield Upstream(process)
        process.kill()


def objects() -> list[Any]:
    return list(yaml.safe_load_all((HERE / "objects.yaml").read_text()))


def row_of(obj: Any) -> ResourceRow:
    row = registry().by_kind(obj["apiVersion"], obj["kind"])
    assert row is not None
    return row


def without_nothing(value: Any) -> Any:
    """Go's nulls and our empty lists say the same."""
    if isinstance(value, dict):
        kept = {key: without_nothing(item) for key, item in value.items()}
        return {key: item for key, item in kept.items() if item is not None and item != []}
    return [without_nothing(item) for item in value] if isinstance(value, list) else value


def comparable(obj: Any) -> Any:
    made = without_nothing(obj)
    for key in SERVERS:
        made["metadata"].pop(key, None)
    return made


def ours(obj: Any) -> tuple[Any, set[tuple[str, str]]]:
    """What becomes of an object on create, and what is wrong with it."""
    row, made = row_of(obj), copy.deepcopy(obj)
    findings = check(row, made)
    if findings.errors:
        return None, {("", "decode")}
    apply_defaults(row, made)
    prepare_create(row, made)
    return made, {(cause.field, cause.message) for cause in validate_create(row, made)}


def theirs(upstream: Upstream, obj: Any) -> tuple[Any, set[tuple[str, str]]]:
    told = upstream("create", obj)
    if "error" in told:
        return None, {("", "decode")}
    return told.get("prepared"), {(field, said) for field, said in told.get("causes", ())}


@pytest.mark.timeout(1500)
@pytest.mark.parametrize("obj", objects(), ids=lambda obj: f"{obj['kind']}-{obj['metadata']['name']}")
def test_a_good_object_becomes_what_it_becomes_upstream(upstream: Upstream, obj: Any) -> None:
    made, wrong = ours(obj)
    expected, refused = theirs(upstream, obj)
    assert (wrong, refused) == (set(), set())
    assert comparable(made) == comparable(expected)


@pytest.mark.timeout(1500)
def test_the_published_application_becomes_what_it_becomes_upstream(
    upstream: Upstream, boutique: Path
) -> None:
    seen = 0
    for file in sorted(boutique.rglob("*.yaml")):
        for obj in yaml.safe_load_all(file.read_text()):
            if not obj or registry().by_kind(obj["apiVersion"], obj["kind"]) is None:
                continue
            obj["metadata"].setdefault("namespace", "default")
            if obj["kind"] == "Service" and obj["spec"].get("type") != "ExternalName":
                obj["spec"] |= {"clusterIP": "10.96.0.9", "clusterIPs": ["10.96.0.9"]}  # as if allocated
            expected, refused = theirs(upstream, obj)
            made, wrong = ours(obj)
            assert (wrong, refused) == (set(), set())
            if expected is not None:
                assert comparable(made) == comparable(expected)
                seen += 1
    assert seen > 30


def places(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in pairs:
        yield (*at, key), item
        yield from places(item, (*at, key))


def mutate(obj: Any, pick: random.Random) -> None:
    """One place is removed, or gets another value, or a field that its kind knows."""
    path, value = pick.choice(
        [(path, item) for path, item in places(obj) if path[0] not in ("apiVersion", "kind")]
    )
    parent = obj
    for part in path[:-1]:
        parent = parent[part]
    if pick.random() < 0.2:
        del parent[path[-1]]
    elif isinstance(value, bool):
        parent[path[-1]] = not value
    elif isinstance(value, int):
        parent[path[-1]] = pick.choice(NUMBERS)
    elif isinstance(value, str):
        parent[path[-1]] = pick.choice(TEXTS)
    elif isinstance(value, list):
        parent[path[-1]] = [*value, copy.deepcopy(pick.choice(value))] if value else []
    else:
        add_field(obj, path, value, pick)


def add_field(obj: Any, path: tuple[Any, ...], value: Any, pick: random.Random) -> None:
    name = row_of(obj).message
    for part in path:
        field = None if isinstance(part, int) else message(name).json_fields.get(part)
        if isinstance(part, int):
            continue
        if field is None or field.form is not Form.MESSAGE or field.shape is Shape.MAP:
            value[pick.choice(TEXTS[1:])] = pick.choice(TEXTS)
            return
        name = field.message
    field = pick.choice(list(message(name).json_fields.values()))
    if field.form in VALUES and field.shape is Shape.ONE:
        value[field.name] = copy.deepcopy(pick.choice(VALUES[field.form]))


@pytest.mark.timeout(1500)
def test_mutated_objects_are_judged_as_upstream_judges_them(upstream: Upstream) -> None:
    pick, good = random.Random(37), objects()
    total, same_verdict, same_words = 3000, 0, 0
    odd: list[str] = []
    for _ in range(total):
        obj = copy.deepcopy(pick.choice(good))
        mutate(obj, pick)
        wrong, refused = ours(obj)[1], theirs(upstream, obj)[1]
        same_words += wrong == refused
        same_verdict += bool(wrong) == bool(refused)
        if bool(wrong) != bool(refused):
            odd.append(f"{obj['kind']}: upstream {sorted(refused)} ours {sorted(wrong)}")
    assert same_verdict >= 0.985 * total, "\n".join(odd)
    assert same_words >= 0.965 * total


@pytest.mark.timeout(1500)
def test_columns_and_cells_are_those_of_upstreams_printers(upstream: Upstream) -> None:
    for obj in objects():
        obj["metadata"]["creationTimestamp"] = "2024-01-01T00:00:00Z"
        told = upstream("table", obj)
        row = row_of(obj)
        check(row, obj)
        apply_defaults(row, obj)
        table = as_table(row, [obj])
        heads = [(column["name"], column["type"], column.get("priority", 0)) for column in told["columns"]]
        assert [(c["name"], c["type"], c["priority"]) for c in table["columnDefinitions"]] == heads
        assert table["rows"][0]["cells"] == told["cells"], obj["kind"]
