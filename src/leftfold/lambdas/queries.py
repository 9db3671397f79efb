"""Queries by way of Lambda: HTTP API and function URL, direct calls."""

from __future__ import annotations

from typing import Any, Unpack

import msgspec

from leftfold.app import App
from leftfold.core.attempt import Failed, attempt
from leftfold.lambdas.batches import miswired
from leftfold.lambdas.container import Call, Container, Handler, Options
from leftfold.lambdas.shapes import kind_of, told
from leftfold.lambdas.web import answer_web, plain
from leftfold.requests.commands import COUNTED
from leftfold.requests.http import Http
from leftfold.requests.problems import judge, problem
from leftfold.requests.queries import Asked, Queries
from leftfold.telemetry import metrics


def queries(app: App, **options: Unpack[Options]) -> Handler:
    """A handler of the app's views and streams. A `tenant` function gets the Request, or the direct call's Asked."""
    container = Container(app, "queries", options)
    http = Http(app, serves=("views", "streams", "health"), telemetry=container.telemetry)

    def handle(event: Any, context: Any) -> Any:
        with container.call(context) as call:
            match kind_of(event):
                case "http":
                    return answer_web(call, http, event)
                case "direct":
                    return _direct(call, http.queries, event)
                case other:
                    raise miswired("queries", other)

    return handle


def _direct(call: Call, named: Queries, event: Any) -> Any:
    """The answer or the problem, as a dict with its `status`. What may succeed later by itself is raised."""
    call.telemetry.count(metrics.QUERIES)
    try:
        asked = msgspec.convert(event, Asked)
    except (msgspec.ValidationError, UnicodeError) as error:
        call.telemetry.log("warning", "a bad request", kind="direct", reason=told(error))
        return plain(problem(422, "rejected", "Rejected", f"this is no query: {error}."))
    said = attempt(lambda: named.answer(call.session(asked), asked, left_s=call.deadline.left_s()))
    if not isinstance(said, Failed):
        return {"status": 200, **plain(said)}
    answer = judge(said.error)
    if answer.kind in ("stale", "unavailable"):
        call.telemetry.count(COUNTED[answer.kind])
    if answer.kind in ("unavailable", "fault"):
        raise said.error
    return plain(answer)
