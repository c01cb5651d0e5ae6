"""The file that Client.from_config reads: keys of Java's client configuration, or a zoo.cfg. Covered by tests/client/test_config.py."""

from __future__ import annotations

import re
from importlib import import_module
from typing import Any, Final

from txzk.cnxn.client_words import Server
from txzk.cnxn.hosts import DEFAULT_PORT, servers_of_config
from txzk.config.keys import ConfigError
from txzk.config.properties import parse

_CONNECT: Final = "zookeeper.connect"
_SESSION: Final = "zookeeper.session.timeout"
_REQUEST: Final = "zookeeper.request.timeout"
_PACKET: Final = "jute.maxbuffer"
_SECURE: Final = "zookeeper.client.secure"
_TRUST: Final = "zookeeper.ssl.trustStore.location"
_KEY: Final = "zookeeper.ssl.keyStore.location"
_CERTIFICATE: Final = re.compile("-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)


def read_client_config(text: str, path: str) -> tuple[str, dict[str, Any]]:
    """The hosts and the options of a Client.

    :param path: of the file, for messages.
    :raises ConfigError: where there are no hosts, or a value is no number.
    """
    entries = parse(text, path)
    hosts = entries.get(_CONNECT) or ",".join(_shown(server) for server in _servers(entries, path))
    if not hosts:
        raise ConfigError(f"{path}: neither {_CONNECT} nor server.N lines with client ports, nor clientPort")
    options: dict[str, Any] = {}
    if _SESSION in entries:
        options["session_timeout"] = _number(entries, _SESSION, path) / 1000
    if _REQUEST in entries and _number(entries, _REQUEST, path):
        options["timeout"] = _number(entries, _REQUEST, path) / 1000
    if _PACKET in entries:
        options["max_packet"] = _number(entries, _PACKET, path)
    if entries.get(_SECURE, "").lower() == "true":
        options["tls"] = _tls(entries)
    return hosts, options


def _servers(entries: dict[str, str], path: str) -> list[Server]:
    port = _number(entries, "clientPort", path) if "clientPort" in entries else DEFAULT_PORT
    lines = [f"{key}={value if ';' in value else f'{value};{port}'}" for key, value in entries.items() if key.startswith("server.")]
    if lines:
        return servers_of_config("\n".join(lines))
    return [Server(entries.get("clientPortAddress", "localhost"), port)] if "clientPort" in entries else []


def _shown(server: Server) -> str:
    return f"[{server.host}]:{server.port}" if ":" in server.host else f"{server.host}:{server.port}"


def _number(entries: dict[str, str], key: str, path: str) -> int:
    try:
        return int(entries[key], 0)
    except ValueError:
        raise ConfigError(f"{path}: {key}={entries[key]}: a whole number is expected") from None


def _tls(entries: dict[str, str]) -> Any:
    """True for the platform's authorities; or what makes the options of a host from the files."""
    if _TRUST not in entries and _KEY not in entries:
        return True
    # Not needed, and perhaps not there, for a client without TLS. Twisted has no types for some of it.
    tls: Any = import_module("twisted.internet.ssl")
    trust = key = None
    if _TRUST in entries:
        with open(entries[_TRUST], encoding="ascii") as file:
            trust = tls.trustRootFromCertificates([tls.Certificate.loadPEM(one) for one in _CERTIFICATE.findall(file.read())])
    if _KEY in entries:
        with open(entries[_KEY], "rb") as file:
            key = tls.PrivateCertificate.loadPEM(file.read())
    return lambda host: tls.optionsForClientTLS(host, trust, key)
