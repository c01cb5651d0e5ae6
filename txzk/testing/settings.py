"""The configuration of a server for tests. Covered by tests/testing/test_memory.py and test_server.py."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from txzk.config.server import ServerConfig, load_entries
from txzk.config.table_cfg import CFG

# Java's defaults, but for shorter ticks, so that sessions of a second can be had, and for limits and locked doors that only hinder tests.
DEFAULTS: Final[Mapping[str, str]] = {
    "tickTime": "500", "maxSessionTimeout": "40000", "maxClientCnxns": "0", "4lw.commands.whitelist": "*", "admin.enableServer": "false",
}


def configuration(
    data_dir: str, config: Mapping[str, str] | None = None, properties: Mapping[str, str] | None = None, host: str = "127.0.0.1", port: int = 0
) -> ServerConfig:
    """A configuration out of DEFAULTS and what is asked for.

    :param data_dir: an absolute path.
    :param config: keys and values of a zoo.cfg.
    :param properties: Java's system properties, under their names; keys of `config` override them.
    :raises ConfigError: naming key, value and what is allowed.
    """
    entries = {**DEFAULTS, "dataDir": data_dir, "clientPort": str(port), "clientPortAddress": host, **(config or {})}
    return load_entries(entries, properties or {}, "txzk.testing", "/")


def divided(definitions: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """Keys of a zoo.cfg, and the rest, which are system properties."""
    known = {key.name for key in CFG}
    config = {name: value for name, value in definitions.items() if name in known}
    return config, {name: value for name, value in definitions.items() if name not in known}
