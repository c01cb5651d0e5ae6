"""From the text of a zoo.cfg and the system properties to one frozen record. Covered by tests/config/test_server.py."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import javaproperties

from txzk.config.keys import CFG, PROPERTIES, ConfigError, Key

_CFG: Final = {key.name: key for key in CFG}
_SERVER_LISTS: Final = ("server.", "group.", "weight.", "metricsProvider.")


@dataclass(frozen=True)
class Settings:
    """What Java takes as system properties, converted; the names are those of the properties."""

    jute_max_buffer: int
    jute_extra_size: int
    snap_count: int
    snap_size_limit_kb: int
    pre_alloc_size_kb: int
    txn_log_size_limit_kb: int
    force_sync: bool
    fsync_warning_threshold_ms: int
    snapshot_compression_method: str
    snapshot_trust_empty: bool
    datadir_autocreate: bool
    db_autocreate: bool
    digest_enabled: bool
    close_session_txn_enabled: bool
    serialize_last_processed_zxid_enabled: bool
    extended_types_enabled: bool
    emulate353_ttl_nodes: bool
    container_check_interval_ms: int
    container_max_per_minute: int
    container_max_never_used_interval_ms: int
    max_cnxns: int
    global_outstanding_limit: int
    four_letter_word_whitelist: frozenset[str]
    sessionless_cnxn_timeout_ms: int
    client_tcp_keep_alive: bool
    skip_acl: bool
    enforce_quota: bool
    enforce_auth_schemes: tuple[str, ...]

    @property
    def max_record_bytes(self) -> int:
        """Longest record that is believed when read from the disk."""
        return self.jute_max_buffer + self.jute_extra_size


@dataclass(frozen=True)
class ServerConfig:
    """A configuration that a server can run with."""

    path: str
    data_dir: str
    data_log_dir: str
    client_port: int | None
    client_port_address: str
    client_port_listen_backlog: int
    tick_time: int
    max_client_cnxns: int
    min_session_timeout: int
    max_session_timeout: int
    autopurge_snap_retain_count: int
    autopurge_purge_interval: int
    settings: Settings
    properties: Mapping[str, str] = field(repr=False)
    unknown_keys: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def load(text: str, properties: Mapping[str, str], path: str, folder: str) -> ServerConfig:
    """Reads a zoo.cfg.

    :param text: the content, in the syntax of Java properties.
    :param properties: system properties from elsewhere (-D), under Java's names.
    :param path: of the file, for messages.
    :param folder: where relative folders start.
    :returns: the configuration; what is not known is in `unknown_keys`, what is not served by this version in `warnings`.
    :raises ConfigError: naming file, key, value and what is allowed.
    """
    entries: dict[str, str] = {key.strip(): value.strip() for key, value in javaproperties.loads(text).items()}
    values: dict[str, Any] = {key.name: key.default for key in CFG}
    merged: dict[str, str] = {}
    unknown: list[str] = []
    voters = 0
    for name, value in entries.items():
        key = _CFG.get(name)
        if key is not None:
            values[name] = _convert(path, name, key, value)
        elif name.startswith(_SERVER_LISTS):
            if name.startswith("server.") and not value.split(";")[0].endswith(":observer"):
                voters += 1
        else:
            merged[f"zookeeper.{name}"] = value
            if not _is_property(f"zookeeper.{name}"):
                unknown.append(name)
    merged.update(properties)
    warnings = _later(entries, merged)
    _check_standalone(path, voters, values, warnings)
    return ServerConfig(
        path=path, settings=_settings(path, merged), properties=merged, unknown_keys=tuple(unknown), warnings=tuple(warnings),
        **_resolved(path, values, folder),
    )


def _is_property(name: str) -> bool:
    return any(key.name == name for key in PROPERTIES) or name.startswith("zookeeper.authProvider.")


def _convert(path: str, name: str, key: Key, value: str) -> Any:
    try:
        return key.convert(value)
    except ValueError as allowed:
        raise ConfigError(f"{path}: {name}={value}: {allowed} is expected") from None


def _check_standalone(path: str, voters: int, values: dict[str, Any], warnings: list[str]) -> None:
    if voters > 1 or (voters == 1 and not values["standaloneEnabled"]) or values["dynamicConfigFile"] is not None:
        raise ConfigError(f"{path}: server.N: {voters} voting servers; this version serves standalone only")
    if voters == 1:
        warnings.append("one server.N line and standaloneEnabled: running standalone")


def _later(entries: Mapping[str, str], properties: Mapping[str, str]) -> list[str]:
    """What the configuration asks for and this version does not have."""
    asked = [
        key.name for key in CFG if key.later and key.name in entries and entries[key.name].lower() not in ("", "false", "0")
    ]
    asked += [
        key.name for key in PROPERTIES
        if key.later and properties.get(key.name, "false").strip().lower() == "true"
    ]
    asked += [f"{name}={value}" for name, value in properties.items() if "SASLAuthenticationProvider" in value]
    return [f"not served by this version: {', '.join(asked)}"] if asked else []


def _resolved(path: str, values: dict[str, Any], folder: str) -> dict[str, Any]:
    data_dir = values["dataDir"]
    if not data_dir:
        raise ConfigError(f"{path}: dataDir: a folder is required")
    if values["clientPort"] is None and values["secureClientPort"] is None:
        raise ConfigError(f"{path}: clientPort: a port is required" + (
            " where clientPortAddress is given" if values["clientPortAddress"] else ""
        ))
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
        "client_port": values["clientPort"],
        "client_port_address": values["clientPortAddress"],
        "client_port_listen_backlog": values["clientPortListenBacklog"],
        "tick_time": tick,
        "max_client_cnxns": values["maxClientCnxns"],
        "min_session_timeout": low,
        "max_session_timeout": high,
        "autopurge_snap_retain_count": values["autopurge.snapRetainCount"],
        "autopurge_purge_interval": values["autopurge.purgeInterval"],
    }


def _settings(path: str, properties: Mapping[str, str]) -> Settings:
    found: dict[str, Any] = {}
    for key in PROPERTIES:
        value = properties.get(key.name)
        if value is None and key.name == "zookeeper.fsync.warningthresholdms":
            value = properties.get("fsync.warningthresholdms")
        found[key.name] = key.default if value is None else _convert(path, f"-D{key.name}", key, value)
    maximum = found["jute.maxbuffer"]
    extra = found["zookeeper.jute.maxbuffer.extrasize"]
    schemes = [name.strip() for name in found["zookeeper.enforce.auth.schemes"].split(",") if name.strip()]
    if found["zookeeper.enforce.auth.enabled"] and not schemes:
        raise ConfigError(f"{path}: enforce.auth.schemes: at least one scheme is required where enforce.auth.enabled is true")
    return Settings(
        jute_max_buffer=maximum,
        jute_extra_size=max(maximum, 1024) if extra is None else extra,
        snap_count=found["zookeeper.snapCount"],
        snap_size_limit_kb=found["zookeeper.snapSizeLimitInKb"],
        pre_alloc_size_kb=found["zookeeper.preAllocSize"],
        txn_log_size_limit_kb=found["zookeeper.txnLogSizeLimitInKb"],
        force_sync=found["zookeeper.forceSync"],
        fsync_warning_threshold_ms=found["zookeeper.fsync.warningthresholdms"],
        snapshot_compression_method=found["zookeeper.snapshot.compression.method"],
        snapshot_trust_empty=found["zookeeper.snapshot.trust.empty"],
        datadir_autocreate=found["zookeeper.datadir.autocreate"],
        db_autocreate=found["zookeeper.db.autocreate"],
        digest_enabled=found["zookeeper.digest.enabled"],
        close_session_txn_enabled=found["zookeeper.closeSessionTxn.enabled"],
        serialize_last_processed_zxid_enabled=found["zookeeper.serializeLastProcessedZxid.enabled"],
        extended_types_enabled=found["zookeeper.extendedTypesEnabled"],
        emulate353_ttl_nodes=found["zookeeper.emulate353TTLNodes"],
        container_check_interval_ms=found["znode.container.checkIntervalMs"],
        container_max_per_minute=found["znode.container.maxPerMinute"],
        container_max_never_used_interval_ms=found["znode.container.maxNeverUsedIntervalMs"],
        max_cnxns=found["zookeeper.maxCnxns"],
        global_outstanding_limit=found["zookeeper.globalOutstandingLimit"],
        four_letter_word_whitelist=frozenset(
            word.strip() for word in found["zookeeper.4lw.commands.whitelist"].split(",") if word.strip()
        ),
        sessionless_cnxn_timeout_ms=found["zookeeper.nio.sessionlessCnxnTimeout"],
        client_tcp_keep_alive=found["zookeeper.clientTcpKeepAlive"],
        skip_acl=found["zookeeper.skipACL"],
        enforce_quota=found["zookeeper.enforceQuota"],
        enforce_auth_schemes=tuple(schemes) if found["zookeeper.enforce.auth.enabled"] else (),
    )
