"""What a container finds on a real node: variables, volumes, users, names."""

import shutil
import tempfile
from pathlib import Path

import pytest

from control.client.resources import PODS

from .pods import container, ended, output, pod, reasons, shell, standin, status_of

pytestmark = pytest.mark.root


def test_environment_comes_from_everywhere_it_may(lab):
    lab.create(
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "cm"}, "data": {"A": "1", "B": "2"}}
    )
    lab.create(
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "stringData": {"PASS": "wörd"}}
    )
    env = [
        {"name": "NODE", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}},
        {"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
        {"name": "LABEL", "valueFrom": {"fieldRef": {"fieldPath": "metadata.labels['name']"}}},
        {"name": "PASS", "valueFrom": {"secretKeyRef": {"name": "s", "key": "PASS"}}},
        {"name": "MEM", "valueFrom": {"resourceFieldRef": {"resource": "limits.memory", "divisor": "1Mi"}}},
        {"name": "MAYBE", "valueFrom": {"configMapKeyRef": {"name": "none", "key": "x", "optional": True}}},
        {"name": "BOTH", "value": "$(NODE)/$(A) $$(A) $(NOPE)"},
    ]
    script = 'echo "$NODE|$IP|$LABEL|$PASS|$MEM|${MAYBE-unset}|$BOTH|$X_B|$KUBERNETES_SERVICE_HOST"'
    lab.create(
        pod(
            "env",
            shell(
                script,
                env=env,
                envFrom=[{"configMapRef": {"name": "cm"}}, {"prefix": "X_", "configMapRef": {"name": "cm"}}],
                resources={"limits": {"memory": "64Mi"}},
            ),
            restartPolicy="Never",
        )
    )
    ended(lab, "env", "Succeeded")
    node = lab.api.get(PODS, "env", lab.namespace)["spec"]["nodeName"]
    ip = status_of(lab, "env")["podIP"]
    assert output(lab, "env").strip() == f"{node}|{ip}|env|wörd|64|unset|{node}/1 $(A) $(NOPE)|2|10.96.0.1"


def test_a_missing_configmap_is_a_config_error_until_it_comes(lab):
    env = [{"name": "A", "valueFrom": {"configMapKeyRef": {"name": "late", "key": "A"}}}]
    lab.create(pod("web", shell("echo $A; sleep 1000", env=env)))
    lab.until(lambda: container(lab, "web")["state"]["waiting"]["reason"] == "CreateContainerConfigError")
    assert container(lab, "web")["state"]["waiting"]["message"] == 'configmap "late" not found'
    lab.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "late"}, "data": {"A": "here"}})
    lab.ready_pod("web")
    assert output(lab, "web") == "here\n"


