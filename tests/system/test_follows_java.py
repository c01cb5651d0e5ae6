"""A Learner of ours in the place of the third of three servers, led by Apache ZooKeeper's own."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
from random import Random
from threading import Event
from typing import Any

import pytest

from tests.system.ensemble import Ensemble, Member
from tests.system.following_member import Crash, CrashingDisk, FollowingMember
from tests.system.raw_client import OPEN_ACL, RawClient
from tests.system.suites import ports_in_a_row
from txzk.defs import opcodes
from txzk.defs.zxid import epoch_of
from txzk.jute import records
from txzk.jute.txns import encode_entry
from txzk.persistence.txnlog import LogWriter

SID = 3
SESSION = (SID << 56) + 17
# Limits of a minute: a test that writes does not read what the leader says meanwhile.
PATIENT = {"initLimit": 120, "syncLimit": 120}


@pytest.fixture(scope="module")
def ensemble(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ensemble]:
    """Three servers, of which two run; they are Java's."""
    made = Ensemble("JJT", tmp_path_factory.mktemp("ensemble"), properties={"zookeeper.skipACL": "yes"})
    # All see each other at the same addresses, so that a reconfig may tell them.
    lines = [f"server.{sid}=127.0.0.1:{member.quorum_port}:{member.election_port}:participant" for sid, member in made.members.items()]
    first = ports_in_a_row(len(made.members))
    for sid, member in made.members.items():
        member.write_config(lines, PATIENT | {"reconfigEnabled": "true", "observerMasterPort": first + sid - 1})
    yield made
    made.close()


def observer_master_port(member: Member) -> int:
    """Where it serves observers while it follows."""
    (line,) = [line for line in (member.folder / "zoo.cfg").read_text().splitlines() if line.startswith("observerMasterPort=")]
    return int(line.partition("=")[2])


class Place:
    """One disk, on which one member after the other follows the leader."""

    def __init__(self, ensemble: Ensemble, sid: int = SID, is_observer: bool = False) -> None:
        if sorted(ensemble.modes().values()) != ["", "follower", "leader"]:
            # Who has lost one of them cannot have it back: for that the third would have to take part in the election.
            ensemble.kill(1, 2)
            ensemble.start(1, 2)
            ensemble.wait_serving(1, 2)
        self.disk = CrashingDisk()
        self._sid = sid
        self._is_observer = is_observer
        self.leader = ensemble.members[ensemble.leader()]
        self.client = RawClient(self.leader.port)
        self._members: list[FollowingMember] = []

    def member(self, port: int = 0) -> FollowingMember:
        """One that reads its disk and follows until it serves.

        :param port: of an observer master; 0 for the quorum port of the leader.
        """
        for earlier in self._members:
            earlier.close()
        member = FollowingMember(self._sid, self.disk, self._is_observer)
        self._members.append(member)
        member.follow(port or self.leader.quorum_port)
        return member

    def write(self, folder: str, count: int) -> None:
        """All kinds of nodes below a new one."""
        client = self.client
        client.create(folder, b"top")
        for number in range(count):
            client.create(f"{folder}/n{number}", b"x" * number, number % 4)
        client.set_data(folder, b"changed")
        client.set_acl(folder, [(31, ("world", "anyone")), (1, ("ip", "127.0.0.1"))])
        client.create(f"{folder}/container", b"", 4, op=opcodes.CREATE_CONTAINER)
        client.create_ttl(f"{folder}/ttl", b"", 600000)
        client.multi(
            (opcodes.CREATE, records.encode_CreateRequest(f"{folder}/m", b"1", OPEN_ACL, 0)),
            (opcodes.SET_DATA, records.encode_SetDataRequest(f"{folder}/m", b"2", 0)),
            (opcodes.DELETE, records.encode_DeleteRequest(f"{folder}/n0", 0)),
        )
        # What is refused is a transaction too.
        client.call(opcodes.DELETE, records.encode_DeleteRequest(folder, -1))

    def _leaders_zxid(self) -> int:
        return self.client.call(opcodes.EXISTS, records.encode_ExistsRequest("/", False))[0].zxid

    def compare(self, member: FollowingMember) -> None:
        """The member has what the leader has."""
        zxid, tree = -1, {}
        # A session of an earlier test may end at any time, and its nodes with it.
        while zxid != self._leaders_zxid():
            zxid = self._leaders_zxid()
            tree = self.client.tree()
        member.run_until(lambda: member.tree.last_processed_zxid >= zxid)
        assert shown(member) == {path: node for path, node in tree.items() if path != "/zookeeper/config"}
        assert member.tree.digest_mismatches == 0

    def close(self) -> None:
        for member in self._members:
            member.close()
        self.client.hang_up()


