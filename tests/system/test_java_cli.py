"""ZooKeeper's own command line (org.apache.zookeeper.ZooKeeperMain 3.9.5) against txzk: it prints what it prints against a Java server."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from tests.system.conftest import Factory
from tests.system.ensemble import Ensemble
from tests.system.managed import ManagedServer
from tests.system.servers import free_port, java_lib
from tests.system.test_reconfig import PASSWORD, Changing

_SECONDS = 120
_PROPERTIES = {"zookeeper.extendedTypesEnabled": "true", "zookeeper.enforceQuota": "true"}
_SESSION = """\
version
create /cli hello
create /cli
create /none/child
get /cli
get -s /cli
create -s /cli/seq- one
create -e /cli/eph here
create -e -s /cli/eph- there
create -c /cli/container
create -c /cli/container/child
create -t 60000 /cli/ttl x
create -s -t 60000 /cli/ttl- x
create /cli/eph/child
addWatch -m PERSISTENT_RECURSIVE /cli
addWatch -m PERSISTENT /
ls /cli
ls -s /cli
ls -R /
ls -w /cli/container
set /cli world
set -v 7 /cli no
set -s /cli again
getAcl -s /cli
create /cli/mine x world:anyone:r
set /cli/mine refused
addauth digest me:secret
create /cli/secret y auth::crwda
getAcl /cli/secret
setAcl -s /cli/ttl auth::crwda
getAcl /cli/ttl
getAcl /none
whoami
setquota -n 100 /cli
setquota -b 1000 /cli
listquota /cli
setquota -N 9 /cli
create /cli/over-the-quota
setquota -B 60 /cli
set /cli/seq-0000000000 nearly-too-many-bytes-but-surely-more-than-sixty-of-them-all-in-all
listquota /cli
delquota -N /cli
delquota -B /cli
listquota /cli
delquota /cli
listquota /cli
listquota /none
stat /cli
stat -w /cli/ttl
stat /none
sync /cli
getEphemerals
getEphemerals /cli
getAllChildrenNumber /
getAllChildrenNumber /cli
config
reconfig -remove 1
get /none
get -w /cli
delete /cli
delete -v 3 /cli/ttl
delete /cli/eph
delete /cli/eph
removewatches /cli/container -c
deleteall /cli
ls /
ls /zookeeper
ls relative
get /zookeeper/quota
delete /zookeeper
removewatches / -a
removewatches /cli -a
addauth unknown me
"""

_ENSEMBLE_SESSION = """\
create /cli hello
sync /cli
sync /none
config
config -c
config -s
reconfig -remove 5
addauth digest {password}
reconfig -add {joiner}
config
reconfig -s -remove 5
reconfig -remove 5
reconfig -v 1 -add {joiner}
reconfig -add nonsense
reconfig -add {joiner} -members none
config
get -s /cli
"""


def _run(server: ManagedServer | Ensemble, *command: str, script: str = "") -> subprocess.CompletedProcess[str]:
    java = ["java", "-Xmx128m", "-Dorg.slf4j.simpleLogger.defaultLogLevel=off", "-cp", f"{java_lib()}/*"]
    return subprocess.run(
        [*java, "org.apache.zookeeper.ZooKeeperMain", "-server", server.address, *command], input=script, capture_output=True, text=True,
        timeout=_SECONDS,
    )


def _session(server: ManagedServer) -> tuple[list[str], list[str]]:
    """What it prints, and the events among it.

    Events come when they come, and so does the heading before each: both are messages of another thread. Times differ, session ids do, and the
    order of children, in which `deleteall` goes through them.
    """
    done = _run(server, script=_SESSION + "quit\n")
    events = sorted(re.findall(r"^WatchedEvent .*$", done.stdout, re.MULTILINE))
    text = re.sub(r"\n(?:WATCHER::|WatchedEvent .*)\n", "", done.stdout)
    text = re.sub(r"(?m)^([cm]time) = .*$", r"\1 = some time", text)
    text = re.sub(r"(?m)^ephemeralOwner = 0x[1-9a-f].*$", "ephemeralOwner = a session", text)
    # A set in Java: its order is that of its hashes.
    text = re.sub(r"(?<=Auth scheme: User\n)((?:\w+: .*\n){2})", lambda ids: "".join(sorted(ids[1].splitlines(True))), text)
    text = text.replace(server.address, "the server")
    return (text + "\n" + done.stderr).splitlines(), events


def test_a_session_prints_what_it_prints_with_java(txzk: Factory, java: Factory) -> None:
    wanted, wanted_events = _session(java(properties=_PROPERTIES))
    lines, events = _session(txzk(properties=_PROPERTIES))
    assert lines == wanted
    assert events == wanted_events


def test_commands_work(txzk: Factory) -> None:
    lines, events = _session(txzk(properties=_PROPERTIES))
    for line in (
        "Created /cli", "hello", "Created /cli/seq-0000000000", "Created /cli/ttl", "/cli/container/child", "Node already exists: /cli",
        "version No is not valid : /cli", "'world,'anyone", "ip: 127.0.0.1", "digest: me", "Sync is OK", "Node not empty: /cli",
        "Quota has exceeded : /cli/over-the-quota", "[/cli/eph, /cli/eph-0000000002]", "[zookeeper]",
    ):
        assert line in lines, (line, lines)
    assert any("type:NodeCreated path:/cli/mine" in event for event in events), events
    assert any("type:NodeDeleted path:/cli " in event for event in events), events


def _session_with_an_ensemble(kinds: str, folder: Path) -> list[str]:
    """What it prints of sync, config and reconfig, with the addresses of all members on its command line."""
    observer = ":".join(map(str, (free_port(), free_port()))) + f":observer;127.0.0.1:{free_port()}"
    ensemble = Changing(kinds, folder, {}).ensemble
    try:
        ensemble.start()
        ensemble.wait_serving()
        done = _run(ensemble, script=_ENSEMBLE_SESSION.format(password=PASSWORD.decode(), joiner=f"server.5=127.0.0.1:{observer}") + "quit\n")
    finally:
        ensemble.close()
    text = re.sub(r"(?m)^([cm]time) = .*$", r"\1 = some time", done.stdout)
    text = re.sub(r"0x\w+|(?<=version=)\w+|\d{5}", "N", text.replace(ensemble.address, "the ensemble"))
    # A set in Java: its order is that of its hashes.
    text = re.sub(r"(server\.\d=.*\n)+", lambda lines: "".join(sorted(lines[0].splitlines(True))), text)
    return (text + "\n" + done.stderr).splitlines()


def test_a_session_with_an_ensemble_prints_what_it_prints_with_java(tmp_path: Path) -> None:
    lines = {kinds: _session_with_an_ensemble(kinds, tmp_path / kinds) for kinds in ("JJJ", "TTT")}
    assert lines["TTT"] == lines["JJJ"]
    assert "Sync is OK" in lines["TTT"] and "server.5=127.0.0.1:N:N:observer;127.0.0.1:N" in lines["TTT"], lines


def test_one_command_and_its_exit_status(txzk: Factory) -> None:
    server = txzk()
    assert _run(server, "create", "/one", "x").returncode == 0
    done = _run(server, "get", "/one")
    assert done.returncode == 0
    assert done.stdout.splitlines()[-1] == "x"
    assert _run(server, "get", "/none").returncode == 1
