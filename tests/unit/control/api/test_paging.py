"""Continue tokens and revisions of lists; shapes that Accept headers ask for."""

import pytest

from control.api.negotiate import Shape, wanted
from control.api.paging import Page, check_match, parse_limit, parse_revision
from control.errors import BadRequest, Invalid


def test_a_token_says_where_and_when() -> None:
    page = Page(41, ("shop", "cart"))
    assert Page.parse(page.token()) == page
    assert Page.parse(Page(7, ("", "node-1")).token()).after == ("", "node-1")


@pytest.mark.parametrize("token", ["!", "", "e30", "bm9uc2Vuc2U"])
def test_nonsense_is_no_token(token: str) -> None:
    with pytest.raises(BadRequest):
        Page.parse(token)


@pytest.mark.parametrize("text", ["x", "-1", "1.5", "¹"])
def test_nonsense_is_no_revision(text: str) -> None:
    with pytest.raises(Invalid):
        parse_revision(text)
    assert parse_revision("") is None
    assert parse_revision("12") == 12


def test_a_limit_is_a_number() -> None:
    assert (parse_limit(""), parse_limit("5"), parse_limit("-3")) == (0, 5, 0)
    with pytest.raises(BadRequest):
        parse_limit("many")


@pytest.mark.parametrize(
    ("match", "revision", "token"),
    [("Exact", "", ""), ("Exact", "0", ""), ("Sometimes", "1", ""), ("Exact", "1", "abc")],
)
def test_combinations_that_make_no_sense(match: str, revision: str, token: str) -> None:
    with pytest.raises(Invalid):
        check_match(match, revision, token)


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
