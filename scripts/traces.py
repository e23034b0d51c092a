"""Writes docs/how/traces.md: twelve packets followed through a real lab, as `podwire trace` printed them.

sudo .venv/bin/python -m scripts.traces           brings a lab up, traces, writes the page, takes it down
sudo .venv/bin/python -m scripts.traces --print   to standard output instead
"""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE, MAP, EXAMPLE = ROOT / "docs/how/traces.md", ROOT / "docs/how/map.svg", ROOT / "examples/trace"
LAB = "traces"
FABRIC = f"podwire-{LAB}-fabric"

TRACES = (
    ("Pod to pod on one node", "client web-1:8080", ""),
    ("Pod to pod on two nodes, through VXLAN", "far web-1:8080", ""),
    ("Through a ClusterIP to the same node", "client svc/web", ""),
    ("Through a ClusterIP to another node", "far svc/web", ""),
    ("A pod to itself through its Service (hairpin)", "web-1 svc/web", ""),
    ("NodePort from the internet, externalTrafficPolicy Cluster", "internet node/node-2:30080", ""),
    ("NodePort from the internet, externalTrafficPolicy Local", "internet node/node-1:30081", ""),
    ("The same at a node without an endpoint", "internet node/node-2:30081", ""),
    ("A headless Service: its name is its endpoint", "far svc/web-headless", ""),
    ("A Service without endpoints", "far svc/empty", ""),
    ("Allowed by a rule of a policy", "web-1 db:5432", ""),
    ("Denied by an ingress policy", "client db:5432", ""),
    ("Denied by an egress policy", "jail web-1:8080", ""),
    ("Over a cut wire", "far web-1:8080", "node-1"),
    ("Too big, and may not be cut", "internet node/node-2:30080 --size 1500", ""),
    ("TTL 1", "far web-1:8080 --ttl 1", ""),
)
"""Title, arguments, and the fabric's port that is down meanwhile."""

HEAD = """\
# Sixteen packets, followed

Each trace below is as `podwire trace` printed it, in a lab of two workers with
[examples/trace/shop.yaml](../../examples/trace/shop.yaml) applied. `python -m scripts.traces` writes this page anew.

How to read a line: its number, the time since the packet was sent (rules have none: the kernel gives their events
no time stamp), the place, the kind of line, and what was observed. `link` and `tunnel` are interfaces that the packet
passed, `proxy` a Service's translation, `policy` a NetworkPolicy's verdict, `rule` a rule that is not podwire's.
Below a line that decided stand the API object with the file and line of YAML, and the kernel's rule.

The same lab as `podwire map --trace 'far svc/web'` draws it:

![Two nodes, their pods, and the way of a packet through a Service](map.svg)
"""


def podwire(*words: str, check: bool = True) -> str:
    """What podwire prints, run in the example's folder so that files show as a person names them."""
    done = subprocess.run(
        [sys.executable, "-I", "-m", "podwire", *words],
        cwd=EXAMPLE,
        capture_output=True,
        text=True,
        check=False,
    )
    if check and done.returncode:
        raise SystemExit(f"podwire {' '.join(words)}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout or done.stderr


@contextlib.contextmanager
def lab() -> Iterator[None]:
    """A lab with the example, for the block."""
    podwire("up", "--name", LAB, "--workers", "2")
    try:
        podwire("apply", "--name", LAB, "-f", "shop.yaml", "--wait")
        yield
    finally:
        podwire("down", "--name", LAB)


@contextlib.contextmanager
def cut(port: str) -> Iterator[None]:
    """The fabric's end of a node's cable is down, for the block."""
    if port:
        subprocess.run(["ip", "-n", FABRIC, "link", "set", port, "down"], check=True)
    try:
        yield
    finally:
        if port:
            subprocess.run(["ip", "-n", FABRIC, "link", "set", port, "up"], check=True)


def page() -> Iterator[str]:
    """The page's parts."""
    yield HEAD
    with lab():
        podwire("map", "--name", LAB, "-w", str(MAP), "--trace", "far svc/web")
        for title, words, port in TRACES:
            before = f"$ sudo ip -n {FABRIC} link set {port} down\n" if port else ""
            with cut(port):
                said = podwire("trace", "--name", LAB, *words.split(), check=False)
            yield f"## {title}\n\n```\n{before}$ sudo podwire trace {words}\n{said.rstrip()}\n```\n"


if __name__ == "__main__":
    if os.geteuid() != 0:
        raise SystemExit(
            "scripts.traces needs root: it brings up a lab. Run: sudo .venv/bin/python -m scripts.traces"
        )
    text = "\n".join(page())
    if "--print" in sys.argv:
        print(text)
    else:
        PAGE.write_text(text, encoding="utf-8")
