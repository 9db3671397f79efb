"""The replayer by way of Lambda: a view rebuilt from the archive by many calls at once, which a state machine makes.

`cloud/replay_machine.py` is that machine. Every call may come again, twice at once, or after the end.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Unpack

import msgspec
from msgspec import Meta, Struct

from leftfold.app import App
from leftfold.archive.reader import Archive
from leftfold.core.errors import ConfigError, Rejected
from leftfold.core.streams import check_tenant
from leftfold.lambdas.container import Container, Handler, Options, archive_objects
from leftfold.ports.objects import Objects
from leftfold.replaying import apart
from leftfold.replaying.apart import MAX_PARTS, Run
from leftfold.replaying.parts import ROWS_BYTES
from leftfold.session import Session

ROWS_SHARE: Final = (
    0.25  # of a function's memory for the bytes of rows; their objects and the segments take as much again
)


class _Wanted(Struct, frozen=True):
    """What a replay is started with. Without `parts` they are as many as a look at the archive says."""

    view: str
    tenant: str = ""
    promote: bool = False
    parts: Annotated[int, Meta(ge=1, le=MAX_PARTS)] | None = None


class Plan(Struct, frozen=True, tag_field="do", tag="plan"):
    """Begin. `id` is the execution's: the same one begins the same build."""

    id: str
    wanted: _Wanted

    @property
    def tenant(self) -> str:
        return self.wanted.tenant


class _OfRun(Struct, frozen=True, tag_field="do"):
    run: Run
    tenant: str


class Part(_OfRun, frozen=True, tag="part"):
    part: int


class Finish(_OfRun, frozen=True, tag="finish"): ...


class Promote(_OfRun, frozen=True, tag="promote"): ...


class Abandon(_OfRun, frozen=True, tag="abandon"): ...


def replayer(app: App, *, archive: str | Objects | None = None, **options: Unpack[Options]) -> Handler:
    """A handler for the tasks of the replay's state machine. The `do` of an event says which one.

    `archive`: an objects URL or an object store, else LEFTFOLD_ARCHIVE. A part that does not get to its end before the
    deadline writes what it has, and answers `{"more": true}`: it goes on with the next call.

    >>> handler = replayer(bank)
    """
    container = Container(app, "replayer", options)

    def opened(tenant: str) -> tuple[Session, Archive]:
        served = container.tenant({"tenant": tenant})
        if tenant:
            check_tenant(tenant)
            if served not in (None, tenant):
                raise Rejected("it is of another tenant than this function serves.", field="tenant")
        session = container.opened(tenant or served)
        return session, Archive(archive_objects(archive), session.backend.tenant)

    def handle(event: Any, context: Any) -> dict[str, Any]:
        with container.call(context) as call:
            asked = _asked(event)
            session, sealed = opened(asked.tenant)
            match asked:
                case Plan():
                    return _planned(asked, session, sealed)
                case Part(run=run, part=part):
                    done = apart.fold_part(
                        session, run, part, sealed, rows_bytes=_rows_bytes(context), left_s=call.deadline.left_s
                    )
                    return {"more": not done}
                case Finish(run=run):
                    return {"more": not apart.finish(session, run, left_s=call.deadline.left_s)}
                case Promote(run=run):
                    apart.promote(session, run)
                    return {"live": run.build}
                case Abandon(run=run):
                    return {"dropped": apart.abandon(session, run)}

    return handle


def _asked(event: Any) -> Plan | Part | Finish | Promote | Abandon:
    try:
        return msgspec.convert(event, Plan | Part | Finish | Promote | Abandon)
    except (msgspec.ValidationError, UnicodeError) as error:
        from leftfold.lambdas.shapes import told

        raise ConfigError(f"that is no task of a replay: {told(error)}. Let the replay's state machine call.") from None


def _planned(asked: Plan, session: Session, archive: Archive) -> dict[str, Any]:
    """What the machine needs to go on: the run, a number for each part, and what it was asked for."""
    from leftfold.replaying.plan import parts_for  # of all the calls of a replay, one plans
    from leftfold.replaying.survey import survey

    wanted = asked.wanted
    parts = wanted.parts or parts_for(survey(session, wanted.view, archive))
    run = apart.begin(session, wanted.view, asked.id, archive, parts)
    return {
        "run": msgspec.to_builtins(run),
        "items": list(range(run.parts)),
        "tenant": session.backend.tenant,
        "promote": wanted.promote,
    }


def _rows_bytes(context: Any) -> int:
    memory_mb: str | int = getattr(context, "memory_limit_in_mb", 0) or 0
    return int(int(memory_mb) * 1024 * 1024 * ROWS_SHARE) or ROWS_BYTES
