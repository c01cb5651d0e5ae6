"""ZooKeeperServer: what every role of a server does for its clients.

It knows the connections, limits and throttles them, begins sessions, authenticates, reads. How a session is made or taken up again and what
becomes of a write is for the roles to say. Covered by tests/peer/test_standalone.py.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from random import Random
from typing import Any, Final, Protocol

from txzk.auth.check import AclChecker, required_schemes, satisfies
from txzk.auth.providers import EnsembleMismatchError, ProviderRegistry
from txzk.cnxn.server_cnxn import ServerCnxn
from txzk.config.server import ServerConfig
from txzk.database.acl_cache import Acl
from txzk.database.request import Client, Request
from txzk.database.sessions import SessionTracker, check_password
from txzk.database.watches import SYNC_CONNECTED
from txzk.defs import acl as permissions
from txzk.defs import opcodes
from txzk.defs.errors import AuthFailedError
from txzk.jute import records
from txzk.peer.connection_throttle import BlueThrottle
from txzk.peer.database import ZKDatabase
from txzk.peer.effects import Effect, Report
from txzk.peer.request_throttler import Pipeline, RequestThrottler
from txzk.peer.stats import ServerStats
from txzk.request.namespaces import NamespaceSums
from txzk.request.reads import Reads
from txzk.trace.metrics import Number
from txzk.trace.rate_logger import RateLogger

_EVENT_XID: Final = -1
_NO_MORE: Final = -1


class EnsembleView(Protocol):
    """What the monitoring commands ask about the ensemble that a server belongs to.

    :ivar proposal_bytes: of a leader, the size of its last, its smallest and its largest proposal; None for others.
    :ivar peer_state: what `mntr` calls zk_peer_state.
    """

    @property
    def proposal_bytes(self) -> tuple[int, int, int] | None: ...
    @property
    def peer_state(self) -> str: ...

    def figures(self, now_ms: int) -> Mapping[str, Number]:
        """What `mntr` has besides, by name without "zk_"."""


class MemberView(Protocol):
    """What `conf` tells of a server of an ensemble.

    :ivar sid: of the server.
    :ivar client_port: where clients connect at present.
    """

    sid: int

    @property
    def client_port(self) -> int: ...

    def conf(self, with_members: bool) -> str:
        """The lines behind those of every server.

        :param with_members: whether the configuration is among them.
        """


# Answers a four-letter word: (first bytes, server, connection, now_ms, wall_ms) to the whole answer, None where it is no such word.
FourLetterWords = Callable[[bytes, "ZooKeeperServer", ServerCnxn, int, int], bytes | None]


class ZooKeeperServer(ABC):
    """Serves clients in one role; implements what ServerCnxn asks of its Core.

    :ivar state: the role's name, as `srvr` and `mntr` show it.
    :ivar tracker: the sessions whose time this server watches.
    :ivar watches_global_sessions: whether those are among them that all servers know.
    :ivar local_sessions: whether there may be sessions that only this server knows.
    :ivar dirty: connections that have something to write; a member's role shares it with the connections between servers.
    :ivar outstanding_limit: as many requests may be under way before connections are read no further; below 0, a connection that has made one
        waits for `resume`.
    :ivar effects: what is to be done, besides what the database wants.
    :ivar ensemble: what is known of the ensemble; None for a server without one, or without a leader.
    :ivar member: what is known of this server as one of an ensemble; None for a standalone server.
    """

    state = ""
    read_only = False
    watches_global_sessions = True
    tracker: SessionTracker

    def __init__(
        self, config: ServerConfig, database: ZKDatabase, registry: ProviderRegistry, random: Random,
        four_letter_words: FourLetterWords, now_ms: int,
    ) -> None:
        """
        :param database: whose tree stays the same as long as the role lasts.
        :param now_ms: monotonic time.
        """
        settings = config.settings
        self.config = config
        self.settings = settings
        self.database = database
        self.tree = database.tree
        self.started_ms = now_ms
        self.stats = ServerStats(database.metrics)
        self.cnxns: dict[ServerCnxn, None] = {}
        self._cnxns_of_host: dict[str, int] = {}
        self.dirty: dict[Any, None] = {}
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
        self._by_session: dict[int, ServerCnxn] = {}
        self._throttler: RequestThrottler | None = None
        self._reads = Reads(self.tree, registry, settings, NamespaceSums(self.stats.metrics, "read_per_namespace"))
        self.readers = self._reads.readers
        self._event_key: tuple[int, str, int] | None = None
        self._event = b""
        self.ensemble: EnsembleView | None = None
        self.member: MemberView | None = None
        self.local_sessions = False

    def _enter_by(self, pipeline: Pipeline) -> None:
        """Lets writes into `pipeline` as the throttle says; to be called at the beginning."""
        self._pipeline = pipeline
        if self.settings.request_throttle_max_requests > 0:
            self._throttler = RequestThrottler(self.settings, pipeline, self.stats.metrics, self._finished)

    # Connections

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

    def shutdown(self) -> None:
        """The role is over: every connection ends, and nothing that waits will be answered."""
        for cnxn in self.cnxns:
            cnxn.close()
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
        if request.lastZxidSeen > self.tree.last_processed_zxid or (self.read_only and not request.readOnly):
            cnxn.close()
            return
        low, high = self.config.min_session_timeout, self.config.max_session_timeout
        timeout = min(max(request.timeOut, low), high)
        cnxn.session_timeout_ms = timeout
        session_id = request.sessionId
        if session_id == 0:
            session_id = self.tracker.new_session_id()
            self._by_session[session_id] = cnxn
            self._create_session(cnxn, session_id, timeout, now_ms, wall_ms)
            return
        metrics.count("connection_revalidate_count")
        # The newcomer ends the older connection before it has shown the password, as in Java.
        older = self._by_session.get(session_id)
        if older is not None and older is not cnxn:
            older.close()
        if check_password(session_id, request.passwd):
            self._reopen_session(cnxn, session_id, timeout, now_ms)
        else:
            cnxn.refuse_session()

    @abstractmethod
    def _create_session(self, cnxn: ServerCnxn, session_id: int, timeout_ms: int, now_ms: int, wall_ms: int) -> None:
        """Makes the session, which ends in `cnxn.open_session` or goes through the pipeline."""

    @abstractmethod
    def _reopen_session(self, cnxn: ServerCnxn, session_id: int, timeout_ms: int, now_ms: int) -> None:
        """Takes up a session whose password is right, or refuses it."""

    def submit(self, request: Request, wall_ms: int) -> None:
        self.database.input_ms = request.received_ms
        if self.limits_large_requests and len(request.body) > self.settings.large_request_threshold:
            self._large_request_bytes += len(request.body)
        if self._throttler is not None:
            self._throttler.submit(request, wall_ms)
        else:
            self._pipeline.submit(request, wall_ms)

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

    # What the roles share

    def flushed(self, now_ms: int, wall_ms: int, sync_ms: int) -> None:
        """A batch of the log is on disk: warns where that was slow.

        :param sync_ms: how long it was waited for in fdatasync.
        """
        if sync_ms > self.settings.fsync_warning_threshold_ms:
            self.stats.fsync_threshold_exceeded += 1
            self.effects.append(Report(
                f"waiting for the disk (fdatasync) of the transaction log took {sync_ms} ms, which delays every write; "
                f"fsync.warningthresholdms is {self.settings.fsync_warning_threshold_ms}", True
            ))

    def _answered(self, done: Iterable[Request], now_ms: int, wall_ms: int) -> None:
        """Requests have been executed: ends their sessions, and lets others in."""
        for request in done:
            if request.op == opcodes.CLOSE_SESSION or self.limits_large_requests:
                self._done(request)
        if self._throttler is not None:
            self._throttler.try_again(now_ms, wall_ms)

    def _done(self, request: Request) -> None:
        """A request has been executed."""
        if request.op == opcodes.CLOSE_SESSION:
            self._session_ended(request.session_id, request.client)
        self._finished(request)

    def _session_ended(self, session_id: int, client: Client | None) -> None:
        """A session is over.

        :param client: the connection that asked for it, which ends by itself.
        """
        self.tracker.remove(session_id)
        cnxn = self._by_session.pop(session_id, None)
        if cnxn is not None and cnxn is not client:
            cnxn.close()

    @property
    def local_session_count(self) -> int:
        """How many sessions there are that only this server knows."""
        return sum(session.local for session in self.tracker.sessions.values())

    def _hold_back(self) -> None:
        """Nothing more can be taken on: connections with a request under way wait, even when it is answered."""
        self.outstanding_limit = _NO_MORE

    def resume(self, now_ms: int, wall_ms: int) -> None:
        """Requests are taken again."""
        self.outstanding_limit = self.settings.global_outstanding_limit
        for cnxn in self.cnxns:
            if cnxn.stalled:
                cnxn.resume(now_ms, wall_ms)
                self.dirty[cnxn] = None

    def _resume(self, done: Iterable[Request], now_ms: int, wall_ms: int) -> None:
        """Lets the connections of requests that are answered look again at input that waited."""
        if self.outstanding_limit < 0:
            return
        for request in done:
            client = request.client
            if isinstance(client, ServerCnxn):
                client.resume(now_ms, wall_ms)

    def deadline_ms(self, now_ms: int) -> int:
        """When `timer_fired` should be called next."""
        tick = self.config.tick_time
        next_ms = min((now_ms // tick + 1) * tick, now_ms + 1000)
        if self._throttler is not None and self._throttler.next_try_ms is not None:
            next_ms = min(next_ms, max(self._throttler.next_try_ms, now_ms))
        return next_ms

    def timer_fired(self, now_ms: int, wall_ms: int) -> None:
        """Ends what has waited too long: sessions, connections without a session."""
        if self._throttler is not None:
            self._throttler.try_again(now_ms, wall_ms)
        for session_id in self.tracker.expired(now_ms):
            self._end_session(session_id, now_ms, wall_ms)
        oldest = now_ms - self.settings.sessionless_cnxn_timeout_ms
        for cnxn in [cnxn for cnxn in self.cnxns if not cnxn.session_id and not cnxn.closing and cnxn.started_ms <= oldest]:
            self.stats.metrics.count("sessionless_connections_expired")
            cnxn.close()

    @abstractmethod
    def _end_session(self, session_id: int, now_ms: int, wall_ms: int) -> None:
        """The time of a session is over."""
