"""Groups: who joined is seen until he leaves, whatever becomes of his sessions, and every change is told."""

from __future__ import annotations

import pytest
from twisted.internet.defer import CancelledError, Deferred

from tests.recipes.history import SEEDS, World, history, play
from tests.recipes.member import Member
from tests.recipes.quiet import Quiet
from txzk.client.recipes.group import Group, Membership
from txzk.cnxn.client_errors import RequestTimeout
from txzk.defs.errors import NoAuthError


def test_members_come_and_go() -> None:
    quiet = Quiet(2)
    one, two = Group(quiet.clients[0], "/g/h", b"1", name="one"), Group(quiet.clients[1], "/g/h", b"2", name="two")
    assert quiet.wait(one.members()) == {}
    quiet.wait(one.join())
    quiet.wait(one.join())
    quiet.wait(two.join())
    assert quiet.wait(one.members()) == quiet.wait(two.members()) == {"one": b"1", "two": b"2"}
    quiet.wait(one.leave())
    quiet.wait(one.leave())
    assert quiet.wait(two.members()) == {"two": b"2"}
    quiet.wait(one.join())
    assert quiet.wait(two.members()) == {"one": b"1", "two": b"2"}
    quiet.wait(one.close())
    quiet.wait(one.close())
    quiet.wait(two.close())
    quiet.finish()


def test_a_name_is_made_that_kazoo_counts() -> None:
    quiet = Quiet(1)
    group, other = Group(quiet.clients[0], "/g"), Group(quiet.clients[0], "/g")
    assert group.name != other.name
    assert group.name.endswith("__party__") and len(group.name) == 32 + len("__party__")
    quiet.finish()


def test_data_change() -> None:
    quiet = Quiet(2)
    one, two = Group(quiet.clients[0], "/g", b"1", name="one"), Group(quiet.clients[1], "/g", name="two")
    quiet.wait(one.set_data(b"first"))
    quiet.wait(one.join())
    assert quiet.wait(two.members()) == {"one": b"first"}
    quiet.wait(one.set_data(b"second"))
    assert quiet.wait(two.members()) == {"one": b"second"}
    quiet.expire(0)
    quiet.advance(10)
    assert quiet.wait(two.members()) == {"one": b"second"}
    quiet.wait(one.close())
    quiet.wait(two.close())
    quiet.finish()


def test_a_member_is_put_back() -> None:
    quiet = Quiet(2)
    zk, other = quiet.clients
    group = Group(zk, "/g", name="me")
    quiet.wait(group.join())
    first = zk.session.id
    quiet.expire(0)
    quiet.advance(10)
    stat = quiet.wait(other.exists("/g/me"))
    assert stat is not None and stat.ephemeralOwner == zk.session.id != first
    quiet.wait(other.delete("/g/me"))
    quiet.settle()
    assert quiet.nodes() == ["/g", "/g/me"]
    quiet.wait(other.set("/g/me", b"not mine"))
    quiet.settle()
    assert quiet.wait(other.get("/g/me")).data == b""
    quiet.wait(group.close())
    quiet.finish()


def test_a_name_that_is_taken_is_waited_for() -> None:
    quiet = Quiet(2)
    one, two = (Group(zk, "/g", name="same") for zk in quiet.clients)
    quiet.wait(one.join())
    czxid = quiet.wait(quiet.clients[0].get("/g/same")).stat.czxid
    with pytest.raises(RequestTimeout):
        quiet.wait(two.join(timeout=5))
    # Who has given up takes nothing away.
    quiet.settle()
    stat = quiet.wait(quiet.clients[0].exists("/g/same"))
    assert stat is not None and stat.czxid == czxid
    joining = two.join()
    quiet.settle()
    quiet.wait(one.leave())
    quiet.wait(joining)
    quiet.wait(two.close())
    quiet.wait(one.close())
    quiet.finish()


def test_changes_are_told() -> None:
    quiet = Quiet(2)
    watching, other = Group(quiet.clients[0], "/g", name="a"), Group(quiet.clients[1], "/g", b"1", name="b")
    changes = watching.changes()
    assert quiet.wait(changes.next()) == Membership({}, [], [], [])
    quiet.wait(other.join())
    assert quiet.wait(changes.next()) == Membership({"b": b"1"}, ["b"], [], [])
    quiet.wait(watching.join())
    quiet.wait(other.set_data(b"2"))
    assert quiet.wait(changes.next()) == Membership({"a": b"", "b": b"2"}, ["a"], [], ["b"])
    waiting = changes.next()
    quiet.advance(30)
    assert not waiting.called
    quiet.wait(other.leave())
    assert quiet.wait(waiting) == Membership({"a": b""}, [], ["b"], [])
    waiting = changes.next()
    quiet.settle()
    quiet.wait(watching.close())
    assert quiet.wait(waiting) is None
    quiet.wait(other.close())
    quiet.finish()


