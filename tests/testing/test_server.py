"""Server: the same in this process, over sockets."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytest_twisted import ensureDeferred
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.error import CannotListenError

from tests.testing.raw import Quiet, RawClient
from txzk.config.keys import ConfigError
from txzk.testing import Server


async def connected(server: Server, session_id: int = 0, password: bytes = bytes(16)) -> RawClient:
    client = RawClient()
    await TCP4ClientEndpoint(reactor, "127.0.0.1", server.port).connect(Quiet(client))
    client.shake_hands(session_id, password)
    await client.heard(1)
    client.welcomed()
    return client


async def told(client: RawClient, count: int) -> list[tuple[int, int]]:
    await client.heard(count)
    return client.told()


@ensureDeferred
async def test_its_life() -> None:
    server = Server(reactor)
    with pytest.raises(RuntimeError, match="has not been started"):
        server.connect_string  # noqa: B018
    assert await server.start() is server
    assert server.running and server.connect_string == f"127.0.0.1:{server.port}"
    folder = Path(server.data_dir)
    client = await connected(server)
    client.create("/a")
    assert await told(client, 1) == [(1, 0)]
    assert server.sessions == {client.session_id: 10000}
    port = server.port
    await server.start()
    await server.restart()
    await client.ended
    assert (server.port, server.data_dir) == (port, str(folder))
    again = await connected(server, client.session_id, client.password)
    again.get("/a")
    assert await told(again, 1) == [(1, 0)]
    assert again.session_id == client.session_id
    await server.stop()
    await again.ended
    assert not folder.exists() and not server.running
    await server.stop()
    with pytest.raises(RuntimeError, match="^the server is not running$"):
        server.sessions  # noqa: B018


@ensureDeferred
async def test_expire_and_drop() -> None:
    async with Server(reactor) as server:
        first, second, third = [await connected(server) for _ in range(3)]
        assert server.expire(first.session_id) and not server.expire(1)
        await first.ended
        assert server.drop(second.session_id)
        await second.ended
        assert not server.drop(second.session_id)
        assert third.lost is None
        assert set(server.sessions) == {second.session_id, third.session_id}
        assert server.drop()
        await third.ended


@ensureDeferred
async def test_a_broken_disk() -> None:
    async with Server(reactor) as server:
        failed: Deferred[str] = Deferred()
        server.failed = failed.callback
        client = await connected(server)
        server.fail_disk("broken by the test")
        client.create("/a")
        assert "broken by the test" in await failed
        await client.ended
        assert not server.running
        with pytest.raises(RuntimeError, match="broken by the test"):
            server.drop()
        await server.start()
        assert server.failure == ""
        await connected(server)


@ensureDeferred
async def test_a_folder_that_is_kept(tmp_path: Path) -> None:
    server = Server(reactor, data_dir=str(tmp_path), config={"tickTime": "200"}, properties={"zookeeper.maxCnxns": "7"})
    for number in range(2):
        await server.start()
        assert (server.core.config.tick_time, server.core.settings.max_cnxns) == (200, 7)
        assert server.core.settings.force_sync
        assert ("/a" in server.core.tree.nodes) == (number == 1)
        client = await connected(server)
        client.create("/a")
        await client.heard(1)
        await server.stop()
        await client.ended
    assert (tmp_path / "version-2" / "snapshot.0").exists()


@pytest.mark.parametrize("config", [{"tickTime": "0"}, {"clientPortAddress": "203.0.113.1"}], ids=["key", "address"])
@ensureDeferred
async def test_a_start_that_fails_leaves_nothing(config: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    server = Server(reactor, config=config)
    with pytest.raises((ConfigError, CannotListenError)):
        await server.start()
    assert not server.running and list(tmp_path.iterdir()) == []
