"""The results are folded into something else than the workflow's data."""

from trips import Booked, Trip, book

from leftfold import Step, Workflow


def noted(booked: Booked, result: Booked) -> Booked:
    return result


step = Step("hotel", do=book)
Workflow("trips", data=Trip, steps=[step], evolve=noted)  # error
