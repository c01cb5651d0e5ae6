"""Four-letter words: the questions that an operator asks with `nc`, in the shapes that Java 3.9.5 gives them (8.1, 8.2).

Covered by tests/peer/test_four_letter_words.py and, against a Java server, tests/system/test_four_letter_words.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, Protocol

from txzk.cnxn.server_cnxn import ServerCnxn
from txzk.config.server import ServerConfig

if TYPE_CHECKING:
    from txzk.peer.standalone import StandaloneServer

# What clients parse: the release whose behaviour this is, then who made it.
VERSION: Final = "3.9.5-txzk, built on 2026-11-21 00:00 UTC"
_TRACE_MASK: Final = 306
_TELNET_CLOSE: Final = b"\xff\xf4\xff\xfd"
_BYTES_OF_STMK: Final = 8


class Folders(Protocol):
    """What `conf`, `dirs` and `mntr` ask of the operating system."""

    def folder_size(self, path: str) -> int:
        """Bytes of the files in a folder."""

    def descriptors(self) -> tuple[int, int]:
        """How many file descriptors are open, and how many may be."""


class Answerer:
    """Answers the words that the white list allows."""

    def __init__(self, config: ServerConfig, folders: Folders, environment: Mapping[str, str]) -> None:
        """
        :param environment: what `envi` shows, in its order.
        """
        self._config = config
        self._folders = folders
        self._environment = environment
        self._words: dict[str, Callable[[StandaloneServer, int, int], str]] = {
            "conf": self._conf, "cons": self._cons, "crst": self._crst, "dirs": self._dirs, "dump": self._dump, "envi": self._envi,
            "gtmk": self._gtmk, "hash": self._hash, "isro": self._isro, "mntr": self._mntr, "ruok": self._ruok, "srst": self._srst,
            "srvr": self._srvr, "stat": self._stat, "stmk": self._stmk, "wchc": self._wchc, "wchp": self._wchp, "wchs": self._wchs,
        }

    def __call__(self, word: bytes, server: StandaloneServer, now_ms: int, wall_ms: int) -> bytes | None:
        """The whole answer to a word, None where it is none; the connection is closed behind it."""
        if word == _TELNET_CLOSE:
            return self._refusal("telnet close")
        name = word.decode("ascii", "replace")
        answer = self._words.get(name)
        if answer is None:
            return None
        allowed = self._config.settings.four_letter_word_whitelist
        if "*" not in allowed and name not in allowed:
            return self._refusal(name)
        return answer(server, now_ms, wall_ms).encode()

    def _refusal(self, name: str) -> bytes:
        return f"{name} is not executed because it is not in the whitelist.\n".encode()

    def _conf(self, server: StandaloneServer, now_ms: int, wall_ms: int) -> str:
        config = self._config
        snap_dir = f"{config.data_dir}/version-2"
        log_dir = f"{config.data_log_dir}/version-2"
        return (
            f"clientPort={config.client_port}\nsecureClientPort=-1\ndataDir={snap_dir}\n"
            f"dataDirSize={self._folders.folder_size(snap_dir)}\ndataLogDir={log_dir}\n"
            f"dataLogSize={self._folders.folder_size(log_dir)}\ntickTime={config.tick_time}\n"
            f"maxClientCnxns={config.max_client_cnxns}\nminSessionTimeout={config.min_session_timeout}\n"
            f"maxSessionTimeout={config.max_session_timeout}\nclientPortListenBacklog={config.client_port_listen_backlog}\n"
            "serverId=0\n"
        )

    def _cons(self, server: StandaloneServer, now_ms: int, wall_ms: int) -> str:
        return "".join(f"{self._connection(cnxn, False)}\n" for cnxn in server.cnxns) + "\n"

    def _connection(self, cnxn: ServerCnxn, brief: bool) -> str:
        shown = (
            f" /{cnxn.remote_host}:{cnxn.remote_port}[{0 if not cnxn.session_id else 1}](queued={cnxn.outstanding},"
            f"recved={cnxn.packets_received},sent={cnxn.packets_sent}"
        )
        if brief or not cnxn.session_id:
            return shown + ")"
        average = cnxn.latency_total // cnxn.latency_count if cnxn.latency_count else 0
        return (
            f"{shown},sid={cnxn.session_id & 0xFFFFFFFFFFFFFFFF:#x},lop={cnxn.last_op},est={cnxn.established_wall_ms},"
            f"to={cnxn.session_timeout_ms},lcxid={cnxn.last_cxid & 0xFFFFFFFFFFFFFFFF:#x},"
            f"lzxid={cnxn.last_zxid & 0xFFFFFFFFFFFFFFFF:#x},lresp={cnxn.last_response_ms},llat={cnxn.last_latency_ms},"
            f"minlat={max(cnxn.min_latency_ms, 0)},avglat={average},maxlat={cnxn.max_latency_ms})"
        )

    def _crst(self, server: StandaloneServer, now_ms: int, wall_ms: int) -> str:
        for cnxn in server.cnxns:
            cnxn.reset_stats()
        return "Connection stats reset.\n"

    def _srst(self, server: StandaloneServer, now_ms: int, wall_ms: int) -> str:
        server.stats.reset()
        return "Server stats reset.\n"

    def _dirs(self, server: StandaloneServer, now_ms: int, wall_ms: int) -> str:
        size = self._folders.folder_size
        return f"datadir_size: {size(f'{self._config.data_dir}/version-2')}\nlogdir_size: {size(f'{self._config.data_log_dir}/version-2')}\n"

    def _dump(self, server: StandaloneServer, now_ms: int, wall_ms: int) -> str:
        tick = self._config.tick_time
        buckets = server.tracker.expiry_map()
        text = ["SessionTracker dump:", f"Session Sets ({len(buckets)})/({len(server.tracker.sessions)}):"]
        for deadline, ids in buckets.items():
            text.append(f"{len(ids)} expire at {_date(wall_ms + deadline - now_ms)}:")
            text += [f"\t{_hex(session_id)}" for session_id in ids]
        owners = server.tree.ephemerals
        text += ["ephemeral nodes dump:", f"Sessions with Ephemerals ({len(owners)}):"]
        for owner, owned in owners.items():
            text.append(f"{_hex(owner)}:")
            text += [f"\t{path}" for path in owned]
        idle: dict[int, list[ServerCnxn]] = {}
        for cnxn in server.cnxns:
            limit = cnxn.session_timeout_ms if cnxn.session_id else self._config.settings.sessionless_cnxn_timeout_ms
            idle.setdefault((now_ms + limit) // tick * tick + tick, []).append(cnxn)
        text += ["Connections dump:", f"Connections Sets ({len(idle)})/({len(server.cnxns)}):"]
        for deadline in sorted(idle):
            text.append(f"{len(idle[deadline])} expire at {_date(wall_ms + deadline - now_ms)}:")
            text += [
                f"\tip: /{cnxn.remote_host}:{cnxn.remote_port} sessionId: {_hex(cnxn.session_id)}" for cnxn in idle[deadline]
            ]
        return "\n".join(text) + "\n"

    def _envi(self, server: StandaloneServer, now_ms: int, wall_ms: int) -> str:
        lines = [f"{key}={value}" for key, value in {"zookeeper.version": VERSION, **self._environment}.items()]
        return "Environment:\n" + "\n".join(lines) + "\n"

    def _gtmk(self, server: StandaloneServer, now_ms: int, wall_ms: int) -> str:
        return str(_TRACE_MASK)

    def _stmk(self, server: StandaloneServer, now_ms: int, wall_ms: int) -> str:
        """The mask steers Java's trace log, which has no counterpart here: it stays what it is."""
        return str(_TRACE_MASK)

    def _hash(self, server: StandaloneServer, now_ms: int, wall_ms: int) -> str:
        return "".join(f"{zxid:x}: {digest}\n" for zxid, digest in server.tree.digest_log)

    def _isro(self, server: StandaloneServer, now_ms: int, wall_ms: int) -> str:
        return "rw"

    def _ruok(self, server: StandaloneServer, now_ms: int, wall_ms: int) -> str:
        return "imok"

    def _srvr(self, server: StandaloneServer, now_ms: int, wall_ms: int) -> str:
        return f"Zookeeper version: {VERSION}\n{self._figures(server)}"

    def _stat(self, server: StandaloneServer, now_ms: int, wall_ms: int) -> str:
        clients = "".join(f"{self._connection(cnxn, True)}\n" for cnxn in server.cnxns)
        return f"Zookeeper version: {VERSION}\nClients:\n{clients}\n{self._figures(server)}"

    def _figures(self, server: StandaloneServer) -> str:
        stats = server.stats
        return (
            f"Latency min/avg/max: {stats.shown_min_latency_ms}/{stats.avg_latency_ms}/{stats.max_latency_ms}\n"
            f"Received: {stats.packets_received}\nSent: {stats.packets_sent}\nConnections: {len(server.cnxns)}\n"
            f"Outstanding: {server.outstanding_requests}\nZxid: {server.tree.last_processed_zxid:#x}\n"
            f"Mode: standalone\nNode count: {server.tree.node_count}\n"
        )

    def _mntr(self, server: StandaloneServer, now_ms: int, wall_ms: int) -> str:
        stats = server.stats
        tree = server.tree
        opened, most = self._folders.descriptors()
        figures: dict[str, object] = {
            "version": VERSION, "server_state": "standalone", "ephemerals_count": tree.ephemerals_count,
            "num_alive_connections": len(server.cnxns), "avg_latency": stats.avg_latency_ms,
            "outstanding_requests": server.outstanding_requests, "znode_count": tree.node_count,
            "global_sessions": len(server.tracker.sessions), "non_mtls_remote_conn_count": 0,
            "last_client_response_size": stats.last_response_size, "packets_sent": stats.packets_sent,
            "packets_received": stats.packets_received, "max_client_response_size": stats.max_response_size,
            "connection_drop_probability": 0.0, "watch_count": tree.watch_count, "auth_failed_count": stats.auth_failed,
            "min_latency": stats.shown_min_latency_ms, "max_file_descriptor_count": most,
            "approximate_data_size": tree.approximate_data_size(), "open_file_descriptor_count": opened, "local_sessions": 0,
            "uptime": now_ms - server.started_ms, "max_latency": stats.max_latency_ms, "outstanding_tls_handshake": 0,
            "min_client_response_size": stats.min_response_size, "non_mtls_local_conn_count": 0,
            "digest_mismatches_count": tree.digest_mismatches, "connection_request_count": stats.connection_requests,
            "connection_rejected": stats.connections_rejected, "stale_sessions_expired": stats.sessions_expired,
            "sessionless_connections_expired": stats.sessionless_expired,
        }
        return "".join(f"zk_{name}\t{value}\n" for name, value in figures.items())

    def _wchs(self, server: StandaloneServer, now_ms: int, wall_ms: int) -> str:
        watches = server.tree.data_watches
        return f"{watches.watcher_count} connections watching {watches.path_count} paths\nTotal watches:{watches.watch_count}\n"

    def _wchc(self, server: StandaloneServer, now_ms: int, wall_ms: int) -> str:
        by_session: dict[int, list[str]] = {}
        for path, watchers in server.tree.data_watches.by_path().items():
            for watcher in watchers:
                by_session.setdefault(watcher.session_id, []).append(path)
        return _groups({_hex(session_id): paths for session_id, paths in by_session.items()})

    def _wchp(self, server: StandaloneServer, now_ms: int, wall_ms: int) -> str:
        table = server.tree.data_watches.by_path()
        return _groups({path: [_hex(watcher.session_id) for watcher in watchers] for path, watchers in table.items()})


def _groups(groups: Mapping[str, list[str]]) -> str:
    """Each head on a line, its members indented below."""
    return "".join(f"{head}\n" + "".join(f"\t{member}\n" for member in members) for head, members in groups.items()) + "\n"


def _hex(session_id: int) -> str:
    return f"{session_id & 0xFFFFFFFFFFFFFFFF:#x}"


def _date(wall_ms: int) -> str:
    """A moment as java.util.Date prints it."""
    return datetime.fromtimestamp(wall_ms / 1000, UTC).strftime("%a %b %d %H:%M:%S UTC %Y")
