"""A client's input on its way to a process: pipes end, terminals get a key, sizes that are none do nothing."""

import os

import pytest

from control.agents.stream_client import Input, StreamOptions, exited


async def test_the_end_of_input_is_a_pipe_s_end() -> None:
    read, write = os.pipe()
    given = Input(write)
    await given.write(b"word")
    await given.end()
    await given.write(b"late")
    await given.end()
    given.close()
    assert os.read(read, 100) == b"word"
    assert os.read(read, 100) == b""
    os.close(read)


async def test_the_end_of_input_is_a_key_on_a_terminal_and_sizes_are_its_own() -> None:
    master, slave = os.openpty()
    given = Input(master, terminal=True)
    given.size(b'{"Width": 77, "Height": 22}')
    assert os.get_terminal_size(slave) == (77, 22)
    for nonsense in (
        b"",
        b"[]",
        b"{",
        b'{"Width": "x"}',
        b'{"Width": 70000, "Height": -1}',
        b'{"Width": null}',
    ):
        given.size(nonsense)
    assert os.get_terminal_size(slave) == (77, 22)
    await given.end()
    assert os.read(slave, 100) == b"", "a terminal's line discipline takes the key for the end"
    given.close()
    os.close(slave)


async def test_a_container_s_input_has_an_end_of_its_own() -> None:
    ended: list[bool] = []
    read, write = os.pipe()

    async def end() -> None:
        ended.append(True)

    given = Input(write, on_end=end)
    await given.end()
    await given.end()
    assert ended == [True]
    assert os.read(read, 1) == b"", "its own copy of the descriptor is closed first"
    os.close(read)


@pytest.mark.parametrize(
    ("query", "options"),
    [
        ({"stdin": "true", "stdout": "1"}, StreamOptions(stdin=True, stdout=True, stderr=False, tty=False)),
        (
            {"input": "1", "error": "1", "tty": "1"},
            StreamOptions(stdin=True, stdout=False, stderr=False, tty=True),
        ),
        ({"stdin": "0"}, StreamOptions(stdin=False, stdout=False, stderr=False, tty=False)),
    ],
)
def test_which_streams_are_wanted(query: dict[str, str], options: StreamOptions) -> None:
    assert StreamOptions.of(query) == options


def test_an_exit_code_as_clients_read_it() -> None:
    assert exited(0) == {"metadata": {}, "status": "Success"}
    status = exited(7)
    assert status["reason"] == "NonZeroExitCode"
    assert status["details"]["causes"] == [{"reason": "ExitCode", "message": "7"}]
