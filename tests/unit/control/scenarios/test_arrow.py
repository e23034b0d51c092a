"""What was seen beside what must be: missing arrows, and those too many."""

from control.scenarios.arrow import Arrow, Seen, compare


def _arrows(*pairs: str) -> list[Arrow]:
    return [Arrow(pair[0], pair[1], "packet") for pair in pairs]


def _seen(*pairs: str) -> list[Seen]:
    return [Seen(pair[0], pair[1], "packet", f"seen {n}") for n, pair in enumerate(pairs)]


def test_in_order_all_is_as_drawn():
    compared = compare(_arrows("ab", "bc"), _seen("ab", "bc"), ordered=True)
    assert [(arrow.key, seen.evidence) for arrow, seen in compared.pairs] == [
        (("a", "b", "packet"), "seen 0"),
        (("b", "c", "packet"), "seen 1"),
    ]
    assert compared.missing == compared.extra == ()


def test_a_missing_arrow_and_an_extra_one_are_told_apart():
    compared = compare(_arrows("ab", "bc", "cd"), _seen("ab", "bx", "cd"), ordered=True)
    assert [arrow.key[:2] for arrow in compared.missing] == [("b", "c")]
    assert [seen.key[:2] for seen in compared.extra] == [("b", "x")]
    assert len(compared.pairs) == 2


def test_an_arrow_seen_twice_is_one_too_many_in_order_and_fine_without():
    assert len(compare(_arrows("ab"), _seen("ab", "ab"), ordered=True).extra) == 1
    assert compare(_arrows("ab"), _seen("ab", "ab"), ordered=False).extra == ()


def test_the_kind_of_observation_counts():
    tunnel = [Arrow("a", "b", "tunnel")]
    compared = compare(tunnel, _seen("ab"), ordered=True)
    assert (len(compared.missing), len(compared.extra)) == (1, 1)
    compared = compare(tunnel, _seen("ab"), ordered=False)
    assert (len(compared.missing), len(compared.extra)) == (1, 1)


def test_without_order_pairs_stand_in_the_pictures_order():
    compared = compare(_arrows("ab", "bc"), _seen("bc", "ab"), ordered=False)
    assert [arrow.key[0] for arrow, _ in compared.pairs] == ["a", "b"]
