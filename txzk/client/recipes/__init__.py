"""The recipes: locks, caches and whatever else is made of nodes and watches. Each is imported when it is first used. Covered by tests/recipes/."""

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from txzk.client.recipes import discovery as discovery
    from txzk.client.recipes.atomic import AtomicLong as AtomicLong
    from txzk.client.recipes.atomic import AtomicResult as AtomicResult
    from txzk.client.recipes.atomic import AtomicValue as AtomicValue
    from txzk.client.recipes.barrier import Barrier as Barrier
    from txzk.client.recipes.cached_atomic import CachedAtomicLong as CachedAtomicLong
    from txzk.client.recipes.children_cache import ChildrenCache as ChildrenCache
    from txzk.client.recipes.contender import Reason as Reason
    from txzk.client.recipes.delay_queue import DelayQueue as DelayQueue
    from txzk.client.recipes.double_barrier import DoubleBarrier as DoubleBarrier
    from txzk.client.recipes.election import Election as Election
    from txzk.client.recipes.election import Participant as Participant
    from txzk.client.recipes.election import Term as Term
    from txzk.client.recipes.election import Terms as Terms
    from txzk.client.recipes.error_policy import session_only as session_only
    from txzk.client.recipes.error_policy import standard as standard
    from txzk.client.recipes.group import Group as Group
    from txzk.client.recipes.group import GroupChanges as GroupChanges
    from txzk.client.recipes.group import Membership as Membership
    from txzk.client.recipes.held import Held as Held
    from txzk.client.recipes.held import LockLost as LockLost
    from txzk.client.recipes.id_queue import IdQueue as IdQueue
    from txzk.client.recipes.items import Item as Item
    from txzk.client.recipes.items import ItemLost as ItemLost
    from txzk.client.recipes.latch import LeaderLatch as LeaderLatch
    from txzk.client.recipes.latch import Leadership as Leadership
    from txzk.client.recipes.lock import Lock as Lock
    from txzk.client.recipes.lock import revoke as revoke
    from txzk.client.recipes.locking_queue import LockingQueue as LockingQueue
    from txzk.client.recipes.mirror import CacheEvent as CacheEvent
    from txzk.client.recipes.mirror import Change as Change
    from txzk.client.recipes.multi_lock import HeldTogether as HeldTogether
    from txzk.client.recipes.multi_lock import MultiLock as MultiLock
    from txzk.client.recipes.node_cache import NodeCache as NodeCache
    from txzk.client.recipes.partitioner import Partitioner as Partitioner
    from txzk.client.recipes.partitioner import PartitionState as PartitionState
    from txzk.client.recipes.partitioner import Share as Share
    from txzk.client.recipes.partitioner import ShareEnd as ShareEnd
    from txzk.client.recipes.partitioner import every_nth as every_nth
    from txzk.client.recipes.persistent_node import PersistentNode as PersistentNode
    from txzk.client.recipes.persistent_ttl_node import PersistentTtlNode as PersistentTtlNode
    from txzk.client.recipes.priority_queue import PriorityQueue as PriorityQueue
    from txzk.client.recipes.queue import Queue as Queue
    from txzk.client.recipes.read_write_lock import ReadWriteLock as ReadWriteLock
    from txzk.client.recipes.receipts import OutcomeUnknown as OutcomeUnknown
    from txzk.client.recipes.semaphore import Semaphore as Semaphore
    from txzk.client.recipes.shared import SharedCount as SharedCount
    from txzk.client.recipes.shared import SharedValue as SharedValue
    from txzk.client.recipes.shared import Versioned as Versioned
    from txzk.client.recipes.tree_cache import TreeCache as TreeCache

# Public names by the modules that have them.
_HOMES: Final = {
    "AtomicLong": "atomic", "AtomicResult": "atomic", "AtomicValue": "atomic", "Barrier": "barrier", "CacheEvent": "mirror",
    "CachedAtomicLong": "cached_atomic", "Change": "mirror", "ChildrenCache": "children_cache", "DelayQueue": "delay_queue",
    "DoubleBarrier": "double_barrier", "Election": "election", "Group": "group", "GroupChanges": "group", "Held": "held",
    "HeldTogether": "multi_lock", "IdQueue": "id_queue", "Item": "items", "ItemLost": "items", "LeaderLatch": "latch", "Leadership": "latch",
    "Lock": "lock", "LockLost": "held", "LockingQueue": "locking_queue", "Membership": "group", "MultiLock": "multi_lock", "NodeCache": "node_cache",
    "OutcomeUnknown": "receipts", "Participant": "election", "PartitionState": "partitioner", "Partitioner": "partitioner",
    "PersistentNode": "persistent_node", "PersistentTtlNode": "persistent_ttl_node", "PriorityQueue": "priority_queue", "Queue": "queue",
    "ReadWriteLock": "read_write_lock", "Reason": "contender", "Semaphore": "semaphore", "Share": "partitioner", "ShareEnd": "partitioner",
    "SharedCount": "shared", "SharedValue": "shared", "Term": "election", "Terms": "election", "TreeCache": "tree_cache", "Versioned": "shared",
    "discovery": "discovery", "every_nth": "partitioner", "revoke": "lock", "session_only": "error_policy", "standard": "error_policy",
}

# A type checker goes by the imports above: it cannot read this.
if not TYPE_CHECKING:
    __all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = import_module(f"{__name__}.{home}")
    return module if home == name else getattr(module, name)


def __dir__() -> list[str]:
    return sorted(_HOMES)
