"""The lab's API from a test: plain synchronous calls as the admin, over loopback. Objects are JSON dictionaries."""

from control.lab.directory import LabDirectory
from control.lab.ready import loopback_tls
from control.testkit.client import Json, TestClient, resource_of

__all__ = ["Json", "LabApi", "resource_of"]


class LabApi(TestClient):
    """A lab's API as its admin sees it."""

    def __init__(self, directory: LabDirectory, port: int) -> None:
        super().__init__(port, lambda: loopback_tls(directory))
