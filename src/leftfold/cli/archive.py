"""`leftfold archive`: an app's log into an archive, a folder or a bucket."""

from __future__ import annotations

import shlex

import click

from leftfold.archive import Archive, Archiver, Sealed
from leftfold.archive.writer import MAX_KEEP_DAYS
from leftfold.cli import exits
from leftfold.cli.apps import target, target_options
from leftfold.cli.copy import show_compared
from leftfold.cli.output import count, document, progress, show, styled, when_stopped
from leftfold.connect import open_objects
from leftfold.copying import compare
from leftfold.core.errors import ConfigError


@click.command(short_help="seal the log into an archive")
@target_options
@click.option("--to", "where", metavar="ARCHIVE", required=True, help="file:FOLDER or s3:BUCKET/PREFIX.")
@click.option("--due", is_flag=True, help="Seal only full segments, and what waits for 15 minutes: for a schedule.")
@click.option(
    "--keep-days", type=click.IntRange(1, MAX_KEEP_DAYS), help="Let nobody delete it for so many days (S3 Object Lock)."
)
@click.option("--verify", is_flag=True, help="Seal nothing, only read the archive and compare it with the store.")
@click.pass_context
def archive(
    ctx: click.Context,
    app: str,
    store: str | None,
    tenant: str | None,
    as_json: bool,
    where: str,
    due: bool,
    keep_days: int | None,
    verify: bool,
) -> None:
    """Seal what the archive lacks of the app's log: immutable segments, each naming the SHA-256 of the one before.

    A run that was stopped is simply run again; several at once are no trouble. `leftfold restore` makes a store from an
    archive alone. Exit code 1 when --verify finds the archive and the store to differ.
    """
    found, objects = target(app, store, tenant), open_objects(where, option="--to")
    options = [f"--to {shlex.quote(where)}", *(["--due"] if due else [])]
    again = found.command("archive", *options, *([f"--keep-days {keep_days}"] if keep_days else []))
    when_stopped("nothing was changed." if verify else f"what is sealed stays; go on with: {again}")
    with found.open("ro") as session:
        session.backend.log.place()
        if not verify:
            with progress("sealing events", quiet=as_json) as advance:
                sealed = Archiver(session.backend, objects, keep_days=keep_days).seal(
                    force=not due, on_progress=advance
                )
            document({"sealed": sealed}) if as_json else _show_sealed(sealed, due)
            return
        archived = Archive(objects, session.backend.tenant)
        with progress("reading segments", quiet=as_json) as advance:
            verified = archived.verify(advance)
        if not verified.segments:
            raise ConfigError("there are no segments in this archive: is it the right place, and tenant?")
        with progress("comparing events", quiet=as_json) as advance:
            compared = compare(archived, session.backend, advance)
    waiting = compared.destination - compared.source
    is_equal = compared.equal or (waiting > 0 and compared.differs_at == compared.source + 1)
    if as_json:
        document({"equal": is_equal, "verified": verified, "compared": compared})
    else:
        told = f"{count(verified.segments, 'segment')}, {count(verified.events, 'event')}, SHA-256 {verified.digest}"
        show(styled(("whole  ", "green"), told))
        if is_equal:
            show(styled(("equal  ", "green"), f"the store has the same, and {count(waiting, 'event')} not sealed yet."))
        else:
            show_compared(compared, "the archive", "the store")
    ctx.exit(0 if is_equal else exits.FOUND)


def _show_sealed(sealed: Sealed, due: bool) -> None:
    made = f"{count(sealed.events, 'event')} sealed in {count(len(sealed.sizes), 'segment')}"
    show(styled((f"{made}, {sum(sealed.sizes):,} bytes.", "bold")))
    waits = "not due yet" if due else "came meanwhile"
    left = f"{count(sealed.left, 'event')} {waits}." if sealed.left else "nothing is left to seal."
    show(f"The archive ends at position {sealed.upto:,}; {left}")
