"""The answers to four-letter words, to the byte."""

from __future__ import annotations

import re

import pytest

from tests.peer.world import WALL_MS, Client, World
from txzk.defs import opcodes
from txzk.jute import records
from txzk.peer.four_letter_words import VERSION

ALL = "4lw.commands.whitelist=*\n"


def ask(world: World, word: str) -> str:
    client = world.connect()
    client.send(word.encode())
    assert client.cnxn.closing
    world.server.disconnected(client.cnxn)
    return client.received.decode()


def used(cfg: str = "") -> tuple[World, Client, Client]:
    """A server with two sessions, one of which has an ephemeral node and watches."""
    world = World(ALL + cfg)
    one, two = world.client(), world.client("10.0.0.9")
    one.create("/e", b"12345", 1)
    one.get("/e", True)
    two.get("/e", True)
    two.call(opcodes.EXISTS, records.encode_ExistsRequest("/none", True))
    return world, one, two


def hexadecimal(client: Client) -> str:
    return f"{client.session_id:#x}"


def test_ruok_and_isro() -> None:
    world = World(ALL)
    assert (ask(world, "ruok"), ask(world, "isro")) == ("imok", "rw")


def test_conf() -> None:
    assert ask(World(ALL + "maxClientCnxns=9\ndataLogDir=/logs\nclientPortListenBacklog=5"), "conf") == (
        "clientPort=2181\nsecureClientPort=-1\ndataDir=/data/version-2\ndataDirSize=7\ndataLogDir=/logs/version-2\ndataLogSize=7\n"
        "tickTime=2000\nmaxClientCnxns=9\nminSessionTimeout=4000\nmaxSessionTimeout=40000\nclientPortListenBacklog=5\nserverId=0\n"
    )


def test_dirs_and_envi() -> None:
    world = World(ALL)
    assert ask(world, "dirs") == "datadir_size: 7\nlogdir_size: 7\n"
    assert ask(world, "envi") == f"Environment:\nzookeeper.version={VERSION}\nhost.name=here\n"


def test_cons_tells_of_connections_with_and_without_a_session() -> None:
    world, one, _ = used()
    world.connect("10.0.0.8")
    lines = ask(world, "cons").split("\n")
    assert lines[0] == (
        f" /127.0.0.1:4000[1](queued=0,recved=3,sent=3,sid={hexadecimal(one)},lop=GETD,est={WALL_MS},to=10000,lcxid=0x2,lzxid=0x3,"
        f"lresp={world.now_ms},llat=0,minlat=0,avglat=0,maxlat=0)"
    )
    assert lines[1].startswith(" /10.0.0.9:4000[1](queued=0,recved=3,sent=3,sid=") and "lop=EXIS" in lines[1]
    assert lines[2:] == [
        " /10.0.0.8:4000[0](queued=0,recved=0,sent=0)", " /127.0.0.1:4000[0](queued=0,recved=1,sent=0)", "", "",
    ]


def test_addresses_of_ipv6_have_all_groups() -> None:
    world = World(ALL)
    world.connect("2001:db8::1:0")
    assert ask(world, "cons").startswith(" /[2001:db8:0:0:0:0:1:0]:4000[0](")
    assert "\tip: /[2001:db8:0:0:0:0:1:0]:4000 sessionId: 0x0\n" in ask(world, "dump")


def test_crst_sets_the_figures_of_connections_back() -> None:
    world, _, _ = used()
    assert ask(world, "crst") == "Connection stats reset.\n"
    first = ask(world, "cons").split("\n")[0]
    assert "(queued=0,recved=0,sent=0,sid=" in first and "lop=NA" in first
    assert "lcxid" not in first and "lzxid=0xffffffffffffffff,lresp=0,llat=0,minlat=0,avglat=0,maxlat=0)" in first


def test_srvr_and_stat() -> None:
    world, _, _ = used()
    figures = (
        "Latency min/avg/max: 0/0.0/0\nReceived: 7\nSent: 6\nConnections: 3\nOutstanding: 0\nZxid: 0x3\nMode: standalone\nNode count: 6\n"
    )
    assert ask(world, "srvr") == f"Zookeeper version: {VERSION}\n{figures}"
    assert ask(world, "stat") == (
        f"Zookeeper version: {VERSION}\nClients:\n /127.0.0.1:4000[1](queued=0,recved=3,sent=3)\n /10.0.0.9:4000[1](queued=0,recved=3,sent=3)\n"
        f" /127.0.0.1:4000[0](queued=0,recved=1,sent=0)\n\n{figures.replace('Received: 7', 'Received: 8').replace('Sent: 6', 'Sent: 7')}"
    )