def shown(member: FollowingMember) -> dict[str, list[Any]]:
    """A tree as RawClient shows one."""
    tree = member.tree
    found = {}
    for path, node in sorted(tree.nodes.items()):
        if path and path != "/zookeeper/config":
            acl = [[perms, list(id)] for perms, id in tree.acl_cache.acls.get(node.acl, OPEN_ACL)]
            found[path] = [None if node.data is None else node.data.hex(), list(tree.stat(node)), acl]
    return found


@pytest.fixture
def place(ensemble: Ensemble) -> Iterator[Place]:
    made = Place(ensemble)
    yield made
    made.close()


@pytest.fixture
def observer_place(ensemble: Ensemble) -> Iterator[Place]:
    made = Place(ensemble, 4, True)
    yield made
    made.close()


def test_snapshot_then_diff_then_truncation(place: Place) -> None:
    place.write("/a", 30)
    member = place.member()
    assert "load_snapshot" in member.deeds and member.deeds.index("save_snapshot") < member.deeds.index("currentEpoch")
    place.compare(member)
    place.write("/b", 20)
    place.compare(member)
    assert "log" in member.deeds
    last = member.last_zxid
    member.close()

    place.write("/c", 20)
    member = place.member()
    assert member.deeds[0] == "log", member.deeds
    assert member.tree.last_processed_zxid > last
    place.compare(member)
    member.close()

    # As a leader that had proposed it and was alone with it.
    log = LogWriter("/data/version-2")
    alone = records.TxnHeader(1, 1, member.last_zxid + 1, 1, opcodes.CREATE)
    log.append(alone.zxid, encode_entry(alone, records.encode_CreateTxn("/alone", b"", OPEN_ACL, False, 99), None))
    batch = log.take_batch()
    assert batch is not None
    place.disk.run(batch.ops)
    member = place.member()
    assert "truncate" in member.deeds
    assert "/alone" not in member.tree.nodes
    place.compare(member)


def test_its_acknowledgement_makes_the_quorum(ensemble: Ensemble, place: Place) -> None:
    member = place.member()
    (other,) = [sid for sid, mode in ensemble.modes().items() if mode == "follower"]
    ensemble.kill(other)
    before = member.last_zxid
    body = records.encode_CreateRequest("/quorum", b"", OPEN_ACL, 0)
    member.learner.request(SESSION, 1, opcodes.CREATE_SESSION, records.encode_CreateSessionTxn(30000), [])
    member.learner.request(SESSION, 2, opcodes.CREATE, body, [("world", "anyone")])
    member.run_until(lambda: "/quorum" in member.tree.nodes)
    place.compare(member)
    assert member.last_zxid > before and epoch_of(member.last_zxid) == member.learner.epoch == member.current_epoch


def test_requests_of_clients_of_ours(place: Place) -> None:
    member = place.member()
    learner = member.learner
    session = SESSION + 1
    learner.request(session, 0, opcodes.CREATE_SESSION, records.encode_CreateSessionTxn(30000), [])
    learner.request(session, 1, opcodes.CREATE, records.encode_CreateRequest("/ours", b"", OPEN_ACL, 1), [("world", "anyone")])
    learner.request(session, 2, opcodes.SYNC, records.encode_SyncRequest("/"), [])
    learner.request(session, 3, opcodes.CREATE, records.encode_CreateRequest("/ours", b"", OPEN_ACL, 1), [("world", "anyone")])
    member.touched = [(session, 30000)]
    member.run_until(lambda: [header.cxid for header in member.applied if header.clientId == session] == [0, 1, 3])
    assert "synced" in member.deeds
    learner.revalidate(session, 30000)
    learner.revalidate(12345, 30000)
    member.run_until(lambda: len(member.answers) == 2)
    assert member.answers == [(session, True), (12345, False)]
    assert place.client.get_data("/ours").stat.ephemeralOwner == session
    learner.request(session, 4, opcodes.CLOSE_SESSION, b"", [])
    member.run_until(lambda: "/ours" not in member.tree.nodes)
    place.compare(member)


def test_an_observer(observer_place: Place) -> None:
    place = observer_place
    place.write("/o", 10)
    member = place.member()
    place.write("/p", 10)
    place.compare(member)
    member.close()
    place.write("/q", 10)
    member = place.member()
    assert member.deeds[0] == "log"
    place.compare(member)


