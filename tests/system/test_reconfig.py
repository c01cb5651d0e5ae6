"""Ensembles that change while they run: servers come, go, change roles and addresses, the leader among them. Java's servers, ours, and both together.

A layout has a letter a server: J Java, T txzk. The first three are the ensemble at first, the fourth is about to join.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.system.ensemble import Ensemble, Member
from tests.system.history_clients import recording
from tests.system.raw_client import RawClient, RawError, four_letter_word
from tests.system.servers import java_lib
from tests.system.suites import ports_in_a_row
from txzk.defs import errors, opcodes
from txzk.jute import records

HOST = "127.0.0.1"
CONFIG = "/zookeeper/config"
SUPER = {"zookeeper.DigestAuthenticationProvider.superDigest": "super:D/InIHSb7yEEbrWz8b9l71RjZJU="}
PASSWORD = b"super:test"
JOINER = 4
PARTICIPANT, OBSERVER = "participant", "observer"
# Nobody is given up as long as a JVM may need to start.
SETTINGS: dict[str, object] = {"reconfigEnabled": "true", "initLimit": 60}


@contextmanager
def session(port: int) -> Iterator[RawClient]:
    """A client for a while."""
    client = RawClient(port)
    try:
        yield client
    finally:
        client.hang_up()


class Changing:
    """An ensemble whose members see each other at their own addresses, which a reconfig may tell."""

    def __init__(self, kinds: str, folder: Path, settings: dict[str, object]) -> None:
        self.ensemble = Ensemble(kinds, folder, SETTINGS | settings, SUPER)
        self.members = self.ensemble.members
        for sid, member in self.members.items():
            lines = [self.line(other, client=False) for other in self.members if other != JOINER or sid == JOINER]
            member.write_config(lines, SETTINGS | settings)

    def line(self, sid: int, role: str = PARTICIPANT, client: bool = True) -> str:
        member = self.members[sid]
        return f"server.{sid}={HOST}:{member.quorum_port}:{member.election_port}:{role}" + (f";{HOST}:{member.port}" if client else "")

    @contextmanager
    def client(self, sid: int) -> Iterator[RawClient]:
        """Of one server, with all rights."""
        with session(self.members[sid].port) as client:
            client.add_auth("digest", PASSWORD)
            yield client

    def reconfig(self, sid: int, joining: str | None = None, leaving: str | None = None, members: str | None = None, config_id: int = -1) -> str:
        """Asks one server; gives the new configuration. Whose role changes may hang up before it has answered."""
        before = version_of(self.config(sid))
        try:
            with self.client(sid) as client:
                reply = client.ask(opcodes.RECONFIG, records.encode_ReconfigRequest(joining, leaving, members, config_id))
            return (records.parse_GetDataResponse(reply).data or b"").decode()
        except ConnectionError:
            found: list[str] = []
            self.ensemble.wait(lambda: bool(found) or self._newer(before, found), "there is no other configuration")
            return found[0]

    def _newer(self, version: int, found: list[str]) -> bool:
        for sid in self.members:
            with suppress(OSError, RawError):
                text = self.config(sid)
                if version_of(text) > version:
                    found.append(text)
                    return True
        return False

    def config(self, sid: int) -> str:
        """What a server shows."""
        with session(self.members[sid].port) as client:
            data = client.get_data(CONFIG).data
        assert data is not None
        return data.decode()

    def expect(self, text: str) -> None:
        """All that run show a configuration, and have it in their files."""
        sids = [sid for sid, member in self.members.items() if member.running]
        version = version_of(text)

        def all_have() -> bool:
            return all(dynamic_file(self.members[sid]) == version for sid in sids) and all(self.shows(sid, text) for sid in sids)

        self.ensemble.wait(all_have, f"they do not have\n{text}\n{[dynamic_file(self.members[sid]) for sid in sids]}")
        lines = sorted(text.split("\n")[:-1])
        for sid in sids:
            folder = self.members[sid].folder
            assert (folder / f"zoo.cfg.dynamic.{version:x}").read_text().split("\n") == lines
            assert not (folder / "zoo.cfg.dynamic.next").exists()

    def shows(self, sid: int, text: str) -> bool:
        try:
            return self.config(sid) == text
        except (OSError, RawError):
            return False

    def wait_modes(self, modes: dict[int, str]) -> None:
        """Until these have their roles."""
        self.ensemble.wait(lambda: {sid: self.members[sid].mode() for sid in modes} == modes, f"they are not {modes}")

    def wait_roles(self) -> None:
        """Until all have one, whatever it is."""

        def all_serve() -> bool:
            modes = list(self.ensemble.modes().values())
            return all(modes) and modes.count("leader") == 1

        self.ensemble.wait(all_serve, "not all serve")

    def write(self, sid: int, path: str) -> None:
        with self.client(sid) as client:
            client.create(path)

    def leader(self) -> int:
        return self.ensemble.leader()

    def others(self, *without: int) -> list[int]:
        return [sid for sid in self.members if sid not in without]


def version_of(text: str) -> int:
    """The version of a configuration."""
    return int(text.rpartition("=")[2], 16)


def dynamic_file(member: Member) -> int:
    """The version that a zoo.cfg names."""
    found = re.search(r"^dynamicConfigFile=(.*)\.dynamic\.(\w+)$", (member.folder / "zoo.cfg").read_text(), re.MULTILINE)
    if found is None:
        return -1
    assert os.path.realpath(found[1]) == os.path.realpath(member.folder / "zoo.cfg")
    return int(found[2], 16)


Make = Callable[..., Changing]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    made: list[Changing] = []

    def make_one(kinds: str, settings: dict[str, object] | None = None) -> Changing:
        made.append(Changing(kinds, tmp_path / kinds, settings or {}))
        return made[-1]

    yield make_one
    for each in made:
        each.ensemble.close()


def first_three(changing: Changing) -> tuple[int, list[int]]:
    """Starts them; gives the leader, and the others."""
    changing.ensemble.start(1, 2, 3)
    changing.ensemble.wait_serving(1, 2, 3)
    leader = changing.leader()
    return leader, [sid for sid in (1, 2, 3) if sid != leader]


def joined(changing: Changing) -> tuple[int, list[int]]:
    """All four; gives the leader, and the others."""
    leader, others = first_three(changing)
    changing.ensemble.start(JOINER)
    # In nobody's configuration but its own it follows and does not vote.
    changing.wait_modes({JOINER: "follower"})
    text = changing.reconfig(others[0], joining=changing.line(JOINER))
    assert text.split("\n")[3] == changing.line(JOINER)
    changing.expect(text)
    return leader, [*others, JOINER]


MIXED = ["JTTJ", "TJJT"]


@pytest.mark.parametrize("kinds", ["JJJJ", "TTTT", *MIXED])
def test_servers_come_and_change_their_roles_and_go(make: Make, kinds: str) -> None:
    changing = make(kinds)
    leader, (other, third, _) = joined(changing)
    changing.write(JOINER, "/joined")
    changing.expect(changing.reconfig(leader, joining=changing.line(other, OBSERVER)))
    changing.wait_modes({leader: "leader", other: "observer", third: "follower", JOINER: "follower"})
    changing.write(other, "/observed")
    # One that is in no configuration goes on, without a vote.
    changing.expect(changing.reconfig(third, leaving=str(other)))
    changing.wait_modes({leader: "leader", other: "follower", third: "follower", JOINER: "follower"})
    changing.write(other, "/not_in_it")
    changing.expect(changing.reconfig(other, joining=changing.line(other)))
    changing.wait_modes({leader: "leader", other: "follower", third: "follower", JOINER: "follower"})
    # It votes again: two of four are not enough, three are.
    changing.ensemble.kill(third)
    changing.write(other, "/back")
    changing.ensemble.start(third)
    changing.ensemble.wait_serving()


@pytest.mark.parametrize("kinds", ["JJJJ", "TTTT", *MIXED])
def test_the_leader_goes_and_comes_back_and_moves(make: Make, kinds: str) -> None:
    changing = make(kinds)
    leader, others = joined(changing)
    text = changing.reconfig(others[0], leaving=str(leader))
    changing.expect(text)
    changing.wait_roles()
    assert changing.leader() != leader
    changing.write(leader, "/without_a_vote")
    changing.expect(changing.reconfig(leader, joining=changing.line(leader)))
    # Where clients connect: the others notice nothing.
    leader = changing.leader()
    other = changing.others(leader)[0]
    with session(changing.members[leader].port) as stays:
        before = changing.members[leader].port
        changing.members[leader].port = ports_in_a_row(1)
        changing.expect(changing.reconfig(other, joining=changing.line(leader)))
        changing.write(leader, "/moved")
        assert stays.get_data("/moved").data == b""
        assert changing.leader() == leader
        port = changing.members[leader].port
        assert four_letter_word(port, b"conf").startswith(b"clientPort=%d\n" % port)
    with pytest.raises(ConnectionRefusedError):
        RawClient(before)
    # Where the others connect: there is an election, which it can win if it has logged more than they.
    moved = changing.members[leader]
    epoch = moved.epoch()
    moved.quorum_port, moved.election_port = (first := ports_in_a_row(2)), first + 1
    changing.expect(changing.reconfig(other, joining=changing.line(leader)))
    changing.ensemble.wait(lambda: changing.members[changing.leader()].epoch() > epoch, "the old leader leads on")
    changing.wait_roles()
    changing.write(leader, "/moved/again")
    # They find each other there.
    changing.ensemble.kill(changing.leader())
    changing.ensemble.wait(lambda: "leader" in changing.ensemble.modes().values(), "nobody leads")
    changing.ensemble.start()
    changing.wait_roles()


@pytest.mark.parametrize("kinds", ["JJJJ", "TTTT", *MIXED])
def test_a_whole_new_membership(make: Make, kinds: str) -> None:
    changing = make(kinds)
    leader, (other, third) = first_three(changing)
    changing.ensemble.start(JOINER)
    changing.wait_modes({JOINER: "follower"})
    members = [changing.line(JOINER), changing.line(other, OBSERVER), changing.line(third, client=False)]
    text = changing.reconfig(third, members=",".join(members))
    assert sorted(text.split("\n")[:-1]) == sorted(members)
    changing.expect(text)
    changing.wait_modes({leader: "follower", other: "observer"})
    changing.wait_roles()
    changing.write(other, "/anew")
    with changing.client(other) as client:
        assert client.get_data("/anew").data == b""


@pytest.mark.parametrize("kinds", ["JJJJ", "TTTT", *MIXED])
def test_clients_see_one_history_whatever_changes(make: Make, kinds: str) -> None:
    changing = make(kinds)
    _, (other, third, _) = joined(changing)
    with recording(changing.ensemble, "/run", 1) as run:
        run.until_acknowledged(50)
        for role in (OBSERVER, PARTICIPANT):
            changing.expect(changing.reconfig(third, joining=changing.line(other, role)))
            run.until_acknowledged(50)
        for _ in range(2):
            leader = changing.leader()
            changing.expect(changing.reconfig(third, leaving=str(leader)))
            changing.wait_roles()
            run.until_acknowledged(50)
            changing.expect(changing.reconfig(third, joining=changing.line(leader)))
            run.until_acknowledged(50)
        violations = run.violations()
    print(run.summary())
    assert violations == []


@pytest.mark.parametrize("kinds", ["JTJT", "TJTJ"])
def test_each_kind_starts_from_the_files_of_the_other(make: Make, kinds: str) -> None:
    changing = make(kinds)
    leader, (other, *_) = joined(changing)
    text = changing.reconfig(leader, joining=changing.line(other, OBSERVER))
    changing.expect(text)
    changing.ensemble.kill(*changing.members)
    for member in changing.members.values():
        member.kind = {"J": "T", "T": "J"}[member.kind]
    changing.ensemble.start()
    changing.ensemble.wait_serving()
    changing.wait_modes({other: "observer"})
    changing.expect(text)
    changing.expect(changing.reconfig(other, leaving=str(other), config_id=version_of(text)))


@pytest.mark.parametrize("kinds", ["JJJ", "TTT", "JTJ"])
@pytest.mark.parametrize("known_to", ["all that start", "the last one"])
def test_a_crash_between_proposal_and_commit(make: Make, kinds: str, known_to: str) -> None:
    """The proposal stands in the leader's file and log alone."""
    changing = make(kinds)
    leader, others = first_three(changing)
    before = changing.config(leader)
    with changing.client(leader) as client:
        for sid in others:
            changing.members[sid].stop()
        client.send(opcodes.RECONFIG, records.encode_ReconfigRequest(changing.line(others[0]), None, None, -1))
        proposed = changing.members[leader].folder / "zoo.cfg.dynamic.next"
        changing.ensemble.wait(proposed.exists, "nothing is proposed")
        changing.ensemble.kill(leader, *others)
    if known_to == "the last one":
        # What only one has seen was never committed, and the others have gone on without it.
        changing.ensemble.start(*others)
        changing.ensemble.wait_serving(*others)
        changing.write(others[0], "/gone_on")
        changing.ensemble.start(leader)
        changing.ensemble.wait_serving()
        assert changing.config(leader) == changing.config(others[0]) == before
    else:
        changing.ensemble.start()
        changing.ensemble.wait_serving()
    # There is nothing in the way of the next.
    changing.expect(changing.reconfig(others[0], joining=changing.line(leader)))


