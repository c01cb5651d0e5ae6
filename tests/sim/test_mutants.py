"""Known bugs, planted one at a time: the checkers see them. All of them, with the seeds that it takes: tools/sim --mutants."""

from __future__ import annotations

import inspect

import pytest

from tests.sim import mutants
from tests.sim.test_world import simulate
from txzk.zab.learner import Learner

# Those that are seen soon; the others take up to some hundred seeds.
SOON = ("4394", "4685", "2845", "4785", "2099", "3127")


def test_known_bugs_are_seen() -> None:
    told = simulate("--mutants", *SOON, "--most", "200")
    for issue in SOON:
        assert f"ZOOKEEPER-{issue} was killed by seed " in told


@pytest.mark.parametrize("issue", [*mutants.MUTANTS, *mutants.FOUND])
def test_every_mutant_names_what_is_there_and_goes_again(issue: str) -> None:
    patches = (mutants.MUTANTS | mutants.FOUND)[issue]()
    before = [getattr(owner, name) for owner, name, _ in patches]
    with mutants.planted(issue):
        assert [getattr(owner, name) for owner, name, _ in patches] != before
    assert [getattr(owner, name) for owner, name, _ in patches] == before


@pytest.mark.parametrize("issue", [*mutants.MUTANTS, *mutants.FOUND])
def test_a_mutant_takes_what_the_code_takes_that_it_stands_for(issue: str) -> None:
    """Or it would be killed by its own fault."""
    for owner, name, planted in (mutants.MUTANTS | mutants.FOUND)[issue]():
        original = getattr(owner, name)
        if callable(planted):
            taken = inspect.signature(planted).parameters.values()
            if not any(parameter.kind is inspect.Parameter.VAR_POSITIONAL for parameter in taken):
                assert len(taken) >= len(inspect.signature(original).parameters), name


def test_nothing_is_planted_otherwise() -> None:
    assert Learner._log.__module__ == "txzk.zab.learner"
