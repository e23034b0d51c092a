"""Pods on a real node: what runs, what the API is told of it, and in which order."""

import json
import re

import pytest

from .pods import conditions, container, ended, output, pod, reasons, shell, standin, status_of

pytestmark = pytest.mark.root


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
