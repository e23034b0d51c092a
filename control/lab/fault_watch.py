"""What a fault does to a cluster, line by line with times: nodes and pods that are Ready no more, and again."""

import time
from collections.abc import Callable
from typing import Any

from control.errors import NoSuchPlace
from control.lab.fault_plan import Ground
from control.lab.places import get_json
from dataplane.patience import patient

Say = Callable[[str], None]
_EVERY_S = 0.2
_RECOVER_S = 60.0
_SILENT = "the API"


class Watch:
    """Readiness as the API tells it, asked five times a second: a watch over a wire that is cut says nothing."""

    def __init__(self, ground: Ground, say: Say) -> None:
        self._ground, self._say = ground, say
        self._began = time.monotonic()
        self._ready: dict[str, bool] = {}
        self._ready = self._look()
        self._at_first = dict(self._ready)

    def said(self, text: str) -> None:
        """A line with the seconds since the watch began."""
        self._say(f"{time.monotonic() - self._began:6.1f} s  {text}")

    def follow(self, for_s: float) -> None:
        """Say what changes, for so long."""
        deadline = time.monotonic() + for_s
        while (left := deadline - time.monotonic()) > 0:
            self._compare()
            time.sleep(min(_EVERY_S, left))

    def recover(self) -> bool:
        """Say what changes until all that was ready at first is again; False when it took over a minute."""
        deadline = time.monotonic() + patient(_RECOVER_S)
        while not self._recovered():
            if time.monotonic() > deadline:
                return False
            time.sleep(_EVERY_S)
        return True

    def _recovered(self) -> bool:
        now = self._compare()
        return all(now.get(name, True) for name, ready in self._at_first.items() if ready)

    def _compare(self) -> dict[str, bool]:
        now = self._look()
        for name, ready in now.items():
            if self._ready.get(name, ready) != ready:
                how = ("answers again" if ready else "does not answer") if name == _SILENT else (
                    "Ready again" if ready else "NotReady"
                )  # fmt: skip
                self.said(f"{name} {how}")
        self._ready = {**self._ready, **now}
        return now

    def _look(self) -> dict[str, bool]:
        """Ready or not, by name; of a silent API that it is."""
        found: dict[str, bool] = {}
        try:
            for what, path in (("node", "/api/v1/nodes"), ("pod", "/api/v1/pods")):
                for obj in get_json(self._ground.directory, self._ground.port, path).get("items") or ():
                    found[_name(what, obj)] = _is_ready(obj)
        except NoSuchPlace:
            return {_SILENT: False}
        return {_SILENT: True, **found}


def _name(what: str, obj: dict[str, Any]) -> str:
    meta = obj["metadata"]
    return f"node {meta['name']}" if what == "node" else f"pod {meta['namespace']}/{meta['name']}"


def _is_ready(obj: dict[str, Any]) -> bool:
    conditions = (obj.get("status") or {}).get("conditions") or ()
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)
