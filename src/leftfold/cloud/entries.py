"""The modules that Lambda calls: a few lines each, written into the bundle."""

from __future__ import annotations

from typing import Final

from leftfold.cloud.graph import Function, Graph

HANDLER: Final = "handler"  # the name of the function in each generated module


def entries(graph: Graph, app: str) -> dict[str, str]:
    """File name -> source of each generated handler. `app` is `module:attribute`, as on the command line.

    A function whose settings name a handler of the user's own has none.
    """
    made = {one: _source(one, graph, app) for one in graph.functions if not own_handler(graph, one)}
    return {f"{module_of(one)}.py": source for one, source in made.items()}


def module_of(function: Function) -> str:
    return f"leftfold_{function.name.replace('-', '_')}"


def own_handler(graph: Graph, function: Function) -> str | None:
    """The user's handler for this function, if there is one."""
    if function.kind == "inbound":
        return graph.inbound(function.of).handler
    return graph.of(function).handler


def handler_of(graph: Graph, function: Function) -> str:
    """What the function's `Handler` says."""
    return own_handler(graph, function) or f"{module_of(function)}.{HANDLER}"


def _source(function: Function, graph: Graph, app: str) -> str:
    module, _, path = app.partition(":")
    first, _, rest = path.partition(".")
    found = f"app.{rest}" if rest else "app"
    call = ", ".join((found, *_arguments(function, graph, found)))
    return (
        f'"""{graph.app}: the function {function.name}."""\n\n'
        f"from leftfold.lambdas import {function.kind}\n\n"
        f"from {module} import {first} as app\n\n"
        f"{HANDLER} = {function.kind}({call})\n"
    )


def _arguments(function: Function, graph: Graph, found: str) -> list[str]:
    api, several = graph.settings.api, graph.settings.several
    match function.kind:
        case "commands" | "queries":
            told = [f"tenant={_claim(api.tenant_claim)}"] if several and api.tenant_claim else []
            if function.kind == "commands" and api.actor_claim:
                told.append(f"actor={_claim(api.actor_claim)}")
            return told
        case "ingest":
            return [f"next(one for one in {found}.ingest if one.name == {function.of!r})"]
        case "archiver" if several:
            return ['tenant=lambda event: event["tenant"]']
        case _:
            return []


def _claim(name: str) -> str:
    """A function from a request to one of the caller's claims; None for a direct call, which has none."""
    return f'lambda asked: getattr(asked, "claims", {{}}).get({name!r})'
