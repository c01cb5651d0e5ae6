"""Java's system properties for TLS, the admin server and the audit log (7.7, 7.8): features of later versions.

They are read and checked already, so that a configuration that Java takes is taken here. Covered by tests/config/test_keys.py.
"""

from __future__ import annotations

from typing import Final

from txzk.config.keys import ANY_NUMBER, COUNT, DETAIL, FRACTION, IDLE, LATER, PORT, SWITCH, TEXT, Key, number, words


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
