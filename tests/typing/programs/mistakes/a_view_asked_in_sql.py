"""Only a SqlView has tables to query."""

from bank import owners, session

rows = session.view(owners).query("SELECT 1")  # error
