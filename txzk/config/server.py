"""From the text of a zoo.cfg and the system properties to one frozen record. Covered by tests/config/test_server.py."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

from txzk.auth import providers
from txzk.config.keys import LATER, PREFIX, ConfigError, Key, whole
from txzk.config.properties import parse
from txzk.config.quorum import QuorumConfig, Read, check_client_address, is_distributed, noteworthy, read_quorum, read_verifier
from txzk.config.settings import PROPERTIES, Settings, read_settings
from txzk.config.table_cfg import ALSO_PROPERTIES, CFG, FAMILIES
from txzk.config.table_server import PROPERTY_FAMILIES
from txzk.quorum.servers import QuorumServer

_CFG: Final = {key.name: key for key in CFG}
_PROPERTIES: Final = {key.name: key for key in PROPERTIES}
_FAMILIES: Final = tuple(begin for begin, _, _ in FAMILIES)
_PROPERTY_FAMILIES: Final = tuple(begin for begin, _, _ in PROPERTY_FAMILIES)

_PROVIDER: Final = "zookeeper.authProvider."

NOTHING: Final[Mapping[str, str]] = MappingProxyType({})

# Java names the format of its files in the path.
VERSION_DIR: Final = "version-2"

_BARE: Final = ("clientPort", "dataDir", "tickTime", "maxClientCnxns")
_COMMAND_LINE: Final = "command line"
_ANY_HOST: Final = "0.0.0.0"


@dataclass(frozen=True)
class ServerConfig:
    """A configuration that a server can run with.

    Folders are absolute, times in milliseconds but for `autopurge_purge_interval` (hours). `properties` are the system properties under Java's
    names, those of the zoo.cfg among them; `unknown_keys` the keys of the zoo.cfg that are not known and became properties; `warnings` what
    else an operator should read. `quorum` is what concerns a server of an ensemble only, None for one that runs alone.
    """

    path: str
    data_dir: str
    data_log_dir: str
    client_port: int
    client_port_address: str
    client_port_listen_backlog: int
    tick_time: int
    max_client_cnxns: int
    min_session_timeout: int
    max_session_timeout: int
    autopurge_snap_retain_count: int
    autopurge_purge_interval: int
    reconfig_enabled: bool
    quorum: QuorumConfig | None
    settings: Settings
    properties: Mapping[str, str] = field(repr=False)
    unknown_keys: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def snap_dir(self) -> str:
        """The folder of the snapshots, within `data_dir`."""
        return f"{self.data_dir}/{VERSION_DIR}"

    @property
    def log_dir(self) -> str:
        """The folder of the transaction logs, within `data_log_dir`."""
        return f"{self.data_log_dir}/{VERSION_DIR}"


def load(
    text: str, properties: Mapping[str, str], path: str, folder: str, read: Read, overrides: Mapping[str, str] = NOTHING,
) -> ServerConfig:
    """Reads a zoo.cfg.

    :param text: the content, in the syntax of Java properties.
    :param properties: system properties from elsewhere (-D), under Java's names; as in Java, the zoo.cfg overrides them.
    :param path: of the file.
    :param folder: where relative folders start.
    :param read: gives the text of another file that the configuration needs (the dynamic one, myid, the oracle's), or raises ConfigError.
    :param overrides: keys of a zoo.cfg that count in place of those of the file.
    :raises ConfigError: naming file, key, value and what is allowed.
    """
    return _build({**parse(text, path), **overrides}, properties, path, folder, read, posixpath.join(folder, path))


def load_entries(
    entries: Mapping[str, str], properties: Mapping[str, str], path: str, folder: str, read: Read | None = None,
) -> ServerConfig:
    """Reads what a zoo.cfg would say, as keys and values.

    :param properties: system properties (-D), under Java's names; as in Java, the entries override them.
    :param path: what stands for the name of a file in messages.
    :param folder: where relative folders start.
    :param read: as of `load`; where it is not given, there are no other files, and no ensembles.
    :raises ConfigError: naming key, value and what is allowed.
    """
    return _build(entries, properties, path, folder, read or _no_file, None)


def load_bare(
    arguments: Sequence[str], properties: Mapping[str, str], folder: str, overrides: Mapping[str, str] = NOTHING,
) -> ServerConfig:
    """Reads `port dataDir [tickTime [maxClientCnxns]]`, which Java's main takes in place of a file; connections are not limited by default.

    :param properties: system properties (-D), under Java's names.
    :param folder: where relative folders start.
    :param overrides: keys of a zoo.cfg that count in place of the arguments.
    :raises ConfigError: naming argument, value and what is allowed.
    """
    if not 2 <= len(arguments) <= len(_BARE):
        raise ConfigError(f"{_COMMAND_LINE}: {' '.join(arguments)}: port dataDir [tickTime [maxClientCnxns]] is expected")
    entries = {"maxClientCnxns": "0"}
    entries.update(zip(_BARE, arguments, strict=False))
    return _build({**entries, **overrides}, properties, _COMMAND_LINE, folder, _no_file, None)


def _build(
    entries: Mapping[str, str], properties: Mapping[str, str], path: str, folder: str, read: Read, config_path: str | None,
) -> ServerConfig:
    values: dict[str, Any] = {key.name: _default(key, properties) for key in CFG}
    merged = dict(properties)
    origins: dict[str, str] = {}
    unknown: list[str] = []
    for name, value in entries.items():
        key = _CFG.get(name)
        if key is not None:
            values[name] = key.convert(f"{path}: {name}", value)
        elif not name.startswith(_FAMILIES):
            merged[PREFIX + name] = value
            origins[PREFIX + name] = f"{path}: {name}"
            if PREFIX + name not in _PROPERTIES and not (PREFIX + name).startswith(_PROPERTY_FAMILIES):
                unknown.append(name)
    settings = read_settings(merged, origins)
    if not values["dataDir"]:
        raise ConfigError(f"{path}: dataDir is not set: a folder is expected")
    data_dir = _folder(folder, values["dataDir"])
    verifier = read_verifier(entries, values, path, read)
    warnings = _misplaced(unknown) + _later(entries, values, merged)
    quorum: QuorumConfig | None = None
    if is_distributed(verifier, values):
        quorum = read_quorum(verifier, values, path, config_path, data_dir, settings, read)
        address = _client_address(path, values, quorum.server)
        warnings += noteworthy(quorum, values["peerType"] == "observer")
    else:
        alone = next(iter(verifier.voters.values()), None)
        address = _address_alone(path, values, alone)
        warnings += [f"only one server is given, server.{alone.sid}: running standalone"] if alone is not None else []
    return ServerConfig(
        path=path, data_dir=data_dir, data_log_dir=_folder(folder, values["dataLogDir"] or values["dataDir"]), client_port_address=address[0],
        client_port=address[1], quorum=quorum, settings=settings, properties=merged, unknown_keys=tuple(unknown),
        warnings=tuple(warnings + _raised(entries, values)), **_times_and_limits(path, values),
    )


def _default(key: Key, properties: Mapping[str, str]) -> Any:
    """What counts where the zoo.cfg does not say it."""
    value = properties.get(PREFIX + key.name) if key.name.startswith(ALSO_PROPERTIES) else None
    return key.default if value is None else key.convert(f"-D{PREFIX}{key.name}", value)


def _no_file(path: str) -> str:
    raise ConfigError(f"{path}: no file is there")


def _folder(folder: str, path: str) -> str:
    return posixpath.normpath(posixpath.join(folder, path))


def _times_and_limits(path: str, values: Mapping[str, Any]) -> dict[str, Any]:
    tick = values["tickTime"]
    low = values["minSessionTimeout"]
    high = values["maxSessionTimeout"]
    low = 2 * tick if low == -1 else low
    high = 20 * tick if high == -1 else high
    if low > high:
        raise ConfigError(f"{path}: minSessionTimeout={low}: at most maxSessionTimeout={high} is expected")
    return {
        "client_port_listen_backlog": values["clientPortListenBacklog"],
        "tick_time": tick,
        "max_client_cnxns": values["maxClientCnxns"],
        "min_session_timeout": low,
        "max_session_timeout": high,
        "autopurge_snap_retain_count": values["autopurge.snapRetainCount"],
        "autopurge_purge_interval": values["autopurge.purgeInterval"],
        "reconfig_enabled": values["reconfigEnabled"],
    }


def _address_alone(path: str, values: Mapping[str, Any], alone: QuorumServer | None) -> tuple[str, int]:
    """Where a server that runs alone listens for clients; its server line may say it in place of clientPort."""
    host, port = _given_address(path, values)
    if alone is not None and alone.client_port is not None:
        if port is not None and port != alone.client_port:
            raise ConfigError(f"{path}: clientPort={port}: {alone.client_port}, as in server.{alone.sid}, is expected")
        return host or alone.client_host or _ANY_HOST, alone.client_port
    return host, _needed(path, port)


def _client_address(path: str, values: Mapping[str, Any], server: QuorumServer) -> tuple[str, int]:
    """Where a server of an ensemble listens for clients."""
    host, port = check_client_address(path, *_given_address(path, values), server)
    return host, _needed(path, port)


def _given_address(path: str, values: Mapping[str, Any]) -> tuple[str, int | None]:
    port: int | None = values["clientPort"]
    host: str = values["clientPortAddress"]
    if port is None and host:
        raise ConfigError(f"{path}: clientPortAddress={host}: clientPort beside it is expected")
    # Brackets around an address of IPv6, as in a server line, are no part of it.
    return host[1:-1] if host.startswith("[") and host.endswith("]") else host, port


def _needed(path: str, port: int | None) -> int:
    if port is None:
        raise ConfigError(f"{path}: clientPort is not set: a port is expected beside secureClientPort, which a later version serves")
    return port


def _misplaced(unknown: Sequence[str]) -> list[str]:
    """Known keys that Java takes from its command line only, or without the prefix they have here."""
    return [
        f"{name} has no effect in a zoo.cfg; " + (f"write {name[len(PREFIX):]}" if name.startswith(PREFIX) else f"use -D{name}")
        for name in unknown if name in _PROPERTIES
    ]


def _later(entries: Mapping[str, str], values: Mapping[str, Any], properties: Mapping[str, str]) -> list[str]:
    """What the configuration asks for and this version does not have."""
    asked = [f"{key.name}={entries[key.name]}" for key in CFG if key.state == LATER and values[key.name] != key.default]
    for name, value in properties.items():
        key = _PROPERTIES.get(name)
        if key is not None and key.state == LATER and key.kind.convert(value) != key.default:
            asked.append(_shown(key, value))
        elif name.startswith(_PROVIDER) and value in providers.LATER:
            asked.append(f"{name[len(PREFIX):]}={value}")
    return [f"asked for, but served by a later version only: {', '.join(asked)}"] if asked else []


def _shown(key: Key, value: str) -> str:
    name = key.name.removeprefix(PREFIX)
    return name if "assword" in name else f"{name}={value}"


def _raised(entries: Mapping[str, str], values: Mapping[str, Any]) -> list[str]:
    retain = entries.get("autopurge.snapRetainCount")
    if retain is None or values["autopurge.snapRetainCount"] == whole(retain):
        return []
    return [f"autopurge.snapRetainCount={retain} is raised to {values['autopurge.snapRetainCount']}"]
