"""Bugs that the simulator has found, or must find, planted: it finds them again. With the bug there, the first of its seeds that shows it is told.

What a seed tells changes with the code, so a range of them is looked through; first the number of servers.
"""

from __future__ import annotations

import pytest

from tests.sim.test_world import simulate

# Name in mutants.FOUND, servers, how many seeds at most.
FOUND = [
    # Seed 10: a multi deletes an ephemeral node and creates it for good while its session is ended; the close took the new node away.
    ("made anew", 1, 60),
    # Seed 13: two snapshots waited for a slow log, the first was forgotten, and its server waited for it for ever.
    ("second snapshot", 3, 60),
    # Seed 0. Planted to see that the configurations of the servers are compared, in their memory and on their disks.
    ("forgotten config", 3, 60),
    # No seed, for leaders did not commit behind a SNAP and before NEWLEADER then, as Java's do; two servers without what they had acknowledged.
    ("log taken away", 3, 200),
    # Seed 32. Planted to see that what servers without a leader show is looked at.
    ("back in time", 3, 200),
]


@pytest.mark.parametrize(("bug", "servers", "most"), FOUND, ids=[bug for bug, _, _ in FOUND])
def test_a_found_bug_is_found_again(bug: str, servers: int, most: int) -> None:
    assert f"{bug} was killed by seed " in simulate("--mutants", bug, "--servers", str(servers), "--most", str(most))