def test_an_observer_of_a_follower(ensemble: Ensemble, observer_place: Place) -> None:
    place = observer_place
    place.write("/r", 10)
    (follower,) = [member for member in ensemble.members.values() if member.mode() == "follower"]
    member = place.member(observer_master_port(follower))
    place.write("/s", 10)
    place.compare(member)
    member.learner.request(SESSION + 2, 0, opcodes.CREATE_SESSION, records.encode_CreateSessionTxn(30000), [])
    member.run_until(lambda: any(header.clientId == SESSION + 2 for header in member.applied))
    member.learner.revalidate(SESSION + 2, 30000)
    member.run_until(lambda: member.answers == [(SESSION + 2, True)])
    member.close()
    place.write("/t", 10)
    member = place.member(observer_master_port(follower))
    place.compare(member)


def test_a_reconfiguration(place: Place) -> None:
    member = place.member()
    before = member.configs[-1]
    ports = ports_in_a_row(2)
    joining = f"server.9=127.0.0.1:{ports}:{ports + 1}:observer;127.0.0.1:{ports + 2}"
    answer = place.client.ask(opcodes.RECONFIG, records.encode_ReconfigRequest(joining, None, None, -1))
    changed = records.decode_GetDataResponse(answer, 0, len(answer))[0]
    member.run_until(lambda: member.tree.last_processed_zxid >= changed.stat.mzxid)
    assert member.tree.nodes["/zookeeper/config"].data == changed.data
    # Java's order is that of a hash table.
    assert sorted(member.configs[-1].text().encode().splitlines()) == sorted(changed.data.splitlines())
    assert member.configs[-1].version == changed.stat.mzxid > before.version
    assert list(member.configs[-1].observers) == [9] and not before.observers
    assert member.activated[-1] == (place.leader.sid, changed.stat.mzxid)
    place.compare(member)
    member.close()
    # Who comes later hears of it with NEWLEADER.
    assert place.member().configs[-1] == member.configs[-1]


@pytest.mark.parametrize("seed", range(2))
def test_crashes_at_any_time(place: Place, seed: int) -> None:
    """Whatever was on disk then, the next start finds a history that the leader goes on with."""
    random = Random(seed)
    crashes = 0
    for number in range(12):
        place.disk.left = random.randrange(40)
        try:
            member = place.member()
            place.write(f"/crash{seed}-{number}", random.randrange(1, 8))
            place.compare(member)
        except Crash:
            crashes += 1
        if random.random() < 0.3:
            place.disk = CrashingDisk()
    assert crashes
    place.disk.left = -1
    member = place.member()
    place.compare(member)


def churn(port: int, stop: Event) -> None:
    """Makes and deletes the same few nodes, and what is below them, over and over."""
    client = RawClient(port)
    client.create("/churn")
    step: list[tuple[int, bytes]] = []
    for name in "abcdefgh":
        step += [(opcodes.CREATE, records.encode_CreateRequest(f"/churn/{name}{below}", b"x", OPEN_ACL, 0)) for below in ("", "/1", "/2")]
        step.append((opcodes.SET_ACL, records.encode_SetACLRequest(f"/churn/{name}/1", [(31, ("ip", f"10.0.0.{ord(name)}"))], -1)))
        step += [(opcodes.DELETE, records.encode_DeleteRequest(f"/churn/{name}{below}", -1)) for below in ("/1", "/2", "")]
    while not stop.is_set():
        for op, run in groupby(step, key=lambda pair: pair[0]):
            assert set(client.pipeline(op, [body for _, body in run])) == {0}
    client.close_session()


def test_snapshots_of_a_tree_that_changes(place: Place) -> None:
    bodies = [records.encode_CreateRequest(f"/churned{number}", b"", OPEN_ACL, 0) for number in range(3000)]
    assert set(place.client.pipeline(opcodes.CREATE, bodies)) == {0}
    stop = Event()
    with ThreadPoolExecutor(1) as pool:
        writer = pool.submit(churn, place.leader.port, stop)
        try:
            for _ in range(5):
                place.disk = CrashingDisk()
                member = place.member()
                assert "load_snapshot" in member.deeds
                reached = member.last_zxid + 200
                member.run_until(lambda member=member, reached=reached: member.last_zxid >= reached)
                # The leader says of each transaction what the digest of the tree is then.
                assert member.tree.digest_mismatches == 0
        finally:
            stop.set()
        writer.result(60)
    place.compare(member)


def test_what_was_received_is_a_good_data_directory(place: Place) -> None:
    place.write("/d", 5)
    member = place.member()
    place.compare(member)
    again = FollowingMember(SID, place.disk)
    assert shown(again) == shown(member)
    assert (again.accepted_epoch, again.current_epoch) == (member.accepted_epoch, member.current_epoch)
