"""find yields (key, row)."""

from bank import owners, session

counts = [row.balance for _, row in session.view(owners).find(accounts=1)]  # error
