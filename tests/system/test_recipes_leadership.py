"""Leaders, groups, barriers and partitions that txzk shares with Curator and kazoo processes, on real servers, Java's and ours; and leaders whose server
is killed or stands still.

The processes are tests/peers/leaders: they do what they are told, a line each.
"""

from __future__ import annotations

import os
import signal

from pytest_twisted import ensureDeferred
from twisted.internet.defer import Deferred

from tests.system.managed import ManagedServer
from tests.system.programs import EXTENDED, Program, bounded, connected, curator_process, kazoo_process, server_of_either_kind, until
from txzk import Barrier, Client, DoubleBarrier, Election, Group, LeaderLatch, Participant, Partitioner, Reason, ShareEnd, State, session_only

server = server_of_either_kind(EXTENDED)
curator = curator_process("leaders/Leading.java")
kazoo = kazoo_process("leaders/kazoo_leading.py")


@ensureDeferred
async def test_shared_with_curator_and_kazoo(server: ManagedServer, curator: Program, kazoo: Program) -> None:
    zk = await connected(server, 10.0)
    for part in (_latch, _election_with_curator, _election_with_kazoo, _double_barrier, _barrier, _group, _partition):
        await bounded(part(zk, curator, kazoo))
    await zk.stop()
    await bounded(curator.end())
    await bounded(kazoo.end())


async def _latch(zk: Client, curator: Program, kazoo: Program) -> None:
    latch = LeaderLatch(zk, "/latch", b"ours")
    first = await latch.wait()
    assert await curator.ask("latch", "start", "/latch", "theirs") == "started"
    assert await curator.ask("latch", "leads", "/latch", 0.2) == "false"
    assert await curator.ask("latch", "who", "/latch") == "ours* theirs"
    assert [(who.data, who.leads) for who in await latch.participants()] == [(b"ours", True), (b"theirs", False)]
    await first.release()
    assert await curator.ask("latch", "leads", "/latch", 30) == "true"
    leader = await latch.leader()
    assert leader is not None and leader.data == b"theirs"
    waiting = latch.wait()
    assert not waiting.called
    assert await curator.ask("latch", "close", "/latch") == "closed"
    assert (await waiting).token > first.token
    await latch.close()


async def _election_with_curator(zk: Client, curator: Program, kazoo: Program) -> None:
    election = Election(zk, "/selector", b"ours")
    assert await curator.ask("select", "start", "/selector", "theirs") == "queued"
    assert await curator.ask("select", "leads", "/selector", 30) == "true"
    waiting = election.run(lambda: "we led")
    participants: list[Participant] = []
    while len(participants) < 2:
        participants = await election.participants()
    assert await curator.ask("select", "who", "/selector") == "ours theirs*"
    assert [who.data for who in participants] == [b"theirs", b"ours"] and not waiting.called
    assert await curator.ask("select", "resign", "/selector") == "resigned"
    assert await waiting == "we led"
    await election.close()


async def _election_with_kazoo(zk: Client, curator: Program, kazoo: Program) -> None:
    for path, names in (("/elected", "plain"), ("/elected-too", "curators")):
        election = Election(zk, path, b"ours", for_kazoo=names == "plain")
        term = await election.term()
        assert await kazoo.ask("elect", path, "theirs", names) == "queued"
        assert await kazoo.ask("leads", path, 0.2) == "False"
        assert await kazoo.ask("contenders", path) == "ours theirs"
        await term.release()
        assert await kazoo.ask("leads", path, 30) == "True"
        waiting = election.term()
        leader = await election.leader()
        assert leader is not None and leader.data == b"theirs" and not waiting.called
        assert await kazoo.ask("resign", path) == "resigned"
        await (await waiting).release()
        await election.close()


async def _double_barrier(zk: Client, curator: Program, kazoo: Program) -> None:
    barrier = DoubleBarrier(zk, "/double", 3)
    for _ in range(3):
        ours = barrier.enter()
        theirs = curator.ask("enter", "/double", 3)
        assert not ours.called
        assert await kazoo.ask("enter", "/double", 3) == "True"
        await ours
        assert await theirs == "true"
        leaving = [curator.ask("leave", "/double"), kazoo.ask("leave", "/double")]
        await barrier.leave()
        assert [await each for each in leaving] == ["true", "left"]
    await barrier.close()


