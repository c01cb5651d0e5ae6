"""What a reconfig makes of a configuration, and what it may not."""

from collections.abc import Iterator

import pytest

from tests.quorum.test_text import GROUPS, THREE
from txzk.defs.errors import BadArgumentsError, BadVersionError, MarshallingError, ReconfigInProgressError
from txzk.quorum.reconfig import MAX_TEXT, changed, check_turn
from txzk.quorum.servers import QuorumConfigError, QuorumServer
from txzk.quorum.text import parse_config
from txzk.quorum.verifiers import HierarchicalVerifier, MajorityVerifier


def test_whose_turn_it_is() -> None:
    active = parse_config(THREE)
    check_turn(active, active, -1)
    check_turn(active, active.with_version(0x1F), 0x1F)
    with pytest.raises(BadVersionError):
        check_turn(active, active, 0x1E)
    with pytest.raises(ReconfigInProgressError):
        check_turn(active, active.with_version(0x20), 0x1E)


def test_an_oracle_stays() -> None:
    def oracle() -> bool:
        return True

    verifier = parse_config(THREE, oracle)
    assert changed(verifier, None, "x", "server.1=a:1:2,server.2=b:1:2", 8).oracle is oracle
    assert changed(verifier, "server.4=d:1:2;3", None, None, 8).oracle is oracle


def test_joining_and_leaving() -> None:
    before = parse_config(THREE)
    after = changed(before, "server.4=d:1:2;3, server.3=c:1:2:participant;3,", " 1,77", None, 0x20)
    assert after.text() == "server.2=b:1:2:participant;0.0.0.0:3\nserver.3=c:1:2:participant;0.0.0.0:3\nserver.4=d:1:2:participant;0.0.0.0:3\nversion=20"
    assert list(before.servers) == [1, 2, 3]


def test_a_server_may_take_the_address_of_one_that_leaves_and_of_itself() -> None:
    assert list(changed(parse_config(THREE), "server.4=a:1:2;3,server.2=b:1:2;3", "1", None, 1).servers) == [2, 3, 4]
    assert list(changed(parse_config(THREE), "server.4=localhost:1:2;3,server.5=localhost:1:2;3", None, None, 1).servers) == [1, 2, 3, 4, 5]


def test_servers_that_a_file_has_put_at_one_place_may_part() -> None:
    before = parse_config("server.1=a:1:2\nserver.2=a:1:2\nserver.3=c:1:2")
    assert changed(before, "server.2=b:1:2;3", None, None, 1).servers[2].addresses[0].host == "b"
    with pytest.raises(BadArgumentsError) as refused:
        changed(before, "server.2=b:1:2;3,server.4=a:9:1;3", None, None, 1)
    assert str(refused.value.__cause__).endswith("a:1 is that of server.1")


