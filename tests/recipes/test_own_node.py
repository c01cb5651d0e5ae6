"""A node of our own: it is there, ours and as we want it, whoever has had it before."""

from __future__ import annotations

import pytest
from twisted.internet.defer import CancelledError, Deferred

from tests.recipes.quiet import Quiet
from txzk.client.recipes.own_node import OwnNode
from txzk.cnxn.client_words import State
from txzk.defs import opcodes
from txzk.defs.errors import NoAuthError


def test_it_is_made_once_with_its_parents() -> None:
    quiet = Quiet(1)
    zk = quiet.clients[0]
    node = OwnNode(zk, "/a/b/c", b"one")
    stat = quiet.wait(node.ensure())
    assert stat.ephemeralOwner == zk.session.id
    assert quiet.wait(node.ensure()).czxid == stat.czxid
    quiet.wait(node.remove())
    quiet.wait(node.remove())
    quiet.finish()


def test_its_data_are_put_right() -> None:
    quiet = Quiet(2)
    zk, other = quiet.clients
    node = OwnNode(zk, "/n", b"one")
    quiet.wait(node.ensure())
    node.data = b"two"
    assert quiet.wait(node.ensure()).version == 1
    assert quiet.wait(other.get("/n")).data == b"two"
    quiet.wait(node.remove())
    quiet.finish()


def test_a_lost_reply_makes_no_second_owner() -> None:
    quiet = Quiet(1)
    zk = quiet.clients[0]
    quiet.server.lose_reply(opcodes.CREATE2)
    assert quiet.wait(OwnNode(zk, "/n", b"").ensure()).ephemeralOwner == zk.session.id
    quiet.wait(zk.delete("/n"))
    quiet.finish()


def test_what_was_asked_for_between_two_sessions_is_known_for_ours() -> None:
    quiet = Quiet(1)
    zk = quiet.clients[0]
    quiet.server.partition()
    quiet.advance(30, lambda: zk.state is State.LOST)
    node = OwnNode(zk, "/n", b"")
    ensuring = Deferred.fromCoroutine(node.ensure())
    quiet.server.lose_reply(opcodes.CREATE2)
    quiet.server.heal()
    quiet.advance(30, lambda: quiet.nodes() == ["/n"])
    ensuring.addErrback(lambda failure: failure.trap(CancelledError))
    ensuring.cancel()
    quiet.server.partition()
    quiet.advance(30, lambda: zk.state is State.LOST)
    quiet.server.heal()
    quiet.wait(node.remove())
    assert quiet.nodes() == []
    quiet.finish()


def test_what_an_earlier_session_has_left_is_replaced() -> None:
    quiet = Quiet(1)
    zk = quiet.clients[0]
    node = OwnNode(zk, "/n", b"")
    first = quiet.wait(node.ensure())
    # The client gives the session up while the server still has it.
    quiet.server.partition()
    quiet.advance(quiet.session_timeout)
    quiet.server.heal()
    second = quiet.wait(node.ensure())
    assert second.ephemeralOwner == zk.session.id != first.ephemeralOwner
    assert first.ephemeralOwner in quiet.server.sessions
    assert second.czxid > first.czxid
    quiet.wait(node.remove())
    quiet.finish()


def test_somebody_elses_node_is_waited_for() -> None:
    quiet = Quiet(2)
    zk, other = quiet.clients
    quiet.wait(other.create("/n", b"theirs", ephemeral=True))
    waiting: Deferred[object] = Deferred.fromCoroutine(OwnNode(zk, "/n", b"ours").ensure())
    quiet.advance(20)
    assert not waiting.called
    assert quiet.wait(zk.get("/n")).data == b"theirs"
    quiet.wait(other.delete("/n"))
    quiet.wait(waiting)
    assert quiet.wait(zk.get("/n")).data == b"ours"
    quiet.wait(zk.delete("/n"))
    quiet.finish()


def test_nothing_but_its_own_node_is_removed() -> None:
    quiet = Quiet(1)
    zk = quiet.clients[0]
    quiet.wait(OwnNode(zk, "/n", b"").remove())
    quiet.wait(zk.create("/n"))
    node = OwnNode(zk, "/n", b"")
    quiet.server.expire(zk.session.id)
    waiting: Deferred[object] = Deferred.fromCoroutine(node.ensure())
    quiet.advance(10)
    waiting.cancel()
    waiting.addErrback(lambda failure: None)
    quiet.wait(node.remove())
    assert quiet.nodes() == ["/n"]
    quiet.wait(zk.delete("/n"))
    quiet.finish()


def test_waiting_can_be_cancelled() -> None:
    quiet = Quiet(2)
    zk, other = quiet.clients
    quiet.wait(other.create("/n"))
    waiting: Deferred[object] = Deferred.fromCoroutine(OwnNode(zk, "/n", b"").ensure())
    quiet.settle()
    waiting.cancel()
    with pytest.raises(CancelledError):
        quiet.wait(waiting)
    quiet.wait(other.delete("/n"))
    quiet.finish()


def test_a_refusal_is_an_error() -> None:
    quiet = Quiet(1)
    zk = quiet.clients[0]
    quiet.wait(zk.create("/locked", acl=[(1, ("world", "anyone"))]))
    with pytest.raises(NoAuthError):
        quiet.wait(OwnNode(zk, "/locked/n", b"").ensure())
    quiet.wait(zk.delete("/locked"))
    quiet.finish()


def test_removing_goes_on_when_it_is_cancelled() -> None:
    quiet = Quiet(2)
    node = OwnNode(quiet.clients[0], "/n", b"")
    quiet.wait(node.ensure())
    quiet.server.drop()
    removing: Deferred[None] = Deferred.fromCoroutine(node.remove())
    removing.cancel()
    with pytest.raises(CancelledError):
        quiet.wait(removing)
    quiet.advance(5)
    assert quiet.nodes() == []
    quiet.finish()
