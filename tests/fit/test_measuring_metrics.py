"""Metrics of handlers, as CloudWatch exports them: queries and conflicts, which no store records, and real rates."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from leftfold.core.errors import ConfigError
from leftfold.fit.advice import Measured
from leftfold.measuring import measure, of_traffic, read_metrics
from leftfold.measuring.traffic import LINE_BYTES, Traffic, traffic
from leftfold.telemetry import metrics
from leftfold.telemetry.lines import Telemetry
from leftfold.testing.clock import FrozenClock
from tests.fit.shelves import Put, fill, opened, shelf

START_S = 1_790_000_000.0
HOUR_S = 3600.0


class Function:
    """A handler's log, as it writes it."""

    def __init__(self, app: str = "shelves", handler: str = "commands") -> None:
        self.lines: list[str] = []
        self.now_s = START_S
        self._telemetry = Telemetry(self.lines.append, lambda: self.now_s, app=app, handler=handler)

    def commands(self, number: int, events: int, *, conflicted: int = 0, after_s: float = 0.0) -> None:
        self.now_s += after_s
        self._telemetry.log("info", "a line of the log", command="Put")
        self._telemetry.count(metrics.INVOCATIONS)
        for _ in range(number):
            self._telemetry.count(metrics.COMMANDS)
        self._telemetry.count(metrics.EVENTS_APPENDED, events)
        for _ in range(conflicted):
            self._telemetry.count(metrics.COMMANDS_CONFLICTED)
        self._telemetry.count(metrics.DURATION, 12.5)
        self._telemetry.flush()

    def queries(self, number: int, *, after_s: float = 0.0) -> None:
        self.now_s += after_s
        for _ in range(number):
            self._telemetry.count(metrics.QUERIES)
        self._telemetry.flush()

    def other(self) -> None:
        """What follows the log tells of itself, and an ingest appends events without commands."""
        self._telemetry.count(metrics.EVENTS_PASSED, 5, subscriber="notes")
        self._telemetry.count(metrics.EVENTS_APPENDED, 1000)
        self._telemetry.flush()


def day() -> list[str]:
    """40 commands, 30 events, 160 queries, in two hours."""
    written, read = Function(), Function(handler="queries")
    written.commands(10, 10)
    written.commands(30, 20, conflicted=1, after_s=2 * HOUR_S)
    read.queries(60, after_s=HOUR_S)
    read.queries(100, after_s=HOUR_S / 2)
    ingest = Function(handler="ingest")
    ingest.other()
    return [*written.lines, *read.lines, *ingest.lines]


def taken(lines: list[str], app: str | None = "shelves") -> Traffic:
    return traffic((line.encode() for line in lines), "day.log", app=app)


def check_the_day(found: Traffic) -> None:
    assert (found.commands, found.queries, found.appended, found.conflicted) == (40, 160, 30, 1)
    assert (found.lines, found.others, found.bad) == (4, 0, 4), "of the last, two are of the log and two of an ingest"
    assert (found.first_s, found.span_s) == (START_S, 2 * HOUR_S)


def plain(line: str) -> str:
    return line + "\n"


def tailed(line: str) -> str:
    """`aws logs tail`, and an export to S3."""
    return f"2026-11-23T10:00:00.000Z 2026/11/23/[$LATEST]0123 {line}\n"


def filtered(line: str) -> str:
    """A line of the document that `aws logs filter-log-events` prints."""
    return f'            "message": {json.dumps(line)},\n'


def one_by_one(line: str) -> str:
    """`... | jq -c .events[]`."""
    return json.dumps({"logStreamName": "x", "timestamp": 1, "message": line + "\n"}) + "\n"


def spread(line: str) -> str:
    """A CSV of Logs Insights."""
    quoted = line.replace('"', '""')
    return f'2026-11-23 10:00:00.000,"{quoted}"\n'


@pytest.mark.parametrize("form", [plain, tailed, filtered, one_by_one, spread])
def test_each_way_to_export_the_lines_says_the_same(form: Any) -> None:
    check_the_day(taken([form(line) for line in day()]))


