"""Bugs that the simulator has found, or must find, planted: it finds them again. With the bug there, the first of its seeds that shows it is told.

What a seed tells changes with the code, so a range of them is looked through; first the number of servers.
"""

from __future__ import annotations

import pytest

from tests.sim import mutants, runner

# Name in mutants.FOUND, servers, the seeds.
FOUND = [
    # Seed 10: a multi deletes an ephemeral node and creates it for good while its session is ended; the close took the new node away.
    ("made anew", 1, range(60)),
    # Seed 13: two snapshots waited for a slow log, the first was forgotten, and its server waited for it for ever.
    ("second snapshot", 3, range(60)),
    # Seed 0. Planted to see that the configurations of the servers are compared, in their memory and on their disks.
    ("forgotten config", 3, range(60)),
]


@pytest.mark.parametrize(("bug", "servers", "seeds"), FOUND, ids=[bug for bug, _, _ in FOUND])
def test_a_found_bug_is_found_again(bug: str, servers: int, seeds: range) -> None:
    with mutants.planted(bug):
        assert any(report.violations for report in runner.run_seeds(seeds, servers, 1))