def test_srst_sets_the_figures_of_the_server_back() -> None:
    world, _, _ = used()
    assert ask(world, "srst") == "Server stats reset.\n"
    assert "Received: 1\nSent: 1\n" in ask(world, "srvr")


def test_dump_tells_of_sessions_ephemerals_and_connections() -> None:
    world, one, two = used("clientPortAddress=127.0.0.1")
    ids = sorted([one, two], key=lambda client: client.session_id)
    text = ask(world, "dump")
    date = re.search(r"expire at (.*):", text)
    assert date is not None and re.fullmatch(r"Tue Nov 14 \d\d:\d\d:\d\d UTC 2023", date.group(1))
    assert re.sub(r"expire at .*:", "expire at DATE:", text) == (
        "SessionTracker dump:\nSession Sets (1)/(2):\n2 expire at DATE:\n"
        f"\t{hexadecimal(ids[0])}\n\t{hexadecimal(ids[1])}\n"
        f"ephemeral nodes dump:\nSessions with Ephemerals (1):\n{hexadecimal(one)}:\n\t/e\n"
        "Connections dump:\nConnections Sets (1)/(3):\n3 expire at DATE:\n"
        f"\tip: /127.0.0.1:4000 sessionId: {hexadecimal(one)}\n\tip: /10.0.0.9:4000 sessionId: {hexadecimal(two)}\n"
        "\tip: /127.0.0.1:4000 sessionId: 0x0\n"
    )


def test_watches_of_data_by_number_session_and_path() -> None:
    world, one, two = used()
    first, second = hexadecimal(one), hexadecimal(two)
    assert ask(world, "wchs") == "2 connections watching 2 paths\nTotal watches:3\n"
    assert ask(world, "wchc") == f"{first}\n\t/e\n{second}\n\t/e\n\t/none\n\n"
    assert ask(world, "wchp") == f"/e\n\t{first}\n\t{second}\n/none\n\t{second}\n\n"


def test_without_watches_and_sessions_there_is_little_to_tell() -> None:
    world = World(ALL)
    assert ask(world, "wchs") == "0 connections watching 0 paths\nTotal watches:0\n"
    assert (ask(world, "wchc"), ask(world, "wchp"), ask(world, "hash")) == ("\n", "\n", "")


def test_mntr_names_every_figure_with_its_value() -> None:
    world, _, _ = used()
    lines = ask(world, "mntr").split("\n")
    assert lines.pop() == ""
    assert lines[:2] == [f"zk_version\t{VERSION}", "zk_server_state\tstandalone"]
    figures = dict(line.split("\t") for line in lines)
    assert len(figures) == len(lines)
    assert all(re.fullmatch(r"zk_[A-Za-z0-9_/]+", name) for name in figures)
    shown = {name: figures[f"zk_{name}"] for name in ("avg_latency", "ephemerals_count", "open_file_descriptor_count", "cnt_readlatency")}
    assert shown == {"avg_latency": "0.0", "ephemerals_count": "1", "open_file_descriptor_count": "5", "cnt_readlatency": "3"}


def test_the_trace_mask_is_kept_and_shown() -> None:
    world = World(ALL)
    assert ask(world, "gtmk") == "306"
    assert ask(world, "stmk\0\0\0\0\0\0\0\5") == "5"
    assert (ask(world, "stmk\0\0\0"), ask(world, "gtmk")) == ("", "5")


@pytest.mark.parametrize("cfg", ["", "4lw.commands.whitelist=ruok, wchs"])
def test_only_words_of_the_white_list_are_answered(cfg: str) -> None:
    world = World(cfg)
    assert ask(world, "mntr") == "mntr is not executed because it is not in the whitelist.\n"
    assert ask(world, "srvr").startswith("Zookeeper version: ")
    assert (ask(world, "ruok") == "imok") == bool(cfg)


def test_what_telnet_says_at_its_end_is_refused_in_words() -> None:
    client = World(ALL).connect()
    client.send(b"\xff\xf4\xff\xfd\x06")
    assert client.received == b"telnet close is not executed because it is not in the whitelist.\n"


def test_each_piece_of_a_long_answer_is_a_packet() -> None:
    world = World(ALL)
    sent = world.server.stats.packets_sent
    assert len(ask(world, "mntr")) > 2 * 8192
    assert world.server.stats.packets_sent - sent == 3
