"""What an ended plugin said, as a value or an error."""

import pytest

from cni.errors import PluginFailed, PluginMissing
from cni.runtime.exec import Plugins, answer


def test_success_is_its_object_or_nothing():
    assert answer("bridge", 0, b'{"ips": []}', b"chatter") == {"ips": []}
    assert answer("bridge", 0, b" \n", b"") is None


@pytest.mark.parametrize(
    ("status", "out", "err", "code", "said"),
    [
        (1, b'{"code": 11, "msg": "busy", "details": "lock"}', b"", 11, "busy (lock)"),
        (1, b'{"msg": "no code"}', b"", 999, "no code"),
        (2, b"", b"panic: nil map", 999, "exit 2, without an error in words (panic: nil map)"),
        (-9, b"", b"", 999, "ended by signal 9, without an error in words"),
        (0, b"[1]", b"", 999, "its answer is not an object ([1])"),
        (0, b"{", b"", 999, "exit 0, and its answer is not JSON ({)"),
    ],
)
def test_failure_has_the_plugins_code_and_words(status, out, err, code, said):
    with pytest.raises(PluginFailed) as failed:
        answer("bridge", status, out, err)

    assert (failed.value.code, str(failed.value), failed.value.plugin) == (code, said, "bridge")


def test_a_plugin_is_found_in_the_first_folder_that_has_it_and_missed_by_name(tmp_path):
    for folder, mode in (("a", 0o644), ("b", 0o755), ("c", 0o755)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "bridge").touch(mode)
    plugins = Plugins("", tuple(str(tmp_path / folder) for folder in "abc"))

    assert plugins.find("bridge") == str(tmp_path / "b" / "bridge")
    with pytest.raises(PluginMissing, match="ptp"):
        plugins.find("ptp")
