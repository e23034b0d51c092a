"""Connections in names."""

from ipaddress import ip_address

import pytest

from control.explain.flow_book import Connection
from control.explain.flow_text import FlowNames, age, as_json, live_line, table
from dataplane.model.address import HostPort
from dataplane.observe.tracking import Counts

WEB, DB = HostPort(ip_address("10.244.1.2"), 4000), HostPort(ip_address("10.244.2.3"), 8080)
SERVICE, NODE = HostPort(ip_address("10.96.0.20"), 80), HostPort(ip_address("10.0.1.10"), 5000)
SECOND = 1_000_000_000


def _flow(client=WEB, asked=SERVICE, seen_as=None, state="ESTABLISHED") -> Connection:
    return Connection(
        6,
        client,
        asked,
        DB,
        seen_as or client,
        ("node-1", "node-2"),
        state,
        Counts(5, 1400),
        Counts(4, 90),
        SECOND,
    )


def test_a_line_has_client_service_endpoint_state_nodes_and_counts(atlas):
    said = live_line(FlowNames(atlas), "end", _flow(), 4 * SECOND)
    assert "tcp  shop/web → Service shop/db:80 → shop/db:8080  ESTABLISHED  [node-1, node-2]" in said
    assert said.endswith("5 / 1.4 kB sent, 4 / 90 B back  after 3.0 s")


def test_as_whom_the_endpoint_sees_a_masqueraded_client(atlas):
    assert FlowNames(atlas).way(_flow(seen_as=NODE)).endswith("→ shop/db:8080 (as node node-1)")


@pytest.mark.parametrize(
    ("flow", "shown"),
    [
        (_flow(), True),
        (_flow(client=NODE, asked=DB), False),  # a probe
        (_flow(client=NODE), True),
        (_flow(client=HostPort(ip_address("198.51.100.7"), 1), asked=DB), True),
    ],
)
def test_what_nodes_do_by_themselves_is_not_shown(atlas, flow, shown):
    assert FlowNames(atlas).concerns_pods(flow) is shown


def test_what_waits_to_be_forgotten_is_over():
    assert FlowNames.is_over(_flow(state="TIME_WAIT"))
    assert not FlowNames.is_over(_flow())


def test_the_latest_stand_first_and_the_rest_is_counted(atlas):
    old, new = _flow(), _flow(client=HostPort(WEB.address, 4001), asked=DB)
    said = table(FlowNames(atlas), [old, old, new], 2 * SECOND, height=5).splitlines()
    assert said[0].split() == [
        "PROTO",
        "FROM",
        "→",
        "TO",
        "(→",
        "ENDPOINT)",
        "STATE",
        "SENT",
        "BACK",
        "AGE",
        "NODES",
    ]
    assert said[-1] == "… and 1 more"
    assert table(FlowNames(atlas), [], 0).splitlines()[-1] == "(no connections)"


def test_json_has_names_and_addresses(atlas):
    said = as_json(FlowNames(atlas), "new", _flow(), 2 * SECOND)
    assert (said["from"], said["to"], said["endpoint"]) == ("shop/web", "Service shop/db", "shop/db")
    assert (said["service"], said["source"], said["answers"]) == (
        "shop/db",
        "10.244.1.2:4000",
        "10.244.2.3:8080",
    )
    assert said["sent"] == {"packets": 5, "bytes": 1400}
    assert (said["ageSeconds"], said["nodes"]) == (1.0, ["node-1", "node-2"])


@pytest.mark.parametrize(("seconds", "said"), [(4.2, "4.2 s"), (180, "3 min"), (9000, "2.5 h")])
def test_ages(seconds, said):
    assert age(_flow(), int((1 + seconds) * SECOND)) == said
