"""Configurations that come with the votes of an election."""

from __future__ import annotations

import pytest

from tests.election.elector import EPOCH, LEADING, LOOKING, ZXID, following, looking, verifier
from txzk.election.votes import Vote


def test_a_newer_configuration_is_seen() -> None:
    server = looking(2)
    newer, newest = verifier(5, version=9), verifier(4, version=0xA)
    server.hears(1, LOOKING, 1, config=newer.text().encode())
    assert server.fle.newer_config is not None
    assert server.fle.newer_config.text() == newer.text()
    server.hears(1, LOOKING, 1, config=newest.text().encode())
    server.hears(1, LOOKING, 1, config=newer.text().encode())
    assert server.fle.newer_config.text() == newest.text()
    server.outbox.clear()
    server.fle.look(newest, newest, ZXID, EPOCH, True, 0)
    assert server.fle.newer_config is None
    assert [sid for sid, _, _ in server.proposals()] == [1, 3, 4]


def test_a_stranger_may_bring_it() -> None:
    server = looking(2)
    server.hears(9, LOOKING, 9, config=verifier(5, version=9).text().encode())
    assert server.fle.newer_config is not None


@pytest.mark.parametrize(
    ("config", "line"),
    [(b"version=0", ""), (b"", ""), (b"server.1=nonsense\nversion=7", "configuration of server 3 is passed by"), (b"\xff\xfe", "configuration of server 3")],
)
def test_other_configurations_change_nothing_and_the_vote_counts(config: bytes, line: str) -> None:
    server = looking(2)
    server.hears(3, LOOKING, 3, config=config)
    assert server.fle.newer_config is None
    assert [leader for _, leader, _ in server.proposals()] == [3, 3]
    assert any(line in text for text in server.lines)


def test_whoever_does_not_look_passes_by_configurations() -> None:
    server = following()
    server.hears(1, LOOKING, 1, config=verifier(5, version=9).text().encode())
    assert server.fle.newer_config is None


def test_a_new_configuration_counts_at_once() -> None:
    server = looking(2)
    larger = verifier(5, version=9)
    server.fle.reconfigured(larger, larger)
    server.hears(1, LOOKING, 2)
    assert server.fle.deadline_ms() == 200
    server.fle.timer_fired(200)
    assert server.fle.elected is None, "two of five are no quorum"
    assert [sid for sid, _, _ in server.proposals()] == [1, 1, 3, 4, 5]
    server.hears(3, LOOKING, 2, now_ms=300)
    server.fle.reconfigured(verifier(7, version=0xA), larger)
    server.fle.timer_fired(500)
    assert server.fle.elected is None, "nor are three of seven"
    server.hears(4, LOOKING, 2, now_ms=600)
    server.fle.timer_fired(800)
    assert server.fle.elected == Vote(2, ZXID, 1, EPOCH)
    server.fle.follow(LEADING)
    largest = verifier(6, version=0xB)
    server.fle.reconfigured(largest, largest)
    server.outbox.clear()
    server.hears(6, LOOKING, 6)
    assert server.sent()[0][1].config == largest.text().encode()
