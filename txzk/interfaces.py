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


class IHeld(Interface):
    """A lock, a lease or a leadership that is held, by whoever has the object. In `async with` it is given back at the end of the block."""

    path = Attribute("the node that stands for it")
    token = Attribute("a fencing number: that of a later holder is larger")
    zk = Attribute("an IView whose writes are carried out only while that node exists")
    reason = Attribute("the Reason once it is not held any more, None while it is")
    lost = Attribute("a fresh Deferred that fires with the Reason when it is not held any more")

    def again() -> object:
        """Takes it once more; it is given back when `release` was called as often as it was taken."""

    def release() -> object:
        """Gives it back; a Deferred that fires when its node is gone."""

    def run(function: object, *args: object) -> object:
        """Calls a function; what it awaits is cancelled when this is lost. A Deferred of its result."""


class ISaslMechanism(Interface):
    """The client's side of one SASL exchange; a callable that takes a Server and makes one is the `sasl` argument of Client."""

    def step(challenge: bytes) -> bytes | None:
        """The answer to a challenge of the server, b"" at first; None where the exchange is complete.

        :raises KeeperException: where the server does not prove what it must; the state becomes AUTH_FAILED.
        """


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


class IView(Interface):
    """Nodes over one session, which other views may share. All that is asked gives a Deferred; txzk.View tells the options of each, which are keywords."""

    state = Attribute("the State of the session")
    session = Attribute("an ISession")

    def when(*states):
        """A Deferred of the first of these states to come; it has come already where it is so now."""

    def on_state(listener):
        """`listener` hears every later State; gives a callable that takes it away again."""

    def states():
        """The state as it is and every one that follows, for `async for`."""

    def add_auth(scheme, data):
        """Proves who this client is, now and on every later connection."""

    def create(path, data=b""):
        """Makes a node: its path."""

    def create_stat(path, data=b""):
        """Makes a node: its path and Stat, as Created."""

    def get(path):
        """Data and Stat of a node, as Node."""

    def exists(path):
        """The Stat of a node, or None."""

    def set(path, data):
        """Replaces the data of a node: its Stat."""

    def update(path, change):
        """Reads, changes and writes the data of a node until nobody else wrote in between: its Stat."""

    def delete(path):
        """Deletes a node."""

    def children(path):
        """The names of the children."""

    def children_stat(path):
        """The names of the children and the Stat of their parent, as Children."""

    def ensure_path(path):
        """Makes a node and the parents that are missing."""

    def walk(path="/"):
        """The paths of a node and of all below it, for `async for`."""

    def count(path):
        """How many nodes are below a node."""

    def ephemerals(prefix="/"):
        """The ephemeral nodes of this session."""

    def get_acl(path):
        """The ACL of a node and its Stat, as AclList."""

    def set_acl(path, acl):
        """Replaces the ACL of a node: its Stat."""

    def sync(path="/"):
        """Waits until the server has seen all that was acknowledged."""

    def whoami():
        """The ids that the server knows this client by."""

    def config():
        """The configuration of the ensemble, as Node."""

    def reconfig(joining=None, leaving=None, members=None):
        """Changes the members of the ensemble: the new configuration, as Node."""

    def transaction():
        """An empty Transaction."""

    def read_batch():
        """An empty ReadBatch."""

    def get_and_watch(path):
        """As `get`: (Node, IWatch)."""

    def exists_and_watch(path):
        """As `exists`: (Stat or None, IWatch)."""

    def children_and_watch(path):
        """As `children_stat`: (Children, IWatch)."""

    def add_watch(path, listener):
        """Sets a watch that stays, whose events `listener` hears: an IWatch."""

    def watch(path):
        """The events of a watch that stays, for `async for`."""

    def chroot(path):
        """A view in which `path` is the root."""

    def retrying(policy=None):
        """A view whose calls are tried again, by an IRetryPolicy."""

    def defaults():
        """A view with another ACL of new nodes or another timeout."""

    def compressed(compressor):
        """A view whose data goes through an ICompressor."""

    def fenced(path):
        """A view that writes only while the node `path` exists."""


class IClient(IView):
    """A session of its own, and the first view of it."""

    def start():
        """Begins to connect: a Deferred of this client at the first connection."""

    def stop():
        """Closes the session: fires when nothing is left of it."""

    def set_hosts(hosts):
        """Takes another list of servers."""
