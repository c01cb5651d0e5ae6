"""The files of a configuration that changes."""

import pytest

from txzk.config.dynamic_files import FileChange, activated, backup, dynamic_path, dynamic_text, edited, next_path, proposed, version_of
from txzk.config.properties import parse
from txzk.quorum.text import parse_config

LINES = "server.2=b:1:2:participant;0.0.0.0:3\nserver.10=c:1:2:observer\ngroup.1=2\nweight.2=1\nversion=1f00000001"
SORTED = "group.1=2\nserver.10=c:1:2:observer\nserver.2=b:1:2:participant;0.0.0.0:3"


def test_names() -> None:
    assert next_path("/c/zoo.cfg") == "/c/zoo.cfg.dynamic.next"
    assert dynamic_path("/c/zoo.cfg", 0x1F00000001) == "/c/zoo.cfg.dynamic.1f00000001"
    assert dynamic_path("/c/zoo.cfg", 0) == "/c/zoo.cfg.dynamic.0"


@pytest.mark.parametrize(
    ("path", "version"),
    [
        ("zoo.cfg.dynamic.1f", 0x1F), ("zoo.cfg.dynamic.0", 0), ("zoo.cfg.dynamic", 0), ("servers", 0), ("zoo.", 0), ("zoo.-1", 0), ("1f", 0),
        ("zoo.cfg.dynamic.8000000000000000", 0), ("/a.b/servers", 0),
    ],
)
def test_the_version_of_a_name(path: str, version: int) -> None:
    assert version_of(path) == version


def test_a_proposal_keeps_its_version() -> None:
    change = proposed("/c/zoo.cfg", parse_config(LINES))
    assert change == FileChange("/c/zoo.cfg.dynamic.next", f"{SORTED}\nversion=1f00000001\nweight.2=1".encode())
    assert parse_config(proposed("/c/zoo.cfg", parse_config(LINES)).data.decode() if change.data else "").text() == parse_config(LINES).text()


def test_a_dynamic_file_is_sorted_and_has_no_version() -> None:
    assert dynamic_text(parse_config(LINES)) == f"{SORTED}\nweight.2=1"


STATIC = (
    "# ours\ntickTime = 2000\npeerType=participant\nserver.2=b:1:2\n\nserver.10 = \\\n  c:1:2:observer\ngroup.1=2\nweight.2=1\n"
    "clientPort=3\nclientPortAddress=h\nclientPortListenBacklog=5\nname=a\\\\b\ndynamicConfigFile=/old"
)


@pytest.mark.parametrize(("without", "client"), [(False, "clientPort=3\nclientPortAddress=h\n"), (True, "")])
def test_a_static_file_loses_what_moves_and_nothing_else(without: bool, client: str) -> None:
    text = edited(STATIC, "/c/zoo.cfg.dynamic.1f", without)
    assert text == f"# ours\ntickTime = 2000\n\n{client}clientPortListenBacklog=5\nname=a\\\\b\ndynamicConfigFile=/c/zoo.cfg.dynamic.1f\n"
    assert edited(text, "/c/zoo.cfg.dynamic.1f", without) == text


@pytest.mark.parametrize(("text", "edit"), [("", ""), ("a=1", "a=1\n"), ("a=1\r\n", "a=1\r\n"), ("a=1\r", "a=1\r")])
def test_a_pointer_has_a_line_of_its_own(text: str, edit: str) -> None:
    assert edited(text, "/p", False) == f"{edit}dynamicConfigFile=/p\n"


def test_a_path_is_read_as_it_was_written() -> None:
    path = "/c d/e\\f=g:h.dynamic.1"
    assert parse(edited("", path, False), "zoo.cfg")["dynamicConfigFile"] == path


@pytest.mark.parametrize("last_seen", [0, 0x1F00000001, 0x1F00000002])
def test_activation(last_seen: int) -> None:
    changes = activated("/c/zoo.cfg", STATIC, parse_config(LINES), last_seen, 2)
    path = "/c/zoo.cfg.dynamic.1f00000001"
    assert changes[:2] == [
        FileChange(path, f"{SORTED}\nweight.2=1".encode()), FileChange("/c/zoo.cfg", edited(STATIC, path, True).encode()),
    ]
    assert changes[2:] == ([FileChange("/c/zoo.cfg.dynamic.next", None)] if last_seen <= 0x1F00000001 else [])


@pytest.mark.parametrize("sid", [10, 7])
def test_a_client_port_stays_where_the_server_line_has_none(sid: int) -> None:
    changes = activated("/c/zoo.cfg", STATIC, parse_config(LINES), 0, sid)
    assert changes[1].data is not None
    assert b"\nclientPort=3\n" in changes[1].data


def test_a_backup_and_its_characters() -> None:
    assert backup("/c/zoo.cfg", "name=\xe9\u0661") == FileChange("/c/zoo.cfg.bak", b"name=\xe9\\u0661")
