"""The twistd plugin `zookeeper`: options, configuration, service, and the exit codes of Java's main. Covered by tests/test_tap.py."""

from __future__ import annotations

import atexit
import gc
import os
import select
import shlex
import sys
from collections.abc import Iterable
from types import TracebackType
from typing import NoReturn, Protocol

from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.error import CannotListenError
from twisted.logger import Logger
from twisted.python import usage

from txzk import __version__
from txzk.config.keys import ConfigError
from txzk.config.server import ServerConfig, load, load_bare
from txzk.defs.errors import StorageError

log = Logger()

INVALID_INVOCATION_EXIT_CODE = 2
DATA_DIR_EXIT_CODE = 3

_YOUNG_OBJECTS = 50_000
_YOUNG_COLLECTIONS = 10
_NEVER = 1_000_000_000


class Options(usage.Options):
    """What `twistd zookeeper` understands; as Java's main, it takes a file or `port dataDir` for an argument too."""

    synopsis = "[options] [zoo.cfg | port dataDir [tickTime [maxClientCnxns]]]"
    optParameters = [
        ["config", "c", None, "The zoo.cfg to serve."],
        ["data-dir", None, None, "Folder for all data, in place of those that the zoo.cfg names."],
    ]

    def __init__(self) -> None:
        super().__init__()
        self.properties: dict[str, str] = {}
        self.bare: tuple[str, ...] = ()

    def opt_define(self, definition: str) -> None:
        """A system property as name=value, as with Java; may be given many times."""
        self.properties.update(definitions([f"-D{definition}"]))

    opt_D = opt_define

    def opt_version(self) -> None:
        """Shows the version and exits."""
        sys.stdout.write(f"txzk {__version__}\n")
        sys.exit(0)

    def parseArgs(self, *arguments: str) -> None:
        if len(arguments) == 1 and self["config"] is None:
            self["config"] = arguments[0]
        else:
            self.bare = arguments

    def parseOptions(self, options: list[str] | None = None) -> None:
        """Parses; ends the process with Java's exit code where the options cannot be understood."""
        try:
            super().parseOptions(options)
        except usage.UsageError as error:
            _leave(f"twistd zookeeper: {error}; see twistd zookeeper --help", INVALID_INVOCATION_EXIT_CODE)

    def postOptions(self) -> None:
        if (self["config"] is None) == (not self.bare):
            raise usage.UsageError("either --config FILE or port dataDir is expected")


def definitions(flags: Iterable[str]) -> dict[str, str]:
    """The properties among the flags of a Java command line."""
    found: dict[str, str] = {}
    for flag in flags:
        if flag.startswith("-D"):
            name, _, value = flag[2:].partition("=")
            found[name.strip()] = value
    return found


def read_config(options: Options) -> ServerConfig:
    """The configuration that the options ask for; a -D among them overrides one of SERVER_JVMFLAGS.

    :raises ConfigError: where it cannot be read or used.
    """
    flags = os.environ.get("SERVER_JVMFLAGS", "")
    try:
        properties = definitions(shlex.split(flags))
    except ValueError as error:
        raise ConfigError(f"SERVER_JVMFLAGS={flags}: {error}: flags as a shell takes them are expected") from None
    properties.update(options.properties)
    folder = options["data-dir"]
    overrides = {} if folder is None else {"dataDir": os.path.abspath(folder), "dataLogDir": os.path.abspath(folder)}
    if options.bare:
        return load_bare(options.bare, properties, os.getcwd(), overrides)
    path = options["config"]
    return load(_read(path), properties, path, os.getcwd(), _read, overrides)


def _read(path: str) -> str:
    try:
        with open(path, encoding="iso-8859-1") as file:
            return file.read()
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from None


