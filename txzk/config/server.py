"""From the text of a zoo.cfg and the system properties to one frozen record. Covered by tests/config/test_server.py."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from txzk.auth import providers
from txzk.config.keys import LATER, PREFIX, ConfigError, Key, whole
from txzk.config.members import Member, read_members
from txzk.config.properties import parse
from txzk.config.settings import PROPERTIES, Settings, read_settings
from txzk.config.table_cfg import CFG, FAMILIES
from txzk.config.table_server import PROPERTY_FAMILIES

_CFG: Final = {key.name: key for key in CFG}
_PROPERTIES: Final = {key.name: key for key in PROPERTIES}
_FAMILIES: Final = tuple(begin for begin, _, _ in FAMILIES)
_PROPERTY_FAMILIES: Final = tuple(begin for begin, _, _ in PROPERTY_FAMILIES)
_MEMBERS: Final = ("server.", "group.", "weight.")

_PROVIDER: Final = "zookeeper.authProvider."

# Java names the format of its files in the path.
VERSION_DIR: Final = "version-2"

_BARE: Final = ("clientPort", "dataDir", "tickTime", "maxClientCnxns")
_COMMAND_LINE: Final = "command line"


@dataclass(frozen=True)
class ServerConfig:
    """A configuration that a server can run with.

    Folders are absolute, times in milliseconds but for `autopurge_purge_interval` (hours). `properties` are the system properties under Java's
    names, those of the zoo.cfg among them; `unknown_keys` the keys of the zoo.cfg that are not known and became properties; `warnings` what
    else an operator should read.
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


def load(text: str, properties: Mapping[str, str], path: str, folder: str, read: Callable[[str], str]) -> ServerConfig:
    """Reads a zoo.cfg.

    :param text: the content, in the syntax of Java properties.
    :param properties: system properties from elsewhere (-D), under Java's names; as in Java, the zoo.cfg overrides them.
    :param path: of the file, for messages.
    :param folder: where relative folders start.
    :param read: gives the text of the file that dynamicConfigFile names, or raises ConfigError.
    :raises ConfigError: naming file, key, value and what is allowed.
    """
    entries = parse(text, path)
    members = read_members(entries, path)
    dynamic = entries.get("dynamicConfigFile")
    if dynamic:
        for name in entries:
            if name.startswith(_MEMBERS):
                raise ConfigError(f"{path}: {name}={entries[name]}: a line in {dynamic}, the dynamicConfigFile, is expected")
        members = read_members(parse(read(dynamic), dynamic), dynamic)
    return _build(entries, members, properties, path, folder)


def load_entries(entries: Mapping[str, str], properties: Mapping[str, str], path: str, folder: str) -> ServerConfig:
    """Reads what a zoo.cfg would say, as keys and values.

    :param properties: system properties (-D), under Java's names; as in Java, the entries override them.
    :param path: what stands for the name of a file in messages.
    :param folder: where relative folders start.
    :raises ConfigError: naming key, value and what is allowed.
    """
    return _build(entries, read_members(entries, path), properties, path, folder)


def load_bare(arguments: Sequence[str], properties: Mapping[str, str], folder: str) -> ServerConfig:
    """Reads `port dataDir [tickTime [maxClientCnxns]]`, which Java's main takes in place of a file; connections are not limited by default.

    :param properties: system properties (-D), under Java's names.
    :param folder: where relative folders start.
    :raises ConfigError: naming argument, value and what is allowed.
    """
    if not 2 <= len(arguments) <= len(_BARE):
        raise ConfigError(f"{_COMMAND_LINE}: {' '.join(arguments)}: port dataDir [tickTime [maxClientCnxns]] is expected")
    entries = {"maxClientCnxns": "0"}
    entries.update(zip(_BARE, arguments, strict=False))
    return _build(entries, [], properties, _COMMAND_LINE, folder)


