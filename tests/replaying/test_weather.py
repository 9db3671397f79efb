"""Parts on DynamoDB in bad weather, two children of each at a time: replies are lost, calls refused, throttled, broken."""

import random
import threading
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from leftfold import Session
from leftfold.adapters.dynamodb import open_dynamodb
from leftfold.adapters.dynamodb.rows import DynamoRows
from leftfold.adapters.folder import Folder
from leftfold.archive import Archive
from leftfold.core.errors import ConfigError, Fenced, StoreUnavailable
from leftfold.ports.rows import Change
from leftfold.replaying import apart, parts
from leftfold.replaying.apart import Run
from leftfold.replaying.held import Held
from tests.replaying.scene import Killed, forgetful, full
from tests.segments.test_replay import archived, built
from tests.segments.town import fill
from tests.testbed.aws import Aws
from tests.testbed.faults import BROKEN, CONFLICT, LOST, SLOW_DOWN, Faults

PARTS = 2
VIEWS = ("households", "visits", "lamps")


class Bay:
    """A town's tables, which several sessions open, each in its own weather."""

    def __init__(self, aws: Aws, folder: Path, exits: ExitStack, keys: int = 9) -> None:
        self._aws, self._folder, self._exits = aws, folder, exits
        with self.open(full) as session:
            fill(session, events=160, keys=keys, seed=5, faults=True)
            session.backend.log.place()
        self.fair = exits.enter_context(self.open(forgetful))
        archived(self.fair, folder, segment_events=60)

    def open(self, app: Any, faults: Faults | None = None) -> Session:
        backend = open_dynamodb(
            "town",
            prefix=self._aws.prefix,
            create=faults is None,
            client=self._aws.client("dynamodb", faults),
            streams=self._aws.client("dynamodbstreams"),
        )
        opened: Session = app.open(backend)
        return opened

    def archive(self) -> Archive:
        return Archive(Folder(self._folder))

    def crew(self, seed: int) -> Callable[[Run], None]:
        """One who does every call of a run, each again while it fails, in weather of his own."""
        faults = Faults(seed).rate(0.1, *LOST).rate(0.05, *SLOW_DOWN, CONFLICT).rate(0.05, *BROKEN)
        chance = random.Random(seed)
        session = self._exits.enter_context(self.open(forgetful, faults))

        def patiently(call: Callable[[], bool]) -> bool:
            """Call until it is done. False when the other crew has come to the end of it all before."""
            while True:
                try:
                    if call():
                        return True
                except (Fenced, StoreUnavailable):
                    continue
                except ConfigError as over:
                    if "is over" not in str(over):
                        raise
                    return False

        def work(run: Run) -> None:
            for part in chance.sample(range(PARTS), PARTS):
                left_s = partial(chance.choice, (0.0, 9.0))
                if not patiently(partial(apart.fold_part, session, run, part, self.archive(), left_s=left_s)):
                    return
            patiently(partial(apart.finish, session, run))

        return work


@pytest.mark.parametrize("seed", [1, *(pytest.param(seed, marks=pytest.mark.soak) for seed in range(2, 21))])
@pytest.mark.parametrize("view", VIEWS)
def test_whatever_the_weather_the_rows_are_those_of_a_rebuild(
    view: str, seed: int, aws: Aws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "PAGE_EVENTS", 40)
    with ExitStack() as exits:
        bay = Bay(aws, tmp_path, exits)
        expected = built(bay.fair, bay.fair.operations.rebuild(view))
        run = apart.begin(bay.fair, view, f"run {seed}", bay.archive(), PARTS)
        crews = [bay.crew(10 * seed), bay.crew(10 * seed + 1)]
        failed: list[BaseException] = []

        def watched(crew: Callable[[Run], None]) -> None:
            try:
                crew(run)
            except BaseException as error:  # any: it is raised below, in the test's own thread
                failed.append(error)

        threads = [threading.Thread(target=watched, args=(crew,)) for crew in crews]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if failed:
            raise failed[0]
        assert built(bay.fair, run.build) == expected
        assert expected["rows"]
        assert [name for name in bay.fair.backend.checkpoints.names() if "/" in name] == []


