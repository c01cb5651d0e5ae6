"""Learner: the end of the connection to the leader in a follower or an observer, up to the BROADCAST (5.3, 5.6, 5.7), in which Follower and
Observer differ.

Theory of operation. DISCOVERY: the learner says who it is; the leader answers with an epoch, which is on disk as the accepted one before the
learner agrees to it. SYNCHRONIZATION: DIFF, TRUNC or SNAP, then the transactions that are missing, then NEWLEADER. A transaction that is
committed is logged and applied at once (behind a SNAP only applied: a snapshot follows); one that is not yet committed is held. At NEWLEADER
the history is made durable first, then the epoch becomes the current one on disk, then NEWLEADER is acknowledged; until UPTODATE nothing is
logged, applied or acknowledged any more. BROADCAST is the matter of txzk/zab/follower.py and observer.py.

Where an answer of the disk is waited for, the bytes of the leader stay where they are. Whatever cannot be ends the connection before
it has touched the log or the tree; only a COMMIT for another proposal than the oldest ends the process, since the own history is then in doubt.
A leader before protocol version 0x10000 begins with NEWLEADER, and says UPTODATE where others say NEWLEADER. Nothing happens after the end of
the connection: what the disk still answers is passed by. Covered by tests/zab/test_learner.py, test_learner_history.py and
tests/system/test_follows_java.py.
"""

from __future__ import annotations

from abc import abstractmethod
from collections import deque
from collections.abc import Callable, Iterable
from typing import ClassVar, Final

from txzk.defs.epochs import ACCEPTED_EPOCH, CURRENT_EPOCH
from txzk.defs.errors import ProtocolError
from txzk.defs.zxid import counter_of, epoch_of, make
from txzk.jute.records import QuorumPacket
from txzk.quorum.verifiers import QuorumVerifier
from txzk.zab import packets
from txzk.zab.learner_cnxn import LearnerCnxn, nothing
from txzk.zab.learner_host import UNMATCHED_COMMIT, LearnerHost, LearnerSettings
from txzk.zab.proposals import Proposal, Proposals, UnmatchedCommitError, decode_config
from txzk.zab.snapshot_stream import SnapshotReceiver

DISCOVERY: Final = "DISCOVERY"
SYNCHRONIZATION: Final = "SYNCHRONIZATION"
BROADCAST: Final = "BROADCAST"

# What is waited for, besides an epoch file, whose name is used.
_TRUNCATION: Final = "truncation"
_KEPT: Final = "bytes of the snapshot"
_SNAPSHOT: Final = "snapshot"
_LOG: Final = "log"

_SYNC_MODES: Final = {packets.DIFF: "DIFF", packets.TRUNC: "TRUNC", packets.SNAP: "SNAP"}
_NO_SYNC: Final = "NONE"


