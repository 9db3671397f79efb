"""`leftfold fit`: is event sourcing worth it for this context, what would the plain way be, and what does each cost."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from os.path import realpath
from pathlib import Path
from typing import Final

import click
from click.core import ParameterSource
from msgspec import Struct
from msgspec.structs import replace

from leftfold.cli.answering import ANSWERS, GroupedCommand
from leftfold.cli.apps import STORE, json_option, target
from leftfold.cli.files import read_some, write_new, write_whole
from leftfold.cli.output import clean, document, next_steps, progress, show, styled
from leftfold.cli.prices import prices_of
from leftfold.core.errors import ConfigError
from leftfold.fit.advice import Advice, Measured
from leftfold.fit.answers import Answers
from leftfold.fit.costs.prices import Prices
from leftfold.fit.reading import MAX_NAME, Questionnaire

DEFAULT: Final = "fit.yaml"
INIT: Final = "init"
SUFFIXES: Final = (".html", ".md", ".json")
WAYS: Final = f"""\
nothing to judge. There are three ways in:
  leftfold fit {INIT}                a file with every question, to fill in; then: leftfold fit {DEFAULT}
  leftfold fit --crud-verbs no ...  answers as flags, as many as you know
  leftfold fit                     on a terminal: an interview of some minutes"""


class Wanted(Struct, frozen=True):
    """The command line, read."""

    flags: Questionnaire
    app: str | None
    store: str | None
    tenant: str | None
    metrics: Path | None
    prices: Path | None
    out: Path | None
    as_json: bool


@click.command(
    cls=GroupedCommand,
    params=ANSWERS,
    short_help="is event sourcing worth it here, and what would it cost?",
    epilog="Every answer may also be `unknown`. Flags come before what is measured, and that before the file.",
)
@click.argument("files", nargs=-1, metavar=f"[{INIT}] [FILE]...")
@click.option("--ask", is_flag=True, help="Ask for what FILE leaves unknown, and write it there.")
@click.option("--assume", multiple=True, metavar="NAME=N", help="Another number for what the costs take for granted.")
@click.option(
    "--from", "app", metavar="APP", help="Measure what can be measured in this app's store: module:attribute."
)
@click.option("--store", metavar="URL", envvar=STORE, help=f"Its store. [default: ${STORE}, else sqlite:<app>.db]")
@click.option("--tenant", help="The tenant whose data to measure.")
@click.option("--metrics", type=click.Path(path_type=Path), help="Logs of its functions: what they counted counts.")
@click.option("--prices", type=click.Path(path_type=Path), help="Your prices in place of the list's, a .yaml file.")
@click.option("--out", type=click.Path(path_type=Path), help="Write the report: FILE.html, FILE.md or FILE.json.")
@json_option
def fit(
    files: tuple[str, ...],
    ask: bool,
    assume: tuple[str, ...],
    app: str | None,
    store: str | None,
    tenant: str | None,
    metrics: Path | None,
    prices: Path | None,
    out: Path | None,
    as_json: bool,
    **given: str | None,
) -> None:
    """Judge one part of a system by its answers: whether to event-source it, why, and what each way costs on AWS.

    \b
    leftfold fit                        an interview of some minutes, which writes fit.yaml
    leftfold fit init orders.yaml       a file with every question, to fill in
    leftfold fit orders.yaml            the report; of several files, a table
    leftfold fit orders.yaml --ask      asks for what the file leaves unknown
    leftfold fit --from shop:app        what a store shows, instead of guesses
    leftfold fit orders.yaml --commands-per-s 500    what if?
    """
    wanted = Wanted(_flags(given, assume), app, store, tenant, metrics, prices, out, as_json)
    _refuse(files, wanted, ask=ask)
    measured = _measured(wanted)
    if measured is not None:
        measured = replace(measured, source=clean(measured.source))  # of bytes that are no text no report is written
    if files[:1] == (INIT,):
        _init(Path(files[1] if len(files) > 1 else DEFAULT), wanted, measured)
        return
    priced = prices_of(wanted.prices)  # a mistake in them is told before anything is asked
    paths = [Path(file) for file in files]
    if ask or not (paths or wanted.flags.places or app or metrics):
        path = _interviewed(paths[0] if paths else Path(DEFAULT), wanted, measured, is_named=bool(paths) or ask)
        paths = [path]
    _report(paths, wanted, measured, priced)


def _flags(given: dict[str, str | None], assume: Sequence[str]) -> Questionnaire:
    from leftfold.fit.reading import read_flags

    try:
        return read_flags({key: text for key, text in given.items() if text is not None}, assume)
    except ConfigError as error:
        raise click.UsageError(str(error)) from error


def _refuse(files: Sequence[str], wanted: Wanted, *, ask: bool) -> None:
    """What can't be meant. Raises click.UsageError."""
    several = len(files) > 1 and files[0] != INIT
    if files[:1] == (INIT,) and (len(files) > 2 or files[1:] == (INIT,) or ask or wanted.out or wanted.prices):
        raise click.UsageError(f"{INIT} writes one file, and asks and reports nothing: leftfold fit {INIT} orders.yaml")
    if ask and (several or wanted.as_json):
        raise click.UsageError("--ask is for one file, and for people: leave out --json and the other files.")
    if several and (wanted.app or wanted.metrics or "context" in wanted.flags.places):
        raise click.UsageError("--from, --metrics and --context are about one context: name one file with them.")
    if (wanted.store or wanted.tenant) and not wanted.app and _is_given("store", "tenant"):
        raise click.UsageError("--store and --tenant say where an app's data is: name the app with --from.")
    if wanted.out is not None and wanted.out.suffix not in SUFFIXES:
        raise click.UsageError(
            f"--out {wanted.out}: a report is written as {', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]}."
        )
    if wanted.out is not None and _is_one_of(wanted.out, (*files, wanted.prices, wanted.metrics)):
        raise click.UsageError(f"--out {wanted.out} is a file that is read: the report would take its place.")
    something = files or wanted.flags.places or wanted.app or wanted.metrics or ask
    if not something and (wanted.as_json or not (sys.stdin.isatty() and sys.stdout.isatty())):
        raise click.UsageError(WAYS)


