"""What a configuration says of the ensemble (7.2, 6.6). Covered by tests/config/test_quorum.py."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from txzk.config.dynamic_files import next_path, version_of
from txzk.config.keys import ConfigError, Key
from txzk.config.properties import parse
from txzk.config.settings import Settings
from txzk.config.table_cfg import CFG
from txzk.quorum.servers import QuorumConfigError, QuorumServer, is_any
from txzk.quorum.text import GROUP, SERVER, VERSION, WEIGHT, check_ensemble, parse_config, parse_verifier
from txzk.quorum.verifiers import QuorumVerifier

MYID: Final = "myid"

_DYNAMIC: Final = "dynamicConfigFile"
_MEMBERS: Final = (SERVER, GROUP, WEIGHT)
# Nodes with a time to live leave this much of their owner to the number of a server (ZOOKEEPER-2901).
_LAST_SID_WITH_TTL: Final = 254
_KEYS: Final[Mapping[str, Key]] = {key.name: key for key in CFG}

Read = Callable[[str], str]


@dataclass(frozen=True)
class QuorumConfig:
    """The part of a configuration that only a server of an ensemble has; what is not explained here is in the table of keys.

    Limits are in ticks. `verifier` is the configuration of the ensemble that counts, `last_seen_verifier` the one that was proposed last, where it
    is newer, and the same otherwise. `observer` is what the server lines say of this server. `config_path` is the zoo.cfg, None where the
    configuration was not read from a file; `dynamic_path` the file of the server lines, None where they stand in the zoo.cfg.
    """

    sid: int
    verifier: QuorumVerifier
    last_seen_verifier: QuorumVerifier
    observer: bool
    config_path: str | None
    dynamic_path: str | None
    init_limit: int
    sync_limit: int
    connect_to_learner_master_limit: int
    election_alg: int
    listen_on_all_ips: bool
    standalone_enabled: bool
    reconfig_enabled: bool
    sync_enabled: bool
    observer_master_port: int
    local_sessions_enabled: bool
    local_sessions_upgrading_enabled: bool
    multi_address_enabled: bool
    multi_address_reachability_check_enabled: bool
    multi_address_reachability_check_timeout_ms: int

    @property
    def server(self) -> QuorumServer:
        """This server."""
        return self.verifier.servers[self.sid]


def read_verifier(entries: Mapping[str, str], values: Mapping[str, Any], path: str, read: Read) -> QuorumVerifier:
    """The servers that a configuration names, in its file or in its dynamic one.

    :param entries: of the zoo.cfg.
    :param values: of its keys, converted.
    :param read: gives the text of a file, or raises ConfigError.
    :raises ConfigError: naming file, key, value and what is expected.
    """
    dynamic = values[_DYNAMIC]
    origin = dynamic or path
    try:
        if dynamic:
            verifier = _dynamic(entries, values, path, read)
        else:
            verifier = parse_verifier(entries, _oracle(values, read))
        check_ensemble(verifier, values["standaloneEnabled"], values["multiAddress.enabled"])
    except QuorumConfigError as error:
        raise ConfigError(f"{origin}: {error}") from None
    return verifier


def is_distributed(verifier: QuorumVerifier, values: Mapping[str, Any]) -> bool:
    """Whether the servers are an ensemble, and not one that runs alone.

    :param values: of the keys of the zoo.cfg, converted.
    """
    return len(verifier.voters) > 1 or not values["standaloneEnabled"]


def read_quorum(
    verifier: QuorumVerifier, values: Mapping[str, Any], path: str, config_path: str | None, data_dir: str, settings: Settings, read: Read,
) -> QuorumConfig:
    """All that a configuration says of the ensemble.

    :param values: of the keys of the zoo.cfg, converted.
    :param path: of the zoo.cfg, for messages.
    :param config_path: of the zoo.cfg, where there is one.
    :param read: gives the text of a file, or raises ConfigError.
    :raises ConfigError: naming file, key, value and what is expected.
    """
    for name in ("initLimit", "syncLimit"):
        if values[name] == 0:
            raise ConfigError(f"{path}: {name} is not set: {_KEYS[name].kind.allowed}, but not 0, is expected in an ensemble")
    sid = _read_sid(f"{data_dir}/{MYID}", verifier, settings.extended_types_enabled, read)
    sync_enabled = settings.observer_sync_enabled
    return QuorumConfig(
        sid=sid,
        verifier=verifier,
        last_seen_verifier=_last_seen(verifier, values, config_path, read),
        observer=sid in verifier.observers,
        config_path=config_path,
        dynamic_path=values[_DYNAMIC] or None,
        init_limit=values["initLimit"],
        sync_limit=values["syncLimit"],
        connect_to_learner_master_limit=values["connectToLearnerMasterLimit"] or values["initLimit"],
        election_alg=int(values["electionAlg"]),
        listen_on_all_ips=values["quorumListenOnAllIPs"],
        standalone_enabled=values["standaloneEnabled"],
        reconfig_enabled=values["reconfigEnabled"],
        sync_enabled=values["syncEnabled"] if sync_enabled is None else sync_enabled,
        observer_master_port=values["observerMasterPort"],
        local_sessions_enabled=values["localSessionsEnabled"],
        local_sessions_upgrading_enabled=values["localSessionsUpgradingEnabled"],
        multi_address_enabled=values["multiAddress.enabled"],
        multi_address_reachability_check_enabled=values["multiAddress.reachabilityCheckEnabled"],
        multi_address_reachability_check_timeout_ms=values["multiAddress.reachabilityCheckTimeoutMs"],
    )


def check_client_address(path: str, host: str, port: int | None, server: QuorumServer) -> tuple[str, int | None]:
    """Where a server of an ensemble listens for clients: what its line says counts, and clientPort must not contradict it.

    :param host: clientPortAddress; "" for all.
    :param port: clientPort, None where it is not given.
    :raises ConfigError: for two that differ.
    """
    if server.client_host is None or server.client_port is None:
        return host, port
    if port is not None and (port != server.client_port or not (is_any(host) or host.lower() == server.client_host.lower())):
        given = f"clientPort={port}" if port != server.client_port else f"clientPortAddress={host}"
        raise ConfigError(f"{path}: {given}: {server.client_host}:{server.client_port}, as in server.{server.sid}, is expected")
    return server.client_host, server.client_port


def noteworthy(quorum: QuorumConfig, observer: bool) -> list[str]:
    """What an operator should read.

    :param observer: peerType.
    """
    found: list[str] = []
    voters = len(quorum.verifier.voters)
    if voters <= 2:
        found.append(f"servers that vote: {voters}: none may fail; at least 3 are advised")
    elif voters % 2 == 0:
        found.append(f"servers that vote: {voters}: no more may fail than of {voters - 1}; an odd number is advised")
    if observer != quorum.observer:
        said, listed = ("observer", "participant") if observer else ("participant", "observer")
        found.append(f"peerType={said}, but the server lines say {listed} of server.{quorum.sid}, which counts")
    return found


def _dynamic(entries: Mapping[str, str], values: Mapping[str, Any], path: str, read: Read) -> QuorumVerifier:
    dynamic = values[_DYNAMIC]
    for name in entries:
        if name.startswith(_MEMBERS):
            raise ConfigError(f"{path}: {name}={entries[name]}: a line in {dynamic}, the {_DYNAMIC}, is expected")
    text = read(dynamic)
    if VERSION in parse(text, dynamic):
        raise ConfigError(f"{dynamic}: {VERSION}: it is expected at the end of the name of the file")
    return parse_config(text, _oracle(values, read)).with_version(version_of(dynamic))


def _last_seen(verifier: QuorumVerifier, values: Mapping[str, Any], config_path: str | None, read: Read) -> QuorumVerifier:
    """What stands in the .dynamic.next file, where it is newer; Java looks for one only beside a dynamic file."""
    if config_path is None or not values[_DYNAMIC] or not values["reconfigEnabled"]:
        return verifier
    path = next_path(config_path)
    try:
        text = read(path)
    except ConfigError:
        return verifier
    try:
        proposed = parse_config(text, verifier.oracle)
    except QuorumConfigError as error:
        raise ConfigError(f"{path}: {error}") from None
    return proposed if proposed.version > verifier.version else verifier


def _read_sid(path: str, verifier: QuorumVerifier, extended_types: bool, read: Read) -> int:
    expected = "the number of this server is expected there"
    try:
        text = read(path)
    except ConfigError as error:
        raise ConfigError(f"{error}: {expected}") from None
    line = (text.splitlines() or [""])[0].strip()
    if not line.isascii() or not line.isdigit():
        raise ConfigError(f"{path}: {line[:40]!r}: {expected}")
    sid = int(line[:40])
    if sid not in verifier.servers:
        raise ConfigError(f"{path}: {line[:40]}: one of {', '.join(map(str, verifier.servers))}, the servers of the ensemble, is expected")
    if extended_types and sid > _LAST_SID_WITH_TTL:
        raise ConfigError(f"{path}: {sid}: at most {_LAST_SID_WITH_TTL} is expected where extendedTypesEnabled=true")
    return sid


def _oracle(values: Mapping[str, Any], read: Read) -> Callable[[], bool] | None:
    path = values["oraclePath"]
    if not path:
        return None

    def oracle() -> bool:
        try:
            return read(path).startswith("1")
        except ConfigError:
            return False

    return oracle
