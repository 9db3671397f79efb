"""`leftfold copy`: an app's history from one store to another."""

from __future__ import annotations

import click

from leftfold.cli import exits
from leftfold.cli.apps import existing, json_option
from leftfold.cli.output import clean, count, document, progress, show, styled, when_stopped
from leftfold.connect import connect
from leftfold.copying import Compared, Copied, compare, copy as copy_history
from leftfold.core.errors import ConfigError


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
    when_stopped(f"stopped; run `leftfold copy {source} {destination}` again to go on.")
    first = connect(existing(source, "ro"), tenant=tenant)
    try:
        second = connect(existing(destination, "ro") if verify else destination, tenant=tenant)
        try:
            with progress("comparing" if verify else "copying", quiet=as_json) as advance:
                done = compare(first, second, advance) if verify else copy_history(first, second, advance)
        finally:
            second.close()
    finally:
        first.close()
    compared = done.compared if isinstance(done, Copied) else done
    if as_json:
        document({"equal": compared.equal, "result": done})
    else:
        _show(done, compared)
    ctx.exit(0 if compared.equal else exits.FOUND)


def _show(done: Copied | Compared, compared: Compared) -> None:
    if isinstance(done, Copied):
        there = f", {count(done.before, 'event')} there before" if done.before else ""
        show(styled((f"{count(done.copied, 'event')} copied{there}.", "bold")))
    if compared.equal:
        show(styled(("equal  ", "green"), f"{count(compared.source, 'event')}, SHA-256 {compared.digest}"))
        return
    told = f"at position {compared.differs_at:,}: SRC has {compared.source:,} events, DST {compared.destination:,}."
    show(styled(("they differ  ", "bold red"), clean(told)))
