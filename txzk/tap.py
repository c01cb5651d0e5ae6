"""The twistd plugin `zookeeper`: options, configuration, service. Covered by tests/test_tap.py."""

from __future__ import annotations

import gc
import os
import shlex
import sys
from collections.abc import Iterable

from twisted.application.service import IService
from twisted.python import usage

from txzk.config.keys import ConfigError
from txzk.config.server import ServerConfig, load

INVALID_INVOCATION_EXIT_CODE = 2

_YOUNG_OBJECTS = 50_000
_YOUNG_COLLECTIONS = 10
_NEVER = 1_000_000_000


class Options(usage.Options):
    """What `twistd zookeeper` understands."""

    synopsis = "[options] [port dataDir [tickTime [maxClientCnxns]]]"
    optParameters = [["config", "c", None, "The zoo.cfg to serve."]]

    def __init__(self) -> None:
        super().__init__()
        self.properties: dict[str, str] = {}
        self.bare: tuple[str, ...] = ()

    def opt_define(self, definition: str) -> None:
        """A system property as name=value, as with Java; may be given many times."""
        name, _, value = definition.partition("=")
        self.properties[name.strip()] = value

    opt_D = opt_define

    def parseArgs(self, *bare: str) -> None:
        self.bare = bare

    def postOptions(self) -> None:
        if (self["config"] is None) == (not self.bare):
            raise usage.UsageError("either --config FILE or `port dataDir` is needed")
        if self.bare and not 2 <= len(self.bare) <= 4:
            raise usage.UsageError("port dataDir [tickTime [maxClientCnxns]] are expected")


def definitions(flags: Iterable[str]) -> dict[str, str]:
    """The properties among the flags of a Java command line."""
    found: dict[str, str] = {}
    for flag in flags:
        if flag.startswith("-D"):
            name, _, value = flag[2:].partition("=")
            found[name] = value
    return found


def read_config(options: Options) -> ServerConfig:
    """The configuration that the options ask for.

    :raises ConfigError: where it cannot be read or used.
    """
    properties = definitions(shlex.split(os.environ.get("SERVER_JVMFLAGS", "")))
    properties.update(options.properties)
    if options.bare:
        names = ("clientPort", "dataDir", "tickTime", "maxClientCnxns")
        text = "\n".join(f"{name}={value}" for name, value in zip(names, options.bare, strict=False))
        return load(text, properties, "command line", os.getcwd())
    path = options["config"]
    try:
        with open(path, encoding="iso-8859-1") as file:
            text = file.read()
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from None
    return load(text, properties, path, os.getcwd())


def _calm_collector() -> None:
    """Keeps Python's cycle collector from walking over the whole tree, which stops a server of a million nodes for half a second.

    Nodes, sessions and requests are freed by their reference counts; young cycles, as failures and closed connections leave them, are still
    looked for.
    """
    gc.freeze()
    gc.set_threshold(_YOUNG_OBJECTS, _YOUNG_COLLECTIONS, _NEVER)


def makeService(options: Options) -> IService:
    """The service for twistd; ends the process with Java's exit code where the configuration cannot be used."""
    from twisted.internet import reactor

    from txzk.server.service import ZooKeeperService

    _calm_collector()
    try:
        config = read_config(options)
    except ConfigError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(INVALID_INVOCATION_EXIT_CODE)
    return ZooKeeperService(config, reactor)
