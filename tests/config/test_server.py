"""Whole configurations: what Java takes, what it refuses, and what an operator is told."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from txzk.config.keys import ConfigError
from txzk.config.server import ServerConfig, load, load_bare, load_entries

SMALLEST = "dataDir=/data\nclientPort=2181\n"


def reader(files: Mapping[str, str]) -> Callable[[str], str]:
    def read_file(path: str) -> str:
        if path not in files:
            raise ConfigError(f"{path}: No such file")
        return files[path]

    return read_file


def read(text: str, properties: Mapping[str, str] | None = None, files: Mapping[str, str] | None = None) -> ServerConfig:
    return load(text, properties or {}, "zoo.cfg", "/home", reader(files or {}))


def test_the_smallest() -> None:
    config = read(SMALLEST)
    assert (config.data_dir, config.data_log_dir) == ("/data", "/data")
    assert (config.client_port, config.client_port_address, config.client_port_listen_backlog) == (2181, "", -1)
    assert (config.tick_time, config.min_session_timeout, config.max_session_timeout) == (3000, 6000, 60000)
    assert config.max_client_cnxns == 60
    assert (config.autopurge_snap_retain_count, config.autopurge_purge_interval) == (3, 0)
    assert (config.unknown_keys, config.warnings) == ((), ())


def test_entries_without_a_text() -> None:
    config = load_entries({"dataDir": "data", "clientPort": "0", "snapCount": "7"}, {"zookeeper.maxCnxns": "3"}, "a test", "/home")
    assert (config.path, config.data_dir, config.client_port) == ("a test", "/home/data", 0)
    assert (config.settings.snap_count, config.settings.max_cnxns) == (7, 3)
    with pytest.raises(ConfigError, match="^a test: tickTime=0: "):
        load_entries({"dataDir": "data", "clientPort": "0", "tickTime": "0"}, {}, "a test", "/")


def test_every_key_of_its_own() -> None:
    config = read(
        "dataDir=data\ndataLogDir=./log/../txn\nclientPort=2182\nclientPortAddress=127.0.0.1\nclientPortListenBacklog=5\n"
        "tickTime=100\nmaxClientCnxns=0\nminSessionTimeout=300\nmaxSessionTimeout=400\nautopurge.snapRetainCount=5\n"
        "autopurge.purgeInterval=2\ninitLimit=10\nsyncLimit=5\nelectionAlg=3\n"
    )
    assert (config.data_dir, config.data_log_dir) == ("/home/data", "/home/txn")
    assert (config.client_port, config.client_port_address, config.client_port_listen_backlog) == (2182, "127.0.0.1", 5)
    assert (config.tick_time, config.max_client_cnxns) == (100, 0)
    assert (config.min_session_timeout, config.max_session_timeout) == (300, 400)
    assert (config.autopurge_snap_retain_count, config.autopurge_purge_interval) == (5, 2)
    assert config.warnings == ()


def test_unknown_keys_become_properties_and_are_listed() -> None:
    config = read(SMALLEST + "snapCount=10\nmyKey=my value\n4lw.commands.whitelist=*\nauthProvider.1=a.b\n")
    assert config.properties["zookeeper.myKey"] == "my value"
    assert config.unknown_keys == ("myKey",)
    assert config.settings.snap_count == 10
    assert "*" in config.settings.four_letter_word_whitelist
    assert config.properties["zookeeper.authProvider.1"] == "a.b"


def test_the_file_overrides_the_command_line() -> None:
    config = read(SMALLEST + "snapCount=10\n", {"zookeeper.snapCount": "20", "zookeeper.maxCnxns": "5"})
    assert config.settings.snap_count == 10
    assert config.settings.max_cnxns == 5


def test_keys_with_the_prefix_or_of_the_command_line_have_no_effect_and_are_named() -> None:
    config = read(SMALLEST + "zookeeper.snapCount=10\njute.maxbuffer=99\n")
    assert config.settings.snap_count == 100000
    assert config.settings.jute_max_buffer == 1048575
    assert config.properties["zookeeper.zookeeper.snapCount"] == "10"
    assert config.unknown_keys == ("zookeeper.snapCount", "jute.maxbuffer")
    assert config.warnings == (
        "zookeeper.snapCount has no effect in a zoo.cfg; write snapCount",
        "jute.maxbuffer has no effect in a zoo.cfg; use -Djute.maxbuffer",
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("clientPort=2181", "zoo.cfg: dataDir is not set: a folder is expected"),
        ("dataDir=\nclientPort=2181", "zoo.cfg: dataDir is not set: a folder is expected"),
        ("dataDir=/d", "zoo.cfg: clientPort is not set: "),
        ("dataDir=/d\nsecureClientPort=2182", "zoo.cfg: clientPort is not set: "),
        ("dataDir=/d\nclientPortAddress=127.0.0.1", "zoo.cfg: clientPortAddress=127.0.0.1: clientPort beside it is expected"),
        (SMALLEST + "tickTime=0", "zoo.cfg: tickTime=0: a whole number from 1 is expected"),
        (SMALLEST + "tickTime=2s", "zoo.cfg: tickTime=2s: a whole number from 1 is expected"),
        (SMALLEST + "clientPort=70000", "zoo.cfg: clientPort=70000: a whole number from 0 to 65535 is expected"),
        (SMALLEST + "reconfigEnabled=yes", "zoo.cfg: reconfigEnabled=yes: true or false is expected"),
        (SMALLEST + "standaloneEnabled=", "zoo.cfg: standaloneEnabled=: true or false is expected"),
        (SMALLEST + "peerType=leader", "zoo.cfg: peerType=leader: participant or observer is expected"),
        (SMALLEST + "electionAlg=0", "zoo.cfg: electionAlg=0: 3 is expected"),
        (SMALLEST + "minSessionTimeout=9\nmaxSessionTimeout=8", "zoo.cfg: minSessionTimeout=9: at most maxSessionTimeout=8 is expected"),
        (SMALLEST + "minSessionTimeout=60001", "zoo.cfg: minSessionTimeout=60001: at most maxSessionTimeout=60000 is expected"),
        (SMALLEST + "snapCount=many", "zoo.cfg: snapCount=many: a whole number; less than 2 becomes 2 is expected"),
        (SMALLEST + "server.1=localhost", "zoo.cfg: server.1=localhost: host:quorumPort:electionPort"),
    ],
)
def test_refusals_name_file_key_value_and_what_is_allowed(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as refused:
        read(text)
    assert str(refused.value).startswith(message)


def test_a_wrong_property_is_named_as_it_was_given() -> None:
    with pytest.raises(ConfigError, match=r"^-Djute\.maxbuffer=0: a whole number from 1 is expected$"):
        read(SMALLEST, {"jute.maxbuffer": "0"})


def test_too_few_snapshots_are_raised_to_three_and_said() -> None:
    config = read(SMALLEST + "autopurge.snapRetainCount=1")
    assert config.autopurge_snap_retain_count == 3
    assert config.warnings == ("autopurge.snapRetainCount=1 is raised to 3",)


def test_one_server_line_runs_alone() -> None:
    config = read(SMALLEST + "initLimit=5\nsyncLimit=2\nserver.1=localhost:2888:3888")
    assert config.warnings == ("only one server is given, server.1: running standalone",)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("server.1=localhost:2888:3888;2181", ("0.0.0.0", 2181)),
        ("server.1=localhost:2888:3888;127.0.0.1:2181", ("127.0.0.1", 2181)),
        ("clientPort=2181\nserver.1=localhost:2888:3888;2181", ("0.0.0.0", 2181)),
        ("clientPort=2181\nclientPortAddress=127.0.0.1\nserver.1=localhost:2888:3888;2181", ("127.0.0.1", 2181)),
        ("clientPort=2181\nserver.1=localhost:2888:3888", ("", 2181)),
    ],
)
def test_a_server_line_may_say_where_clients_connect(text: str, address: tuple[str, int]) -> None:
    config = read("dataDir=/data\n" + text)
    assert (config.client_port_address, config.client_port) == address


def test_two_different_client_ports_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"clientPort=2182: 2181, as in server\.1, is expected"):
        read("dataDir=/data\nclientPort=2182\nserver.1=localhost:2888:3888;2181")


def test_one_that_runs_alone_has_no_ensemble() -> None:
    assert read(SMALLEST).quorum is None
    assert read(SMALLEST + "server.1=localhost:2888:3888", files={"/data/myid": "nonsense"}).quorum is None
    assert load_bare(["2181", "/d"], {}, "/home").quorum is None


def test_entries_of_an_ensemble_need_a_reader() -> None:
    entries = {"dataDir": "data", "clientPort": "0", "initLimit": "5", "syncLimit": "2", "server.1": "a:1:2", "server.2": "b:1:2"}
    with pytest.raises(ConfigError, match="^/home/data/myid: no file is there: the number of this server is expected there$"):
        load_entries(entries, {}, "a test", "/home")
    quorum = load_entries(entries, {}, "a test", "/home", reader({"/home/data/myid": "2\n"})).quorum
    assert quorum is not None
    assert (quorum.sid, quorum.config_path) == (2, None)


def test_overrides_count_in_place_of_the_file() -> None:
    config = load(SMALLEST, {}, "zoo.cfg", "/home", reader({}), {"dataDir": "/other", "tickTime": "7"})
    assert (config.data_dir, config.data_log_dir, config.tick_time) == ("/other", "/other", 7)
    assert load_bare(["2181", "/d"], {}, "/home", {"dataDir": "/other"}).data_dir == "/other"


@pytest.mark.parametrize("text", ["server.1=a:2888:3888:observer", "server.1=a:2888:3888\nserver.2=a:2888:3888:observer"])
def test_observers_need_an_ensemble(text: str) -> None:
    with pytest.raises(ConfigError, match="observers need an ensemble"):
        read(SMALLEST + text)


def test_the_dynamic_file_holds_the_server_lines() -> None:
    files = {"/conf/zoo.cfg.dynamic": "server.1=localhost:2888:3888:participant;2181"}
    config = read("dataDir=/data\ndynamicConfigFile=/conf/zoo.cfg.dynamic", files=files)
    assert config.client_port == 2181
    with pytest.raises(ConfigError, match="^f: server.1=a: host:quorumPort"):
        read("dataDir=/data\ndynamicConfigFile=f", files={"f": "server.1=a"})
    with pytest.raises(ConfigError, match="^f: No such file$"):
        read("dataDir=/data\ndynamicConfigFile=f")


@pytest.mark.parametrize("line", ["server.1=a:1:2", "group.1=1:2", "weight.1=1"])
def test_server_lines_beside_a_dynamic_file_are_refused(line: str) -> None:
    with pytest.raises(ConfigError, match="the dynamicConfigFile, is expected"):
        read(SMALLEST + "dynamicConfigFile=f\n" + line, files={"f": ""})


KAZOO = """
tickTime=2000
dataDir=/tmp/k/data
clientPort=20000
secureClientPort=20004
maxClientCnxns=0
admin.serverPort=20003
serverCnxnFactory=org.apache.zookeeper.server.NettyServerCnxnFactory
authProvider.1=org.apache.zookeeper.server.auth.SASLAuthenticationProvider
ssl.keyStore.location=/tmp/k/server.jks
ssl.keyStore.password=apassword
ssl.trustStore.location=/tmp/k/trust.jks
ssl.trustStore.password=apassword
4lw.commands.whitelist=*
reconfigEnabled=true
localSessionsEnabled=true
localSessionsUpgradingEnabled=true
initLimit=4
syncLimit=2
server.1=localhost:20002:20001:participant
peerType=participant
"""


def test_the_configuration_of_kazoos_harness() -> None:
    digest = "super:D/InIHSb7yEEbrWz8b9l71RjZJU="
    config = read(
        KAZOO,
        {
            "file.encoding": "UTF-8", "readonlymode.enabled": "true", "zookeeper.log.dir": "/tmp/k/log",
            "java.security.auth.login.config": "/tmp/k/jaas.conf", "zookeeper.DigestAuthenticationProvider.superDigest": digest,
        },
    )
    assert config.client_port == 20000
    assert config.unknown_keys == ()
    assert config.properties["zookeeper.DigestAuthenticationProvider.superDigest"] == digest
    later, alone = config.warnings
    assert alone == "only one server is given, server.1: running standalone"
    assert later == (
        "asked for, but served by a later version only: secureClientPort=20004, "
        "authProvider.1=org.apache.zookeeper.server.auth.SASLAuthenticationProvider"
    )


def test_the_configuration_of_the_container_image() -> None:
    config = read(
        "dataDir=/data\ndataLogDir=/datalog\ntickTime=2000\ninitLimit=5\nsyncLimit=2\nautopurge.snapRetainCount=3\n"
        "autopurge.purgeInterval=0\nmaxClientCnxns=60\nstandaloneEnabled=true\nadmin.enableServer=true\nserver.1=localhost:2888:3888;2181\n"
    )
    assert (config.client_port, config.unknown_keys) == (2181, ())
    assert config.warnings[0] == "asked for, but served by a later version only: admin.enableServer=true"


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ("metricsProvider.className=org.example.Provider\nmetricsProvider.httpPort=7000", "metricsProvider.className"),
        ("sslQuorum=true", "sslQuorum=true"),
        ("audit.enable=true", "audit.enable=true"),
        ("sessionRequireClientSASLAuth=true", "sessionRequireClientSASLAuth=true"),
        ("quorum.auth.enableSasl=true", "quorum.auth.enableSasl=true"),
    ],
)
def test_later_features_are_named_when_they_are_switched_on(line: str, named: str) -> None:
    config = read(SMALLEST + line)
    assert config.unknown_keys == ()
    [warning] = config.warnings
    assert warning.startswith(f"asked for, but served by a later version only: {named}")


def test_passwords_are_not_shown() -> None:
    config = read(SMALLEST + "SASLAuthenticationProvider.superPassword=secret\nssl.keyStore.password=secret")
    assert "SASLAuthenticationProvider.superPassword" in config.warnings[0]
    assert "secret" not in repr(config)


@pytest.mark.parametrize("line", ["sslQuorum=false", "admin.enableServer=false", "secureClientPort=0", "admin.serverPort=9", "cnxTimeout=9"])
def test_what_is_not_switched_on_is_not_named(line: str) -> None:
    assert read(SMALLEST + line).warnings == ()


@pytest.mark.parametrize(
    ("arguments", "tick", "cnxns"), [(["2181", "/d"], 3000, 0), (["2181", "/d", "500"], 500, 0), (["2181", "/d", "500", "7"], 500, 7)]
)
def test_the_bare_form(arguments: list[str], tick: int, cnxns: int) -> None:
    config = load_bare(arguments, {"zookeeper.snapCount": "9"}, "/home")
    assert (config.client_port, config.data_dir, config.data_log_dir) == (2181, "/d", "/d")
    assert (config.tick_time, config.max_client_cnxns) == (tick, cnxns)
    assert config.settings.snap_count == 9
    assert config.unknown_keys == ()


def test_a_folder_of_the_bare_form_is_taken_as_it_is() -> None:
    assert load_bare(["2181", "a\\u0041=b"], {}, "/home").data_dir == "/home/a\\u0041=b"


@pytest.mark.parametrize("arguments", [["2181"], ["2181", "/d", "1", "2", "3"]])
def test_the_bare_form_has_two_to_four_arguments(arguments: list[str]) -> None:
    with pytest.raises(ConfigError, match="port dataDir"):
        load_bare(arguments, {}, "/home")


def test_the_bare_form_checks_its_values() -> None:
    with pytest.raises(ConfigError, match="^command line: clientPort=x: a whole number from 0 to 65535 is expected$"):
        load_bare(["x", "/d"], {}, "/home")


def test_a_configuration_is_frozen() -> None:
    config: Any = read(SMALLEST)
    with pytest.raises(AttributeError):
        config.client_port = 1


@pytest.mark.parametrize("name", ["SASLAuthenticationProvider", "X509AuthenticationProvider"])
def test_providers_of_a_later_version_are_named(name: str) -> None:
    java = f"authProvider.1=org.apache.zookeeper.server.auth.{name}"
    assert read(SMALLEST + java).warnings == (f"asked for, but served by a later version only: {java}",)
    assert read(SMALLEST + f"authProvider.1=my.{name}").warnings == ()
