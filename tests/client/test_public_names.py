"""The public names of txzk and txzk.interfaces are these; each has a docstring, and is annotated throughout."""

from __future__ import annotations

import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import txzk
from txzk import interfaces
from txzk.client import api

NAMES = [
    "ANY", "AclList", "AuthFailed", "Backoff", "BadArguments", "BadVersion", "CREATOR_ALL_ACL", "Children", "Client", "ClientClosed", "ClientService",
    "ConnectionLoss", "Created", "EventType", "FenceLost", "InvalidACL", "KeeperException", "NoAuth", "NoChildrenForEphemerals", "NoNode", "Node",
    "NodeExists", "NotEmpty", "NotReadOnly", "OPEN_ACL", "PacketTooLarge", "QueueFull", "QuotaExceeded", "READ_ACL", "ReadBatch", "RequestTimeout",
    "Server", "SessionExpired", "SessionInfo", "Stat", "State", "Times", "Transaction", "TransactionFailed", "Unimplemented", "View", "Watch", "WatchEvent",
    "WatchStream", "connect",
]
INTERFACES = ["IClient", "ICompressor", "IErrorPolicy", "IHeld", "IRetryPolicy", "ISaslMechanism", "ISession", "IView", "IWatch"]
TYPES = sorted(name for name in txzk.__dir__() if callable(getattr(txzk, name)))


def test_the_names() -> None:
    assert sorted(api.__all__) == NAMES
    assert set(NAMES) <= set(dir(txzk))
    assert sorted(name for name in vars(interfaces) if name[0] == "I" and name[1:2].isupper()) == INTERFACES


def test_a_name_that_is_not_there() -> None:
    for name in ("Nothing", "_private"):
        with pytest.raises(AttributeError, match=f"^module 'txzk' has no attribute '{name}'$"):
            getattr(txzk, name)


def _members(cls: type) -> list[tuple[str, object]]:
    """Methods and properties of our own that are public."""
    found: list[tuple[str, object]] = []
    for each in cls.__mro__:
        if each.__module__.startswith("txzk."):
            found += [(name, member) for name, member in vars(each).items() if not name.startswith("_")]
    return found


def _functions(thing: object) -> list[object]:
    if not inspect.isclass(thing):
        return [thing]
    found: list[object] = [vars(thing)["__init__"]] if "__init__" in vars(thing) else []
    for _, member in _members(thing):
        member = getattr(member, "__func__", member)
        found += [member.fget] if isinstance(member, property) else [member] if inspect.isfunction(member) else []
    return found


@pytest.mark.parametrize("name", TYPES)
def test_it_has_docstrings(name: str) -> None:
    thing = getattr(txzk, name)
    assert inspect.getdoc(thing)
    for function in _functions(thing):
        if function.__name__ != "__init__":
            assert inspect.getdoc(function), function.__qualname__


@pytest.mark.parametrize("name", TYPES)
def test_it_is_annotated(name: str) -> None:
    for function in _functions(getattr(txzk, name)):
        signature = inspect.signature(function)
        assert signature.return_annotation is not inspect.Signature.empty, function.__qualname__
        for parameter in list(signature.parameters.values()):
            if parameter.name not in ("self", "cls"):
                assert parameter.annotation is not inspect.Parameter.empty, f"{function.__qualname__}: {parameter}"


@pytest.mark.parametrize("name", INTERFACES)
def test_an_interface_has_docstrings(name: str) -> None:
    interface = getattr(interfaces, name)
    assert interface.__doc__
    for member in interface.names():
        assert interface[member].__doc__, member


def test_type_checkers_are_told_that_there_are_types() -> None:
    package = Path(txzk.__file__).parent
    assert (package / "py.typed").exists()
    assert '"txzk": ["py.typed"]' in (package.parent / "setup.py").read_text()


def test_the_server_does_without_the_client_and_a_client_without_tls() -> None:
    for program in (
        "import sys, txzk, txzk.tap, txzk.server.service; assert not any(name.startswith('txzk.client') for name in sys.modules)",
        "import sys, txzk.client.api; assert 'OpenSSL' not in sys.modules and 'twisted.internet.reactor' not in sys.modules",
    ):
        subprocess.run([sys.executable, "-c", program], check=True, cwd=Path(txzk.__file__).parents[1])
