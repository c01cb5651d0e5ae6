"""The keys that a zoo.cfg knows by themselves (7.2, 7.3). Covered by tests/config/test_keys.py."""

from __future__ import annotations

from typing import Final

from txzk.config.keys import BOOLEAN, COUNT, DETAIL, IDLE, LATER, PORT, TEXT, Key, at_least, number, words

_LIMIT: Final = number(-1)

CORE: Final[tuple[Key, ...]] = (
    Key("dataDir", TEXT, None, "Folder of snapshots, myid and epochs; required."),
    Key("dataLogDir", TEXT, None, "Folder of transaction logs; dataDir where it is not given."),
    Key("clientPort", PORT, None, "Port for clients; 0 takes a free one."),
    Key("clientPortAddress", TEXT, "", "Address to listen on for clients; all of this machine where it is not given, or 0.0.0.0 or ::."),
    Key("clientPortListenBacklog", _LIMIT, -1, "Connections that may wait to be accepted; -1 leaves the number to the server."),
    Key("secureClientPort", PORT, 0, "Port for clients with TLS.", state=LATER),
    Key("secureClientPortAddress", TEXT, "", "Address to listen on for clients with TLS.", state=DETAIL),
    Key("tickTime", number(1), 3000, "The unit of session timeouts.", "ms"),
    Key("maxClientCnxns", COUNT, 60, "Most connections of one address; 0 for no limit. (No limit in the form `port dataDir`.)"),
    Key("minSessionTimeout", _LIMIT, -1, "Shortest session timeout; -1 for 2 ticks.", "ms"),
    Key("maxSessionTimeout", _LIMIT, -1, "Longest session timeout; -1 for 20 ticks.", "ms"),
    Key("initLimit", COUNT, 0, "Time for a learner to connect and get in step; an ensemble needs it.", "ticks"),
    Key("syncLimit", COUNT, 0, "Time that a learner may stay out of step; an ensemble needs it.", "ticks"),
    Key("connectToLearnerMasterLimit", COUNT, 0, "Time for a learner to connect; 0 for initLimit.", "ticks"),
    Key("electionAlg", words("3"), "3", "The election algorithm; there is one."),
    Key("peerType", words("participant", "observer"), "participant", "The role of this server in an ensemble; its server line counts where they differ."),
    Key("quorumListenOnAllIPs", BOOLEAN, False, "Whether the ports between servers listen on all addresses; on those of IPv6 too where this server has one."),
    Key("standaloneEnabled", BOOLEAN, True, "Whether a configuration of one server runs alone."),
    Key("reconfigEnabled", BOOLEAN, False, "Whether the ensemble may be changed while it runs."),
    Key("dynamicConfigFile", TEXT, "", "File of the server.N lines."),
    Key("syncEnabled", BOOLEAN, True, "Whether an observer keeps a log."),
    Key("observerMasterPort", PORT, 0, "Port at which a follower serves observers, and observers look for one; 0 for none."),
    Key("localSessionsEnabled", BOOLEAN, False, "Sessions that only one server knows."),
    Key("localSessionsUpgradingEnabled", BOOLEAN, False, "Whether such a session becomes global for an ephemeral node."),
    Key("autopurge.snapRetainCount", at_least(3), 3, "How many snapshots purging keeps."),
    Key("autopurge.purgeInterval", COUNT, 0, "Time between purges; 0 for none.", "h"),
    Key("oraclePath", TEXT, "", "File that decides for an ensemble of two."),
    Key(
        "multiAddress.enabled", BOOLEAN, False,
        "Several addresses of one server: it listens at all, and is dialled at all at once; the first that answers counts. "
        "This key and the next two may be given as -Dzookeeper.K too; Java needs that for this one.",
    ),
    Key(
        "multiAddress.reachabilityCheckTimeoutMs", number(1), 1000,
        "Time for another server to acknowledge bytes of an election, before all its addresses are tried anew (only on Linux). Nothing is probed.", "ms",
    ),
    Key("multiAddress.reachabilityCheckEnabled", BOOLEAN, True, "Whether that time counts, with multiAddress.enabled; else TCP's own does, which is minutes."),
    Key("jvm.pause.monitor", BOOLEAN, False, "Watches for pauses of the Java machine.", state=IDLE),
    Key("jvm.pause.sleep.time.ms", COUNT, 500, "Time between its looks.", "ms", state=IDLE),
    Key("jvm.pause.warn-threshold.ms", COUNT, 10000, "A pause that it warns of.", "ms", state=IDLE),
    Key("jvm.pause.info-threshold.ms", COUNT, 1000, "A pause that it mentions.", "ms", state=IDLE),
    Key(
        "metricsProvider.className", TEXT, "org.apache.zookeeper.metrics.impl.DefaultMetricsProvider",
        "Java class that exports metrics.", state=LATER,
    ),
)

BETWEEN_SERVERS: Final[tuple[Key, ...]] = (
    Key("sslQuorum", BOOLEAN, False, "TLS between servers.", state=LATER),
    Key("portUnification", BOOLEAN, False, "Plain connections beside TLS between servers.", state=LATER),
    Key("sslQuorumReloadCertFiles", BOOLEAN, False, "Whether changed key and trust stores are read again.", state=LATER),
    Key("quorum.auth.enableSasl", BOOLEAN, False, "SASL between servers.", state=LATER),
    Key("quorum.auth.learnerRequireSasl", BOOLEAN, False, "A learner refuses a leader without SASL.", state=LATER),
    Key("quorum.auth.serverRequireSasl", BOOLEAN, False, "A server refuses others without SASL.", state=LATER),
    Key("quorum.auth.learner.saslLoginContext", TEXT, "QuorumLearner", "JAAS section of the learner.", state=DETAIL),
    Key("quorum.auth.server.saslLoginContext", TEXT, "QuorumServer", "JAAS section of the server.", state=DETAIL),
    Key("quorum.auth.kerberos.servicePrincipal", TEXT, "zkquorum/localhost", "Principal of the servers.", state=DETAIL),
    Key("quorum.cnxn.threads.size", number(1), 20, "Threads that authenticate other servers.", state=IDLE),
)

CFG: Final[tuple[Key, ...]] = CORE + BETWEEN_SERVERS

# How those keys begin that Java also takes as properties, zookeeper. before them; the zoo.cfg counts.
ALSO_PROPERTIES: Final = "multiAddress."

# Keys that are made with a name of their own: (how they begin, what they are, what becomes of them).
FAMILIES: Final[tuple[tuple[str, str, str], ...]] = (
    ("server.", "A server: host:quorumPort:electionPort[:role][;[clientHost:]clientPort]. One that is the only one runs alone while standaloneEnabled.", "yes"),
    ("group.", "Servers of one group, for hierarchical quorums: 1:2:3.", "yes"),
    ("weight.", "Votes of one server, for hierarchical quorums; 1 where it is not given.", "yes"),
    ("metricsProvider.", "Options of the metrics provider.", DETAIL),
)
