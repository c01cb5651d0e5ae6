"""Configurations from their text, and what a reconfig makes of them."""

import pytest

from txzk.defs.errors import BadArgumentsError
from txzk.quorum.servers import QuorumConfigError
from txzk.quorum.text import changed, check_ensemble, parse_config, parse_verifier
from txzk.quorum.verifiers import HierarchicalVerifier, MajorityVerifier, OracleMajorityVerifier

THREE = "server.1=a:1:2:participant;3\nserver.2=b:1:2:participant;3\nserver.3=c:1:2:observer;3\nversion=1f"
GROUPS = "server.1=a:1:2\nserver.2=b:1:2\ngroup.1=1\ngroup.2=2\nweight.1=4\nversion=0"


def test_a_text_is_read_as_it_was_written() -> None:
    verifier = parse_config(THREE)
    assert isinstance(verifier, MajorityVerifier)
    assert (list(verifier.voters), list(verifier.observers), verifier.version) == ([1, 2], [3], 0x1F)
    assert parse_config(verifier.text()).text() == verifier.text() == THREE.replace(";3", ";0.0.0.0:3")


def test_groups_make_a_hierarchy() -> None:
    verifier = parse_config(GROUPS)
    assert isinstance(verifier, HierarchicalVerifier)
    assert (verifier.weight(1), verifier.weight(2)) == (4, 1)
    assert parse_config(verifier.text()).text() == verifier.text()
    assert isinstance(parse_config("server.1=a:1:2\ngroup.1=1"), HierarchicalVerifier)
    with pytest.raises(QuorumConfigError, match="a group is expected"):
        parse_config("server.1=a:1:2\nweight.1=1")


def test_an_oracle_of_the_own_server() -> None:
    def oracle() -> bool:
        return True

    verifier = parse_config(GROUPS.replace("version=0", "version=7"), oracle)
    assert isinstance(verifier, OracleMajorityVerifier)
    assert (verifier.oracle, verifier.version) == (oracle, 7)
    assert changed(verifier, None, "x", "server.1=a:1:2,server.2=b:1:2", 8).oracle is oracle
    assert changed(verifier, "server.3=c:1:2;3", None, None, 8).oracle is oracle


def test_other_keys_are_passed_by_in_a_file_and_refused_in_a_text() -> None:
    assert list(parse_verifier({"tickTime": "1", "server.4": "a:1:2"}).servers) == [4]
    with pytest.raises(QuorumConfigError, match=r"^tickTime=1: server\.N, group\.N, weight\.N or version is expected$"):
        parse_config("server.4=a:1:2\ntickTime=1")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("server.x=a:1:2", "server.x: server. and a whole number is expected"),
        ("server.1=a:1", "server.1=a:1: host:quorumPort:"),
        ("group.x=1", "group.x: group. and a whole number is expected"),
        ("group.1=1:x", "group.1=1:x: numbers of servers, separated by colons, are expected"),
        ("group.1=", "group.1=: numbers of servers"),
        ("weight.x=1", "weight.x: weight. and a whole number is expected"),
        ("weight.1=-1", "weight.1=-1: a whole number is expected"),
        ("version=", "version=: a hexadecimal number is expected"),
        ("version=x1", "version=x1: a hexadecimal number is expected"),
        ("version=8000000000000000", "version=8000000000000000: a hexadecimal number is expected"),
        ("version=00000000000000001", "version=00000000000000001: a hexadecimal number is expected"),
        ("server.1=\\u00zz", "\\u00zz: \\u and four hexadecimal digits are expected"),
    ],
)
def test_texts_refused(text: str, message: str) -> None:
    with pytest.raises(QuorumConfigError) as refused:
        parse_config(text)
    assert str(refused.value).startswith(message)


@pytest.mark.parametrize(
    ("text", "standalone", "message"),
    [
        ("server.1=a:1:2", True, ""),
        ("", True, ""),
        ("server.1=a:1:2", False, ""),
        ("server.1=a:1:2\nserver.2=b:1:2:observer", False, ""),
        ("server.1=a:1:2\nserver.2=b:1:2\nserver.3=c:1:2:observer", True, ""),
        ("", False, "standaloneEnabled=false: at least one server that votes is expected"),
        ("server.1=a:1:2\nserver.2=b:1:2:observer", True, "server.2: observers need an ensemble; at least two servers that vote are expected"),
        ("server.2=b:1:2:observer", True, "server.2: observers need an ensemble"),
        ("server.2=b:1:2:observer", False, "standaloneEnabled=false: at least one"),
        ("server.1=a:1:2|b:1:2", True, "server.1=a:1:2|b:1:2:participant: one address is expected, or multiAddress.enabled=true"),
    ],
)
def test_ensembles_that_are_none(text: str, standalone: bool, message: str) -> None:
    if not message:
        check_ensemble(parse_config(text), standalone, False)
        return
    with pytest.raises(QuorumConfigError) as refused:
        check_ensemble(parse_config(text), standalone, False)
    assert str(refused.value).startswith(message)


def test_several_addresses_are_allowed_where_they_are_enabled() -> None:
    check_ensemble(parse_config("server.1=a:1:2|b:1:2"), True, True)


def test_joining_and_leaving() -> None:
    before = parse_config(THREE)
    after = changed(before, "server.4=d:1:2;3, server.3=c:1:2:participant;3,", " 1,77", None, 0x20)
    assert after.text() == "server.2=b:1:2:participant;0.0.0.0:3\nserver.3=c:1:2:participant;0.0.0.0:3\nserver.4=d:1:2:participant;0.0.0.0:3\nversion=20"
    assert list(before.servers) == [1, 2, 3]


def test_a_server_may_take_the_address_of_one_that_leaves_and_of_itself() -> None:
    assert list(changed(parse_config(THREE), "server.4=a:1:2;3,server.2=b:1:2;3", "1", None, 1).servers) == [2, 3, 4]
    assert list(changed(parse_config(THREE), "server.4=localhost:1:2;3,server.5=localhost:1:2;3", None, None, 1).servers) == [1, 2, 3, 4, 5]


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
        (None, "one", None, "leaving.one: leaving. and a whole number is expected"),
        ("bad", None, None, "bad: server.N=host:quorumPort:electionPort[:role];[clientHost:]clientPort is expected"),
        ("server.4=d:1:2;3=4", None, None, "server.4=d:1:2;3=4: server.N="),
        ("server.x=d:1:2;3", None, None, "server.x: server. and a whole number is expected"),
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