def test_volumes_hold_what_they_are_made_of(lab):
    lab.create(
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "cm"}, "data": {"a": "A", "b": "B"}}
    )
    lab.create({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "stringData": {"key": "K"}})
    volumes = [
        {
            "name": "cm",
            "configMap": {"name": "cm", "items": [{"key": "a", "path": "deep/a.txt", "mode": 0o400}]},
        },
        {"name": "s", "secret": {"secretName": "s", "defaultMode": 0o440}},
        {
            "name": "down",
            "downwardAPI": {"items": [{"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}}]},
        },
        {"name": "mem", "emptyDir": {"medium": "Memory", "sizeLimit": "1Mi"}},
        {"name": "empty", "emptyDir": {}},
        {"name": "none", "configMap": {"name": "nothing", "optional": True}},
    ]
    mounts = [{"name": v["name"], "mountPath": f"/v/{v['name']}"} for v in volumes]
    mounts.append({"name": "cm", "mountPath": "/etc/one.conf", "subPath": "deep/a.txt"})
    mounts.append({"name": "empty", "mountPath": "/sub", "subPath": "x/y"})
    script = (
        "cat /v/cm/deep/a.txt /v/s/key /v/down/labels /etc/one.conf; echo; stat -Lc %a /v/cm/deep/a.txt /v/s/key;"
        "stat -fc %T /v/mem; ls /v/none | wc -l; echo x > /sub/f; cat /v/empty/x/y/f;"
        "touch /v/cm/z 2>/dev/null || echo read-only;"
        "cut -d. -f1 /var/run/secrets/kubernetes.io/serviceaccount/token | wc -l;"
        "cat /var/run/secrets/kubernetes.io/serviceaccount/namespace"
    )
    lab.create(pod("vol", shell(script, volumeMounts=mounts), volumes=volumes, restartPolicy="Never"))
    ended(lab, "vol", "Succeeded")
    assert output(lab, "vol").splitlines() == [
        'AKname="vol"A', "400", "440", "tmpfs", "0", "x", "read-only", "1", lab.namespace,
    ]  # fmt: skip


def test_a_host_path_is_read_only_and_the_labs_keys_are_refused(lab):
    mount = {"volumeMounts": [{"name": "h", "mountPath": "/h"}]}
    path = {"volumes": [{"name": "h", "hostPath": {"path": "/etc/apt"}}], "restartPolicy": "Never"}
    lab.create(pod("good", shell("ls /h; touch /h/x 2>&1; true", **mount), **path))
    ended(lab, "good", "Succeeded")
    assert "sources.list" in output(lab, "good")
    assert "Read-only" in output(lab, "good")


def test_a_host_path_that_lies_in_or_holds_what_no_container_sees_is_refused(lab):
    place = Path(tempfile.mkdtemp(prefix="podwire-t", dir="/opt"))
    (place / "link").symlink_to(lab.directory.pki)
    home = lab.directory.root.parent
    bad = [
        lab.directory.pki,
        home,
        home.parent,
        f"//{home}",
        "/tmp",
        "/home",
        "/root",
        "/run",
        place / "link",
    ]
    try:
        for number, path in enumerate(map(str, bad)):
            volumes = [{"name": "h", "hostPath": {"path": path}}]
            mount = [{"name": "h", "mountPath": "/h"}]
            lab.create(pod(f"bad-{number}", shell("true", volumeMounts=mount), volumes=volumes))
        for number, path in enumerate(bad):
            told = lab.until(lambda n=number: reasons(lab, f"bad-{n}").get("FailedMount"), what=f"{path}")
            assert "is refused: containers of a lab never see" in told
    finally:
        shutil.rmtree(place)


def test_the_node_s_root_shows_what_the_container_sees_itself_and_is_read_only(lab):
    """What is hidden from containers is hidden below it, too, and by subPath."""
    key = lab.directory.pki
    mounts = [
        {"name": "h", "mountPath": "/host"},
        {"name": "h", "mountPath": "/homes", "subPath": "root"},
        {"name": "h", "mountPath": "/keys", "subPath": str(key).strip("/")},
    ]
    script = (
        f"ls -d /host/etc/apt; ls -A /host/root /host/home /host/tmp /host/proc /host{key} /homes /keys 2>&1"
        " | grep -v -e : -e '^$'; touch /host/x 2>&1; true"
    )
    volumes = [{"name": "h", "hostPath": {"path": "/"}}]
    lab.create(pod("whole", shell(script, volumeMounts=mounts), volumes=volumes, restartPolicy="Never"))
    ended(lab, "whole", "Succeeded")
    assert output(lab, "whole").splitlines() == [
        "/host/etc/apt",
        "touch: cannot touch '/host/x': Read-only file system",
    ]


def test_privilege_over_the_machine_is_refused_with_its_reason(lab):
    cases = {
        "caps": {"capabilities": {"add": ["SYS_ADMIN"]}},
        "nonroot": {"runAsNonRoot": True},
    }
    for name, context in cases.items():
        lab.create(pod(name, shell("true", securityContext=context)))
        lab.until(
            lambda name=name: (
                container(lab, name)["state"]["waiting"]["reason"] == "CreateContainerConfigError"
            )
        )
    assert "SYS_ADMIN is refused" in container(lab, "caps")["state"]["waiting"]["message"]
    assert (
        "runAsNonRoot and image will run as root" in container(lab, "nonroot")["state"]["waiting"]["message"]
    )


def test_users_groups_and_capabilities_are_the_manifest_s(lab):
    lab.create(
        pod(
            "who",
            shell(
                "id -u; id -g; id -G; grep CapEff /proc/self/status; grep NoNew /proc/self/status; touch /x; touch /d/y",
                securityContext={"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True},
                volumeMounts=[{"name": "d", "mountPath": "/d"}],
            ),
            securityContext={
                "runAsUser": 1000,
                "runAsGroup": 3000,
                "fsGroup": 2000,
                "supplementalGroups": [4000],
            },
            volumes=[{"name": "d", "emptyDir": {}}],
            restartPolicy="Never",
        )
    )
    ended(lab, "who", "Succeeded")
    lines = output(lab, "who").splitlines()
    assert lines[:2] == ["1000", "3000"]
    assert sorted(lines[2].split()) == ["2000", "3000", "4000"]
    assert lines[3].split()[1] == "0000000000000000"
    assert lines[4].split()[1] == "1"
    assert any("Read-only file system" in line for line in lines[5:])


def test_the_resolver_is_the_cluster_s_unless_the_pod_says_otherwise(lab):
    lab.create(pod("in", shell("cat /etc/resolv.conf"), restartPolicy="Never"))
    lab.create(pod("out", shell("cat /etc/resolv.conf"), restartPolicy="Never", dnsPolicy="Default"))
    lab.create(
        pod(
            "own",
            shell("cat /etc/resolv.conf; cat /etc/hosts | tail -1; hostname -f"),
            restartPolicy="Never",
            dnsPolicy="None",
            dnsConfig={
                "nameservers": ["1.2.3.4"],
                "searches": ["a.b"],
                "options": [{"name": "ndots", "value": "2"}],
            },
            hostname="me",
            subdomain="sub",
            hostAliases=[{"ip": "9.9.9.9", "hostnames": ["nine", "neuf"]}],
        )
    )
    for name in ("in", "out", "own"):
        ended(lab, name, "Succeeded")
    assert output(lab, "in").splitlines() == [
        f"search {lab.namespace}.svc.cluster.local svc.cluster.local cluster.local",
        "nameserver 10.96.0.10",
        "options ndots:5",
    ]
    assert output(lab, "out").splitlines() == ["nameserver 8.8.8.8"]
    assert output(lab, "own").splitlines() == [
        "search a.b", "nameserver 1.2.3.4", "options ndots:2", "9.9.9.9\tnine\tneuf",
        f"me.sub.{lab.namespace}.svc.cluster.local",
    ]  # fmt: skip


def test_a_pod_on_its_node_s_network_has_the_node_s_addresses_and_name(lab):
    lab.create(pod("on", shell("hostname; cat /sys/class/net/eth0/address; sleep 1000"), hostNetwork=True))
    lab.until(lambda: "running" in container(lab, "on")["state"])
    status = status_of(lab, "on")
    assert [entry["ip"] for entry in status["podIPs"]] == [entry["ip"] for entry in status["hostIPs"]]
    node = lab.api.get(PODS, "on", lab.namespace)["spec"]["nodeName"]
    mac = lab.node(node).run("cat", "/sys/class/net/eth0/address").strip()
    lab.until(lambda: output(lab, "on").split() == [node, mac])


def test_containers_of_a_pod_share_a_volume_and_localhost(lab):
    share = {"volumeMounts": [{"name": "d", "mountPath": "/d"}]}
    lab.create(
        pod(
            "two",
            standin("app", 8080),
            shell(
                "until wget -qO /d/x http://127.0.0.1:8080/; do sleep 0.1; done; sleep 1000",
                "client",
                **share,
            ),
            shell(
                "until grep -q two /d/x 2>/dev/null; do sleep 0.1; done; echo seen; sleep 1000",
                "reader",
                **share,
            ),
            volumes=[{"name": "d", "emptyDir": {}}],
        )
    )
    lab.ready_pod("two")
    lab.until(lambda: output(lab, "two", "-c", "reader") == "seen\n")
