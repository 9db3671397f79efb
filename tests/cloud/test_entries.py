"""The generated handlers are modules that Lambda can load: each makes its own handler of the app, and nothing else."""

from __future__ import annotations

import ast
from typing import Any

import pytest
from msgspec import Struct

from leftfold.cloud.entries import HANDLER, entries, handler_of
from leftfold.cloud.settings import settings
from tests.cloud.apps import APPS, JWT, NAMES, drawn, everything, variant

APP = {**{name: reference for name, (_, reference) in NAMES.items()}, "everything": "tests.cloud.apps:everything"}


def loaded(source: str) -> Any:
    made: dict[str, Any] = {}
    exec(compile(source, "entry", "exec"), made)
    return made[HANDLER]


@pytest.mark.parametrize("name", APP)
def test_each_function_has_a_module_that_loads(name: str) -> None:
    app = APPS[name]()
    graph, templates = drawn(app, variant(app, "as it comes"))
    made = entries(graph, APP[name])
    assert len(made) == len(graph.functions)
    for function in graph.functions:
        handler = handler_of(graph, function)
        module, _, attribute = handler.rpartition(".")
        assert attribute == HANDLER
        assert callable(loaded(made[f"{module}.py"]))
        told = templates["stateless"]["Resources"][f"{function.id}Function"]["Properties"]
        assert told["Handler"] == handler


def test_a_module_is_four_lines_and_imports_the_app_and_one_handler() -> None:
    graph, _ = drawn(APPS["bank"](), settings({}))
    tree = ast.parse(entries(graph, "bank:bank")["leftfold_projector.py"])
    kinds = [type(one) for one in tree.body]
    assert kinds == [ast.Expr, ast.ImportFrom, ast.ImportFrom, ast.Assign]
    imported = [(one.module, one.names[0].name) for one in tree.body if isinstance(one, ast.ImportFrom)]
    assert imported == [("leftfold.lambdas", "projector"), ("bank", "bank")]


def test_an_app_deep_in_a_module_or_called_as_a_handler_is_found() -> None:
    graph, _ = drawn(APPS["bank"](), settings({}))
    made = entries(graph, "shop.apps:registry.commands")
    assert "from shop.apps import registry as app\n" in made["leftfold_commands.py"]
    assert "handler = commands(app.commands)\n" in made["leftfold_commands.py"]


def test_a_handler_of_ones_own_has_no_module() -> None:
    given = settings({"functions": {"commands": {"handler": "mine.handlers.take"}}})
    graph, templates = drawn(APPS["bank"](), given)
    assert "leftfold_commands.py" not in entries(graph, "bank:bank")
    assert templates["stateless"]["Resources"]["CommandsFunction"]["Properties"]["Handler"] == "mine.handlers.take"


def test_events_of_others_go_to_the_handler_that_the_settings_name() -> None:
    graph, templates = drawn(everything, variant(everything, "one tenant"))
    assert not any("inbound" in file for file in entries(graph, "a:b"))
    told = templates["stateless"]["Resources"]["InboundShopFunction"]["Properties"]
    assert told["Handler"] == "handlers.from_shop"


class Asked(Struct):
    claims: dict[str, str]


def test_with_several_tenants_a_request_says_whose_it_is() -> None:
    given = settings({"tenants": ["acme", "zoo"], "api": JWT})
    graph, _ = drawn(APPS["bank"](), given)
    made = entries(graph, "bank:bank")
    calls = {name: ast.parse(source).body[-1] for name, source in made.items()}
    told = {name: call.value for name, call in calls.items() if isinstance(call, ast.Assign)}

    def said(name: str, keyword: str, asked: object) -> object:
        call = told[name]
        assert isinstance(call, ast.Call)
        (found,) = [one.value for one in call.keywords if one.arg == keyword]
        return eval(compile(ast.Expression(found), "claim", "eval"))(asked)

    asked = Asked({"custom:tenant": "acme", "sub": "teller-3"})
    assert said("leftfold_commands.py", "tenant", asked) == "acme"
    assert said("leftfold_commands.py", "actor", asked) == "teller-3"
    assert said("leftfold_queries.py", "tenant", asked) == "acme"
    assert said("leftfold_queries.py", "tenant", object()) is None  # a direct call: refused, since it names nobody
    assert said("leftfold_archiver.py", "tenant", {"tenant": "zoo"}) == "zoo"