def refusals(changing: Changing) -> dict[str, tuple[int, dict[str, object]]]:
    """What each is called; the error of Java, and what is asked for."""
    free = ports_in_a_row(3)
    joiner = f"server.4={HOST}:{free}:{free + 1};{free + 2}"
    three = ",".join(changing.line(sid) for sid in (1, 2, 3))
    return {
        "a version that is not": (errors.BAD_VERSION, {"leaving": "3", "config_id": 5}),
        "leaves, no number": (errors.MARSHALLING_ERROR, {"leaving": "abc"}),
        "joins, nonsense": (errors.BAD_ARGUMENTS, {"joining": "abc"}),
        "joins, no address": (errors.BAD_ARGUMENTS, {"joining": "server.4=y"}),
        "joins, no number": (errors.MARSHALLING_ERROR, {"joining": joiner.replace("4=", "x=")}),
        "joins, no client port": (errors.BAD_ARGUMENTS, {"joining": joiner.partition(";")[0]}),
        "joins, no such port": (errors.MARSHALLING_ERROR, {"joining": f"{joiner}00"}),
        "joins, one port twice": (errors.BAD_ARGUMENTS, {"joining": f"server.4={HOST}:{free}:{free};{free + 1}"}),
        "one is left": (errors.BAD_ARGUMENTS, {"leaving": "1,2"}),
        "nobody knows them": (errors.NEW_CONFIG_NO_QUORUM, {"joining": f"{joiner},{joiner.replace('4=', '5=')},{joiner.replace('4=', '6=')}"}),
        "no members": (errors.BAD_ARGUMENTS, {"members": ""}),
        "members, nonsense": (errors.BAD_ARGUMENTS, {"members": "hello"}),
        "members, bad": (errors.BAD_ARGUMENTS, {"members": "server.1=a"}),
        "members, not all in a group": (errors.BAD_ARGUMENTS, {"members": f"{three},group.1=1"}),
        "members, version": (errors.MARSHALLING_ERROR, {"members": f"{three},version=zz"}),
        "members, two addresses": (errors.BAD_ARGUMENTS, {"members": f"{three},server.4={HOST}:1:2|127.0.0.2:1:2;3"}),
    }


