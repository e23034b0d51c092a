"""An API server on the loopback, in the test's own loop, with its PKI and an admin's client."""

import asyncio
import os
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from control.api.config import ApiConfig
from control.api.server import ApiServer
from control.client.client import ApiClient
from control.client.resources import SERVICEACCOUNTS
from control.lab import pki


@dataclass(frozen=True)
class Served:
    """A running API server and what is needed to talk to it."""

    server: ApiServer
    port: int
    directory: Path
    ca: pki.CertificateAuthority

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    def context(self, user: str = "podwire-admin", *groups: str) -> ssl.SSLContext:
        """TLS as a user; an empty one shows no certificate."""
        context = ssl.create_default_context(cafile=self.ca.files.cert)
        if user:
            subject = pki.Subject(user, groups or ("system:masters",))
            pair = pki.issue(self.ca, self.directory, f"user-{user}", subject, pki.Usage.CLIENT)
            context.load_cert_chain(pair.cert, pair.key)
        return context

    def client(self, user: str = "podwire-admin", token: Callable[[], str] | None = None) -> ApiClient:
        return ApiClient(self.url, self.context(user), token=token)


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, pki.CertificateAuthority]:
    directory = tmp_path_factory.mktemp("pki")
    return directory, pki.create_ca(directory)


Serve = Callable[..., "AsyncIterator[Served]"]


@pytest.fixture
def serve(tmp_path: Path, authority: tuple[Path, pki.CertificateAuthority]):
    """``async with serve(**config) as served``: a server on the store of this test."""
    directory, ca = authority
    names = ("127.0.0.1", "kubernetes.default.svc")
    serving = pki.KeyPair.at(directory, "apiserver")
    if not serving.exists:
        serving = pki.issue(
            ca, directory, "apiserver", pki.Subject("kube-apiserver", (), names), pki.Usage.SERVER
        )

    @asynccontextmanager
    async def serving_one(*, port: int = 0, **config: object) -> AsyncIterator[Served]:
        sock = socket.create_server(("127.0.0.1", port))
        port = sock.getsockname()[1]
        settings = ApiConfig(
            store=tmp_path / "store.db",
            client_ca=ca.files.cert,
            serving_cert=serving.cert,
            serving_key=serving.key,
            sa_key=pki.service_account_key(directory),
            advertise_port=port,
            **config,
        )
        async with ApiServer(settings) as server:
            task = asyncio.create_task(server.serve([sock]))
            try:
                await asyncio.wait_for(server.ready.wait(), 10)
                yield Served(server, port, directory, ca)
            finally:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)

    return serving_one


@pytest.fixture
async def served(serve) -> AsyncIterator[Served]:
    async with serve() as one:
        yield one


@pytest.fixture
async def client(served: Served) -> AsyncIterator[ApiClient]:
    """An admin's client; namespace default has its service account, which a controller would make."""
    async with served.client() as one:
        await one.create(SERVICEACCOUNTS, {"metadata": {"name": "default"}}, "default")
        yield one


@dataclass(frozen=True)
class Said:
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Kubectl:
    """A kubectl on a kubeconfig of its own."""

    binary: Path
    environment: dict[str, str]

    async def start(self, *args: str, stdin: str | None = None) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            str(self.binary),
            *args,
            stdin=asyncio.subprocess.PIPE if stdin is not None else asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=self.environment,
        )

    async def __call__(self, *args: str, stdin: str | None = None, timeout_s: float = 30) -> Said:
        process = await self.start(*args, stdin=stdin)
        try:
            out, err = await asyncio.wait_for(
                process.communicate(stdin.encode() if stdin is not None else None), timeout_s
            )
        except TimeoutError:
            process.kill()
            await process.wait()
            raise
        return Said(process.returncode or 0, out.decode(), err.decode())


def kubeconfig(served: Served, path: Path) -> Path:
    """An admin's kubeconfig."""
    pair = pki.issue(
        served.ca,
        served.directory,
        "kubectl",
        pki.Subject("podwire-admin", ("system:masters",)),
        pki.Usage.CLIENT,
    )
    path.write_text(
        "\n".join(
            [
                "apiVersion: v1",
                "kind: Config",
                f"clusters: [{{name: c, cluster: {{server: '{served.url}',"
                f" certificate-authority: {served.ca.files.cert}}}}}]",
                f"users: [{{name: u, user: {{client-certificate: {pair.cert}, client-key: {pair.key}}}}}]",
                "contexts: [{name: x, context: {cluster: c, user: u}}]",
                "current-context: x",
            ]
        )
    )
    return path


def kubectl_on(binary: Path, served: Served, home: Path) -> Kubectl:
    """That kubectl, with a home and cache of this test."""
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "KUBECONFIG": str(kubeconfig(served, home / "kubeconfig")),
        "KUBECACHEDIR": str(home / "cache"),
        "EDITOR": "true",
    }
    return Kubectl(binary, environment)
