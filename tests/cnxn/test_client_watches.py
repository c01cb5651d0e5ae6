"""Which watches a client has: what fires them, what takes them away, what a new connection sets again."""

from __future__ import annotations

import pytest

from tests.cnxn.client_script import Play, event, names, watcher, welcome
from txzk.cnxn.client_errors import ConnectionLoss
from txzk.cnxn.client_watches import CHILD, DATA, EXIST, PERSISTENT, RECURSIVE, SET_WATCHES_BYTES, ClientWatches
from txzk.cnxn.client_words import EventType, State, WatchEvent
from txzk.defs import opcodes
from txzk.jute import records

ALL = {"d": DATA, "e": EXIST, "c": CHILD, "p": PERSISTENT, "r": RECURSIVE}
CREATED, DELETED, CHANGED, CHILDREN = 1, 2, 3, 4


def all_kinds(path: str = "/a") -> ClientWatches:
    """One watch of each kind."""
    watches = ClientWatches()
    for name, table in ALL.items():
        watches.add(watcher(name, path, table))
    return watches


def fired(watches: ClientWatches, kind: int, path: str) -> str:
    """The names of those that hear an event."""
    return "".join(sorted(names[found] for found in watches.fired(kind, path)))


class TestFiring:
    @pytest.mark.parametrize(("kind", "hear", "stay"), [
        (CREATED, "depr", "cpr"), (CHANGED, "depr", "cpr"), (CHILDREN, "cp", "depr"), (DELETED, "cdepr", "pr"),
    ])
    def test_each_event_has_its_watches_and_those_that_fire_once_are_gone(self, kind: int, hear: str, stay: str) -> None:
        watches = all_kinds()
        assert fired(watches, kind, "/a") == hear
        left = "".join(sorted(name for name, table in ALL.items() for paths in watches.batches() if paths[table]))
        assert left == stay

    def test_only_recursive_ones_hear_of_what_is_below(self) -> None:
        watches = all_kinds()
        for path in ("/a/b", "/a/b/c"):
            assert fired(watches, CREATED, path) == "r"
            assert fired(watches, CHILDREN, path) == ""
        for path in ("/", "/ab", "/b"):
            assert fired(watches, CREATED, path) == ""

    def test_a_recursive_one_of_the_root_hears_of_everything(self) -> None:
        watches = ClientWatches()
        watches.add(watcher("root", "/", RECURSIVE))
        watches.add(watcher("below", "/a", RECURSIVE))
        assert fired(watches, CREATED, "/") == "root"
        assert fired(watches, CREATED, "/a/b") == "belowroot"
        assert fired(watches, CREATED, "no path at all") == "root"

    def test_all_users_of_one_watch_hear_it(self) -> None:
        watches = ClientWatches()
        for name in ("a", "b"):
            watches.add(watcher(name, "/a", DATA))
        assert fired(watches, CHANGED, "/a") == "ab"
        assert fired(watches, CHANGED, "/a") == ""


class TestRemoving:
    @pytest.mark.parametrize(("table", "wire_type"), [(DATA, 2), (EXIST, 2), (CHILD, 1), (PERSISTENT, 4), (RECURSIVE, 5)])
    def test_the_server_is_told_when_the_last_user_of_a_kind_goes(self, table: int, wire_type: int) -> None:
        watches = ClientWatches()
        first, second = watcher("1", "/a", table), watcher("2", "/a", table)
        watches.add(first)
        watches.add(second)
        assert watches.remove(first) == 0
        assert watches.remove(first) == 0
        assert watches.remove(second) == wire_type
        assert watches.remove(second) == 0
        assert watches.batches() == []

    def test_data_and_exist_watches_are_one_to_the_server(self) -> None:
        watches = ClientWatches()
        data, exist = watcher("d", "/a", DATA), watcher("e", "/a", EXIST)
        watches.add(data)
        watches.add(exist)
        assert watches.remove(data) == 0
        assert watches.remove(exist) == 2

    def test_a_request_under_way_keeps_the_watch(self) -> None:
        watches = ClientWatches()
        set_already, under_way, other = watcher("1", "/a", DATA), watcher("2", "/a", EXIST), watcher("3", "/a", DATA)
        watches.add(set_already)
        watches.claim(under_way)
        watches.claim(other)
        assert watches.remove(set_already) == 0
        watches.release(other)
        watches.add(set_already)
        assert watches.remove(set_already) == 0
        watches.release(under_way)
        watches.add(set_already)
        assert watches.remove(set_already) == 2

    def test_a_request_under_way_that_sets_nothing_leaves_the_watch_to_be_removed(self) -> None:
        watches = ClientWatches()
        gone, first, second = watcher("1", "/a", DATA), watcher("2", "/a", DATA), watcher("3", "/a", EXIST)
        watches.add(gone)
        watches.claim(first)
        watches.claim(second)
        assert watches.remove(gone) == 0
        assert watches.release(first) == 0
        assert watches.release(second) == 2
        watches.claim(first)
        assert watches.release(first) == 0

    def test_a_request_under_way_that_sets_the_watch_keeps_it(self) -> None:
        watches = ClientWatches()
        gone, kept = watcher("1", "/a", DATA), watcher("2", "/a", DATA)
        watches.add(gone)
        watches.claim(kept)
        assert watches.remove(gone) == 0
        watches.add(kept)
        assert watches.release(kept) == 0
        assert watches.remove(kept) == 2

    def test_other_kinds_and_other_paths_do_not_count(self) -> None:
        watches = all_kinds()
        for name, table in ALL.items():
            other = watcher(name, "/b", table)
            watches.add(other)
            assert watches.remove(other) > 0


