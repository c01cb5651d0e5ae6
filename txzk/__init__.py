"""txzk: Apache ZooKeeper in Python on Twisted.

The public names of the client are looked up when they are first used, so that the server does not import them. tests/client/test_public_names.py
pins them.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from txzk.client.answers import AclList as AclList
    from txzk.client.answers import Children as Children
    from txzk.client.answers import Created as Created
    from txzk.client.answers import Node as Node
    from txzk.client.client import Client as Client
    from txzk.client.client import connect as connect
    from txzk.client.operations import ANY as ANY
    from txzk.client.retry import Backoff as Backoff
    from txzk.client.retry import Times as Times
    from txzk.client.settings import CREATOR_ALL_ACL as CREATOR_ALL_ACL
    from txzk.client.settings import OPEN_ACL as OPEN_ACL
    from txzk.client.settings import READ_ACL as READ_ACL
    from txzk.client.transaction import ReadBatch as ReadBatch
    from txzk.client.transaction import Transaction as Transaction
    from txzk.client.view import View as View
    from txzk.client.watch import Watch as Watch
    from txzk.client.watch import WatchStream as WatchStream
    from txzk.cnxn.client_errors import ClientClosed as ClientClosed
    from txzk.cnxn.client_errors import ConnectionLoss as ConnectionLoss
    from txzk.cnxn.client_errors import PacketTooLarge as PacketTooLarge
    from txzk.cnxn.client_errors import QueueFull as QueueFull
    from txzk.cnxn.client_errors import RequestTimeout as RequestTimeout
    from txzk.cnxn.client_errors import TransactionFailed as TransactionFailed
    from txzk.cnxn.client_words import EventType as EventType
    from txzk.cnxn.client_words import Server as Server
    from txzk.cnxn.client_words import SessionInfo as SessionInfo
    from txzk.cnxn.client_words import State as State
    from txzk.cnxn.client_words import WatchEvent as WatchEvent
    from txzk.defs.errors import AuthFailedError as AuthFailed
    from txzk.defs.errors import BadArgumentsError as BadArguments
    from txzk.defs.errors import BadVersionError as BadVersion
    from txzk.defs.errors import InvalidACLError as InvalidACL
    from txzk.defs.errors import KeeperException as KeeperException
    from txzk.defs.errors import NoAuthError as NoAuth
    from txzk.defs.errors import NoChildrenForEphemeralsError as NoChildrenForEphemerals
    from txzk.defs.errors import NodeExistsError as NodeExists
    from txzk.defs.errors import NoNodeError as NoNode
    from txzk.defs.errors import NotEmptyError as NotEmpty
    from txzk.defs.errors import NotReadOnlyError as NotReadOnly
    from txzk.defs.errors import QuotaExceededError as QuotaExceeded
    from txzk.defs.errors import SessionExpiredError as SessionExpired
    from txzk.defs.errors import UnimplementedError as Unimplemented
    from txzk.jute.records import Stat as Stat

_CLIENT = "txzk.client."
_CNXN = "txzk.cnxn.client_"
_ERRORS = "txzk.defs.errors"

# Public name -> module, and the name there where it is another.
_PUBLIC: dict[str, tuple[str, str]] = {
    **{name: (_CLIENT + "answers", name) for name in ("AclList", "Children", "Created", "Node")},
    **{name: (_CLIENT + "client", name) for name in ("Client", "connect")},
    "ANY": (_CLIENT + "operations", "ANY"),
    **{name: (_CLIENT + "retry", name) for name in ("Backoff", "Times")},
    **{name: (_CLIENT + "settings", name) for name in ("CREATOR_ALL_ACL", "OPEN_ACL", "READ_ACL")},
    **{name: (_CLIENT + "transaction", name) for name in ("ReadBatch", "Transaction")},
    "View": (_CLIENT + "view", "View"),
    **{name: (_CLIENT + "watch", name) for name in ("Watch", "WatchStream")},
    **{
        name: (_CNXN + "errors", name)
        for name in ("ClientClosed", "ConnectionLoss", "PacketTooLarge", "QueueFull", "RequestTimeout", "TransactionFailed")
    },
    **{name: (_CNXN + "words", name) for name in ("EventType", "Server", "SessionInfo", "State", "WatchEvent")},
    **{
        name: (_ERRORS, name + "Error")
        for name in (
            "AuthFailed", "BadArguments", "BadVersion", "InvalidACL", "NoAuth", "NoChildrenForEphemerals", "NoNode", "NodeExists", "NotEmpty",
            "NotReadOnly", "QuotaExceeded", "SessionExpired", "Unimplemented",
        )
    },
    "KeeperException": (_ERRORS, "KeeperException"),
    "Stat": ("txzk.jute.records", "Stat"),
}

__all__ = sorted([*_PUBLIC, "__version__"])


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'txzk' has no attribute {name!r}")
    module, attribute = _PUBLIC[name]
    value = getattr(import_module(module), attribute)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return list(__all__)
