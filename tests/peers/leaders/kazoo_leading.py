"""Leads, joins parties, meets at barriers and divides sets with kazoo. Argument: connection string.

Takes a line for each thing to do from its standard input, the words divided by spaces, and answers each with a line.
Run by tests/system/test_recipes_leadership.py.
"""

import sys
import threading

from kazoo.client import KazooClient

WAIT_SECONDS = 30


class Leader:
    """Leads until it is told to resign."""

    def __init__(self, election):
        self.election = election
        self.leads = threading.Event()
        self.resigned = threading.Event()
        self.thread = threading.Thread(target=election.run, args=(self.lead,), daemon=True)
        self.thread.start()

    def lead(self):
        self.leads.set()
        self.resigned.wait(WAIT_SECONDS)


class Leading:
    """What it has open."""

    def __init__(self, hosts):
        self.client = KazooClient(hosts, timeout=10.0)
        self.client.start(WAIT_SECONDS)
        self.open = {}

    def elect(self, path, name, for_kazoo):
        election = self.client.Election(path, name)
        if for_kazoo != "plain":
            election.lock = self.client.Lock(path, name, extra_lock_patterns=["-lock-"])
        self.open[path] = Leader(election)
        return "queued"

    def leads(self, path, seconds):
        return self.open[path].leads.wait(float(seconds))

    def resign(self, path):
        leader = self.open.pop(path)
        leader.resigned.set()
        leader.thread.join(WAIT_SECONDS)
        return "resigned"

    def contenders(self, path):
        return " ".join(self.open[path].election.contenders())

    def join(self, kind, path, name):
        self.open[path] = (self.client.Party if kind == "party" else self.client.ShallowParty)(path, name)
        self.open[path].join()
        return "joined"

    def members(self, path):
        return " ".join(sorted(self.open[path]))

    def leave_party(self, path):
        return self.open.pop(path).leave()

    def enter(self, path, count):
        self.open[path] = self.client.DoubleBarrier(path, int(count), "kazoo")
        self.open[path].enter()
        return self.open[path].participating

    def leave(self, path):
        self.open.pop(path).leave()
        return "left"

    def barrier(self, path, word):
        barrier = self.client.Barrier(path)
        return barrier.wait(WAIT_SECONDS) if word == "wait" else getattr(barrier, word)()

    def divide(self, path, name, *items):
        changed = threading.Event()
        self.open[path] = self.client.SetPartitioner(path, set=items, identifier=name, time_boundary=0.5, state_change_event=changed)
        return "dividing"

    def share(self, path):
        """Waits for the share."""
        partitioner = self.open[path]
        partitioner.wait_for_acquire(WAIT_SECONDS)
        return " ".join(sorted(partitioner)) if partitioner.acquired else partitioner.state

    def share_again(self, path):
        """Gives the share back as soon as it must, and waits for the next one."""
        partitioner = self.open[path]
        while not partitioner.release and partitioner.state_change_event.wait(WAIT_SECONDS):
            partitioner.state_change_event.clear()
        partitioner.release_set()
        return self.share(path)

    def finish(self, path):
        self.open.pop(path).finish()
        return "finished"


def main():
    """Answers until its standard input ends."""
    leading = Leading(sys.argv[1])
    for line in sys.stdin:
        word, *rest = line.split()
        try:
            answer = getattr(leading, word)(*rest)
        except Exception as error:
            answer = f"failed: {error!r}"
        print(answer, flush=True)
    leading.client.stop()
    leading.client.close()


if __name__ == "__main__":
    main()
