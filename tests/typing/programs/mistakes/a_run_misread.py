"""A trip has no hotel."""

from trips import session, trips

print(session.workflow(trips).status("t1").data.hotel)  # error