def _is_one_of(path: Path, others: Sequence[str | Path | None]) -> bool:
    return realpath(path) in {realpath(other) for other in others if other is not None}


def _is_given(*names: str) -> bool:
    ctx = click.get_current_context()
    return any(ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE for name in names)


def _init(path: Path, wanted: Wanted, measured: Measured | None) -> None:
    """A file with every question, and what flags and a store already answer."""
    from leftfold.fit.merging import merged
    from leftfold.fit.writing import write

    known = merged(None, measured, wanted.flags)
    _write_new(path, write(known.answers, known.assume))
    if wanted.as_json:
        document({"file": clean(str(path)), "answers": known.answers})
        return
    show(styled("Wrote ", (clean(str(path)), "bold"), ": fill in what you know."))
    name = shlex.quote(str(path))
    next_steps(
        [(f"leftfold fit {name}", "what to do, why, and the costs"), (f"leftfold fit {name} --ask", "asks, instead")]
    )


def _write_new(path: Path, text: str) -> None:
    try:
        write_new(path, text)
    except FileExistsError:
        raise ConfigError(f"{path} is there already, and stays as it is: name another file.") from None
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}.") from error


def _interviewed(path: Path, wanted: Wanted, measured: Measured | None, *, is_named: bool) -> Path:
    """Ask for what neither the file nor the command line answers; nothing is asked twice."""
    from leftfold.cli.interview_file import interviewed
    from leftfold.fit.merging import merged

    def known(file: Questionnaire | None) -> Answers:
        return merged(file, measured, wanted.flags).answers

    return interviewed(path, known, is_named=is_named)


def _report(paths: Sequence[Path], wanted: Wanted, measured: Measured | None, prices: Prices) -> None:
    from leftfold.cli.advice import show_advice
    from leftfold.fit.advising import advise
    from leftfold.fit.merging import merged
    from leftfold.fit.report.json import contexts

    files = _read(paths)
    advices: list[Advice] = []
    nothing: list[Questionnaire | None] = [None]
    for file in [*files] or nothing:
        one = merged(file, measured, wanted.flags)
        advices.append(advise(one.answers, prices, one.assume, measured=one.measured))
    if wanted.out is not None:
        _write_report(wanted.out, advices)
    if wanted.as_json:
        document(contexts(advices))
    else:
        show_advice(advices)
    if wanted.out is not None and not wanted.as_json:
        show(styled("Wrote ", (clean(str(wanted.out)), "bold"), "."))


def _write_report(path: Path, advices: Sequence[Advice]) -> None:
    try:
        write_whole(path, _drawn(path.suffix, advices))
    except OSError as error:
        raise ConfigError(f"--out {path}: {error.strerror}.") from error


def _drawn(suffix: str, advices: Sequence[Advice]) -> str:
    from leftfold.fit.report import html, json, markdown

    match suffix:
        case ".html":
            return html.html(advices)
        case ".md":
            return markdown.markdown(advices)
        case _:
            return json.text(advices)


def _read(paths: Sequence[Path]) -> list[Questionnaire]:
    """Every file, or what is wrong with all of them."""
    from leftfold.fit.reading import read

    found: list[Questionnaire] = []
    faults: list[str] = []
    for path in paths:
        try:
            found.append(_named(read(read_some(path), str(path)), path))
        except FileNotFoundError:
            faults.append(f"{path}: there is no such file; `leftfold fit {INIT} {shlex.quote(str(path))}` writes one.")
        except OSError as error:
            faults.append(f"{path}: {error.strerror}.")
        except ConfigError as error:
            faults.append(str(error))
    if faults:
        raise ConfigError("\n".join(faults))
    return found


def _named(file: Questionnaire, path: Path) -> Questionnaire:
    """A context that has no name has its file's, if that can be one."""
    is_named = file.answers.context != Answers().context
    if is_named or path.name == DEFAULT or not path.stem.isprintable():
        return file
    return replace(file, answers=replace(file.answers, context=path.stem[:MAX_NAME]))


def _measured(wanted: Wanted) -> Measured | None:
    """What the app's store and the metrics say; None where neither is named."""
    from leftfold.measuring import measure, of_traffic, read_metrics

    if wanted.app is None:
        return of_traffic(read_metrics(wanted.metrics)) if wanted.metrics else None
    aim = target(wanted.app, wanted.store, wanted.tenant)
    metrics = read_metrics(wanted.metrics, app=aim.app.name) if wanted.metrics else None
    with progress("measuring", quiet=wanted.as_json) as advance, aim.open("ro") as session:
        return measure(session, metrics=metrics, advance=advance)