@pytest.mark.parametrize("kinds", ["JJJ", "TTT", "TJT"])
def test_reconfigs_refused(make: Make, kinds: str) -> None:
    changing = make(kinds)
    leader, (other, _) = first_three(changing)
    before = changing.config(other)
    for sid in (leader, other):
        found = {}
        with changing.client(sid) as client:
            for name, (_, asked) in refusals(changing).items():
                body = records.encode_ReconfigRequest(asked.get("joining"), asked.get("leaving"), asked.get("members"), asked.get("config_id", -1))
                found[name] = client.call(opcodes.RECONFIG, body)[0].err
        assert found == {name: error for name, (error, _) in refusals(changing).items()}
        with session(changing.members[sid].port) as nobody, pytest.raises(RawError) as refused:
            nobody.ask(opcodes.RECONFIG, records.encode_ReconfigRequest(None, "3", None, -1))
        assert refused.value.code == errors.NO_AUTH
    assert changing.config(leader) == changing.config(other) == before
    # Whom nobody needs may go, known or not; a configuration of the same servers is a new one.
    for asked in ({"leaving": "77"}, {"leaving": ""}, {}):
        text = changing.reconfig(other, **asked)
        assert text.rpartition("\n")[0] == before.rpartition("\n")[0] and version_of(text) > version_of(before)


