"""Whole ensembles in simulated time: many seeds, the same story for the same seed, and that the stories go everywhere."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.sim import runner
from tests.sim.swarm import FAULTS, draw
from tests.sim.world import World

ROOT = Path(__file__).resolve().parents[2]
SEEDS = 300
# Those of one test.
TOGETHER = 10


@pytest.mark.parametrize("first", range(0, SEEDS, TOGETHER))
def test_nothing_is_violated(first: int) -> None:
    for seed in range(first, first + TOGETHER):
        report = runner.run_seed(seed)
        assert not report.violations, f"tools/sim --seed {seed} --trace: {report.violations[0]}"


@pytest.mark.parametrize("first", range(0, 60, TOGETHER))
def test_nothing_is_violated_in_a_world_of_one_server(first: int) -> None:
    for seed in range(first, first + TOGETHER):
        report = runner.run_seed(seed, 1)
        assert not report.violations, f"tools/sim --seed {seed} --servers 1 --trace: {report.violations[0]}"


def test_the_same_seed_tells_the_same_story_whatever_the_order_of_hashes() -> None:
    told = []
    for hash_seed in ("1", "2"):
        command = [sys.executable, "-m", "tests.sim.runner", "--seed", "4", "--trace"]
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr
        lines = done.stdout.splitlines()
        told.append([line for line in lines if "times as fast" not in line])
    assert len(told[0]) > 1000
    assert told[0] == told[1]


def test_seeds_differ() -> None:
    reports = [runner.run_seed(seed) for seed in range(3)]
    assert len({report.digest for report in reports}) == 3
    assert runner.run_seed(0).digest == reports[0].digest


def test_the_stories_go_everywhere() -> None:
    """The checkers would be worth little if nothing happened."""
    summary = runner.Summary()
    for seed in range(60):
        summary.add(runner.run_seed(seed))
    assert set(summary.faults) == set(FAULTS)
    assert {"DIFF", "TRUNC", "SNAP"} <= set(summary.counts)
    assert summary.counts["elections"] > 120
    assert summary.virtual_ms > 500_000


def test_a_world_has_the_size_that_is_asked_for() -> None:
    for servers in (1, 3, 5):
        assert draw(7, servers).servers == servers
    world = World(draw(7, 5))
    assert [server.name for server in world.servers][:5] == ["s1", "s2", "s3", "s4", "s5"]
