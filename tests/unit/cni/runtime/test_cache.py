"""What was attached comes back as it was written, by another process too."""

import pytest

from cni.errors import LedgerDamaged
from cni.runtime.cache import Attachment, Cache, Entry

POD = Attachment(
    "uid-1", "/run/netns/x", "eth0", (("K8S_POD_NAME", "web"),), {"portMappings": [{"hostPort": 80}]}
)
ENTRY = Entry(POD, {"name": "net", "plugins": [{"type": "bridge"}]}, {"ips": [{"address": "10.0.0.2/24"}]})


def test_an_entry_comes_back_and_the_last_one_written_counts(tmp_path):
    Cache(tmp_path / "new").write(Entry(POD, ENTRY.document))
    Cache(tmp_path / "new").write(ENTRY)

    assert Cache(tmp_path / "new").find("uid-1") == ENTRY
    assert Cache(tmp_path / "new").entries() == (ENTRY,)


def test_a_second_interface_is_another_entry(tmp_path):
    cache = Cache(tmp_path)
    cache.write(ENTRY)
    second = Entry(Attachment("uid-1", "/run/netns/x", "net1"), ENTRY.document)
    cache.write(second)
    cache.remove("uid-1")

    assert cache.find("uid-1") is None
    assert cache.entries() == (second,)


def test_forgetting_what_is_not_there_is_no_error(tmp_path):
    Cache(tmp_path / "none").remove("uid-1")
    assert Cache(tmp_path / "none").entries() == ()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"attachment": {}, "document": {}}'])
def test_a_record_that_cannot_be_read_is_named_with_what_to_do(tmp_path, text):
    (tmp_path / "uid-1-eth0.json").write_text(text)

    with pytest.raises(LedgerDamaged, match=r"uid-1-eth0\.json") as damaged:
        Cache(tmp_path).entries()
    assert "remove" in damaged.value.mend