def test_a_file_is_read_plain_or_packed(tmp_path: Path) -> None:
    text = "".join(map(plain, day())).encode()
    (tmp_path / "day.log").write_bytes(text)
    (tmp_path / "day.log.gz").write_bytes(gzip.compress(text))
    for name in ("day.log", "day.log.gz"):
        check_the_day(read_metrics(tmp_path / name, app="shelves"))


def test_lines_that_are_none_are_counted_and_stop_nobody() -> None:
    rubbish = [
        "START RequestId: 0123 Version: $LATEST",
        '{"_aws": {"Timestamp": 1}}',
        '{"_aws": {"Timestamp": -1}, "app": "shelves", "commands": 1}',
        '{"_aws": {"Timestamp": 1}, "app": "shelves", "commands": -1}',
        '{"_aws": {"Timestamp": 1}, "app": "shelves", "commands": "1"}',
        '{"_aws": {"Timestamp": 1}, "app": 3, "commands": 1}',
        '{"_aws": {"Timestamp": 1}, "app": "shelves", "commands": 1e300}',
        '{"_aws": {"Timestamp": 1e300}, "app": "shelves", "commands": 1}',
        '{"_aws": {"Timestamp": 1}, "app": "shelves", "commands": 1',
        '{"_aws": "', "}_aws{", "\udcff_aws{}", "[" * 5000 + '{"_aws":1}',
    ]  # fmt: skip
    lines = [line.encode("utf-8", "surrogateescape") for line in (*day(), *rubbish, "", "  ")]
    found = traffic(lines, "day.log", app="shelves")
    assert found.bad == 4 + len(rubbish)
    assert found.commands == 40


PIECES = st.sampled_from(
    b'{"_aws": {"Timestamp":1} "app":"shelves" "commands": 5 -5 1e308 1e999 NaN null { } , " "" [ ] \\ _aws'.split()
    + b'"message": \xff \x00'.split()
)


@settings(max_examples=200)
@given(st.lists(st.one_of(st.binary(max_size=30), st.lists(PIECES, max_size=12).map(b"".join)), max_size=6))
def test_no_line_whatever_it_holds_stops_the_others(lines: list[bytes]) -> None:
    found = traffic([*(line.encode() for line in day()), *lines], "day.log", app="shelves")
    assert found.lines + found.others + found.bad == len(day()) + sum(bool(line.strip()) for line in lines)
    assert found.commands >= 40


def test_a_line_without_an_end_is_taken_in_pieces(tmp_path: Path) -> None:
    path = tmp_path / "day.log"
    path.write_bytes(b"x" * (2 * LINE_BYTES + 1) + b"\n" + "".join(map(plain, day())).encode())
    found = read_metrics(path)
    assert (found.commands, found.bad) == (40, 4 + 3)


def test_values_that_came_as_a_list_are_summed() -> None:
    line = '{"_aws":{"Timestamp":1},"app":"shelves","commands":[1,2,3],"events_appended":[4]}'
    assert (taken([line]).commands, taken([line]).appended) == (6, 4)


def test_metrics_of_other_apps_are_left_out() -> None:
    other = Function(app="billing")
    other.commands(1000, 1000)
    found = taken([*day(), *other.lines])
    assert (found.commands, found.others) == (40, 1)


@pytest.mark.parametrize(
    ("lines", "app", "why"),
    [
        ([], "shelves", "--metrics day.log: none of its 0 lines counts commands or queries. Export the log groups"),
        (["START"] * 3, None, "none of its 3 lines counts commands or queries"),
        (day(), "billing", "it has metrics of 'shelves', and none of app 'billing'"),
    ],
)
def test_a_file_without_metrics_of_the_app_is_an_error(lines: list[str], app: str | None, why: str) -> None:
    with pytest.raises(ConfigError, match=why.replace("(", r"\(")):
        taken(lines, app)


def test_metrics_of_several_apps_need_one_to_be_named() -> None:
    other = Function(app="billing")
    other.commands(1, 1)
    with pytest.raises(ConfigError, match=r"several apps \('billing', 'shelves'\): say which one with --from APP"):
        taken([*day(), *other.lines], None)