@pytest.mark.parametrize("kinds", ["JJJ", "TTT"])
def test_reconfigs_where_they_are_not_enabled(make: Make, kinds: str) -> None:
    changing = make(kinds, {"reconfigEnabled": "false"})
    leader, (other, _) = first_three(changing)
    for sid in (leader, other):
        with pytest.raises(RawError) as refused:
            changing.reconfig(sid, leaving="3")
        assert refused.value.code == errors.RECONFIG_DISABLED
        assert version_of(changing.config(sid)) == 0


def said(changing: Changing) -> tuple[list[str], list[str]]:
    """What Java's command line prints of reconfigurations, in words that are those of every ensemble; and its errors."""
    leader, (other, third) = first_three(changing)
    changing.ensemble.start(JOINER)
    changing.wait_modes({JOINER: "follower"})
    members = changing.members[other].folder / "members"
    members.write_text("".join(f"{changing.line(sid)}\n" for sid in (1, 2, 3)))
    script = (
        f"config -c\nconfig -s\nreconfig -remove 4\naddauth digest super:test\nconfig -w\nreconfig -s -add {changing.line(JOINER)}\nconfig\n"
        f"reconfig -v 5 -remove 4\nreconfig -remove {third},4 -add {changing.line(JOINER, OBSERVER)}\nreconfig -file {members}\n"
        f"reconfig -remove {leader},{third}\nreconfig -members {changing.line(leader)},{changing.line(other)}\nconfig -c\nquit\n"
    )
    done = cli(changing.members[other].port, script)
    text = re.sub(r"\nWATCHER::\n\nWatchedEvent state:(?:SyncConnected|Closed) type:None .*\n", "", done.stdout)
    for pattern, word in (
        (r"(?m)^mtime = .*$", "mtime = some time"), (r"version=\w+", "version"), (r"(?m)^mZxid = .*$", "mZxid"), (r"(?m)zxid: \d+$", "zxid"),
        (r"(?m)^\w{9} (?=127|,)", ""),
    ):
        text = re.sub(pattern, word, text)
    for sid, word in ((leader, "the leader"), (other, "the other"), (third, "the third"), (JOINER, "the joiner")):
        member = changing.members[sid]
        text = text.replace(f"server.{sid}=", f"{word}: ")
        for number, port in enumerate((member.port, member.quorum_port, member.election_port)):
            text = text.replace(str(port), f"port {number} of {word}")
    return sorted(re.split(r"[\n,]", text)), done.stderr.splitlines()


def cli(port: int, script: str) -> subprocess.CompletedProcess[str]:
    java = ["java", "-Xmx128m", "-XX:TieredStopAtLevel=1", "-Dorg.slf4j.simpleLogger.defaultLogLevel=off", "-cp", f"{java_lib()}/*"]
    return subprocess.run(
        [*java, "org.apache.zookeeper.ZooKeeperMain", "-server", f"{HOST}:{port}"], input=script, capture_output=True, text=True, timeout=60
    )


def test_javas_command_line_prints_what_it_prints_with_java(make: Make) -> None:
    wanted, wanted_errors = said(make("JJJJ"))
    lines, found_errors = said(make("TTTT"))
    assert lines == wanted
    assert found_errors == wanted_errors
    assert lines.count("Committed new configuration:") == 4
    assert sum("Arguments are not valid" in line for line in found_errors) == 1
