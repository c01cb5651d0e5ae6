"""The table of keys: what each is called, what it may hold, what it means. The operators' page docs/configuration.md is made from it.

`CFG` are the keys that a zoo.cfg knows by themselves; `PROPERTIES` are Java's system properties, most of which a zoo.cfg may name without
their prefix "zookeeper.". Covered by tests/config/test_keys.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from txzk.defs.errors import StorageError


class ConfigError(StorageError):
    """A configuration cannot be used: which file, key and value, and what is allowed."""


class Key:
    """One key."""

    __slots__ = ("convert", "default", "later", "meaning", "name", "unit")

    def __init__(
        self, name: str, convert: Callable[[str], Any], default: Any, meaning: str, unit: str = "", later: bool = False
    ) -> None:
        """
        :param convert: makes the value of the text, or raises ValueError with what is allowed.
        :param later: whether the feature behind it is not part of this version; it is read and checked all the same.
        """
        self.name = name
        self.convert = convert
        self.default = default
        self.meaning = meaning
        self.unit = unit
        self.later = later


def text(value: str) -> str:
    """Anything."""
    return value


def number(lowest: int, highest: int = 2**63 - 1) -> Callable[[str], int]:
    """A whole number within bounds."""

    def convert(value: str) -> int:
        try:
            found = int(value.strip())
        except ValueError:
            raise ValueError("a whole number") from None
        if not lowest <= found <= highest:
            raise ValueError(f"a whole number from {lowest} to {highest}")
        return found

    return convert


def boolean(value: str) -> bool:
    """true or false, in any case, and nothing else."""
    lowered = value.strip().lower()
    if lowered not in ("true", "false"):
        raise ValueError("true or false")
    return lowered == "true"


def switch(value: str) -> bool:
    """A system property read as Java's Boolean.getBoolean reads it: anything but true is false."""
    return value.strip().lower() == "true"


def yes(value: str) -> bool:
    """yes, or anything else for no."""
    return value.strip().lower() == "yes"


def not_no(value: str) -> bool:
    """no, or anything else for yes."""
    return value.strip().lower() != "no"


def at_least(lowest: int) -> Callable[[str], int]:
    """A whole number, raised to the lowest that makes sense."""

    def convert(value: str) -> int:
        return max(lowest, number(-(2**63))(value))

    return convert


def compression(value: str) -> str:
    """"", gz or snappy."""
    if value not in ("", "gz", "snappy"):
        raise ValueError('"", gz or snappy')
    return value


port: Final = number(0, 65535)

