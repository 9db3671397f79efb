"""The verbs on a store in DynamoDB: the same answers, and looking never makes a table."""

from __future__ import annotations

import pytest

from tests.cli.desk import Desk
from tests.testbed.aws import Aws


@pytest.fixture
def url(desk: Desk, aws: Aws) -> str:
    """The app with five events in DynamoDB, its views and reaction at the log's end."""
    made = aws.url("bank")
    desk.fill(url=made)
    return made


def test_a_stream_is_shown_by_itself_as_on_sqlite(desk: Desk, url: str) -> None:
    desk.fill()
    for stream in ("account/bob", "account", "account/nobody"):
        args = ("log", "bank:app", "--stream", stream)
        here, there = desk.lines(*args), desk.lines(*args, "--store", url)
        assert [one["id"] for one in here] == [one["id"] for one in there]
        assert [one["position"] for one in here] == [one["position"] for one in there]
    assert "account/bob@2" in desk.ok("log", "bank:app", "--stream", "account/bob", "--store", url)


def test_every_verb_answers_as_on_sqlite(desk: Desk, url: str) -> None:
    desk.fill()
    digest = ("views", "bank:app", "digest")
    assert desk.json(*digest) == desk.json(*digest, "--store", url)
    assert desk.lines("dead", "bank:app", "--store", url) == []
    steps = desk.json("explain", "bank:app", "balances", "bob", "--store", url)
    assert str(steps).count("account/bob@") >= 2
    assert "account/bob@2" in desk.ok("trace", "bank:app", "account/bob@2", "--store", url)
    assert {one["health"]["state"] for one in desk.json("views", "bank:app", "--store", url)} == {"ok"}
    assert desk.ok("check", "bank:app", "--store", url)


def test_a_verb_that_looks_makes_no_tables(desk: Desk, aws: Aws) -> None:
    for args in (("log", "bank:app"), ("views", "bank:app"), ("check", "bank:app")):
        assert "there is no table" in desk.error(*args, "--store", aws.url("nowhere"), code=3)
    assert not [name for name in aws.client().list_tables()["TableNames"] if name.startswith(aws.prefix)]
