"""Client: a session with an ensemble, and the first view of it. Covered by tests/client/test_client.py."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import Any, TypedDict, Unpack

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from zope.interface import implementer

from txzk.client.core import Core
from txzk.client.operations import Operations
from txzk.client.reactor import Endpoint, EndpointFactory, Reactor
from txzk.client.settings import OPEN_ACL, AclEntry, RetryPolicy, Settings
from txzk.client.tracking import EnsembleTracker
from txzk.client.view import View
from txzk.cnxn.client_errors import ClientClosed
from txzk.cnxn.client_policy import Policy, SaslMaker
from txzk.cnxn.client_session import ClientSession
from txzk.cnxn.client_words import ReadOnly, State
from txzk.cnxn.hosts import HostList, parse_connect_string, parse_server
from txzk.defs.errors import AuthFailedError, SessionExpiredError
from txzk.interfaces import IClient

Tls = Callable[[str], IOpenSSLClientConnectionCreator] | bool


class ClientOptions(TypedDict, total=False):
    """The keywords of Client, for whoever hands them on."""

    session_timeout: float
    retry: RetryPolicy | None
    auth: Sequence[tuple[str, bytes]]
    sasl: SaslMaker | None
    tls: Tls
    read_only: str
    session: tuple[int, bytes] | None
    track_ensemble: bool
    max_packet: int
    on_expiry: str
    disconnected: str
    endpoint_factory: EndpointFactory | None
    max_in_flight: int
    max_waiting: int
    acl: Sequence[AclEntry]
    timeout: float | None
    chance: Random | None


@implementer(IClient)
class Client(View):
    """A ZooKeeper client.

    Nothing happens before `start`. All methods of View are those of the client as well.

    :param reactor: time and, unless `endpoint_factory` is given, connections.
    :param hosts: "host:port,host:port/chroot".
    :param session_timeout: seconds that are asked of the server.
    :param retry: when calls are tried again; None for never. See `View.retrying`.
    :param auth: (scheme, data) of credentials.
    :param sasl: makes an ISaslMechanism of the Server that is connected to; None for no SASL.
    :param tls: True for TLS that checks the host's name against the platform's authorities; or a callable that gives the connection creator
        (optionsForClientTLS) of a host name.
    :param read_only: "no"; "allow" a server without a quorum and look for another; "require": refuse writes here.
    :param session: (id, password) of a session to go on with.
    :param track_ensemble: follow /zookeeper/config.
    :param max_packet: bytes, the longest request or reply; a longer one fails alone, with PacketTooLarge.
    :param on_expiry: "renew" makes a new session after one is lost, "stop" does not.
    :param disconnected: "queue" lets calls wait for the connection, "fail" refuses them with ConnectionLoss (sent=False).
    :param endpoint_factory: called with host and port at each attempt; gives an IStreamClientEndpoint.
    :param max_in_flight: requests that are unanswered at a time; others wait.
    :param max_waiting: requests that wait at most; the next one fails with QueueFull.
    :param acl: of nodes made without one.
    :param timeout: seconds for calls without one; None for no limit.
    :param chance: shuffles hosts, and spreads reconnections and retries.
    :raises ValueError: for hosts that cannot be read.
    """

    def __init__(
        self, reactor: Reactor, hosts: str, *, session_timeout: float = 10.0, retry: RetryPolicy | None = None,
        auth: Sequence[tuple[str, bytes]] = (), sasl: SaslMaker | None = None, tls: Tls = False,
        read_only: str = "no", session: tuple[int, bytes] | None = None, track_ensemble: bool = True, max_packet: int = 0xFFFFF,
        on_expiry: str = "renew", disconnected: str = "queue", endpoint_factory: EndpointFactory | None = None, max_in_flight: int = 1000,
        max_waiting: int = 100_000, acl: Sequence[AclEntry] = OPEN_ACL, timeout: float | None = None, chance: Random | None = None,
    ) -> None:
        servers, chroot = parse_connect_string(hosts)
        chance = chance or Random()
        policy = Policy(
            int(session_timeout * 1000), ReadOnly(read_only), _choice(on_expiry, "renew", "stop"), _choice(disconnected, "queue", "fail"),
            max_packet, max_in_flight, max_waiting,
        )
        machine = ClientSession(HostList(servers, chance), policy, chance, session, sasl)
        core = Core(reactor, machine, endpoint_factory or _endpoints(reactor, tls), chance)
        for scheme, data in auth:
            machine.credentials_added(scheme, data, 0)
        super().__init__(core, Settings(chroot, acl, timeout, None, retry))
        self._started = False
        if track_ensemble:
            EnsembleTracker(Operations(core, Settings()))

    @classmethod
    def from_config(cls, reactor: Reactor, path: str, **options: Unpack[ClientOptions]) -> Client:
        """A client of a file in the syntax of Java properties.

        The key `zookeeper.connect` names the hosts; without it they are those of the server.N lines and clientPort of a zoo.cfg. The keys
        `zookeeper.session.timeout` and `zookeeper.request.timeout` are milliseconds, `jute.maxbuffer` is bytes, and `zookeeper.client.secure=true`
        asks for TLS, with `zookeeper.ssl.trustStore.location` and `zookeeper.ssl.keyStore.location` as PEM files.

        :param options: those of the constructor, over what the file says.
        :raises ConfigError: for a file without hosts, or a value that is no number.
        """
        from txzk.client.config import read_client_config

        with open(path, encoding="utf-8") as file:
            hosts, found = read_client_config(file.read(), path)
        return cls(reactor, hosts, **{**found, **options})

    def start(self) -> Deferred[Client]:
        """Begins to connect.

        :returns: fires with this client at the first connection; fails with AuthFailed or SessionExpired. Cancelling it does not stop the client.
        :raises RuntimeError: at a second call.
        """
        if self._started:
            raise RuntimeError("a client starts once")
        self._started = True
        ready = self.when(State.CONNECTED, State.CONNECTED_READ_ONLY, State.AUTH_FAILED, State.CLOSED, State.LOST)
        if self.core.session.refusal is None:
            self.core.start()
        return ready.addCallback(self._ready)

    def _ready(self, state: State) -> Client:
        if state is State.AUTH_FAILED:
            raise AuthFailedError()
        if state is State.CLOSED:
            raise ClientClosed()
        if state is State.LOST:
            raise SessionExpiredError()
        return self

    def stop(self) -> Deferred[None]:
        """Closes the session behind what was asked before, and the connection. Calls made from now on fail with ClientClosed.

        :returns: fires when nothing is left; may be called again.
        """
        self.core.end_background()
        closed = self.when(State.CLOSED)
        self.core.stop()
        return closed.addCallback(lambda state: self.core.when_unlinked())

    def set_hosts(self, hosts: str) -> None:
        """Takes another list of servers, and moves to one of them where the load asks for it.

        :param hosts: "host:port,host:port", without a chroot.
        """
        self.core.set_hosts([parse_server(name.strip()) for name in hosts.split(",")])

    async def __aenter__(self) -> Client:
        try:
            return await self.start()
        except BaseException:
            await self.stop()
            raise

    async def __aexit__(self, *exc: object) -> None:
        await self.stop()


def connect(reactor: Reactor, hosts: str, **options: Unpack[ClientOptions]) -> Client:
    """A client for `async with`: it is started at the beginning of the block and stopped at its end. The parameters are those of Client."""
    return Client(reactor, hosts, **options)


def _choice(word: str, yes: str, no: str) -> bool:
    if word not in (yes, no):
        raise ValueError(f"{word!r} is neither {yes!r} nor {no!r}")
    return word == yes


def _endpoints(reactor: Any, tls: Tls) -> EndpointFactory:
    """Connects by name: looked up at every attempt, IPv6 and IPv4."""
    # Imported here because they take longer than all else of a client, and a client of a MemoryServer does without.
    from twisted.internet.endpoints import HostnameEndpoint, wrapClientTLS

    def make(host: str, port: int) -> Endpoint:
        endpoint: Any = HostnameEndpoint(reactor, host, port)
        if tls is not False:
            from twisted.internet.ssl import optionsForClientTLS

            endpoint = wrapClientTLS(optionsForClientTLS(host) if tls is True else tls(host), endpoint)
        found: Endpoint = endpoint
        return found

    return make
