"""FastLeaderElection: how the servers of an ensemble agree on who leads (4.4). Covered by
tests/election/test_fast_leader_election.py, test_established_leaders.py and test_world.py.

The theory of operation. A server that looks for a leader begins a round, which has a number (the logical clock), proposes itself and tells all
voters. Whoever hears of a better candidate in the same round proposes that one from then on, and tells all voters; whoever hears of a later round
goes over to it and begins anew. When a quorum proposes the same, the server waits a moment for a better candidate and then has elected. A server that
does not look any more answers those who look with the vote it ended with; who hears that from a quorum, and from the leader itself that it leads,
follows, whatever the round. The election alone does not make a leader: that needs a quorum of followers as well (zab).

A machine: `look` begins, `elected` tells the end, `follow` says which role the server has taken, `leave` that the role is over. Between `leave`
and `look`, and before the first `look`, what servers say is kept, the last of each.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from txzk.defs.errors import ProtocolError
from txzk.election.notification import Notification, decode, encode
from txzk.election.settings import ElectionSettings
from txzk.election.votes import NOBODY, ServerState, Vote
from txzk.quorum.acks import AckSet
from txzk.quorum.servers import QuorumConfigError
from txzk.quorum.text import parse_config
from txzk.quorum.verifiers import QuorumVerifier

# How long a better candidate may still come when there is a quorum for one.
FINALIZE_WAIT_MS: Final = 200

# A server whose log cannot be read has this zxid; nobody votes for it.
_NO_ZXID: Final = -1

# Far more than the voters of any ensemble, and little memory even when each tells of the longest configuration.
_MAX_KEPT: Final = 100


class FastLeaderElection:
    """The elections of one server; lives as long as it does.

    :ivar state: what the server does.
    :ivar vote: what was agreed upon last; None before the first election has ended.
    :ivar elected: the vote that the present round has ended with; None while it goes on.
    :ivar supporters: whose votes elected, ascending; nobody once the role is over.
    :ivar newer_config: a configuration newer than the own one, of which a notification told while this server looked. Who sees one decides whether to
        take it, before it looks at `elected`: then it calls `look` with it.
    :ivar logical_clock: the number of the round.
    """

    def __init__(self, sid: int, settings: ElectionSettings, send: Callable[[int, bytes], None], log: Callable[[str], None]) -> None:
        """
        :param sid: of this server.
        :param send: sends a notification to another server, by its sid.
        """
        self._sid = sid
        self._settings = settings
        self._send = send
        self._log = log
        self.state = ServerState.LOOKING
        self.vote: Vote | None = None
        self.elected: Vote | None = None
        self.supporters: tuple[int, ...] = ()
        self.newer_config: QuorumVerifier | None = None
        self.logical_clock = 0
        self._round: _Round | None = None
        self._kept: dict[int, Notification] = {}
        self._view: _View | None = None

    def look(
        self, verifier: QuorumVerifier, last_seen_verifier: QuorumVerifier, last_zxid: int, current_epoch: int, is_participant: bool, now_ms: int,
    ) -> None:
        """Begins a round.

        :param last_seen_verifier: the configuration that may come next; the same where there is none.
        :param last_zxid: the last one in the log.
        :param is_participant: whether this server is to vote; one that is not proposes nobody.
        :param now_ms: monotonic.
        """
        self.state = ServerState.LOOKING
        self.elected = None
        self.supporters = ()
        self.newer_config = None
        self.logical_clock = _next(self.logical_clock)
        self._view = _View(verifier, last_seen_verifier)
        if is_participant:
            own = Vote(self._sid if self._sid in verifier.voters else NOBODY, last_zxid, self.logical_clock, current_epoch)
        else:
            own = Vote(NOBODY, NOBODY, self.logical_clock, NOBODY)
        turn = self._round = _Round(self._view, own, now_ms, self._settings)
        self._log(f"looking for a leader in round {self.logical_clock:#x}, last zxid {last_zxid:#x}, epoch {current_epoch:#x}")
        self._propose(turn, own)
        self._look_for_quorum(turn, now_ms)
        kept = self._kept
        self._kept = {}
        for sid, notification in kept.items():
            if self._round is turn:
                self._looking_received(turn, sid, notification, now_ms)

    def follow(self, state: ServerState) -> None:
        """The server has taken the role that the election gave it, and answers for it from now on.

        :param state: FOLLOWING, LEADING or OBSERVING.
        """
        self.state = state

    def leave(self) -> None:
        """The role is over; nobody is answered until `look`."""
        self.state = ServerState.LOOKING
        self.elected = None
        self.supporters = ()

    def update_vote(self, epoch: int) -> None:
        """The elected leader has begun a new epoch: who looks later must hear the same epoch from all (ZOOKEEPER-1805)."""
        vote = self.vote
        if vote is not None:
            self.vote = Vote(vote.leader, vote.zxid, vote.election_epoch, epoch, vote.state)

    def lead_by(self, leader: int, zxid: int) -> None:
        """A reconfig has named another leader, which the others are told of from now on.

        :param zxid: of the reconfig.
        """
        if self.vote is not None and self.vote.leader != leader:
            self.vote = Vote(leader, zxid, self.vote.election_epoch, self.vote.peer_epoch)

    def reconfigured(self, verifier: QuorumVerifier, last_seen_verifier: QuorumVerifier) -> None:
        """The server has another configuration, now or next; a round that is under way goes on with it."""
        self.newer_config = None
        self._view = _View(verifier, last_seen_verifier)
        if self._round is not None:
            # Whoever has a quorum now is seen with the next notification.
            self._round.view = self._view
            self._round.finalize_at_ms = None

    def deadline_ms(self) -> int | None:
        """When `timer_fired` is wanted."""
        return None if self._round is None else self._round.deadline_ms()

    def timer_fired(self, now_ms: int) -> None:
        """
        :param now_ms: monotonic.
        """
        turn = self._round
        if turn is None:
            return
        if turn.finalize_at_ms is not None:
            if now_ms >= turn.finalize_at_ms:
                self._decide(turn, turn.proposal, turn.votes)
        elif now_ms >= turn.resend_at_ms:
            turn.back_off(now_ms, self._settings)
            self._broadcast(turn)
            # The oracle may have changed its mind.
            self._look_for_quorum(turn, now_ms)

    def received(self, sid: int, message: bytes, now_ms: int) -> bool:
        """A notification of another server, without its length.

        :param now_ms: monotonic.
        :returns: whether this server leads, and the other, which has elected it, looks for a leader again.
        """
        try:
            notification = decode(message)
        except ProtocolError as error:
            self._log(f"notification of server {sid} is dropped: {error}")
            return False
        view, turn, vote = self._view, self._round, self.vote
        if turn is not None:
            self._looking_received(turn, sid, notification, now_ms)
        elif self.state is ServerState.LOOKING:
            if self.elected is None:
                self._keep(sid, notification)
        elif view is not None and vote is not None and (sid not in view.voters or notification.state is ServerState.LOOKING):
            epoch = vote.election_epoch if sid in view.voters else self.logical_clock
            self._send(sid, encode(self.state, vote, epoch, view.text))
            return self.state is ServerState.LEADING and notification.state is ServerState.LOOKING and sid in self.supporters
        return False

    def _keep(self, sid: int, notification: Notification) -> None:
        # The newest last, so that strangers push out one another at most.
        self._kept.pop(sid, None)
        self._kept[sid] = notification
        if len(self._kept) > _MAX_KEPT:
            del self._kept[next(iter(self._kept))]

    def _looking_received(self, turn: _Round, sid: int, notification: Notification, now_ms: int) -> None:
        view = turn.view
        self._look_at_config(view, sid, notification)
        if sid not in view.voters:
            self._tell(turn, sid)
            return
        state = notification.state
        if state is None:
            return
        if state is ServerState.LOOKING and notification.election_epoch < self.logical_clock:
            self._tell(turn, sid)
            return
        if notification.leader not in view.voters:
            self._log(f"notification of server {sid} is passed by: server {notification.leader} does not vote")
            return
        vote = Vote(notification.leader, notification.zxid, notification.election_epoch, notification.peer_epoch, state, notification.version)
        if state is ServerState.LOOKING:
            if turn.finalize_at_ms is not None and vote.election_epoch > self.logical_clock and not view.is_better(vote, turn.proposal):
                # Who is late with a worse proposal does not keep the others from coming to an end; it will be told whom they follow.
                return
            self._count(turn, sid, vote)
        elif state is not ServerState.OBSERVING:
            self._join(turn, sid, vote)
        self._look_for_quorum(turn, now_ms)

    def _look_at_config(self, view: _View, sid: int, notification: Notification) -> None:
        if notification.config is None or notification.config == view.text:
            return
        try:
            config = parse_config(notification.config.decode("utf-8", "replace"), view.verifier.oracle)
        except QuorumConfigError as error:
            self._log(f"configuration of server {sid} is passed by: {error}")
            return
        newest = self.newer_config or view.verifier
        if config.version > newest.version:
            self._log(f"server {sid} has configuration {config.version:x}, ours is {view.verifier.version:x}")
            self.newer_config = config

    def _count(self, turn: _Round, sid: int, vote: Vote) -> None:
        """A voter that looks as well has told its proposal, in this round or a later one."""
        if turn.own.zxid == _NO_ZXID or vote.zxid == _NO_ZXID:
            return
        # The form of the message does not matter between servers that look.
        vote = replace(vote, version=0)
        if vote.election_epoch > self.logical_clock:
            self.logical_clock = vote.election_epoch
            turn.votes.clear()
            self._propose(turn, vote if turn.view.is_better(vote, turn.own) else turn.own)
        elif turn.view.is_better(vote, turn.proposal):
            self._propose(turn, vote)
        elif turn.votes.get(sid) != vote:
            # It may not have heard of ours: it can have begun to look after we told it last.
            self._tell(turn, sid)
        turn.votes[sid] = vote

    def _join(self, turn: _Round, sid: int, vote: Vote) -> None:
        """A voter follows or leads; where a quorum and the leader itself say so, there is no need to elect."""
        if vote.election_epoch == self.logical_clock:
            turn.votes[sid] = replace(vote, version=0)
            if self._established(turn, turn.votes, vote):
                self._decide(turn, vote, turn.votes)
                return
        turn.established[sid] = vote
        if self._established(turn, turn.established, vote):
            self.logical_clock = vote.election_epoch
            self._decide(turn, vote, turn.established)
        elif vote.state is ServerState.LEADING and turn.view.oracle_says_follow():
            self._log("the oracle has chosen the other server")
            self._decide(turn, vote, turn.established)

    def _established(self, turn: _Round, votes: Mapping[int, Vote], vote: Vote) -> bool:
        """Whether a quorum is behind the leader of a vote, and the leader itself leads.

        A quorum of the active configuration is enough, where Java wants one of the next too: a server that alone has seen a proposal
        of that, and voters that are no quorum there, would never come back. What counts as committed is not decided here.
        """
        if vote.leader == self._sid:
            leads = vote.election_epoch == self.logical_clock
        else:
            leads = vote.leader in votes and votes[vote.leader].state is ServerState.LEADING
        return leads and turn.view.followers(votes, vote).has_quorum()

    def _look_for_quorum(self, turn: _Round, now_ms: int) -> None:
        """Where a quorum says the same, the end is near; it is near no more where the quorum is lost."""
        if self._round is not turn:
            return
        if not turn.votes or not turn.view.acks(turn.votes, turn.proposal).has_quorum():
            turn.finalize_at_ms = None
        elif turn.finalize_at_ms is None:
            turn.finalize_at_ms = now_ms + FINALIZE_WAIT_MS

    def _propose(self, turn: _Round, vote: Vote) -> None:
        """Proposes somebody in the round of the present number, and tells all voters, itself among them."""
        turn.proposal = Vote(vote.leader, vote.zxid, self.logical_clock, vote.peer_epoch)
        turn.finalize_at_ms = None
        self._broadcast(turn)
        if vote.leader in turn.view.voters and turn.own.zxid != _NO_ZXID:
            turn.votes[self._sid] = turn.proposal

    def _broadcast(self, turn: _Round) -> None:
        for sid in turn.view.voters:
            if sid != self._sid:
                self._tell(turn, sid)

    def _tell(self, turn: _Round, sid: int) -> None:
        """Sends the proposal."""
        self._send(sid, encode(ServerState.LOOKING, turn.proposal, self.logical_clock, turn.view.text))

    def _decide(self, turn: _Round, vote: Vote, votes: Mapping[int, Vote]) -> None:
        """
        :param votes: those among which the ones that agree have elected.
        """
        self.supporters = tuple(sorted(turn.view.acks(votes, vote).sids))
        self._round = None
        self.vote = self.elected = replace(vote, state=ServerState.LOOKING, version=0)
        self._log(f"server {vote.leader} is elected in round {self.logical_clock:#x}, zxid {vote.zxid:#x}, epoch {vote.peer_epoch:#x}")


class _View:
    """The configurations of the moment, and what follows from them."""

    __slots__ = ("text", "verifier", "verifiers", "voters")

    def __init__(self, verifier: QuorumVerifier, last_seen_verifier: QuorumVerifier) -> None:
        self.verifier = verifier
        self.verifiers = [verifier, last_seen_verifier] if last_seen_verifier.version > verifier.version else [verifier]
        # In ascending order, and only the keys are used.
        self.voters = dict.fromkeys(sorted({**verifier.voters, **last_seen_verifier.voters}))
        self.text = verifier.text().encode("utf-8")

    def is_better(self, vote: Vote, other: Vote) -> bool:
        """Whether a vote is to take the place of another one."""
        return self.verifier.weight(vote.leader) > 0 and vote.succeeds(other)

    def acks(self, votes: Mapping[int, Vote], vote: Vote) -> AckSet:
        """Who says the same as a vote, where a leader is to be elected."""
        return self._agreed(AckSet(self.verifiers), votes, vote)

    def followers(self, votes: Mapping[int, Vote], vote: Vote) -> AckSet:
        """Who says the same as a vote, where a leader is there already."""
        return self._agreed(AckSet([self.verifier]), votes, vote)

    def _agreed(self, acks: AckSet, votes: Mapping[int, Vote], vote: Vote) -> AckSet:
        for sid, other in votes.items():
            if vote.agrees_with(other):
                acks.add(sid)
        return acks

    def oracle_says_follow(self) -> bool:
        """Whether an oracle is to decide between two servers, and has not decided for this one."""
        oracle = self.verifier.oracle
        return oracle is not None and len(self.verifier.voters) <= 2 and not oracle()


class _Round:
    """One search for a leader, over as many numbers of rounds as it takes.

    :ivar view: the configurations that count.
    :ivar own: what this server proposes by itself.
    :ivar proposal: what it proposes at present.
    :ivar votes: of the present number, by sid.
    :ivar established: what servers say that do not look, whatever the number.
    :ivar resend_at_ms: when the voters are told again.
    :ivar finalize_at_ms: when the round ends, if there is a quorum.
    """

    __slots__ = ("_interval_ms", "established", "finalize_at_ms", "own", "proposal", "resend_at_ms", "view", "votes")

    def __init__(self, view: _View, own: Vote, now_ms: int, settings: ElectionSettings) -> None:
        self.view = view
        self.own = own
        self.proposal = own
        self.votes: dict[int, Vote] = {}
        self.established: dict[int, Vote] = {}
        self._interval_ms = settings.min_notification_interval_ms
        self.resend_at_ms = now_ms + self._interval_ms
        self.finalize_at_ms: int | None = None

    def back_off(self, now_ms: int, settings: ElectionSettings) -> None:
        """The voters have been told again; next time it takes longer."""
        self._interval_ms = min(2 * self._interval_ms, settings.max_notification_interval_ms)
        self.resend_at_ms = now_ms + self._interval_ms

    def deadline_ms(self) -> int:
        """What comes next."""
        return self.resend_at_ms if self.finalize_at_ms is None else self.finalize_at_ms


def _next(clock: int) -> int:
    """The number of the next round; it wraps as Java's does, should somebody have sent the greatest."""
    return clock + 1 if clock < 2**63 - 1 else -(2**63)
