"""The interfaces of the client: what it provides, and what may be handed in. Covered by tests/client/test_interfaces.py, which verifies them."""

from __future__ import annotations

from zope.interface import Attribute, Interface


class IRetryPolicy(Interface):
    """Decides whether, and after how long, a call that got no answer is tried again. One object may serve many calls at once: it keeps no count."""

    def delay(attempt: int, elapsed: float) -> float | None:
        """Seconds to wait before the next attempt.

        :param attempt: how many have failed, from 1.
        :param elapsed: seconds since the first one began.
        :returns: None to give up.
        """


class ICompressor(Interface):
    """Packs the data of nodes."""

    def compress(data: bytes) -> bytes:
        """What is stored in the node."""

    def decompress(data: bytes) -> bytes:
        """What `compress` was given."""


class IErrorPolicy(Interface):
    """Decides in which states a holder of a lock or a leader must step down."""

    def is_error(state: object) -> bool:
        """Whether to step down in this State."""


class ISaslMechanism(Interface):
    """The client's side of one SASL exchange; a callable that takes a Server and makes one is the `sasl` argument of Client."""

    def step(challenge: bytes) -> bytes | None:
        """The answer to a challenge of the server, b"" at first; None where the exchange is complete.

        :raises KeeperException: where the server does not prove what it must; the state becomes AUTH_FAILED.
        """


class IHostProvider(Interface):
    """The servers of an ensemble, and which one comes next."""

    servers = Attribute("the servers in the order in which they are tried")

    def next():
        """The server to try now."""

    def connected():
        """The server that was tried last has answered."""

    def update(servers, current):
        """Takes a new list; whether the client should leave `current` for the next server."""


class IWatch(Interface):
    """A watch that was set."""

    path = Attribute("the path, as the view that set the watch says it")
    fired = Attribute("a fresh Deferred of the first WatchEvent; it never fails")

    def close():
        """Ends the watch here, and on the server where nobody else of this client uses it."""


class ISession(Interface):
    """A session as it is."""

    id = Attribute("0 while there is none")
    password = Attribute("16 bytes")
    timeout_ms = Attribute("what the server granted")
    server = Attribute("the Server it is attached to, or None")
    read_only = Attribute("whether that has no quorum")
    last_zxid = Attribute("of the last answer")
