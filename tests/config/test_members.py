"""The server.N lines."""

import pytest

from txzk.config.keys import ConfigError
from txzk.config.members import read_members


@pytest.mark.parametrize(
    ("value", "participant", "client_host", "client_port"),
    [
        ("localhost:2888:3888", True, "0.0.0.0", None),
        ("localhost:2888:3888:participant", True, "0.0.0.0", None),
        ("localhost:2888:3888:OBSERVER", False, "0.0.0.0", None),
        ("localhost:2888:3888;2181", True, "0.0.0.0", 2181),
        ("localhost:2888:3888:observer;127.0.0.1:2181", False, "127.0.0.1", 2181),
        ("[::1]:2888:3888;[::1]:2181", True, "::1", 2181),
        ("a:2888:3888|b:2889:3889", True, "0.0.0.0", None),
    ],
)
def test_lines(value: str, participant: bool, client_host: str, client_port: int | None) -> None:
    [member] = read_members({"tickTime": "1", "server.7": value}, "zoo.cfg")
    assert (member.sid, member.participant) == (7, participant)
    assert (member.client_host, member.client_port) == (client_host, client_port)


@pytest.mark.parametrize(
    "value",
    [
        "", "localhost", "localhost:2888", ":2888:3888", "localhost:2888:3888:leader", "localhost:2888:70000", "localhost:x:3888",
        "localhost:2888:3888;2181;2182", "localhost:2888:3888;a:b:2181", "localhost:2888:3888;", "[::1:2888:3888", "[::1]2888:3888",
        "localhost:1:2:participant:3",
    ],
)
def test_lines_refused(value: str) -> None:
    with pytest.raises(ConfigError, match=r"zoo\.cfg: server\.1=.*host:quorumPort:electionPort"):
        read_members({"server.1": value}, "zoo.cfg")


@pytest.mark.parametrize("name", ["server.", "server.x", "server.-1", "server.\u0661"])
def test_ids_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="whole number"):
        read_members({name: "localhost:2888:3888"}, "zoo.cfg")
