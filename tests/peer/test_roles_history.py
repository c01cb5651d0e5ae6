"""Random histories of clients on both roles: every request is answered in its order, sessions move, and both trees stay the same."""

from __future__ import annotations

from random import Random

import pytest

from tests.peer.roles import Ensemble, Side
from tests.peer.world import OPEN, Client, frame
from txzk.defs import errors, opcodes
from txzk.jute import records

PATHS = ("/a", "/b", "/a/x", "/a/y", "/b/z")


def request(chance: Random) -> tuple[int, bytes]:
    path = chance.choice(PATHS)
    return chance.choice([
        (opcodes.CREATE, records.encode_CreateRequest(path, b"1", OPEN, chance.choice((0, 0, 1, 2)))),
        (opcodes.SET_DATA, records.encode_SetDataRequest(path, b"2", chance.choice((-1, 0)))), (opcodes.DELETE, records.encode_DeleteRequest(path, -1)),
        (opcodes.GET_DATA, records.encode_GetDataRequest(path, True)), (opcodes.SYNC, records.encode_SyncRequest(path)),
        (opcodes.CREATE, b"\0\0"), (opcodes.MULTI, b""), (opcodes.PING, b""),
    ])


class Talk:
    """What one connection has asked, and what must come back for it."""

    def __init__(self, side: Side, client: Client) -> None:
        self.side = side
        self.client = client
        self.xids: list[int] = []
        self.answered = 0

    def ask(self, chance: Random) -> None:
        data = b""
        for _ in range(chance.randrange(1, 6)):
            op, body = request(chance)
            self.client.xid += 1
            self.xids.append(self.client.xid)
            data += frame(self.client.xid, op, body)
        self.client.send(data)

    def listen(self) -> None:
        """Takes what has come back; it must be the next answers."""
        for data in self.client.frames():
            header, _ = records.decode_ReplyHeader(data, 0, len(data))
            if header.xid != -1:
                assert header.xid == self.xids[self.answered] and header.err != errors.SESSION_MOVED
                self.answered += 1

    def move(self, side: Side) -> Talk:
        """The session goes on over a new connection."""
        self.listen()
        client = side.connect()
        client.xid = self.client.xid
        response = client.open(self.client.session_id, self.client.password)
        if response is None:
            side.ensemble.release()
            response = records.parse_ConnectResponse(client.frames()[0])
        if response.sessionId == 0:
            return Talk(side, side.client())
        client.session_id, client.password = response.sessionId, response.passwd
        return Talk(side, client)


@pytest.mark.parametrize("local_sessions", [False, True])
@pytest.mark.parametrize("seed", range(12))
def test_a_random_history(seed: int, local_sessions: bool) -> None:
    chance = Random(seed)
    ensemble = Ensemble(local_sessions=local_sessions, upgrading=True)
    sides = (ensemble.leader_side, ensemble.learner_side)
    talks = [Talk(side, side.client()) for side in sides for _ in range(3)]
    for _ in range(150):
        index = chance.randrange(len(talks))
        talk = talks[index]
        deed = chance.randrange(10)
        if deed == 0:
            ensemble.held = not ensemble.held
        elif deed == 1:
            ensemble.cut = not ensemble.cut
        elif deed == 2 and not ensemble.cut:
            talks[index] = talk.move(chance.choice(sides))
        elif deed == 3:
            ensemble.release()
        elif deed == 4:
            ensemble.advance(1000)
        elif talk.client.cnxn.closing:
            ensemble.release()
            talks[index] = Talk(talk.side, talk.side.client())
        else:
            talk.ask(chance)
        for each in talks:
            each.listen()
    ensemble.release()
    for talk in talks:
        talk.listen()
        assert talk.client.cnxn.closing or talk.answered == len(talk.xids)
    assert ensemble.leader.tree.last_processed_zxid > 50
    ensemble.agree()
    ensemble.advance(60_000)
    assert ensemble.leader.tree.sessions == {} and ensemble.leader.tree.ephemerals == {} and ensemble.leader.tracker.sessions == {}
    assert ensemble.learner.tracker.sessions == {}
    ensemble.agree()
