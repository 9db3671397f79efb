"""`leftfold export`: events as files for analysts."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import click
from msgspec import Raw

from leftfold.archive import Archive
from leftfold.cli.apps import Target, target, target_options
from leftfold.cli.output import Advance, clean, count, document, progress, show, styled, when_stopped
from leftfold.codec.envelope import Codec
from leftfold.connect import open_objects
from leftfold.copying import Pages
from leftfold.core.errors import ConfigError
from leftfold.core.events import Recorded
from leftfold.ports.objects import Objects
from leftfold.ports.store import PAGE_EVENTS

Which = tuple[int, str, int, str, datetime]


@click.command(short_help="events as Parquet, for SQL")
@target_options
@click.option(
    "--parquet",
    metavar="PATH",
    type=click.Path(path_type=Path),
    required=True,
    help="A file, or a folder that gets a file for each million events.",
)
@click.option("--from", "where", metavar="ARCHIVE", help="Read file:FOLDER or s3:BUCKET/PREFIX, not the store.")
def export(app: str, store: str | None, tenant: str | None, as_json: bool, parquet: Path, where: str | None) -> None:
    """Write every event as a row: position, stream, category, key, version, type, time, ids, and its data as JSON.

    A file is there when it is whole. A folder that has files already gets what is newer. Needs pyarrow.
    """
    from leftfold.adapters.parquet import write_file, write_folder

    if parquet.parts[:1] and parquet.parts[0].startswith(
        ("file:", "s3:")
    ):  # as --from takes it: else a folder of that name
        raise click.BadParameter("it is a path on this machine, written without file: or s3:.", param_hint="--parquet")
    aim = target(app, store, tenant)
    is_folder = parquet.is_dir() or not parquet.suffix
    source = [f"--from {shlex.quote(where)}"] if where else []
    again = aim.command("export", f"--parquet {shlex.quote(str(parquet))}", *source)
    when_stopped(f"{'files that are there are whole' if is_folder else 'no file was made'}; start again with: {again}")
    with progress("exporting events", quiet=as_json) as advance:
        events = _events(
            aim, open_objects(where, option="--from") if where else None, parquet if is_folder else None, advance
        )
        exported = write_folder(parquet, events) if is_folder else write_file(parquet, events)
    if as_json:
        document(exported)
        return
    made = f"{count(exported.events, 'event')} in {count(len(exported.files), 'file')}"
    show(styled((f"{made}, up to position {exported.position:,}.", "bold")))
    files = f"{parquet}/*.parquet" if is_folder else str(parquet)
    show(clean(f"Ask it in SQL: duckdb -c \"SELECT type, count(*) FROM '{files}' GROUP BY type\""))


def _events(aim: Target, objects: Objects | None, folder: Path | None, advance: Advance) -> Iterator[Recorded[Raw]]:
    """What is after the last one in a folder, as its envelopes say it: no class is needed."""
    from leftfold.adapters.parquet import last_exported

    last = last_exported(folder) if folder is not None else None
    if objects is not None:
        archive = Archive(objects, aim.tenant or "")
        end = archive.end()
        if not end:
            raise ConfigError("there are no segments in this archive: is it the right place, and tenant?")
        yield from _peeked(Codec(aim.app.schema, aim.tenant or ""), archive, end, last, advance)
        return
    with aim.open("ro") as session:
        log = session.backend.log
        log.place()
        yield from _peeked(session.codec, log, log.end(), last, advance)


def _peeked(codec: Codec, pages: Pages, end: int, last: Which | None, advance: Advance) -> Iterator[Recorded[Raw]]:
    after = _reached(codec, pages, end, last) if last is not None else 0
    while after < end and (page := pages.page(after=after, limit=min(PAGE_EVENTS, end - after))):
        yield from map(codec.peek, page)
        after = page[-1].position
        advance(after, end)


def _reached(codec: Codec, pages: Pages, end: int, last: Which) -> int:
    """Where the folder ends, if it holds this history: else what is newer there and here would be one mix."""
    position = last[0]
    for one in map(codec.peek, pages.page(after=position - 1, limit=1) if position <= end else []):
        if (one.position, str(one.stream), one.version, one.meta.command_id, one.at) == last:
            return position
    raise ConfigError(
        f"the folder's last event, position {position:,}, is not in this history, which ends at {end:,}: it was exported "
        "from another store or tenant, or from one that was further. Export to another folder."
    )
