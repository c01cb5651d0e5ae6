"""Four-letter words of the members of two ensembles, one of Java servers and one of txzk, after the same requests: the same lines in the same role, and
the same figures where these depend on the requests only.
"""

from __future__ import annotations

import re
from functools import partial

import pytest

from tests.system.ensemble import Ensemble, serving
from tests.system.raw_client import RawClient
from tests.system.test_four_letter_words import plain
from txzk.defs import opcodes
from txzk.jute import records

ROLES = ["leader", "follower", "observer"]
_LAYOUTS = ["JJj", "TTt"]
_NODES = 20
# For each learner Java has a queue of packets, which it counts. In txzk there are bytes, which the transport has.
_OF_JAVA_ONLY = re.compile(r"zk_\w+?_\d+_learner_handler_qp_\w+")
# A counter stands in one line, a summary in several; of those the count is a matter of the requests.
_COUNTERS = """
    proposal_count commit_count learner_proposal_received_count learner_commit_received_count request_commit_queued
    sync_processor_request_queued outstanding_changes_queued outstanding_changes_removed looking_count digest_mismatches_count
    connection_request_count
""".split()
_SUMMARIES = """
    propagation_latency proposal_latency commit_propagation_latency proposal_ack_creation_latency quorum_ack_latency sync_processor_queue_time_ms
    sync_processor_queue_and_flush_time_ms updatelatency election_time unavailable_time leader_unavailable_time follower_sync_time observer_sync_time dbinittime
    startup_snap_load_time startup_txns_loaded 1_ack_latency 2_ack_latency n1_write_per_namespace n2_write_per_namespace n3_write_per_namespace
""".split()
_GAUGES = """
    server_state peer_state znode_count ephemerals_count approximate_data_size watch_count global_sessions local_sessions num_alive_connections
    outstanding_requests quorum_size learners synced_followers synced_non_voting_followers synced_observers pending_syncs last_proposal_size
    min_proposal_size max_proposal_size
""".split()

# What Java counts and txzk does not: the work of threads, of the commit processor above all, and queues between them, which it does not have; the
# snapshot that a Java server writes before it leads; and how many synchronizations are under way.
_NOT_COUNTED = re.compile(
    r"\w*commit_?proc\w*|\w*commit_processor\w*|commit_process_time|\w*session_queue\w*|session_queues_drained|pending_session_queue_size|"
    r"(?:local|server)_write_committed_time_ms|(?:read|write)_final_proc_time_ms|prep_process_time|prep_processor_queue\w+|proposal_process_time|"
    r"sync_process_time|request_throttle_queue_time_ms|learner_request_processor_queue_size|snapshottime|inflight_(?:diff|snap)_count"
)

Words = dict[str, dict[str, str]]


def _load(ensemble: Ensemble, sid: int) -> RawClient:
    """A session at one of them, which stays."""
    client = RawClient(ensemble.members[sid].port, 10000)
    client.create(f"/n{sid}", b"top")
    for number in range(_NODES):
        client.create(f"/n{sid}/{number}", b"data" * 25)
    client.create(f"/n{sid}/e", b"", flags=1)
    client.ask(opcodes.GET_DATA, records.encode_GetDataRequest(f"/n{sid}", True))
    return client


def _words(ensemble: Ensemble) -> Words:
    """What each role answers to each word."""
    found: Words = {}
    for member in ensemble.members.values():
        mode = member.mode()
        found[mode] = {word: member.word(word.encode()) for word in "conf cons dirs dump gtmk hash isro mntr ruok srvr stat wchc wchp wchs".split()}
    return found


def _in_step(ensemble: Ensemble) -> bool:
    """Whether all servers have come to the same zxid, and the leader knows that they follow it."""
    zxids = {line for member in ensemble.members.values() for line in member.word(b"srvr").splitlines() if line.startswith("Zxid: ")}
    leader = next((member for member in ensemble.members.values() if member.mode() == "leader"), None)
    figures = leader.word(b"mntr") if leader is not None else ""
    return len(zxids) == 1 and "zk_synced_followers\t1\n" in figures and "zk_synced_observers\t1\n" in figures


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> tuple[Words, Words]:
    """Of the Java servers, and of ours."""
    found: list[Words] = []
    for kinds in _LAYOUTS:
        with serving(kinds, tmp_path_factory.mktemp(kinds), {"leader.ackLoggingFrequency": 1}) as ensemble:
            clients = [_load(ensemble, sid) for sid in ensemble.members]
            ensemble.wait(partial(_in_step, ensemble), "they are not in step")
            found.append(_words(ensemble))
            for client in clients:
                client.hang_up()
    return found[0], found[1]


