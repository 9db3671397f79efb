"""A process given to an app as if it decided."""

from tracking import Track, follow, idle, of

from leftfold import App, Process

tracking = Process("tracking", initial=Track(), correlate=of, evolve=follow, react=idle)
app = App("bank", deciders=[tracking])  # error
