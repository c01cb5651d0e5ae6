"""LearnerHandler: the leader's end of the connection of one learner.

Theory of operation. The learner introduces itself; LEADERINFO is sent once the leader has its epoch, and the synchronization begins once a quorum
has accepted it. What the learner lacks is an iterator, from which `take_output` pulls one piece at a time, as the transport takes them; the
handler is `stalled` meanwhile. What the leader proposes and commits in the meantime is kept and follows NEWLEADER. With the ack of NEWLEADER,
and the leader serving, the learner is told UPTODATE and is one of many from then on. Packets that do not belong to the phase end the
connection, and so does a learner for which more has to be kept than `max_queued_bytes`. Learners older than protocol 0x10000 know neither
LEADERINFO nor ACKEPOCH, and want NEWLEADER before their synchronization. Covered by tests/zab/test_learner_handler.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import Enum
from typing import Final, Protocol

from txzk.defs import errors, opcodes, zxid
from txzk.defs.errors import StorageError
from txzk.jute.errors import JuteError
from txzk.jute.records import Id, QuorumPacket
from txzk.zab import packets
from txzk.zab.packets import QuorumPackets

# A turn of the reactor sends about this much of a synchronization.
PIECE_BYTES: Final = 128 << 10
# What a learner may ask for: all that is proposed, and `check`, which is only a part of a multi for other clients than Java's.
_PROPOSED: Final = opcodes.WRITES | {opcodes.CHECK}
# An epoch is a signed int on the wire.
_LAST_EPOCH: Final = 0x7FFFFFFF


class Phase(Enum):
    """What the handler waits for."""

    INFO = "FOLLOWERINFO"
    EPOCH = "the leader's epoch"
    ACK_EPOCH = "ACKEPOCH"
    QUORUM = "a quorum for the epoch"
    SYNC = "the learner to take what it lacks"
    ACK = "the ack of NEWLEADER"
    SERVING = "the leader to serve"
    UP_TO_DATE = "packets"


class MasterSettings(Protocol):
    """The settings that a handler obeys."""

    @property
    def tick_ms(self) -> int: ...
    @property
    def init_limit(self) -> int: ...
    @property
    def sync_limit(self) -> int: ...
    @property
    def max_data_bytes(self) -> int: ...
    @property
    def max_queued_bytes(self) -> int: ...


class LearnerMaster(Protocol):
    """What a handler needs of the server that learners follow."""

    @property
    def settings(self) -> MasterSettings: ...

    def introduced(self, handler: LearnerHandler, accepted_epoch: int, config_version: int, now_ms: int) -> None:
        """A learner has said who it is; answered by `propose_epoch`, or `drop`."""

    def epoch_acked(self, handler: LearnerHandler, current_epoch: int, last_zxid: int, now_ms: int) -> None:
        """The learner has accepted the epoch; answered by `synchronize`, or `drop`."""

    def new_leader_acked(self, handler: LearnerHandler, now_ms: int) -> None:
        """The learner has all that it lacked on its disk; answered by `up_to_date`."""

    def acked(self, handler: LearnerHandler, zxid: int, now_ms: int, wall_ms: int) -> None:
        """The learner has all up to `zxid` in its log."""

    def touched(self, sessions: list[tuple[int, int]], now_ms: int) -> None:
        """The learner has heard of these sessions, each with its timeout in milliseconds."""

    def revalidate(self, handler: LearnerHandler, session_id: int, timeout_ms: int, now_ms: int) -> None:
        """The learner asks whether a session is alive; answered by `revalidated`."""

    def sync_requested(self, handler: LearnerHandler, session_id: int, cxid: int, body: bytes, ids: list[tuple[str, str]]) -> None:
        """A client's sync; answered by a SYNC packet behind all that is proposed."""

    def request(
        self, handler: LearnerHandler, session_id: int, cxid: int, op: int, body: bytes, ids: list[tuple[str, str]], now_ms: int, wall_ms: int,
    ) -> None:
        """A client's write."""

    def refuse(self, handler: LearnerHandler, session_id: int, cxid: int, error: int, now_ms: int, wall_ms: int) -> None:
        """A client's request that is none of the leader's; answered by an error transaction, for which the learner's queue waits."""

    def has_output(self, handler: LearnerHandler) -> None:
        """The handler has something to write, or wants to be closed."""

    def closed(self, handler: LearnerHandler) -> None:
        """Nothing is to be sent to the handler any more."""

    def report(self, text: str, warning: bool) -> None:
        """Something that an operator should read in the log."""


