"""`kube_api`: a Kubernetes API of a test's own, forked from a warm process and killed at the test's end."""

import json
import ssl
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final, TypeVar

import yaml

from control.alone.options import AloneOptions
from control.client.client import ApiClient
from control.errors import AloneFailed
from control.testkit.client import TestClient
from control.testkit.until import until

Json = dict[str, Any]
T = TypeVar("T")
_END_S: Final = 10.0


@dataclass(frozen=True)
class KubeApi:
    """A running API. url: ``https://127.0.0.1:PORT``. kubeconfig: file of its admin, mode 0600. pid: its process."""

    port: int
    kubeconfig: Path
    pid: int

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"https://127.0.0.1:{self.port}"

    @cached_property
    def config(self) -> Json:
        """The kubeconfig as a dictionary, as client libraries take it; certificates and keys are inside."""
        document: Json = yaml.safe_load(self.kubeconfig.read_text())
        return document

    @property
    def environment(self) -> dict[str, str]:
        """What points kubectl, helm and most libraries to this API."""
        return {"KUBECONFIG": str(self.kubeconfig)}

    @property
    def pki(self) -> Path:
        """ca.crt, admin.crt and admin.key as PEM files, for clients that want files."""
        return self.kubeconfig.parent / "pki"

    @property
    def log(self) -> str:
        """What server and controllers said."""
        return (self.kubeconfig.parent / "log").read_text()

    def tls(self) -> ssl.SSLContext:
        """The admin's TLS context."""
        context = ssl.create_default_context(cafile=str(self.pki / "ca.crt"))
        context.load_cert_chain(self.pki / "admin.crt", self.pki / "admin.key")
        return context

    def client(self) -> TestClient:
        """A small synchronous client: create, get, list, replace, patch, delete, apply."""
        return TestClient(self.port, self.tls)

    def async_client(self) -> ApiClient:
        """An asynchronous one, with watch: ``async with kube_api.async_client() as client``."""
        return ApiClient(self.url, self.tls())

    @staticmethod
    def until(condition: Callable[[], T], within_s: float = 30.0, *, what: str = "") -> T:
        """The condition's first true value; while it raises OSError or LookupError it counts as not true yet."""
        return until(condition, within_s, what=what)


class Nursery:
    """The warm process of a test run; started at once, waited for at the first ``make``. Close it."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-m", "control.alone.nursery"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,  # a terminal's Ctrl-C is pytest's, which then ends this
        )
        self._ready = False

    def make(self, options: AloneOptions) -> KubeApi:
        """A fresh API that answers. Raises AloneFailed."""
        if not self._ready:
            self._hear()
            self._ready = True
        answer = self._ask({"make": asdict(options)})
        return KubeApi(answer["port"], Path(answer["root"]) / "kubeconfig", answer["pid"])

    def end(self, api: KubeApi) -> None:
        """Kill it, and remove its directory."""
        self._ask({"end": api.pid})

    def close(self) -> None:
        """End everything."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        try:
            self._process.wait(_END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()

    def _ask(self, question: Json) -> Json:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(question) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise self._gone() from None
        return self._hear()

    def _hear(self) -> Json:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise self._gone()
        answer: Json = json.loads(line)
        if "error" in answer:
            raise AloneFailed(f"The API did not start: {answer['error']}.", "podwire api")
        return answer

    def _gone(self) -> AloneFailed:
        return AloneFailed(
            f"The process that makes APIs for tests has ended (exit {self._process.poll()}).",
            f"{sys.executable} -I -m control.alone.nursery </dev/null",
        )