def check_data_folders(config: ServerConfig) -> None:
    """Looks, without making anything, whether the data folders can be used.

    :raises StorageError: where a folder is missing and must not or cannot be made, or cannot be written to.
    """
    for key, folder, place in (("dataDir", config.data_dir, config.snap_dir), ("dataLogDir", config.data_log_dir, config.log_dir)):
        if not os.path.lexists(place) and not config.settings.datadir_autocreate:
            raise StorageError(f"{config.path}: {key}={folder}: {place} is missing, and zookeeper.datadir.autocreate is false")
        while not os.path.lexists(place):
            place = os.path.dirname(place)
        if not os.path.isdir(place):
            raise StorageError(f"{config.path}: {key}={folder}: {place} is not a folder")
        if not os.access(place, os.W_OK | os.X_OK):
            raise StorageError(f"{config.path}: {key}={folder}: {place} cannot be written to")


class CannotStartError(Exception):
    """Ends twistd with exit code 1 after the reason was logged.

    With SystemExit twistd would leave its pid file, and a daemon would not tell the process that waits for its start, which then waits for ever.
    """


def _end_quietly(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """The hook for an exception that nobody catches: no traceback for one whose reason is known."""
    if not isinstance(error, CannotStartError):
        sys.__excepthook__(kind, error, trace)


class Server(Protocol):
    """What a door opens on: txzk.server.service.ZooKeeperService."""

    client_address: tuple[str, int]
    exit_code: int

    def startService(self) -> None: ...
    def stopService(self) -> Deferred[None]: ...


class Door(Service):
    """A server as the process: it says where it is when it has started, and in one line why it could not."""

    def __init__(self, server: Server, config: ServerConfig) -> None:
        self.server = server
        self._config = config

    def startService(self) -> None:
        config = self._config
        try:
            self.server.startService()
        except (StorageError, CannotListenError) as error:
            self._give_up(str(error))
        except KeyboardInterrupt:
            # A large tree takes seconds to read, and the reactor, which takes signals, does not run yet.
            self._give_up("interrupted")
        super().startService()
        host, port = self.server.client_address
        log.info(
            "txzk {version}: clients at {host}:{port}, data in {data}, transaction logs in {logs}",
            version=__version__, host=host or "*", port=port, data=config.data_dir, logs=config.data_log_dir,
        )

    def _give_up(self, reason: str) -> NoReturn:
        log.critical("the server cannot start: {reason}", reason=reason)
        sys.excepthook = _end_quietly
        raise CannotStartError(reason) from None

    def stopService(self) -> Deferred[None]:
        super().stopService()
        return self.server.stopService()


def end_process(server: Server) -> None:
    """Ends the process with the exit code of a server that failed; twistd itself would end with 0. To be called when all else is done."""
    if server.exit_code:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(server.exit_code)


def makeService(options: Options) -> Service:
    """The service for twistd; ends the process with Java's exit code and one line where the configuration cannot be used."""
    _choose_reactor()
    from twisted.internet import reactor

    from txzk.server.service import ZooKeeperService

    try:
        config = read_config(options)
    except ConfigError as error:
        _leave(str(error), INVALID_INVOCATION_EXIT_CODE)
    try:
        check_data_folders(config)
    except StorageError as error:
        _leave(str(error), DATA_DIR_EXIT_CODE)
    _calm_collector()
    server = ZooKeeperService(config, reactor)
    atexit.register(end_process, server)
    return Door(server, config)


def _choose_reactor() -> None:
    """Takes the reactor that costs least, unless twistd was told which one, or somebody has made one."""
    if "twisted.internet.reactor" not in sys.modules and hasattr(select, "epoll"):
        from txzk.server.quick_reactor import install

        install()


def _calm_collector() -> None:
    """Keeps Python's cycle collector from walking over the whole tree, which stops a server of a million nodes for half a second.

    Nodes, sessions and requests are freed by their reference counts; young cycles, as failures and closed connections leave them, are
    still looked for.
    """
    gc.freeze()
    gc.set_threshold(_YOUNG_OBJECTS, _YOUNG_COLLECTIONS, _NEVER)


def _leave(reason: str, code: int) -> NoReturn:
    sys.stderr.write(f"{reason}\n")
    sys.exit(code)
