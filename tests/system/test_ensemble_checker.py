"""The checker of histories finds each thing that it looks for, and finds nothing where nothing is wrong."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace

import pytest

from tests.system.history import Closed, Entry, Final, Fired, History, Left, Listed, Made, Mark, Outcome, Read, Reply, Session, Tried, Write, check, differences

MADE_AT = 10


def read(zxid: int, version: int, value: str, mzxid: int, watches: bool = False, synced_ns: int = 0) -> Read:
    return Read(zxid, "r", version, value, mzxid, watches, synced_ns)


def listed(zxid: int, *names: str) -> Listed:
    return Listed(zxid, frozenset(names))


@pytest.fixture
def history() -> History:
    """Writes a and b of one client and c, whose reply was lost, of another; a refusal, and two ephemeral nodes of one session."""
    writes = [
        Write("a", "r", 0, 1000, Outcome.DONE, 1100, 20),
        Write("x", "r", 0, 1200, Outcome.REFUSED, 1300, 21),
        Write("b", "r", 1, 1400, Outcome.DONE, 1500, 22),
        Write("c", "r", 2, 1450),
        Write("y", "r", 3, 1600),
    ]
    first: list[Entry] = [
        read(15, 0, "", MADE_AT, watches=True), Fired("r"), read(20, 1, "a", 20), Reply(21), Made(21, "e1"), Made(22, "e2"), listed(22, "e1", "e2"),
        read(23, 2, "b", 22, synced_ns=1550), Tried("e3"), listed(25, "e1", "e2"), Closed(30),
    ]
    second: list[Entry] = [listed(20), listed(21, "e1"), read(24, 3, "c", 24), listed(29, "e1", "e2"), listed(30), read(30, 3, "c", 24, watches=True), Left()]
    return History({"r": MADE_AT}, writes, [Session("one", first), Session("two", second)])


@pytest.fixture
def final() -> Final:
    """What fits it: c has happened, y has not."""
    return Final({"r": (3, "c", 24)}, {"a": Mark(20, "r", 0), "b": Mark(22, "r", 1), "c": Mark(24, "r", 2)})


def the_one(found: list[str]) -> str:
    assert len(found) == 1, found
    return found[0]


def test_nothing_is_wrong(history: History, final: Final) -> None:
    assert check(history, final) == []


def test_a_node_that_is_not_there_yet(history: History, final: Final) -> None:
    history.sessions[1].entries.insert(0, read(9, -1, "", 0, watches=True))
    assert check(history, final) == []


def test_an_acknowledged_write_is_lost(history: History, final: Final) -> None:
    history.writes.append(Write("z", "r", 3, 1700, Outcome.DONE, 1800, 26))
    assert the_one(check(history, final)) == "z was acknowledged at 0x1a and is lost"


def test_an_acknowledged_write_is_lost_and_overwritten(history: History, final: Final) -> None:
    """By another one from the same version."""
    del final.marks["b"]
    final.marks["b2"] = Mark(23, "r", 1)
    history.writes.append(Write("b2", "r", 1, 1500))
    assert "b was acknowledged at 0x16 and is lost" in check(history, final)


def test_an_acknowledged_write_is_elsewhere(history: History, final: Final) -> None:
    history.writes[2].zxid = 21
    assert "b was acknowledged at 0x15 and happened at 0x16" in check(history, final)


def test_a_refused_write_happens(history: History, final: Final) -> None:
    final.marks["x"] = Mark(21, "r", 0)
    assert "x was refused and happened at 0x15" in check(history, final)


def test_a_write_is_refused_though_the_version_is_right(history: History, final: Final) -> None:
    history.writes[1].expected = 1
    assert the_one(check(history, final)) == "x was refused at 0x15, when version 1 was there"


def test_two_writes_from_one_version(history: History, final: Final) -> None:
    final.marks["c"] = Mark(24, "r", 1)
    history.writes[3].expected = 1
    final.registers["r"] = (2, "c", 24)
    assert "r: c makes version 2 at 0x18 out of version 2 of b" in check(history, final)


def test_two_writes_at_one_zxid(history: History, final: Final) -> None:
    final.marks["c"] = Mark(22, "r", 2)
    assert "b and c are both at 0x16" in check(history, final)


def test_what_nobody_has_written(history: History, final: Final) -> None:
    del history.writes[3]
    assert the_one(check(history, final)) == "c happened, and nobody has tried it"


def test_a_write_that_is_not_as_asked(history: History, final: Final) -> None:
    history.writes[3].expected = 7
    assert the_one(check(history, final)) == "c is not as it was asked for"


def test_another_end(history: History, final: Final) -> None:
    final.registers["r"] = (2, "b", 22)
    assert the_one(check(history, final)) == "r: (2, 'b', 22) at the end, and (3, 'c', 24) was written last"


def test_a_write_is_older_than_one_that_was_acknowledged_before(history: History, final: Final) -> None:
    """The order of zxids is one of time."""
    history.writes[0].called_ns, history.writes[0].returned_ns = 1600, 1700
    assert "a is at 0x14, before 0x16, which was acknowledged before it was called" in check(history, final)


def test_a_write_whose_reply_was_lost_is_older_than_one_that_was_acknowledged_before(history: History, final: Final) -> None:
    history.writes.append(Write("q", "q", 0, 1600))
    history.registers["q"] = 11
    final.marks["q"] = Mark(16, "q", 0)
    final.registers["q"] = (1, "q", 16)
    assert the_one(check(history, final)) == "q is at 0x10, before 0x16, which was acknowledged before it was called"


def test_a_refusal_is_older_than_a_write_that_was_acknowledged_before(history: History, final: Final) -> None:
    history.writes[1].called_ns = 1600
    assert the_one(check(history, final)) == "x is at 0x15, before 0x16, which was acknowledged before it was called"


def test_a_session_goes_back(history: History, final: Final) -> None:
    history.sessions[1].entries.insert(-1, read(23, 2, "b", 22))
    assert "before" not in the_one(check(history, final))
    assert the_one(check(history, final)).startswith("two: Read(zxid=23")


def test_a_read_is_older_than_its_zxid(history: History, final: Final) -> None:
    history.sessions[1].entries[2] = read(24, 2, "b", 22)
    assert the_one(check(history, final)).endswith("and (3, 'c', 24) was there")


def test_a_read_of_what_was_never_there(history: History, final: Final) -> None:
    """A write that was not kept was seen."""
    history.sessions[1].entries[2] = read(24, 4, "y", 24)
    assert the_one(check(history, final)).endswith("and (3, 'c', 24) was there")


def test_a_read_after_a_sync_is_old(history: History, final: Final) -> None:
    history.sessions[1].entries.insert(2, read(21, 1, "a", 20, synced_ns=1600))
    assert the_one(check(history, final)).endswith("and 0x16 was acknowledged before the sync")
    assert check(history, final, syncs=False) == []


def test_data_before_the_event(history: History, final: Final) -> None:
    entries = history.sessions[0].entries
    entries[1], entries[2] = entries[2], entries[1]
    assert any("before the event of r, which changed at 0x14" in line for line in check(history, final))


def test_anything_new_before_the_event(history: History, final: Final) -> None:
    """Also what does not show the node."""
    history.sessions[0].entries.insert(1, listed(20))
    assert any("before the event of r, which changed at 0x14" in line for line in check(history, final))


def test_an_event_never_comes(history: History, final: Final) -> None:
    del history.sessions[0].entries[1]
    assert "before the event of r, which changed at 0x14" in the_one(check(history, final))


def test_an_event_without_a_watch(history: History, final: Final) -> None:
    history.sessions[0].entries.insert(3, Fired("r"))
    assert the_one(check(history, final)) == "one: an event of r after 0x14, which nothing has caused"


def test_an_event_without_a_change(history: History, final: Final) -> None:
    history.sessions[1].entries.insert(-1, Fired("r"))
    assert the_one(check(history, final)) == "two: an event of r after 0x1e, which nothing has caused"


def test_an_ephemeral_goes_while_its_session_lives(history: History, final: Final) -> None:
    history.sessions[0].entries[-1] = Left()
    history.sessions[1].entries.insert(3, listed(25))
    found = check(history, final)
    assert "one lived at 0x19, and ['e1', 'e2'] is not there at 0x19" in found


def test_an_ephemeral_goes_before_its_session_is_closed(history: History, final: Final) -> None:
    history.sessions[1].entries[3] = listed(29, "e1")
    assert "one was closed at 0x1e, and ['e2'] is not there at 0x1d" in check(history, final)


def test_an_ephemeral_outlives_its_session(history: History, final: Final) -> None:
    history.sessions[1].entries.insert(5, listed(30, "e2"))
    assert the_one(check(history, final)) == "one: ['e2'] is there at 0x1e, and its session had ended at 0x1e"


def test_an_ephemeral_of_which_nothing_was_known_outlives_its_session(history: History, final: Final) -> None:
    history.sessions[1].entries.insert(5, listed(30, "e3"))
    assert the_one(check(history, final)) == "one: ['e3'] is there at 0x1e, and its session had ended at 0x1e"


def test_the_ephemerals_of_an_expired_session_go_one_by_one(history: History, final: Final) -> None:
    history.sessions[0].entries[-1] = Left()
    history.sessions[1].entries.insert(3, listed(28, "e1"))
    history.sessions[1].entries[4] = listed(29, "e1")
    found = check(history, final)
    assert "one: ['e1'] is there at 0x1c, and its session had ended at 0x1c" in found


def test_the_ephemerals_of_an_expired_session_come_back(history: History, final: Final) -> None:
    history.sessions[0].entries[-1] = Left()
    history.sessions[1].entries.insert(3, listed(28))
    assert the_one(check(history, final)) == "one: ['e1', 'e2'] is there at 0x1d, and its session had ended at 0x1c"


def test_an_ephemeral_is_there_before_it_was_made(history: History, final: Final) -> None:
    history.sessions[1].entries[1] = listed(21, "e1", "e2")
    assert the_one(check(history, final)) == "one: ['e2'] at 0x15, before the zxids of their making"


def test_an_ephemeral_that_nobody_has_made(history: History, final: Final) -> None:
    history.sessions[1].entries[1] = listed(21, "e1", "e9")
    assert the_one(check(history, final)) == "e9 is there at 0x15, and nobody has made it"


def test_an_ephemeral_is_left_at_the_end(history: History, final: Final) -> None:
    assert the_one(check(history, replace(final, ephemerals=frozenset({"e1"})))) == "e1 is there at the end"


def test_trees_that_differ() -> None:
    tree: dict[str, object] = {"/a": 1, "/b": 2}
    other = deepcopy(tree)
    assert differences({1: tree, 2: other, 3: other}) == []
    assert differences({1: tree, 2: {"/a": 1, "/b": 3}, 3: tree}) == ["/b: [2, 3, 2]"]
    assert differences({1: tree, 2: {**tree, "/c": 4}}) == ["/c: [None, 4]"]
    assert differences({1: tree, 2: {"/b": 2}}) == ["/a: [1, None]"]
