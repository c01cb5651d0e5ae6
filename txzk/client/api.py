"""The public names of the client, which `txzk` gives under its own name. Covered by tests/client/test_public_names.py."""

from txzk.client.answers import AclList, Children, Created, Node
from txzk.client.client import Client, connect
from txzk.client.operations import ANY
from txzk.client.retry import Backoff, Times
from txzk.client.service import ClientService
from txzk.client.settings import CREATOR_ALL_ACL, OPEN_ACL, READ_ACL
from txzk.client.transaction import ReadBatch, Transaction
from txzk.client.view import View
from txzk.client.watch import Watch, WatchStream
from txzk.cnxn.client_errors import ClientClosed, ConnectionLoss, FenceLost, PacketTooLarge, QueueFull, RequestTimeout, TransactionFailed
from txzk.cnxn.client_words import EventType, Server, SessionInfo, State, WatchEvent
from txzk.defs.errors import AuthFailedError as AuthFailed
from txzk.defs.errors import BadArgumentsError as BadArguments
from txzk.defs.errors import BadVersionError as BadVersion
from txzk.defs.errors import InvalidACLError as InvalidACL
from txzk.defs.errors import KeeperException
from txzk.defs.errors import NoAuthError as NoAuth
from txzk.defs.errors import NoChildrenForEphemeralsError as NoChildrenForEphemerals
from txzk.defs.errors import NodeExistsError as NodeExists
from txzk.defs.errors import NoNodeError as NoNode
from txzk.defs.errors import NotEmptyError as NotEmpty
from txzk.defs.errors import NotReadOnlyError as NotReadOnly
from txzk.defs.errors import QuotaExceededError as QuotaExceeded
from txzk.defs.errors import SessionExpiredError as SessionExpired
from txzk.defs.errors import UnimplementedError as Unimplemented
from txzk.jute.records import Stat

__all__ = [
    "ANY", "CREATOR_ALL_ACL", "OPEN_ACL", "READ_ACL", "AclList", "AuthFailed", "Backoff", "BadArguments", "BadVersion", "Children", "Client",
    "ClientClosed", "ClientService", "ConnectionLoss", "Created", "EventType", "FenceLost", "InvalidACL", "KeeperException", "NoAuth",
    "NoChildrenForEphemerals", "NoNode", "Node", "NodeExists", "NotEmpty", "NotReadOnly", "PacketTooLarge", "QueueFull", "QuotaExceeded", "ReadBatch",
    "RequestTimeout", "Server", "SessionExpired", "SessionInfo", "Stat", "State", "Times", "Transaction", "TransactionFailed", "Unimplemented",
    "View", "Watch", "WatchEvent", "WatchStream", "connect",
]
