"""Two states of the root namespace, compared."""

import json
from dataclasses import replace

from dataplane.host.untouched import RootState, _as_lines

BEFORE = RootState(
    lists={
        "links": ("eth0 index 2 device 02:00:00:00:00:01 mtu 1500 up",),
        "addresses": ("192.0.2.2/24 dev eth0",),
        "routes": ("0.0.0.0/0 via 192.0.2.1 dev eth0 table 254 proto 3 scope 0",),
        "rules": (),
        "ruleset": ("table ip filter > chain input > accept",),
    },
    sysctls={"net.ipv4.ip_forward": "0"},
    resolver="nameserver 192.0.2.1\n",
)


def lists(**changed: tuple[str, ...]) -> RootState:
    return replace(BEFORE, lists=dict(BEFORE.lists) | changed)


def test_a_state_does_not_differ_from_itself_after_being_kept_as_json():
    kept = RootState.from_json(json.loads(json.dumps(BEFORE.as_json())))

    assert kept == BEFORE
    assert BEFORE.differences(kept) == []


def test_what_is_new_and_what_is_gone_is_named_by_kind():
    after = lists(links=(), routes=(*BEFORE.lists["routes"], "10.0.0.0/8 dev eth0 table 254"))

    assert BEFORE.differences(after) == [
        "links: gone: eth0 index 2 device 02:00:00:00:00:01 mtu 1500 up",
        "routes: new: 10.0.0.0/8 dev eth0 table 254",
    ]


def test_a_sysctl_that_changed_is_shown_with_both_values():
    after = replace(BEFORE, sysctls={"net.ipv4.ip_forward": "1"})

    assert BEFORE.differences(after) == ["sysctl net.ipv4.ip_forward: 0 → 1"]


def test_a_sysctl_that_a_module_brought_is_no_difference():
    after = replace(BEFORE, sysctls=dict(BEFORE.sysctls) | {"net.bridge.bridge-nf-call-iptables": "1"})

    assert BEFORE.differences(after) == []


def test_a_rule_and_the_resolver_are_compared_too():
    after = replace(lists(ruleset=()), resolver="nameserver 10.96.0.10\n")

    assert BEFORE.differences(after) == [
        "ruleset: gone: table ip filter > chain input > accept",
        "/etc/resolv.conf: changed",
    ]


def test_each_line_of_a_ruleset_stands_with_its_table_and_chain_and_repeated_ones_are_told_apart():
    text = "table ip f {\n\tchain a {\n\t\taccept\n\t\taccept\n\t}\n\tchain b {\n\t\taccept\n\t}\n}\n"

    assert _as_lines(text)[2:] == [
        "table ip f > chain a > accept",
        "table ip f > chain a > accept (2)",
        "table ip f > chain b",
        "table ip f > chain b > accept",
    ]