class LearnerHandler:
    """A stream end; see the module's theory of operation.

    :ivar sid: of the learner; None until it has said it.
    :ivar held_back: nothing is to be read, because the master cannot pass on what the learner asks for at present.
    :ivar last_zxid: of the last packet with a zxid that was queued for it.
    """

    def __init__(self, master: LearnerMaster, host: str, port: int, now_ms: int) -> None:
        """
        :param host: of the learner, and its `port`.
        :param now_ms: monotonic.
        """
        settings = master.settings
        self._master = master
        self.remote_host = host
        self.remote_port = port
        self.started_ms = now_ms
        self.sid: int | None = None
        self.is_observer = False
        self.phase = Phase.INFO
        self.closing = False
        self.write_paused = False
        self.held_back = False
        self._init_ms = settings.init_limit * settings.tick_ms
        self._sync_ms = settings.sync_limit * settings.tick_ms
        self._max_queued_bytes = settings.max_queued_bytes
        self._packets = QuorumPackets(settings.max_data_bytes)
        self._out: list[bytes] = []
        self._announced = False
        self._queued_bytes = 0
        # What follows a synchronization: NEWLEADER, and what happened since it began.
        self._held: list[bytes] = []
        self._pieces: Iterator[bytes] | None = None
        self._took_piece = False
        self._old = False
        self._epoch_zxid = 0
        # When the phase began, and when bytes came last.
        self._since_ms = self._heard_ms = now_ms
        self._synced_until_ms = now_ms + self._init_ms + self._sync_ms
        self._acked_zxid = 0
        self._told_zxid = 0
        # The proposal whose ack is awaited, the last one sent, and when they were; 0 for none.
        self._probe_zxid = self._probe_ms = self._sent_zxid = self._sent_ms = 0
        # The ids of the last request, as they came and as they are used.
        self._last_authinfo: Sequence[Id] | None = None
        self._last_ids: list[tuple[str, str]] = []

    def __repr__(self) -> str:
        return f"LearnerHandler({self.name})"

    @property
    def name(self) -> str:
        """The learner, for the log."""
        kind = "observer" if self.is_observer else "server"
        address = f"{self.remote_host}:{self.remote_port}"
        return f"learner at {address}" if self.sid is None else f"{kind} {self.sid} at {address}"

    @property
    def stalled(self) -> bool:
        """Whether the shell is to come back for more as long as there is output, and to read nothing."""
        return self._pieces is not None or self.held_back

    @property
    def acked_new_leader(self) -> bool:
        """Whether the learner has the leader's history, and waits for UPTODATE."""
        return self.phase is Phase.SERVING

    def synced(self, now_ms: int) -> bool:
        """Whether the learner has been heard of recently enough to count for the quorum of the leader."""
        return not self.closing and now_ms <= self._synced_until_ms

    # What the transport says.

    def data_received(self, data: bytes, now_ms: int, wall_ms: int) -> None:
        """Takes a chunk of the learner's stream."""
        if self.closing:
            return
        self._heard_ms = now_ms
        stream = self._packets
        stream.receive(data)
        try:
            while not self.closing:
                packet = stream.take()
                if packet is None:
                    break
                if self.phase is Phase.UP_TO_DATE:
                    self._synced_until_ms = now_ms + self._sync_ms
                    self._up_to_date(packet, now_ms, wall_ms)
                else:
                    self._beginning(packet, now_ms)
        except JuteError as error:
            self.drop(f"sent what is no packet: {error}")
        if self._acked_zxid > self._told_zxid:
            self._told_zxid = self._acked_zxid
            self._master.acked(self, self._acked_zxid, now_ms, wall_ms)

    def take_output(self) -> bytes:
        """What is to be written now; during a synchronization its next piece."""
        self._announced = False
        if self._pieces is not None and not self.closing:
            self._pull()
        out = self._out
        if not out:
            return b""
        data = b"".join(out) if len(out) > 1 else out[0]
        out.clear()
        if self._pieces is None:
            self._queued_bytes = 0
        return data

    def resume(self, now_ms: int, wall_ms: int) -> None:
        """What was written has been taken; the next piece comes with `take_output`."""

    def lost(self, now_ms: int) -> None:
        """The transport is gone."""
        if not self.closing:
            self.close()
        self._out.clear()

    # What the master says.

    def propose_epoch(self, epoch: int, now_ms: int) -> None:
        """The leader has accepted an epoch of its own: tells it the learner. An old one hears of it with NEWLEADER."""
        self._epoch_zxid = zxid.make(epoch, 0)
        if self._old:
            return
        self._enter(Phase.ACK_EPOCH, now_ms)
        self._write(packets.leader_info(epoch))

    def synchronize(self, pieces: Iterator[bytes], config: bytes | None, now_ms: int) -> None:
        """Begins to send what the learner lacks; what is sent by other methods from now on follows it.

        :param pieces: packets, and parts of a snapshot.
        :param config: the text for NEWLEADER.
        """
        self._enter(Phase.SYNC, now_ms)
        if self._old:
            self._write(packets.encode(packets.NEWLEADER, self._epoch_zxid))
        else:
            self._hold(packets.encode(packets.NEWLEADER, self._epoch_zxid, config))
        self._pieces = pieces
        self._announce()

    def up_to_date(self, now_ms: int) -> None:
        """The leader serves: the learner may serve too."""
        self._enter(Phase.UP_TO_DATE, now_ms)
        self._heard_ms = now_ms
        self.send(packets.encode(packets.UPTODATE, -1))

    def send(self, data: bytes) -> None:
        """Queues packets; a learner that has too much in its queue is dropped."""
        if self.closing:
            return
        if self._queued_bytes + len(data) > self._max_queued_bytes:
            self.drop(f"does not take what it is sent: {self._queued_bytes} bytes wait for it")
            return
        if self._pieces is not None:
            self._hold(data)
        else:
            self._write(data)

    def propose(self, zxid: int, packet: bytes, now_ms: int) -> None:
        """Queues a PROPOSAL, whose ack may not take longer than syncLimit."""
        if self.phase is not Phase.UP_TO_DATE:
            self.send(packet)
            return
        self._sent_zxid = zxid
        self._sent_ms = now_ms
        if not self._probe_zxid:
            self._probe_zxid = zxid
            self._probe_ms = now_ms
        # What `send` does, without its detours: this is done for every write and follower.
        queued = self._queued_bytes + len(packet)
        if not self._announced or queued > self._max_queued_bytes:
            self.send(packet)
            return
        self._out.append(packet)
        self._queued_bytes = queued

    def revalidated(self, session_id: int, valid: bool) -> None:
        """The answer to a REVALIDATE."""
        self.send(packets.revalidated(session_id, valid))

    def hold_back(self) -> None:
        """Nothing is to be read any more; what has come is still looked at."""
        if not self.held_back:
            self.held_back = True
            self._master.has_output(self)

    def go_on(self) -> None:
        """What the learner asks for can be passed on again."""
        if self.held_back:
            self.held_back = False
            self._master.has_output(self)

    def tick(self, last_proposed: int, now_ms: int, stood_still: bool) -> None:
        """Half a tick is over: drops a learner that is late, and pings the others.

        :param last_proposed: the zxid for the ping.
        :param stood_still: whether this server did, so that it cannot say who is late.
        """
        if self.held_back:
            # What it has said waits to be read.
            self._heard_ms = self._probe_ms = now_ms
            self._synced_until_ms = now_ms + self._sync_ms
        if self._took_piece:
            self._took_piece = False
            self._since_ms = now_ms
            self._synced_until_ms = now_ms + self._init_ms + self._sync_ms
        late = None if stood_still else self._late(now_ms)
        if late is not None:
            self.drop(late)
        elif self.phase in (Phase.ACK, Phase.SERVING, Phase.UP_TO_DATE):
            self.send(packets.ping(last_proposed))

    @property
    def took_piece(self) -> bool:
        """Whether its synchronization has gone on since the last `tick`."""
        return self._took_piece

    def drop(self, reason: str) -> None:
        """Ends the connection because of the learner.

        :param reason: goes on from its name, for the log.
        """
        if self.closing:
            return
        self._master.report(f"{self.name} {reason}; the connection is closed", True)
        self._out.clear()
        self.close()

    def close(self) -> None:
        """Ends the connection, after what has been handed out for writing."""
        self.closing = True
        self._pieces = None
        self._held.clear()
        self._master.closed(self)
        self._announce()

    # The phases.

    def _enter(self, phase: Phase, now_ms: int) -> None:
        self.phase = phase
        self._since_ms = now_ms

    def _late(self, now_ms: int) -> str | None:
        """Why the learner is to be dropped, if it is."""
        if self.phase is Phase.UP_TO_DATE:
            if now_ms - self._heard_ms >= self._sync_ms:
                return f"was not heard of for {self._sync_ms} ms"
            if self._probe_zxid and now_ms - self._probe_ms >= self._sync_ms:
                return f"did not ack 0x{self._probe_zxid:x} within {self._sync_ms} ms"
        elif self.phase not in (Phase.EPOCH, Phase.QUORUM, Phase.SERVING) and now_ms - self._since_ms >= self._init_ms:
            return f"kept the leader waiting for {self.phase.value} for {self._init_ms} ms"
        return None

    def _beginning(self, packet: QuorumPacket, now_ms: int) -> None:
        type = packet.type
        if self.phase is Phase.INFO and type in (packets.FOLLOWERINFO, packets.OBSERVERINFO):
            self._introduced(packet, now_ms)
        elif self.phase is Phase.ACK_EPOCH and type == packets.ACKEPOCH:
            self._enter(Phase.QUORUM, now_ms)
            self._master.epoch_acked(self, packets.parse_int(packet.data), packet.zxid, now_ms)
        elif self.phase is Phase.ACK and type == packets.ACK:
            if packet.zxid != self._epoch_zxid:
                self.drop(f"acked 0x{packet.zxid:x} where NEWLEADER was 0x{self._epoch_zxid:x}")
                return
            self._enter(Phase.SERVING, now_ms)
            self._master.new_leader_acked(self, now_ms)
        elif type == packets.PING and self.phase in (Phase.ACK, Phase.SERVING):
            self._master.touched(packets.parse_touched(packet.data), now_ms)
        else:
            self.drop(f"sent {packets.NAMES.get(type, type)} where the leader waits for {self.phase.value}")

    def _introduced(self, packet: QuorumPacket, now_ms: int) -> None:
        info = packets.parse_learner_info(packet.data)
        self.is_observer = packet.type == packets.OBSERVERINFO
        self._old = info is None or info.protocolVersion < packets.PROTOCOL_VERSION
        if info is not None:
            self.sid = info.serverid
        epoch = zxid.epoch_of(packet.zxid)
        if not 0 <= epoch < _LAST_EPOCH:
            self.drop(f"says that it has accepted epoch {epoch:x}, behind which there is none")
            return
        self._enter(Phase.EPOCH, now_ms)
        self._master.introduced(self, epoch, 0 if info is None else info.configVersion, now_ms)
        if self._old and not self.closing:
            # Such a learner says its last zxid at once.
            self._enter(Phase.QUORUM, now_ms)
            self._master.epoch_acked(self, epoch, packet.zxid, now_ms)

    def _up_to_date(self, packet: QuorumPacket, now_ms: int, wall_ms: int) -> None:
        type = packet.type
        if type == packets.ACK:
            # A learner acks all that one flush has written, one by one.
            self._acked(max((packet.zxid, *self._packets.take_run(packets.ACK))))
        elif type == packets.REQUEST:
            self._requested(packet, now_ms, wall_ms)
        elif type == packets.PING:
            touched = packets.parse_touched(packet.data)
            if touched:
                self._master.touched(touched, now_ms)
        elif type == packets.REVALIDATE:
            session_id, timeout_ms = packets.parse_revalidate(packet.data)
            self._master.revalidate(self, session_id, timeout_ms, now_ms)
        else:
            self._master.report(f"{self.name} sent {packets.NAMES.get(type, type)}, which is not for a leader", True)

    def _acked(self, zxid: int) -> None:
        if zxid > self._acked_zxid:
            self._acked_zxid = zxid
        if self._probe_zxid and zxid >= self._probe_zxid:
            if self._sent_zxid > zxid:
                self._probe_zxid, self._probe_ms = self._sent_zxid, self._sent_ms
            else:
                self._probe_zxid = 0

    def _requested(self, packet: QuorumPacket, now_ms: int, wall_ms: int) -> None:
        session_id, cxid, op, body = packets.parse_request(packet.data)
        authinfo = packet.authinfo
        if authinfo is not self._last_authinfo or authinfo is None:
            self._last_authinfo = authinfo
            self._last_ids = [(scheme or "", id or "") for scheme, id in authinfo or ()]
        ids = self._last_ids
        if op == opcodes.SYNC:
            self._master.sync_requested(self, session_id, cxid, body, ids)
        elif op in _PROPOSED:
            self._master.request(self, session_id, cxid, op, body, ids, now_ms, wall_ms)
        else:
            self._master.refuse(self, session_id, cxid, errors.UNIMPLEMENTED, now_ms, wall_ms)

    # Output.

    def _hold(self, data: bytes) -> None:
        self._held.append(data)
        self._queued_bytes += len(data)

    def _write(self, data: bytes) -> None:
        self._out.append(data)
        self._queued_bytes += len(data)
        self._announce()

    def _announce(self) -> None:
        if not self._announced:
            self._announced = True
            self._master.has_output(self)

    def _pull(self) -> None:
        """Moves one piece of the synchronization to the output, and behind the last one what has been held."""
        assert self._pieces is not None
        size = 0
        out = self._out
        self._took_piece = True
        try:
            for piece in self._pieces:
                out.append(piece)
                size += len(piece)
                if size >= PIECE_BYTES:
                    return
        except (StorageError, JuteError) as error:
            self.drop(f"cannot be given what it lacks: {error}")
            return
        self._pieces = None
        out += self._held
        self._held.clear()
        self.phase = Phase.ACK
