"""A view rebuilt by many at once: apart, on Lambda, by a state machine; and what that would take."""
