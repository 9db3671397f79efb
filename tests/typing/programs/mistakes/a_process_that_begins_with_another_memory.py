"""Its initial memory is of another type than the one that it folds."""

from account import Account
from tracking import follow, idle, of

from leftfold import Process

tracking = Process("tracking", initial=Account(), correlate=of, evolve=follow, react=idle)  # error
