"""StandaloneServer: one server without an ensemble, as a machine.

Inputs: a connection's bytes (through its ServerCnxn), `log_written`, `snapshot_written`, `timer_fired`, `failed`. Effects: see
txzk.peer.effects; besides, `dirty` names the connections that have something to write. One batch of the log is under way at a time; what
arrives meanwhile is the next batch. Covered by tests/peer/test_standalone.py.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Final

from txzk.auth.check import AclChecker, required_schemes, satisfies
from txzk.auth.providers import EnsembleMismatchError, ProviderRegistry
from txzk.cnxn.server_cnxn import ServerCnxn
from txzk.config.server import ServerConfig
from txzk.database.acl_cache import Acl
from txzk.database.request import LOCAL, Request
from txzk.database.sessions import SessionTracker, check_password
from txzk.database.watches import SYNC_CONNECTED
from txzk.defs import acl as permissions
from txzk.defs import opcodes
from txzk.defs.errors import AuthFailedError
from txzk.jute import records
from txzk.peer import containers
from txzk.peer.connection_throttle import BlueThrottle
from txzk.peer.effects import Effect, Report, Stop, WriteLog
from txzk.peer.measures import PipelineMeasures
from txzk.peer.request_throttler import RequestThrottler
from txzk.peer.snapshots import Snapshots
from txzk.peer.stats import ServerStats
from txzk.persistence.recovery import Recovered
from txzk.persistence.txnlog import LogWriter
from txzk.request.chain import RequestChain
from txzk.request.namespaces import NamespaceSums
from txzk.request.prep import PrepRequestProcessor
from txzk.request.reads import Reads
from txzk.trace.rate_logger import RateLogger

# In session ids; `conf` shows the configured id, which is 0 here.
_SERVER_ID: Final = 1
_EVENT_XID: Final = -1
_NODES_A_STEP: Final = 64

# Answers a four-letter word: (first bytes, server, connection, now_ms, wall_ms) to the whole answer, None where it is no such word.
FourLetterWords = Callable[[bytes, "StandaloneServer", ServerCnxn, int, int], bytes | None]


class StandaloneServer:
    """A standalone server; implements what ServerCnxn asks of its Core."""

    def __init__(
        self, config: ServerConfig, recovered: Recovered, registry: ProviderRegistry, random: Random,
        four_letter_words: FourLetterWords, now_ms: int,
    ) -> None:
        """
        :param recovered: what the data directory held.
        :param now_ms: monotonic time.
        """
        settings = config.settings
        self.config = config
        self.settings = settings
        self.tree = recovered.tree
        self.started_ms = now_ms
        self.stats = ServerStats()
        self.cnxns: dict[ServerCnxn, None] = {}
        self._cnxns_of_host: dict[str, int] = {}
        self.dirty: dict[ServerCnxn, None] = {}
        self.outstanding_requests = 0
        self.max_frame_bytes = settings.jute_max_buffer
        self.outstanding_limit = settings.global_outstanding_limit
        self._required_schemes = required_schemes(settings.enforce_auth_schemes, registry)
        self.requires_auth = bool(self._required_schemes)
        self.limits_large_requests = settings.large_request_threshold >= 0
        self._large_request_bytes = 0
        self.effects: list[Effect] = []
        self._rate_logger = RateLogger()
        self._connection_throttle = BlueThrottle(settings, random, now_ms)
        self._registry = registry
        self._checker = AclChecker(registry, settings.skip_acl)
        self._four_letter_words = four_letter_words
        self.tracker = SessionTracker(_SERVER_ID, config.tick_time, now_ms, recovered.sessions)
        self._by_session: dict[int, ServerCnxn] = {}
        self._log = LogWriter(
            config.log_dir, settings.pre_alloc_size_kb * 1024,
            settings.txn_log_size_limit_kb * 1024 if settings.txn_log_size_limit_kb > 0 else -1, settings.force_sync,
        )
        self._writing = False
        self._snapshots = Snapshots(config.snap_dir, settings, random)
        self._snapshot_writes = 0
        self._remove_orphans(recovered.sessions)
        self._prep = PrepRequestProcessor(
            self.tree, self.tracker, registry, settings, self._log.append, config.reconfig_enabled,
            self._over_quota,
        )
        self._chain = RequestChain(self.tree, self._prep)
        self._throttler = (
            RequestThrottler(settings, self._chain, self.stats.metrics, self._finished)
            if settings.request_throttle_max_requests > 0 else None
        )
        reads = Reads(self.tree, registry, settings, NamespaceSums(self.stats.metrics, "read_per_namespace"))
        self.readers = reads.readers
        self._measures = PipelineMeasures(self.stats, self.tree, self._prep, reads.child_lists, recovered)
        # When the batch that is being written, and the snapshot, were begun; when the last input came that can begin one.
        self._batch_began_ms = self._snapshot_began_ms = self._last_input_ms = now_ms
        self._next_container_check_ms = now_ms + settings.container_check_interval_ms
        self._event_key: tuple[int, str, int] | None = None
        self._event = b""
        for warning in recovered.warnings:
            self.effects.append(Report(warning, True))
        if recovered.loaded_txns:
            self._begin_snapshot(now_ms)

    def _remove_orphans(self, sessions: dict[int, int]) -> None:
        """Ephemeral nodes of sessions that the disk does not know must go before anybody sees them."""
        for session_id in [owner for owner in self.tree.ephemerals if owner not in sessions]:
            for path in list(self.tree.ephemerals[session_id]):
                self.tree.delete(path, self.tree.last_processed_zxid)

    def connected(self, remote_host: str, remote_port: int, now_ms: int, wall_ms: int) -> ServerCnxn | None:
        """A client has connected; None where a limit says to hang up at once."""
        total = self.settings.max_cnxns
        if total and len(self.cnxns) >= total:
            self.stats.metrics.count("connection_rejected")
            self._warn(f"refused {remote_host}: maxCnxns={total} connections are open", now_ms)
            return None
        per_host = self.config.max_client_cnxns
        of_host = self._cnxns_of_host.get(remote_host, 0)
        if per_host and of_host >= per_host:
            self.stats.metrics.count("connection_rejected")
            self._warn(f"refused {remote_host}: maxClientCnxns={per_host} connections of this address are open", now_ms)
            return None
        cnxn = ServerCnxn(self, remote_host, remote_port, now_ms, wall_ms)
        self.cnxns[cnxn] = None
        self._cnxns_of_host[remote_host] = of_host + 1
        return cnxn

    def disconnected(self, cnxn: ServerCnxn) -> None:
        """The transport of a connection is gone."""
        if not cnxn.closing:
            self.stats.metrics.count("connection_drop_count")
        self.outstanding_requests -= cnxn.outstanding
        cnxn.lost()
        del self.cnxns[cnxn]
        of_host = self._cnxns_of_host.pop(cnxn.remote_host) - 1
        if of_host:
            self._cnxns_of_host[cnxn.remote_host] = of_host
        self.dirty.pop(cnxn, None)
        if self._by_session.get(cnxn.session_id) is cnxn:
            del self._by_session[cnxn.session_id]
        self.tree.remove_watcher(cnxn)

    def four_letter_word(self, word: bytes, cnxn: ServerCnxn, now_ms: int, wall_ms: int) -> bytes | None:
        return self._four_letter_words(word, self, cnxn, now_ms, wall_ms)

    def connect(self, cnxn: ServerCnxn, request: records.ConnectRequest, now_ms: int, wall_ms: int) -> None:
        metrics = self.stats.metrics
        throttle = self._connection_throttle
        if not throttle.admits(request.sessionId == 0, now_ms):
            metrics.count("connection_rejected")
            self._warn("too many new sessions at once: connections are refused (connection_throttle_tokens)", now_ms)
            cnxn.close()
            return
        metrics.summaries["connection_token_deficit"].add(throttle.deficit)
        metrics.count("connection_request_count")
        if request.lastZxidSeen > self.tree.last_processed_zxid:
            cnxn.close()
            return
        low, high = self.config.min_session_timeout, self.config.max_session_timeout
        timeout = min(max(request.timeOut, low), high)
        cnxn.session_timeout_ms = timeout
        session_id = request.sessionId
        if session_id == 0:
            session_id = self.tracker.new_session_id()
            self.tracker.add(session_id, timeout, now_ms)
            self._by_session[session_id] = cnxn
            self.submit(cnxn.connect_request(session_id, records.encode_CreateSessionTxn(timeout), now_ms), wall_ms)
            return
        metrics.count("connection_revalidate_count")
        # The newcomer ends the older connection before it has shown the password, as in Java.
        older = self._by_session.get(session_id)
        if older is not None and older is not cnxn:
            older.close()
        if check_password(session_id, request.passwd) and self.tracker.renew(session_id, timeout, now_ms):
            self._by_session[session_id] = cnxn
            if self._chain.in_flight:
                # What the session wrote on its older connection must be seen by what it reads on this one.
                self._chain.pass_by(cnxn.connect_request(session_id, b"", now_ms), now_ms)
            else:
                cnxn.open_session(session_id)
        else:
            cnxn.refuse_session()

    def submit(self, request: Request, wall_ms: int) -> None:
        if request.op == opcodes.CREATE_SESSION:
            self.tracker.set_owner(request.session_id, LOCAL)
        self._last_input_ms = request.received_ms
        if self.limits_large_requests and len(request.body) > self.settings.large_request_threshold:
            self._large_request_bytes += len(request.body)
        if self._throttler is not None:
            self._throttler.submit(request, wall_ms)
        else:
            self._chain.submit(request, wall_ms)

    def fits(self, frame_bytes: int) -> bool:
        settings = self.settings
        if frame_bytes <= settings.large_request_threshold or self._large_request_bytes + frame_bytes <= settings.large_request_max_bytes:
            return True
        self.stats.metrics.count("large_requests_rejected")
        return False

    def _finished(self, request: Request) -> None:
        """A request has been answered, or never will be."""
        if self.limits_large_requests and request.client is not None and len(request.body) > self.settings.large_request_threshold:
            self._large_request_bytes -= len(request.body)

    def _over_quota(self, message: str, namespace: str, refused: bool, now_ms: int) -> None:
        if refused:
            self.stats.metrics.count_for("quota_exceeded_error_per_namespace", namespace)
        self._warn(message, now_ms)

    def _warn(self, message: str, now_ms: int) -> None:
        """Reports what may happen very often."""
        self.effects += [Report(line, True) for line in self._rate_logger.lines(message, now_ms)]

    @property
    def connection_drop_probability(self) -> float:
        """The chance of a new session to be turned away."""
        return self._connection_throttle.drop_probability

    def touch(self, cnxn: ServerCnxn, now_ms: int) -> bool:
        return self.tracker.touch(cnxn.session_id, now_ms)

    def authenticate(self, cnxn: ServerCnxn, scheme: str, data: bytes | None) -> bool:
        try:
            ids = self._registry.authenticate(scheme, cnxn.remote_host, data)
        except AuthFailedError:
            self.stats.auth_failed += 1
            return False
        except EnsembleMismatchError:
            self.stats.metrics.count("ensemble_auth_fail")
            cnxn.close()
            return False
        if scheme == "ensemble":
            asked = bool(data) and "zookeeper.ensembleAuthName" in self.config.properties
            self.stats.metrics.count("ensemble_auth_success" if asked else "ensemble_auth_skip")
        cnxn.ids = cnxn.ids + [id for id in ids if id not in cnxn.ids]
        return True

    def satisfies_auth(self, cnxn: ServerCnxn) -> bool:
        return satisfies(cnxn.ids, self._required_schemes)

    def event_frame(self, event_type: int, path: str, zxid: int) -> bytes:
        key = (event_type, path, zxid)
        if key != self._event_key:
            body = records.encode_ReplyHeader(_EVENT_XID, zxid, 0) + records.encode_WatcherEvent(
                event_type, SYNC_CONNECTED, path
            )
            self._event = len(body).to_bytes(4, "big") + body
            self._event_key = key
        return self._event

    def may_read(self, cnxn: ServerCnxn, acl: Acl) -> bool:
        return self._checker.allowed(acl, permissions.READ, cnxn.ids)

    def has_output(self, cnxn: ServerCnxn) -> None:
        self.dirty[cnxn] = None

    def take_effects(self) -> list[Effect]:
        """What is to be done now; to be called after every input."""
        if not self._writing:
            batch = self._log.take_batch()
            if batch is not None:
                self._writing = True
                self._batch_began_ms = self._last_input_ms
                self.effects.append(WriteLog(batch.ops, batch.last_zxid))
        effects = self.effects
        self.effects = []
        return effects

    def log_written(self, zxid: int, now_ms: int, wall_ms: int, sync_ms: int = 0) -> None:
        """Everything up to `zxid` is on disk.

        :param sync_ms: how long the disk was waited for in fdatasync.
        """
        self._writing = False
        self._last_input_ms = now_ms
        limits_large_requests = self.limits_large_requests
        done = self._chain.committed(zxid, now_ms)
        for request in done:
            if request.op == opcodes.CLOSE_SESSION:
                self._session_ended(request)
            if limits_large_requests:
                self._finished(request)
        if self._throttler is not None:
            self._throttler.try_again(now_ms, wall_ms)
        self._measures.flushed(done, self._chain.in_flight, self._batch_began_ms, now_ms, wall_ms, sync_ms)
        if sync_ms > self.settings.fsync_warning_threshold_ms:
            self.stats.fsync_threshold_exceeded += 1
            self.effects.append(Report(
                f"waiting for the disk (fdatasync) of the transaction log took {sync_ms} ms, which delays every write; "
                f"fsync.warningthresholdms is {self.settings.fsync_warning_threshold_ms}", True
            ))
        for cnxn in list(self.dirty):
            cnxn.resume(now_ms, wall_ms)
        if not self._snapshots.running and self._snapshots.due(self._log.txns_since_roll, self._log.bytes_since_roll):
            self._begin_snapshot(now_ms)

    def _begin_snapshot(self, now_ms: int) -> None:
        self._snapshots.draw()
        self._log.roll()
        self._snapshots.begin(self.tree, dict(self.tracker.timeouts))
        self._snapshot_began_ms = now_ms

    def _session_ended(self, request: Request) -> None:
        self.tracker.remove(request.session_id)
        cnxn = self._by_session.pop(request.session_id, None)
        if cnxn is not None and cnxn is not request.client:
            cnxn.close()

    @property
    def wants_snapshot_step(self) -> bool:
        """Whether `snapshot_step` should be called again soon: one is being written, and the disk keeps up."""
        return self._snapshots.running and self._snapshot_writes < 4

    def snapshot_step(self) -> None:
        """Does a little of the snapshot that is being written."""
        write = self._snapshots.step(_NODES_A_STEP)
        if write is not None:
            self._snapshot_writes += 1
            self.effects.append(write)

    def snapshot_written(self, now_ms: int) -> None:
        """What the oldest WriteSnapshot asked for is done."""
        self._snapshot_writes -= 1
        if self._snapshot_writes == 0 and not self._snapshots.running:
            self.stats.metrics.summaries["snapshottime"].add(now_ms - self._snapshot_began_ms)

    def failed(self, reason: str) -> None:
        """The disk failed: nothing that is not on disk will ever be acknowledged."""
        self.effects.append(Stop(reason))

    def deadline_ms(self, now_ms: int) -> int:
        """When `timer_fired` should be called next."""
        tick = self.config.tick_time
        next_ms = min((now_ms // tick + 1) * tick, now_ms + 1000)
        if self._throttler is not None and self._throttler.next_try_ms is not None:
            next_ms = min(next_ms, max(self._throttler.next_try_ms, now_ms))
        return next_ms

    def timer_fired(self, now_ms: int, wall_ms: int) -> None:
        """Ends what has waited too long: sessions, connections without a session, containers."""
        if self._throttler is not None:
            self._throttler.try_again(now_ms, wall_ms)
        for session_id in self.tracker.expired(now_ms):
            self._end_session(session_id, now_ms, wall_ms)
        oldest = now_ms - self.settings.sessionless_cnxn_timeout_ms
        for cnxn in [cnxn for cnxn in self.cnxns if not cnxn.session_id and not cnxn.closing and cnxn.started_ms <= oldest]:
            self.stats.metrics.count("sessionless_connections_expired")
            cnxn.close()
        if now_ms >= self._next_container_check_ms:
            self._check_containers(now_ms, wall_ms)

    def expire(self, session_id: int, now_ms: int, wall_ms: int) -> bool:
        """Ends a session as if its time were over; False where there is none, or its end has begun."""
        if session_id not in self.tracker.timeouts or self.tracker.is_closing(session_id):
            return False
        self.tracker.mark_closing(session_id)
        self._end_session(session_id, now_ms, wall_ms)
        return True

    def _end_session(self, session_id: int, now_ms: int, wall_ms: int) -> None:
        self.stats.metrics.count("stale_sessions_expired")
        self.effects.append(Report(f"session {session_id:#x} has expired"))
        self._chain.submit(Request(None, session_id, 0, opcodes.CLOSE_SESSION, b"", now_ms), wall_ms)

    def _check_containers(self, now_ms: int, wall_ms: int) -> None:
        settings = self.settings
        interval = settings.container_check_interval_ms
        self._next_container_check_ms = now_ms + interval
        most = max(1, settings.container_max_per_minute * interval // 60000)
        for path in containers.candidates(self.tree, wall_ms, settings.container_max_never_used_interval_ms, most):
            body = records.encode_DeleteContainerRequest(path)
            self._chain.submit(Request(None, 0, 0, opcodes.DELETE_CONTAINER, body, now_ms), wall_ms)
