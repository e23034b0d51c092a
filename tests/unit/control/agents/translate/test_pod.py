"""A Pod's JSON to what the zygote and CNI are asked for."""

from dataclasses import replace
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest

from cni.spec.config import PortMapping
from control.agents.context import ConflistSpec, NodeContext
from control.agents.kubelet_errors import ConfigError
from control.agents.translate.pod import (
    Prepared,
    attach_request,
    container_request,
    hostname_of,
    ignored,
    netns_of,
    probe_port,
    resolv_conf,
    sandbox_request,
    standin_plan,
)
from control.workload.machine import DEFAULT_CAPABILITIES

NODE = NodeContext(
    lab="lab", name="node-1", netns="podwire-lab-node-1", addresses=(ip_address("10.0.1.10"),),
    pod_cidrs=(ip_network("10.244.1.0/24"),), cluster_cidrs=(), service_cidrs=(ip_network("10.96.0.0/12"),),
    dns_ip=ip_address("10.96.0.10"), cluster_domain="cluster.local", api_url="https://10.0.1.9:6443",
    directory=Path("/d"), memory=Path("/m"), pod_logs=Path("/d/log"), client_cert=Path("c"), client_key=Path("k"),
    serving_cert=Path("c"), serving_key=Path("k"), ca=Path("ca"), zygote_socket=Path("z"), cgroup=Path("/cg/node-1"),
    home=Path("/h"),
    max_pods=110, pod_mtu=1450,
)  # fmt: skip


def pod(container=None, **spec):
    meta = {"name": "web-0", "namespace": "shop", "uid": "0123", "annotations": spec.pop("annotations", {})}
    return {"metadata": meta, "spec": {"containers": [container or {}], **spec}}


def asked(container, **spec):
    whole = {"name": "c", "image": "busybox", **container}
    prepared = Prepared(environment={"A": "1"}, declared={}, volumes=(), addresses=("10.244.1.2",), attempt=4)
    return container_request(NODE, pod(whole, **spec), whole, prepared)


def test_a_container_lives_in_its_pod_s_cgroup_and_carries_its_attempt():
    want = asked({"command": ["sleep", "$(A)"]})
    assert (want.cgroup, want.attempt, want.argv) == ("/cg/node-1/0123/c", 4, ("sleep", "1"))
    assert dict(want.files)["/etc/hosts"].splitlines()[-1] == "10.244.1.2\tweb-0"


@pytest.mark.parametrize(
    ("container", "argv"),
    [
        ({}, ("sh",)),
        ({"args": ["ls", "-l"]}, ("ls", "-l")),
        ({"command": ["/bin/sh"], "args": ["-c", "x"]}, ("/bin/sh", "-c", "x")),
        ({"image": "shop.example/app:1"}, ()),
        ({"image": "shop.example/app:1", "args": ["--port", "80"]}, ()),
        ({"image": "shop.example/app:1", "command": ["sh"]}, ("sh",)),
    ],
)
def test_what_runs_is_the_manifest_s_or_the_known_base_s_own_command(container, argv):
    assert asked(container).argv == argv


def test_our_dns_image_runs_our_own_module():
    want = asked({"image": "podwire.dev/dns", "args": ["--x"]})
    assert (want.module, want.argv) == ("control.dns.server", ("--x",))


def test_capabilities_are_added_and_dropped():
    assert set(asked({}).capabilities) == set(DEFAULT_CAPABILITIES)
    changed = asked(
        {"securityContext": {"capabilities": {"drop": ["ALL"], "add": ["NET_ADMIN", "CAP_CHOWN"]}}}
    )
    assert changed.capabilities == ("CHOWN", "NET_ADMIN")


@pytest.mark.parametrize(
    ("container", "spec", "words"),
    [
        ({"securityContext": {"privileged": True}}, {}, "privileged: true is refused"),
        ({"securityContext": {"capabilities": {"add": ["SYS_ADMIN"]}}}, {}, "SYS_ADMIN is refused"),
        ({"securityContext": {"capabilities": {"add": ["ALL"]}}}, {}, "ALL is refused"),
        ({"securityContext": {"capabilities": {"add": ["SYS_NICE"]}}}, {}, "SYS_NICE is refused"),
        ({"securityContext": {"capabilities": {"add": ["CAP_SYS_RESOURCE"]}}}, {}, "SYS_RESOURCE is refused"),
        ({"securityContext": {"capabilities": {"add": ["IPC_LOCK"]}}}, {}, "IPC_LOCK is refused: it reaches"),
        ({"securityContext": {"runAsNonRoot": True, "runAsUser": 0}}, {}, "breaks non-root policy"),
        ({"securityContext": {"runAsNonRoot": True}}, {}, "image will run as root"),
    ],
)
def test_what_reaches_beyond_the_container_is_refused(container, spec, words):
    with pytest.raises(ConfigError, match=words):
        asked(container, **spec)


def test_a_stand_in_that_must_not_be_root_is_nobody():
    want = asked({"image": "shop.example/app", "securityContext": {"runAsNonRoot": True}})
    assert want.user == 65532


