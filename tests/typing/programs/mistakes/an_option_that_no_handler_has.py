"""A handler's option is misspelt: its store would silently come from somewhere else."""

from bank import bank

from leftfold.lambdas import commands

handler = commands(bank, stor="dynamodb:bank")  # error
