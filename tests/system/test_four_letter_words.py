"""Four-letter words of txzk and of a Java server after the same requests: the same lines, but for numbers, dates and names of the machine."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.system.conftest import Factory
from tests.system.managed import ManagedServer
from tests.system.raw_client import RawClient, four_letter_word
from txzk.defs import errors, opcodes
from txzk.jute import records

Servers = tuple[ManagedServer, ManagedServer]


@pytest.fixture(scope="module")
def servers(module_txzk: Factory, module_java: Factory) -> Iterator[Servers]:
    """Both have seen the same, and still have the sessions."""
    pair = module_txzk(), module_java()
    clients = []
    for server in pair:
        first, second = RawClient(server.port), RawClient(server.port)
        first.create("/a", b"data")
        first.create("/a/e", b"", flags=1)
        for client in (first, second):
            client.ask(opcodes.GET_DATA, records.encode_GetDataRequest("/a", True))
            assert client.call(opcodes.EXISTS, records.encode_ExistsRequest("/none", True))[0].err == errors.NO_NODE
        first.ask(opcodes.GET_CHILDREN, records.encode_GetChildrenRequest("/a", True))
        first.create("/q")
        first.create("/zookeeper/quota/q")
        first.create("/zookeeper/quota/q/zookeeper_limits", b"count=10,bytes=1000")
        first.create("/zookeeper/quota/q/zookeeper_stats", b"count=1,bytes=0")
        clients += [first, second]
    yield pair
    for client in clients:
        client.close_session()


def plain(text: str) -> list[str]:
    """The lines, with what differs from run to run replaced."""
    text = re.sub(r"(?m)^(Zookeeper version: |zookeeper.version=|zk_version\t).*$", r"\1VERSION", text)
    text = re.sub(r"(?m)expire at .*:$", "expire at DATE:", text)
    text = re.sub(r"lop=\w+", "lop=OP", text)
    return re.sub(r"0x[0-9a-f]+|-?\d+(\.\d+)?(E\d+)?", "N", text).split("\n")


@pytest.mark.parametrize("word", "conf cons crst dirs dump gtmk isro ruok srst srvr stat wchc wchp wchs".split())
def test_the_lines_are_those_of_java(servers: Servers, word: str) -> None:
    ours, javas = [plain(four_letter_word(server.port, word.encode()).decode()) for server in servers]
    folders = re.compile(r"(dataDir|dataLogDir)=.*")
    ours, javas = [[folders.sub(r"\1=FOLDER", line) for line in lines] for lines in (ours, javas)]
    if word in ("cons", "stat", "wchc", "dump"):
        # Their order is that of a hash table there.
        ours, javas = sorted(ours), sorted(javas)
    if word == "dump":
        # Sessions are told by the tick in which they end, and how many ticks that are is a matter of time.
        ours, javas = sorted(set(ours)), sorted(set(javas))
    assert ours == javas


def test_the_figures_have_the_names_of_java(servers: Servers) -> None:
    def names(server: ManagedServer) -> set[str]:
        return {line.split("\t")[0] for line in four_letter_word(server.port, b"mntr").decode().splitlines()}

    ours, javas = map(names, servers)
    assert sorted(ours) == sorted(javas)


def test_the_figures_that_depend_on_the_requests_only_are_equal(servers: Servers) -> None:
    chosen = (
        "zk_server_state", "zk_num_alive_connections", "zk_outstanding_requests", "zk_znode_count", "zk_watch_count", "zk_ephemerals_count",
        "zk_approximate_data_size", "zk_global_sessions", "zk_local_sessions", "zk_q_quota_count_limit_per_namespace",
        "zk_q_quota_bytes_limit_per_namespace", "zk_q_quota_count_usage_per_namespace", "zk_q_quota_bytes_usage_per_namespace",
        "zk_cnt_a_read_per_namespace", "zk_sum_a_read_per_namespace",
    )
    ours, javas = [dict(line.split("\t", 1) for line in four_letter_word(server.port, b"mntr").decode().splitlines()) for server in servers]
    assert {name: ours[name] for name in chosen} == {name: javas[name] for name in chosen}


@pytest.mark.parametrize("word", ["envi"])
def test_the_environment_names_the_version_first(servers: Servers, word: str) -> None:
    for server in servers:
        lines = plain(four_letter_word(server.port, word.encode()).decode())
        assert lines[:2] == ["Environment:", "zookeeper.version=VERSION"]
        assert lines[2].startswith("host.name=")
