"""Java's system properties for ensembles (7.6). Covered by tests/config/test_keys.py."""

from __future__ import annotations

from typing import Final

from txzk.config.keys import ANY_NUMBER, COUNT, DETAIL, IDLE, LATER, LONG_MAX, SWITCH, TEXT, Key, number

ENSEMBLE: Final[tuple[Key, ...]] = (
    Key("zookeeper.leaderServes", TEXT, "yes", "no: the leader takes no clients.", "", "leader_serves"),
    Key("zookeeper.cnxTimeout", number(1), 5000, "Time to connect for an election.", "ms", "cnx_timeout_ms"),
    Key("zookeeper.quorumCnxnTimeoutMs", ANY_NUMBER, -1, "Time to wait for data of an election; -1 for syncLimit.", "ms", "quorum_cnxn_timeout_ms"),
    Key("zookeeper.electionPortBindRetry", COUNT, 3, "Tries to listen at the election port; 0 for no end.", "", "election_port_bind_retry"),
    Key("zookeeper.tcpKeepAlive", SWITCH, False, "TCP keep-alive on connections of elections.", "", "tcp_keep_alive"),
    Key("zookeeper.fastleader.minNotificationInterval", number(1), 200, "Shortest time between notifications.", "ms", "min_notification_interval_ms"),
    Key("zookeeper.fastleader.maxNotificationInterval", number(1), 60000, "Longest time between notifications.", "ms", "max_notification_interval_ms"),
    Key(
        "zookeeper.leader.maxTimeToWaitForEpoch", ANY_NUMBER, -1,
        "Time for a quorum to come to a new leader, when a server that elected it looks for another; -1: initLimit counts alone.", "ms",
        "max_time_to_wait_for_epoch_ms",
    ),
    Key("zookeeper.leader.maxConcurrentSnapSyncs", number(1), 10, "Most learners that are sent a snapshot at once.", "", "max_concurrent_snap_syncs"),
    Key("zookeeper.leader.maxConcurrentDiffSyncs", number(1), 100, "Most learners that are sent transactions at once.", "", "max_concurrent_diff_syncs"),
    Key("zookeeper.leader.ackLoggingFrequency", number(1), 1000, "Of the zxids that this divides, acks are measured.", "", "ack_logging_frequency"),
    Key("zookeeper.leader.closeSocketAsync", SWITCH, False, "Close sockets in a thread of their own.", state=IDLE),
    Key("zookeeper.learner.closeSocketAsync", SWITCH, False, "Close sockets in a thread of their own.", state=IDLE),
    Key("zookeeper.learner.asyncSending", SWITCH, False, "Send in a thread of its own.", state=IDLE),
    Key("zookeeper.leaderConnectDelayDuringRetryMs", COUNT, 100, "Time between tries to reach the leader.", "ms", "leader_connect_delay_during_retry_ms"),
    Key("zookeeper.observer.reconnectDelayMs", COUNT, 0, "Most time, drawn at random, before an observer connects again.", "ms", "observer_reconnect_delay_ms"),
    Key("zookeeper.observer.election.DelayMs", COUNT, 200, "Most time, drawn at random, before an observer looks for a leader.", "ms", "observer_election_delay_ms"),
    Key("zookeeper.observer.syncEnabled", SWITCH, None, "Whether an observer keeps a log, in place of syncEnabled.", "", "observer_sync_enabled"),
    Key("zookeeper.observerMaster.sizeLimit", COUNT, 32 << 20, "Most that is kept for one observer of a follower.", "bytes", "observer_master_size_limit"),
    Key("zookeeper.follower.skipLearnerRequestToNextProcessor", SWITCH, False, "A shorter chain for requests of observers.", state=IDLE),
    Key("zookeeper.forward_learner_requests_to_commit_processor_disabled", SWITCH, False, "A shorter chain for requests of learners.", state=IDLE),
    Key("zookeeper.commitProcessor.numWorkerThreads", COUNT, 0, "Threads of Java's commit processor.", state=IDLE),
    Key("zookeeper.commitProcessor.shutdownTimeout", COUNT, 5000, "Time for those threads to end.", "ms", state=IDLE),
    Key("zookeeper.commitProcessor.maxReadBatchSize", ANY_NUMBER, -1, "Reads between writes; -1 for no limit.", state=IDLE),
    Key("zookeeper.commitProcessor.maxCommitBatchSize", number(1), 1, "Writes between reads.", state=IDLE),
    Key("leader.nodelay", SWITCH, True, "TCP_NODELAY on connections of the leader.", "", "leader_no_delay"),
    Key("follower.nodelay", SWITCH, True, "TCP_NODELAY on connections of followers.", "", "follower_no_delay"),
    Key("zookeeper.forceSnapshotSync", SWITCH, False, "Send every learner a snapshot; for tests.", "", "force_snapshot_sync"),
    Key("zookeeper.testingonly.initialZxid", number(0, LONG_MAX), 0, "First zxid; for tests.", state=LATER),
    Key("zookeeper.test.allowDiscontinuousProposals", SWITCH, False, "For tests.", state=DETAIL),
    Key("zookeeper.messageTracker.BufferSize", number(1), 10, "Messages kept for the log.", state=DETAIL),
    Key("zookeeper.messageTracker.Enabled", SWITCH, False, "Keep messages between servers for the log.", state=DETAIL),
    Key("zookeeper.kerberos.canonicalizeHostNames", SWITCH, False, "Names of hosts as DNS knows them.", state=DETAIL),
)
