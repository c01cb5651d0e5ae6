"""System properties become typed settings."""

from collections.abc import Mapping
from types import MappingProxyType

import pytest

from txzk.config.keys import ConfigError
from txzk.config.settings import Settings, read_settings

NOTHING: Mapping[str, str] = MappingProxyType({})


def settings(**properties: str) -> Settings:
    return read_settings({name.replace("__", "."): value for name, value in properties.items()}, NOTHING)


def test_defaults_are_those_of_java() -> None:
    found = read_settings(NOTHING, NOTHING)
    assert found.jute_max_buffer == found.jute_extra_size == 1048575
    assert found.max_record_bytes == 2 * 1048575
    assert (found.snap_count, found.snap_size_limit_kb, found.pre_alloc_size_kb) == (100000, 4194304, 65536)
    assert found.force_sync and found.digest_enabled and found.close_session_txn_enabled
    assert not found.skip_acl and not found.enforce_quota and not found.extended_types_enabled
    assert found.four_letter_word_whitelist == {"srvr"}
    assert found.enforce_auth_schemes == ()
    assert found.global_outstanding_limit == 1000


def test_the_slack_of_records_follows_the_longest_request() -> None:
    assert settings(jute__maxbuffer="4096").jute_extra_size == 4096
    assert settings(jute__maxbuffer="50").jute_extra_size == 1024
    assert settings(zookeeper__jute__maxbuffer__extrasize="5").jute_extra_size == 1024
    assert settings(jute__maxbuffer="0xfffff").jute_max_buffer == 0xFFFFF


def test_srvr_is_always_answered_and_isro_beside_a_read_only_mode() -> None:
    name = "zookeeper.4lw.commands.whitelist"
    assert read_settings({name: "ruok, stat"}, NOTHING).four_letter_word_whitelist == {"ruok", "stat", "srvr"}
    assert read_settings({name: "*"}, NOTHING).four_letter_word_whitelist == {"*", "srvr"}
    assert read_settings({"readonlymode.enabled": "true"}, NOTHING).four_letter_word_whitelist == {"srvr", "isro"}


def test_only_an_exact_no_or_yes_weakens_the_server() -> None:
    assert settings(zookeeper__forceSync="NO").force_sync
    assert not settings(zookeeper__forceSync="no").force_sync
    assert not settings(zookeeper__skipACL="true").skip_acl
    assert settings(zookeeper__skipACL="yes").skip_acl


def test_the_threshold_of_slow_flushes_has_two_names() -> None:
    bare = {"fsync.warningthresholdms": "5"}
    assert read_settings(bare, NOTHING).fsync_warning_threshold_ms == 5
    assert read_settings({**bare, "zookeeper.fsync.warningthresholdms": "7"}, NOTHING).fsync_warning_threshold_ms == 7


def test_schemes_count_only_where_they_are_enforced() -> None:
    schemes = {"zookeeper.enforce.auth.schemes": "digest, ip"}
    assert read_settings(schemes, NOTHING).enforce_auth_schemes == ()
    assert read_settings({**schemes, "zookeeper.enforce.auth.enabled": "true"}, NOTHING).enforce_auth_schemes == ("digest", "ip")


def test_required_sasl_lets_nobody_in() -> None:
    assert settings(zookeeper__sessionRequireClientSASLAuth="true").enforce_auth_schemes == ("sasl",)


def test_enforcing_without_a_scheme_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"^-Dzookeeper\.enforce\.auth\.enabled=true: .*enforce\.auth\.schemes"):
        settings(zookeeper__enforce__auth__enabled="true")


def test_a_message_says_where_the_value_stands() -> None:
    with pytest.raises(ConfigError, match=r"^-Dzookeeper\.snapCount=many: a whole number"):
        settings(zookeeper__snapCount="many")
    with pytest.raises(ConfigError, match=r"^zoo\.cfg: snapCount=many: a whole number"):
        read_settings({"zookeeper.snapCount": "many"}, {"zookeeper.snapCount": "zoo.cfg: snapCount"})
