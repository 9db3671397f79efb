"""`leftfold copy`: an app's history from one store to another."""

from __future__ import annotations

import shlex
from contextlib import ExitStack, closing

import click

from leftfold.cli import exits
from leftfold.cli.apps import existing, json_option
from leftfold.cli.output import clean, count, document, progress, show, styled, when_stopped
from leftfold.connect import connect
from leftfold.copying import Compared, Copied, compare, copy as copy_history
from leftfold.core.errors import ConfigError
from leftfold.ports.backend import Backend


@click.command(short_help="move an app's history to another store")
@click.argument("source", metavar="SRC")
@click.argument("destination", metavar="DST")
@click.option("--tenant", help="The tenant whose history to copy.")
@click.option("--verify", is_flag=True, help="Copy nothing, only compare.")
@json_option
@click.pass_context
def copy(ctx: click.Context, source: str, destination: str, tenant: str | None, verify: bool, as_json: bool) -> None:
    """Copy every event from the store SRC to the store DST, both URLs, byte by byte, and compare them at the end.

    DST is empty, or holds the beginning of SRC: a run that was stopped is simply run again. Let nobody else write to
    DST meanwhile. Views and snapshots aren't copied; the app makes them again. Exit code 1 when the logs differ.
    """
    if source == destination:
        raise ConfigError("SRC and DST are the same store.")
    options = f" --tenant {shlex.quote(tenant)}" if tenant else ""
    again = f"leftfold copy {shlex.quote(source)} {shlex.quote(destination)}{options}"
    when_stopped("nothing was changed." if verify else f"what is copied so far stays; go on with: {again}")
    copied = None if verify else _copied(source, destination, tenant, quiet=as_json)
    compared = _compared(source, destination, tenant, upto=_end(copied), quiet=as_json)
    if as_json:
        document({"equal": compared.equal, "copied": copied, "compared": compared})
    else:
        if copied is not None:
            _show_copied(copied)
        show_compared(compared, "SRC", "DST")
    ctx.exit(0 if compared.equal else exits.FOUND)


def _end(copied: Copied | None) -> int | None:
    """What was appended to the source meanwhile is left to the next run."""
    return None if copied is None else copied.before + copied.copied


def _copied(source: str, destination: str, tenant: str | None, *, quiet: bool) -> Copied:
    with ExitStack() as stack:
        stores = [_open(stack, url, tenant) for url in (existing(source, "ro"), destination)]
        with progress("copying events", quiet=quiet) as advance:
            return copy_history(stores[0], stores[1], advance)


def _compared(source: str, destination: str, tenant: str | None, *, upto: int | None, quiet: bool) -> Compared:
    """Both opened anew: what is compared comes from the stores."""
    with ExitStack() as stack:
        stores = [_open(stack, existing(url, "ro"), tenant) for url in (source, destination)]
        with progress("comparing events", quiet=quiet) as advance:
            return compare(stores[0], stores[1], advance, upto=upto)


def _open(stack: ExitStack, url: str, tenant: str | None) -> Backend:
    """A store that is there: a missing source must not leave an empty destination behind."""
    backend = stack.enter_context(closing(connect(url, tenant=tenant)))
    backend.log.end()
    return backend


def _show_copied(copied: Copied) -> None:
    there = f", {count(copied.before, 'event')} there before" if copied.before else ""
    show(styled((f"{count(copied.copied, 'event')} copied{there}.", "bold")))
    if copied.copied:
        show("Views and snapshots are not copied: the app makes them again when it catches up in DST.")
    if copied.reactions:
        show(f"How far {clean(', '.join(copied.reactions))} is was taken along: nothing is sent twice.")


def show_compared(compared: Compared, source: str, destination: str) -> None:
    """Whether the two are equal, and where they part."""
    if compared.equal:
        show(styled(("equal  ", "green"), f"{count(compared.source, 'event')}, SHA-256 {compared.digest}"))
        return
    ends = f"{source} has {compared.source:,} events, {destination} {compared.destination:,}"
    show(styled(("they differ  ", "bold red"), f"at position {compared.differs_at:,}: {ends}."))
