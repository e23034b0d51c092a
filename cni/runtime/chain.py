"""A conflist run: each plugin after the other with the result so far, and backwards to undo it
(specification 1.1, section 3)."""

import contextlib
from collections.abc import Collection
from typing import Any, Protocol

from cni.errors import CNIError, PluginFailed
from cni.runtime.cache import Attachment, Cache, Entry, Json
from cni.spec import conflist
from cni.spec.call import Call
from cni.spec.conflist import NetworkList
from dataplane.errors import KernelError


class Caller(Protocol):
    """What calls one plugin: ``cni.runtime.exec.Plugins``."""

    def __call__(self, kind: str, call: Call, config: Json, /) -> Json | None:
        """The plugin's result."""


class Chain:
    """One network of one node."""

    def __init__(self, network: NetworkList, plugins: Caller, cache: Cache) -> None:
        self.network, self._plugins, self._cache = network, plugins, cache

    def add(self, attachment: Attachment) -> Json:
        """The last plugin's result; what is attached already has the result that it had.

        When a plugin fails, all are told DEL, and its error is raised: CNIError, KernelError.
        """
        known = self._cache.find(attachment.container_id, attachment.interface)
        if known is not None and known.result is not None:
            return known.result
        self._cache.write(Entry(attachment, self.network.document))
        result: Json | None = None
        try:
            for plugin in self.network.plugins:
                config = self.network.configuration(plugin, attachment.capabilities, previous=result)
                result = self._plugins(plugin["type"], _call("ADD", attachment), config)
                if result is None:
                    raise PluginFailed(plugin["type"], CNIError.code, "ADD succeeded without a result")
        except (CNIError, KernelError):
            with contextlib.suppress(CNIError, KernelError):  # what it owes stays in the cache, for GC
                self.delete(attachment)
            raise
        assert result is not None  # a list has at least one plugin
        self._cache.write(Entry(attachment, self.network.document, result))
        return result

    def delete(self, attachment: Attachment) -> None:
        """DEL, the last plugin first, by the list and with the result of ADD. What is gone is no error.

        Raises CNIError, KernelError of the first that fails; then it stays known, to be tried again.
        """
        known = self._cache.find(attachment.container_id, attachment.interface)
        network = conflist.read(known.document) if known is not None else self.network
        if known is not None:
            netns = attachment.netns  # as the caller knows it now: empty when the namespace is gone
            attachment = Attachment(
                known.attachment.container_id,
                netns,
                known.attachment.interface,
                known.attachment.args,
                known.attachment.capabilities,
            )
        previous = known.result if known is not None and network.since("0.4.0") else None
        for plugin in reversed(network.plugins):
            config = network.configuration(plugin, attachment.capabilities, previous=previous)
            self._plugins(plugin["type"], _call("DEL", attachment), config)
        self._cache.remove(attachment.container_id, attachment.interface)

    def check(self, attachment: Attachment) -> None:
        """CHECK, with the result of ADD. Raises CNIError; a list may say that it is not to be checked."""
        known = self._cache.find(attachment.container_id, attachment.interface)
        if known is None or known.result is None:
            raise CNIError(f"{attachment.container_id}: is not attached to {self.network.name}")
        if not self.network.check or not self.network.since("0.4.0"):
            return
        for plugin in self.network.plugins:
            config = self.network.configuration(plugin, attachment.capabilities, previous=known.result)
            self._plugins(plugin["type"], _call("CHECK", attachment), config)

    def gc(self, valid: Collection[tuple[str, str]]) -> tuple[CNIError | KernelError, ...]:
        """DEL for all that is known and not valid (container's id, interface); then GC, where plugins have it.

        All is tried; what failed is returned, and stays known.
        """
        failed: list[CNIError | KernelError] = []
        for entry in self._cache.entries():
            attachment = entry.attachment
            if (attachment.container_id, attachment.interface) not in valid:
                try:
                    self.delete(attachment)
                except (CNIError, KernelError) as error:
                    failed.append(error)
        if self.network.since("1.1.0") and self.network.gc:
            known = [
                {"containerID": container, "ifname": interface} for container, interface in sorted(valid)
            ]
            failed += self._tell_all("GC", {"cni.dev/valid-attachments": known})
        return tuple(failed)

    def status(self) -> None:
        """STATUS of each plugin, where the list's version has it. Raises CNIError of the first that is not ready."""
        if self.network.since("1.1.0"):
            for error in self._tell_all("STATUS", {}):
                raise error

    def _tell_all(self, verb: str, more: dict[str, Any]) -> list[CNIError | KernelError]:
        failed: list[CNIError | KernelError] = []
        for plugin in self.network.plugins:
            try:
                self._plugins(plugin["type"], Call(verb), self.network.configuration(plugin, {}) | more)
            except (CNIError, KernelError) as error:
                failed.append(error)
        return failed


def _call(verb: str, attachment: Attachment) -> Call:
    return Call(verb, attachment.container_id, attachment.netns, attachment.interface, attachment.args)
