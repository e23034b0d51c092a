"""Pods on a real node: what runs, what the API is told of it, and how it ends."""

import json
import re
import subprocess
import time

import pytest

from control.client.resources import EVENTS, PODS

pytestmark = pytest.mark.root


def pod(name, *containers, annotations=None, **spec):
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": {"name": name}, "annotations": annotations or {}},
        "spec": {"terminationGracePeriodSeconds": 1, "containers": list(containers), **spec},
    }


def shell(script, name="main", **fields):
    return {"name": name, "image": "busybox", "command": ["sh", "-c", script], **fields}


def standin(name="main", port=8080, **fields):
    return {"name": name, "image": "shop.example/app:1", "ports": [{"containerPort": port}], **fields}


def status_of(lab, name):
    return lab.api.get(PODS, name, lab.namespace)["status"]


def container(lab, name, index=0, field="containerStatuses"):
    return (status_of(lab, name).get(field) or [])[index]


def conditions(lab, name):
    return {c["type"]: c["status"] for c in status_of(lab, name).get("conditions") or ()}


def ended(lab, name, phase):
    lab.until(lambda: status_of(lab, name)["phase"] == phase, 20, what=f"{name} is {phase}")
    return status_of(lab, name)


def reasons(lab, name):
    events = lab.api.list(EVENTS, lab.namespace)
    return {e["reason"]: e["message"] for e in events if e["involvedObject"]["name"] == name}


def output(lab, name, *words):
    return lab.kubectl("logs", name, *words)


def test_a_ready_pod_tells_what_a_kubelet_tells(lab):
    lab.create(pod("web", standin()))
    lab.ready_pod("web")
    status = status_of(lab, "web")
    assert status["phase"] == "Running"
    assert conditions(lab, "web") == dict.fromkeys(
        ("PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled"), "True"
    )
    assert status["podIPs"][0]["ip"] == status["podIP"]
    assert status["hostIPs"][0]["ip"] == status["hostIP"]
    main = status["containerStatuses"][0]
    assert (main["ready"], main["started"], main["restartCount"]) == (True, True, 0)
    assert re.fullmatch(r"podwire://[0-9a-f]{64}", main["containerID"])
    assert main["state"]["running"]["startedAt"] >= status["startTime"]


def test_an_image_that_is_not_there_is_a_stand_in_and_an_event_says_so(lab):
    lab.create(pod("web", standin(command=["/app/server", "--port=8080"])))
    lab.ready_pod("web")
    told = lab.until(lambda: reasons(lab, "web").get("StandIn"))
    assert told == (
        "Container started: main: /app/server is not on this machine and no image is pulled: a stand-in for shop.example/app:1 "
        "listens on 8080/TCP"
    )


def test_init_containers_run_one_after_another_before_the_others(lab):
    share = {"volumeMounts": [{"name": "data", "mountPath": "/data"}]}
    lab.create(
        pod(
            "web",
            shell("cat /data/x", **share),
            initContainers=[
                shell("echo one >> /data/x", "first", **share),
                shell("sleep 0.2; echo two >> /data/x", "second", **share),
            ],
            volumes=[{"name": "data", "emptyDir": {}}],
            restartPolicy="Never",
        )
    )
    status = ended(lab, "web", "Succeeded")
    assert output(lab, "web") == "one\ntwo\n"
    assert [s["state"]["terminated"]["reason"] for s in status["initContainerStatuses"]] == ["Completed"] * 2
    assert {c["type"]: c.get("reason") for c in status["conditions"]}["Initialized"] == "PodCompleted"


def test_a_failing_init_container_keeps_the_pod_pending_or_fails_it(lab):
    lab.create(pod("never", shell("true"), initContainers=[shell("exit 3", "init")], restartPolicy="Never"))
    lab.create(pod("always", shell("true"), initContainers=[shell("exit 3", "init")]))
    status = ended(lab, "never", "Failed")
    assert status["initContainerStatuses"][0]["state"]["terminated"]["exitCode"] == 3
    assert status["containerStatuses"][0]["state"] == {"waiting": {"reason": "PodInitializing"}}
    lab.until(
        lambda: "CrashLoopBackOff" in str(container(lab, "always", field="initContainerStatuses")["state"])
    )
    assert status_of(lab, "always")["phase"] == "Pending"
    assert conditions(lab, "always")["Initialized"] == "False"


def test_a_sidecar_starts_first_and_does_not_keep_the_pod_from_completing(lab):
    sidecar = {**standin("proxy", 9090), "restartPolicy": "Always"}
    sidecar["startupProbe"] = {"httpGet": {"port": 9090}, "periodSeconds": 1}
    lab.create(
        pod("job", shell("wget -qO- http://127.0.0.1:9090/"), initContainers=[sidecar], restartPolicy="Never")
    )
    ended(lab, "job", "Succeeded")
    assert json.loads(output(lab, "job", "-c", "main"))["container"] == "proxy"


