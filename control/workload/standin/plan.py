"""What a stand-in is told: who it is, where it listens, whom it may call."""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import orjson


@dataclass(frozen=True, slots=True)
class StandInPlan:
    """One stand-in, as the kubelet describes it.

    tcp, udp: port numbers. upstreams: ``host:port`` that it calls on request.
    unready_paths: HTTP paths that answer 503 while the pod is told not to be ready.
    drain_s: how long it still accepts after SIGTERM, so that no request is lost while endpoints drain.
    """

    pod: str
    namespace: str
    node: str
    container: str
    image: str
    tcp: tuple[int, ...] = ()
    udp: tuple[int, ...] = ()
    upstreams: tuple[str, ...] = ()
    unready_paths: tuple[str, ...] = ()
    ready: bool = True
    drain_s: float = 1.0

    def to_text(self) -> str:
        """As it goes to the container."""
        return orjson.dumps(asdict(self)).decode()

    @classmethod
    def from_text(cls, text: str) -> "StandInPlan":
        """Back from its text."""
        body: Any = {
            key: tuple(value) if isinstance(value, list) else value
            for key, value in orjson.loads(text).items()
        }
        return cls(**body)

    @property
    def identity(self) -> dict[str, str]:
        """Who answers."""
        return {
            "pod": self.pod,
            "namespace": self.namespace,
            "node": self.node,
            "container": self.container,
            "image": self.image,
        }

    @property
    def sentence(self) -> str:
        """Who answers, as one line of text."""
        return f"{self.namespace}/{self.pod} on {self.node} ({self.image})"


_HOST = r"(?:[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:]+\])"
_ADDRESS = re.compile(rf"^({_HOST}):([0-9]{{1,5}})$")
_URL = re.compile(rf"^([a-z][a-z0-9+.-]*)://(?:[^@/]*@)?({_HOST})(?::([0-9]{{1,5}}))?(?:[/?#].*)?$")
_SCHEME_PORTS = {
    "http": 80, "https": 443, "redis": 6379, "postgres": 5432, "postgresql": 5432, "mysql": 3306, "amqp": 5672,
    "mongodb": 27017, "grpc": 80, "nats": 4222, "kafka": 9092, "ws": 80, "wss": 443,
}  # fmt: skip


def upstreams_of(environment: Mapping[str, str], annotation: str = "") -> tuple[str, ...]:
    """Services that a container's own environment names: ``*_ADDR``, ``*_HOST`` with ``*_PORT``, ``*_URL``.

    environment: what the manifest declares, never the service links. annotation: ``podwire.dev/calls``.

    >>> upstreams_of({"CART_ADDR": "cart:7070", "DB_HOST": "db", "DB_PORT": "5432", "A_URL": "http://a/x"})
    ('cart:7070', 'db:5432', 'a:80')
    """
    found: dict[str, None] = {}
    for name, value in environment.items():
        text = value.strip()
        if name.endswith(("_ADDR", "_ADDRESS", "_ENDPOINT", "_URL", "_URI", "_HOST")):
            if match := _URL.match(text):
                port = match[3] or _SCHEME_PORTS.get(match[1])
                if port:
                    found[f"{match[2]}:{port}"] = None
            elif match := _ADDRESS.match(text):
                found[text] = None
            elif name.endswith("_HOST") and re.fullmatch(_HOST, text):
                port = environment.get(name.removesuffix("_HOST") + "_PORT", "")
                if port.isdigit():
                    found[f"{text}:{port}"] = None
    for part in annotation.split(","):
        if _ADDRESS.match(part.strip()):
            found[part.strip()] = None
    return tuple(found)
