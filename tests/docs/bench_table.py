"""Fills the table of figures in the README: python -m tests.docs.bench_table bench/results/DATE.json (from `make bench`)"""

import json
import re
import sys
from pathlib import Path
from typing import Any

from tests.bench.report import amount

README = Path(__file__).parents[2] / "README.md"
LIKE_OTHERS = {
    f"n.{name}" for name in ("queries", "projector", "reactor", "publisher", "ingest", "archiver", "inbound")
}
"""Cold starts like that of n.commands: the result's file has them."""
PLACE = re.compile(r"(<!-- bench -->\n).*?(<!-- /bench -->)", re.DOTALL)


def table(result: dict[str, Any]) -> str:
    """What was measured, as Markdown: CPU an operation, and ours as a multiple of the floor's, the peer's of ours."""
    lines = [
        "| | work | floor | leftfold | eventsourcing | leftfold / floor | eventsourcing / leftfold |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in (one for one in result["rows"] if one["row"] not in LIKE_OTHERS):
        cpu = [cost(row[name]) if name in row else "" for name in ("floor", "ours", "peer")]
        ratios = [row[name]["cpu"] for name in ("ours_over_floor", "peer_over_ours")]
        cells = [row["row"], row["work"], *cpu, *("" if ratio is None else f"{ratio:.2f}" for ratio in ratios)]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def cost(reading: dict[str, Any]) -> str:
    size = f", {reading['size_bytes']:.0f} B" if "size_bytes" in reading else ""
    return amount(reading["cpu_us"]) + size


def said(result: dict[str, Any]) -> str:
    """When, and on what."""
    return (
        f"CPU time of one operation, the median of {result['rounds']} rounds; less is better. Measured on {result['date']} "
        f"on {result['cores']} cores with Python {result['python']}, SQLite {result['sqlite']}, eventsourcing "
        f"{result['eventsourcing']}; the disk took {result['fsync_us']:,} us for a small synced write."
    )


def filled(readme: str, result: dict[str, Any]) -> str:
    """The README with the result between the two marks."""
    text, places = PLACE.subn(lambda marks: f"{marks[1]}{table(result)}\n\n{said(result)}\n{marks[2]}", readme)
    if places != 1:
        raise SystemExit("the README has no place for the table: <!-- bench --> and <!-- /bench -->")
    return text


if __name__ == "__main__":
    README.write_text(filled(README.read_text(), json.loads(Path(sys.argv[1]).read_text())))