@pytest.mark.parametrize(("view", "at"), [("lamps", 0), ("households", 2)])
def test_rows_that_come_late_between_a_check_and_its_step_change_nothing(
    view: str, at: int, aws: Aws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DynamoDB checks the checkpoint first and moves it last: a child that sleeps in between writes rows when all is over.

    Among them are rows that the whole history has removed: what removed them must stand there.
    """
    monkeypatch.setattr(parts, "PAGE_EVENTS", 40)
    with ExitStack() as exits:
        bay = Bay(aws, tmp_path, exits, keys=24)
        expected = built(bay.fair, bay.fair.operations.rebuild(view))
        run = apart.begin(bay.fair, view, "late", bay.archive(), PARTS)
        late = exits.enter_context(bay.open(forgetful))
        real, seen = DynamoRows._write, [0]
        lock = threading.Lock()

        def everything() -> None:
            for part in range(PARTS):
                while not folded(bay, run, part):  # a row of the late child's was on its way: it is fenced, and goes on
                    pass
            assert apart.finish(bay.fair, run)

        def write(rows: DynamoRows, *args: Any) -> None:
            if rows is late.backend.rows:
                with lock:  # the writers of one page wait for it, all of them
                    seen[0] += 1
                    if seen[0] == at + 1:
                        everything()
            real(rows, *args)

        monkeypatch.setattr(DynamoRows, "_write", write)
        with pytest.raises(Fenced):
            until_end(late, run, bay.archive())
        assert built(bay.fair, run.build) == expected


def killed_at_its_first_rows(aws: Aws, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some rows are there, and no step says so; the next child has more time, and so rows of another position."""
    monkeypatch.setattr(parts, "PAGE_EVENTS", 40)
    with ExitStack() as exits:
        bay = Bay(aws, folder, exits, keys=24)
        expected = built(bay.fair, bay.fair.operations.rebuild("households"))
        run = apart.begin(bay.fair, "households", "killed", bay.archive(), PARTS)
        real, left = DynamoRows._write, [3]

        def write(rows: DynamoRows, *args: Any) -> None:
            left[0] -= 1
            if left[0] < 0:
                raise Killed
            real(rows, *args)

        with monkeypatch.context() as patch:
            patch.setattr(DynamoRows, "_write", write)
            with pytest.raises(Killed):
                until_end(bay.fair, run, bay.archive())
        for part in range(PARTS):
            assert apart.fold_part(bay.fair, run, part, bay.archive())
        assert apart.finish(bay.fair, run)
        assert built(bay.fair, run.build) == expected


def test_a_child_that_was_killed_at_its_first_rows_holds_nobody_up(
    aws: Aws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed_at_its_first_rows(aws, tmp_path, monkeypatch)


def test_a_place_that_does_not_say_that_it_was_touched_is_caught(
    aws: Aws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("leftfold.replaying.apart.BEGUN", 0)
    monkeypatch.setattr("leftfold.replaying.held.BEGUN", 10**6)
    with pytest.raises(Fenced):
        killed_at_its_first_rows(aws, tmp_path, monkeypatch)


def test_removed_rows_that_leave_no_trace_are_caught(aws: Aws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = Held.changes

    def changes(held: Held) -> tuple[list[Change], list[Change]]:
        kept, gone = real(held)
        return kept, [change for change in gone if change.before]

    monkeypatch.setattr(Held, "changes", changes)
    with pytest.raises(AssertionError):
        test_rows_that_come_late_between_a_check_and_its_step_change_nothing("lamps", 0, aws, tmp_path, monkeypatch)


def folded(bay: Bay, run: Run, part: int) -> bool:
    try:
        return apart.fold_part(bay.fair, run, part, bay.archive())
    except Fenced:
        return False


def until_end(session: Session, run: Run, archive: Archive) -> None:
    while not apart.fold_part(session, run, 0, archive, left_s=lambda: 0.0):
        pass
