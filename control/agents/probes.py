"""A probe's rhythm: delay, period, and how many answers in a row change the verdict. Pure of I/O."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Literal

from control.agents.probe_io import Outcome
from control.client.clock import Clock

SOON_S = 0.025
"""The first pause after a probe's first answer, when that was not healthy."""

Kind = Literal["Startup", "Readiness", "Liveness"]
FIELDS: dict[Kind, str] = {
    "Startup": "startupProbe",
    "Readiness": "readinessProbe",
    "Liveness": "livenessProbe",
}


@dataclass(frozen=True, slots=True)
class ProbeSpec:
    """A probe as the manifest has it. action: the probe's JSON. grace_s: its own termination grace, if any."""

    kind: Kind
    action: dict[str, Any]
    initial_delay_s: float
    period_s: float
    timeout_s: float
    successes: int
    failures: int
    grace_s: int | None

    @staticmethod
    def of(kind: Kind, container: dict[str, Any]) -> "ProbeSpec | None":
        """The container's probe of that kind; None when it declares none."""
        probe = container.get(FIELDS[kind])
        if not probe:
            return None
        return ProbeSpec(
            kind,
            probe,
            float(probe.get("initialDelaySeconds") or 0),
            float(probe.get("periodSeconds") or 10),
            float(probe.get("timeoutSeconds") or 1),
            int(probe.get("successThreshold") or 1),
            int(probe.get("failureThreshold") or 3),
            probe.get("terminationGracePeriodSeconds"),
        )


class Verdict:
    """Answers in a row against the thresholds."""

    def __init__(self, spec: ProbeSpec, *, healthy: bool | None) -> None:
        self._spec = spec
        self.healthy = healthy
        self._last: bool | None = None
        self._row = 0

    def hear(self, outcome: Outcome) -> bool:
        """Count one answer; True when the verdict is reached anew or has changed."""
        self._row = self._row + 1 if outcome.healthy == self._last else 1
        self._last = outcome.healthy
        if self._row < (self._spec.successes if outcome.healthy else self._spec.failures):
            return False
        changed = self.healthy != outcome.healthy
        self.healthy = outcome.healthy
        if not outcome.healthy:
            self._row = 0 if self._spec.kind != "Readiness" else self._row
        return changed


async def run_probe(
    spec: ProbeSpec,
    check: Callable[[], Awaitable[Outcome]],
    clock: Clock,
    tell: Callable[[Outcome, bool], None],
    *,
    healthy: bool | None = None,
) -> None:
    """Ask for ever (a startup probe: until it is healthy).

    tell: hears every answer, and whether with it the verdict has changed. healthy: the verdict to begin with.
    """
    verdict = Verdict(spec, healthy=healthy)
    await clock.sleep(spec.initial_delay_s)
    first = spec.kind != "Liveness"
    while True:
        began = clock.monotonic()
        outcome = await (_first_answer(spec, check, clock) if first else check())
        first = False
        changed = verdict.hear(outcome)
        tell(outcome, changed)
        if spec.kind == "Startup" and changed and outcome.healthy:
            return
        # A ticker's rhythm, as upstream: a slow answer does not push the next one back by a whole period.
        await clock.sleep(max(spec.period_s - (clock.monotonic() - began), 0.01))


async def _first_answer(spec: ProbeSpec, check: Callable[[], Awaitable[Outcome]], clock: Clock) -> Outcome:
    """The first healthy answer within one period, else the last one.

    A stand-in listens milliseconds after its start. Upstream would ask once, hear a refusal and wait for a
    whole period; asking again soon, ever more slowly, makes a pod Ready when it is. Counts as one answer.
    """
    began, pause_s = clock.monotonic(), SOON_S
    while True:
        outcome = await check()
        if outcome.healthy or clock.monotonic() - began + pause_s >= spec.period_s:
            return outcome
        await clock.sleep(pause_s)
        pause_s *= 2
