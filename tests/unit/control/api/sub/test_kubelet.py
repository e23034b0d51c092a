"""Which container is meant, and how a dial that failed is told."""

from typing import Any

import pytest
from yarl import URL

from control.api.sub.kubelet import Place, chosen_container, dial_words
from control.api.sub.proxy import Asked
from control.errors import BadRequest


def pod(*names: str, inits: tuple[str, ...] = (), default: str = "") -> dict[str, Any]:
    meta: dict[str, Any] = {"name": "a"}
    if default:
        meta["annotations"] = {"kubectl.kubernetes.io/default-container": default}
    spec = {
        "containers": [{"name": name} for name in names],
        "initContainers": [{"name": name} for name in inits],
    }
    return {"metadata": meta, "spec": spec}


def test_the_only_container_need_not_be_named() -> None:
    assert chosen_container(pod("main"), "") == "main"
    assert chosen_container(pod("main", "side", default="side"), "") == "side"
    assert chosen_container(pod("main", inits=("first",)), "first") == "first"


def test_of_several_one_has_to_be_named() -> None:
    with pytest.raises(BadRequest) as refused:
        chosen_container(pod("main", "side", inits=("first",)), "")
    assert str(refused.value) == (
        "a container name must be specified for pod a, choose one of: [main side]"
        " or one of the init containers: [first]"
    )
    with pytest.raises(BadRequest, match="container x is not valid for pod a"):
        chosen_container(pod("main"), "x")


def test_the_kubelets_url() -> None:
    place = Place("fd00:10:1::a", 10250, "shop", "cart-0", "main")
    url = place.url("exec", [("command", "a b"), ("tty", "1")])
    assert str(url) == "https://[fd00:10:1::a]:10250/exec/shop/cart-0/main?command=a+b&tty=1"


def test_a_dial_that_timed_out() -> None:
    assert (
        dial_words(URL("https://10.0.1.10:10250/x"), TimeoutError())
        == "dial tcp 10.0.1.10:10250: i/o timeout"
    )


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("web", Asked("", "web", "")),
        ("web:80", Asked("", "web", "80")),
        ("https:web:", Asked("https", "web", "")),
        (":web:80", Asked("", "web", "80")),
    ],
)
def test_names_of_a_proxy_url(text: str, asked: Asked) -> None:
    assert Asked.parse(text) == asked


def test_a_scheme_that_is_none() -> None:
    with pytest.raises(BadRequest):
        Asked.parse("gopher:web:70")
