"""Java's system properties for storage, client connections and authentication (7.4, 7.5, 7.7). Covered by tests/config/test_keys.py."""

from __future__ import annotations

from typing import Final

from txzk.config.keys import ANY_NUMBER, COUNT, DETAIL, FRACTION, IDLE, LATER, LIST, LONG_MAX, NOT_NO, SWITCH, TEXT, YES, Key, at_least, at_most_one, number, words

_LONG: Final = number(-LONG_MAX, LONG_MAX)

STORAGE: Final[tuple[Key, ...]] = (
    Key("zookeeper.snapCount", at_least(2), 100000, "Transactions between snapshots: half of it to all of it, drawn anew.", "", "snap_count"),
    Key("zookeeper.snapSizeLimitInKb", _LONG, 4194304, "Log between snapshots, drawn likewise; 0 or less for no limit.", "KiB", "snap_size_limit_kb"),
    Key("zookeeper.preAllocSize", number(0, 2**31 // 1024), 65536, "Step in which a log file grows.", "KiB", "pre_alloc_size_kb"),
    Key("zookeeper.txnLogSizeLimitInKb", _LONG, -1, "Longest log file; 0 or less for no limit.", "KiB", "txn_log_size_limit_kb"),
    Key("zookeeper.commitLogCount", at_least(500), 500, "Transactions kept in memory for learners.", "", "commit_log_count"),
    Key("zookeeper.snapshotSizeFactor", at_most_one(0.33), 0.33, "Share of a snapshot up to which a learner is sent the log.", "", "snapshot_size_factor"),
    Key(
        "zookeeper.forceSync", NOT_NO, True, "no: acknowledge before the disk has written; a crash of the machine loses writes.", "",
        "force_sync",
    ),
    Key("zookeeper.fsync.warningthresholdms", COUNT, 1000, "A slower flush of the log is logged.", "ms", "fsync_warning_threshold_ms"),
    Key(
        "zookeeper.snapshot.compression.method", words("", "gz", "snappy"), "", "Compression of snapshots.", "",
        "snapshot_compression_method",
    ),
    Key("zookeeper.snapshot.trust.empty", SWITCH, False, "Start from logs without any snapshot.", "", "snapshot_trust_empty"),
    Key("zookeeper.datadir.autocreate", SWITCH, True, "Make the data folders where they are missing.", "", "datadir_autocreate"),
    Key(
        "zookeeper.db.autocreate", SWITCH, True,
        "Begin with an empty tree where there is no data. If not, a file `initialize` in dataLogDir allows it once; "
        "without one the server does not start, where Java's lets the others elect and takes their data.", "", "db_autocreate",
    ),
    Key("zookeeper.digest.enabled", SWITCH, True, "Keep, write and compare the digest of the tree.", "", "digest_enabled"),
    Key(
        "zookeeper.closeSessionTxn.enabled", SWITCH, True, "List the ephemeral nodes in the transaction that ends a session.", "",
        "close_session_txn_enabled",
    ),
    Key(
        "zookeeper.serializeLastProcessedZxid.enabled", SWITCH, True, "Write the last zxid behind a snapshot.", "",
        "serialize_last_processed_zxid_enabled",
    ),
    Key("zookeeper.flushDelay", COUNT, 0, "Time to gather writes; here a flush takes what came during the one before.", "ms", state=IDLE),
    Key("zookeeper.maxWriteQueuePollTime", COUNT, 0, "A part of flushDelay.", "ms", state=IDLE),
    Key("zookeeper.maxBatchSize", ANY_NUMBER, 1000, "Most writes that flushDelay gathers.", state=IDLE),
    Key("zookeeper.extendedTypesEnabled", SWITCH, False, "Nodes with a time to live.", "", "extended_types_enabled"),
    Key(
        "zookeeper.emulate353TTLNodes", SWITCH, False, "Read the owner of nodes with a time to live as 3.5.3 wrote it.", "",
        "emulate353_ttl_nodes",
    ),
    Key("znode.container.checkIntervalMs", number(1), 60000, "Time between looks at containers and times to live.", "ms", "container_check_interval_ms"),
    Key("znode.container.maxPerMinute", number(1), 10000, "Most containers removed in a minute.", "", "container_max_per_minute"),
    Key(
        "znode.container.maxNeverUsedIntervalMs", number(0, LONG_MAX), 0, "Age at which a container that never had a child goes; 0 for never.",
        "ms", "container_max_never_used_interval_ms",
    ),
)

CONNECTIONS: Final[tuple[Key, ...]] = (
    Key("jute.maxbuffer", number(1), 1048575, "Longest request and longest record.", "bytes", "jute_max_buffer"),
    Key(
        "zookeeper.jute.maxbuffer.extrasize", at_least(1024), None,
        "How much longer a record may be than a request, since the server adds to it; jute.maxbuffer where it is not given.", "bytes",
        "jute_extra_size",
    ),
    Key("zookeeper.serverCnxnFactory", TEXT, "", "Java class that serves connections; here there is one.", state=IDLE),
    Key("zookeeper.maxCnxns", COUNT, 0, "Most connections in all; 0 for no limit.", "", "max_cnxns"),
    Key("zookeeper.globalOutstandingLimit", number(1), 1000, "Requests under way, beyond which connections are read no further.", "", "global_outstanding_limit"),
    Key(
        "zookeeper.4lw.commands.whitelist", LIST, (), "Four-letter words that are answered besides srvr; * for all.", "",
        "four_letter_word_whitelist",
    ),
    Key(
        "zookeeper.nio.sessionlessCnxnTimeout", number(1), 10000, "Time for a connection to ask for a session.", "ms",
        "sessionless_cnxn_timeout_ms",
    ),
    Key("zookeeper.nio.numSelectorThreads", COUNT, 0, "Threads of Java's connection factory.", state=IDLE),
    Key("zookeeper.nio.numWorkerThreads", COUNT, 0, "Threads of Java's connection factory.", state=IDLE),
    Key("zookeeper.nio.directBufferBytes", COUNT, 65536, "Buffers of Java's connection factory.", "bytes", state=IDLE),
    Key("zookeeper.nio.shutdownTimeout", COUNT, 5000, "Time for the threads of Java's connection factory to end.", "ms", state=IDLE),
    Key("zookeeper.clientTcpKeepAlive", SWITCH, False, "TCP keep-alive on client connections.", "", "client_tcp_keep_alive"),
    Key("zookeeper.netty.advancedFlowControl.enabled", SWITCH, False, "Flow control of Netty; here it is always on.", state=IDLE),
    Key("zookeeper.netty.server.outstandingHandshake.limit", ANY_NUMBER, -1, "Most TLS handshakes under way.", state=DETAIL),
    Key(
        "zookeeper.netty.server.earlyDropSecureConnectionHandshakes", SWITCH, False, "Drop TLS connections before their handshake.",
        state=DETAIL,
    ),
    Key("zookeeper.client.portUnification", SWITCH, False, "TLS and plain connections at one port.", state=LATER),
    Key("zookeeper.client.certReload", SWITCH, False, "Read changed key and trust stores again.", state=LATER),
    Key("zookeeper.maxResponseCacheSize", ANY_NUMBER, 400, "Encoded answers to getData that Java keeps.", state=IDLE),
    Key(
        "zookeeper.maxGetChildrenResponseCacheSize", ANY_NUMBER, 400, "Encoded answers to getChildren that are kept; 0 for none.", "",
        "max_get_children_response_cache_size",
    ),
    Key("zookeeper.intBufferStartingSizeBytes", at_least(32, 1024), 1024, "First size of Java's buffers.", "bytes", state=IDLE),
    Key("zookeeper.skipACL", YES, False, "yes: check no ACL.", "", "skip_acl"),
    Key("zookeeper.enableEagerACLCheck", SWITCH, False, "Check the ACL of a write before it is forwarded to the leader.", state=DETAIL),
    Key("zookeeper.enforceQuota", SWITCH, False, "Refuse writes over a hard quota.", "", "enforce_quota"),
    Key("zookeeper.watchManagerName", TEXT, "", "Java class that keeps the watches; here there is one.", state=IDLE),
    Key("zookeeper.watcherCleanThreshold", ANY_NUMBER, 1000, "A part of Java's second watch manager.", state=IDLE),
    Key("zookeeper.watcherCleanIntervalInSeconds", ANY_NUMBER, 600, "A part of Java's second watch manager.", "s", state=IDLE),
    Key("zookeeper.watcherCleanThreadsNum", ANY_NUMBER, 2, "A part of Java's second watch manager.", state=IDLE),
    Key("zookeeper.maxInProcessingDeadWatchers", ANY_NUMBER, -1, "A part of Java's second watch manager.", state=IDLE),
    Key("zookeeper.bitHashCacheSize", ANY_NUMBER, 10, "A part of Java's second watch manager.", state=IDLE),
    Key("readonlymode.enabled", SWITCH, False, "Serve reads while there is no quorum.", "", "read_only_mode_enabled"),
)

THROTTLES: Final[tuple[Key, ...]] = (
    Key("zookeeper.connection_throttle_tokens", COUNT, 0, "New sessions at once; 0 for no limit.", "", "connection_throttle_tokens"),
    Key("zookeeper.connection_throttle_fill_time", number(1), 1, "Time in which tokens come back.", "ms", "connection_throttle_fill_time"),
    Key("zookeeper.connection_throttle_fill_count", number(1), 1, "Tokens that come back in that time.", "", "connection_throttle_fill_count"),
    Key("zookeeper.connection_throttle_freeze_time", ANY_NUMBER, -1, "Time between changes of the chance to drop.", "ms", "connection_throttle_freeze_time"),
    Key("zookeeper.connection_throttle_drop_increase", FRACTION, 0.02, "Growth of that chance.", "", "connection_throttle_drop_increase"),
    Key("zookeeper.connection_throttle_drop_decrease", FRACTION, 0.002, "Decline of that chance.", "", "connection_throttle_drop_decrease"),
    Key("zookeeper.connection_throttle_decrease_ratio", FRACTION, 0.0, "Share of free tokens at which it declines.", "", "connection_throttle_decrease_ratio"),
    Key("zookeeper.connection_throttle_weight_enabled", SWITCH, False, "Sessions cost tokens by their kind.", "", "connection_throttle_weight_enabled"),
    Key("zookeeper.connection_throttle_global_session_weight", number(1), 3, "Tokens of a new session.", "", "connection_throttle_global_session_weight"),
    Key("zookeeper.connection_throttle_renew_session_weight", number(1), 2, "Tokens of a renewed session.", "", "connection_throttle_renew_session_weight"),
    Key("zookeeper.connection_throttle_local_session_weight", number(1), 1, "Tokens of a local session.", "", "connection_throttle_local_session_weight"),
    Key("zookeeper.request_throttle_max_requests", COUNT, 0, "Writes in the pipeline, beyond which others wait; 0 for no limit.", "", "request_throttle_max_requests"),
    Key("zookeeper.request_throttle_stall_time", number(1), 100, "Time between their tries; one more follows each flush of the log.", "ms", "request_throttle_stall_time_ms"),
    Key("zookeeper.request_throttle_drop_stale", SWITCH, True, "Drop stale requests that wait, and end their connections.", "", "request_throttle_drop_stale"),
    Key("zookeeper.request_stale_latency_check", SWITCH, False, "A request that waited longer than its session timeout is stale.", "", "request_stale_latency_check"),
    Key("zookeeper.request_stale_connection_check", SWITCH, True, "A request of a closed connection is stale.", "", "request_stale_connection_check"),
    Key("zookeeper.request_throttler.shutdownTimeout", COUNT, 10000, "Time for waiting requests when a Java server stops.", "ms", state=IDLE),
    Key("zookeeper.throttled_op_wait_time", COUNT, 0, "A request that waited longer there is answered with THROTTLEDOP; 0 for never.", "ms", "throttled_op_wait_time_ms"),
    Key("zookeeper.largeRequestThreshold", ANY_NUMBER, -1, "A longer request is a large one; -1 for none.", "bytes", "large_request_threshold"),
    Key("zookeeper.largeRequestMaxBytes", COUNT, 100 << 20, "Large requests under way, beyond which one ends its connection.", "bytes", "large_request_max_bytes"),
)

AUTHENTICATION: Final[tuple[Key, ...]] = (
    Key("zookeeper.DigestAuthenticationProvider.superDigest", TEXT, None, "Digest of the super user, super:..."),
    Key("zookeeper.DigestAuthenticationProvider.enabled", SWITCH, True, "The scheme digest."),
    Key("zookeeper.DigestAuthenticationProvider.digestAlg", TEXT, "SHA1", "Hash of the scheme digest."),
    Key("zookeeper.ensembleAuthName", TEXT, None, "Names that the scheme ensemble accepts, separated by commas."),
    Key("zookeeper.enforce.auth.enabled", SWITCH, False, "Serve only clients that have authenticated."),
    Key("zookeeper.enforce.auth.schemes", LIST, (), "Schemes of which one is enough.", "", "enforce_auth_schemes"),
    Key(
        "zookeeper.sessionRequireClientSASLAuth", SWITCH, False, "Serve only clients that have authenticated with SASL: none, so far.",
        state=LATER,
    ),
    Key("zookeeper.X509AuthenticationProvider.superUser", TEXT, None, "Distinguished name of the super user.", state=LATER),
    Key("zookeeper.superUser", TEXT, None, "SASL name of the super user.", state=LATER),
    Key("zookeeper.SASLAuthenticationProvider.superPassword", TEXT, None, "SASL password of the user super.", state=LATER),
    Key("zookeeper.letAnySaslUserDoX", TEXT, None, "Read access for every SASL user.", state=LATER),
    Key("zookeeper.IPAuthenticationProvider.usexforwardedfor", SWITCH, False, "Believe X-Forwarded-For at the admin port.", state=DETAIL),
    Key("zookeeper.allowSaslFailedClients", SWITCH, False, "Serve clients that failed to authenticate with SASL.", state=LATER),
    Key("zookeeper.sasl.serverconfig", TEXT, "Server", "JAAS section of the server.", state=DETAIL),
    Key("zookeeper.requireKerberosConfig", SWITCH, False, "Refuse to start without a configuration of Kerberos.", state=DETAIL),
    Key("zookeeper.kerberos.removeHostFromPrincipal", SWITCH, False, "Shorten the names of Kerberos.", state=DETAIL),
    Key("zookeeper.kerberos.removeRealmFromPrincipal", SWITCH, False, "Shorten the names of Kerberos.", state=DETAIL),
    Key("zookeeper.security.auth_to_local", TEXT, "DEFAULT", "Rules that shorten the names of Kerberos.", state=DETAIL),
    Key("zookeeper.kerberos.minReLoginTimeMs", COUNT, 60000, "Time between log-ins to Kerberos.", "ms", state=DETAIL),
    Key("zookeeper.kinit", TEXT, "/usr/bin/kinit", "Command that logs in to Kerberos.", state=DETAIL),
    Key("java.security.auth.login.config", TEXT, None, "JAAS file.", state=DETAIL),
)

# Properties that are made with a name of their own: (how they begin, what they are, what becomes of them).
PROPERTY_FAMILIES: Final[tuple[tuple[str, str, str], ...]] = (
    ("zookeeper.authProvider.", "A further authentication provider: a Java class that has its counterpart here, or the dotted name of a Python class that can do what txzk.auth.guarded.AuthProvider says.", "yes"),
    ("zookeeper.superUser.", "A further SASL name of the super user.", LATER),
)
