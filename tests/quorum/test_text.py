"""Configurations from their text."""

import pytest

from txzk.quorum.servers import QuorumConfigError
from txzk.quorum.text import check_ensemble, parse_config, parse_verifier
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
