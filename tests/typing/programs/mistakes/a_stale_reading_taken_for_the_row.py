"""With stale="allow" the answer says how far it can be trusted: the row is inside."""

from bank import owners, session

count = session.view(owners).get("Ann", stale="allow").accounts  # error