def test_iteration_and_context() -> None:
    quiet = Quiet(1)
    heard: list[list[str]] = []

    async def example() -> None:
        async with Group(quiet.clients[0], "/g", name="me") as group:
            async for membership in group.changes():
                heard.append(sorted(membership.members))
                if "me" in membership.members:
                    await group.close()

    quiet.wait(Deferred.fromCoroutine(example()))
    assert heard[-1] == ["me"]
    quiet.finish()


def test_what_is_refused_is_told() -> None:
    quiet = Quiet(1)
    zk = quiet.clients[0]
    quiet.wait(zk.create("/g", acl=[(1, ("world", "anyone"))]))
    group = Group(zk, "/g")
    with pytest.raises(NoAuthError):
        quiet.wait(group.join())
    assert not group.joined
    quiet.wait(group.close())
    for call in (group.join, group.leave, group.members, group.changes, lambda: group.set_data(b"")):
        with pytest.raises(RuntimeError, match="closed"):
            call()
    quiet.wait(zk.delete("/g"))
    quiet.finish()


def test_a_member_that_cannot_be_put_back_is_logged(monkeypatch: pytest.MonkeyPatch) -> None:
    quiet = Quiet(2)
    zk, other = quiet.clients
    said: list[str] = []
    monkeypatch.setattr("txzk.client.recipes.group._log.failure", lambda text, failure, path: said.append(text.format(path=path)))
    group = Group(zk, "/g", name="me")
    quiet.wait(group.join())
    quiet.wait(other.set_acl("/g", [(1 + 8 + 16, ("world", "anyone"))]))
    quiet.wait(other.delete("/g/me"))
    quiet.settle()
    assert said == ["the member /g/me cannot be put back"]
    quiet.wait(group.close())
    quiet.finish()


def test_joining_and_closing_may_be_cancelled() -> None:
    quiet = Quiet(1)
    group = Group(quiet.clients[0], "/g")
    joining = group.join()
    joining.cancel()
    with pytest.raises(CancelledError):
        quiet.wait(joining)
    quiet.wait(group.join())
    closing = group.close()
    closing.cancel()
    with pytest.raises(CancelledError):
        quiet.wait(closing)
    quiet.finish()


def test_a_client_that_stops_ends_it() -> None:
    quiet = Quiet(2)
    group = Group(quiet.clients[0], "/g")
    quiet.wait(group.join())
    empty = Group(quiet.clients[0], "/empty")
    changes = empty.changes()
    quiet.wait(changes.next())
    waiting = changes.next()
    quiet.wait(quiet.clients[0].stop())
    assert quiet.wait(waiting) is None
    quiet.wait(empty.close())
    quiet.wait(group.close())
    quiet.finish()


@history
def groups(world: World) -> None:
    """Members join, say something else and leave: in the end each has seen exactly those who are there."""
    said: dict[str, bytes] = {}
    groups = {member.name: Group(member.zk, "/team", b"0", name=member.name) for member in world.members}
    seen: dict[str, dict[str, bytes]] = {name: {} for name in groups}
    done: set[str] = set()

    async def watcher(member: Member) -> None:
        async for membership in groups[member.name].changes():
            before = seen[member.name]
            seen[member.name] = now = membership.members
            if set(now) != (set(before) | set(membership.joined)) - set(membership.left) or any(now[name] == before[name] for name in membership.changed):
                world.wrong(f"{member.name} heard {membership} after {before}")

    async def actor(member: Member) -> None:
        group = groups[member.name]
        for count in range(1000):
            if not world.busy:
                break
            data = str(count).encode()
            await group.set_data(data)
            try:
                await group.join(timeout=member.chance.choice((None, 1.0)))
                said[member.name] = data
                await member.soon()
                mine = (await group.members()).get(member.name)
                if mine not in (None, data):
                    world.wrong(f"{member.name} has said {data!r}, but {mine!r} is there")
            except RequestTimeout:
                pass
            await member.soon()
            if member.chance.random() < 0.5:
                await group.leave()
                said.pop(member.name, None)
        await group.join()
        said[member.name] = group.data
        await member.sleep(20)
        if seen[member.name] != said:
            world.wrong(f"{member.name} has seen {seen[member.name]}, not {said}")
        if await group.members() != said:
            world.wrong(f"{member.name} has read {await group.members()}, not {said}")
        done.add(member.name)
        while len(done) < len(groups):
            await member.sleep(1)
        await group.close()

    for member in world.members:
        world.act(member.name, actor(member))
        world.act(f"{member.name} watching", watcher(member))


@pytest.mark.parametrize("seed", range(SEEDS))
def test_groups(seed: int) -> None:
    play(groups, seed)