def _figures(words: Words, role: str) -> dict[str, str]:
    return dict(line.split("\t", 1) for line in words[role]["mntr"].splitlines())


def _type(value: str) -> str:
    """Of a figure; what is no number is one of its kind."""
    if re.fullmatch(r"-?\d+", value):
        return "integer"
    return "double" if re.fullmatch(r"-?\d+\.\d+(E-?\d+)?", value) else value


@pytest.mark.parametrize("role", ROLES)
def test_the_figures_have_the_names_and_types_of_java(answers: tuple[Words, Words], role: str) -> None:
    def types(words: Words) -> dict[str, str]:
        figures = _figures(words, role)
        return {name: _type(value) for name, value in figures.items() if not _OF_JAVA_ONLY.fullmatch(name) and name != "zk_version"}

    javas, ours = map(types, answers)
    assert ours == javas


@pytest.mark.parametrize("role", ROLES)
def test_the_figures_that_depend_on_the_requests_only_are_equal(answers: tuple[Words, Words], role: str) -> None:
    def chosen(words: Words) -> dict[str, str | None]:
        figures = _figures(words, role)
        return {name: figures.get(f"zk_{name}") for name in (*_GAUGES, *_COUNTERS, *(f"cnt_{name}" for name in _SUMMARIES))}

    javas, ours = map(chosen, answers)
    assert ours == javas


@pytest.mark.parametrize("role", ROLES)
def test_what_java_counts_is_counted(answers: tuple[Words, Words], role: str) -> None:
    javas, ours = [_figures(words, role) for words in answers]
    missing = [
        name for name, value in javas.items() if name.startswith("zk_cnt_") and value != "0" and ours.get(name) == "0"
        and not _NOT_COUNTED.fullmatch(name.removeprefix("zk_cnt_"))
    ]
    assert missing == []


def test_every_synchronization_is_counted(answers: tuple[Words, Words]) -> None:
    """Whether Java sends a snapshot to a server that has nothing is a matter of when that one comes."""
    for words in answers:
        figures = _figures(words, "leader")
        assert int(figures["zk_diff_count"]) + int(figures["zk_snap_count"]) == int(figures["zk_learners"]) == 2


@pytest.mark.parametrize("role", ROLES)
def test_every_batch_of_the_log_is_counted(answers: tuple[Words, Words], role: str) -> None:
    for words in answers:
        figures = _figures(words, role)
        batches = {figures[f"zk_cnt_{name}"] for name in ("fsynctime", "sync_processor_queue_flush_time_ms", "sync_processor_batch_size")}
        logged = int(figures["zk_sync_processor_request_queued"])
        assert len(batches) == 1 and 0 < int(batches.pop()) <= logged == int(figures["zk_sum_sync_processor_batch_size"])


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("word", "conf cons dirs dump gtmk hash isro ruok srvr stat wchc wchp wchs".split())
def test_the_lines_are_those_of_java(answers: tuple[Words, Words], role: str, word: str) -> None:
    folders = re.compile(r"(dataDir|dataLogDir)=.*")
    javas, ours = [[folders.sub(r"\1=FOLDER", line) for line in plain(words[role][word])] for words in answers]
    if word in ("cons", "stat", "wchc", "dump"):
        # Their order is that of a hash table there.
        javas, ours = sorted(javas), sorted(ours)
    if word == "dump":
        # Sessions are told by the tick in which they end, and how many ticks that are is a matter of time.
        javas, ours = sorted(set(javas)), sorted(set(ours))
    assert ours == javas


@pytest.mark.parametrize("role", ROLES)
def test_what_is_told_is_a_matter_of_the_requests(answers: tuple[Words, Words], role: str) -> None:
    """Not of the kind of server: the numbers, too."""
    lines = re.compile(r"(?:Zxid|Node count|Mode|Connections|Outstanding|Proposal sizes last/min/max): .*|\d+ connections watching.*|Total watches:.*|peerType=.*")
    for word in ("srvr", "stat", "wchs", "conf", "isro", "ruok"):
        javas, ours = [lines.findall(words[role][word]) or words[role][word] for words in answers]
        assert ours == javas
