"""`podwire capture` on a real lab, read back with tshark."""

import re
import shutil
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from scapy.layers.inet import IP, UDP
from scapy.packet import Raw

from control.client.resources import PODS
from dataplane.model.address import Family
from tests.absent import absent

pytestmark = pytest.mark.root


@dataclass
class _Running:
    """A capture that listens. out, err: all that it said, once it has ended."""

    process: subprocess.Popen[str]
    out: str = ""
    err: str = ""


@contextmanager
def _capturing(lab, *words: str | Path) -> Iterator[_Running]:
    """The command, listening, for the block; ended by Ctrl-C after it."""
    line = ["env", "--default-signal=INT", "podwire", "capture", "--name", lab.name, *map(str, words)]
    with subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        running = _Running(process)
        assert process.stderr is not None
        first = process.stderr.readline()
        assert first.startswith("listening at "), first + process.stderr.read()
        try:
            yield running
        finally:
            process.send_signal(signal.SIGINT)
            running.out, running.err = process.communicate(timeout=30)


def _read(file: Path, display: str, *fields: str) -> list[list[str]]:
    """What tshark says of a file's packets that the display filter likes, a list a packet."""
    if shutil.which("tshark") is None:
        absent("tshark is not on this machine: scripts/setup --test brings it")
    words = [part for field in fields for part in ("-e", field)]
    done = subprocess.run(
        ["tshark", "-r", str(file), "-N", "n", "-Y", display, "-T", "fields", *words],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return [line.split("\t") for line in done.stdout.splitlines()]


def test_a_connection_through_a_clusterip_is_at_each_hop_in_order_with_its_translation(lab, tmp_path):
    shop = lab.pod("shop", node="node-1", listens=8080)
    ann = lab.pod("ann", node="node-2")
    door = lab.service("door", to=shop, port=80, target=8080)
    file, here = tmp_path / "door.pcapng", lab.namespace

    with _capturing(lab, f"{here}/shop", "node-1", "node-2", "node-2/vxlan1", f"{here}/ann", "-w", file):
        ann.get(door.url(Family.V4))

    number = f"tcp.flags.syn == 1 && tcp.flags.ack == 0 && ip.src == {ann.ip[Family.V4]}"
    found = _read(file, number, "frame.interface_name", "ip.dst", "tcp.dstport", "ip.ttl")
    client, pod = str(door.ip[Family.V4]), str(shop.ip[Family.V4])
    near, far = (str(lab.node(name).ip[Family.V4]) for name in ("node-2", "node-1"))
    assert [one[0] for one in found] == [
        f"{here}/ann:eth0", "node-2:vxlan1", "node-2:eth0", "node-1:eth0", f"{here}/shop:eth0",
    ]  # fmt: skip
    assert found[0][1:] == [client, "80", "64"]
    assert found[1][1:] == [pod, "8080", "63"]
    assert found[2][1:] == found[3][1:] == [f"{far},{pod}", "8080", "64,63"]
    assert found[4][1:] == [pod, "8080", "62"]
    assert near != far


def test_the_file_names_places_and_objects_and_counts_losses(lab, tmp_path):
    shop = lab.pod("shop", node="node-1", listens=8080)
    ann = lab.pod("ann", node="node-2")
    file = tmp_path / "shop.pcapng"

    with _capturing(lab, f"{lab.namespace}/shop", "-w", file, "tcp port 8080") as running:
        ann.connect(shop.ip[Family.V4], 8080).close()
    comments = [one[0] for one in _read(file, "tcp", "frame.comment") if one[0]]
    assert comments == [
        f"{lab.namespace}/ann → {lab.namespace}/shop",
        f"{lab.namespace}/shop → {lab.namespace}/ann",
    ]
    assert f"{lab.namespace}/shop:eth0: " in running.err
    assert "no room" not in running.err
    assert running.process.returncode == 0
    resolved = subprocess.run(
        ["tshark", "-r", str(file), "-N", "nN", "-T", "fields", "-e", "ip.src_host"],
        capture_output=True, text=True, check=True,
    ).stdout.split()  # fmt: skip
    assert f"{lab.namespace}/ann" in resolved


def test_live_lines_say_names_instead_of_addresses(lab):
    shop = lab.pod("shop", node="node-1", listens=8080)
    ann = lab.pod("ann", node="node-2")
    door = lab.service("door", to=shop, port=80, target=8080)

    with _capturing(lab, f"{lab.namespace}/ann", "--live", "tcp port 80") as running:
        ann.connect(door.ip[Family.V4], 80).close()
    lines = running.out.splitlines()

    assert f"→ Service {lab.namespace}/door:80 tcp S, ttl 64" in lines[0]
    assert f"Service {lab.namespace}/door:80 → {lab.namespace}/ann" in lines[1]


def test_a_ring_of_files_keeps_the_last(lab, tmp_path):
    shop = lab.pod("shop", node="node-1")
    ann = lab.pod("ann", node="node-2")
    file = tmp_path / "ring.pcapng"

    words: Sequence[str | Path] = ("-w", file, "--file-size", "1", "--files", "2", "udp port 9")
    with _capturing(lab, f"{lab.namespace}/shop", *words):
        for _ in range(3000):
            ann.tell(b"x" * 1200, shop.ip[Family.V4], 9)

    kept = sorted(path.name for path in tmp_path.iterdir())
    assert len(kept) == 2
    assert kept[0] != "ring-00000.pcapng"
    assert all(_read(tmp_path / name, "udp", "udp.length") for name in kept)


def test_every_packet_of_a_flood_is_in_the_file_or_counted(lab, tmp_path):
    shop, ann = lab.pod("shop", node="node-1"), lab.pod("ann", node="node-1")
    file, sent = tmp_path / "flood.pcapng", 60_000
    packet = IP(src=str(ann.ip[Family.V4]), dst=str(shop.ip[Family.V4])) / UDP(dport=9) / Raw(b"x" * 1200)
    places = f"{lab.namespace}/shop", f"{lab.namespace}/ann"
    with _capturing(lab, *places, "-w", file, "--buffer", "2", "udp port 9") as running:
        ann.flood([packet], count=sent)
    for place in places:
        found = re.search(rf"{place}:eth0: (\d+) packets(?:, (\d+) more found no room)?", running.err)
        assert found is not None, running.err
        kept = _read(file, f'frame.interface_name == "{place}:eth0"', "frame.number")
        assert len(kept) == int(found[1])
        assert int(found[1]) + int(found[2] or 0) == sent


def _taps(netns: str) -> int:
    """Packet sockets in a namespace."""
    text = subprocess.run(["ip", "netns", "exec", netns, "cat", "/proc/net/packet"],
                          capture_output=True, text=True, check=True).stdout  # fmt: skip
    return len(text.splitlines()) - 1


def test_no_socket_outlives_a_capture_that_is_killed(lab, tmp_path):
    pod = lab.pod("shop", node="node-1")
    before = _taps(pod.netns)

    with _capturing(lab, f"{lab.namespace}/shop", "-w", tmp_path / "x.pcapng") as running:
        assert _taps(pod.netns) == before + 1
        running.process.kill()
        running.process.wait(10)

    assert _taps(pod.netns) == before


def test_a_capture_whose_link_goes_away_says_so_and_ends(lab, tmp_path):
    ann = lab.pod("ann", node="node-1")
    with _capturing(lab, f"{lab.namespace}/ann", "-w", tmp_path / "gone.pcapng") as running:
        lab.delete(PODS, ann.name)
        assert running.process.wait(timeout=30) == 0
    assert "then its link went away" in running.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["tcp", "--live"], "Say where"),
        (["internet", "-w", "/nowhere/x.pcapng"], "PW-U17  /nowhere/x.pcapng: No such file or directory"),
        (["internet", "-w", "-", "--live"], "-w - writes to standard output"),
    ],
)
def test_bad_use_is_one_cause_and_exit_2(lab, words, said):
    done = subprocess.run(
        ["podwire", "capture", "--name", lab.name, *words], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_standard_output_is_a_file_too(lab):
    done = subprocess.run(
        ["podwire", "capture", "--name", lab.name, "internet", "-w", "-", "--for", "0.2"],
        capture_output=True, check=True,
    )  # fmt: skip
    assert done.stdout[:4] == b"\x0a\x0d\x0d\x0a"