CFG: Final[tuple[Key, ...]] = (
    Key("dataDir", text, None, "Folder of snapshots, myid and epochs; required."),
    Key("dataLogDir", text, None, "Folder of transaction logs; dataDir where it is not given."),
    Key("clientPort", port, None, "Port for clients."),
    Key("clientPortAddress", text, "", "Address to listen on for clients; all where it is not given."),
    Key("clientPortListenBacklog", number(-1), -1, "Length of the queue of connections not yet accepted; -1 leaves it to the system."),
    Key("secureClientPort", port, None, "Port for clients with TLS.", later=True),
    Key("secureClientPortAddress", text, "", "Address to listen on for clients with TLS.", later=True),
    Key("tickTime", number(1, 2**31 - 1), 3000, "The unit of session time-outs.", "ms"),
    Key("maxClientCnxns", number(0, 2**31 - 1), 60, "Most connections of one address; 0 for no limit."),
    Key("minSessionTimeout", number(-1, 2**31 - 1), -1, "Shortest session time-out; -1 for 2 ticks.", "ms"),
    Key("maxSessionTimeout", number(-1, 2**31 - 1), -1, "Longest session time-out; -1 for 20 ticks.", "ms"),
    Key("initLimit", number(0, 2**31 - 1), 0, "Time for a learner to connect and get in step.", "ticks", later=True),
    Key("syncLimit", number(0, 2**31 - 1), 0, "Time that a learner may stay out of step.", "ticks", later=True),
    Key("connectToLearnerMasterLimit", number(0, 2**31 - 1), 0, "Time for a learner to connect; 0 for initLimit.", "ticks", later=True),
    Key("electionAlg", number(3, 3), 3, "The election algorithm; there is one."),
    Key("peerType", text, "participant", "participant or observer.", later=True),
    Key("quorumListenOnAllIPs", boolean, False, "Whether the ports between servers listen on all addresses.", later=True),
    Key("standaloneEnabled", boolean, True, "Whether a configuration of one server runs alone."),
    Key("reconfigEnabled", boolean, False, "Whether the ensemble may be changed while it runs.", later=True),
    Key("dynamicConfigFile", text, None, "File of the list of servers.", later=True),
    Key("syncEnabled", boolean, True, "Whether an observer keeps a log.", later=True),
    Key("observerMasterPort", port, 0, "Port at which a follower serves observers.", later=True),
    Key("localSessionsEnabled", boolean, False, "Sessions that only one server knows.", later=True),
    Key("localSessionsUpgradingEnabled", boolean, False, "Whether such a session becomes global for an ephemeral node.", later=True),
    Key("autopurge.snapRetainCount", at_least(3), 3, "How many snapshots purging keeps; at least 3."),
    Key("autopurge.purgeInterval", number(0), 0, "Time between purges; 0 for none.", "h"),
    Key("oraclePath", text, None, "File that decides for an ensemble of two.", later=True),
    Key("multiAddress.enabled", boolean, False, "Several addresses of one server.", later=True),
    Key("multiAddress.reachabilityCheckTimeoutMs", number(1), 1000, "Time to probe an address.", "ms", later=True),
    Key("multiAddress.reachabilityCheckEnabled", boolean, True, "Whether addresses are probed.", later=True),
    Key("jvm.pause.monitor", boolean, False, "Has no meaning without a Java machine."),
    Key("jvm.pause.sleep.time.ms", number(0), 500, "Has no meaning without a Java machine.", "ms"),
    Key("jvm.pause.warn-threshold.ms", number(0), 10000, "Has no meaning without a Java machine.", "ms"),
    Key("jvm.pause.info-threshold.ms", number(0), 1000, "Has no meaning without a Java machine.", "ms"),
    Key("metricsProvider.className", text, "", "Java class that exports metrics.", later=True),
    Key("sslQuorum", boolean, False, "TLS between servers.", later=True),
    Key("portUnification", boolean, False, "Plain connections beside TLS between servers.", later=True),
    Key("sslQuorumReloadCertFiles", boolean, False, "Reload of certificates.", later=True),
    Key("quorum.auth.enableSasl", boolean, False, "SASL between servers.", later=True),
    Key("quorum.auth.learnerRequireSasl", boolean, False, "SASL between servers.", later=True),
    Key("quorum.auth.serverRequireSasl", boolean, False, "SASL between servers.", later=True),
    Key("quorum.auth.learner.saslLoginContext", text, "QuorumLearner", "SASL between servers.", later=True),
    Key("quorum.auth.server.saslLoginContext", text, "QuorumServer", "SASL between servers.", later=True),
    Key("quorum.auth.kerberos.servicePrincipal", text, "zkquorum/localhost", "SASL between servers.", later=True),
    Key("quorum.cnxn.threads.size", number(1), 20, "Has no meaning without threads."),
)