class Learner(LearnerCnxn):
    """One connection to the leader, or of an observer to an observer master; a stream end. See the module's theory of operation."""

    is_observer: ClassVar[bool]

    def __init__(self, host: LearnerHost, sid: int, settings: LearnerSettings, has_output: Callable[[LearnerCnxn], None]) -> None:
        """
        :param sid: of this server.
        :param has_output: called with the learner when it has something to write, to close or to read again, although it received nothing.
        """
        super().__init__(host, settings, has_output)
        self._sid = sid
        self.phase = DISCOVERY
        self.sync_mode = _NO_SYNC
        # The epoch of the leader; -1 until it has said it.
        self.epoch = -1
        self.proposals_received = 0
        self.commits_received = 0
        # Whether the database holds what no disk does: a snapshot, or the beginning of one. Who leaves the role then must read the database again.
        self.snapshot_unsaved = False
        self._receiver: SnapshotReceiver | None = None
        self._established = False
        self._old_leader = False
        self._logs = not self.is_observer or settings.sync_enabled
        self._synced_zxid = 0
        self._fuzzy = False
        self._snapshot_needed = False
        self._new_config: QuorumVerifier | None = None
        self._proposals = Proposals()
        self._requests = packets.RequestEncoder()
        # Committed between NEWLEADER and UPTODATE, with the designated leader where there is one.
        self._committed: deque[tuple[Proposal, int | None]] = deque()
        # Whether something was applied since `LearnerHost.all_applied`.
        self._applied = False

    @property
    def last_queued(self) -> int:
        """The zxid of the last transaction that came."""
        return self._proposals.last_queued

    # Inputs.

    def connected(self, now_ms: int) -> None:
        """The connection stands: the learner says who it is."""
        host = self._host
        self._waits_for = None
        self._last_read_ms = now_ms
        self._send(packets.learner_info(self.is_observer, host.accepted_epoch, self._sid, host.config_version))

    def epoch_saved(self, name: str, epoch: int, now_ms: int, wall_ms: int) -> None:
        """An epoch file is durable."""
        self._answered(name, now_ms, wall_ms)

    def truncated(self, now_ms: int, wall_ms: int) -> None:
        """The history ends where TRUNC said."""
        self._answered(_TRUNCATION, now_ms, wall_ms)

    def snapshot_kept(self, now_ms: int, wall_ms: int) -> None:
        """The disk has caught up with what came of the snapshot."""
        self._answered(_KEPT, now_ms, wall_ms)

    def snapshot_saved(self, now_ms: int, wall_ms: int) -> None:
        """The whole database is durable."""
        self._answered(_SNAPSHOT, now_ms, wall_ms)

    def log_written(self, zxid: int, now_ms: int, wall_ms: int) -> None:
        """All that was logged up to `zxid` is durable."""
        if self.closing:
            return
        unwritten = self._unwritten
        acks = []
        while unwritten and unwritten[0][0] <= zxid:
            logged, size, acknowledged = unwritten.popleft()
            self._unwritten_bytes -= size
            if acknowledged:
                acks.append(packets.ack(logged))
        if acks:
            self._send(b"".join(acks))
        if not unwritten and self._waits_for == _LOG:
            self._answered(_LOG, now_ms, wall_ms)
        else:
            self._go_on(now_ms, wall_ms)

    def request(self, session_id: int, cxid: int, op: int, body: bytes, ids: Iterable[tuple[str, str]]) -> None:
        """Forwards what a client has asked, in BROADCAST; a sync too.

        :param body: the bytes behind the request header.
        :param ids: what the client has proved.
        """
        assert self.phase == BROADCAST
        self._send(self._requests.encode(session_id, cxid, op, body, ids))

    def revalidate(self, session_id: int, timeout: int) -> None:
        """Asks, in BROADCAST, whether a session that came here is alive; answered by `LearnerHost.revalidated`.

        :param timeout: in milliseconds.
        """
        assert self.phase == BROADCAST
        self._send(packets.revalidate(session_id, timeout))

    # The machine.

    def _run(self, now_ms: int, wall_ms: int) -> None:
        try:
            while not self.closing:
                if self.stalled:
                    self._kept_back = True
                    return
                if self._receiver is not None:
                    if not self._receive_snapshot(self._receiver):
                        return
                    continue
                packet = self._packets.take()
                if packet is None:
                    return
                if self.phase == BROADCAST:
                    self._broadcast(packet, now_ms, wall_ms)
                elif self.phase == SYNCHRONIZATION:
                    self._synchronize(packet, now_ms, wall_ms)
                else:
                    self._discover(packet)
        except ProtocolError as error:
            self._refuse(error)
        finally:
            self._tell_applied(now_ms, wall_ms)

    def _tell_applied(self, now_ms: int, wall_ms: int) -> None:
        if self._applied:
            self._applied = False
            self._host.all_applied(now_ms, wall_ms)

    def _refuse(self, error: ProtocolError) -> None:
        reason = f"in {self.phase} the leader has sent what cannot be: {error}"
        self._host.report(reason, True)
        self._abandon(reason)

    # DISCOVERY.

    def _discover(self, packet: QuorumPacket) -> None:
        if packet.zxid < 0 or packet.type not in (packets.LEADERINFO, packets.NEWLEADER):
            raise unexpected(packet)
        host = self._host
        epoch = epoch_of(packet.zxid)
        if epoch < host.accepted_epoch:
            raise ProtocolError(f"epoch {epoch:#x}, but {host.accepted_epoch:#x} was accepted before")
        if packet.type == packets.LEADERINFO:
            packets.parse_int(packet.data)
        else:
            self._old_leader = True
        self.epoch = epoch
        if epoch > host.accepted_epoch:
            host.save_epoch(ACCEPTED_EPOCH, epoch)
            self._wait(ACCEPTED_EPOCH, self._accept)
        else:
            self._begin_synchronization(packets.ALREADY_ACKED)

    def _accept(self, now_ms: int, wall_ms: int) -> None:
        self._begin_synchronization(self._host.current_epoch)

    def _begin_synchronization(self, current_epoch: int) -> None:
        if not self._old_leader:
            self._send(packets.ack_epoch(self._host.last_zxid, current_epoch))
        self.phase = SYNCHRONIZATION

    # SYNCHRONIZATION.

    def _synchronize(self, packet: QuorumPacket, now_ms: int, wall_ms: int) -> None:
        type = packet.type
        if self.sync_mode == _NO_SYNC and not self._established:
            self._begin_sync(packet)
        elif type == packets.PROPOSAL:
            self._hold(packet.zxid, packet.data)
        elif type in (packets.COMMIT, packets.COMMITANDACTIVATE):
            self._commit_while_syncing(packet.zxid, designated_leader_of(packet), now_ms, wall_ms)
        elif type in (packets.INFORM, packets.INFORMANDACTIVATE):
            designated, entry = packets.parse_activate(packet.data) if type == packets.INFORMANDACTIVATE else (None, packet.data)
            # Servers before 3.6 propose to an observer what it is told again once it is committed.
            pending = self._proposals.pending
            if not pending or pending[0].header.zxid != packet.zxid:
                self._hold(packet.zxid, entry)
            self._commit_while_syncing(packet.zxid, designated, now_ms, wall_ms)
        elif type == packets.NEWLEADER and not self._old_leader and not self._established:
            self._new_leader(packet)
        elif type == packets.UPTODATE and (self._old_leader or self._established):
            if self._established:
                self._serve(now_ms, wall_ms)
            else:
                self._make_history_durable()
        elif type != packets.PING:
            # A ping is passed by as in Java: the leader takes nothing but the ACK of NEWLEADER.
            raise unexpected(packet)

    def _begin_sync(self, packet: QuorumPacket) -> None:
        if packet.type not in _SYNC_MODES or packet.zxid < 0:
            raise unexpected(packet)
        host = self._host
        self.sync_mode = _SYNC_MODES[packet.type]
        self._synced_zxid = packet.zxid
        last_zxid = host.last_zxid
        if packet.type == packets.DIFF:
            # What was logged and not applied would never be (ZOOKEEPER-2845).
            assert host.tree.last_processed_zxid >= last_zxid, f"{last_zxid:#x} was logged, {host.tree.last_processed_zxid:#x} applied"
            # Where the counter is 0 there is no transaction of that zxid, and the leader may have stayed below it.
            if packet.zxid < last_zxid and counter_of(last_zxid):
                raise ProtocolError(f"DIFF to {packet.zxid:#x}, but the last zxid here is {last_zxid:#x}")
            self._proposals.begin(last_zxid)
        elif packet.type == packets.TRUNC:
            if packet.zxid > last_zxid:
                raise ProtocolError(f"TRUNC to {packet.zxid:#x}, but the last zxid here is {last_zxid:#x}")
            self._snapshot_needed = True
            host.report(f"what was logged after {packet.zxid:#x} is taken back: it was never committed", True)
            host.truncate(packet.zxid)
            self._wait(_TRUNCATION, self._truncated)
        else:
            self._snapshot_needed = True
            self._fuzzy = True
            self._receiver = SnapshotReceiver(host.tree.words, host.tree.keep_digest, self._settings.max_data_bytes, host.keep_snapshot)
            self.snapshot_unsaved = True
            host.receive_snapshot(self._receiver.tree, packet.zxid)

    def _truncated(self, now_ms: int, wall_ms: int) -> None:
        self._proposals.begin(self._synced_zxid)

    def _receive_snapshot(self, receiver: SnapshotReceiver) -> bool:
        """Hands on what has come; gives whether the snapshot is complete."""
        data = self._packets.rest()
        if data:
            receiver.receive(data)
        if not receiver.done:
            if not self._host.keeps_snapshot:
                self._kept_back = True
                self._wait(_KEPT, nothing)
            return False
        self._receiver = None
        self._packets.receive(receiver.rest())
        self._proposals.begin_with_snapshot(self._synced_zxid)
        receiver.tree.last_processed_zxid = self._synced_zxid
        self._host.load_snapshot(receiver.sessions, self._synced_zxid)
        return True

    def _hold(self, zxid: int, entry: bytes | None) -> None:
        self._propose_config(self._proposals.hold(zxid, entry, self.epoch))

    def _commit_while_syncing(self, zxid: int, designated_leader: int | None, now_ms: int, wall_ms: int) -> None:
        proposal = self._committed_one(zxid)
        if proposal is None:
            return
        if self._established:
            self._committed.append((proposal, designated_leader))
            return
        if not self.snapshot_unsaved:
            self._log(proposal, False)
        self._apply(proposal, designated_leader, now_ms, wall_ms)

    def _new_leader(self, packet: QuorumPacket) -> None:
        if packet.zxid != make(self.epoch, 0):
            raise ProtocolError(f"NEWLEADER {packet.zxid:#x} of epoch {self.epoch:#x}")
        data = packet.data
        if data is not None and len(data) > 1:
            try:
                self._new_config = decode_config(data)
                self._host.config_received(self._new_config)
            except ProtocolError as error:
                self._host.report(f"the configuration of the leader cannot be read: {error}", True)
        self._make_history_durable()

    def _make_history_durable(self) -> None:
        """The epoch may be taken for the current one only when nothing of its history can be lost any more (ZOOKEEPER-4643).

        :raises ProtocolError: for a DIFF that ends before what it promised.
        """
        if self.sync_mode == "DIFF" and self.last_queued < self._synced_zxid:
            raise ProtocolError(f"DIFF to {self._synced_zxid:#x} ends with {self.last_queued:#x}")
        if self._snapshot_needed:
            self._host.save_snapshot()
            self._wait(_SNAPSHOT, self._snapshot_saved)
        else:
            self._wait_for_log()

    def _snapshot_saved(self, now_ms: int, wall_ms: int) -> None:
        self.snapshot_unsaved = False
        self._wait_for_log()

    def _wait_for_log(self) -> None:
        if self._unwritten:
            self._wait(_LOG, self._history_is_durable)
        else:
            self._history_is_durable()

    def _history_is_durable(self, now_ms: int = 0, wall_ms: int = 0) -> None:
        self._host.save_epoch(CURRENT_EPOCH, self.epoch)
        self._wait(CURRENT_EPOCH, self._epoch_is_current)

    def _epoch_is_current(self, now_ms: int, wall_ms: int) -> None:
        self._established = True
        self.sync_mode = _NO_SYNC
        self._limit_ms = self._settings.sync_limit * self._settings.tick_ms
        if self._old_leader:
            self._serve(now_ms, wall_ms)
        else:
            self._send(packets.ack(make(self.epoch, 0)))

    def _serve(self, now_ms: int, wall_ms: int) -> None:
        """UPTODATE: a quorum has the history."""
        host = self._host
        config = self._new_config
        # A Java leader tells the next configuration here, whose proposal may never be committed: its COMMITANDACTIVATE brings it into force.
        is_next = config is not None and any(
            proposal.config is not None and proposal.config.version == config.version for proposal in self._proposals.pending
        )
        if config is not None and not is_next and host.activate(config, None, None):
            self._abandon("the configuration of the leader needs an election")
            return
        self._send(packets.ack(make(self.epoch, 0)))
        self.phase = BROADCAST
        self._proposals.serve()
        host.serve(now_ms)
        self._begin_broadcast(now_ms, wall_ms)
        self._fuzzy = False

    def _apply_committed(self, now_ms: int, wall_ms: int) -> None:
        """What was committed before UPTODATE."""
        committed = self._committed
        while committed and not self.closing:
            self._apply(*committed.popleft(), now_ms, wall_ms)

    # BROADCAST: what a Follower and an Observer do with it.

    @abstractmethod
    def _broadcast(self, packet: QuorumPacket, now_ms: int, wall_ms: int) -> None:
        """A packet behind UPTODATE."""

    @abstractmethod
    def _begin_broadcast(self, now_ms: int, wall_ms: int) -> None:
        """UPTODATE has come: logs what has been held, and applies what is committed of it."""

    def _heard(self, packet: QuorumPacket, now_ms: int, wall_ms: int) -> None:
        """What all learners are told besides transactions.

        :raises ProtocolError: for anything else.
        """
        type = packet.type
        host = self._host
        if type == packets.PING:
            self._send(packets.ping(packet.zxid, host.take_touched()))
        elif type == packets.SYNC:
            host.synced(now_ms, wall_ms)
        elif type == packets.REVALIDATE:
            host.revalidated(*packets.parse_revalidated(packet.data), now_ms, wall_ms)
        else:
            raise unexpected(packet)

    def _next(self, zxid: int, entry: bytes | None) -> Proposal:
        proposal = self._proposals.follow_on(zxid, entry, self.epoch)
        self._propose_config(proposal)
        return proposal

    # Transactions.

    def _propose_config(self, proposal: Proposal) -> None:
        if proposal.config is not None:
            self._host.config_received(proposal.config)

    def _committed_one(self, zxid: int) -> Proposal | None:
        """The proposal for which a COMMIT has come, if any."""
        try:
            proposal = self._proposals.commit(zxid)
        except UnmatchedCommitError as error:
            if self.phase != BROADCAST:
                raise
            self.closing = True
            self._has_output(self)
            self._host.stop(str(error), UNMATCHED_COMMIT)
            return None
        if proposal is None:
            self._host.report(f"COMMIT {zxid:#x} is passed by: {self._proposals.last_committed:#x} is committed", True)
        return proposal

    def _log(self, proposal: Proposal, acknowledged: bool) -> None:
        if self._logs:
            zxid = proposal.header.zxid
            size = len(proposal.entry)
            self._unwritten.append((zxid, size, acknowledged))
            self._unwritten_bytes += size
            self._host.log(zxid, proposal.header, proposal.entry)

    def _apply(self, proposal: Proposal, designated_leader: int | None, now_ms: int, wall_ms: int) -> None:
        header, txn, digest, entry, config = proposal
        self._proposals.applied(header.zxid)
        self._applied = True
        host = self._host
        elects = designated_leader is not None and config is not None and host.activate(config, designated_leader, header.zxid)
        # A snapshot may be ahead of what is applied to it again, up to UPTODATE: until then its digest says nothing.
        host.apply(header, txn, None if self._fuzzy else digest, entry, now_ms, wall_ms)
        if elects:
            self._abandon(f"the configuration of {header.zxid:#x} needs an election")


def unexpected(packet: QuorumPacket) -> ProtocolError:
    """For a packet that has no place where it came."""
    return ProtocolError(f"{packets.NAMES.get(packet.type, packet.type)} with zxid {packet.zxid:#x}")


def designated_leader_of(packet: QuorumPacket) -> int | None:
    """Who leads next, as a COMMITANDACTIVATE says; None for another packet."""
    return packets.parse_activate(packet.data)[0] if packet.type == packets.COMMITANDACTIVATE else None

