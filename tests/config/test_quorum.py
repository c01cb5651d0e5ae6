"""What a configuration says of an ensemble: its servers, this server among them, its limits."""

from collections.abc import Mapping

import pytest

from tests.config.test_server import reader
from txzk.config.keys import ConfigError
from txzk.config.quorum import QuorumConfig
from txzk.config.server import ServerConfig, load
from txzk.quorum.verifiers import HierarchicalVerifier, OracleMajorityVerifier

BASE = "dataDir=data\ninitLimit=10\nsyncLimit=5\n"
PORT = BASE + "clientPort=2181\n"
THREE = "server.1=a:2888:3888\nserver.2=b:2888:3888;2182\nserver.3=c:2888:3888\n"
DYNAMIC = "dynamicConfigFile=/conf/zoo.cfg.dynamic.1f\n"


def read(text: str, myid: str = "1\n", files: Mapping[str, str] | None = None) -> ServerConfig:
    return load(text, {}, "zoo.cfg", "/home", reader({"/home/data/myid": myid, **(files or {})}))


def quorum(text: str, myid: str = "1\n", files: Mapping[str, str] | None = None) -> QuorumConfig:
    found = read(text, myid, files).quorum
    assert found is not None
    return found


def refusal(text: str, myid: str = "1\n", files: Mapping[str, str] | None = None) -> str:
    with pytest.raises(ConfigError) as refused:
        read(text, myid, files)
    return str(refused.value)


def test_an_ensemble_with_all_defaults() -> None:
    config = read(PORT + THREE)
    found = config.quorum
    assert found is not None
    assert (found.sid, found.server.addresses[0].host, found.observer) == (1, "a", False)
    assert (list(found.verifier.voters), found.verifier.version) == ([1, 2, 3], 0)
    assert found.last_seen_verifier is found.verifier
    assert (found.config_path, found.dynamic_path) == ("/home/zoo.cfg", None)
    assert (found.init_limit, found.sync_limit, found.connect_to_learner_master_limit, found.election_alg) == (10, 5, 10, 3)
    assert (found.listen_on_all_ips, found.standalone_enabled, found.reconfig_enabled) == (False, True, False)
    assert (found.sync_enabled, found.observer_master_port) == (True, 0)
    assert (found.local_sessions_enabled, found.local_sessions_upgrading_enabled) == (False, False)
    assert (found.multi_address_enabled, found.multi_address_reachability_check_enabled) == (False, True)
    assert found.multi_address_reachability_check_timeout_ms == 1000
    assert (config.client_port, config.client_port_address, config.warnings) == (2181, "", ())


def test_every_key_of_its_own() -> None:
    found = quorum(
        PORT + THREE + "connectToLearnerMasterLimit=7\nquorumListenOnAllIPs=true\nstandaloneEnabled=false\nreconfigEnabled=true\nsyncEnabled=false\n"
        "observerMasterPort=2191\nlocalSessionsEnabled=true\nlocalSessionsUpgradingEnabled=true\nmultiAddress.enabled=true\n"
        "multiAddress.reachabilityCheckEnabled=false\nmultiAddress.reachabilityCheckTimeoutMs=9\nelectionAlg=3\n"
    )
    assert (found.connect_to_learner_master_limit, found.listen_on_all_ips, found.standalone_enabled) == (7, True, False)
    assert (found.reconfig_enabled, found.sync_enabled, found.observer_master_port) == (True, False, 2191)
    assert (found.local_sessions_enabled, found.local_sessions_upgrading_enabled, found.multi_address_enabled) == (True, True, True)
    assert (found.multi_address_reachability_check_enabled, found.multi_address_reachability_check_timeout_ms) == (False, 9)


@pytest.mark.parametrize(
    ("key", "flag", "enabled"), [("true", None, True), ("false", None, False), ("true", "false", False), ("false", "true", True), ("false", "", False)],
)
def test_whether_an_observer_keeps_a_log(key: str, flag: str | None, enabled: bool) -> None:
    more = "" if flag is None else f"observer.syncEnabled={flag}\n"
    assert quorum(PORT + THREE + f"syncEnabled={key}\n{more}").sync_enabled is enabled


def test_one_server_is_an_ensemble_without_standalone() -> None:
    found = quorum(PORT + "server.1=a:2888:3888\nstandaloneEnabled=false\n")
    assert list(found.verifier.servers) == [1]


def test_groups_and_several_addresses_and_an_oracle() -> None:
    assert isinstance(quorum(PORT + THREE + "group.1=1:2:3\nweight.2=2\n").verifier, HierarchicalVerifier)
    several = PORT + THREE.replace("a:2888:3888", "a:2888:3888|a2:2888:3888")
    assert refusal(several) == (
        "zoo.cfg: server.1=a:2888:3888|a2:2888:3888:participant: one address is expected, or multiAddress.enabled=true"
    )
    assert [address.host for address in quorum(several + "multiAddress.enabled=true\n").server.addresses] == ["a", "a2"]