async def _barrier(zk: Client, curator: Program, kazoo: Program) -> None:
    barrier = Barrier(zk, "/gate")
    assert await curator.ask("barrier", "set", "/gate") == "set"
    ours, kazoos = barrier.wait(), kazoo.ask("barrier", "/gate", "wait")
    await zk.get("/gate")
    assert not ours.called and not kazoos.called
    assert await curator.ask("barrier", "remove", "/gate") == "removed"
    await ours
    assert await kazoos == "True"
    await barrier.create()
    curators = curator.ask("barrier", "wait", "/gate")
    assert await kazoo.ask("barrier", "/gate", "remove") == "True"
    assert await curators == "true"
    await barrier.close()


async def _group(zk: Client, curator: Program, kazoo: Program) -> None:
    group = Group(zk, "/group", b"ours")
    await group.join()
    assert await curator.ask("member", "join", "/group", "c", "curators") == "joined"
    assert await kazoo.ask("join", "party", "/group", "kazoos") == "joined"
    async for membership in group.changes():
        if len(membership.members) == 3:
            assert sorted(membership.members.values()) == [b"curators", b"kazoos", b"ours"]
            assert membership.members["c"] == b"curators"
            break
    # Curator's member is no party member to kazoo.
    assert await kazoo.ask("members", "/group") == "kazoos ours"
    told = ""
    while told.count("=") < 3:
        told = await curator.ask("member", "who", "/group")
    assert told == " ".join(sorted(f"{name}={data.decode()}" for name, data in membership.members.items()))
    assert await kazoo.ask("leave_party", "/group") == "True"
    assert await curator.ask("member", "leave", "/group") == "left"
    async for membership in group.changes():
        if list(membership.members) == [group.name]:
            break
    await group.close()


async def _partition(zk: Client, curator: Program, kazoo: Program) -> None:
    ours = Partitioner(zk, "/parts", ["a", "b", "c"], identifier="a-ours", settle=0.5)
    share = await ours.allocate()
    assert share.items == ["a", "b", "c"]
    assert await kazoo.ask("divide", "/parts", "b-theirs", "a", "b", "c") == "dividing"
    assert await share.over is ShareEnd.MEMBERS_CHANGED
    share = await ours.allocate()
    assert share.items == ["a", "c"]
    assert await kazoo.ask("share", "/parts") == "b"
    await ours.close()
    assert await kazoo.ask("share_again", "/parts") == "a b c"
    assert await kazoo.ask("finish", "/parts") == "finished"


@ensureDeferred
async def test_leaders_whose_server_is_killed_or_stands_still(server: ManagedServer) -> None:
    await bounded(_faults(server))


async def _faults(server: ManagedServer) -> None:
    one, two = await connected(server), await connected(server, 30.0)
    latch, election, group = LeaderLatch(one, "/latch"), Election(two, "/election", error_policy=session_only), Group(one, "/group", name="me")
    first, term = await latch.wait(), await election.term()
    await group.join()
    running = term.run(Deferred)
    server.kill()
    assert await first.lost is Reason.SUSPENDED
    server.start()
    # The session has lived on, and so has the place in the queue.
    again = await latch.wait()
    assert again.token == first.token and term.reason is None and not running.called
    session = one.session.id
    os.kill(server.pid, signal.SIGSTOP)
    assert await again.lost is Reason.SUSPENDED
    await one.when(State.LOST)
    os.kill(server.pid, signal.SIGCONT)
    assert (await latch.wait()).token > first.token
    async for membership in group.changes():
        if "me" in membership.members and (await two.get("/group/me")).stat.ephemeralOwner == one.session.id != session:
            break
    await term.zk.create("/written-by-the-leader")
    await term.release()
    assert await running is None
    for recipe in (latch, election, group):
        await recipe.close()
    await until(lambda: one.state is State.CONNECTED)
    await two.delete("/written-by-the-leader")
    for zk in (one, two):
        await zk.stop()
