"""Commands by way of Lambda: HTTP API and function URL, SQS, direct calls.

A refusal is an answer. On a queue it is final: counted, and never delivered again.
"""

from __future__ import annotations

from typing import Any, Unpack

import msgspec

from leftfold.app import App
from leftfold.core.attempt import Failed, attempt
from leftfold.lambdas.batches import miswired, receive
from leftfold.lambdas.container import Call, Container, Handler, Options
from leftfold.lambdas.shapes import SQS, Malformed, Message, kind_of, told
from leftfold.lambdas.web import answer_web, plain
from leftfold.requests.commands import COUNTED, Asked, Commands, Done
from leftfold.requests.http import ActorOf, Http
from leftfold.requests.problems import judge, problem
from leftfold.telemetry import metrics
from leftfold.telemetry.traces import traceparent

_read = msgspec.json.Decoder(Asked).decode


def commands(app: App, *, actor: ActorOf | None = None, **options: Unpack[Options]) -> Handler:
    """A handler of the app's commands.

    `actor` says who asks, from a web request: `lambda request: request.claims.get("sub")`. A `tenant` function gets the
    Request, the SQS Message, or the direct call's Asked.
    """
    container = Container(app, "commands", options)
    http = Http(app, actor=actor, serves=("commands", "health"), telemetry=container.telemetry)

    def handle(event: Any, context: Any) -> Any:
        with container.call(context) as call:
            match kind_of(event):
                case "http":
                    return answer_web(call, http, event)
                case "sqs":
                    delivery = receive(call, event, SQS)
                    delivery.each(lambda message: _take(call, http.commands, message))
                    return delivery.answer()
                case "direct":
                    return _direct(call, http.commands, event)
                case other:
                    raise miswired("commands", other)

    return handle


def _direct(call: Call, named: Commands, event: Any) -> Any:
    """The outcome or the problem, as a dict with its `status`. What may succeed later is raised: callers retry errors."""
    try:
        asked = _asked(call, msgspec.json.encode(event))
    except (Malformed, UnicodeError, RecursionError) as error:
        call.telemetry.count(metrics.COMMANDS_REJECTED)
        return plain(problem(422, "rejected", "Rejected", f"this is no command: {error}."))
    said = _handled(call, named, asked, asked)
    if isinstance(said, Done):
        return {"status": 200, **plain(said)}
    answer = judge(said.error, _refusals(named, asked))
    if answer.kind in ("unavailable", "fault"):
        raise said.error
    return plain(answer)


def _take(call: Call, named: Commands, message: Message) -> None:
    """One message. Raises Malformed for what will never be taken, other errors for what comes again."""
    asked = _asked(call, message.body.encode("utf-8", "surrogatepass"), message)
    said = _handled(call, named, asked, message)
    if isinstance(said, Done):
        return
    answer = judge(said.error, _refusals(named, asked))
    if answer.kind in ("unavailable", "fault"):
        raise said.error
    if answer.kind != "refused":
        raise Malformed(f"{answer.kind}: {answer.error} {answer.field or ''}".strip(), answer.detail)
    call.telemetry.log(
        "info",
        "a command was refused",
        record_id=message.id,
        category=asked.category,
        command=asked.command,
        error=answer.error,
    )


def _asked(call: Call, body: bytes, message: Message | None = None) -> Asked:
    """The command in a body. The id of its message stands in for its own: a message that comes again does nothing."""
    call.telemetry.count(metrics.COMMANDS)
    try:
        asked = _read(body)
    except msgspec.ValidationError as error:
        raise Malformed(told(error), str(error)) from None
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise Malformed("it is no JSON", f"it is no JSON: {error}") from None
    given = asked.traceparent or (message.notes.get("traceparent") if message else None)
    trace = traceparent(given)
    if given is not None and trace is None:
        call.telemetry.count(metrics.TRACES_DROPPED)
    command_id = asked.command_id or (message.id if message else None)
    return msgspec.structs.replace(asked, traceparent=trace, command_id=command_id)


def _handled(call: Call, named: Commands, asked: Asked, source: object) -> Done | Failed:
    said = attempt(lambda: named.handle(call.session(source), asked))
    if isinstance(said, Failed):
        kind = judge(said.error, _refusals(named, asked)).kind
        if kind != "fault" or isinstance(source, Message):  # a direct call's is raised, and counted where it comes out
            call.telemetry.count(COUNTED[kind])
        return said
    call.telemetry.count(metrics.EVENTS_APPENDED, 0 if said.repeated else len(said.events))
    if said.repeated:
        call.telemetry.count(metrics.COMMANDS_REPEATED)
    return named.done(said)


def _refusals(named: Commands, asked: Asked) -> tuple[type[Exception], ...]:
    found = attempt(named.of, asked.category)
    return () if isinstance(found, Failed) else found.refusals
