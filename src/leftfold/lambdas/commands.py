"""Commands by way of Lambda: HTTP API and function URL, SQS, direct calls.

A refusal is an answer. On a queue it is final: counted, and never delivered again.
"""

from __future__ import annotations

from typing import Any, Final, Unpack

import msgspec

from leftfold.app import App
from leftfold.lambdas.batches import miswired, receive
from leftfold.lambdas.container import Call, Container, Handler, Options
from leftfold.lambdas.shapes import SQS, Malformed, Message, kind_of, told
from leftfold.lambdas.web import answer_web, plain
from leftfold.requests.commands import Asked, Commands, Done
from leftfold.requests.http import ActorOf, Http
from leftfold.requests.problems import problem
from leftfold.telemetry import metrics

LATER: Final = ("unavailable", "fault")  # kinds of problems that may be gone when the command comes again

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
        asked = _asked(call, named, msgspec.json.encode(event))
    except (Malformed, UnicodeError, RecursionError) as error:
        call.telemetry.count(metrics.COMMANDS_REJECTED)
        return plain(problem(422, "rejected", "Rejected", f"this is no command: {error}."))
    said = named.answer(lambda: call.session(asked), asked)
    if isinstance(said, Done):
        return {"status": 200, **plain(said)}
    if said.problem.kind in LATER:
        raise said.error
    return plain(said.problem)


def _take(call: Call, named: Commands, message: Message) -> None:
    """One message. Raises Malformed for what will never be taken, other errors for what comes again."""
    asked = _asked(call, named, message.body.encode("utf-8", "surrogatepass"), message)
    said = named.answer(lambda: call.session(message), asked)
    if isinstance(said, Done):
        return
    no = said.problem
    if no.kind in LATER:
        if no.kind == "fault":
            call.telemetry.count(metrics.FAULTS)
        raise said.error
    if no.kind != "refused":
        raise Malformed(f"{no.kind}: {no.error} {no.field or ''}".strip(), no.detail)
    call.telemetry.log(
        "info",
        "a command was refused",
        record_id=message.id,
        category=asked.category,
        command=asked.command,
        error=no.error,
    )


def _asked(call: Call, named: Commands, body: bytes, message: Message | None = None) -> Asked:
    """The command in a body. The id of its message stands in for its own: a message that comes again does nothing."""
    call.telemetry.count(metrics.COMMANDS)
    try:
        asked = _read(body)
    except msgspec.ValidationError as error:
        raise Malformed(told(error), str(error)) from None
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise Malformed("it is no JSON", f"it is no JSON: {error}") from None
    given = asked.traceparent or (message.notes.get("traceparent") if message else None)
    command_id = asked.command_id or (message.id if message else None)
    return msgspec.structs.replace(asked, traceparent=named.trace(given), command_id=command_id)