def test_the_container_s_security_goes_before_the_pod_s():
    want = asked(
        {"securityContext": {"runAsUser": 7, "allowPrivilegeEscalation": False}},
        securityContext={"runAsUser": 1, "runAsGroup": 2, "fsGroup": 3, "supplementalGroups": [9]},
    )
    assert (want.user, want.group, want.groups, want.no_new_privs) == (7, 2, (2, 3, 9), True)


def plan(container, declared=None, **annotations):
    whole = {"name": "c", "image": "shop.example/app:1", **container}
    return standin_plan(NODE, pod(whole, annotations=annotations), whole, declared or {})


def test_a_stand_in_listens_wherever_something_says_so():
    container = {
        "ports": [{"containerPort": 80, "name": "web"}, {"containerPort": 53, "protocol": "UDP"}],
        "readinessProbe": {"httpGet": {"port": "web"}},
        "livenessProbe": {"tcpSocket": {"port": 9000}},
        "startupProbe": {"grpc": {"port": 9001}},
    }
    found = plan(container, {"PORT": "8080"})
    assert found.tcp == (80, 9001, 9000, 8080)
    assert found.udp == (53,)
    assert plan({"image": "nginx"}).tcp == (80,)
    assert plan({"image": "nginx", "ports": [{"containerPort": 8080}]}).tcp == (8080,)


def test_annotations_make_a_stand_in_unready_or_slow_to_leave():
    found = plan({}, **{"podwire.dev/ready": "false", "podwire.dev/drain": "3s", "podwire.dev/calls": "a:1"})
    assert (found.ready, found.drain_s, found.upstreams) == (False, 3.0, ("a:1",))
    assert plan({}, **{"podwire.dev/drain": "soon"}).drain_s == 1.0


def test_only_a_path_of_the_readiness_probe_alone_answers_503():
    ready = {"readinessProbe": {"httpGet": {"port": 1, "path": "/ready?x"}}}
    assert plan(ready).unready_paths == ("/ready",)
    assert plan({"readinessProbe": {"httpGet": {"port": 1, "path": "/"}}}).unready_paths == ()
    both = {"httpGet": {"port": 1, "path": "/h"}}
    assert plan({"readinessProbe": both, "livenessProbe": both}).unready_paths == ()


def test_names_of_places_are_cut_to_what_the_kernel_takes():
    long = pod()
    long["metadata"]["name"] = "x" * 253
    assert len(hostname_of(long)) == 63
    assert len(netns_of(NODE, long)) <= 255
    assert attach_request(NODE, pod()).netns == netns_of(NODE, pod())
    assert sandbox_request(NODE, pod()).cgroup == "/cg/node-1/0123"


def test_a_pod_on_the_node_s_network_is_the_node():
    on_node = pod(hostNetwork=True)
    assert netns_of(NODE, on_node) == NODE.netns
    assert sandbox_request(NODE, on_node).hostname == "node-1"


def test_a_named_port_is_looked_up_in_its_container():
    container = {"ports": [{"name": "web", "containerPort": 80}]}
    assert [probe_port(container, {"tcpSocket": {"port": port}}) for port in ("web", "81", 82, "none")] == [
        80,
        81,
        82,
        None,
    ]


def test_a_pod_with_host_network_resolves_as_the_node_unless_it_asks_for_the_cluster():
    assert resolv_conf(NODE, pod(hostNetwork=True)) == "nameserver 8.8.8.8\n"
    assert "10.96.0.10" in resolv_conf(NODE, pod(hostNetwork=True, dnsPolicy="ClusterFirstWithHostNet"))


def test_what_is_not_done_is_said():
    container = {"ports": [{"containerPort": 80, "hostPort": 9191}]}
    asks = pod(container, securityContext={"sysctls": [{"name": "a.b", "value": "1"}]})
    assert [sentence.split(" is ")[0] for sentence in ignored(NODE, asks)] == ["hostPort 9191", "sysctl a.b"]
    assert ignored(NODE, pod({"ports": [{"containerPort": 80}]})) == []
    for spec in ({"hostPID": True}, {"hostPID": True, "hostNetwork": True}):
        (sentence,) = ignored(NODE, pod({}, **spec))
        assert sentence.startswith("hostPID is not heeded")


def test_a_host_port_is_asked_of_cni_and_in_vain_unless_a_plugin_takes_it():
    asks = pod({"ports": [{"containerPort": 53, "hostPort": 9191, "protocol": "UDP", "hostIP": "10.0.1.10"}]})
    portmap = '{"plugins": [{"type": "bridge"}, {"type": "portmap", "capabilities": {"portMappings": true}}]}'

    assert attach_request(NODE, asks).port_mappings == (PortMapping(9191, 53, "udp", "10.0.1.10"),)
    assert ignored(replace(NODE, cni=ConflistSpec(portmap, ())), asks) == []
    assert ignored(replace(NODE, cni=ConflistSpec('{"type": "bridge"}', ())), asks) != []
