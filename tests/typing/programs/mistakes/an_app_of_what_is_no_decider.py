"""A module of views has no decide."""

import bank

from leftfold import App

app = App("app", deciders=[bank])  # error