PROPERTIES: Final[tuple[Key, ...]] = (
    Key("jute.maxbuffer", number(1024, 2**31 - 1), 1048575, "Longest frame and longest record; only as -D.", "bytes"),
    Key("zookeeper.jute.maxbuffer.extrasize", at_least(1024), None, "Slack for records that the server has made longer.", "bytes"),
    Key("zookeeper.snapCount", at_least(2), 100000, "Transactions between snapshots (drawn between half of it and all of it)."),
    Key("zookeeper.snapSizeLimitInKb", number(-(2**63)), 4194304, "Log between snapshots; 0 or less for no limit.", "KiB"),
    Key("zookeeper.preAllocSize", number(0), 65536, "Step in which a log grows.", "KiB"),
    Key("zookeeper.txnLogSizeLimitInKb", number(-1), -1, "Longest log file; -1 for no limit.", "KiB"),
    Key("zookeeper.commitLogCount", at_least(500), 500, "Transactions kept in memory for learners."),
    Key("zookeeper.forceSync", not_no, True, "no: do not wait for the disk; a crash of the machine then loses acknowledged writes."),
    Key("zookeeper.fsync.warningthresholdms", number(0), 1000, "A flush that takes longer is logged.", "ms"),
    Key("zookeeper.snapshot.compression.method", compression, "", 'Compression of snapshots: "", gz or snappy.'),
    Key("zookeeper.snapshot.trust.empty", switch, False, "Start from logs without any snapshot."),
    Key("zookeeper.datadir.autocreate", switch, True, "Make the data folders where they are missing."),
    Key("zookeeper.db.autocreate", switch, True, "Begin with an empty tree where there is no data."),
    Key("zookeeper.digest.enabled", switch, True, "Keep, log and compare the digest of the tree."),
    Key("zookeeper.closeSessionTxn.enabled", switch, True, "List the ephemeral nodes in the transaction that ends a session."),
    Key("zookeeper.serializeLastProcessedZxid.enabled", switch, True, "Write the last zxid behind a snapshot."),
    Key("zookeeper.extendedTypesEnabled", switch, False, "Nodes with a time to live."),
    Key("zookeeper.emulate353TTLNodes", switch, False, "Read the owner words of nodes with a time to live as 3.5.3 wrote them."),
    Key("znode.container.checkIntervalMs", number(1), 60000, "Time between looks at containers and times to live; only as -D.", "ms"),
    Key("znode.container.maxPerMinute", number(1), 10000, "Most containers removed in a minute; only as -D."),
    Key("znode.container.maxNeverUsedIntervalMs", number(0), 0, "Age at which a container that never had a child goes; 0 for never; only as -D.", "ms"),
    Key("zookeeper.maxCnxns", number(0), 0, "Most connections in all; 0 for no limit."),
    Key("zookeeper.globalOutstandingLimit", number(1), 1000, "Requests that wait; beyond it connections are read no further."),
    Key("zookeeper.4lw.commands.whitelist", text, "srvr", "Four-letter words that are answered, comma separated; * for all."),
    Key("zookeeper.nio.sessionlessCnxnTimeout", number(1), 10000, "Time for a connection to ask for a session.", "ms"),
    Key("zookeeper.clientTcpKeepAlive", switch, False, "TCP keep-alive on client connections."),
    Key("zookeeper.skipACL", yes, False, "yes: check no ACL."),
    Key("zookeeper.enforceQuota", switch, False, "Refuse writes over a hard quota."),
    Key("zookeeper.enforce.auth.enabled", switch, False, "Refuse clients that have not authenticated."),
    Key("zookeeper.enforce.auth.schemes", text, "", "Schemes of which one is required, comma separated."),
    Key("zookeeper.DigestAuthenticationProvider.superDigest", text, None, "Digest of the super user, super:..."),
    Key("zookeeper.DigestAuthenticationProvider.enabled", switch, True, "The scheme digest."),
    Key("zookeeper.DigestAuthenticationProvider.digestAlg", text, "SHA1", "Hash of the scheme digest."),
    Key("zookeeper.ensembleAuthName", text, None, "Names that the scheme ensemble accepts, comma separated."),
    Key("zookeeper.sessionRequireClientSASLAuth", switch, False, "Require SASL.", later=True),
    Key("readonlymode.enabled", switch, False, "Serve reads without a quorum; only as -D.", later=True),
    Key("zookeeper.audit.enable", switch, False, "The audit log.", later=True),
    Key("zookeeper.admin.enableServer", switch, False, "The admin server.", later=True),
)
