"""Four-letter words: the questions that an operator asks with `nc`, in the shapes that Java 3.9.5 gives them (8.1, 8.2).

Covered by tests/peer/test_four_letter_words.py and, against a Java server, tests/system/test_four_letter_words.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, Protocol

from txzk.cnxn.server_cnxn import ServerCnxn
from txzk.config.server import ServerConfig
from txzk.peer import monitor
from txzk.quorum.servers import delimited
from txzk.trace.metrics import shown

if TYPE_CHECKING:
    from txzk.peer.server import ZooKeeperServer

# What clients parse: the release whose behaviour this is, then who made it.
VERSION: Final = "3.9.5-txzk, built on 2026-11-21 00:00 UTC"
_TRACE_MASK: Final = 306
_TELNET_CLOSE: Final = b"\xff\xf4\xff\xfd"
_BYTES_OF_STMK: Final = 8
_WORD_BYTES: Final = 4
# Java counts a packet for each piece of an answer.
_CHUNK_BYTES: Final = 8192
# What is answered where there is no role in which clients are served.
_NOT_SERVING: Final = "This ZooKeeper instance is not currently serving requests\n"
_ALWAYS: Final = frozenset({"envi", "gtmk", "isro", "ruok"})


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
        self._trace_mask = _TRACE_MASK
        self._words: dict[str, Callable[[ZooKeeperServer, int, int], str]] = {
            "conf": self._conf, "cons": self._cons, "crst": self._crst, "dirs": self._dirs, "dump": self._dump, "envi": self._envi,
            "gtmk": self._gtmk, "hash": self._hash, "isro": self._isro, "mntr": self._mntr, "ruok": self._ruok, "srst": self._srst,
            "srvr": self._srvr, "stat": self._stat, "stmk": self._gtmk, "wchc": self._wchc, "wchp": self._wchp, "wchs": self._wchs,
        }

    def __call__(self, data: bytes, server: ZooKeeperServer, cnxn: ServerCnxn, now_ms: int, wall_ms: int) -> bytes | None:
        """The whole answer to a word, None where it is none; the connection is closed behind it.

        :param data: the word, and what came with it.
        """
        answer = self._answer(data, server, cnxn, now_ms, wall_ms)
        if answer:
            for _ in range(-(-len(answer) // _CHUNK_BYTES)):
                cnxn.sent()
        return answer

    def _answer(self, data: bytes, server: ZooKeeperServer, cnxn: ServerCnxn, now_ms: int, wall_ms: int) -> bytes | None:
        word = data[:_WORD_BYTES]
        if word == _TELNET_CLOSE:
            cnxn.received(_WORD_BYTES)
            return self._refusal("telnet close")
        name = word.decode("ascii", "replace")
        answer = self._words.get(name)
        if answer is None:
            return None
        cnxn.received(_WORD_BYTES)
        allowed = self._config.settings.four_letter_word_whitelist
        if "*" not in allowed and name not in allowed:
            return self._refusal(name)
        if name == "stmk":
            return self._stmk(data[_WORD_BYTES:])
        if not server.state and name not in _ALWAYS:
            return _NOT_SERVING.encode()
        return answer(server, now_ms, wall_ms).encode()

    def _refusal(self, name: str) -> bytes:
        return f"{name} is not executed because it is not in the whitelist.\n".encode()

    def _conf(self, server: ZooKeeperServer, now_ms: int, wall_ms: int) -> str:
        config = self._config
        member = server.member
        return (
            f"clientPort={config.client_port if member is None else member.client_port}\nsecureClientPort=-1\ndataDir={config.snap_dir}\n"
            f"dataDirSize={self._folders.folder_size(config.snap_dir)}\ndataLogDir={config.log_dir}\n"
            f"dataLogSize={self._folders.folder_size(config.log_dir)}\ntickTime={config.tick_time}\n"
            f"maxClientCnxns={config.max_client_cnxns}\nminSessionTimeout={config.min_session_timeout}\n"
            f"maxSessionTimeout={config.max_session_timeout}\nclientPortListenBacklog={config.client_port_listen_backlog}\n"
            f"serverId={0 if member is None else member.sid}\n"
        ) + ("" if member is None else member.conf(not server.read_only))

    def _cons(self, server: ZooKeeperServer, now_ms: int, wall_ms: int) -> str:
        return "".join(f"{self._connection(cnxn, False)}\n" for cnxn in server.cnxns) + "\n"

    def _connection(self, cnxn: ServerCnxn, brief: bool) -> str:
        shown = (
            f" /{delimited(cnxn.remote_host)}:{cnxn.remote_port}[{0 if not cnxn.session_id else 1}](queued={cnxn.outstanding},"
            f"recved={cnxn.packets_received},sent={cnxn.packets_sent}"
        )
        if brief or not cnxn.session_id:
            return shown + ")"
        average = cnxn.latency_total // cnxn.latency_count if cnxn.latency_count else 0
        last_cxid = f"lcxid={cnxn.last_cxid:#x}," if cnxn.last_cxid >= 0 else ""
        return (
            f"{shown},sid={cnxn.session_id & 0xFFFFFFFFFFFFFFFF:#x},lop={cnxn.last_op},est={cnxn.established_wall_ms},"
            f"to={cnxn.session_timeout_ms},{last_cxid}lzxid={cnxn.last_zxid & 0xFFFFFFFFFFFFFFFF:#x},lresp={cnxn.last_response_ms},llat={cnxn.last_latency_ms},"
            f"minlat={max(cnxn.min_latency_ms, 0)},avglat={average},maxlat={cnxn.max_latency_ms})"
        )

    def _crst(self, server: ZooKeeperServer, now_ms: int, wall_ms: int) -> str:
        for cnxn in server.cnxns:
            cnxn.reset_stats()
        return "Connection stats reset.\n"

    def _srst(self, server: ZooKeeperServer, now_ms: int, wall_ms: int) -> str:
        server.stats.reset()
        return "Server stats reset.\n"

    def _dirs(self, server: ZooKeeperServer, now_ms: int, wall_ms: int) -> str:
        size = self._folders.folder_size
        return f"datadir_size: {size(self._config.snap_dir)}\nlogdir_size: {size(self._config.log_dir)}\n"

    def _dump(self, server: ZooKeeperServer, now_ms: int, wall_ms: int) -> str:
        interval = self._config.settings.sessionless_cnxn_timeout_ms
        text = ["SessionTracker dump:", *_sessions(server, wall_ms - now_ms)]
        owners = server.tree.ephemerals
        text += ["ephemeral nodes dump:", f"Sessions with Ephemerals ({len(owners)}):"]
        for owner, owned in owners.items():
            text.append(f"{_hex(owner)}:")
            text += [f"\t{path}" for path in owned]
        idle: dict[int, list[ServerCnxn]] = {}
        for cnxn in server.cnxns:
            limit = cnxn.session_timeout_ms or interval
            active_ms = max(cnxn.started_ms, cnxn.last_response_ms)
            idle.setdefault((active_ms + limit) // interval * interval + interval, []).append(cnxn)
        text += ["Connections dump:", f"Connections Sets ({len(idle)})/({len(server.cnxns)}):"]
        for deadline in sorted(idle):
            text.append(f"{len(idle[deadline])} expire at {_date(wall_ms + deadline - now_ms)}:")
            text += [
                f"\tip: /{delimited(cnxn.remote_host)}:{cnxn.remote_port} sessionId: {_hex(cnxn.session_id)}" for cnxn in idle[deadline]
            ]
        return "\n".join(text) + "\n"

    def _envi(self, server: ZooKeeperServer, now_ms: int, wall_ms: int) -> str:
        lines = [f"{key}={value}" for key, value in {"zookeeper.version": VERSION, **self._environment}.items()]
        return "Environment:\n" + "\n".join(lines) + "\n"

    def _gtmk(self, server: ZooKeeperServer, now_ms: int, wall_ms: int) -> str:
        return str(self._trace_mask)

    def _stmk(self, mask: bytes) -> bytes:
        """The mask steers Java's trace log, which has no counterpart here: it is kept and shown. Without a mask there is no answer."""
        if len(mask) < _BYTES_OF_STMK:
            return b""
        self._trace_mask = int.from_bytes(mask[:_BYTES_OF_STMK], "big", signed=True)
        return str(self._trace_mask).encode()

    def _hash(self, server: ZooKeeperServer, now_ms: int, wall_ms: int) -> str:
        return "".join(f"{zxid:x}: {digest}\n" for zxid, digest in server.tree.digest_log)

    def _isro(self, server: ZooKeeperServer, now_ms: int, wall_ms: int) -> str:
        return "ro" if server.read_only else "rw" if server.state else "null"

    def _ruok(self, server: ZooKeeperServer, now_ms: int, wall_ms: int) -> str:
        return "imok"

    def _srvr(self, server: ZooKeeperServer, now_ms: int, wall_ms: int) -> str:
        return f"{self._first_lines(server)}{self._figures(server)}"

    def _stat(self, server: ZooKeeperServer, now_ms: int, wall_ms: int) -> str:
        clients = "".join(f"{self._connection(cnxn, True)}\n" for cnxn in server.cnxns)
        return f"{self._first_lines(server)}Clients:\n{clients}\n{self._figures(server)}"

    def _first_lines(self, server: ZooKeeperServer) -> str:
        read_only = "READ-ONLY mode; serving only read-only clients\n" if server.read_only else ""
        return f"Zookeeper version: {VERSION}\n{read_only}"

    def _figures(self, server: ZooKeeperServer) -> str:
        stats = server.stats
        latency = stats.latency
        sizes = server.ensemble.proposal_bytes if server.ensemble is not None else None
        proposals = f"Proposal sizes last/min/max: {sizes[0]}/{sizes[1]}/{sizes[2]}\n" if sizes is not None else ""
        return (
            f"Latency min/avg/max: {latency.minimum}/{shown(latency.average)}/{latency.maximum}\n"
            f"Received: {stats.packets_received}\nSent: {stats.packets_sent}\nConnections: {len(server.cnxns)}\n"
            f"Outstanding: {server.outstanding_requests}\nZxid: {server.tree.last_processed_zxid:#x}\n"
            f"Mode: {server.state}\nNode count: {server.tree.node_count}\n{proposals}"
        )

    def _mntr(self, server: ZooKeeperServer, now_ms: int, wall_ms: int) -> str:
        opened, most = self._folders.descriptors()
        peer = f"zk_peer_state\t{server.ensemble.peer_state}\n" if server.ensemble is not None else ""
        return f"zk_version\t{VERSION}\nzk_server_state\t{server.state}\n{peer}" + "".join(
            f"zk_{name}\t{shown(value)}\n" for name, value in monitor.figures(server, opened, most, now_ms)
        )

    def _wchs(self, server: ZooKeeperServer, now_ms: int, wall_ms: int) -> str:
        watches = server.tree.data_watches
        return f"{watches.watcher_count} connections watching {watches.path_count} paths\nTotal watches:{watches.watch_count}\n"

    def _wchc(self, server: ZooKeeperServer, now_ms: int, wall_ms: int) -> str:
        by_session: dict[int, list[str]] = {}
        for path, watchers in server.tree.data_watches.by_path().items():
            for watcher in watchers:
                by_session.setdefault(watcher.session_id, []).append(path)
        return _groups({_hex(session_id): paths for session_id, paths in by_session.items()})

    def _wchp(self, server: ZooKeeperServer, now_ms: int, wall_ms: int) -> str:
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


