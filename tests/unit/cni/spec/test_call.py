"""What the runtime says in the environment is read whole, or refused by its variable."""

import pytest

from cni.errors import EnvironmentInvalid
from cni.spec.call import Call, read

GOOD = {
    "CNI_COMMAND": "ADD",
    "CNI_CONTAINERID": "pod-1_a.b",
    "CNI_NETNS": "/run/netns/x",
    "CNI_IFNAME": "eth0",
    "CNI_ARGS": "IgnoreUnknown=1;K8S_POD_NAME=web",
    "CNI_PATH": "/opt/cni/bin:/usr/lib/cni",
}


def test_a_call_comes_back_from_its_own_environment():
    call = read(GOOD)

    assert call.args == (("IgnoreUnknown", "1"), ("K8S_POD_NAME", "web"))
    assert call.path == ("/opt/cni/bin", "/usr/lib/cni")
    assert call.environment() == GOOD


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("CNI_COMMAND", ""),
        ("CNI_COMMAND", "add"),
        ("CNI_CONTAINERID", ""),
        ("CNI_CONTAINERID", "-x"),
        ("CNI_CONTAINERID", "a/b"),
        ("CNI_NETNS", ""),
        ("CNI_NETNS", "x"),
        ("CNI_IFNAME", ""),
        ("CNI_IFNAME", ".."),
        ("CNI_IFNAME", "eth0:1"),
        ("CNI_IFNAME", "sixteen-letters-"),
        ("CNI_ARGS", "nothing"),
    ],
)
def test_a_wrong_variable_is_named(variable, value):
    with pytest.raises(EnvironmentInvalid) as refused:
        read(GOOD | {variable: value})

    assert refused.value.msg.startswith(f"{variable}:")
    assert refused.value.code == 4


def test_a_del_may_come_without_a_namespace_and_a_gc_without_a_container():
    assert read({key: value for key, value in GOOD.items() if key != "CNI_NETNS"} | {"CNI_COMMAND": "DEL"})
    assert read({"CNI_COMMAND": "GC"}) == Call("GC")
