"""Takes locks with kazoo that others take, too, under the names that Curator understands. Argument: connection string.

Takes a line for each thing to do from its standard input, the words divided by spaces, and answers each with a line: "ok", or what was wrong.
Run by tests/system/test_recipes_locks.py.
"""

import functools
import sys

from kazoo.client import KazooClient
from kazoo.recipe.lock import Lock, ReadLock, Semaphore, WriteLock


class CuratorLock(Lock):
    """Sorts among Curator's nodes, which are compared by what follows "lock-"."""

    _NODE_NAME = "-lock-"
    _EXCLUDE_NAMES = ["-lock-"]


class CuratorReadLock(Lock):
    """A reader of Curator's InterProcessReadWriteLock."""

    _NODE_NAME = "__READ__"
    _EXCLUDE_NAMES = ["__WRIT__"]


class CuratorWriteLock(Lock):
    """A writer of it."""

    _NODE_NAME = "__WRIT__"
    _EXCLUDE_NAMES = ["__WRIT__", "__READ__"]


class CuratorSemaphore(Semaphore):
    """In the folders of Curator's InterProcessSemaphoreV2."""

    def __init__(self, client, path):
        super().__init__(client, f"{path}/leases", max_leases=2)
        self.lock_path = f"{path}/locks"


def inside(client, kind):
    """What is wrong about those who are inside with us; each has a node below /inside."""
    path = client.create(f"/inside/{kind}-", sequence=True)
    there = client.get_children("/inside")
    alone = sum(name.startswith("alone") for name in there)
    client.delete(path)
    if alone > 1 or (alone and len(there) > 1) or (kind == "lease" and len(there) > 2):
        return " ".join(there)
    return ""


def answer(client, word, kind, path, rounds):
    """Many times: in, look who is there, out."""
    assert word == "rounds"
    make, role = {
        "mutex": (CuratorLock, "alone"), "plain": (functools.partial(Lock, extra_lock_patterns=["lock-"]), "alone"), "read": (CuratorReadLock, "reader"),
        "write": (CuratorWriteLock, "alone"), "semaphore": (CuratorSemaphore, "lease"),
        "plain_read": (functools.partial(ReadLock, extra_lock_patterns=["__WRIT__"]), "reader"),
        "plain_write": (functools.partial(WriteLock, extra_lock_patterns=["__WRIT__", "__READ__"]), "alone"),
    }[kind]
    for _ in range(int(rounds)):
        with make(client, path):
            wrong = inside(client, role)
            if wrong:
                return wrong
    return "ok"


def main():
    """Answers until its standard input ends."""
    client = KazooClient(sys.argv[1])
    client.start()
    client.Lock = functools.partial(CuratorLock, client)
    for line in sys.stdin:
        try:
            told = answer(client, *line.split())
        except Exception as error:
            told = repr(error)
        print(told, flush=True)
    client.stop()


if __name__ == "__main__":
    main()
