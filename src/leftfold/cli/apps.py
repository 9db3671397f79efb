"""From `module:attribute` and a store URL to an app and its session."""

from __future__ import annotations

import importlib
import os
import shlex
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, Final, Literal, TypeVar

import click
from click.core import ParameterSource
from msgspec import Struct

from leftfold.app import App
from leftfold.cli.output import APP
from leftfold.core.attempt import Failed, attempt
from leftfold.core.errors import ConfigError, LeftfoldError, StoreUnavailable
from leftfold.core.views import AnyView
from leftfold.session import Session

F = TypeVar("F", bound=Callable[..., Any])

STORE: Final = "LEFTFOLD_STORE"

Mode = Literal["rw", "ro"]


class Target(Struct, frozen=True):
    """What the command line named: an app, and where its data is. `flags` say so again in a command to copy."""

    name: str
    app: App
    url: str
    tenant: str | None
    flags: str

    def command(self, verb: str, *rest: str) -> str:
        """A command on the same app and data, to be copied."""
        return " ".join(["leftfold", verb, self.name, *rest]) + self.flags

    def open(self, mode: Mode) -> Session:
        """A session that never makes a missing store. `ro` where nothing is written, not even a new build's name."""
        try:
            return self.app.open(existing(self.url, mode), tenant=self.tenant)
        except StoreUnavailable as error:
            raise StoreUnavailable(f"{error} The store is {self.url}; --store or {STORE} names another.") from error


def json_option(command: F) -> F:
    return click.option("--json", "as_json", is_flag=True, help="For programs: JSON on stdout, errors as JSON too.")(
        command
    )


def target_options(command: F) -> F:
    """APP, --store, --tenant and --json, handed to the verb as `target` and `as_json`."""
    command = click.option("--tenant", help="The tenant whose data to open.")(json_option(command))
    command = click.option(
        "--store", metavar="URL", envvar=STORE, help=f"Where the data is. [default: ${STORE}, else sqlite:<app>.db]"
    )(command)
    return click.argument("app", metavar="APP")(command)


def target(app: str, store: str | None, tenant: str | None) -> Target:
    found = load_app(app)
    click.get_current_context().meta[APP] = app
    source = click.get_current_context().get_parameter_source("store")
    flags = f" --store {shlex.quote(store)}" if store and source is ParameterSource.COMMANDLINE else ""
    flags += f" --tenant {shlex.quote(tenant)}" if tenant else ""
    return Target(app, found, store or f"sqlite:{found.name}.db", tenant, flags)


def load_app(name: str, folder: Path | None = None) -> App:
    """The app that `module:attribute` names, looked for in `folder` (the current one) first.

    Raises click.BadParameter for another form, ConfigError for a module or attribute that isn't there or is no app.
    """
    module_name, _, path = name.partition(":")
    parts = path.split(".")
    names = [*module_name.split("."), *parts]
    if module_name.endswith(".py") or not all(name.isidentifier() for name in names):
        raise click.BadParameter(f"{name[:200]!r} is not module:attribute, as bank:app.", param_hint="APP")
    found: Any = import_user_module(module_name, folder or Path.cwd())
    for part in parts:
        if not hasattr(found, part):
            raise ConfigError(f"{module_name} has no {path!r}{_apps_of(found)}")
        found = getattr(found, part)
    if not isinstance(found, App):
        raise ConfigError(f"{name} is {type(found).__name__}, not an App: name the value that App(...) made.")
    return found


def import_user_module(name: str, folder: Path) -> ModuleType:
    """The user's module. Whatever goes wrong in it is said with its place, without our own frames."""
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
    importlib.invalidate_caches()
    module = attempt(importlib.import_module, name)
    if not isinstance(module, Failed):
        return module
    error = module.error
    if isinstance(error, LeftfoldError):
        raise error
    if isinstance(error, ModuleNotFoundError) and error.name and f"{name}.".startswith(f"{error.name}."):
        raise ConfigError(f"there is no module {error.name!r} in {folder}: run this where your app is.") from error
    raise ConfigError(f"{name} can't be imported: {_place(error)}{module}") from error


def _place(error: Exception) -> str:
    """Where in the user's files it happened: `account.py line 12: `."""
    if isinstance(error, SyntaxError):
        return ""  # its text says where
    frames = traceback.extract_tb(error.__traceback__)
    ours = os.path.join("leftfold", "")
    last = next((f for f in reversed(frames) if "importlib" not in f.filename and ours not in f.filename), None)
    return f"{os.path.basename(last.filename)} line {last.lineno}: " if last else ""


def _apps_of(module: object) -> str:
    names = (
        [name for name, value in vars(module).items() if isinstance(value, App)] if hasattr(module, "__dict__") else []
    )
    return f"; its apps: {', '.join(names)}." if names else ", and no other app: make one with App(...)."


def existing(url: str, mode: Mode) -> str:
    """The URL, so that opening it makes no store. A mode that the user wrote stays, unless it would make one."""
    place, _, query = url.partition("?")
    options = [option for option in query.split("&") if option not in ("", "mode=rwc", "create=true")]
    if url.startswith("sqlite:") and not any(option.startswith("mode=") for option in options):
        options.append(f"mode={mode}")
    return f"{place}?{'&'.join(options)}" if options else place


def view_named(app: App, name: str) -> AnyView:
    """The newest version of a view. Raises ConfigError with the names that there are."""
    versions = [view for view in app.views if view.name == name]
    if not versions:
        known = ", ".join(dict.fromkeys(view.name for view in app.views)) or "none"
        raise ConfigError(f"app {app.name!r} has no view {name[:200]!r} (views: {known}).")
    return max(versions, key=lambda view: view.version)
