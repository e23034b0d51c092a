"""kubectl's rollout commands against our controllers: what a person types, and what is answered."""

import pytest

from control.client.resources import SERVICEACCOUNTS
from control.controllers.config import ControllerConfig
from control.controllers.manager import run_controllers
from tests.integration.control.api.conftest import kubectl_on
from tests.integration.control.conftest import (  # noqa: F401 (fixtures)
    _background,
    _until,
    admin,
    control_pki,
    kubelets,
    running_api,
)


@pytest.fixture
async def kubectl(running_api, admin, kubelets, background, until, binaries, tmp_path):  # noqa: F811 (fixtures)
    """kubectl 1.37 on an API server with our controllers, and a Deployment of three pods that is rolled out."""
    async with (
        running_api.client("controllers") as client,
        background(run_controllers(client, ControllerConfig())),
    ):
        await until(lambda: admin.get(SERVICEACCOUNTS, "default", "default"), "the default account")
        home = tmp_path / "home"
        home.mkdir()
        command = kubectl_on(binaries["v1.37"], running_api, home)
        await said(command, "create", "deployment", "web", "--image=web:1", "--replicas=3", "--port=80")
        await said(command, "rollout", "status", "deployment/web", "--timeout=20s")
        yield command


async def said(kubectl, *words):
    answer = await kubectl(*words)
    assert answer.code == 0, answer.err
    return answer.out


async def test_a_new_image_is_waited_for_and_stands_in_the_history(kubectl):
    await said(kubectl, "set", "image", "deployment/web", "web=web:2")
    end = (await said(kubectl, "rollout", "status", "deployment/web", "--timeout=20s")).splitlines()[-1]
    assert end == 'deployment "web" successfully rolled out'

    history = await said(kubectl, "rollout", "history", "deployment/web")
    assert [line.split()[0] for line in history.splitlines()[2:] if line] == ["1", "2"]
    assert "web:1" in await said(kubectl, "rollout", "history", "deployment/web", "--revision=1")


async def test_undo_goes_back_to_the_revision_before(kubectl):
    await said(kubectl, "set", "image", "deployment/web", "web=web:2")
    await said(kubectl, "rollout", "status", "deployment/web", "--timeout=20s")
    await said(kubectl, "rollout", "undo", "deployment/web")
    await said(kubectl, "rollout", "status", "deployment/web", "--timeout=20s")

    image = "jsonpath={.spec.template.spec.containers[0].image}"
    assert await said(kubectl, "get", "deployment", "web", "-o", image) == "web:1"


async def test_paused_it_does_not_roll_until_it_is_resumed(kubectl):
    await said(kubectl, "rollout", "pause", "deployment/web")
    await said(kubectl, "set", "image", "deployment/web", "web=web:2")
    reason = 'jsonpath={.status.conditions[?(@.type=="Progressing")].reason}'
    paused = ("wait", "deployment/web", f"--for={reason}=DeploymentPaused", "--timeout=10s")
    await said(kubectl, *paused)

    await said(kubectl, "rollout", "resume", "deployment/web")
    await said(kubectl, "rollout", "status", "deployment/web", "--timeout=20s")
    images = await said(kubectl, "get", "pods", "-o", "jsonpath={.items[*].spec.containers[0].image}")
    assert set(images.split()) >= {"web:2"}


async def test_restart_replaces_every_pod(kubectl):
    names = ("get", "pods", "-o", "jsonpath={.items[*].metadata.name}")
    before = set((await said(kubectl, *names)).split())
    await said(kubectl, "rollout", "restart", "deployment/web")
    await said(kubectl, "rollout", "status", "deployment/web", "--timeout=20s")
    await said(kubectl, "wait", "--for=delete", *(f"pod/{name}" for name in before), "--timeout=10s")

    assert len((await said(kubectl, *names)).split()) == 3


async def test_describe_tells_the_conditions_and_the_scaling(kubectl):
    await said(kubectl, "scale", "deployment/web", "--replicas=5")
    await said(kubectl, "rollout", "status", "deployment/web", "--timeout=20s")
    text = await said(kubectl, "describe", "deployment", "web")

    words = " ".join(text.split())
    assert "5 desired | 5 updated | 5 total | 5 available | 0 unavailable" in words
    assert "Available True MinimumReplicasAvailable" in words
    assert "Progressing True NewReplicaSetAvailable" in words
    assert "Scaled up replica set web-" in words


async def test_what_cannot_progress_is_told_after_its_deadline(kubectl, kubelets, admin):  # noqa: F811 (fixtures)
    kubelets.start_ready = False
    deadline = '{"spec":{"progressDeadlineSeconds":1}}'
    await said(kubectl, "patch", "deployment", "web", "-p", deadline)
    await said(kubectl, "set", "image", "deployment/web", "web=web:broken")
    answer = await kubectl("rollout", "status", "deployment/web", "--timeout=20s")

    assert answer.code == 1
    assert 'deployment "web" exceeded its progress deadline' in answer.err