def test_a_thousand_that_join_are_looked_at_once_each(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asks need not have any rights while they are."""
    looks = 0
    endpoints = QuorumServer.endpoints

    def counted(server: QuorumServer) -> Iterator[tuple[str, int]]:
        nonlocal looks
        looks += 1
        return endpoints(server)

    monkeypatch.setattr(QuorumServer, "endpoints", counted)
    joining = ",".join(f"server.{sid}=h{sid}:1:2;3" for sid in range(4, 1000))
    assert len(changed(parse_config(THREE), joining, None, None, 1).servers) == 999
    assert looks < 3000


@pytest.mark.parametrize("which", [0, 1, 2])
def test_what_is_too_long_is_not_looked_at(which: int) -> None:
    asked = [None, None, None]
    asked[which] = "," * (MAX_TEXT + 1)
    with pytest.raises(BadArgumentsError) as refused:
        changed(parse_config(THREE), *asked, 1)
    assert str(refused.value.__cause__) == "65537 characters: at most 65536 are expected"
    asked[which] = "," * MAX_TEXT if which < 2 else f"{THREE}{',' * (MAX_TEXT - len(THREE))}"
    assert len(changed(parse_config(THREE), *asked, 1).servers) == 3


def test_a_whole_configuration_wins() -> None:
    after = changed(parse_config(THREE), "nonsense", "nonsense", "server.7=a:1:2,server.8=b:1:2\nserver.9=c:1:2,version=5", 0x20)
    assert (list(after.servers), after.version) == ([7, 8, 9], 0x20)
    assert isinstance(changed(parse_config(THREE), None, None, GROUPS, 1), HierarchicalVerifier)
    assert isinstance(changed(parse_config(GROUPS), None, None, THREE, 1), MajorityVerifier)


@pytest.mark.parametrize(
    ("joining", "leaving", "members", "reason"),
    [
        (None, None, "", "servers that vote: 0: at least 2 is expected"),
        (None, None, "server.1=a:1:2", "servers that vote: 1: at least 2 is expected"),
        (None, None, "server.1=a:1:2,tickTime=5", "tickTime=5: server.N"),
        (None, None, "server.1=a:1:2,server.2=b", "server.2=b: host:quorumPort"),
        (None, None, "server.1=a:1:2|b:1:2,server.2=c:1:2", "server.1=a:1:2|b:1:2:participant: one address is expected"),
        (None, "1", None, "servers that vote: 1: at least 2 is expected"),
        ("bad", None, None, "bad: server.N=host:quorumPort:electionPort[:role];[clientHost:]clientPort is expected"),
        ("server.4=d:1:2;3=4", None, None, "server.4=d:1:2;3=4: server.N="),
        ("server.4=d:1:2", None, None, "server.4=d:1:2: a client port is expected"),
        ("server.4=d:1:2|e:1:2;3", None, None, "server.4=d:1:2|e:1:2:participant;0.0.0.0:3: one address is expected"),
        ("server.4=d:1;3", None, None, "server.4=d:1;3: host:quorumPort"),
        ("server.4=A:1:9;3", None, None, "server.4=A:1:9:participant;0.0.0.0:3: another address is expected, a:1 is that of server.1"),
        ("server.4=d:1:2;b:2", None, None, "server.4=d:1:2:participant;b:2: another address is expected, b:2 is that of server.2"),
        ("server.4=d:1:2;3,server.5=d:2:4;3", None, None, "server.5=d:2:4:participant;0.0.0.0:3: another address is expected, d:2 is that of server.4"),
        ("server.2=b:1:2:observer;3", None, None, "servers that vote: 1: at least 2 is expected"),
    ],
)
def test_reconfigs_refused(joining: str | None, leaving: str | None, members: str | None, reason: str) -> None:
    with pytest.raises(BadArgumentsError) as refused:
        changed(parse_config(THREE), joining, leaving, members, 1)
    assert isinstance(refused.value.__cause__, QuorumConfigError)
    assert str(refused.value.__cause__).startswith(reason)


@pytest.mark.parametrize(
    ("joining", "leaving", "members", "reason"),
    [
        (None, "one", None, "leaving.one: leaving. and a whole number is expected"),
        ("server.x=d:1:2;3", None, None, "server.x: server. and a whole number is expected"),
        (None, None, f"{THREE},version=x", "version=x: a hexadecimal number is expected"),
        (None, None, f"{THREE},group.1=x", "group.1=x: numbers of servers, separated by colons, are expected"),
        (
            "server.4=d:70000:2;3", None, None,
            "server.4=d:70000:2;3: host:quorumPort:electionPort[:participant|:observer][;[clientHost:]clientPort] with ports from 0 to 65535 is expected",
        ),
        (None, None, f"{THREE},weight.1=x", "weight.1=x: a whole number is expected"),
    ],
)
def test_what_is_no_number_is_refused_as_java_does(joining: str | None, leaving: str | None, members: str | None, reason: str) -> None:
    with pytest.raises(MarshallingError) as refused:
        changed(parse_config(THREE), joining, leaving, members, 1)
    assert str(refused.value.__cause__) == reason


def test_one_voter_is_enough_without_standalone() -> None:
    assert list(changed(parse_config(THREE), None, "1", None, 1, standalone_enabled=False).voters) == [2]
    assert list(changed(parse_config(THREE), None, None, "server.1=a:1:2", 1, standalone_enabled=False).voters) == [1]
    with pytest.raises(BadArgumentsError) as refused:
        changed(parse_config(THREE), None, "1,2", None, 1, standalone_enabled=False)
    assert str(refused.value.__cause__) == "servers that vote: 0: at least 1 is expected"


def test_several_addresses_may_join_where_they_are_enabled() -> None:
    after = changed(parse_config(THREE), "server.4=e:1:2|d:1:2;3", None, None, 1, multi_address_enabled=True)
    assert after.servers[4].text() == "d:1:2|e:1:2:participant;0.0.0.0:3"


def test_groups_change_as_a_whole_only() -> None:
    with pytest.raises(BadArgumentsError) as refused:
        changed(parse_config(GROUPS), "server.4=d:1:2;3", None, None, 1)
    assert "a whole configuration is expected" in str(refused.value.__cause__)
