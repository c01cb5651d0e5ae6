"""Leader: one server's time as the leader of an epoch, from the discovery of the epoch to the end of its quorum.

Theory of operation. Three waits come before service, each for a quorum and none longer than initLimit: for servers that say which epoch they
accepted (the new epoch is one more than the largest), for servers that accept the new one, and for servers that have the history of this one on
their disks. Each step stands on the leader's own disk first: acceptedEpoch before LEADERINFO, currentEpoch before any synchronization. From then on
proposals are committed in their order once a quorum has logged them; the leader's own log counts when it says `log_written`. A learner that comes
late goes through the same steps alone. The leader steps down where a voter is ahead of it, a wait takes too long, its learners are no quorum any
more, its disk is too far behind for as long as a learner's may be, its zxids come to their end, or a reconfiguration names another leader; nothing it
is told afterwards does anything.

Covered by tests/zab/test_leader.py, test_leader_serving.py and test_leader_and_learner.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import Enum
from typing import Final

from txzk.defs.epochs import ACCEPTED_EPOCH, CURRENT_EPOCH
from txzk.defs.zxid import COUNTER_MASK, counter_of, make
from txzk.quorum.acks import AckSet
from txzk.quorum.verifiers import QuorumVerifier
from txzk.zab import packets
from txzk.zab.audience import Audience
from txzk.zab.broadcast import Broadcast, Proposal, Verifiers
from txzk.zab.leader_host import LeaderHost, LeaderSettings
from txzk.zab.learner_handler import LearnerHandler
from txzk.zab.rollover import RolloverWatch
from txzk.zab.sync_stream import Synchronizations


class LeaderPhase(Enum):
    """What the leader waits for."""

    DISCOVERY = "a quorum that says which epochs it has accepted"
    ACCEPTING = "acceptedEpoch on disk"
    EPOCH_ACKS = "a quorum that accepts the epoch"
    ESTABLISHING = "currentEpoch on disk"
    SYNCHRONIZATION = "a quorum that has the leader's history"
    BROADCAST = "proposals"
    ENDED = "nothing"


_WAITS: Final = (LeaderPhase.DISCOVERY, LeaderPhase.EPOCH_ACKS, LeaderPhase.SYNCHRONIZATION)


class Leader:
    """The leader of one epoch; see the module's theory of operation. Implements LearnerMaster.

    :ivar epoch: the new epoch; while it is not decided, the smallest that it can be.
    :ivar handlers: all connections of learners, in the order in which they came.
    :ivar audience: those of them that hear what is proposed and committed.
    """

    def __init__(self, host: LeaderHost, settings: LeaderSettings, has_output: Callable[[LearnerHandler], None], now_ms: int) -> None:
        """
        :param has_output: called with a handler that has something to write or wants to be closed.
        :param now_ms: monotonic.
        """
        self._host = host
        self.settings = settings
        self.has_output = has_output
        self.phase = LeaderPhase.DISCOVERY
        self.epoch = host.accepted_epoch + 1
        self.started_ms = now_ms
        self._summary = (host.current_epoch, host.last_zxid)
        self._init_ms = settings.init_limit * settings.tick_ms
        self._wait_since_ms = now_ms
        self._half_tick_ms = max(settings.tick_ms // 2, 1)
        self._next_half_tick_ms = now_ms + self._half_tick_ms
        self._whole_tick = False
        self.handlers: dict[LearnerHandler, None] = {}
        self.audience = Audience()
        self._syncs = Synchronizations(host, settings)
        self._waiting: dict[LearnerHandler, int] = {}
        self._next_nameless_sid = -1
        self._connecting = AckSet((host.verifier,))
        self._electing = AckSet((host.verifier,))
        self._electing.add(settings.sid)
        self._new_leader_acks = self._electing
        self._broadcast = Broadcast(0)
        self._verifiers: Verifiers = (host.verifier,)
        self._allowed_to_commit = True
        self._rollover: RolloverWatch | None = None
        # Since when the own disk is too far behind; None as long as it is not.
        self._congested_since_ms: int | None = None
        # Bytes of the last proposal, the shortest and the longest; -1 before the first.
        self._last_bytes = self._least_bytes = self._most_bytes = -1

    # What the server asks and says.

    @property
    def last_proposed(self) -> int:
        """The zxid of the last proposal; that before the first one when there is none."""
        return self._broadcast.last_proposed

    @property
    def last_committed(self) -> int:
        """The zxid of the last proposal that is committed."""
        return self._broadcast.last_committed

    @property
    def proposal_bytes(self) -> tuple[int, int, int]:
        """The sizes of the last proposal, the shortest and the longest; -1 before the first."""
        return self._last_bytes, self._least_bytes, self._most_bytes

    @property
    def syncs_begun(self) -> tuple[int, int]:
        """How many synchronizations have been begun: with transactions, and with a snapshot."""
        return self._syncs.diffs, self._syncs.snapshots

    def start(self, now_ms: int) -> None:
        """Begins; this server is the first of the quorum."""
        self._connecting.add(self.settings.sid)
        self._decide_epoch()

    def learner_connected(self, host: str, port: int, now_ms: int) -> LearnerHandler:
        """The stream end of a new connection."""
        handler = LearnerHandler(self, host, port, now_ms)
        if self.phase is LeaderPhase.ENDED:
            handler.close()
        else:
            self.handlers[handler] = None
        return handler

    def epoch_saved(self, name: str, epoch: int, now_ms: int) -> None:
        """An epoch is on disk."""
        if epoch != self.epoch:
            return
        if self.phase is LeaderPhase.ACCEPTING and name == ACCEPTED_EPOCH:
            self._accepted(now_ms)
        elif self.phase is LeaderPhase.ESTABLISHING and name == CURRENT_EPOCH:
            self._established(now_ms)

    def deserted(self, now_ms: int) -> bool:
        """A server that has elected this one looks for a leader again; tells whether this one has given up for that.

        While there is no quorum for a new epoch it does, after maxTimeToWaitForEpoch: who has other plans would be waited for in vain.
        """
        limit_ms = self.settings.max_wait_for_epoch_ms
        waited_ms = now_ms - self._wait_since_ms
        if self.phase is not LeaderPhase.DISCOVERY or not 0 <= limit_ms < waited_ms:
            return False
        self.abandon(f"a server that has elected this one looks again, and within {waited_ms} ms there was not {self.phase.value}")
        return True

    def propose(self, zxid: int, entry: bytes, now_ms: int, reconfig: QuorumVerifier | None = None) -> None:
        """Writes a transaction to the own log and sends it to all followers.

        :param entry: what the log holds of it.
        :param reconfig: the configuration that it brings, its version being `zxid`.
        """
        if self.phase is not LeaderPhase.BROADCAST:
            return
        if counter_of(zxid) == COUNTER_MASK:
            self.abandon("the zxids of this epoch have come to their end")
            return
        if reconfig is not None:
            self._host.set_last_seen(reconfig)
            self._agree()
        packet = packets.proposal(zxid, entry)
        self._broadcast.propose(Proposal(zxid, entry, packet, self._verifiers, reconfig))
        size = self._last_bytes = len(entry)
        if size > self._most_bytes:
            self._most_bytes = size
        if size < self._least_bytes or self._least_bytes < 0:
            self._least_bytes = size
        self._host.append(zxid, entry)
        for handler in self.audience.followers:
            handler.propose(zxid, packet, now_ms)

    def log_written(self, zxid: int, now_ms: int, wall_ms: int) -> None:
        """All up to `zxid` is on this server's disk: its own ack."""
        if self.phase is LeaderPhase.BROADCAST:
            self._acked(self.settings.sid, zxid, now_ms, wall_ms)
        if self._congested_since_ms is not None:
            self._congested_since_ms = None
            for handler in list(self.handlers):
                handler.go_on()

    def deadline_ms(self) -> int | None:
        """When `timer_fired` is wanted."""
        if self.phase is LeaderPhase.ENDED:
            return None
        if self.phase in _WAITS:
            return min(self._next_half_tick_ms, self._wait_since_ms + self._init_ms)
        return self._next_half_tick_ms

    def timer_fired(self, now_ms: int, wall_ms: int) -> None:
        """Pings learners and drops late ones each half tick, and looks each tick whether there is a quorum.

        Where this comes much too late it was the leader that stood still: what learners have said meanwhile is still to be read, and nobody is late.
        """
        if self.phase is LeaderPhase.ENDED:
            return
        late_ms = now_ms - self._next_half_tick_ms
        stood_still = late_ms > self._half_tick_ms
        if stood_still:
            self._wait_since_ms += late_ms
        if self.phase is LeaderPhase.SYNCHRONIZATION and self._syncs.followers_go_on:
            # A long snapshot is no reason to elect anew, and to begin it again.
            self._wait_since_ms = now_ms
        if self.phase in _WAITS and now_ms - self._wait_since_ms >= self._init_ms:
            self.abandon(f"within {self._init_ms} ms there was not {self.phase.value}")
            return
        if late_ms < 0:
            return
        self._next_half_tick_ms = now_ms + self._half_tick_ms
        self._whole_tick = not self._whole_tick
        if self.phase is LeaderPhase.BROADCAST and self._whole_tick and not stood_still and not self._tick(now_ms, wall_ms):
            return
        for handler in list(self.handlers):
            handler.tick(self.last_proposed, now_ms, stood_still)

    def abandon(self, reason: str) -> None:
        """Steps down: closes all connections, and tells the server."""
        if self.phase is LeaderPhase.ENDED:
            return
        self.shut_down()
        self._host.abandon(reason)

    def shut_down(self) -> None:
        """Ends without a word to the server, which has asked for it."""
        self.phase = LeaderPhase.ENDED
        for handler in list(self.handlers):
            handler.close()

    # Before service.

    def _decide_epoch(self) -> None:
        if self.phase is LeaderPhase.DISCOVERY and self._connecting.has_quorum():
            self.phase = LeaderPhase.ACCEPTING
            self._host.save_epoch(ACCEPTED_EPOCH, self.epoch)

    def _accepted(self, now_ms: int) -> None:
        host = self._host
        self._wait(LeaderPhase.EPOCH_ACKS, now_ms)
        zxid = make(self.epoch, 0)
        self._broadcast = Broadcast(zxid)
        verifier = host.verifier
        if self.settings.reconfig_enabled and verifier.version == 0 and host.last_seen_verifier.version == 0:
            # What only this server's file says becomes a configuration that a quorum has agreed on (ZOOKEEPER-1783).
            host.set_last_seen(verifier.with_version(zxid))
        self._agree()
        self._new_leader_acks = AckSet(self._verifiers)
        for handler in list(self.handlers):
            if handler.sid is not None:
                handler.propose_epoch(self.epoch, now_ms)
        self._establish()

    def _establish(self) -> None:
        if self.phase is LeaderPhase.EPOCH_ACKS and self._electing.has_quorum():
            self.phase = LeaderPhase.ESTABLISHING
            self._host.save_epoch(CURRENT_EPOCH, self.epoch)

    def _established(self, now_ms: int) -> None:
        self._wait(LeaderPhase.SYNCHRONIZATION, now_ms)
        waiting = self._waiting
        self._waiting = {}
        for handler, last_zxid in waiting.items():
            self._synchronize(handler, last_zxid, now_ms)
        self._new_leader_acks.add(self.settings.sid)
        self._serve(now_ms)

    def _serve(self, now_ms: int) -> None:
        if self.phase is not LeaderPhase.SYNCHRONIZATION or not self._new_leader_acks.has_quorum():
            return
        host = self._host
        self.phase = LeaderPhase.BROADCAST
        self._rollover = RolloverWatch(self.last_proposed, now_ms)
        if self.settings.reconfig_enabled and len(self._verifiers) > 1:
            self._activate(self._verifiers[-1], self._new_leader_acks.sids, self.last_proposed)
        host.serve(self.epoch, now_ms)
        for handler in list(self.handlers):
            if handler.acked_new_leader:
                handler.up_to_date(now_ms)

    def _wait(self, phase: LeaderPhase, now_ms: int) -> None:
        self.phase = phase
        self._wait_since_ms = now_ms

    def _agree(self) -> None:
        """The active configuration, and the one that is to follow it where there is one, have to agree from now on."""
        active = self._host.verifier
        last_seen = self._host.last_seen_verifier
        self._verifiers = (active, last_seen) if last_seen.version > active.version else (active,)

    # What learners say.

    def introduced(self, handler: LearnerHandler, accepted_epoch: int, config_version: int, now_ms: int) -> None:
        if handler.sid is None:
            handler.sid = self._next_nameless_sid
            self._next_nameless_sid -= 1
        if config_version > self._host.verifier.version:
            handler.drop(f"has the configuration {config_version:x}, which is later than that of the leader, {self._host.verifier.version:x}")
            return
        if handler.sid == self.settings.sid:
            handler.drop("has the number of the leader")
            return
        for other in list(self.handlers):
            if other is not handler and other.sid == handler.sid:
                other.drop("has come again by another connection")
        if self.phase is LeaderPhase.DISCOVERY:
            self.epoch = max(self.epoch, accepted_epoch + 1)
            self._connecting.add(handler.sid)
            self._decide_epoch()
        elif self.phase is not LeaderPhase.ACCEPTING:
            handler.propose_epoch(self.epoch, now_ms)

    def epoch_acked(self, handler: LearnerHandler, current_epoch: int, last_zxid: int, now_ms: int) -> None:
        assert handler.sid is not None
        if self.phase in (LeaderPhase.SYNCHRONIZATION, LeaderPhase.BROADCAST):
            self._synchronize(handler, last_zxid, now_ms)
            return
        self._waiting[handler] = last_zxid
        if current_epoch == packets.ALREADY_ACKED or self.phase is LeaderPhase.ESTABLISHING:
            return
        if (current_epoch, last_zxid) > self._summary:
            if handler.sid in self._host.verifier.voters:
                self.abandon(f"{handler.name} is ahead: epoch {current_epoch:x}, zxid 0x{last_zxid:x}; here they are {self._summary[0]:x} and 0x{self._summary[1]:x}")
            else:
                handler.drop(f"is ahead of the leader: epoch {current_epoch:x}, zxid 0x{last_zxid:x}")
            return
        self._electing.add(handler.sid)
        self._establish()

    def new_leader_acked(self, handler: LearnerHandler, now_ms: int) -> None:
        assert handler.sid is not None
        self._syncs.ended(handler)
        if self.phase is LeaderPhase.BROADCAST:
            handler.up_to_date(now_ms)
        else:
            self._new_leader_acks.add(handler.sid)
            self._serve(now_ms)

    def acked(self, handler: LearnerHandler, zxid: int, now_ms: int, wall_ms: int) -> None:
        if self.phase is not LeaderPhase.BROADCAST or handler.is_observer or handler.sid is None:
            return
        if zxid > self.last_proposed:
            handler.drop(f"acked 0x{zxid:x}, which was never proposed")
        else:
            self._acked(handler.sid, zxid, now_ms, wall_ms)

    def _acked(self, sid: int, zxid: int, now_ms: int, wall_ms: int) -> None:
        self._host.acked(sid, zxid, wall_ms)
        if self._broadcast.acked(sid, zxid):
            self._commit(now_ms, wall_ms)

    def touched(self, sessions: list[tuple[int, int]], now_ms: int) -> None:
        if self.phase is LeaderPhase.BROADCAST:
            touch = self._host.touch
            for session_id, timeout_ms in sessions:
                touch(session_id, timeout_ms, now_ms)

    def revalidate(self, handler: LearnerHandler, session_id: int, timeout_ms: int, now_ms: int) -> None:
        if self.phase is LeaderPhase.BROADCAST:
            handler.revalidated(session_id, self._host.revalidate(session_id, timeout_ms, handler, now_ms))

    def sync_requested(self, handler: LearnerHandler, session_id: int, cxid: int, body: bytes, ids: list[tuple[str, str]]) -> None:
        self.audience.sync_requested(handler, self.last_proposed if self._broadcast else None)

    def request(
        self, handler: LearnerHandler, session_id: int, cxid: int, op: int, body: bytes, ids: list[tuple[str, str]], now_ms: int, wall_ms: int,
    ) -> None:
        if self.phase is LeaderPhase.BROADCAST:
            self._host.request(handler, session_id, cxid, op, body, ids, now_ms, wall_ms)
            if self._host.congested:
                if self._congested_since_ms is None:
                    self._congested_since_ms = now_ms
                handler.hold_back()

    def refuse(self, handler: LearnerHandler, session_id: int, cxid: int, error: int, now_ms: int, wall_ms: int) -> None:
        if self.phase is LeaderPhase.BROADCAST:
            self._host.refuse(handler, session_id, cxid, error, now_ms, wall_ms)

    def closed(self, handler: LearnerHandler) -> None:
        self.handlers.pop(handler, None)
        self._waiting.pop(handler, None)
        self.audience.remove(handler)
        self._syncs.ended(handler)

    def report(self, text: str, warning: bool) -> None:
        self._host.report(text, warning)

    def _synchronize(self, handler: LearnerHandler, last_zxid: int, now_ms: int) -> None:
        """Begins to send what the learner lacks, with all that has been proposed behind it."""
        assert handler.sid is not None
        self._broadcast.forget(handler.sid)
        # Before service it is the quorum's ack of NEWLEADER that commits the next configuration. Later that is up to its proposal, which follows: a
        # learner that had it in force before, where it is never committed, could be part of another quorum than the others (Java sends the next one).
        verifier = self._host.verifier if self.phase is LeaderPhase.BROADCAST else self._host.last_seen_verifier
        last_queued_zxid = self._syncs.begin(handler, last_zxid, verifier, now_ms)
        if last_queued_zxid is None:
            return
        self.audience.add(handler)
        if handler.is_observer:
            return
        for proposal in self._broadcast.behind(last_queued_zxid):
            handler.propose(proposal.zxid, proposal.packet, now_ms)

    # Service.

    def _commit(self, now_ms: int, wall_ms: int) -> None:
        """Commits what has its quorums: tells the learners with one write each, then the server."""
        while self._allowed_to_commit and self.phase is LeaderPhase.BROADCAST:
            taken = self._broadcast.take_committed()
            if not taken:
                return
            last = taken[-1]
            if last.reconfig is None:
                self.audience.tell_committed(taken)
            else:
                self.audience.tell_committed(taken[:-1])
                leader_sid = self._activate(last.reconfig, self._broadcast.acked_by(last.zxid), last.zxid)
                self.audience.tell_activated(last, leader_sid)
            self._host.committed(last.zxid, now_ms, wall_ms)

    def _activate(self, verifier: QuorumVerifier, acked: Iterable[int], zxid: int) -> int:
        """Makes `verifier` the active configuration; gives the server that is to lead in it.

        It is this one, where it votes and keeps its address; otherwise the voter that has logged most of those that `acked`.
        """
        sid = self.settings.sid
        leader_sid = sid
        if not _same_address(self._host.verifier, verifier, sid):
            found = self._broadcast.most_recent(other for other in acked if other != sid and other in verifier.voters)
            leader_sid = sid if found is None else found
        self._host.activate(verifier, leader_sid, zxid)
        self._agree()
        self._broadcast.agree(self._verifiers)
        self._allowed_to_commit = leader_sid == sid
        return leader_sid

    def _tick(self, now_ms: int, wall_ms: int) -> bool:
        """A tick of service is over; tells whether there still is a leader."""
        if not self._allowed_to_commit:
            self.abandon("the configuration names another leader")
            return False
        if self._host.congested:
            if self._congested_since_ms is None:
                self._congested_since_ms = now_ms
            elif now_ms - self._congested_since_ms >= self.settings.sync_limit * self.settings.tick_ms:
                self.abandon(f"the disk of the log has not kept up for {now_ms - self._congested_since_ms} ms")
                return False
        acks = AckSet(self._verifiers)
        acks.add(self.settings.sid)
        for handler in self.handlers:
            if handler.sid is not None and handler.synced(now_ms):
                acks.add(handler.sid)
        goes_on = self._host.verifier.override_quorum_decision(bool(self.audience.followers))
        if not goes_on and not acks.has_quorum():
            self.abandon(f"the servers in step are no quorum any more: {', '.join(map(str, sorted(acks.sids)))}")
            return False
        if goes_on:
            # Nobody may be left to ack what has been proposed.
            self._commit(now_ms, wall_ms)
        if self._rollover is not None:
            warning = self._rollover.warning(self.last_proposed, now_ms)
            if warning is not None:
                self._host.report(warning, True)
        return self.phase is LeaderPhase.BROADCAST


def _same_address(old: QuorumVerifier, new: QuorumVerifier, sid: int) -> bool:
    """Whether the server votes in the new configuration at the quorum addresses that it had."""
    now = new.voters.get(sid)
    before = old.servers.get(sid)
    if now is None or before is None:
        return False
    return {(address.host, address.quorum_port) for address in now.addresses} == {(address.host, address.quorum_port) for address in before.addresses}
