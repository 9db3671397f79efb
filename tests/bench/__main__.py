"""`python -m tests.bench`: run the rows, show progress, end with the table, keep the figures as JSON."""

import json
from pathlib import Path
from typing import Any, Final

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from tests.bench import report, runner
from tests.bench.measure import Reading
from tests.bench.rows import ROWS, Row

RESULTS: Final = Path(__file__).parents[2] / "bench" / "results"


def chosen(names: str | None) -> list[Row]:
    """The rows asked for, by name or by first letter ("c" is all that load); row a is added where it is the measure."""
    if names is None:
        return list(ROWS)
    wanted = {name.strip() for name in names.split(",")}
    known = {row.name for row in ROWS}
    if unknown := {name for name in wanted if not any(row.startswith(name) for row in known)}:
        raise click.BadParameter(
            f"no row {', '.join(sorted(unknown))}; there are {', '.join(row.name for row in ROWS)}"
        )
    picked = [row for row in ROWS if row.name in wanted or (row.name[0] in wanted - known)]
    if any(target.against == "row_a" for row in picked for target in row.targets) and ROWS[0] not in picked:
        picked.insert(0, ROWS[0])
    return picked


def measure(rows: list[Row], rounds: int, scale: float, folder: Path | None) -> runner.Samples:
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("measuring", total=runner.steps(rows, rounds))

        def watch(row: Row, turn: int, contender: str, reading: Reading) -> None:
            progress.update(task, advance=1, description=f"row {row.name}: {row.work}")
            console.print(
                f"  {row.name:7}round {turn + 1}/{rounds}  {contender:6}"
                f"{report.amount(reading.cpu_us):>10} CPU {report.amount(reading.wall_us):>10} wall"
            )

        return runner.run(rows, rounds=rounds, scale=scale, folder=folder, watch=watch)


def keep(found: dict[str, Any], *, whole: bool) -> Path:
    """Only a whole run takes the day's name: a trial never overwrites a record."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    path = RESULTS / f"{found['date']}{'' if whole else '-partial'}.json"
    path.write_text(json.dumps(found, indent=1) + "\n")
    return path


@click.command(help=__doc__)
@click.option("--rows", "names", help="Rows to run, by commas: a,b,e. Default: all.")
@click.option("--rounds", default=3, show_default=True, type=click.IntRange(1, 99), help="Turns of each contender.")
@click.option("--scale", default=1.0, show_default=True, type=click.FloatRange(0.001, 100), help="Share of the work.")
@click.option("--folder", type=click.Path(path_type=Path, exists=True, file_okay=False), help="On the disk to measure.")
@click.option("--json", "to_json", is_flag=True, help="Print the figures as JSON instead of the table.")
def main(names: str | None, rounds: int, scale: float, folder: Path | None, to_json: bool) -> None:
    rows = chosen(names)
    samples = measure(rows, rounds, scale, folder)
    found = report.as_json(rows, samples, rounds=rounds, scale=scale, folder=folder)
    kept = keep(found, whole=len(rows) == len(ROWS) and scale == 1.0)
    if to_json:
        click.echo(json.dumps(found, indent=1))
        return
    Console().print(report.costs(rows, samples), report.targets(rows, samples))
    click.echo(
        f"Python {found['python']}, SQLite {found['sqlite']}, {found['cores']} cores, fsync {found['fsync_us']} us"
    )
    click.echo(f"Kept in {kept.relative_to(RESULTS.parents[1])}")


if __name__ == "__main__":
    main()
