"""A Deployment, step by step, with its ReplicaSets played by the test: what a rollout may and must do."""

from copy import deepcopy
from datetime import UTC, datetime

import pytest

from control.controllers.deployment_plan import plan
from control.controllers.pod_state import condition_of
from control.controllers.revision import HISTORY, REVISION, same_template

START = datetime(2026, 1, 1, tzinfo=UTC).timestamp()


def deployment(replicas=3, image="web:1", **spec):
    labels = {"app": "web"}
    return {
        "metadata": {"name": "web", "namespace": "shop", "uid": "d-1", "generation": 1},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [{"name": "c", "image": image}]},
            },
            "strategy": {
                "type": "RollingUpdate",
                "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"},
            },
            "progressDeadlineSeconds": 600,
            "revisionHistoryLimit": 10,
            **spec,
        },
    }


class Cluster:
    """The API and the ReplicaSet controller in a few lines: writes are stored, pods become ready when told."""

    def __init__(self, obj):
        self.deployment, self.sets, self.now, self.count = obj, {}, START, 0
        self.broken = set()

    def step(self):
        owned = deepcopy(list(self.sets.values()))
        step = plan(deepcopy(self.deployment), owned, {}, self.now)
        for rs in [*([step.create] if step.create else []), *step.updates.values()]:
            self.count += 1
            metadata = {"uid": f"rs-{self.count}", "creationTimestamp": f"2026-01-01T00:00:{self.count:02}Z"}
            rs["metadata"] = {**metadata, **rs["metadata"], "generation": self.count}
            self.sets[rs["metadata"]["name"]] = rs
        for rs in step.deletes:
            del self.sets[rs["metadata"]["name"]]
        if step.revision:
            self.deployment["metadata"].setdefault("annotations", {})[REVISION] = str(step.revision)
        if step.status is not None:
            self.deployment["status"] = step.status
        return step

    def run_pods(self, *, ready=True):
        """The ReplicaSets' controller: pods are there, and available unless their template is broken."""
        for rs in self.sets.values():
            image = rs["spec"]["template"]["spec"]["containers"][0]["image"]
            size = rs["spec"]["replicas"]
            well = size if ready and image not in self.broken else 0
            before = (rs.get("status") or {}).get("availableReplicas", 0)
            well = max(well, min(before, size)) if image not in self.broken else well
            rs["status"] = {
                "replicas": size,
                "readyReplicas": well,
                "availableReplicas": well,
                "observedGeneration": rs["metadata"]["generation"],
            }

    def settle(self, rounds=40):
        for _ in range(rounds):
            self.now += 1
            step = self.step()
            self.run_pods()
            if not (step.create or step.updates or step.deletes or step.status):
                return
        raise AssertionError("the Deployment does not settle")

    def edit(self, **spec):
        self.deployment["spec"].update(spec)
        self.deployment["metadata"]["generation"] += 1

    def image(self, image):
        template = deepcopy(self.deployment["spec"]["template"])
        template["spec"]["containers"][0]["image"] = image
        self.edit(template=template)

    @property
    def sizes(self):
        return {
            rs["spec"]["template"]["spec"]["containers"][0]["image"]: rs["spec"]["replicas"]
            for rs in self.sets.values()
        }

    def condition(self, kind):
        found = condition_of(self.deployment, kind)
        return (found["status"], found["reason"]) if found else None


@pytest.fixture
def cluster():
    cluster = Cluster(deployment())
    cluster.settle()
    return cluster


def test_a_new_deployment_makes_one_replica_set_of_full_size_in_one_step():
    cluster = Cluster(deployment())

    step = cluster.step()

    assert step.create["spec"]["replicas"] == 3
    name = step.create["metadata"]["name"]
    suffix = step.create["metadata"]["labels"]["pod-template-hash"]
    assert name == f"web-{suffix}"
    assert step.create["spec"]["selector"]["matchLabels"] == {"app": "web", "pod-template-hash": suffix}
    assert step.create["metadata"]["annotations"][REVISION] == "1"
    assert step.events == [("ScalingReplicaSet", f"Scaled up replica set {name} from 0 to 3")]
    assert cluster.condition("Progressing") == ("True", "NewReplicaSetCreated")
    assert cluster.condition("Available") == ("False", "MinimumReplicasUnavailable")


def test_a_settled_deployment_says_so_and_is_left_alone(cluster):
    status = cluster.deployment["status"]

    assert cluster.condition("Available") == ("True", "MinimumReplicasAvailable")
    assert cluster.condition("Progressing") == ("True", "NewReplicaSetAvailable")
    assert [status[f] for f in ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas")] == [
        3,
        3,
        3,
        3,
    ]
    assert status["observedGeneration"] == 1
    assert "unavailableReplicas" not in status
    assert cluster.deployment["metadata"]["annotations"][REVISION] == "1"
    again = cluster.step()
    assert (again.create, again.updates, again.events, again.status, again.again_s) == (
        None,
        {},
        [],
        None,
        None,
    )


