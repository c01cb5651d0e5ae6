"""The read/write lock: who waits for whom, the way from writer to reader, names; and seeded histories of it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from twisted.internet.defer import CancelledError

from tests.recipes.history import SEEDS, World, history, play
from tests.recipes.holders import Holders, Holding
from tests.recipes.member import Member
from tests.recipes.quiet import Quiet
from txzk.client.recipes.contender import Reason
from txzk.client.recipes.error_policy import session_only, standard
from txzk.client.recipes.held import Held, LockLost
from txzk.client.recipes.lock import Lock
from txzk.client.recipes.read_write_lock import ReadWriteLock
from txzk.cnxn.client_errors import RequestTimeout


@pytest.fixture
def quiet() -> Iterator[Quiet]:
    world = Quiet(2)
    yield world
    world.finish()


@pytest.fixture
def locks(quiet: Quiet) -> list[ReadWriteLock]:
    return [ReadWriteLock(zk, "/rw", data=b"d") for zk in quiet.clients]


def test_readers_together_writers_alone(quiet: Quiet, locks: list[ReadWriteLock]) -> None:
    mine, yours = locks
    readers = [quiet.wait(mine.acquire_read()), quiet.wait(yours.acquire_read())]
    writer = mine.acquire_write()
    quiet.settle()
    late = yours.acquire_read()
    quiet.settle()
    assert not writer.called and not late.called
    paths = quiet.wait(mine.contenders())
    assert [path.rpartition("-")[2] for path in paths] == ["__READ__0000000000", "__READ__0000000001", "__WRIT__0000000002", "__READ__0000000003"]
    assert quiet.wait(quiet.clients[0].get(paths[2])).data == b"d"
    for reader in readers:
        assert not writer.called
        quiet.wait(reader.release())
        quiet.settle()
    held = quiet.wait(writer)
    assert not late.called
    quiet.wait(held.release())
    quiet.wait(quiet.wait(late).release())


def test_a_writer_becomes_a_reader_with_nobody_in_between(quiet: Quiet, locks: list[ReadWriteLock]) -> None:
    mine, yours = locks
    writer = quiet.wait(mine.acquire_write())
    waiting = yours.acquire_write()
    quiet.settle()
    reader = quiet.wait(mine.acquire_read(writer=writer))
    assert reader.path.endswith("__READ__0000000000")
    quiet.wait(writer.release())
    quiet.settle()
    assert not waiting.called
    quiet.wait(reader.release())
    held = quiet.wait(waiting)
    with pytest.raises(LockLost, match="RELEASED"):
        mine.acquire_read(writer=writer)
    with pytest.raises(ValueError, match="is not the write lock"):
        quiet.wait(yours.acquire_read(writer=quiet.wait(yours.acquire_read(writer=held))))
    quiet.wait(yours.close())


def test_no_reader_beside_a_writer_that_is_gone(quiet: Quiet, locks: list[ReadWriteLock]) -> None:
    mine, yours = locks
    writer = quiet.wait(mine.acquire_write())
    gone = quiet.clients[1].delete(writer.path)
    reader = mine.acquire_read(writer=writer)
    with pytest.raises(LockLost, match="NODE_DELETED"):
        quiet.wait(reader)
    quiet.wait(gone)
    assert writer.reason is Reason.NODE_DELETED


def test_kazoo_is_waited_for(quiet: Quiet, locks: list[ReadWriteLock]) -> None:
    other = quiet.clients[1]
    quiet.wait(other.ensure_path("/rw", container=True))
    path = quiet.wait(other.create("/rw/0123__rlock__", ephemeral=True, sequence=True))
    quiet.wait(quiet.wait(locks[0].acquire_read()).release())
    waiting = locks[0].acquire_write()
    quiet.settle()
    assert not waiting.called
    quiet.wait(other.delete(path))
    quiet.wait(quiet.wait(waiting).release())
    path = quiet.wait(other.create("/rw/0123__lock__", ephemeral=True, sequence=True))
    waiting = locks[0].acquire_read()
    quiet.settle()
    assert not waiting.called
    quiet.wait(other.delete(path))
    quiet.wait(quiet.wait(waiting).release())


def test_close_gives_all_back(quiet: Quiet, locks: list[ReadWriteLock]) -> None:
    mine, yours = locks
    held = quiet.wait(mine.acquire_read())
    waiting = mine.acquire_write()
    waiting.addErrback(lambda failure: failure.trap(CancelledError))
    quiet.settle()
    quiet.wait(mine.close())
    assert held.reason is Reason.RELEASED
    quiet.wait(quiet.wait(yours.acquire_write(timeout=0.1)).release())


def test_only_if_it_is_free(quiet: Quiet, locks: list[ReadWriteLock]) -> None:
    mine, yours = locks
    held = quiet.wait(mine.acquire_read(wait=False))
    with pytest.raises(RequestTimeout):
        quiet.wait(yours.acquire_write(wait=False))
    quiet.wait(quiet.wait(yours.acquire_read(wait=False)).release())
    quiet.wait(held.release())
    quiet.wait(quiet.wait(yours.acquire_write(wait=False)).release())


def apart(live: list[Holding]) -> bool:
    """Many readers, or one writer and the reader that it has become."""
    writers = [held for held in live if "__WRIT__" in held.path]
    return not writers or (len(writers) == 1 and all(held.path[-10:] == writers[0].path[-10:] for held in live))


@history
def read_write_locks(world: World) -> None:
    """Members read and write, and become readers."""

    async def both(member: Member, lock: ReadWriteLock, writer: Held) -> None:
        try:
            reader = await lock.acquire_read(writer=writer, timeout=3)
        except (LockLost, RequestTimeout):
            return
        holders.take(member, reader)
        await writer.release()
        await holders.stay(member)
        holders.end(reader)
        await reader.release()

    async def actor(member: Member) -> None:
        lock = ReadWriteLock(member.zk, "/rw", error_policy=member.chance.choice((standard, session_only)))
        while world.busy:
            kind = member.chance.random()
            timeout = None if kind < 0.5 else 4 * member.chance.random()
            try:
                held = await (lock.acquire_read(timeout=timeout) if kind < 0.3 or kind > 0.8 else lock.acquire_write(timeout=timeout))
            except RequestTimeout:
                continue
            await holders.hold(member, held)
            if kind < 0.4 and "__WRIT__" in held.path and held.reason is None:
                await both(member, lock, held)
            holders.end(held)
            await held.release() if held.reason is None else None
            await member.soon()
        await lock.close()

    holders = Holders(world, apart)
    for member in world.members:
        world.act(member.name, actor(member))
    world.act("another", actor(world.members[0]))


@pytest.mark.parametrize("seed", range(SEEDS))
def test_read_write_locks(seed: int) -> None:
    play(read_write_locks, seed)


def test_a_lock_and_a_read_write_lock_do_not_mix_up_their_names(quiet: Quiet, locks: list[ReadWriteLock]) -> None:
    held = quiet.wait(locks[0].acquire_write())
    assert quiet.wait(Lock(quiet.clients[0], "/rw").contenders()) == []
    quiet.wait(held.release())