def test_several_addresses_are_allowed_by_the_property_of_java_too() -> None:
    several = PORT + THREE.replace("a:2888:3888", "a:2888:3888|a2:2888:3888")
    properties = {
        "zookeeper.multiAddress.enabled": "true", "zookeeper.multiAddress.reachabilityCheckEnabled": "false",
        "zookeeper.multiAddress.reachabilityCheckTimeoutMs": "9",
    }
    files = reader({"/home/data/myid": "1"})
    found = load(several + "multiAddress.reachabilityCheckTimeoutMs=8\n", properties, "zoo.cfg", "/home", files).quorum
    assert found is not None
    assert len(found.server.addresses) == 2
    assert (found.multi_address_enabled, found.multi_address_reachability_check_enabled) == (True, False)
    assert found.multi_address_reachability_check_timeout_ms == 8
    with pytest.raises(ConfigError) as refused:
        load(several, {"zookeeper.multiAddress.enabled": "yes"}, "zoo.cfg", "/home", files)
    assert str(refused.value) == "-Dzookeeper.multiAddress.enabled=yes: true or false is expected"


def test_the_oracle_is_asked_each_time() -> None:
    files = {"/oracle": "1\n"}
    answers = {"/home/data/myid": "1", **files}
    config = load(PORT + "server.1=a:1:2\nserver.2=b:1:2\noraclePath=/oracle\n", {}, "zoo.cfg", "/home", reader(answers))
    assert config.quorum is not None
    verifier = config.quorum.verifier
    assert isinstance(verifier, OracleMajorityVerifier)
    assert verifier.contains_quorum([1])
    answers["/oracle"] = "0"
    assert not verifier.contains_quorum([1])
    del answers["/oracle"]
    assert not verifier.contains_quorum([1])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("dataDir=data\nclientPort=1\nsyncLimit=5\n" + THREE, "zoo.cfg: initLimit is not set: a whole number from 0, but not 0, is expected in an ensemble"),
        ("dataDir=data\nclientPort=1\ninitLimit=5\n" + THREE, "zoo.cfg: syncLimit is not set: "),
        (PORT + THREE + "syncLimit=0", "zoo.cfg: syncLimit is not set: "),
        (PORT + THREE + "electionAlg=1", "zoo.cfg: electionAlg=1: 3 is expected"),
        (PORT + "standaloneEnabled=false", "zoo.cfg: standaloneEnabled=false: at least one server that votes is expected"),
        (PORT + "standaloneEnabled=false\nserver.1=a:1:2:observer", "zoo.cfg: standaloneEnabled=false: at least one"),
        (PORT + THREE + "server.x=a:1:2", "zoo.cfg: server.x: server. and a whole number is expected"),
        (PORT + THREE + "group.1=1:2", "zoo.cfg: server.3: a group is expected to have it"),
        (BASE + THREE, "zoo.cfg: clientPort is not set: "),
        (BASE + "clientPortAddress=h\n" + THREE, "zoo.cfg: clientPortAddress=h: clientPort beside it is expected"),
    ],
)
def test_refusals(text: str, message: str) -> None:
    assert refusal(text).startswith(message)


@pytest.mark.parametrize(("myid", "sid"), [("3", 3), ("3\r\nwhatever", 3), (" 1 \n", 1), ("01", 1)])
def test_the_number_of_this_server(myid: str, sid: int) -> None:
    assert quorum(PORT + THREE, myid).sid == sid


@pytest.mark.parametrize(
    ("myid", "message"),
    [
        ("", "/home/data/myid: '': the number of this server is expected there"),
        ("\n1", "/home/data/myid: '': the number of this server is expected there"),
        ("one", "/home/data/myid: 'one': the number of this server is expected there"),
        ("-1", "/home/data/myid: '-1': the number of this server is expected there"),
        ("\u0661", "/home/data/myid: '\u0661': the number of this server is expected there"),
        ("9", "/home/data/myid: 9: one of 1, 2, 3, the servers of the ensemble, is expected"),
        ("1" * 5000, f"/home/data/myid: {'1' * 40}: one of 1, 2, 3"),
    ],
)
def test_numbers_refused(myid: str, message: str) -> None:
    assert refusal(PORT + THREE, myid).startswith(message)


def test_a_number_that_is_missing() -> None:
    with pytest.raises(ConfigError, match="^/home/data/myid: No such file: the number of this server is expected there$"):
        load(PORT + THREE, {}, "zoo.cfg", "/home", reader({}))


def test_a_time_to_live_leaves_room_for_254_servers() -> None:
    lines = "server.254=a:1:2\nserver.255=b:1:2\nextendedTypesEnabled=true"
    assert quorum(PORT + lines, "254").sid == 254
    assert refusal(PORT + lines, "255") == "/home/data/myid: 255: at most 254 is expected where extendedTypesEnabled=true"


