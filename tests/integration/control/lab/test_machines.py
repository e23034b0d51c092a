"""Machines that are not ours: each ability denied in turn, and a lab that does without it or says why it can't."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from dataplane.host.cgroup import LabCgroup, own_mount
from dataplane.host.untouched import snapshot

pytestmark = pytest.mark.root

SHOP = Path(__file__).resolve().parents[4] / "examples" / "shop"
SAID = {
    "PODWIRE_NO_CGROUP2=never": "cgroup2 off: a lab's processes are found by PODWIRE_LAB",
    "PODWIRE_NO_CGROUP2": "cgroup2 off: none is mounted, a lab mounts its own",
    "PODWIRE_NO_IPV6": "IPv6 off: PODWIRE_NO_IPV6 is set",
    "PODWIRE_NO_BRIDGE_NETFILTER": "br_netfilter off: pods of one node are routed",
    "PODWIRE_NO_OVERLAYFS": "overlayfs off: containers' roots are read-only",
}


def within(lab: str, place: str, *words: str) -> str:
    words = ("ip", "netns", "exec", f"podwire-{lab}-{place}", *words)
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("denial", sorted(SAID))
def test_a_lab_without_it_says_so_carries_the_shop_and_leaves_nothing(cli, denial):
    before = snapshot()
    variable, _, value = denial.partition("=")
    cli.environment[variable] = value or "1"
    process = cli.start("up", "--name", "tdmach", "--workers", "1")
    _, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert SAID[denial] in err
    cli("apply", "--name", "tdmach", "-f", str(SHOP), "--wait")
    WITNESS[denial](cli)
    report = json.loads(cli("verify", "--name", "tdmach", "-o", "json"))
    assert report["mismatches"] == []
    del cli.environment[variable]  # what a lab was made with it keeps: `down` need not be told
    cli("down", "--name", "tdmach")
    assert not own_mount("tdmach").exists()
    assert cli.left("tdmach") == []
    assert before.differences(snapshot()) == []


def has_no_ipv6(cli) -> None:
    assert "inet6" not in within("tdmach", "node-1", "ip", "-6", "address", "show", "dev", "eth0")
    addresses = cli(
        "kubectl", "--name", "tdmach", "get", "pods,services", "-A", "-o",
        "jsonpath={.items[*].status.podIPs}{.items[*].spec.clusterIPs}",
    )  # fmt: skip
    assert "10.244.1." in addresses
    assert "fd00" not in addresses


def routes_pods_of_a_node(cli) -> None:
    del cli
    assert "isolated on" in within("tdmach", "node-1", "bridge", "-d", "link")
    assert within("tdmach", "node-1", "sysctl", "-n", "net.bridge.bridge-nf-call-iptables").strip() == "0"


def binds_the_machines_files(cli) -> None:
    exec_in = ("kubectl", "--name", "tdmach", "-n", "shop", "exec", "deploy/ledger", "--")
    assert "overlay / " not in cli(*exec_in, "cat", "/proc/mounts")
    shell = "touch /here /tmp/here && ! touch /usr/here 2>&1 && cat /etc/hosts && ls /root"
    said = cli(*exec_in, "sh", "-c", shell)
    assert "Read-only file system" in said
    assert "ledger-" in said


def groups_its_processes_in_a_mount_of_its_own(cli) -> None:
    del cli
    own = own_mount("tdmach")
    assert own.is_mount()
    assert (own / "podwire-tdmach" / "roles" / "cgroup.procs").read_text().split() != []


def finds_its_processes_by_their_environment(cli) -> None:
    pids = LabCgroup("tdmach").pids()
    assert cli.supervisor("tdmach") in pids
    named = {Path(f"/proc/{pid}/comm").read_text().strip() for pid in pids}
    assert {"podwire-tdmach", "podwire-api", "podwire-zygote"} <= named
    assert len(pids) > 12  # the containers, too
    cli(
        "kubectl",
        "--name",
        "tdmach",
        "-n",
        "shop",
        "exec",
        "deploy/ledger",
        "--",
        "sh",
        "-c",
        "exec 1>&- 2>&-; sleep 1000 &",
    )
    cli(
        "kubectl",
        "--name",
        "tdmach",
        "-n",
        "shop",
        "delete",
        "pod",
        "-l",
        "app=mail",
        "--wait=true",
        "--timeout=60s",
    )
    cli("kubectl", "--name", "tdmach", "-n", "shop", "rollout", "status", "deployment/mail", "--timeout=60s")


WITNESS = {
    "PODWIRE_NO_CGROUP2=never": finds_its_processes_by_their_environment,
    "PODWIRE_NO_CGROUP2": groups_its_processes_in_a_mount_of_its_own,
    "PODWIRE_NO_IPV6": has_no_ipv6,
    "PODWIRE_NO_BRIDGE_NETFILTER": routes_pods_of_a_node,
    "PODWIRE_NO_OVERLAYFS": binds_the_machines_files,
}


@pytest.mark.parametrize(
    ("around", "identity", "says"),
    [
        (["setpriv", "--bounding-set=-mknod,-net_raw"], "PW-K15", "lacks CAP_NET_RAW, CAP_MKNOD"),
        (["setpriv", "--bounding-set=-sys_admin"], "PW-K15", "lacks CAP_SYS_ADMIN"),
        (["setpriv", "--bounding-set=-net_admin"], "PW-K15", "lacks CAP_NET_ADMIN"),
        (["unshare", "--user", "--map-root-user", "--net", "--mount"], "PW-K15", "root of a user namespace"),
        (
            [
                "unshare", "-m", "sh", "-c",
                'mount --bind /proc/sys/net /proc/sys/net && mount -o remount,ro,bind /proc/sys/net && exec "$@"', "sh",
            ],
            "PW-K16",
            "/proc/sys/net: is read-only",
        ),
    ],
)  # fmt: skip
def test_without_the_right_up_stops_with_its_identity_and_makes_nothing(cli, around, identity, says):
    words = [*around, sys.executable, "-m", "podwire", "up", "--name", "tdright"]
    ran = subprocess.run(words, env=cli.environment, capture_output=True, text=True, check=False, timeout=60)
    assert ran.returncode != 0
    assert identity in ran.stderr
    assert says in " ".join(ran.stderr.split())
    assert cli.left("tdright") == []
