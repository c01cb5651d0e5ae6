"""What the user of a client chooses, and the SASL exchange that he may hand in. Covered by tests/cnxn/test_client_session.py."""

from __future__ import annotations

from typing import Protocol

from txzk.cnxn.client_words import ReadOnly, Server


class SaslMechanism(Protocol):
    """The client's side of one SASL exchange."""

    def step(self, challenge: bytes) -> bytes | None:
        """The answer to a challenge of the server, b"" at first; None where the exchange is complete and nothing is to be said.

        :raises KeeperException: where the server does not prove what it must.
        """


class SaslMaker(Protocol):
    """Begins a SASL exchange."""

    def __call__(self, server: Server) -> SaslMechanism:
        """A mechanism for one connection to `server`."""


class Policy:
    """What the user chose.

    :ivar timeout_ms: the session timeout that is asked for.
    :ivar read_only: whether a server without a quorum will do.
    :ivar renew: whether a new session follows one that is over.
    :ivar queue: whether requests wait while there is no connection.
    :ivar max_packet: the longest frame either way, in bytes.
    :ivar most_in_flight: requests that may be unanswered at a time; `most_waiting` those that may wait beyond them.
    """

    def __init__(
        self, timeout_ms: int = 10_000, read_only: ReadOnly = ReadOnly.NO, renew: bool = True, queue: bool = True, max_packet: int = 0xFFFFF,
        most_in_flight: int = 1000, most_waiting: int = 100_000,
    ) -> None:
        self.timeout_ms = timeout_ms
        self.read_only = read_only
        self.renew = renew
        self.queue = queue
        self.max_packet = max_packet
        self.most_in_flight = most_in_flight
        self.most_waiting = most_waiting
