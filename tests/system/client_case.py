"""Tests as a user of trial writes them; test_client.py runs them under reactors of choice."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from twisted.internet import defer

import txzk
from txzk.testing import ZooKeeperTestCase


class ClientCase(ZooKeeperTestCase):
    """With Deferreds, with `yield`, with `await`. Trial looks for delayed calls and connections that are left."""

    def setUp(self) -> Any:
        from twisted.internet import reactor

        self.reactor = reactor
        return super().setUp()

    def test_deferreds(self) -> Any:
        zk = txzk.Client(self.reactor, self.server.connect_string)
        done = zk.start()
        done.addCallback(lambda client: client.create("/a", b"1"))
        done.addCallback(lambda path: zk.get(path))
        done.addCallback(lambda node: self.assertEqual(node.data, b"1"))
        return done.addBoth(lambda result: zk.stop().addCallback(lambda nothing: result))

    @defer.inlineCallbacks
    def test_yield(self) -> Generator[Any, Any, None]:
        zk = yield txzk.Client(self.reactor, self.server.connect_string, timeout=30).start()
        node_and_watch = zk.get_and_watch("/none")
        yield self.assertFailure(node_and_watch, txzk.NoNode)
        yield zk.stop()

    async def test_await(self) -> None:
        async with txzk.connect(self.reactor, self.server.connect_string) as zk:
            assert await zk.create("/a", ephemeral=True) == "/a"

    async def test_a_client_that_never_finds_a_server(self) -> None:
        zk = txzk.Client(self.reactor, "127.0.0.1:1")
        starting = zk.start()
        await zk.stop()
        await self.assertFailure(starting, txzk.ClientClosed)
