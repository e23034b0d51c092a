"""Namespaces in the kernel: made complete, entered and left, shown by ip, removed."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from dataplane.errors import NamespaceGone, NameTaken
from dataplane.netns import create, names, sysctl
from dataplane.netns.enter import SocketMaker, inside, run_inside
from dataplane.netns.sweep import labs, of_lab, sweep
from dataplane.netns.sysctl import Place

pytestmark = pytest.mark.root

LAB = f"tn{os.getpid() % 1_000_000}"


@pytest.fixture(autouse=True)
def swept() -> Iterator[None]:
    yield
    sweep(LAB)
    sweep(f"{LAB}x")


def name(place: str, lab: str = LAB) -> str:
    return f"podwire-{lab}-{place}"


def own() -> int:
    """The namespace of the calling thread, by its inode."""
    return os.stat("/proc/thread-self/ns/net").st_ino


@pytest.mark.parametrize("place", Place)
def test_every_sysctl_of_a_place_is_as_written_and_lo_is_up(place):
    create.create(name(place), place)

    said = sysctl.settings(place)
    found = run_inside(
        name(place), lambda: tuple((key, sysctl.read(key).replace("\t", " ")) for key, _ in said)
    )
    assert found == said
    assert "LOOPBACK,UP" in run_inside(
        name(place), lambda: subprocess.check_output(["ip", "link"], text=True)
    )


def test_a_link_made_later_inherits_them():
    create.create(name("node"), Place.NODE)
    subprocess.run(["ip", "-n", name("node"), "link", "add", "dum", "type", "bridge"], check=True)

    read = run_inside(
        name("node"),
        lambda: [sysctl.read(f"{key}") for key in ("ipv6/conf/dum/accept_dad", "ipv4/conf/dum/rp_filter")],
    )
    assert read == ["0", "0"]
    assert run_inside(name("node"), lambda: sysctl.read("ipv4/conf/dum/forwarding")) == "1"


def test_without_ipv6_the_family_is_off_for_links_to_come():
    create.create(name("pod"), ipv6=False)

    assert run_inside(name("pod"), lambda: sysctl.read("ipv6/conf/default/disable_ipv6")) == "1"


def test_ip_lists_it_and_enters_it():
    create.create(name("pod"))

    listed = subprocess.check_output(["ip", "netns", "list"], text=True).split()
    links = subprocess.check_output(["ip", "netns", "exec", name("pod"), "ip", "-o", "link"], text=True)
    assert name("pod") in listed
    assert len(links.splitlines()) == 1


def test_a_name_that_is_taken_is_refused_and_the_namespace_stays_the_same():
    create.create(name("pod"))
    before = os.stat(names.path(name("pod"))).st_ino

    with pytest.raises(NameTaken):
        create.create(name("pod"))
    assert not create.ensure(name("pod"))

    assert os.stat(names.path(name("pod"))).st_ino == before


def test_a_bare_file_left_by_a_crash_is_no_namespace_and_is_in_nobodys_way():
    names.DIRECTORY.mkdir(exist_ok=True)
    names.path(name("pod")).touch()

    assert not create.is_there(name("pod"))
    create.create(name("pod"))
    assert create.is_there(name("pod"))


def test_deleting_twice_is_no_error_and_leaves_no_file():
    create.create(name("pod"))

    create.delete(name("pod"))
    create.delete(name("pod"))

    assert not names.path(name("pod")).exists()


def test_making_one_leaves_the_maker_where_it_was():
    before = own()

    create.create(name("pod"))

    assert own() == before != os.stat(names.path(name("pod"))).st_ino


def test_a_failure_inside_brings_the_thread_home_and_leaves_no_name():
    before = own()

    def fail() -> None:
        assert own() != before
        raise ValueError("on purpose")

    with pytest.raises(ValueError, match="on purpose"):
        create.create_with(name("pod"), fail)

    assert own() == before
    assert not names.path(name("pod")).exists()


def test_inside_moves_this_thread_and_no_other():
    create.create(name("pod"))
    before = own()
    with ThreadPoolExecutor(1) as other:
        assert other.submit(own).result() == before

        with inside(name("pod")):
            assert own() == os.stat(names.path(name("pod"))).st_ino
            assert other.submit(own).result() == before

    assert own() == before


def test_inside_ends_with_the_block_even_by_an_exception():
    create.create(name("pod"))
    before = own()

    def fail() -> None:
        with inside(name("pod")):
            raise ValueError("on purpose")

    with pytest.raises(ValueError, match="on purpose"):
        fail()

    assert own() == before


def test_run_inside_gives_back_values_and_exceptions():
    create.create(name("pod"))

    assert run_inside(name("pod"), own) == os.stat(names.path(name("pod"))).st_ino
    with pytest.raises(ZeroDivisionError):
        run_inside(name("pod"), lambda: 1 // 0)


def test_a_namespace_that_is_not_there_is_named():
    with pytest.raises(NamespaceGone, match=name("nobody")):
        run_inside(name("nobody"), own)
    with pytest.raises(NamespaceGone, match=name("nobody")):
        SocketMaker(name("nobody"))


def test_sockets_made_inside_stay_there_after_the_maker_and_the_name_are_gone():
    create.create(name("pod"))
    with SocketMaker(name("pod")) as maker:
        listener = maker.socket(socket.AF_INET, socket.SOCK_STREAM)
        caller = maker.socket(socket.AF_INET, socket.SOCK_STREAM)
        assert maker.call(own) == os.stat(names.path(name("pod"))).st_ino
    create.delete(name("pod"))

    with listener, caller:
        listener.bind(("127.0.0.1", 47_474))
        listener.listen()
        caller.connect(("127.0.0.1", 47_474))
        with socket.socket() as outside, pytest.raises(ConnectionRefusedError):
            outside.connect(("127.0.0.1", 47_474))


def test_without_root_each_way_in_says_that_root_is_missing():
    create.create(name("pod"))
    program = (
        "import os\n"
        "from dataplane.errors import KernelError\n"
        "from dataplane.netns import create, enter\n"
        "os.setgroups([]), os.setresgid(65534, 65534, 65534), os.setresuid(65534, 65534, 65534)\n"
        f"for way in (lambda: create.create({name('new')!r}), lambda: enter.run_inside({name('pod')!r}, int),\n"
        f"            lambda: create.delete({name('pod')!r})):\n"
        "    try:\n"
        "        way()\n"
        "    except KernelError as error:\n"
        "        print(error.mend)\n"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)

    assert done.stdout.splitlines() == ["run as root"] * 3, done.stderr
    assert create.is_there(name("pod"))


def test_a_sweep_removes_one_labs_namespaces_and_no_others():
    for place in ("fabric", "node-1", "pod-a-b-12345678"):
        create.create(name(place))
    create.create(name("node-1", f"{LAB}x"))

    swept = sweep(LAB)

    assert swept.namespaces == tuple(
        sorted(name(place) for place in ("fabric", "node-1", "pod-a-b-12345678"))
    )
    assert of_lab(LAB) == ()
    assert of_lab(f"{LAB}x") == (name("node-1", f"{LAB}x"),)
    assert LAB not in labs()
    assert f"{LAB}x" in labs()


def test_a_sweep_of_nothing_is_no_error():
    assert sweep(LAB).namespaces == ()