@pytest.mark.parametrize(
    "content",
    [None, b"\x1f\x8b", gzip.compress(b"x" * 1000, mtime=0)[:-9], b"\x1f\x8b" + b"x" * 99],
    ids=["missing", "its first bytes", "cut", "something else"],
)
def test_a_file_that_cannot_be_read_is_an_error_with_its_name(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "day.log"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"--metrics .*day\.log"):
        read_metrics(path)


# what they say


def told(lines: list[str]) -> Measured:
    with opened() as session:
        fill(session)
        return measure(session, metrics=taken(lines))


def test_what_came_in_wins_over_what_was_recorded() -> None:
    found = told(day())
    assert found.answers["events_per_command"] == 30 / 40, "refused and repeated commands have none"
    assert found.answers["commands_per_s"] == 40 / (2 * HOUR_S)
    assert found.answers["queries_per_s"] == 160 / (2 * HOUR_S)
    assert found.answers["concurrent_writers"] is True
    assert found.answers["event_bytes"] == 30, "the store's"
    assert found.facts["queries_per_command"] == 4
    assert found.how["queries_per_s"] == "metrics of 2 hours"
    assert found.source == "shelves on memory:, and metrics in day.log"
    assert not any("give --commands-per-s" in note for note in found.notes)


def test_few_conflicts_say_nothing() -> None:
    some = Function()
    some.commands(999, 999, conflicted=0)
    some.commands(1001, 1001, conflicted=1)
    assert "concurrent_writers" not in told(some.lines).answers, "nor do they say that there is no contention"


def test_logs_of_different_times_are_told_of() -> None:
    written, read = Function(), Function(handler="queries")
    written.commands(100, 100)
    written.commands(100, 100, after_s=24 * HOUR_S)
    read.queries(100)
    read.queries(100, after_s=7 * 24 * HOUR_S)
    note = "commands were counted in 24 hours of 7 days alone: if the logs of their handler are of a shorter time,"
    assert [one.partition(" export")[0] for one in told([*written.lines, *read.lines]).notes if "alone" in one] == [
        note
    ]
    assert not [one for one in told(day()).notes if "alone" in one]


def test_a_short_time_has_no_rates() -> None:
    short = Function()
    short.commands(10, 10)
    short.queries(40, after_s=HOUR_S - 1)
    found = told(short.lines)
    assert not {"commands_per_s", "queries_per_s"} & found.answers.keys()
    assert "the metrics are of 60 minutes: under an hour, no rate is taken from them." in found.notes
    assert found.facts["queries_per_command"] == 4


def test_metrics_alone_say_what_they_can() -> None:
    found = of_traffic(taken(day(), None))
    assert found.source == "metrics in day.log"
    assert found.answers.keys() == {"events_per_command", "commands_per_s", "queries_per_s", "concurrent_writers"}
    assert found.answers.keys() == found.how.keys()


def test_queries_alone_say_no_more_than_their_rate() -> None:
    read = Function(handler="queries")
    read.queries(100)
    read.queries(100, after_s=10 * HOUR_S)
    found = of_traffic(taken(read.lines, None))
    assert found.answers == {"queries_per_s": 200 / (10 * HOUR_S)}
    assert found.notes == ("the metrics count no commands: export the logs of the handler of commands too.",)


def test_queries_a_command_make_a_rate_of_what_was_recorded() -> None:
    short = Function()
    short.commands(10, 8)
    short.queries(40, after_s=60)
    clock = FrozenClock()
    with opened(clock) as session:
        for _ in range(49):
            session.category(shelf).handle("left", Put(("x",)))
            clock.forward(HOUR_S)
        found = measure(session, metrics=taken(short.lines))
    commands_s = 49 / (48 * HOUR_S) * 10 / 8
    assert found.answers["commands_per_s"] == pytest.approx(commands_s), "two of ten left no event"
    assert found.answers["events_per_command"] == 0.8
    assert found.answers["queries_per_s"] == pytest.approx(4 * commands_s)
