"""Answers and advices made by hand, and at random, to draw designs and reports from."""

from typing import Any, get_args

from hypothesis import strategies as st

from leftfold.fit.answers import Answers, Experience, Regulation, Subdomain

BOOLS = tuple(key for key, kind in Answers.__annotations__.items() if kind.startswith("bool"))
NUMBERS = tuple(key for key, kind in Answers.__annotations__.items() if kind.startswith("float"))

ANSWERS = st.builds(
    Answers,
    context=st.text(min_size=1, max_size=60),
    subdomain=st.none() | st.sampled_from(get_args(Subdomain)),
    team_experience=st.none() | st.sampled_from(get_args(Experience)),
    regulation=st.none() | st.lists(st.sampled_from(get_args(Regulation)), max_size=3).map(tuple),
    **{key: st.none() | st.booleans() for key in BOOLS},
    **{key: st.none() | st.floats(0, 1e6) for key in NUMBERS},
)


def answered(yes: bool) -> Answers:
    """Every answer is yes and large, or every one no and nothing."""
    given: dict[str, Any] = dict.fromkeys(BOOLS, yes) | dict.fromkeys(NUMBERS, 1000.0 if yes else 0.0)
    return Answers(**given, regulation=("sec17a4", "gdpr") if yes else ())
