"""`leftfold restore`: a whole store from an archive alone."""

from __future__ import annotations

import shlex
from contextlib import closing

import click

from leftfold.archive import Archive
from leftfold.cli import exits
from leftfold.cli.apps import existing, json_option, load_app
from leftfold.cli.copy import show_compared
from leftfold.cli.output import APP, clean, count, document, next_steps, progress, show, styled, when_stopped
from leftfold.connect import connect, open_objects
from leftfold.copying import Compared, Copied, compare, copy
from leftfold.core.errors import ConfigError


@click.command(short_help="make a store from an archive")
@click.argument("app", metavar="APP")
@click.argument("store", metavar="STORE")
@click.option("--from", "where", metavar="ARCHIVE", required=True, help="file:FOLDER or s3:BUCKET/PREFIX.")
@click.option("--tenant", help="The tenant whose history to restore.")
@click.option("--verify", is_flag=True, help="Restore nothing, only compare.")
@json_option
@click.pass_context
def restore(
    ctx: click.Context, app: str, store: str, where: str, tenant: str | None, verify: bool, as_json: bool
) -> None:
    """Bring every event of the archive into STORE, a URL, byte by byte at its position, and compare them at the end.

    STORE is empty, or holds the beginning of the archive: a run that was stopped is simply run again. Let nobody else
    write to it meanwhile. The app makes its views again. Exit code 1 when archive and store differ.
    """
    ctx.meta[APP] = app
    load_app(app)
    options = f" --tenant {shlex.quote(tenant)}" if tenant else ""
    again = f"leftfold restore {app} {shlex.quote(store)} --from {shlex.quote(where)}{options}"
    when_stopped("nothing was changed." if verify else f"what is restored so far stays; go on with: {again}")
    archive = Archive(open_objects(where, option="--from"), tenant or "")
    copied = None if verify else _copied(archive, store, tenant, quiet=as_json)
    compared = _compared(archive, store, tenant, quiet=as_json)
    if as_json:
        document({"equal": compared.equal, "restored": copied, "compared": compared})
    else:
        if copied is not None:
            _show_copied(copied)
        show_compared(compared, "the archive", "the store")
        if copied is not None and compared.equal:
            flags = f" --store {shlex.quote(store)}{options}"
            next_steps([(f"leftfold check {app}{flags}", "does today's code read it?")])
    ctx.exit(0 if compared.equal else exits.FOUND)


def _copied(archive: Archive, store: str, tenant: str | None, *, quiet: bool) -> Copied:
    if not archive.end():
        raise ConfigError("there are no segments in this archive: nothing was made. Is it the right place, and tenant?")
    with closing(connect(store, tenant=tenant)) as backend, progress("restoring events", quiet=quiet) as advance:
        return copy(archive, backend, advance)


def _compared(archive: Archive, store: str, tenant: str | None, *, quiet: bool) -> Compared:
    """The store opened anew: what is compared comes from it."""
    with closing(connect(existing(store, "ro"), tenant=tenant)) as backend:
        with progress("comparing events", quiet=quiet) as advance:
            return compare(archive, backend, advance)


def _show_copied(copied: Copied) -> None:
    there = f", {count(copied.before, 'event')} there before" if copied.before else ""
    show(styled((f"{count(copied.copied, 'event')} restored{there}.", "bold")))
    show("Views are made again when the app catches up in STORE.")
    if copied.reactions:
        show(
            f"{clean(', '.join(copied.reactions))}: on from where the archive saw them; what is sent again has the same ids."
        )