@pytest.mark.parametrize(
    ("surge", "unavailable", "replicas"),
    [
        ("25%", "25%", 3),
        (1, 0, 3),
        (0, 1, 3),
        ("100%", 0, 5),
        (0, "50%", 10),
        (3, 3, 10),
        (1, 0, 1),
        (0, 0, 2),
    ],
)
def test_a_rolling_update_never_has_too_many_or_too_few_pods(surge, unavailable, replicas):
    strategy = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": surge, "maxUnavailable": unavailable}}
    cluster = Cluster(deployment(replicas, strategy=strategy))
    cluster.settle()
    from control.controllers.rollout import fenceposts

    more, fewer = fenceposts(surge, unavailable, replicas)
    cluster.image("web:2")
    for _ in range(60):
        cluster.now += 1
        cluster.step()
        total = sum(rs["spec"]["replicas"] for rs in cluster.sets.values())
        available = sum(
            min((rs.get("status") or {}).get("availableReplicas", 0), rs["spec"]["replicas"])
            for rs in cluster.sets.values()
        )
        assert total <= replicas + more
        assert available >= replicas - fewer
        cluster.run_pods()

    assert cluster.sizes == {"web:1": 0, "web:2": replicas}
    assert cluster.condition("Progressing") == ("True", "NewReplicaSetAvailable")


def test_recreate_waits_until_no_old_pod_is_left():
    cluster = Cluster(deployment(strategy={"type": "Recreate"}))
    cluster.settle()
    cluster.image("web:2")

    cluster.step()
    assert cluster.sizes == {"web:1": 0}
    cluster.step()
    assert cluster.sizes == {"web:1": 0}  # its status still counts three pods
    cluster.run_pods()
    cluster.settle()

    assert cluster.sizes == {"web:1": 0, "web:2": 3}


def test_rolling_back_reuses_the_old_replica_set_under_a_new_revision(cluster):
    cluster.image("web:2")
    cluster.settle()
    cluster.image("web:1")
    cluster.settle()

    assert cluster.sizes == {"web:1": 3, "web:2": 0}
    first = next(
        rs
        for rs in cluster.sets.values()
        if same_template(rs["spec"]["template"], cluster.deployment["spec"]["template"])
    )
    assert first["metadata"]["annotations"][REVISION] == "3"
    assert first["metadata"]["annotations"][HISTORY] == "1"
    assert cluster.deployment["metadata"]["annotations"][REVISION] == "3"


def test_a_broken_update_keeps_the_old_pods_and_runs_into_its_deadline(cluster):
    cluster.broken = {"web:2"}
    cluster.image("web:2")
    for _ in range(10):
        cluster.now += 1
        step = cluster.step()
        cluster.run_pods()

    assert cluster.sizes == {"web:1": 3, "web:2": 1}
    assert cluster.condition("Progressing")[0] == "True"
    assert 500 < step.again_s <= 601
    cluster.now += 700
    cluster.step()
    assert cluster.condition("Progressing") == ("False", "ProgressDeadlineExceeded")
    assert cluster.condition("Available") == ("True", "MinimumReplicasAvailable")


def test_scaling_changes_the_replica_set_without_a_new_revision(cluster):
    cluster.edit(replicas=30)
    cluster.settle()
    assert cluster.sizes == {"web:1": 30}
    cluster.edit(replicas=0)
    cluster.settle()

    assert cluster.sizes == {"web:1": 0}
    assert cluster.deployment["metadata"]["annotations"][REVISION] == "1"


def test_a_paused_deployment_scales_but_does_not_roll(cluster):
    cluster.edit(paused=True)
    cluster.image("web:2")
    cluster.edit(replicas=5)
    cluster.settle()

    assert cluster.sizes == {"web:1": 5}
    assert cluster.condition("Progressing") == ("Unknown", "DeploymentPaused")
    cluster.edit(paused=False)
    cluster.settle()
    assert cluster.sizes == {"web:1": 0, "web:2": 5}
    assert cluster.condition("Progressing") == ("True", "NewReplicaSetAvailable")


def test_old_replica_sets_beyond_the_history_limit_go_oldest_first(cluster):
    cluster.edit(revisionHistoryLimit=2)
    for number in range(2, 7):
        cluster.image(f"web:{number}")
        cluster.settle()

    assert set(cluster.sizes) == {"web:4", "web:5", "web:6"}


def test_annotations_of_the_deployment_reach_its_replica_set_but_not_kubectls_own(cluster):
    cluster.deployment["metadata"]["annotations"] |= {
        "kubernetes.io/change-cause": "a reason",
        "kubectl.kubernetes.io/last-applied-configuration": "{}",
    }
    cluster.settle()

    (rs,) = cluster.sets.values()
    assert rs["metadata"]["annotations"]["kubernetes.io/change-cause"] == "a reason"
    assert "kubectl.kubernetes.io/last-applied-configuration" not in rs["metadata"]["annotations"]


def test_a_deployment_that_is_being_deleted_only_keeps_its_status(cluster):
    cluster.deployment["metadata"]["deletionTimestamp"] = "2026-01-01T00:10:00Z"
    cluster.image("web:2")

    step = cluster.step()

    assert (step.create, step.updates, step.deletes) == (None, {}, [])


def test_a_collision_gives_another_name_to_the_same_template():
    plain, collided = deployment(), deployment()
    collided["status"] = {"collisionCount": 1}

    names = {plan(d, [], {}, START).create["metadata"]["name"] for d in (plain, collided)}

    assert len(names) == 2
