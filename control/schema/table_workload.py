"""The cells of what makes pods, and of disruption budgets and autoscalers."""

from typing import Any

from control.schema.table_cells import (
    NONE,
    UNKNOWN,
    UNSET,
    Cells,
    Obj,
    age,
    condition,
    containers,
    head,
    labels,
    selector,
)
from control.schema.timestamps import epoch, human_age


def deployment(obj: Obj, now: float) -> list[Any]:
    """Ready of wanted, up to date, available."""
    spec, status = obj.get("spec", {}), obj.get("status", {})
    name, since = head(obj, now)
    return [
        name,
        f"{status.get('readyReplicas', 0)}/{spec.get('replicas', 1)}",
        status.get("updatedReplicas", 0),
        status.get("availableReplicas", 0),
        since,
        *containers(spec.get("template", {})),
        selector(spec.get("selector"), broken="<invalid>"),
    ]


def replica_set(obj: Obj, now: float) -> list[Any]:
    """Wanted, there, ready."""
    spec, status = obj.get("spec", {}), obj.get("status", {})
    name, since = head(obj, now)
    chosen = spec.get("selector") or {}
    plain = obj.get("kind") == "ReplicationController"
    return [
        name,
        spec.get("replicas", 1),
        status.get("replicas", 0),
        status.get("readyReplicas", 0),
        since,
        *containers(spec.get("template", {})),
        labels(chosen) if plain else selector(chosen),
    ]


def stateful_set(obj: Obj, now: float) -> list[Any]:
    """Ready of wanted."""
    spec, status = obj.get("spec", {}), obj.get("status", {})
    name, since = head(obj, now)
    ready = f"{status.get('readyReplicas', 0)}/{spec.get('replicas', 1)}"
    return [name, ready, since, *containers(spec.get("template", {}))]


def daemon_set(obj: Obj, now: float) -> list[Any]:
    """Five counts and the node selector."""
    spec, status = obj.get("spec", {}), obj.get("status", {})
    name, since = head(obj, now)
    counts = (
        "desiredNumberScheduled", "currentNumberScheduled", "numberReady", "updatedNumberScheduled",
        "numberAvailable",
    )  # fmt: skip
    return [
        name,
        *[status.get(key, 0) for key in counts],
        labels(spec.get("template", {}).get("spec", {}).get("nodeSelector")),
        since,
        *containers(spec.get("template", {})),
        selector(spec.get("selector")),
    ]


def job(obj: Obj, now: float) -> list[Any]:
    """Status, completions, how long it took or runs."""
    spec, status = obj.get("spec", {}), obj.get("status", {})
    name, since = head(obj, now)
    done, wanted = status.get("succeeded", 0), spec.get("completions")
    parallel = spec.get("parallelism", 1)
    if wanted is not None:
        completions = f"{done}/{wanted}"
    else:
        completions = f"{done}/1 of {parallel}" if parallel > 1 else f"{done}/1"
    duration = ""
    if status.get("startTime"):
        end = status.get("completionTime")
        duration = human_age((epoch(end) if end else now) - epoch(status["startTime"]))
    return [
        name,
        _job_status(obj),
        completions,
        duration,
        since,
        *containers(spec.get("template", {})),
        selector(spec.get("selector")),
    ]


def _job_status(obj: Obj) -> str:
    def holds(kind: str) -> bool:
        found = condition(obj, kind)
        return found is not None and found.get("status") == "True"

    for kind in ("Complete", "Failed"):
        if holds(kind):
            return kind
    if obj.get("metadata", {}).get("deletionTimestamp"):
        return "Terminating"
    for kind in ("Suspended", "FailureTarget", "SuccessCriteriaMet"):
        if holds(kind):
            return kind
    return "Running"


def cron_job(obj: Obj, now: float) -> list[Any]:
    """Schedule, whether it sleeps, what runs, when it last ran."""
    spec, status = obj.get("spec", {}), obj.get("status", {})
    name, since = head(obj, now)
    last = status.get("lastScheduleTime")
    template = spec.get("jobTemplate", {}).get("spec", {})
    return [
        name,
        spec.get("schedule", ""),
        spec.get("timeZone") or NONE,
        str(bool(spec.get("suspend", False))),
        len(status.get("active") or ()),
        age(last, now) if last else NONE,
        since,
        *containers(template.get("template", {})),
        selector(template.get("selector")),
    ]


def disruption_budget(obj: Obj, now: float) -> list[Any]:
    """What it allows."""
    spec = obj.get("spec", {})
    name, since = head(obj, now)
    bounds = [str(spec.get(key, "N/A")) for key in ("minAvailable", "maxUnavailable")]
    return [name, *bounds, obj.get("status", {}).get("disruptionsAllowed", 0), since]


def autoscaler(obj: Obj, now: float) -> list[Any]:
    """What it scales and between which bounds."""
    spec, status = obj.get("spec", {}), obj.get("status", {})
    name, since = head(obj, now)
    target = spec.get("scaleTargetRef", {})
    return [
        name,
        f"{target.get('kind', '')}/{target.get('name', '')}",
        ", ".join(map(_target, spec.get("metrics") or ())) or NONE,
        str(spec.get("minReplicas", UNSET)),
        spec.get("maxReplicas", 0),
        status.get("currentReplicas", 0),
        since,
    ]


def _target(metric: Obj) -> str:
    """What a metric aims at; nothing measures it here."""
    source = metric.get("resource") or metric.get("containerResource")
    if not source:
        return f"{UNKNOWN}/{UNKNOWN}"
    target = source.get("target", {})
    if "averageValue" in target:
        return f"{source.get('name', '')}: {UNKNOWN}/{target['averageValue']}"
    aim = target.get("averageUtilization")
    return f"{source.get('name', '')}: {UNKNOWN}/" + (f"{aim}%" if aim is not None else "<auto>")


def pod_template(obj: Obj, now: float) -> list[Any]:
    """Containers and labels."""
    template = obj.get("template", {})
    name = head(obj, now)[0]
    return [name, *containers(template), labels(template.get("metadata", {}).get("labels"))]


def revision(obj: Obj, now: float) -> list[Any]:
    """Whose history it is."""
    name, since = head(obj, now)
    owners = obj.get("metadata", {}).get("ownerReferences") or ()
    owner = next((item for item in owners if item.get("controller")), None)
    shown = NONE
    if owner is not None:
        group = owner.get("apiVersion", "").rpartition("/")[0]
        kind = owner.get("kind", "").lower() + (f".{group}" if group else "")
        shown = f"{kind}/{owner.get('name', '')}"
    return [name, shown, obj.get("revision", 0), since]


PRINTERS: dict[str, Cells] = {
    "deployments.apps": deployment,
    "replicasets.apps": replica_set,
    "replicationcontrollers": replica_set,
    "statefulsets.apps": stateful_set,
    "daemonsets.apps": daemon_set,
    "jobs.batch": job,
    "cronjobs.batch": cron_job,
    "poddisruptionbudgets.policy": disruption_budget,
    "horizontalpodautoscalers.autoscaling": autoscaler,
    "podtemplates": pod_template,
    "controllerrevisions.apps": revision,
}
