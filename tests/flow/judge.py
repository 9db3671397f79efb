"""What must be true at each end of the flow, whatever happened on the way. Told plainly: read, fold, count, compare."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from leftfold import Recorded, Session
from leftfold.archive import Archive
from leftfold.inbox import Incoming
from leftfold.ports.backend import Backend
from leftfold.ports.objects import Objects
from leftfold.publish.envelope import CloudEvent, read
from leftfold.testing.verdicts import Seen, check_store
from tests.flow.town import AccountOpened, MoneyCame, told

History = Sequence[Recorded[Any]]


def judge_store(session: Session) -> History:
    """The log is dense, each command there once, views are its fold, reactions had their effect once."""
    check_store(session, Seen())
    return list(session.log())


def public(history: History) -> dict[str, Recorded[Any]]:
    """What should be told to others, by id."""
    return {event.id: event for event in history if told(event) is not None}


def judge_acknowledged(history: History, acknowledged: Mapping[str, Mapping[str, Any]]) -> None:
    """What its sender was told stands in the log, as told."""
    by_command: defaultdict[str, list[Recorded[Any]]] = defaultdict(list)
    for event in history:
        by_command[event.meta.command_id].append(event)
    for command_id, done in acknowledged.items():
        events = by_command[command_id]
        assert [event.type for event in events] == [one["type"] for one in done["events"]], command_id
        assert [event.version for event in events][-1:] == [done["version"]], command_id


def judge_causes(history: History, commands: Mapping[str, tuple[str, str]]) -> None:
    """What followed from a command has its correlation and its trace, however far down."""
    by_id = {event.id: event for event in history}
    for event in history:
        first = event
        while first.meta.causation_id is not None:
            first = by_id[first.meta.causation_id]
        assert first.meta.command_id in commands, f"nobody sent {first.meta.command_id}"
        found = event.meta.correlation_id, event.meta.traceparent
        assert found == commands[first.meta.command_id], f"{event.id} has {found}, from {first.meta.command_id}"


def judge_queued(history: History, sent: Iterable[str], refused: Collection[str]) -> None:
    """A command that was sent by the queue was taken, or refused: none is lost."""
    done = {event.meta.command_id for event in history}
    lost = [command_id for command_id in sent if command_id not in done and command_id not in refused]
    assert not lost, f"sent by the queue, and neither taken nor refused: {lost}"


def judge_published(history: History, bodies: Iterable[bytes]) -> list[CloudEvent]:
    """Each public event went out, none that isn't; again the same; first deliveries in the order of each stream."""
    wanted, seen = public(history), dict[str, bytes]()
    order: defaultdict[str, list[CloudEvent]] = defaultdict(list)
    for body in bodies:
        event = read(body)
        assert seen.setdefault(event.id, body) == body, f"{event.id} went out as {seen[event.id]!r} and as {body!r}"
        if not any(event.id == one.id for one in order[event.subject or ""]):
            order[event.subject or ""].append(event)
    assert sorted(seen) == sorted(wanted), f"out went {sorted(seen)}; public is {sorted(wanted)}"
    for stream, events in order.items():
        versions = [event.version for event in events]
        assert versions == sorted(versions), f"{stream} went out in the order {versions}"
        assert [event.previous for event in events] == [0, *versions][:-1], f"{stream}: the chain is broken"
        for event in events:
            judge_notes(wanted[event.id], event.correlationid, event.traceparent)
            assert event.causationid == wanted[event.id].meta.causation_id
            assert event.position == wanted[event.id].position
    return [event for events in order.values() for event in events]


def judge_club(session: Session, history: History) -> int:
    """Each public event that means something there became one command there, and no other did."""
    session.catch_up()
    theirs = judge_store(session)
    wanted = {f"bank:{one}": event for one, event in public(history).items()}
    meant = {one: event for one, event in wanted.items() if isinstance(told(event), AccountOpened | MoneyCame)}
    causes = Counter(event.meta.causation_id for event in theirs)
    assert causes == Counter(list(meant)), f"the club heard {causes}; it should have {sorted(meant)}"
    for event in theirs:
        cause = meant[event.meta.causation_id or ""]
        judge_notes(cause, event.meta.correlation_id, event.meta.traceparent)
        assert event.key == cause.key
    return len(theirs)


def judge_consumer(history: History, handled: Sequence[Incoming[Any]]) -> int:
    """Each public event was handled once, in the order of its stream."""
    by_stream: defaultdict[str, list[str]] = defaultdict(list)
    for event in handled:
        by_stream[event.stream].append(event.id)
        judge_notes(public(history)[event.id], event.correlation_id, event.traceparent)
    wanted: defaultdict[str, list[str]] = defaultdict(list)
    for one in public(history).values():
        wanted[one.slots[0][0]].append(one.id)
    assert by_stream == wanted, f"the consumer handled {dict(by_stream)}; public is {dict(wanted)}"
    return len(handled)


def judge_archive(objects: Objects, backend: Backend) -> int:
    """The archive is one sound chain, and has the log's very bytes. Returns how many segments it has."""
    archive = Archive(objects)
    found = archive.verify()
    live = [(one.position, one.type, one.body) for one in backend.log.page(limit=backend.log.end() + 1)]
    kept = [(one.position, one.type, one.body) for one in archive.events()]
    assert kept == live, f"the archive has {len(kept)} events, the log {len(live)}"
    return found.segments


def judge_notes(cause: Recorded[Any], correlation_id: str | None, traceparent: str | None) -> None:
    """Correlation and trace are those of the command that began it."""
    assert correlation_id == cause.meta.correlation_id, f"{cause.id}: {correlation_id}"
    assert traceparent == cause.meta.traceparent, f"{cause.id}: {traceparent}"
    assert correlation_id, f"{cause.id} has no correlation"
    assert traceparent, f"{cause.id} has no trace"
