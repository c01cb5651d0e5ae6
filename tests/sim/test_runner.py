"""The command line of the simulator."""

from __future__ import annotations

import pytest

from tests.sim import mutants, runner


def test_one_seed_is_told_with_its_figures(capsys: pytest.CaptureFixture[str]) -> None:
    assert runner.main(["--seed", "1"]) == 0
    told = capsys.readouterr().out
    assert told.startswith("seed 1: Swarm(seed=1, ")
    assert "1 histories, " in told and "faults: " in told and "violations in 0 histories" in told


def test_a_trace_tells_what_happens(capsys: pytest.CaptureFixture[str]) -> None:
    runner.main(["--seed", "1", "--servers", "3", "--trace"])
    told = capsys.readouterr().out
    assert "s1 starts" in told and " leads in epoch 1 " in told and " bytes " in told


def test_a_range_is_the_same_in_any_number_of_processes(capsys: pytest.CaptureFixture[str]) -> None:
    told = []
    for processes in ("1", "2"):
        assert runner.main(["--seeds", "0..5", "--processes", processes]) == 0
        lines = capsys.readouterr().out.splitlines()
        assert lines[0].startswith("6 histories, ")
        told.append(lines[1:])
    assert told[0] == told[1]


def test_violations_are_told_and_counted(capsys: pytest.CaptureFixture[str]) -> None:
    with mutants.planted("4785"):
        assert runner.main(["--seeds", "0..3", "--processes", "1"]) == 1
    told = capsys.readouterr().out
    assert "seed 0 at " in told
    assert "violations in 0 histories" not in told


def test_mutants_are_killed_or_survive(capsys: pytest.CaptureFixture[str]) -> None:
    assert runner.main(["--mutants", "4785", "4685", "--processes", "1"]) == 0
    told = capsys.readouterr().out
    assert "ZOOKEEPER-4785 was killed by seed 0: What was proposed when" in told
    assert "ZOOKEEPER-4685 was killed by seed " in told
    assert runner.main(["--mutants", "4785", "--most", "0", "--processes", "1"]) == 1
    assert "ZOOKEEPER-4785 has SURVIVED 0 seeds" in capsys.readouterr().out


def test_what_is_asked_for_must_be_said() -> None:
    with pytest.raises(SystemExit):
        runner.main([])
