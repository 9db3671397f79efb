"""Floor 5: commands and queries as they come from outside: names and JSON, or HTTP without a framework.

Knows: an app, its session. Must not know: who delivers (Lambda, an ASGI server, a queue) or where the store is.
`commands` and `queries` turn names and JSON into calls of a session; `http` speaks of both in requests and answers;
`problems` says what every error means to a caller. No answer holds internals.
"""
