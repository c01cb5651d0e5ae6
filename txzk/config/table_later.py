"""Java's system properties for ensembles, TLS, the admin server and the audit log (7.6 to 7.8): features of later versions.

They are read and checked already, so that a configuration that Java takes is taken here. Covered by tests/config/test_keys.py.
"""

from __future__ import annotations

from typing import Final

from txzk.config.keys import ANY_NUMBER, COUNT, DETAIL, FRACTION, IDLE, LATER, LONG_MAX, PORT, SWITCH, TEXT, Key, number, words

ENSEMBLE: Final[tuple[Key, ...]] = (
    Key("zookeeper.leaderServes", TEXT, "yes", "no: the leader takes no clients.", state=DETAIL),
    Key("zookeeper.cnxTimeout", number(1), 5000, "Time to connect for an election.", "ms", state=DETAIL),
    Key("zookeeper.quorumCnxnTimeoutMs", ANY_NUMBER, -1, "Time to wait for data of an election; -1 for syncLimit.", "ms", state=DETAIL),
    Key("zookeeper.electionPortBindRetry", COUNT, 3, "Tries to listen at the election port; 0 for no end.", state=DETAIL),
    Key("zookeeper.tcpKeepAlive", SWITCH, False, "TCP keep-alive on connections of elections.", state=DETAIL),
    Key("zookeeper.fastleader.minNotificationInterval", number(1), 200, "Shortest time between notifications.", "ms", state=DETAIL),
    Key("zookeeper.fastleader.maxNotificationInterval", number(1), 60000, "Longest time between notifications.", "ms", state=DETAIL),
    Key("zookeeper.leader.maxTimeToWaitForEpoch", ANY_NUMBER, -1, "Time to agree on an epoch; -1 for initLimit.", "ms", state=DETAIL),
    Key("zookeeper.leader.maxConcurrentSnapSyncs", number(1), 10, "Most learners that are sent a snapshot at once.", state=DETAIL),
    Key("zookeeper.leader.maxConcurrentDiffSyncs", number(1), 100, "Most learners that are sent transactions at once.", state=DETAIL),
    Key("zookeeper.leader.ackLoggingFrequency", number(1), 1000, "Proposals between two that are measured.", state=DETAIL),
    Key("zookeeper.leader.closeSocketAsync", SWITCH, False, "Close sockets in a thread of their own.", state=IDLE),
    Key("zookeeper.learner.closeSocketAsync", SWITCH, False, "Close sockets in a thread of their own.", state=IDLE),
    Key("zookeeper.learner.asyncSending", SWITCH, False, "Send in a thread of its own.", state=IDLE),
    Key("zookeeper.leaderConnectDelayDuringRetryMs", COUNT, 100, "Time between tries to reach the leader.", "ms", state=DETAIL),
    Key("zookeeper.observer.reconnectDelayMs", COUNT, 0, "Time before an observer connects again.", "ms", state=DETAIL),
    Key("zookeeper.observer.election.DelayMs", COUNT, 200, "Time before an observer looks for a leader.", "ms", state=DETAIL),
    Key("zookeeper.observer.syncEnabled", SWITCH, True, "Whether an observer keeps a log.", state=DETAIL),
    Key("zookeeper.observerMaster.sizeLimit", COUNT, 32 << 20, "Transactions kept for observers.", "bytes", state=DETAIL),
    Key("zookeeper.follower.skipLearnerRequestToNextProcessor", SWITCH, False, "A shorter chain for requests of observers.", state=IDLE),
    Key("zookeeper.forward_learner_requests_to_commit_processor_disabled", SWITCH, False, "A shorter chain for requests of learners.", state=IDLE),
    Key("zookeeper.commitProcessor.numWorkerThreads", COUNT, 0, "Threads of Java's commit processor.", state=IDLE),
    Key("zookeeper.commitProcessor.shutdownTimeout", COUNT, 5000, "Time for those threads to end.", "ms", state=IDLE),
    Key("zookeeper.commitProcessor.maxReadBatchSize", ANY_NUMBER, -1, "Reads between writes; -1 for no limit.", state=IDLE),
    Key("zookeeper.commitProcessor.maxCommitBatchSize", number(1), 1, "Writes between reads.", state=IDLE),
    Key("leader.nodelay", SWITCH, True, "TCP_NODELAY on connections of the leader.", state=DETAIL),
    Key("follower.nodelay", SWITCH, True, "TCP_NODELAY on connections of followers.", state=DETAIL),
    Key("zookeeper.forceSnapshotSync", SWITCH, False, "Send every learner a snapshot; for tests.", state=DETAIL),
    Key("zookeeper.testingonly.initialZxid", number(0, LONG_MAX), 0, "First zxid; for tests.", state=LATER),
    Key("zookeeper.test.allowDiscontinuousProposals", SWITCH, False, "For tests.", state=DETAIL),
    Key("zookeeper.messageTracker.BufferSize", number(1), 10, "Messages kept for the log.", state=DETAIL),
    Key("zookeeper.messageTracker.Enabled", SWITCH, False, "Keep messages between servers for the log.", state=DETAIL),
    Key("zookeeper.kerberos.canonicalizeHostNames", SWITCH, False, "Names of hosts as DNS knows them.", state=DETAIL),
)


