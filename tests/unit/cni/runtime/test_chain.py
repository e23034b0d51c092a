"""Who is asked what, in which order, with whose result: a list run on plugins that write down what they hear."""

from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from cni.errors import CNIError, PluginFailed
from cni.runtime.cache import Attachment, Cache
from cni.runtime.chain import Chain
from cni.spec.call import Call
from cni.spec.conflist import read

POD = Attachment("uid-1", "/run/netns/x", capabilities={"portMappings": [{"hostPort": 80}]})


@dataclass
class Heard:
    """Plugins that answer ADD with their own type appended to the result so far. fails: ``(verb, type)``."""

    calls: list[tuple[str, str]] = field(default_factory=list)
    configs: list[dict[str, Any]] = field(default_factory=list)
    asked: list[Call] = field(default_factory=list)
    fails: set[tuple[str, str]] = field(default_factory=set)

    def __call__(self, kind: str, call: Call, config: Any) -> Any:
        self.calls.append((call.verb, kind))
        self.configs.append(config)
        self.asked.append(call)
        if (call.verb, kind) in self.fails:
            raise PluginFailed(kind, 11, f"{kind} does not want to")
        if call.verb == "ADD":
            return {"by": [*(config.get("prevResult") or {}).get("by", []), kind]}
        return None


def network(version: str = "1.1.0", **more: object):
    plugins = [{"type": "bridge"}, {"type": "portmap", "capabilities": {"portMappings": True}}]
    return read({"cniVersion": version, "name": "net", "plugins": plugins, **more})


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def chain(heard, tmp_path) -> Chain:
    return Chain(network(), heard, Cache(tmp_path))


def test_each_plugin_is_given_the_result_so_far_and_the_last_ones_is_the_lists(chain, heard):
    assert chain.add(POD) == {"by": ["bridge", "portmap"]}

    assert heard.calls == [("ADD", "bridge"), ("ADD", "portmap")]
    assert "prevResult" not in heard.configs[0]
    assert "runtimeConfig" not in heard.configs[0]
    assert heard.configs[1]["prevResult"] == {"by": ["bridge"]}
    assert heard.configs[1]["runtimeConfig"] == {"portMappings": [{"hostPort": 80}]}
    assert heard.asked[0] == Call("ADD", "uid-1", "/run/netns/x", "eth0")


def test_what_is_attached_is_not_added_again_by_a_successor_either(chain, heard, tmp_path):
    result = chain.add(POD)

    assert Chain(network(), heard, Cache(tmp_path)).add(POD) == result
    assert len(heard.calls) == 2


def test_delete_goes_backwards_with_the_result_of_add_and_the_list_of_then(chain, heard, tmp_path):
    result = chain.add(POD)
    now = read({"cniVersion": "1.1.0", "name": "net", "plugins": [{"type": "macvlan"}]})

    Chain(now, heard, Cache(tmp_path)).delete(Attachment("uid-1", ""))

    assert heard.calls[2:] == [("DEL", "portmap"), ("DEL", "bridge")]
    assert [config["prevResult"] for config in heard.configs[2:]] == [result, result]
    assert heard.configs[2]["runtimeConfig"] == {"portMappings": [{"hostPort": 80}]}
    assert heard.asked[2].netns == ""  # its namespace is gone by now, and is not named
    assert Cache(tmp_path).entries() == ()


def test_before_0_4_0_delete_has_no_result(heard, tmp_path):
    chain = Chain(network("0.3.1"), heard, Cache(tmp_path))
    chain.add(POD)
    chain.delete(POD)

    assert all("prevResult" not in config for config in heard.configs[2:])


def test_after_a_failed_add_all_are_told_to_delete_and_the_error_is_the_plugins(chain, heard, tmp_path):
    heard.fails = {("ADD", "portmap")}

    with pytest.raises(PluginFailed, match="portmap does not want to") as failed:
        chain.add(POD)

    assert (failed.value.plugin, failed.value.code) == ("portmap", 11)
    assert heard.calls[2:] == [("DEL", "portmap"), ("DEL", "bridge")]
    assert Cache(tmp_path).entries() == ()


def test_what_a_failed_delete_owes_is_paid_by_gc(chain, heard, tmp_path):
    chain.add(POD)
    heard.fails = {("DEL", "bridge")}
    with pytest.raises(PluginFailed):
        chain.delete(POD)
    assert len(chain.gc(())) == 1

    heard.fails = set()
    assert chain.gc(()) == ()
    assert Cache(tmp_path).entries() == ()


def test_who_died_during_add_is_known_to_gc(chain, heard, tmp_path):
    class Killed(BaseException):
        pass

    def dies(*_: object) -> None:
        raise Killed

    with pytest.raises(Killed):
        Chain(network(), dies, Cache(tmp_path)).add(POD)

    chain.gc(())
    assert heard.calls[:2] == [("DEL", "portmap"), ("DEL", "bridge")]


def test_gc_deletes_what_is_not_valid_then_tells_the_plugins_what_is(chain, heard):
    chain.add(POD)
    chain.add(replace(POD, container_id="uid-2"))
    del heard.calls[:], heard.configs[:]

    chain.gc({("uid-2", "eth0")})

    assert heard.calls == [("DEL", "portmap"), ("DEL", "bridge"), ("GC", "bridge"), ("GC", "portmap")]
    assert heard.configs[2]["cni.dev/valid-attachments"] == [{"containerID": "uid-2", "ifname": "eth0"}]


@pytest.mark.parametrize("quiet", [network("1.0.0"), network(disableGC=True)])
def test_plugins_are_not_told_of_gc_where_the_list_has_none(quiet, heard, tmp_path):
    Chain(quiet, heard, Cache(tmp_path)).gc(())
    assert heard.calls == []


def test_check_has_the_result_and_needs_one(chain, heard):
    with pytest.raises(CNIError, match="is not attached"):
        chain.check(POD)
    result = chain.add(POD)
    chain.check(POD)

    assert heard.calls[2:] == [("CHECK", "bridge"), ("CHECK", "portmap")]
    assert heard.configs[3]["prevResult"] == result


def test_a_list_may_say_that_it_is_not_to_be_checked(heard, tmp_path):
    chain = Chain(network(disableCheck=True), heard, Cache(tmp_path))
    chain.add(POD)
    chain.check(POD)
    assert len(heard.calls) == 2


def test_status_is_the_first_plugins_that_is_not_ready(chain, heard, tmp_path):
    chain.status()
    heard.fails = {("STATUS", "portmap")}
    with pytest.raises(PluginFailed, match="portmap"):
        chain.status()

    heard.calls.clear()
    Chain(network("1.0.0"), heard, Cache(tmp_path)).status()
    assert heard.calls == []


def test_a_plugin_that_adds_without_a_result_has_failed(tmp_path):
    with pytest.raises(PluginFailed, match="without a result"):
        Chain(network(), lambda *_: None, Cache(tmp_path)).add(POD)
