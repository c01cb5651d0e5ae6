"""What the client provides, against its interfaces."""

from __future__ import annotations

import pytest
from zope.interface import Interface
from zope.interface.verify import verifyClass, verifyObject

import txzk
from tests.client.world import World, story
from txzk import interfaces


@pytest.mark.parametrize(("interface", "cls"), [(interfaces.IClient, txzk.Client), (interfaces.IView, txzk.View)])
def test_classes_have_all_that_their_interfaces_promise(interface: type[Interface], cls: type) -> None:
    assert verifyClass(interface, cls)


@story
async def test_objects_have_all_that_their_interfaces_promise(world: World) -> None:
    zk = await world.client()
    assert verifyObject(interfaces.IClient, zk)
    assert verifyObject(interfaces.IView, zk.chroot("/a"))
    assert verifyObject(interfaces.ISession, zk.session)
    _, watch = await zk.exists_and_watch("/a")
    assert verifyObject(interfaces.IWatch, watch)
    watch.close()


def test_the_operations_of_the_interface_are_those_of_a_view() -> None:
    operations = {name for name in dir(txzk.View) if not name.startswith("_") and callable(getattr(txzk.View, name))}
    inner = {"create_plain", "set_plain", "delete_plain", "full", "pack", "send", "set_watch"}
    assert operations - inner == set(interfaces.IView.names()) - {"state", "session"}