@pytest.mark.parametrize(
    ("lines", "myid", "warnings"),
    [
        ("", "1", ()),
        ("server.4=d:1:2:observer\npeerType=observer", "4", ()),
        (
            "server.4=d:1:2:observer", "4",
            ("peerType=participant, but the server lines say observer of server.4, which counts",),
        ),
        ("peerType=observer", "1", ("peerType=observer, but the server lines say participant of server.1, which counts",)),
        ("server.4=d:1:2", "1", ("servers that vote: 4: no more may fail than of 3; an odd number is advised",)),
        ("server.3=d:1:2:observer", "1", ("servers that vote: 2: none may fail; at least 3 are advised",)),
    ],
)
def test_warnings(lines: str, myid: str, warnings: tuple[str, ...]) -> None:
    config = read(PORT + THREE + lines, myid)
    assert config.warnings == warnings
    assert config.quorum is not None
    assert config.quorum.observer == (myid == "4")


@pytest.mark.parametrize(
    ("given", "line", "address"),
    [
        ("clientPort=2181", "", ("", 2181)),
        ("clientPort=2181\nclientPortAddress=h", "", ("h", 2181)),
        ("", ";2181", ("0.0.0.0", 2181)),
        ("", ";h:2181", ("h", 2181)),
        ("clientPort=2181", ";h:2181", ("h", 2181)),
        ("clientPort=2181\nclientPortAddress=0.0.0.0", ";h:2181", ("h", 2181)),
        ("clientPort=2181\nclientPortAddress=::", ";h:2181", ("h", 2181)),
        ("clientPort=2181\nclientPortAddress=H", ";h:2181", ("h", 2181)),
        ("clientPort=2181\nclientPortAddress=[::1]", "", ("::1", 2181)),
        ("clientPort=2181\nclientPortAddress=[::1]", ";[::1]:2181", ("::1", 2181)),
    ],
)
def test_where_clients_connect(given: str, line: str, address: tuple[str, int]) -> None:
    config = read(BASE + THREE.replace("a:2888:3888", f"a:2888:3888{line}") + given)
    assert (config.client_port_address, config.client_port) == address


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("clientPort=2182", "zoo.cfg: clientPort=2182: h:2181, as in server.1, is expected"),
        ("clientPort=2181\nclientPortAddress=i", "zoo.cfg: clientPortAddress=i: h:2181, as in server.1, is expected"),
    ],
)
def test_two_places_for_clients_are_refused(given: str, message: str) -> None:
    assert refusal(BASE + THREE.replace("a:2888:3888", "a:2888:3888;h:2181") + given) == message


def test_the_version_stands_in_the_name_of_the_dynamic_file() -> None:
    found = quorum(PORT + DYNAMIC, files={"/conf/zoo.cfg.dynamic.1f": THREE})
    assert (found.verifier.version, list(found.verifier.servers), found.dynamic_path) == (0x1F, [1, 2, 3], "/conf/zoo.cfg.dynamic.1f")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (THREE + "version=1f", "/conf/zoo.cfg.dynamic.1f: version: it is expected at the end of the name of the file"),
        (THREE + "tickTime=5", "/conf/zoo.cfg.dynamic.1f: tickTime=5: server.N, group.N, weight.N or version is expected"),
        ("server.1=a:1:2:observer", "/conf/zoo.cfg.dynamic.1f: server.1: observers need an ensemble"),
    ],
)
def test_dynamic_files_refused(text: str, message: str) -> None:
    assert refusal(PORT + DYNAMIC, files={"/conf/zoo.cfg.dynamic.1f": text}).startswith(message)


@pytest.mark.parametrize(
    ("config", "proposal", "version"),
    [
        ("reconfigEnabled=true\n", THREE + "version=20", 0x20),
        ("reconfigEnabled=true\n", THREE + "version=1e", 0x1F),
        ("reconfigEnabled=true\n", THREE, 0x1F),
        ("reconfigEnabled=true\n", None, 0x1F),
        ("", THREE + "version=20", 0x1F),
    ],
)
def test_a_newer_proposal_is_the_last_seen_configuration(config: str, proposal: str | None, version: int) -> None:
    files = {"/conf/zoo.cfg.dynamic.1f": THREE, **({} if proposal is None else {"/home/zoo.cfg.dynamic.next": proposal})}
    found = quorum(PORT + DYNAMIC + config, files=files)
    assert (found.verifier.version, found.last_seen_verifier.version) == (0x1F, version)


def test_a_broken_proposal_is_refused() -> None:
    files = {"/conf/zoo.cfg.dynamic.1f": THREE, "/home/zoo.cfg.dynamic.next": "server.1=a"}
    assert refusal(PORT + DYNAMIC + "reconfigEnabled=true", files=files).startswith("/home/zoo.cfg.dynamic.next: server.1=a: host:quorumPort")


def test_a_proposal_without_a_dynamic_file_is_none() -> None:
    found = quorum(PORT + THREE + "reconfigEnabled=true", files={"/home/zoo.cfg.dynamic.next": THREE + "version=20"})
    assert found.last_seen_verifier.version == 0
