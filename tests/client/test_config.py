"""Client.from_config: files in the syntax of Java's client configuration, or a zoo.cfg."""

from __future__ import annotations

from pathlib import Path

import pytest
from twisted.internet.task import Clock

from tests.client.certificates import certificate
from txzk import Client
from txzk.client.config import read_client_config
from txzk.config.keys import ConfigError


def test_the_keys_of_a_client() -> None:
    text = (
        "zookeeper.connect=a:1,b:2/app\nzookeeper.session.timeout=4500\nzookeeper.request.timeout = 250\njute.maxbuffer=0x200000\n"
        "zookeeper.client.secure=false\nserver.1=c:1:1;1\n"
    )
    assert read_client_config(text, "f") == ("a:1,b:2/app", {"session_timeout": 4.5, "timeout": 0.25, "max_packet": 0x200000})


@pytest.mark.parametrize(
    ("text", "hosts"),
    [
        ("clientPort=2182", "localhost:2182"), ("clientPort=2182\nclientPortAddress=10.0.0.1", "10.0.0.1:2182"),
        ("clientPort=2182\nserver.1=a:1:2\nserver.2=b:1:2:observer;0.0.0.0:5", "a:2182,b:5"), ("server.1=[::1]:1:2", "[::1]:2181"),
        ("zookeeper.connect=a\nzookeeper.request.timeout=0", "a"),
    ],
)
def test_the_hosts_of_a_zoo_cfg(text: str, hosts: str) -> None:
    assert read_client_config(text, "f") == (hosts, {})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("tickTime=2000", "neither zookeeper.connect nor"), ("clientPort=x", "clientPort=x: a whole number"),
        ("zookeeper.connect=a\njute.maxbuffer=1m", "jute.maxbuffer=1m: a whole number"),
    ],
)
def test_what_cannot_be_used(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=f"^f: {message}"):
        read_client_config(text, "f")


def test_tls(tmp_path: Path) -> None:
    assert read_client_config("zookeeper.connect=a\nzookeeper.client.secure=TRUE", "f")[1] == {"tls": True}
    trust, key = tmp_path / "trust.pem", tmp_path / "key.pem"
    one, two = certificate("one"), certificate("two")
    trust.write_bytes(one.certificate + two.certificate)
    key.write_bytes(one.key + one.certificate)
    text = (
        f"zookeeper.connect=a\nzookeeper.client.secure=true\nzookeeper.ssl.trustStore.location={trust}\nzookeeper.ssl.keyStore.location={key}\n"
    )
    options = read_client_config(text, "f")[1]
    assert options["tls"]("host")._hostname == "host"


def test_from_config(tmp_path: Path) -> None:
    path = tmp_path / "client.cfg"
    path.write_text("zookeeper.connect=a:1/app\nzookeeper.session.timeout=3000\n")
    zk = Client.from_config(Clock(), str(path), session_timeout=5.0, timeout=2)
    assert zk.session.timeout_ms == 5000 and zk.settings.prefix == "/app" and zk.settings.timeout == 2
    with pytest.raises(FileNotFoundError):
        Client.from_config(Clock(), str(tmp_path / "none"))
