"""A reconfig on its way through prep: its checks in their order, the transaction, and the reply."""

from __future__ import annotations

from typing import Any

import pytest

from tests.request.pipeline import SESSION, WALL_MS, FakeClient, Prep
from txzk.database.request import Request
from txzk.defs import errors, opcodes
from txzk.jute import records as r
from txzk.jute.txns import decode_entry
from txzk.quorum.text import parse_config
from txzk.quorum.verifiers import QuorumVerifier
from txzk.request.chain import RequestChain
from txzk.request.prep import PrepRequestProcessor

VERSION = 0x500000000
THREE = f"server.1=a:1:2:participant;0.0.0.0:3\nserver.2=b:1:2:participant\nserver.3=c:1:2:participant\nversion={VERSION:x}"
SUPER = [("super", "")]


class Ensemble:
    """Configurations; `synced` answers whether there is a quorum."""

    def __init__(self) -> None:
        self.verifier = self.last_seen_verifier = parse_config(THREE)
        self.standalone_enabled, self.multi_address_enabled = True, False
        self.synced = True
        self.asked: list[int] = []
        self.proposed: list[tuple[int, bytes, int, QuorumVerifier]] = []

    def quorum_synced(self, verifier: QuorumVerifier, now_ms: int) -> bool:
        self.asked.append(now_ms)
        return self.synced

    def propose(self, zxid: int, entry: bytes, now_ms: int, reconfig: QuorumVerifier) -> None:
        self.proposed.append((zxid, entry, now_ms, reconfig))


class Leader:
    """A prep processor of a leader."""

    def __init__(self, ensemble: Any, reconfig_enabled: bool = True, **settings: bool) -> None:
        self.prep = Prep(last_zxid=VERSION, **settings)
        self.prep.processor = PrepRequestProcessor(
            self.prep.tree, self.prep.tracker, self.prep.registry, self.prep.settings, lambda zxid, entry: self.prep.log.append((zxid, entry)),
            reconfig_enabled, configurations=ensemble,
        )
        self.client = FakeClient(SESSION, SUPER)

    def request(
        self, joining: str | None = None, leaving: str | None = None, members: str | None = None, config_id: int = -1, ids: Any = SUPER,
        session: int = SESSION,
    ) -> Request:
        self.client.ids = ids
        request = Request(self.client, session, 7, opcodes.RECONFIG, r.encode_ReconfigRequest(joining, leaving, members, config_id), 55)
        self.prep.processor.process(request, WALL_MS)
        return request


def test_a_reconfig_is_proposed_with_its_configuration() -> None:
    ensemble = Ensemble()
    leader = Leader(ensemble)
    digest = leader.prep.processor.changes.digest
    request = leader.request("server.4=d:1:2:observer;5", "3")
    ((zxid, entry, now_ms, verifier),) = ensemble.proposed
    text = (
        "server.1=a:1:2:participant;0.0.0.0:3\nserver.2=b:1:2:participant\nserver.4=d:1:2:observer;0.0.0.0:5\n"
        f"version={VERSION + 1:x}"
    )
    assert (zxid, now_ms, verifier.version, verifier.text()) == (VERSION + 1, 55, VERSION + 1, text)
    assert ensemble.asked == [55] and leader.prep.log == []
    header, txn, in_log = decode_entry(entry)
    assert header == request.header == r.TxnHeader(SESSION, 7, VERSION + 1, WALL_MS, opcodes.RECONFIG)
    assert txn == request.txn == r.SetDataTxn("/zookeeper/config", text.encode(), -1)
    # The node does not count.
    assert request.digest == digest and in_log is not None and in_log.treeDigest == digest
    # What comes next sees it.
    record = leader.prep.processor.changes.look("/zookeeper/config")
    assert record is not None and (record.data, record.version, record.mzxid, record.mtime) == (text.encode(), -1, VERSION + 1, WALL_MS)


def test_the_reply_is_the_node() -> None:
    ensemble = Ensemble()
    leader = Leader(ensemble)
    chain = RequestChain(leader.prep.tree, leader.prep.processor)
    request = Request(leader.client, SESSION, 7, opcodes.RECONFIG, r.encode_ReconfigRequest(None, "3", None, VERSION), 55)
    leader.client.ids = SUPER
    chain.submit(request, WALL_MS)
    chain.committed(VERSION + 1, 56)
    ((xid, zxid, error, body),) = leader.client.answers
    found = r.parse_GetDataResponse(body)
    assert (xid, zxid, error) == (7, VERSION + 1, 0)
    assert found.data == ensemble.proposed[0][3].text().encode()
    assert (found.stat.version, found.stat.mzxid, found.stat.mtime) == (-1, VERSION + 1, WALL_MS)
    assert leader.prep.tree.digest_mismatches == 0


def refusals() -> list[tuple[int, dict[str, Any]]]:
    """Each is better than the one before it in what is looked at first, and spoilt behind it."""
    return [
        (errors.RECONFIG_DISABLED, {"enabled": False, "session": 9}),
        (errors.SESSION_EXPIRED, {"session": 9, "in_progress": True}),
        (errors.RECONFIG_IN_PROGRESS, {"in_progress": True, "config_id": 3}),
        (errors.BAD_VERSION, {"config_id": 3, "members": "nonsense"}),
        (errors.BAD_ARGUMENTS, {"members": "server.1=a:1:2", "synced": False}),
        (errors.NEW_CONFIG_NO_QUORUM, {"leaving": "3", "synced": False, "ids": []}),
        (errors.NO_AUTH, {"leaving": "3", "ids": []}),
        (errors.OK, {"leaving": "3", "ids": [], "skip_acl": True}),
    ]


@pytest.mark.parametrize(("error", "case"), refusals())
def test_the_order_of_the_checks(error: int, case: dict[str, Any]) -> None:
    ensemble = Ensemble()
    ensemble.synced = case.pop("synced", True)
    if case.pop("in_progress", False):
        ensemble.last_seen_verifier = ensemble.verifier.with_version(VERSION + 1)
    leader = Leader(ensemble, case.pop("enabled", True), skip_acl=case.pop("skip_acl", False))
    request = leader.request(**case)
    assert request.error == error
    assert [len(ensemble.proposed), len(leader.prep.log)] == ([0, 1] if error else [1, 0])
    if error:
        assert leader.prep.last().err == error


def test_who_may_write_the_node_may_change_the_ensemble() -> None:
    ensemble = Ensemble()
    leader = Leader(ensemble)
    leader.prep.client.ids = SUPER
    assert leader.prep.set_acl("/zookeeper/config", [(2, ("ip", "10.0.0.1"))]) == 0
    assert leader.request(leaving="3", ids=[("ip", "10.0.0.2")]).error == errors.NO_AUTH
    assert leader.request(leaving="3", ids=[("ip", "10.0.0.1")]).error == errors.OK


def test_without_digests() -> None:
    ensemble = Ensemble()
    leader = Leader(ensemble, digest_enabled=False)
    assert leader.request(leaving="3").digest is None
    assert decode_entry(ensemble.proposed[0][1])[2] is None


def test_a_lone_server_may_be_left_where_it_may_be_an_ensemble() -> None:
    ensemble = Ensemble()
    ensemble.standalone_enabled = False
    assert Leader(ensemble).request(leaving="2,3").error == errors.OK
    assert Leader(ensemble).request(leaving="1,2,3").error == errors.BAD_ARGUMENTS
