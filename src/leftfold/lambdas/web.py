"""Between Lambda's web events and `leftfold.requests.http`: the same for commands and queries."""

from __future__ import annotations

from typing import Any

import msgspec

from leftfold.lambdas.container import Call
from leftfold.lambdas.shapes import Malformed, web
from leftfold.requests.http import Answer, Http, refused
from leftfold.requests.problems import problem


def answer_web(call: Call, http: Http, event: Any) -> dict[str, Any]:
    """The answer to a request of an HTTP API or a function URL, in payload 2.0's form."""
    try:
        request = web(event)
    except Malformed as error:
        call.telemetry.log("warning", "a bad request", kind="http", reason=error.reason)
        return _payload(refused(problem(400, "rejected", "Rejected", f"this is no request: {error.reason}.")))
    return _payload(http.answer(call.session, request, left_s=call.deadline.left_s()))


def plain(answer: object) -> Any:
    """An answer of a direct call, as Lambda's own JSON encoder can say it."""
    return msgspec.json.decode(msgspec.json.encode(answer))


def _payload(answer: Answer) -> dict[str, Any]:
    return {
        "statusCode": answer.status,
        "headers": answer.headers,
        "body": answer.body.decode(),
        "isBase64Encoded": False,
    }
