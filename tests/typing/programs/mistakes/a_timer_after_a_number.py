"""A timer set after a number, which might be seconds or days."""

from leftfold import Schedule

late = Schedule("late", after=3600)  # error
