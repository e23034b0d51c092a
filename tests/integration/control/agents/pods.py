"""Manifests and looks at pods, for the tests beside this file."""

from control.client.resources import EVENTS, PODS


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
