"""Whatever files and flags hold, it is judged or refused in clear lines: never a traceback, never a screen of rubbish."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from leftfold.fit.costs.assumptions import ASSUMPTIONS
from leftfold.fit.numbers import MOST
from leftfold.fit.questions import QUESTIONS
from tests.cli.desk import Desk

LONGEST = 200  # characters of a fault's line

ONE_BY_ONE = """\
1,000|1 000|1.000,5|1'000|0,5|50%|2k|20/s|5 KB|$20|20 €|1/2|5-10|5+|~5|about 5|=1+1|1:30|2026-01-01
-0|-1|+3|++3|1e400|1e-400|1e|0x10|0b1|1__0|_1|1_|.|.5|1.|.inf|-.Inf|nan|∞|½|²|٣|9e14|7e-7
yes|Y|ja|on|maybe|no, never|~|null|unknown|?|[]|{}|[[]]|{a: b}|[a, b]|- a|>|>5|| |'|''|"|"\\e"|\\
core|Core|some|none|[sox, gdpr]|[none, sox]|[~]|sox; gdpr|<b>x</b>|#|@|%|`|*x|&x|!x|!!int 3|x: y|<<|💥
"\\U00110000"|"\\ud800"
"""
VALUES = (
    *(value for line in ONE_BY_ONE.splitlines() for value in line.split("|")),
    *("\x1b[31m", "\u202e", "\u2028", "\x85", "\0", "\uff13", "\u22123", "a" * 300, "9" * 5000, "[" * 99),
)

WHOLE: dict[str, str | bytes] = {
    "utf-16": "streams: 3".encode("utf-16"),
    "latin-1": b"context: caf\xe9",
    "zeros": b"\0" * 99,
    "merge keys": "<<: {streams: 3}",
    "laughs": "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]",
    "deep": "streams: " + "{a: " * 9000,
    "tabs": "streams:\t3\n\tcrud_verbs: no",
    "no blank": "streams:3",
    "two documents": "streams: 3\n---\nstreams: 3",
    "comments": "# streams: 3",
    "empty": "",
    "a list": "- streams: 3",
    "a word": "streams",
    "long key": f"{'k' * 900}: 3\n",
    "long tag": f"streams: !<{'t' * 5000}> 3",
    "large": "#" * 10_000_000,
}

PRICES = (
    *("", "3", "[]", "- s3.get", "s3.get", "s3.get:", "s3.get: 3", "s3.get: []", "x: {usd: 1}", '"\\e": {usd: 1}'),
    *(f"s3.get: {{usd: {text!r}, on: 2026-10-01, source: s}}" for text in ("-1", "nan", "1e300", "1,5", "", "x" * 999)),
    *(f"s3.get: {{usd: 1, per: {text!r}, on: 2026-10-01, source: s}}" for text in ("0", "-1", "1e-300", "all")),
    *(f"s3.get: {{usd: 1, on: {text!r}, source: s}}" for text in ("", "1.10.2026", "2999-01-01", "0000-00-00")),
    f"{'s' * 900}: {{usd: 1}}",
    f"s3.get: {{{'u' * 900}: 1}}",
)


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    return Desk(tmp_path, monkeypatch)


def told(desk: Desk, *args: str) -> list[str]:
    """The lines of the refusal; none where it was judged. `run` refuses tracebacks."""
    result = desk.run("fit", *args)
    assert result.exit_code in (0, 2, 3), result.output
    assert result.exit_code == 0 or result.stdout == ""
    lines = result.stderr.splitlines() if result.exit_code else []
    assert max(map(len, lines), default=0) <= LONGEST, lines
    assert all(line.isprintable() for line in lines)
    assert result.exit_code == 0 or lines
    return lines


def files() -> Iterator[tuple[str, str | bytes]]:
    yield from WHOLE.items()
    for value in VALUES:
        yield value, "".join(f"{question.key}: {value}\n" for question in QUESTIONS)
        yield f"assume {value}", f"streams: 3\nassume:\n  peak: {value}\n  {value}: 3\n"


def test_whatever_a_file_holds_it_is_judged_or_refused_with_its_lines(desk: Desk) -> None:
    file, refused = desk.folder / "h.yaml", 0
    for name, content in files():
        file.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass"))
        lines = told(desk, "h.yaml")
        assert all(line.removeprefix("ConfigError: ").startswith("h.yaml:") for line in lines), (name, lines)
        refused += bool(lines)
    assert refused > 180, "they are not that harmless"


def test_whatever_prices_hold_they_are_taken_or_refused_with_their_lines(desk: Desk) -> None:
    for line in PRICES:
        (desk.folder / "p.yaml").write_text(f"region: us-east-1\nprices:\n  {line}\n")
        (first, *_) = told(desk, "--crud-verbs", "no", "--prices", "p.yaml")
        assert first.startswith("ConfigError: p.yaml:"), line


def test_whatever_flags_say_they_are_taken_or_refused_by_their_names(desk: Desk) -> None:
    for value in VALUES:
        lines = told(desk, *(f"{question.flag}={value}" for question in QUESTIONS), f"--assume=peak={value}")
        faults = [line for line in lines if ": " in line and not line.startswith("Usage")]
        assert all(line.removeprefix("Error: ").startswith("--") for line in faults), lines


@pytest.mark.parametrize("most", [False, True])
def test_every_assumption_counts_at_its_limits(desk: Desk, most: bool) -> None:
    pairs = [f"{one.name}={min(one.most, MOST) if most else one.least:.17g}" for one in ASSUMPTIONS]
    for load in ([], ["--commands-per-s=0", "--queries-per-s=0"], ["--commands-per-s=1e9", "--event-bytes=1e9"]):
        assert told(desk, "--observed-not-decided=yes", *load, *(f"--assume={pair}" for pair in pairs)) == []
