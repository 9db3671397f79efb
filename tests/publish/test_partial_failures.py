"""O2: partial PutEvents and PutRecords failures, lost replies, oversize: only the failed ones again, in order, none lost."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.publish import bugs
from tests.publish.lines import KINDS, Line
from tests.testbed.aws import Aws

TEETH = 40  # runs in which a planted mistake must show; most show in the first
SHARES = {"eventbridge": 0.4, "kinesis": 0.3, "kinesis aggregated": 0.3}


@pytest.fixture
def make_line(aws: Aws) -> Iterator[Callable[[str], Line]]:
    lines: list[Line] = []

    def make(kind: str) -> Line:
        lines.append(Line(aws, kind))
        return lines[-1]

    yield make
    for line in lines:
        line.close()


@pytest.mark.parametrize("runs", [500, pytest.param(10_000, marks=pytest.mark.soak)])
@pytest.mark.parametrize("kind", KINDS)
def test_only_what_failed_goes_again_and_nothing_is_lost_or_out_of_its_streams_order(
    kind: str, runs: int, make_line: Callable[[str], Line], record_property: Callable[[str, object], None]
) -> None:
    line = make_line(kind)
    assert [fault for seed in range(int(runs * SHARES[kind])) for fault in line.run(seed)] == []
    assert min(line.counted.values()) > 0
    record_property("figure", line.figure())


@pytest.mark.parametrize("bug", bugs.IN_THE_STORM, ids=lambda bug: bug.__name__)
def test_a_planted_mistake_is_found(
    bug: Callable[[pytest.MonkeyPatch], None], make_line: Callable[[str], Line], monkeypatch: pytest.MonkeyPatch
) -> None:
    line = make_line("kinesis")
    bug(monkeypatch)
    assert found_within(line, TEETH), f"{bug.__name__} went unseen in {TEETH} runs"


def found_within(line: Line, runs: int) -> bool:
    """Whether one of these runs shows the mistake; a run that never comes to its end shows it too."""
    for seed in range(runs):
        try:
            if line.run(seed):
                return True
        except AssertionError:
            return True
    return False
