"""`leftfold replay`: a view rebuilt from an archive, in several processes."""

from __future__ import annotations

import shlex

import click
from msgspec.structs import asdict

from leftfold.archive import Archive
from leftfold.cli.apps import target, target_options, view_named
from leftfold.cli.output import count, document, next_steps, progress, show, styled, when_stopped
from leftfold.connect import open_objects
from leftfold.replaying import replay as replay_view
from leftfold.replaying.run import MAX_PROCESSES


@click.command(short_help="rebuild a view from an archive, in parallel")
@target_options
@click.argument("view", metavar="VIEW")
@click.option("--from", "where", metavar="ARCHIVE", required=True, help="file:FOLDER or s3:BUCKET/PREFIX.")
@click.option(
    "--processes", type=click.IntRange(1, MAX_PROCESSES), help="How many at once. [default: one for each processor]"
)
def replay(
    app: str, store: str | None, tenant: str | None, as_json: bool, view: str, where: str, processes: int | None
) -> None:
    """Rebuild VIEW from the app's archive beside the build that serves, then from the log what isn't sealed yet.

    The rows and the dead letters are those of `leftfold views APP rebuild VIEW`. Stopped, it leaves nothing behind: run it
    again. What it made is a candidate, to be compared and promoted.
    """
    aim = target(app, store, tenant)
    view_named(aim.app, view)
    options = [f"--from {shlex.quote(where)}", *([f"--processes {processes}"] if processes else [])]
    when_stopped(f"nothing that serves was changed; start again with: {aim.command('replay', view, *options)}")
    open_objects(where, option="--from")
    with aim.open("rw") as session:

        def archive() -> Archive:
            return Archive(open_objects(where, option="--from"), session.backend.tenant)

        with progress(f"replaying {view}", quiet=as_json) as advance:
            replayed = replay_view(session, view, archive, processes=processes, on_progress=advance)
    if as_json:
        document({"view": view, **asdict(replayed)})
        return
    show(
        styled(
            "Built ",
            (replayed.build, "bold"),
            f" beside the live one: {count(replayed.rows, 'row')} of "
            f"{count(replayed.position, 'event')} in {replayed.took_s:.1f} s. Nothing reads it yet.",
        )
    )
    if replayed.letters:
        show(styled(("! ", "bold red"), f"{count(replayed.letters, 'event')} set aside in it: {aim.command('dead')}"))
    next_steps(
        [
            (aim.command("views", "diff", view), "which rows differ, and why"),
            (aim.command("views", "promote", view), "let it serve"),
        ]
    )
