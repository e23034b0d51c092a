"""A namespace goes while its pods' kubelet is away: the next kubelet ends the pods although nothing can be mounted."""

import os
import signal

import pytest

from control.client.resources import NAMESPACES, PODS, SERVICEACCOUNTS
from control.lab.supervisor import ask

pytestmark = pytest.mark.root


def agents_of(lab, node: str) -> int:
    roles = {role["name"]: role for role in ask(lab.directory)["roles"]}
    return int(roles[f"agents-{node}"]["pid"])


def test_pods_whose_service_account_is_gone_are_ended_by_a_new_kubelet(lab):
    pod = lab.pod("talk", listens=8080)
    agents = agents_of(lab, pod.node)
    os.kill(agents, signal.SIGSTOP)
    try:
        lab.api.delete(NAMESPACES, lab.namespace)
        lab.until(
            lambda: (
                lab.api.find(SERVICEACCOUNTS, "default", lab.namespace) is None
                and lab.api.get(PODS, "talk", lab.namespace)["metadata"].get("deletionTimestamp")
            ),
            20,
            what="the service account is gone and the pod is to go",
        )
    finally:
        os.kill(agents, signal.SIGKILL)
    lab.until(lambda: lab.api.find(PODS, "talk", lab.namespace) is None, 40, what="the pod is gone")
