"""Workloads and patches of them, made up by hypothesis: for properties of patches and of apply."""

from typing import Any

from hypothesis import strategies as st

Json = dict[str, Any]
WORDS = st.sampled_from(["a", "b", "c", "x-1"])
VALUES = st.sampled_from(["1", "2", ""])
NOTHING = object()


def _fields(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Json]:
    """An object with some of these fields."""
    return st.fixed_dictionaries({}, optional=fields)


def _keyed(
    key: str, values: st.SearchStrategy[Any], **fields: st.SearchStrategy[Any]
) -> st.SearchStrategy[Any]:
    """A list of objects whose key is unique."""
    item = st.fixed_dictionaries({key: values}, optional=fields)
    return st.lists(item, max_size=3, unique_by=lambda one: one[key])


def pods(*, nulls: bool = False, directives: bool = False) -> st.SearchStrategy[Json]:
    """A pod's metadata and spec. nulls: fields may be null, as in patches; directives: ``$patch`` in some items."""

    def maybe(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
        return st.one_of(values, st.none()) if nulls else values

    ports = _keyed(
        "containerPort",
        st.sampled_from([80, 81, 82]),
        name=maybe(WORDS),
        protocol=st.sampled_from(["TCP", "UDP"]),
    )
    container = {
        "image": maybe(VALUES.filter(bool)),
        "args": maybe(st.lists(WORDS, max_size=2)),
        "env": maybe(_keyed("name", WORDS, value=VALUES)),
        "ports": maybe(ports),
        "resources": _fields(limits=_fields(cpu=st.sampled_from(["1", "2"]), memory=st.just("1Gi"))),
    }
    if directives:
        container["$patch"] = st.sampled_from(["delete", "replace"])
    spec = _fields(
        containers=_keyed("name", WORDS, **container),
        nodeSelector=maybe(st.dictionaries(WORDS, maybe(VALUES), max_size=2)),
        tolerations=maybe(st.lists(_fields(key=WORDS, operator=st.just("Exists")), max_size=2)),
        volumes=_keyed("name", WORDS, emptyDir=maybe(st.just({})), hostPath=maybe(st.just({"path": "/x"}))),
        terminationGracePeriodSeconds=maybe(st.integers(0, 3)),
        hostNetwork=maybe(st.booleans()),
        securityContext=_fields(runAsUser=maybe(st.integers(0, 3)), runAsNonRoot=maybe(st.booleans())),
    )
    metadata = _fields(
        labels=maybe(st.dictionaries(WORDS, maybe(VALUES), max_size=3)),
        annotations=maybe(st.dictionaries(WORDS, maybe(VALUES), max_size=3)),
        finalizers=st.lists(WORDS, max_size=2, unique=True),
    )
    return st.fixed_dictionaries({"metadata": metadata, "spec": spec})


def named(pod: Json, name: str = "p") -> Json:
    """The same as a whole object."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        **pod,
        "metadata": {**pod["metadata"], "name": name, "namespace": "default"},
    }
