"""Handlers of an app, each a line, with what they may be told."""

from bank import bank

from leftfold.lambdas import commands, projector, queries, reactor, sequencer
from leftfold.requests.http import Request


def who(request: Request) -> str | None:
    found = request.claims.get("sub")
    return found if isinstance(found, str) else None


handle_command = commands(bank, actor=who, store="dynamodb:bank", aside="s3:bank-aside")
handle_query = queries(bank, tenant="acme", level="warning")
place = sequencer(bank)
follow = projector(bank, views=bank.views)
react = reactor(bank)

answer = handle_command({"category": "account"}, None)
