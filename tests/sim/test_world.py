"""Whole ensembles in simulated time: many seeds, the same story for the same seed, and that the stories go everywhere.

Many seeds are gone through in processes of their own, on all cores and without a measurement of coverage, which would make them slow.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.sim import runner
from tests.sim.swarm import FAULTS, draw
from tests.sim.world import World

ROOT = Path(__file__).resolve().parents[2]


def simulate(*arguments: str, **environment: str) -> str:
    """What tools/sim says; a violation fails the test."""
    command = [sys.executable, "-m", "tests.sim.runner", *arguments]
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr
    return done.stdout


def counts(told: str, name: str) -> dict[str, int]:
    """One line of the figures."""
    found = re.search(rf"^{name}: (.*)$", told, re.M)
    assert found is not None, told
    return {what: int(count) for what, count in (item.rsplit(" ", 1) for item in found[1].split(", "))}


def test_nothing_is_violated_and_the_stories_go_everywhere() -> None:
    told = simulate("--seeds", "0..299")
    assert told.startswith("300 histories, ")
    assert set(counts(told, "faults")) == set(FAULTS)
    syncs = counts(told, "counts")
    assert {"DIFF", "TRUNC", "SNAP"} <= set(syncs)
    assert syncs["elections"] > 600
    assert syncs["read-only answers"] > 600


def test_nothing_is_violated_in_a_world_of_one_server() -> None:
    assert simulate("--seeds", "0..99", "--servers", "1").startswith("100 histories, ")


def test_the_same_seed_tells_the_same_story_whatever_the_order_of_hashes() -> None:
    told = []
    for hash_seed in ("1", "2"):
        lines = simulate("--seed", "5", "--trace", PYTHONHASHSEED=hash_seed).splitlines()
        told.append([line for line in lines if "times as fast" not in line])
    assert len(told[0]) > 1000
    assert told[0] == told[1]


def test_seeds_differ() -> None:
    reports = [runner.run_seed(seed) for seed in range(3)]
    assert len({report.digest for report in reports}) == 3
    assert runner.run_seed(0).digest == reports[0].digest


@pytest.mark.parametrize("servers", [1, 3, 5])
def test_a_world_has_the_size_that_is_asked_for(servers: int) -> None:
    swarm = draw(7, servers)
    assert swarm.servers == servers
    assert len(World(swarm).servers) == servers + swarm.observers + swarm.spares


def test_what_is_durable_ends_where_the_history_was_cut() -> None:
    server = World(draw(7, 3)).servers[0]
    for zxid in (0x100000002, 0x100000005):
        server.is_durable(zxid)
    server.history_cut(0x100000006)
    assert server.durable_zxid == 0x100000005
    server.history_cut(0x100000004)
    assert server.durable_zxid == 0x100000004
    # Seed 4763: to the beginning of the epoch, which is on no disk as long as nobody has written a snapshot.
    server.history_cut(0x100000000)
    assert server.durable_zxid == 0
    server.is_durable(0x100000001)
    assert server.durable_zxid == 0x100000001