def _sessions(server: ZooKeeperServer, clock_ms: int) -> list[str]:
    """The lines of `dump` about sessions: by their deadlines where this server watches over them, otherwise by their ids.

    :param clock_ms: what makes a monotonic time one since 1970.
    """
    tracker = server.tracker
    buckets = tracker.expiry_map()
    if not server.local_sessions and server.watches_global_sessions:
        return _session_sets("", buckets, clock_ms)
    local, others = (
        {deadline: found for deadline, ids in buckets.items() if (found := [id for id in ids if tracker.is_local(id) is kind])} for kind in (True, False)
    )
    lines = _session_sets("Local ", local, clock_ms) if server.local_sessions else []
    if server.watches_global_sessions:
        return lines + _session_sets("Global ", others, clock_ms)
    sessions = server.tree.sessions
    return [*lines, f"Global Sessions({len(sessions)}):", *(f"{_hex(id)}\t{sessions[id]}ms" for id in sorted(sessions))]


def _session_sets(kind: str, buckets: Mapping[int, list[int]], clock_ms: int) -> list[str]:
    lines = [f"{kind}Session Sets ({len(buckets)})/({sum(map(len, buckets.values()))}):"]
    for deadline, ids in buckets.items():
        lines.append(f"{len(ids)} expire at {_date(deadline + clock_ms)}:")
        lines += [f"\t{_hex(session_id)}" for session_id in ids]
    return lines
