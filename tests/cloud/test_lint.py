"""Every stack of every example, under every kind of settings, passes cfn-lint and the project's own checks."""

from __future__ import annotations

import json
from functools import cache
from importlib import import_module
from typing import Any

import pytest

from leftfold.cloud.checks import check
from leftfold.cloud.template import Json, text_of
from tests.cloud.apps import APPS, CASES, NAMES, drawn, variant

REGIONS = ["us-east-1", "eu-central-1"]


@cache
def rules() -> Any:
    """All of cfn-lint's rules, the informational ones too. They are loaded once, which takes longer than to be asked."""
    return import_module("cfnlint.core").get_rules([], [], ["I"])


def linted(template: Json) -> list[str]:
    linter: Any = import_module("cfnlint")  # which comes without types
    return [str(one) for one in linter.lint(text_of(template), rules=rules(), regions=REGIONS)]


def leave_alarms_out(template: Json) -> None:
    del template["Conditions"], template["Parameters"]["AlarmTopic"]
    for name, resource in [*template["Resources"].items()]:
        if resource["Type"] == "AWS::CloudWatch::Alarm":
            del template["Resources"][name]


@pytest.mark.parametrize(("name", "how"), [(name, how) for name, how in CASES if name in NAMES or how != "as it comes"])
def test_cfn_lint_finds_nothing(name: str, how: str) -> None:
    app = APPS[name]()
    _, templates = drawn(app, variant(app, how))
    if name not in NAMES:  # the examples' alarms have been looked at, and are half of the work
        leave_alarms_out(templates["stateless"])
    assert {stack: linted(template) for stack, template in templates.items()} == {"stateful": [], "stateless": []}


def test_cfn_lint_would_find_something() -> None:
    app = APPS["least"]()
    _, templates = drawn(app, variant(app, "as it comes"))
    broken = json.loads(text_of(templates["stateful"]))
    assert linted(broken) == []
    broken["Resources"]["EventsTable"]["Properties"]["BillingMode"] = "PAY_PER_REQUESTS"
    assert any("E3030" in one for one in linted(broken))


@pytest.mark.parametrize(("name", "how"), CASES)
def test_the_own_checks_find_nothing(name: str, how: str, record_property: Any) -> None:
    app = APPS[name]()
    graph, templates = drawn(app, variant(app, how))
    assert [str(one) for one in check(graph, templates)] == []
    if how == "as it comes":
        sizes = {stack: (len(one["Resources"]), len(text_of(one)) // 1000) for stack, one in templates.items()}
        told = ", ".join(f"{stack} {count} resources, {size} KB" for stack, (count, size) in sizes.items())
        record_property("figure", f"stacks of {name}: {told}")