def test_restart_policies_decide_phase_and_restarts(lab):
    lab.create(pod("well", shell("exit 0"), restartPolicy="OnFailure"))
    lab.create(pod("ill", shell("exit 5"), restartPolicy="Never"))
    lab.create(pod("loop", shell("echo run; exit 1")))
    assert ended(lab, "well", "Succeeded")["containerStatuses"][0]["restartCount"] == 0
    ill = ended(lab, "ill", "Failed")["containerStatuses"][0]["state"]["terminated"]
    assert (ill["exitCode"], ill["reason"]) == (5, "Error")
    lab.until(lambda: container(lab, "loop")["state"].get("waiting", {}).get("reason") == "CrashLoopBackOff")
    loop = container(lab, "loop")
    assert loop["restartCount"] == 1
    assert loop["state"]["waiting"]["message"].startswith(
        "back-off 10s restarting failed container=main pod=loop_"
    )
    assert loop["lastState"]["terminated"]["exitCode"] == 1
    assert output(lab, "loop") == output(lab, "loop", "--previous") == "run\n"
    assert status_of(lab, "loop")["phase"] == "Running"


def test_a_missing_command_of_a_known_base_fails_as_on_kubernetes(lab):
    lab.create(pod("bad", {"name": "main", "image": "busybox:1.36", "command": ["nosuch"]}))
    lab.until(lambda: container(lab, "bad")["lastState"].get("terminated"))
    last = container(lab, "bad")["lastState"]["terminated"]
    assert (last["reason"], last["exitCode"]) == ("StartError", 128)
    assert 'exec: "nosuch": executable file not found in $PATH' in last["message"]


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
    path["volumes"][0]["hostPath"]["path"] = str(lab.directory.pki)
    lab.create(pod("bad", shell("true", **mount), **path))
    told = lab.until(lambda: reasons(lab, "bad").get("FailedMount"))
    assert "is refused: containers of a lab never see it" in told


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


def test_readiness_follows_an_exec_probe_within_a_second(lab):
    probe = {"exec": {"command": ["test", "-e", "/tmp/ok"]}, "periodSeconds": 1, "failureThreshold": 1}
    lab.create(pod("web", shell("touch /tmp/ok; sleep 1000", readinessProbe=probe)))
    lab.ready_pod("web")
    lab.kubectl("exec", "web", "--", "rm", "/tmp/ok")
    lab.until(lambda: conditions(lab, "web")["Ready"] == "False", 3)
    assert "Readiness probe failed" in lab.until(lambda: reasons(lab, "web").get("Unhealthy"))
    lab.kubectl("exec", "web", "--", "touch", "/tmp/ok")
    lab.until(lambda: conditions(lab, "web")["Ready"] == "True", 3)


def test_http_tcp_and_grpc_probes_pass_over_the_pod_s_network(lab):
    for name, probe in {
        "http": {"httpGet": {"path": "/x", "port": 8080, "httpHeaders": [{"name": "X", "value": "1"}]}},
        "tcp": {"tcpSocket": {"port": 8080}},
        "grpc": {"grpc": {"port": 8080}},
    }.items():
        probes = {
            key: {**probe, "periodSeconds": 1} for key in ("startupProbe", "readinessProbe", "livenessProbe")
        }
        lab.create(pod(name, standin(**probes)))
        lab.ready_pod(name)


def test_a_failing_liveness_probe_restarts_the_container(lab):
    probe = {"exec": {"command": ["test", "!", "-e", "/tmp/ill"]}, "periodSeconds": 1, "failureThreshold": 1}
    lab.create(pod("web", shell("trap 'exit 0' TERM; while :; do sleep 0.1; done", livenessProbe=probe)))
    lab.ready_pod("web")
    lab.kubectl("exec", "web", "--", "touch", "/tmp/ill")
    lab.until(lambda: container(lab, "web")["restartCount"] == 1, 10)
    lab.ready_pod("web")
    assert lab.until(lambda: reasons(lab, "web").get("Killing")) == (
        "Container main failed liveness probe, will be restarted"
    )


def test_a_container_is_not_started_before_its_startup_probe_passes(lab):
    probe = {"exec": {"command": ["test", "-e", "/tmp/up"]}, "periodSeconds": 1, "failureThreshold": 100}
    lab.create(pod("web", shell("sleep 1000", startupProbe=probe)))
    lab.until(lambda: "running" in container(lab, "web")["state"])
    assert (container(lab, "web")["started"], container(lab, "web")["ready"]) == (False, False)
    lab.kubectl("exec", "web", "--", "touch", "/tmp/up")
    lab.ready_pod("web")
    assert container(lab, "web")["started"] is True


