"""find takes a value, or a (low, high) pair."""

from bank import owners, session

found = list(session.view(owners).find(accounts=[1, 2]))  # error