def _build(
    entries: Mapping[str, str], members: Sequence[Member], properties: Mapping[str, str], path: str, folder: str
) -> ServerConfig:
    values: dict[str, Any] = {key.name: key.default for key in CFG}
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
    alone = _alone(values, members, path)
    resolved = _resolved(path, values, alone, folder)
    warnings = _misplaced(unknown) + _later(entries, values, merged) + _noteworthy(entries, values, alone)
    return ServerConfig(
        path=path, settings=settings, properties=merged, unknown_keys=tuple(unknown), warnings=tuple(warnings), **resolved
    )


def _alone(values: Mapping[str, Any], members: Sequence[Member], path: str) -> Member | None:
    """The one member of a configuration that runs standalone, None where there are no server lines."""
    voters = [member for member in members if member.participant]
    names = ", ".join(f"server.{member.sid}" for member in members) or "server.N"
    if len(voters) > 1 or not values["standaloneEnabled"]:
        how = f"{len(voters)} voting servers" if values["standaloneEnabled"] else "standaloneEnabled=false"
        raise ConfigError(
            f"{path}: {names}: {how}: ensembles are served by a later version; at most one server line and standaloneEnabled=true are expected"
        )
    if len(members) > len(voters):
        raise ConfigError(f"{path}: {names}: observers need an ensemble; at most one server line, a participant, is expected")
    return voters[0] if voters else None


def _resolved(path: str, values: Mapping[str, Any], alone: Member | None, folder: str) -> dict[str, Any]:
    data_dir = values["dataDir"]
    if not data_dir:
        raise ConfigError(f"{path}: dataDir is not set: a folder is expected")
    host, port = _client_address(path, values, alone)
    tick = values["tickTime"]
    low = values["minSessionTimeout"]
    high = values["maxSessionTimeout"]
    low = 2 * tick if low == -1 else low
    high = 20 * tick if high == -1 else high
    if low > high:
        raise ConfigError(f"{path}: minSessionTimeout={low}: at most maxSessionTimeout={high} is expected")
    return {
        "data_dir": posixpath.normpath(posixpath.join(folder, data_dir)),
        "data_log_dir": posixpath.normpath(posixpath.join(folder, values["dataLogDir"] or data_dir)),
        "client_port": port,
        "client_port_address": host,
        "client_port_listen_backlog": values["clientPortListenBacklog"],
        "tick_time": tick,
        "max_client_cnxns": values["maxClientCnxns"],
        "min_session_timeout": low,
        "max_session_timeout": high,
        "autopurge_snap_retain_count": values["autopurge.snapRetainCount"],
        "autopurge_purge_interval": values["autopurge.purgeInterval"],
        "reconfig_enabled": values["reconfigEnabled"],
    }


def _client_address(path: str, values: Mapping[str, Any], alone: Member | None) -> tuple[str, int]:
    """Where to listen for clients; the server line may say it in place of clientPort."""
    port: int | None = values["clientPort"]
    host: str = values["clientPortAddress"]
    if port is None and host:
        raise ConfigError(f"{path}: clientPortAddress={host}: clientPort beside it is expected")
    if alone is not None and alone.client_port is not None:
        if port is not None and port != alone.client_port:
            raise ConfigError(f"{path}: clientPort={port}: {alone.client_port}, as in server.{alone.sid}, is expected")
        return host or alone.client_host, alone.client_port
    if port is None:
        raise ConfigError(f"{path}: clientPort is not set: a port is expected beside secureClientPort, which a later version serves")
    return host, port


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


def _noteworthy(entries: Mapping[str, str], values: Mapping[str, Any], alone: Member | None) -> list[str]:
    found: list[str] = []
    if alone is not None:
        found.append(f"only one server is given, server.{alone.sid}: running standalone")
    retain = entries.get("autopurge.snapRetainCount")
    if retain is not None and values["autopurge.snapRetainCount"] != whole(retain):
        found.append(f"autopurge.snapRetainCount={retain} is raised to {values['autopurge.snapRetainCount']}")
    return found