class TestEnds:
    def test_those_that_fire_once_end_with_the_session(self) -> None:
        watches = all_kinds()
        assert [names[lost] for lost in watches.session_lost()] == ["d", "e", "c"]
        assert watches.session_lost() == []
        assert [names[left] for left in watches.persistent()] == ["p", "r"]

    def test_all_end_with_the_client(self) -> None:
        watches = all_kinds()
        assert [names[lost] for lost in watches.ended()] == ["d", "e", "c", "p", "r"]
        assert watches.ended() == []
        assert watches.persistent() == []


class TestBatches:
    def test_a_packet_is_full_once_its_paths_have_128_kib(self) -> None:
        watches = ClientWatches()
        half = "/" + "x" * (SET_WATCHES_BYTES // 2 - 1)
        watches.add(watcher("1", half, DATA))
        watches.add(watcher("2", half, CHILD))
        assert watches.batches() == [[[half], [], [half], [], []]]
        watches.add(watcher("3", "/a", PERSISTENT))
        assert watches.batches() == [[[half], [], [half], [], []], [[], [], [], ["/a"], []]]

    def test_the_last_path_may_go_over_it(self) -> None:
        watches = ClientWatches()
        almost, long = "/" + "x" * (SET_WATCHES_BYTES - 2), "/" + "y" * SET_WATCHES_BYTES
        for path in (almost, long, "/a"):
            watches.add(watcher(path[:2], path, DATA))
        assert watches.batches() == [[[almost, long], [], [], [], []], [["/a"], [], [], [], []]]

    def test_a_path_is_named_once_however_many_use_it(self) -> None:
        watches = ClientWatches()
        for name in "abc":
            watches.add(watcher(name, "/a", DATA))
        assert watches.batches() == [[["/a"], [], [], [], []]]


class TestOfTheSession:
    def test_a_watch_is_there_once_its_answer_is(self) -> None:
        play = Play().up()
        play.asked("get", watch=watcher("w", "/a", DATA))
        play.receive(event(CHANGED, "/a"))
        assert play.happened() == []
        play.reply(1)
        play.receive(event(CHANGED, "/a", 9))
        assert play.happened() == [("get", b""), ("w", WatchEvent(EventType.NODE_DATA_CHANGED, "/a", 9))]

    @pytest.mark.parametrize("kind", [-1, 0, 5, 6, 7, 100, -112])
    def test_events_that_no_server_sends_are_passed_over(self, kind: int) -> None:
        play = Play().up()
        for xid, table in enumerate((DATA, PERSISTENT, RECURSIVE), 1):
            play.asked("set", watch=watcher("w", "/a", table))
            play.reply(xid)
        play.happened()
        play.receive(event(kind, "/a"))
        assert play.happened() == []
        assert play.session.up

    @pytest.mark.parametrize(("op", "table", "err", "again"), [
        (opcodes.GET_DATA, DATA, 0, DATA), (opcodes.EXISTS, EXIST, 0, DATA), (opcodes.EXISTS, EXIST, -101, EXIST), (opcodes.GET_CHILDREN, CHILD, 0, CHILD),
        (opcodes.ADD_WATCH, PERSISTENT, 0, PERSISTENT), (opcodes.ADD_WATCH, RECURSIVE, 0, RECURSIVE), (opcodes.GET_DATA, DATA, -101, None),
        (opcodes.EXISTS, EXIST, -102, None), (opcodes.ADD_WATCH, PERSISTENT, -6, None),
    ])
    def test_what_was_set_is_set_again_on_the_next_connection(self, op: int, table: int, err: int, again: int | None) -> None:
        play = Play().up()
        play.asked("call", op=op, watch=watcher("w", "/a", table))
        play.reply(1, zxid=3, err=err)
        play.again()
        packets = play.packets()
        if again is None:
            assert packets == []
            return
        ((xid, op, body),) = packets
        lists: list[list[str]] = [[], [], [], [], []]
        lists[again] = ["/a"]
        assert xid == -8
        if again in (PERSISTENT, RECURSIVE):
            assert (op, body) == (opcodes.SET_WATCHES2, records.encode_SetWatches2(3, *lists))
        else:
            assert (op, body) == (opcodes.SET_WATCHES, records.encode_SetWatches(3, *lists[:3]))

    def test_a_watch_whose_request_was_lost_is_not_set(self) -> None:
        play = Play().up()
        play.asked("get", watch=watcher("w", "/a", DATA))
        play.again()
        (_, error), *states = play.happened()
        assert isinstance(error, ConnectionLoss)
        assert states == [State.SUSPENDED, State.CONNECTED]
        assert play.packets() == []

    def test_what_changed_in_the_gap_fires_before_anything_else(self) -> None:
        play = Play().up()
        play.asked("get", watch=watcher("w", "/a", DATA))
        play.reply(1)
        play.asked("add", op=opcodes.ADD_WATCH, watch=watcher("p", "/b", PERSISTENT))
        play.reply(2)
        play.again()
        play.ask("next")
        assert [packet.xid for packet in play.packets()] == [-8, 3]
        play.happened()
        play.receive(event(CHANGED, "/a"))
        play.reply(-8)
        play.reply(3)
        assert play.happened() == [
            ("w", WatchEvent(EventType.NODE_DATA_CHANGED, "/a")), ("p", WatchEvent(EventType.RESYNCED, "/b")), ("next", b"")
        ]

    def test_all_hear_of_the_gap_once_all_are_set(self) -> None:
        play = Play().up()
        for number in range(3):
            path = f"/{number}" + "x" * SET_WATCHES_BYTES
            request = play.asked(str(number), op=opcodes.ADD_WATCH, watch=watcher(str(number), path, RECURSIVE))
            play.reply(request.xid)
        play.again()
        assert [packet.xid for packet in play.packets()] == [-8, -8, -8]
        play.happened()
        play.reply(-8)
        play.reply(-8)
        assert play.happened() == []
        play.reply(-8)
        assert [(name, heard.type) for name, heard in play.happened()] == [(str(number), EventType.RESYNCED) for number in range(3)]

    def test_only_the_answer_to_watches_tells_of_a_gap(self) -> None:
        play = Play().up()
        play.asked("add", op=opcodes.ADD_WATCH, watch=watcher("p", "/a", PERSISTENT))
        play.reply(1)
        play.happened()
        play.wait(play.session.read_timeout_ms // 2)
        assert [packet.xid for packet in play.packets()] == [-2]
        play.reply(-2)
        assert play.happened() == []

    def test_those_that_stay_are_set_in_the_new_session_too(self) -> None:
        play = Play().up()
        for name, table in ALL.items():
            request = play.asked(name, watch=watcher(name, "/a", table))
            play.reply(request.xid, zxid=4)
        play.happened()
        play.again(timeout_ms=0)
        over = WatchEvent(EventType.SESSION_LOST, "/a")
        assert play.happened() == [State.SUSPENDED, State.LOST, ("d", over), ("e", over), ("c", over)]
        play.effects()
        play.redialled(0)
        play.connect()
        play.receive(welcome())
        assert [packet.op for packet in play.packets()] == [opcodes.SET_WATCHES2]
        play.reply(-8)
        again = WatchEvent(EventType.RESYNCED, "/a")
        assert play.happened() == [State.CONNECTED, ("p", again), ("r", again)]

    def test_a_watch_that_nobody_hears_is_taken_from_the_server(self) -> None:
        play = Play().up()
        watch = watcher("w", "/a", CHILD)
        play.asked("get", watch=watch)
        play.reply(1)
        play.session.unwatched(watch)
        assert play.packets() == [(2, opcodes.REMOVE_WATCHES, records.encode_RemoveWatchesRequest("/a", 1))]
        play.session.unwatched(watch)
        assert play.packets() == []
        play.again()
        assert play.packets() == []

    @pytest.mark.parametrize("ending", ["refused", "cancelled", "answered"])
    def test_it_is_kept_for_a_request_under_way_while_that_may_need_it(self, ending: str) -> None:
        play = Play().up()
        watch = watcher("w", "/a", DATA)
        play.asked("get", watch=watch)
        play.reply(1)
        request = play.ask("other", watch=watcher("o", "/a", DATA))
        play.session.unwatched(watch)
        if ending == "cancelled":
            assert play.session.cancelled(request)
        else:
            assert [packet.op for packet in play.packets()] == [opcodes.GET_DATA]
            play.reply(2, err=-101 if ending == "refused" else 0)
        assert [packet.op for packet in play.packets()] == ([] if ending == "answered" else [opcodes.REMOVE_WATCHES])

    def test_without_a_connection_there_is_nothing_to_take_away(self) -> None:
        play = Play().up()
        watch = watcher("w", "/a", CHILD)
        play.asked("get", watch=watch)
        play.reply(1)
        play.session.connection_lost(play.now)
        play.session.unwatched(watch)
        play.redialled()
        play.connect()
        play.receive(welcome())
        assert play.packets() == []

    def test_who_is_closing_takes_nothing_away(self) -> None:
        play = Play().up()
        watch = watcher("w", "/a", CHILD)
        play.asked("get", watch=watch)
        play.reply(1)
        play.session.stopped(play.now)
        play.session.unwatched(watch)
        assert [packet.op for packet in play.packets()] == [opcodes.CLOSE_SESSION]
