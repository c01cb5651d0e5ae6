"""A disk that is full, and one that fails: the server stops and says why, and after the next start everything that was acknowledged is there.

The full disk is a small tmpfs in a mount namespace of its own, where the system lets a test have one; and everywhere the device /dev/full in the
place of the next log.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system.managed import ManagedServer, twistd_command
from tests.system.raw_client import RawClient, four_letter_word
from tests.system.wire import Wire, complaints, create
from txzk.defs import opcodes
from txzk.peer.effects import STORAGE_FAILURE

DATA = bytes(range(250)) * 40
AT_ONCE = 16
SYNCS = 8
FAULTY_CHILD = f"""
import errno, os, sys
sys.path.insert(0, sys.argv[1])
from txzk.server.disk_child import main
real, calls = os.fdatasync, 0
def failing(fd):
    global calls
    calls += 1
    if calls == {SYNCS}:
        raise OSError(errno.EIO, os.strerror(errno.EIO))
    real(fd)
os.fdatasync = failing
main()
"""
RUN_WITH_FAULTY_CHILD = (
    "import sys; sys.path.insert(0, sys.argv.pop(1)); from txzk.server import disk; "
    f"disk._START = {FAULTY_CHILD!r}; from twisted.scripts.twistd import run; run()"
)


@pytest.fixture
def server(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[ManagedServer]:
    """One that has not been started yet; the parameter of the fixture, if there is one, is its system properties."""
    made = ManagedServer(twistd_command(), tmp_path / "server", {}, getattr(request, "param", {}))
    made.data_dir.mkdir()
    yield made
    made.kill()


class SmallDisk:
    """A tmpfs that only those see who are started with `enter` before their command."""

    def __init__(self, folder: Path, flags: list[str], enter: list[str]) -> None:
        """:raises OSError: where the system does not allow it."""
        mount = 'mount -t tmpfs -o size="$2" none "$1" && echo mounted && read line'
        self._folder = folder
        self._keeper = subprocess.Popen(
            ["unshare", *flags, "sh", "-c", mount, "sh", str(folder), "4m"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        self.enter = ["nsenter", *enter, "-t", str(self._keeper.pid)]
        assert self._keeper.stdout is not None
        if self._keeper.stdout.readline() != b"mounted\n":
            raise OSError(self.end())

    def grow(self) -> None:
        subprocess.run([*self.enter, "mount", "-o", "remount,size=64m", str(self._folder)], check=True)

    def end(self) -> str:
        """Gives it up; what was said of a failure."""
        return self._keeper.communicate()[1].decode()


def small_disk_on(folder: Path) -> Iterator[SmallDisk]:
    """4 MB; as root, or else as root of a user namespace."""
    refusals = []
    for flags, enter in ((["-m"], ["-m"]), (["-rm"], ["--preserve-credentials", "-U", "-m"])):
        try:
            disk = SmallDisk(folder, flags, enter)
        except OSError as error:
            refusals.append(str(error))
            continue
        yield disk
        disk.end()
        return
    pytest.skip(f"this system lets nobody mount a tmpfs here: {refusals}")


@pytest.fixture
def small_disk(server: ManagedServer) -> Iterator[SmallDisk]:
    """For the server's data."""
    yield from small_disk_on(server.data_dir)


def write_until_it_stops(server: ManagedServer) -> int:
    """Creates /n/0, /n/1 and so on, some at once, until the server hangs up; gives how many were acknowledged."""
    client = RawClient(server.port)
    client.create("/n")
    acknowledged = 0
    try:
        while True:
            bodies = [create(f"/n/{number}", DATA) for number in range(acknowledged, acknowledged + AT_ONCE)]
            for code in client.pipeline(opcodes.CREATE, bodies):
                assert code == 0
                acknowledged += 1
    except ConnectionError:
        client.hang_up()
    return acknowledged


def assert_it_has(server: ManagedServer, acknowledged: int) -> None:
    """All that was acknowledged, what was under way as it may be, and nothing else; and it takes more."""
    client = RawClient(server.port)
    found = sorted(map(int, client.children("/n")))
    assert found == list(range(len(found)))
    assert acknowledged <= len(found) <= acknowledged + AT_ONCE
    assert all(client.get_data(f"/n/{number}").data == DATA for number in found)
    client.create("/n/more", DATA)
    client.close_session()


def test_a_full_disk(server: ManagedServer, small_disk: SmallDisk) -> None:
    server.command = [*small_disk.enter, *server.command]
    server.start()
    acknowledged = write_until_it_stops(server)
    assert acknowledged > 100
    assert server.wait() == STORAGE_FAILURE
    output = server.output()
    assert f"{server.data_dir}/version-2/log." in output
    assert "No space left on device" in output
    assert f"bytes are free in {server.data_dir}/version-2" in output
    assert complaints(output) == []
    small_disk.grow()
    server.start()
    assert_it_has(server, acknowledged)


@pytest.mark.parametrize("server", [{"zookeeper.preAllocSize": 0}], indirect=True)
def test_a_log_for_which_there_is_no_room(server: ManagedServer) -> None:
    """The first write of the second start needs a new log; without preallocation, because a device has no length."""
    server.start()
    client = RawClient(server.port)
    client.create("/n")
    assert list(client.pipeline(opcodes.CREATE, [create(f"/n/{number}", DATA) for number in range(50)])) == [0] * 50
    client.hang_up()
    server.restart()
    zxid = int(four_letter_word(server.port, b"srvr").split(b"Zxid: ")[1].split()[0], 16)
    log = server.data_dir / "version-2" / f"log.{zxid + 1:x}"
    log.symlink_to("/dev/full")
    with Wire(server.port) as wire, pytest.raises(EOFError):
        wire.open()
    assert server.wait() == STORAGE_FAILURE
    output = server.output()
    assert f"{log}: " in output
    assert "No space left on device" in output
    log.unlink()
    server.start()
    assert_it_has(server, 50)


def test_a_flush_that_fails(server: ManagedServer) -> None:
    """Which is never tried again: what the system kept of the file is not known."""
    whole = server.command
    server.command = [sys.executable, "-c", RUN_WITH_FAULTY_CHILD, *whole[3:]]
    server.start()
    acknowledged = write_until_it_stops(server)
    assert server.wait() == STORAGE_FAILURE
    output = server.output()
    assert "version-2/log." in output
    assert "waiting for the disk (fdatasync) failed: Input/output error" in output
    assert complaints(output) == []
    server.command = whole
    server.start()
    assert_it_has(server, acknowledged)


def test_the_process_that_writes_is_killed(server: ManagedServer) -> None:
    """While it has nothing to do: the next write finds out."""
    server.start()
    client = RawClient(server.port)
    client.create("/n")
    children = Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text().split()
    assert len(children) == 1
    os.kill(int(children[0]), signal.SIGKILL)
    with pytest.raises(ConnectionError):
        client.create("/n/0", DATA)
    client.hang_up()
    assert server.wait() == STORAGE_FAILURE
    assert "the transaction log: the process that writes ended with signal 9" in server.output()
    server.start()
    assert_it_has(server, 0)
