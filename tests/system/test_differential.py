"""One random stream of operations to Apache ZooKeeper and to txzk at once: replies and events are the same (tests/differential).

TXZK_DIFFERENTIAL_SEEDS (comma separated) and TXZK_DIFFERENTIAL_STEPS replace the seeds and the length of a run. What fails prints the seed and
the step; `python -m tests.differential.stream --seed N` runs it again.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.differential.actions import OP_NAMES
from tests.differential.pair import started
from tests.differential.peer import Peer
from tests.differential.stream import DifferenceError, Seen, Stream, run
from tests.system.raw_client import OPEN_ACL, RawClient
from tests.system.servers import java_lib
from txzk.defs import errors, opcodes
from txzk.jute import records

SEEDS = [int(seed) for seed in os.environ.get("TXZK_DIFFERENTIAL_SEEDS", "1,2,3").split(",")]
STEPS = int(os.environ.get("TXZK_DIFFERENTIAL_STEPS", "6000"))

# What a server without an ensemble, without SASL and without throttles can answer.
_ERRORS = {
    errors.OK, errors.RUNTIME_INCONSISTENCY, errors.MARSHALLING_ERROR, errors.UNIMPLEMENTED, errors.BAD_ARGUMENTS, errors.NO_NODE,
    errors.NO_AUTH, errors.BAD_VERSION, errors.NO_CHILDREN_FOR_EPHEMERALS, errors.NODE_EXISTS, errors.NOT_EMPTY, errors.SESSION_EXPIRED,
    errors.INVALID_ACL, errors.AUTH_FAILED, errors.NO_WATCHER, errors.RECONFIG_DISABLED, errors.QUOTA_EXCEEDED,
}
_NEVER_GOOD = {"NOTIFICATION", "CHECK", "ERROR", "RECONFIG", "CREATE_SESSION"}
_EVENTS = {1, 2, 3, 4}
_MALFORMED_CREATE = records.encode_CreateRequest("/x", b"", OPEN_ACL, 0)[:-9]


@contextmanager
def connected(port: int) -> Iterator[RawClient]:
    """A session, whose connection ends with the block."""
    client = RawClient(port)
    try:
        yield client
    finally:
        client.hang_up()


@pytest.fixture(scope="module")
def seen() -> Seen:
    """What all runs together have touched."""
    return Seen()


@pytest.mark.parametrize("seed", SEEDS)
def test_replies_and_events_are_those_of_java(seed: int, seen: Seen) -> None:
    of_run = run(seed, STEPS, "java", "txzk", lib=java_lib())
    assert of_run.steps == STEPS
    seen.include(of_run)


def test_the_streams_had_every_op_code_error_code_and_event(seen: Seen) -> None:
    java_lib()
    if seen.steps < 15_000:
        pytest.skip(f"only {seen.steps} steps were run")
    assert set(OP_NAMES.values()) <= set(seen.ops), "op codes"
    assert set(OP_NAMES.values()) - _NEVER_GOOD <= set(+seen.good), "op codes answered without an error"
    assert seen.errors.keys() == _ERRORS
    assert seen.events.keys() == _EVENTS


def test_a_malformed_create_takes_a_zxid_of_its_own(tmp_path: Path) -> None:
    """Java writes the error under the zxid of the transaction before it; in an ensemble no write gets through after that."""
    lib = java_lib()
    zxids = {}
    for kind in ("java", "txzk"):
        with started(kind, tmp_path / kind, lib) as server, connected(server.port) as client:
            before = client.call(opcodes.SYNC, records.encode_SyncRequest("/"))[0].zxid
            refused, _ = client.call(opcodes.CREATE, _MALFORMED_CREATE)
            assert refused.err == errors.MARSHALLING_ERROR
            client.create("/x")
            assert client.get_data("/x").stat.czxid == refused.zxid + 1
            zxids[kind] = refused.zxid - before
    assert zxids == {"java": 0, "txzk": 1}


@pytest.mark.parametrize("flags", range(5))
def test_a_ttl_create_without_a_ttl_mode_stops_nothing(tmp_path: Path, flags: int) -> None:
    """Java takes this request, cannot apply it and stops for good; so the stream does not send it."""
    with started("txzk", tmp_path / "txzk") as server, connected(server.port) as client:
        refused, _ = client.call(opcodes.CREATE_TTL, records.encode_CreateTTLRequest("/x", b"", OPEN_ACL, flags, -1))
        assert refused.err == errors.BAD_ARGUMENTS
        assert client.create("/x") == "/x"


def test_a_server_that_lies_is_found_out(tmp_path: Path) -> None:
    """The harness itself: two servers of one kind are the same, until one of them has a node more."""
    with ExitStack() as stack:
        servers = [stack.enter_context(started("txzk", tmp_path / name)) for name in ("one", "two")]
        peers = [Peer(name, server.port, server.output) for name, server in zip(("one", "two"), servers, strict=True)]
        for peer in peers:
            stack.callback(peer.hang_up)
        stream = Stream(1, *peers)
        for _ in range(300):
            stream.step()
        stack.enter_context(connected(servers[1].port)).create("/unknown to the other")
        with pytest.raises(DifferenceError, match=r"seed 1, step 300: .*\n"):
            stream.step()


def test_counts_add_up() -> None:
    one, two = Seen(steps=2), Seen(steps=3, errors=Counter({-101: 1}))
    one.include(two)
    assert one.steps == 5 and one.errors == {-101: 1}
