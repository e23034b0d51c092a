"""The pod that the tests of streams by foreign clients talk to: an echo, a web stand-in, a shell that listens."""

from typing import Any

ECHO = """
import socket, threading
server = socket.create_server(("127.0.0.1", 9000), backlog=64)
def answer(plug):
    with plug:
        while data := plug.recv(65536):
            plug.sendall(data)
        plug.sendall(b"bye")
while True:
    threading.Thread(target=answer, args=(server.accept()[0],), daemon=True).start()
"""
"""On port 9000 of the pod's loopback; says bye when its client has said its last."""

TALK: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "talk"},
    "spec": {
        "terminationGracePeriodSeconds": 1,
        "containers": [
            {"name": "main", "image": "python:3", "command": ["/usr/bin/python3", "-c", ECHO]},
            {"name": "web", "image": "nginx", "ports": [{"containerPort": 80}]},
            {
                "name": "ear",
                "image": "busybox",
                "stdin": True,
                "command": ["sh", "-c", "while read l; do echo heard $l; done; echo over; sleep 1000"],
            },
            {"name": "tty", "image": "busybox", "stdin": True, "tty": True, "command": ["sh"]},
        ],
    },
}
