"""Hooks of a container (postStart, preStop) and how long a crashed one waits."""

from typing import Any

from control.agents.exec_io import run_command
from control.agents.kubelet_errors import PodError
from control.agents.kubelet_tools import KubeletTools
from control.agents.probe_io import USER_AGENT, http_get
from control.agents.translate.pod import probe_port

Json = dict[str, Any]
BACKOFF_FIRST_S, BACKOFF_MOST_S = 10.0, 300.0


class HookFailed(PodError):
    """A hook's command, request or answer went wrong."""

    id = "PW-C24"


async def run_hook(tools: KubeletTools, container: Json, hook: Json, container_id: str, address: str) -> None:
    """Run one handler to its end. Raises HookFailed; the caller sets the deadline."""
    if "exec" in hook:
        command = tuple(hook["exec"].get("command") or [])
        code, output = await run_command(tools.runtime, container_id, command, None)
        if code:
            text = output.decode(errors="replace").strip()
            raise HookFailed(f"command '{' '.join(command)}' exited with {code}: {text}")
    elif "httpGet" in hook:
        action = hook["httpGet"]
        host = action.get("host") or address
        port = probe_port(container, hook) or 80
        joined = f"[{host}]" if ":" in host else host
        path = action.get("path") or "/"
        url = f"{(action.get('scheme') or 'HTTP').lower()}://{joined}:{port}/{path.lstrip('/')}"
        headers = {"Host": f"{joined}:{port}", "User-Agent": USER_AGENT, "Accept": "*/*"}
        headers |= {item["name"]: item.get("value", "") for item in action.get("httpHeaders") or []}
        try:
            await http_get(tools.make_socket, url, headers)
        except (OSError, ValueError, EOFError) as error:
            raise HookFailed(f'Get "{url}": {error}') from error
    elif "sleep" in hook:
        await tools.clock.sleep(float(hook["sleep"].get("seconds", 0)))


class BackOff:
    """How long a container that ended waits: at once the first time, then 10 s, doubled up to 300 s.

    Ten minutes of running well forget it, as upstream.
    """

    def __init__(self) -> None:
        self._next_s = 0.0

    def ended(self, ran_s: float) -> float:
        """Seconds to wait, after a run of ``ran_s``."""
        if ran_s >= 2 * BACKOFF_MOST_S:
            self._next_s = 0.0
        wait_s = self._next_s
        self._next_s = min(max(wait_s * 2, BACKOFF_FIRST_S), BACKOFF_MOST_S)
        return wait_s
