"""The executable's answers that need no kernel: versions, and errors with the specification's codes."""

import io
import json
import sys

import pytest

from cni.errors import AttachmentWrong, CNIError, ConfigInvalid, InputUndecodable
from cni.plugin.main import (
    attach_request,
    attachment_key,
    decoded,
    main,
    run,
    same_addresses,
    valid_attachments,
)
from cni.spec.call import Call

CONFIG = {"cniVersion": "1.1.0", "name": "net", "type": "podwire-cni", "subnets": ["10.1.0.0/24"]}
ADD = {
    "CNI_COMMAND": "ADD",
    "CNI_CONTAINERID": "c1",
    "CNI_NETNS": "/run/netns/none-such",
    "CNI_IFNAME": "eth0",
}


@pytest.fixture
def plugin(monkeypatch, capsys):
    def called(environment, text):
        for name in ADD:
            monkeypatch.delenv(name, raising=False)
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
        code = main()
        return code, json.loads(capsys.readouterr().out or "null")

    return called


@pytest.mark.parametrize(
    ("environment", "text", "code"),
    [
        (ADD | {"CNI_COMMAND": "NONSENSE"}, json.dumps(CONFIG), 4),
        (ADD | {"CNI_IFNAME": ""}, json.dumps(CONFIG), 4),
        (ADD, "{", 6),
        (ADD, "[]", 6),
        (ADD, json.dumps(CONFIG | {"cniVersion": "9.0.0"}), 1),
        (ADD, json.dumps(CONFIG | {"subnets": []}), 7),
        (ADD, json.dumps(CONFIG | {"prevResult": {"ips": [{"address": "10.1.0.9/24"}]}}), 7),
        (ADD | {"CNI_COMMAND": "GC"}, json.dumps(CONFIG | {"cni.dev/valid-attachments": {}}), 7),
        (ADD | {"CNI_COMMAND": "STATUS"}, json.dumps(CONFIG | {"cniVersion": "1.0.0"}), 7),
        (ADD | {"CNI_COMMAND": "STATUS"}, json.dumps(CONFIG | {"netns": "podwire-tnone-such"}), 50),
        (ADD, json.dumps(CONFIG), 3),
    ],
)
def test_an_error_is_json_on_standard_output_with_its_code(plugin, environment, text, code):
    status, said = plugin(environment, text)

    assert status == 1
    assert said["code"] == code
    assert said["msg"]
    assert said["cniVersion"] in {"1.1.0", "1.0.0"}


def test_version_says_what_is_spoken_in_the_version_of_who_asks(plugin):
    assert plugin({"CNI_COMMAND": "VERSION"}, '{"cniVersion": "0.4.0"}') == (
        0,
        {"cniVersion": "0.4.0", "supportedVersions": ["0.3.1", "0.4.0", "1.0.0", "1.1.0"]},
    )
    assert plugin({"CNI_COMMAND": "VERSION"}, "")[0] == 0


def test_del_of_what_nobody_holds_is_no_error_even_where_the_node_is_gone(tmp_path):
    config = CONFIG | {"netns": "podwire-tnone-such", "ipam": {"directory": str(tmp_path), "ranges": []}}
    config["ipam"]["ranges"] = [{"subnet": "10.1.0.0/24"}]

    assert run(Call("DEL", "c1", "", "eth0"), config, "") is None


def test_a_second_interface_is_an_attachment_of_its_own():
    assert attachment_key("c1", "eth0") == "c1"
    assert attachment_key("c1", "net1") == "c1/net1"
    config = {"cni.dev/valid-attachments": [{"containerID": "c1", "ifname": "net1"}]}
    assert valid_attachments(config) == {"c1/net1"}


@pytest.mark.parametrize("config", [{}, {"cni.dev/valid-attachments": None}])
def test_without_a_list_nothing_is_in_use_as_libcni_means_it(config):
    assert valid_attachments(config) == frozenset()


def test_the_list_is_found_under_its_former_name():
    was = {"cni.dev/attachments": [{"containerID": "c1", "ifname": "eth0"}]}
    assert valid_attachments(was) == {"c1"}


@pytest.mark.parametrize("valid", [{}, "", [{"containerID": "c1"}], ["c1"]])
def test_gc_with_a_list_that_cannot_be_read_deletes_nothing_and_says_so(valid):
    with pytest.raises(ConfigInvalid, match="valid-attachments"):
        valid_attachments({"cni.dev/valid-attachments": valid})


@pytest.mark.parametrize(
    ("args", "config"),
    [
        ((("IP", "10.1.0.7"),), {}),
        ((), {"runtimeConfig": {"ips": ["10.1.0.7/24"]}}),
        ((), {"args": {"cni": {"ips": ["10.1.0.7"]}}}),
    ],
)
def test_an_address_may_be_asked_for_by_each_convention(args, config):
    request = attach_request(Call("ADD", "c1", "/x", "eth0", args), config, "c1")

    assert [str(address) for address in request.addresses] == ["10.1.0.7"]


def test_an_address_that_is_none_is_refused():
    with pytest.raises(ConfigInvalid, match="ips"):
        attach_request(Call("ADD", "c1", "/x", "eth0", (("IP", "ten"),)), {}, "c1")


def test_standard_input_that_is_no_object_is_undecodable():
    with pytest.raises(InputUndecodable):
        decoded(b"3", Call("ADD"))


def test_check_compares_with_what_add_had_said(tmp_path):
    from ipaddress import ip_address

    from cni.ipam.ledger import Held

    held = Held("c1", "/x", "eth0", "shop/web", (ip_address("10.1.0.2"),))
    same_addresses({"prevResult": {"ips": [{"address": "10.1.0.2/24"}]}}, held)
    with pytest.raises(AttachmentWrong, match=r"10\.1\.0\.2"):
        same_addresses({"prevResult": {"ips": [{"address": "10.1.0.3/24"}]}}, held)
    with pytest.raises(CNIError, match="prevResult"):
        same_addresses({}, held)
