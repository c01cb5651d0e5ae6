from collections.abc import Iterator

import pytest

from tests.client.world import World


@pytest.fixture
def world() -> Iterator[World]:
    """A server in memory, its clients and their clock."""
    world = World()
    yield world
    world.end()