def test_the_annotation_takes_readiness_away_at_once_and_gives_it_back(lab):
    made = lab.pod("web", listens=8080, spec={"container": {"readinessProbe": {"tcpSocket": {"port": 8080}}}})
    lab.service("web", to=made, port=80, target=8080)
    lab.api.patch(PODS, "web", lab.namespace, {"metadata": {"annotations": {"podwire.dev/ready": "false"}}})
    lab.until(lambda: lab.endpoints("web") == [], 3, what="the Service has no endpoint")
    assert container(lab, "web")["ready"] is False
    lab.api.patch(PODS, "web", lab.namespace, {"metadata": {"annotations": {"podwire.dev/ready": None}}})
    lab.until(lambda: lab.endpoints("web"), 3, what="the endpoint is back")


def test_pre_stop_then_sigterm_then_the_end(lab):
    lifecycle = {"preStop": {"exec": {"command": ["sh", "-c", "echo stopping > /proc/1/fd/1"]}}}
    script = "trap 'echo term; sleep 0.3; echo bye; exit 0' TERM; echo up; while :; do sleep 0.05; done"
    lab.create(pod("web", shell(script, lifecycle=lifecycle), terminationGracePeriodSeconds=10))
    lab.ready_pod("web")
    follow = subprocess.Popen(
        ["podwire", "kubectl"] if False else _kubectl(lab, "logs", "-f", "web"),
        stdout=subprocess.PIPE,
        text=True,
    )
    began = time.monotonic()
    lab.kubectl("delete", "pod", "web", "--timeout=20s")
    took = time.monotonic() - began
    assert follow.communicate(timeout=10)[0].split() == ["up", "stopping", "term", "bye"]
    assert took < 8


def test_the_grace_over_a_container_is_killed(lab):
    lab.create(
        pod("deaf", shell("trap '' TERM; while :; do sleep 0.1; done"), terminationGracePeriodSeconds=2)
    )
    lab.ready_pod("deaf")
    began = time.monotonic()
    lab.kubectl("delete", "pod", "deaf", "--timeout=20s")
    assert 1.5 < time.monotonic() - began < 8


def test_a_forced_deletion_leaves_nothing_running(lab):
    made = lab.pod("web", listens=8080)
    lab.kubectl("delete", "pod", "web", "--force", "--grace-period=0")
    names = subprocess.run(["ip", "netns"], capture_output=True, text=True, check=True).stdout
    if made.netns in names:
        lab.until(lambda: made.netns not in subprocess.check_output(["ip", "netns"], text=True), 10)


def test_a_post_start_hook_is_done_before_the_container_counts_as_started(lab):
    lifecycle = {"postStart": {"exec": {"command": ["sh", "-c", "sleep 0.3; touch /tmp/hooked"]}}}
    probe = {"exec": {"command": ["test", "-e", "/tmp/hooked"]}, "periodSeconds": 1, "failureThreshold": 1}
    lab.create(pod("web", shell("sleep 1000", lifecycle=lifecycle, readinessProbe=probe)))
    lab.ready_pod("web")
    assert "Unhealthy" not in reasons(lab, "web")


def _kubectl(lab, *words):
    from control.lab import kubectl

    return [str(kubectl.find()), "--kubeconfig", str(lab.directory.kubeconfig), "-n", lab.namespace, *words]


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


def test_a_pod_over_its_deadline_fails_as_a_whole(lab):
    lab.create(pod("slow", shell("sleep 1000"), activeDeadlineSeconds=1, terminationGracePeriodSeconds=0))
    status = ended(lab, "slow", "Failed")
    assert status["reason"] == "DeadlineExceeded"
    assert "terminated" in status["containerStatuses"][0]["state"]


def test_last_words_are_the_container_s_message_or_the_end_of_its_log(lab):
    lab.create(pod("said", shell("echo -n because > /dev/termination-log; exit 2"), restartPolicy="Never"))
    lab.create(
        pod(
            "logged",
            shell("echo first; echo last; exit 2", terminationMessagePolicy="FallbackToLogsOnError"),
            restartPolicy="Never",
        )
    )
    said = ended(lab, "said", "Failed")["containerStatuses"][0]["state"]["terminated"]
    assert said["message"] == "because"
    logged = ended(lab, "logged", "Failed")["containerStatuses"][0]["state"]["terminated"]
    assert logged["message"] == "first\nlast\n"


def test_a_stand_in_answers_its_readiness_path_by_the_annotation(lab):
    probe = {"httpGet": {"path": "/ready", "port": 8080}, "periodSeconds": 1}
    made = lab.pod("web", listens=8080, spec={"container": {"readinessProbe": probe}})
    url = f"http://{made.ip[lab.families[0]]}:8080/ready"
    node = lab.node(made.node)
    assert node.get(url).status == 200
    lab.api.patch(PODS, "web", lab.namespace, {"metadata": {"annotations": {"podwire.dev/ready": "false"}}})
    lab.until(lambda: node.get(url).status == 503, 5)
    lab.api.patch(PODS, "web", lab.namespace, {"metadata": {"annotations": {"podwire.dev/ready": None}}})
    lab.until(lambda: node.get(url).status == 200, 5)


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
