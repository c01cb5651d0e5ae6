"""Runs a stream on two servers, compares after each action, and says what differs.

    python -m tests.differential.stream --seed 1 --steps 5000 [--reference java] [--other txzk]

needs TXZK_JAVA_LIB for `java`. The servers are new and empty, so a seed tells the whole run.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.differential.actions import Action, Call
from tests.differential.ops import Generator
from tests.differential.pair import started
from tests.differential.peer import Peer, Transcript
from txzk.defs import errors, opcodes

_REMEMBERED = 6


@dataclass
class Seen:
    """What a stream has touched.

    :ivar ops: op codes by name.
    :ivar good: those that were answered without an error.
    :ivar errors: error codes, in replies, in results of multi and in refused handshakes.
    :ivar events: types of events.
    :ivar spent: how often the reference used a zxid twice.
    """

    ops: Counter[str] = field(default_factory=Counter)
    good: Counter[str] = field(default_factory=Counter)
    errors: Counter[int] = field(default_factory=Counter)
    events: Counter[int] = field(default_factory=Counter)
    steps: int = 0
    spent: int = 0

    def include(self, other: Seen) -> None:
        """Adds what another stream has touched."""
        for mine, more in ((self.ops, other.ops), (self.good, other.good), (self.errors, other.errors), (self.events, other.events)):
            mine.update(more)
        self.steps += other.steps
        self.spent += other.spent

    def add(self, action: Action, told: Transcript) -> None:
        if isinstance(action, Call):
            self.ops[action.name] += 1
        for lines in told.values():
            for line in lines:
                if line[0] == "event":
                    self.events[line[3]["type"]] += 1
                elif line[0] == "connected" and line[2] <= 0:
                    self.errors[errors.SESSION_EXPIRED] += 1
                elif line[0] == "reply" and isinstance(action, Call):
                    self.errors[line[3]] += 1
                    self.good[action.name] += line[3] == 0
                    if action.op in (opcodes.MULTI, opcodes.MULTI_READ) and len(line) > 4:
                        for _, err, value in line[4]:
                            self.errors[value["err"] if value and "err" in value else err] += 1


class DifferenceError(AssertionError):
    """The servers did not do the same; the text is for a person.

    :ivar signature: what two differences of one cause have in common.
    """

    def __init__(self, text: str, signature: str) -> None:
        super().__init__(text)
        self.signature = signature


class Stream:
    """One seed on one pair of servers.

    :param reference: the server that knows.
    :param other: the server that is tried.
    """

    def __init__(self, seed: int, reference: Peer, other: Peer) -> None:
        self.seen = Seen()
        self._seed = seed
        self._peers = (reference, other)
        self._generator = Generator(seed)
        self._newest_zxid = 0
        self._past: deque[str] = deque(maxlen=_REMEMBERED)

    def step(self) -> None:
        """One action on both servers.

        :raises DifferenceError: where they differ; the stream can go on, without the connections that only one server has left, but may stay
            different.
        """
        action = self._generator.next()
        for peer in self._peers:
            with self._explained(peer, action):
                peer.begin(action)
        got = []
        for peer in self._peers:
            with self._explained(peer, action):
                got.append(peer.finish(action))
        if isinstance(action, Call) and action.op in opcodes.WRITES:
            self._allow_a_zxid_more(action, got)
        left, right = (peer.transcript(action, frames) for peer, frames in zip(self._peers, got, strict=True))
        self._newest_zxid = max(self._newest_zxid, *(line[1] for lines in left.values() for line in lines if line[0] == "ping"), 0)
        self._generator.learn(action, left)
        self.seen.add(action, left)
        report = "" if left == right else self._report(action, left, right)
        self.seen.steps += 1
        self._past.append(_told(action))
        if report:
            one, two = (peer.clients() for peer in self._peers)
            for peer in self._peers:
                peer.drop(one ^ two)
            self._generator.forget(one ^ two)
            raise DifferenceError(report, _signature(action, left, right))

    @contextmanager
    def _explained(self, peer: Peer, action: Action) -> Iterator[None]:
        """Says where the stream was when a server fell silent or fell over."""
        try:
            yield
        except Exception as error:
            lines = [f"{peer.name} at {self._where()}: {_told(action)}", "before that:", *self._past, "it wrote:", peer.output()[-3000:]]
            error.add_note("\n".join(lines))
            raise

    def _allow_a_zxid_more(self, action: Call, got: list[dict[str, list[bytes | None]]]) -> None:
        """Java uses a zxid twice for a write whose body it cannot decode; a server that does not is one ahead from then on."""
        other = self._peers[1]
        known, tried = (peer.header(frames[action.client], action.xid) for peer, frames in zip(self._peers, got, strict=True))
        if known is None or tried is None or not known.err == tried.err == errors.MARSHALLING_ERROR:
            return
        if known.zxid == self._newest_zxid and other.zxid(tried.zxid) == known.zxid + 1:
            other.spent.append(tried.zxid)
            self.seen.spent += 1

    def _where(self) -> str:
        return f"seed {self._seed}, step {self.seen.steps}"

    def _report(self, action: Action, left: Transcript, right: Transcript) -> str:
        lines = [f"{self._where()}: {_told(action)}"]
        for client in left:
            one, two = left[client], right.get(client, [])
            if one == two:
                continue
            lines.append(f"  on {client}:")
            for peer, told in zip(self._peers, (one, two), strict=True):
                lines += [f"    {peer.name}: {line}" for line in told] or [f"    {peer.name}: nothing"]
        lines.append("  before that:")
        lines += [f"    {past}" for past in self._past]
        return "\n".join(lines)


def _told(action: Action) -> str:
    if isinstance(action, Call):
        body = action.body if len(action.body) <= 400 else action.body[:400] + b"..."
        zxid = "" if action.zxid is None else f" after zxid {action.zxid}"
        return f"{action.client} xid {action.xid} {action.name} {action.what}{zxid} {body!r}"
    return repr(action)


def _signature(action: Action, left: Transcript, right: Transcript) -> str:
    """Op code and the kinds and codes of what differs."""
    name = f"{action.name} {action.what}" if isinstance(action, Call) else type(action).__name__

    def shape(lines: list[tuple[Any, ...]]) -> list[Any]:
        return [(line[0], line[3]) if line[0] == "reply" else line[0] for line in lines]

    parts = [(shape(left[client]), shape(right.get(client, []))) for client in left if left[client] != right.get(client)]
    return f"{name}: {parts[:1]}"


def run(
    seed: int, steps: int, reference: str, other: str, go_on: int = 0, say: Callable[[str], None] = lambda text: None,
    lib: Path | None = None,
) -> Seen:
    """Runs a stream on two new servers.

    :param reference: "java" or "txzk"; so is `other`.
    :param go_on: how many differences are only said.
    :param say: takes lines about the run.
    :param lib: the folder with Java's jars.
    :raises DifferenceError: at a difference, once `go_on` are used up.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="txzk-differential-")))
        servers = [stack.enter_context(started(kind, folder / role, lib)) for role, kind in (("reference", reference), ("other", other))]
        peers = [
            Peer(f"{kind} ({role})", server.port, server.output)
            for server, kind, role in zip(servers, (reference, other), ("reference", "other"), strict=True)
        ]
        for peer in peers:
            stack.callback(peer.hang_up)
        stream = Stream(seed, *peers)
        told: Counter[str] = Counter()
        while stream.seen.steps < steps:
            try:
                stream.step()
            except DifferenceError as difference:
                told[difference.signature] += 1
                if sum(told.values()) > go_on:
                    raise
                if told[difference.signature] <= 2:
                    say(str(difference) + "\n")
        for signature, count in told.most_common():
            say(f"{count} x {signature}")
        return stream.seen


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.differential.stream", description=__doc__)
    parser.add_argument("--seed", type=int, action="append")
    parser.add_argument("--steps", type=int, default=5000)
    parser.add_argument("--reference", default="java", choices=("java", "txzk"))
    parser.add_argument("--other", default="txzk", choices=("java", "txzk"))
    parser.add_argument("--go-on", type=int, default=0, help="how many differences do not end the run")
    options = parser.parse_args()
    for seed in options.seed or [1]:
        started_at = time.monotonic()
        try:
            seen = run(seed, options.steps, options.reference, options.other, options.go_on, print)
        except DifferenceError as difference:
            print(difference)
            return 1
        print(f"seed {seed}: {seen.steps} steps, {time.monotonic() - started_at:.1f} s, {seen.spent} zxids more")
        print(f"  ops {dict(sorted(seen.ops.items()))}\n  good {dict(sorted(seen.good.items()))}")
        print(f"  errors {dict(sorted(seen.errors.items()))}\n  events {dict(sorted(seen.events.items()))}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
