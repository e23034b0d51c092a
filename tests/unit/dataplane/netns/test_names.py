"""Names of namespaces are built and parsed back, and one lab's never match another's."""

import random
import string

import pytest

from dataplane.netns.names import NamespaceName, lab_of, place_of

ALPHABET = string.ascii_lowercase + string.digits


def labs(count: int) -> list[str]:
    pick = random.Random(8)
    return [
        pick.choice(string.ascii_lowercase) + "".join(pick.choices(ALPHABET, k=pick.randrange(12)))
        for _ in range(count)
    ]


@pytest.mark.parametrize("place", ["fabric", "internet", "node-1", "pod-default-web-0-1a2b3c4d", "a.b_c"])
def test_lab_and_place_come_back_from_a_name(place):
    for lab in labs(200):
        name = str(NamespaceName(lab, place))
        assert (lab_of(name), place_of(name)) == (lab, place)


@pytest.mark.parametrize(
    "name", ["podwire", "podwire-", "podwire-lab", "podwire-lab-", "podwire-Lab-x", "cni-1", ""]
)
def test_what_is_not_a_name_of_ours_belongs_to_no_lab(name):
    assert lab_of(name) is None
    assert place_of(name) is None


@pytest.mark.parametrize("lab", ["", "Lab", "1lab", "my-lab", "alabwithalong", "läb", "lab/x"])
def test_a_labs_name_that_could_be_mistaken_is_refused(lab):
    with pytest.raises(ValueError, match="lab's name"):
        NamespaceName(lab, "fabric")


@pytest.mark.parametrize("place", ["", "a/b", "a\0b"])
def test_a_place_that_is_no_files_name_is_refused(place):
    with pytest.raises(ValueError, match="place"):
        NamespaceName("lab", place)


def test_no_two_labs_that_share_a_start_share_a_namespace():
    assert lab_of("podwire-lab1-node") == "lab1"
    assert lab_of("podwire-lab-1-node") == "lab"


def test_a_pod_with_the_longest_names_gets_a_name_that_is_a_files():
    one = NamespaceName.of_pod("abcdefghijkl", "n" * 63, "p" * 253, "uid-1")
    other = NamespaceName.of_pod("abcdefghijkl", "n" * 63, "p" * 253, "uid-2")

    assert len(str(one)) == len(str(other)) == 255
    assert str(one) != str(other)
    assert lab_of(str(one)) == "abcdefghijkl"


def test_a_pods_name_can_be_read():
    name = str(NamespaceName.of_pod("lab", "shop", "web-1", "0c1d"))

    assert name.startswith("podwire-lab-pod-shop-web-1-")
    assert len(name.removeprefix("podwire-lab-pod-shop-web-1-")) == 8
