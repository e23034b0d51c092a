"""The record of who holds what: on disk before it counts, whole after a kill at any byte."""

import json
import os
import signal
import subprocess
import sys
import threading
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest

from cni.errors import LedgerDamaged, TryAgain
from cni.ipam.ledger import HISTORY, JOURNAL, Held, Ledger

RANGES = (ip_network("10.244.1.0/24"), ip_network("fd00:10:244:1::/64"))
ROOT = Path(__file__).resolve().parents[4]


def held(number: int, uid: str | None = None) -> Held:
    addresses = (ip_address(f"10.244.1.{number}"), ip_address(f"fd00:10:244:1::{number:x}"))
    return Held(uid or f"uid-{number}", f"ns-{number}", "eth0", f"shop/web-{number}", addresses)


def take(ledger: Ledger, *all_held: Held) -> None:
    for each in all_held:
        with ledger.open() as entry:
            entry.take(each, RANGES)


def holders(ledger: Ledger) -> list[Held]:
    with ledger.open() as entry:
        return list(entry.books.held.values())


def test_what_was_written_is_there_for_the_next_reader(tmp_path):
    take(Ledger(tmp_path), held(2), held(3))

    assert holders(Ledger(tmp_path)) == [held(2), held(3)]


def test_what_was_given_back_is_gone_and_the_latest_address_is_remembered(tmp_path):
    ledger = Ledger(tmp_path)
    take(ledger, held(2), held(3))
    with ledger.open() as entry:
        assert entry.give_back("uid-3") == held(3)
        assert entry.give_back("uid-3") is None

    with Ledger(tmp_path).open() as entry:
        assert list(entry.books.held) == ["uid-2"]
        assert entry.books.latest == dict(zip(RANGES, held(3).addresses, strict=True))


def test_two_ledgers_on_one_directory_see_each_others_entries(tmp_path):
    one, other = Ledger(tmp_path), Ledger(tmp_path)
    take(one, held(2))
    take(other, held(3))
    take(one, held(4))

    assert holders(one) == holders(other) == [held(2), held(3), held(4)]


def test_a_journal_cut_at_any_byte_keeps_every_entry_that_was_whole(tmp_path):
    take(Ledger(tmp_path / "whole"), held(2), held(3), held(4))
    journal = (tmp_path / "whole" / JOURNAL).read_bytes()
    for cut in range(len(journal) + 1):
        directory = tmp_path / str(cut)
        directory.mkdir()
        (directory / JOURNAL).write_bytes(journal[:cut])
        ledger = Ledger(directory)

        assert holders(ledger) == [held(2), held(3), held(4)][: journal[:cut].count(b"\n")]
        take(ledger, held(9))
        assert holders(Ledger(directory))[-1] == held(9)


def test_a_journal_that_says_nonsense_is_refused_with_its_path_and_line(tmp_path):
    take(Ledger(tmp_path), held(2))
    with open(tmp_path / JOURNAL, "ab") as journal:
        journal.write(b"not json\n")

    with pytest.raises(LedgerDamaged, match="line 2") as damaged:
        holders(Ledger(tmp_path))

    assert JOURNAL in damaged.value.msg


def test_a_long_history_is_written_anew_and_means_the_same(tmp_path):
    ledger = Ledger(tmp_path)
    take(ledger, held(2))
    for turn in range(HISTORY):
        with ledger.open() as entry:
            entry.take(held(3, f"turn-{turn}"), RANGES)
            entry.give_back(f"turn-{turn}")

    assert len((tmp_path / JOURNAL).read_text().splitlines()) < HISTORY + 100
    with Ledger(tmp_path).open() as entry:
        assert list(entry.books.held.values()) == [held(2)]
        assert entry.books.latest[RANGES[0]] == ip_address("10.244.1.3")


def test_a_kill_9_between_any_two_instructions_loses_no_answered_entry(tmp_path):
    program = (
        "import sys; from pathlib import Path; from ipaddress import ip_address, ip_network\n"
        "from cni.ipam.ledger import Held, Ledger\n"
        "ledger = Ledger(Path(sys.argv[1]))\n"
        "for n in range(2, 250):\n"
        "    with ledger.open() as entry:\n"
        "        entry.take(Held(f'uid-{n}', 'ns', 'eth0', 'a/b', (ip_address(f'10.0.0.{n}'),)),"
        " (ip_network('10.0.0.0/24'),))\n"
        "    print(n, flush=True)\n"
    )
    for stop_after in (1, 7, 40):
        directory = tmp_path / str(stop_after)
        with subprocess.Popen(
            [sys.executable, "-c", program, str(directory)], stdout=subprocess.PIPE, text=True, cwd=ROOT
        ) as writer:
            assert writer.stdout is not None
            answered = [int(writer.stdout.readline()) for _ in range(stop_after)]
            writer.send_signal(signal.SIGKILL)
            answered += [int(line) for line in writer.stdout.read().split()]
            writer.wait()

        kept = [int(each.container_id.removeprefix("uid-")) for each in holders(Ledger(directory))]
        assert kept[: len(answered)] == answered
        assert len(kept) <= len(answered) + 1


def test_threads_share_a_ledger_without_losing_an_entry(tmp_path):
    ledger = Ledger(tmp_path)
    threads = [threading.Thread(target=take, args=(ledger, held(number))) for number in range(2, 42)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert {each.container_id for each in holders(Ledger(tmp_path))} == {f"uid-{n}" for n in range(2, 42)}


def test_who_keeps_the_lock_too_long_is_not_waited_for_forever(tmp_path):
    keeper, waiting = Ledger(tmp_path), Ledger(tmp_path, patience_s=0.05)

    with keeper.open(), pytest.raises(TryAgain) as refused, waiting.open():
        raise AssertionError("two had the books open at once")

    assert refused.value.code == 11


def test_a_write_that_a_full_disk_cuts_short_is_refused_and_leaves_nothing(tmp_path, monkeypatch):
    ledger, write = Ledger(tmp_path), os.write
    take(ledger, held(2))
    with monkeypatch.context() as full:
        full.setattr(os, "write", lambda file, data: write(file, data[:-1]))
        with pytest.raises(LedgerDamaged, match="bytes written"):
            take(ledger, held(3))

    take(ledger, held(4))

    assert holders(ledger) == holders(Ledger(tmp_path)) == [held(2), held(4)]


def test_a_directory_that_can_not_be_made_is_said(tmp_path):
    (tmp_path / "file").write_text("")

    with pytest.raises(LedgerDamaged), Ledger(tmp_path / "file" / "below").open():
        raise AssertionError("opened")


def test_every_line_of_the_journal_is_json_that_a_person_can_read(tmp_path):
    take(Ledger(tmp_path), held(2))

    (line,) = (tmp_path / JOURNAL).read_text().splitlines()
    assert json.loads(line)["label"] == "shop/web-2"
    assert os.stat(tmp_path / JOURNAL).st_mode & 0o077 == 0
