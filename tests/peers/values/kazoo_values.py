"""Counts and uses queues with kazoo. Argument: connection string. Takes a line for each thing to do from its standard input, the words divided by
spaces, and answers each with a line.
"""

import sys

from kazoo.client import KazooClient


class Values:
    """What it has open."""

    def __init__(self, hosts):
        self.client = KazooClient(hosts, timeout=10.0)
        self.client.start(30)
        self.queues = {}

    def count(self, path, times, curator):
        """Counts up; gives the last value of its own."""
        counter = self.client.Counter(path, support_curator=curator == "curator")
        for _ in range(int(times)):
            counter += 1
        return counter.post_value

    def queue(self, kind, path):
        if path not in self.queues:
            self.queues[path] = self.client.LockingQueue(path) if kind == "locking" else self.client.Queue(path)
        return self.queues[path]

    def put(self, kind, path, priority, *items):
        for item in items:
            self.queue(kind, path).put(item.encode(), int(priority))
        return "put"

    def get(self, kind, path):
        queue = self.queue(kind, path)
        data = queue.get(30) if kind == "locking" else queue.get()
        return data and data.decode()

    def consume(self, path):
        return self.queues[path].consume()

    def release(self, path):
        return self.queues[path].release()


def main():
    values = Values(sys.argv[1])
    for line in sys.stdin:
        word, *rest = line.split()
        try:
            answer = getattr(values, word)(*rest)
        except Exception as error:
            answer = f"failed: {error!r}"
        print(answer, flush=True)
    values.client.stop()
    values.client.close()


main()
