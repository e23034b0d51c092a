"""The agents' connections to the zygote."""

import select
import socket
from collections.abc import Callable
from typing import Any

from control.workload.channel import Channel, ChannelClosed


class Peer:
    """An agent's connection and the nodes whose events it wants."""

    def __init__(self, sock: socket.socket) -> None:
        self.channel = Channel(sock)
        self.nodes: set[str] = set()
        self.closed = False


Answer = Callable[[Peer, dict[str, Any], list[int]], None]


class Peers:
    """Owns the listener and every connection; ``answer`` gets each request with its descriptors."""

    def __init__(self, listener: socket.socket, epoll: select.epoll, answer: Answer) -> None:
        self._listener, self._epoll, self._answer = listener, epoll, answer
        self._peers: dict[int, Peer] = {}
        epoll.register(listener, select.EPOLLIN)

    def __contains__(self, descriptor: int) -> bool:
        return descriptor in self._peers or descriptor == self._listener.fileno()

    def wants(self, node: str) -> list[Peer]:
        """Who subscribed to a node."""
        return [peer for peer in self._peers.values() if node in peer.nodes]

    def ready(self, descriptor: int, events: int) -> None:
        """One of ours has something to do."""
        if descriptor == self._listener.fileno():
            self._accept()
            return
        peer = self._peers[descriptor]
        try:
            if events & select.EPOLLOUT and peer.channel.flush():
                self._epoll.modify(peer.channel, select.EPOLLIN)
            if events & ~select.EPOLLOUT:
                for body, descriptors in peer.channel.receive():
                    self._answer(peer, body, descriptors)
        except ChannelClosed:
            self._drop(peer)

    def send(self, peer: Peer, body: dict[str, Any], descriptors: list[int] | None = None) -> None:
        """Say something; a peer that is gone hears nothing."""
        if peer.closed:
            return
        try:
            if not peer.channel.send(body, descriptors):
                self._epoll.modify(peer.channel, select.EPOLLIN | select.EPOLLOUT)
        except ChannelClosed:
            self._drop(peer)

    def _accept(self) -> None:
        try:
            sock, _ = self._listener.accept()
        except OSError:  # gone again before we looked
            return
        self._peers[sock.fileno()] = Peer(sock)
        self._epoll.register(sock, select.EPOLLIN)

    def _drop(self, peer: Peer) -> None:
        if not peer.closed:
            peer.closed = True
            number = peer.channel.fileno()
            self._epoll.unregister(number)
            del self._peers[number]
            peer.channel.close()
