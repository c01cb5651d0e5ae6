"""Settings: what Java takes as system properties, converted. Covered by tests/config/test_settings.py."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from txzk.config.keys import ConfigError, Key
from txzk.config.table_ensemble import ENSEMBLE
from txzk.config.table_later import OBSERVABILITY, TLS
from txzk.config.table_server import AUTHENTICATION, CONNECTIONS, STORAGE, THROTTLES

PROPERTIES: Final[tuple[Key, ...]] = (
    STORAGE + CONNECTIONS + THROTTLES + AUTHENTICATION + ENSEMBLE + TLS + OBSERVABILITY
)

# Java reads this one under either name.
_FSYNC_WARNING: Final = "zookeeper.fsync.warningthresholdms"
_FSYNC_WARNING_BARE: Final = "fsync.warningthresholdms"


@dataclass(frozen=True)
class Settings:
    """The attributes are explained in the table of keys, which names them; times and sizes carry their unit or are bytes."""

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
    max_get_children_response_cache_size: int
    skip_acl: bool
    enforce_quota: bool
    connection_throttle_tokens: int
    connection_throttle_fill_time: int
    connection_throttle_fill_count: int
    connection_throttle_freeze_time: int
    connection_throttle_drop_increase: float
    connection_throttle_drop_decrease: float
    connection_throttle_decrease_ratio: float
    connection_throttle_weight_enabled: bool
    connection_throttle_global_session_weight: int
    connection_throttle_renew_session_weight: int
    connection_throttle_local_session_weight: int
    request_throttle_max_requests: int
    request_throttle_stall_time_ms: int
    request_throttle_drop_stale: bool
    request_stale_latency_check: bool
    request_stale_connection_check: bool
    throttled_op_wait_time_ms: int
    large_request_threshold: int
    large_request_max_bytes: int
    enforce_auth_schemes: tuple[str, ...]
    commit_log_count: int
    snapshot_size_factor: float
    read_only_mode_enabled: bool
    leader_serves: str
    cnx_timeout_ms: int
    quorum_cnxn_timeout_ms: int
    election_port_bind_retry: int
    tcp_keep_alive: bool
    min_notification_interval_ms: int
    max_notification_interval_ms: int
    max_time_to_wait_for_epoch_ms: int
    max_concurrent_snap_syncs: int
    max_concurrent_diff_syncs: int
    ack_logging_frequency: int
    leader_connect_delay_during_retry_ms: int
    observer_reconnect_delay_ms: int
    observer_election_delay_ms: int
    observer_sync_enabled: bool | None
    observer_master_size_limit: int
    leader_no_delay: bool
    follower_no_delay: bool
    force_snapshot_sync: bool

    @property
    def max_record_bytes(self) -> int:
        """Longest record that is believed when read from the disk."""
        return self.jute_max_buffer + self.jute_extra_size


def read_settings(properties: Mapping[str, str], origins: Mapping[str, str]) -> Settings:
    """Converts and checks the properties.

    :param properties: under Java's names.
    :param origins: where a property stands and how it is written there, for messages; one that is missing is a -D.
    :raises ConfigError: for a value that is not allowed.
    """
    values = {key.name: _value(key, properties, origins) for key in PROPERTIES}
    found: dict[str, Any] = {key.attribute: values[key.name] for key in PROPERTIES if key.attribute}
    if found["jute_extra_size"] is None:
        found["jute_extra_size"] = max(found["jute_max_buffer"], 1024)
    found["four_letter_word_whitelist"] = _whitelist(found["four_letter_word_whitelist"], values["readonlymode.enabled"])
    found["enforce_auth_schemes"] = _enforced_schemes(values, origins)
    return Settings(**found)


def _value(key: Key, properties: Mapping[str, str], origins: Mapping[str, str]) -> Any:
    name = key.name
    if name == _FSYNC_WARNING and name not in properties:
        name = _FSYNC_WARNING_BARE
    value = properties.get(name)
    return key.default if value is None else key.convert(origins.get(name, f"-D{name}"), value)


def _whitelist(listed: tuple[str, ...], read_only_mode: bool) -> frozenset[str]:
    """Java always answers srvr, and isro where there may be a read-only mode."""
    return frozenset(listed) | ({"srvr", "isro"} if read_only_mode else {"srvr"})


def _enforced_schemes(values: Mapping[str, Any], origins: Mapping[str, str]) -> tuple[str, ...]:
    """Schemes of which a client must have used one; none where that is not enforced."""
    if values["zookeeper.sessionRequireClientSASLAuth"]:
        return ("sasl",)
    if not values["zookeeper.enforce.auth.enabled"]:
        return ()
    schemes: tuple[str, ...] = values["zookeeper.enforce.auth.schemes"]
    if not schemes:
        origin = origins.get("zookeeper.enforce.auth.enabled", "-Dzookeeper.enforce.auth.enabled")
        raise ConfigError(f"{origin}=true: at least one scheme in enforce.auth.schemes is expected")
    return schemes
