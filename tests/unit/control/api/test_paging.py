"""Continue tokens and revisions of lists; shapes that Accept headers ask for."""

import base64

import orjson
import pytest

from control.api.negotiate import Shape, wanted
from control.api.paging import Page, check_match, parse_limit, parse_revision
from control.errors import BadRequest, Invalid


def test_a_token_says_where_and_when() -> None:
    page = Page(41, ("shop", "cart"))
    assert Page.parse(page.token()) == page
    assert Page.parse(Page(7, ("", "node-1")).token()).after == ("", "node-1")


def packed(**parts: object) -> str:
    return base64.urlsafe_b64encode(
        orjson.dumps({"v": "meta.k8s.io/v1", "rv": 5, "start": "a/b"} | parts)
    ).decode()


@pytest.mark.parametrize(
    "token",
    [
        "!", "", "e30", "bm9uc2Vuc2U", packed(rv=-5), packed(rv=0), packed(rv=True), packed(rv=1.5),
        packed(rv="9" * 5000), packed(v="v2"), packed(start=["a"]),
    ],
)  # fmt: skip
def test_nonsense_is_no_token(token: str) -> None:
    with pytest.raises(BadRequest):
        Page.parse(token)


@pytest.mark.parametrize("text", ["x", "-1", "1.5", "¹", "9" * 5000, str(1 << 64)])
def test_nonsense_is_no_revision(text: str) -> None:
    with pytest.raises(Invalid):
        parse_revision(text)
    assert parse_revision("") is None
    assert parse_revision("12") == 12


def test_a_limit_is_a_number() -> None:
    assert (parse_limit(""), parse_limit("5"), parse_limit("-3")) == (0, 5, 0)
    for text in ("many", "1_0", "٣", "9" * 5000, "-"):
        with pytest.raises(BadRequest):
            parse_limit(text)


@pytest.mark.parametrize(
    ("match", "revision", "token"),
    [("Exact", "", ""), ("Exact", "0", ""), ("Sometimes", "1", ""), ("Exact", "1", "abc")],
)
def test_combinations_that_make_no_sense(match: str, revision: str, token: str) -> None:
    with pytest.raises(Invalid):
        check_match(match, revision, token)


def test_later_pages_are_of_their_own_moment() -> None:
    with pytest.raises(BadRequest, match="not allowed when using continue"):
        check_match("", "7", "abc")
    check_match("", "0", "abc")


@pytest.mark.parametrize(
    ("accept", "shape"),
    [
        ("", Shape.OBJECT),
        ("*/*", Shape.OBJECT),
        ("application/vnd.kubernetes.protobuf,application/json", Shape.OBJECT),
        ("application/json;as=Table;v=v1;g=meta.k8s.io,application/json", Shape.TABLE),
        ("application/json;as=Table;v=v2;g=meta.k8s.io,application/json", Shape.OBJECT),
        ("application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1", Shape.METADATA),
        (
            "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json",
            Shape.DISCOVERY,
        ),
    ],
)
def test_the_first_shape_that_is_served_is_taken(accept: str, shape: Shape) -> None:
    assert wanted(accept).shape is shape