def _stores(prefix: str) -> tuple[Key, ...]:
    """The keys of TLS that there are both for clients and between servers."""
    keys: list[Key] = []
    for store in ("keyStore", "trustStore"):
        keys += [
            Key(f"{prefix}{store}.location", TEXT, "", f"File of the {store}.", state=DETAIL),
            Key(f"{prefix}{store}.password", TEXT, "", "Its password.", state=DETAIL),
            Key(f"{prefix}{store}.passwordPath", TEXT, "", "File of its password.", state=DETAIL),
            Key(f"{prefix}{store}.type", words("", "jks", "pem", "pkcs12", "bcfks"), "", "Its format; by its name where not given.", state=DETAIL),
        ]
    quorum = prefix.endswith("quorum.")
    keys += [
        Key(f"{prefix}protocol", TEXT, "", "Newest version of TLS.", state=DETAIL),
        Key(f"{prefix}enabledProtocols", TEXT, "", "Versions of TLS, separated by commas.", state=DETAIL),
        Key(f"{prefix}ciphersuites", TEXT, "", "Cipher suites, separated by commas.", state=DETAIL),
        Key(f"{prefix}context.supplier.class", TEXT, "", "Java class that makes the TLS context.", state=IDLE),
        Key(f"{prefix}hostnameVerification", SWITCH, True, "Check the host in the certificate of a server.", state=DETAIL),
        Key(f"{prefix}clientHostnameVerification", SWITCH, quorum, "Check the host in the certificate of a client.", state=DETAIL),
        Key(f"{prefix}allowReverseDnsLookup", SWITCH, quorum, "Ask DNS for the name of an address.", state=DETAIL),
        Key(f"{prefix}crl", SWITCH, False, "Look into revocation lists.", state=DETAIL),
        Key(f"{prefix}ocsp", SWITCH, False, "Ask whether certificates are revoked.", state=DETAIL),
        Key(f"{prefix}clientAuth", words("none", "want", "need"), "need", "Certificates of clients.", state=DETAIL),
        Key(f"{prefix}handshakeDetectionTimeoutMillis", number(1), 5000, "Time to see whether a connection speaks TLS.", "ms", state=DETAIL),
    ]
    return tuple(keys)


TLS: Final[tuple[Key, ...]] = (
    Key("zookeeper.fips-mode", SWITCH, True, "Keep to what FIPS allows.", state=DETAIL),
    *_stores("zookeeper.ssl."),
    Key("zookeeper.ssl.authProvider", TEXT, "x509", "Scheme of clients with a certificate.", state=DETAIL),
    Key("zookeeper.ssl.sslProvider", TEXT, "JDK", "Implementation of TLS.", state=IDLE),
    *_stores("zookeeper.ssl.quorum."),
)

OBSERVABILITY: Final[tuple[Key, ...]] = (
    Key("zookeeper.admin.enableServer", SWITCH, False, "The admin server (in Java 3.9 on by default).", state=LATER),
    Key("zookeeper.admin.serverAddress", TEXT, "0.0.0.0", "Address of the admin server.", state=DETAIL),
    Key("zookeeper.admin.serverPort", PORT, 8080, "Port of the admin server.", state=DETAIL),
    Key("zookeeper.admin.commandURL", TEXT, "/commands", "Where its commands begin.", state=DETAIL),
    Key("zookeeper.admin.idleTimeout", ANY_NUMBER, 30000, "Time after which it closes a connection.", "ms", state=DETAIL),
    Key("zookeeper.admin.httpVersion", ANY_NUMBER, 11, "HTTP version, times ten.", state=IDLE),
    Key("zookeeper.admin.portUnification", SWITCH, False, "TLS and plain connections at one admin port.", state=DETAIL),
    Key("zookeeper.admin.forceHttps", SWITCH, False, "Only TLS at the admin port.", state=DETAIL),
    Key("zookeeper.admin.needClientAuth", SWITCH, False, "Certificates of clients of the admin port.", state=DETAIL),
    Key("zookeeper.admin.rateLimiterIntervalInMS", COUNT, 300000, "Time between snapshots and restores by command.", "ms", state=DETAIL),
    Key("zookeeper.admin.snapshot.enabled", SWITCH, True, "The command snapshot.", state=DETAIL),
    Key("zookeeper.admin.restore.enabled", SWITCH, True, "The command restore.", state=DETAIL),
    Key("zookeeper.audit.enable", SWITCH, False, "The audit log.", state=LATER),
    Key("zookeeper.audit.impl.class", TEXT, "", "Java class that writes the audit log.", state=DETAIL),
    Key("zookeeper.jmx.log4j.disable", SWITCH, False, "A part of Java's JMX.", state=IDLE),
    Key("zookeeper.jmx.log4j.mbean", TEXT, "log4j:hierarchy=default", "A part of Java's JMX.", state=IDLE),
    Key("zookeeper.pathStats.enabled", SWITCH, False, "Counts of requests by path.", state=LATER),
    Key("zookeeper.pathStats.slotCapacity", number(1), 60, "Slots of those counts.", state=DETAIL),
    Key("zookeeper.pathStats.slotDuration", number(1), 15, "Time of one slot.", "s", state=DETAIL),
    Key("zookeeper.pathStats.maxDepth", number(1), 6, "Depth to which paths are told apart.", state=DETAIL),
    Key("zookeeper.pathStats.sampleRate", FRACTION, 0.1, "Share of requests that is counted.", state=DETAIL),
    Key("zookeeper.pathStats.initialDelay", COUNT, 5, "Time before the first slot.", "s", state=DETAIL),
    Key("zookeeper.pathStats.delay", number(1), 5, "Time between looks at the slots.", "s", state=DETAIL),
    Key("zookeeper.pathStats.topPathMax", number(1), 20, "Paths that are shown.", state=DETAIL),
)
