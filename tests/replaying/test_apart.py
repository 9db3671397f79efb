"""Parts folded apart, whoever dies, comes twice or comes late: the build is the one that a serial rebuild makes."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from leftfold import App, View
from leftfold.core.errors import ConfigError, Fenced, IntegrityError
from leftfold.replaying import apart, held, parts
from leftfold.replaying.apart import Run
from tests.replaying.scene import PARTS, VIEWS, Killed, Scene, forgetful
from tests.segments.town import Earned, bracket

NAMES = [view.name for view in VIEWS]
GATE = ("households", "visits", "lamps")  # by stream with indexes, by several keys, with rows that come and go


@pytest.fixture(autouse=True)
def _small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "PAGE_EVENTS", 40)
    monkeypatch.setattr(parts, "SENT_ROWS", 5)


def die() -> None:
    raise Killed


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("faults", [False, True])
def test_the_parts_together_are_a_serial_rebuild(name: str, faults: bool, tmp_path: Path) -> None:
    scene = Scene(tmp_path, name, url=f"sqlite:{tmp_path / 'town.db'}?durability=relaxed", faults=faults)
    assert scene.whole(scene.begin()) == scene.expected
    assert bool(scene.expected["letters"]) == faults
    assert scene.places() == []
    scene.session.close()


@pytest.mark.parametrize("name", NAMES)
def test_with_time_and_memory_enough_each_row_is_written_once(name: str, tmp_path: Path) -> None:
    scene = Scene(tmp_path, name, faults=False)
    run = scene.begin()
    scene.met.writes = 0
    for part in range(PARTS):
        assert apart.fold_part(scene.session, run, part, scene.archive())
    lots = sum(
        -(-len([row for row in scene.expected["rows"] if parts.Part(PARTS, part).has(row.key)]) // 5)
        for part in range(PARTS)
    )
    assert scene.met.writes == lots + 2 * PARTS, "a mark, five rows at once, and the position with what is removed"
    assert apart.finish(scene.session, run)
    assert scene.seen(run) == scene.expected


@pytest.mark.parametrize("name", NAMES)
def test_rows_that_are_too_many_for_the_memory_are_written_and_read_again(name: str, tmp_path: Path) -> None:
    scene = Scene(tmp_path, name)
    run = scene.begin()
    for part in range(PARTS):
        assert apart.fold_part(scene.session, run, part, scene.archive(), rows_bytes=1000)
    assert scene.met.writes > 3 * PARTS
    assert apart.finish(scene.session, run)
    assert scene.seen(run) == scene.expected


def killed_everywhere(folder: Path, name: str) -> int:
    """A death before each write and after each, one at a time; how many there were."""
    scene = Scene(folder, name)
    run = scene.begin("counting")
    scene.met.writes = 0
    assert scene.whole(run) == scene.expected
    steps = scene.met.writes
    for step in range(1, steps + 1):
        for when in (scene.met.before, scene.met.after):
            run = scene.begin(f"{step} {when is scene.met.after}")
            scene.met.writes = 0
            when[step] = die
            assert scene.whole(run) == scene.expected, (step, when is scene.met.after)
            assert not scene.met.before
            assert not scene.met.after
            assert scene.places() == []
    return 2 * steps


@pytest.mark.parametrize(
    "name", [name if name in GATE else pytest.param(name, marks=pytest.mark.soak) for name in NAMES]
)
def test_killed_at_any_write_it_goes_on(
    name: str, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    deaths = killed_everywhere(tmp_path, name)
    record_property("figure", f"replay apart, {name}: killed before and after each of {deaths // 2} writes, all equal")


def doubled_everywhere(folder: Path, name: str) -> int:
    """At each write of a child another one of the same part comes in between and goes to the end."""
    scene = Scene(folder, name)
    run = scene.begin("counting")
    scene.met.writes = 0
    assert scene.whole(run) == scene.expected
    fenced = 0
    for step in range(1, scene.met.writes):
        run = scene.begin(f"{step}")
        scene.met.writes = 0
        for part in range(PARTS):

            def twin(part: int = part, run: Run = run) -> None:
                scene.until_end(run, part)

            if not part:
                scene.met.before[step] = twin
            while True:
                try:
                    if scene.child(run, part):
                        break
                except Fenced:
                    fenced += 1
        scene.met.before.clear()
        assert apart.finish(scene.session, run)
        assert scene.seen(run) == scene.expected, step
    return fenced


@pytest.mark.parametrize("name", ["households", "visits"])
def test_of_two_children_of_one_part_one_is_fenced(name: str, tmp_path: Path) -> None:
    assert doubled_everywhere(tmp_path, name)


@pytest.mark.parametrize("step", [1, 3, 6])
@pytest.mark.parametrize("name", ["households", "visits"])
def test_a_child_that_comes_late_after_promotion_changes_nothing(name: str, step: int, tmp_path: Path) -> None:
    scene = Scene(tmp_path, name)
    run = scene.begin()
    served: list[dict[str, Any]] = []

    def everything_else() -> None:
        assert scene.whole(run) == scene.expected
        apart.promote(scene.session, run)
        served.append(scene.seen(run))

    scene.met.writes = 0
    scene.met.before[step] = everything_else
    with pytest.raises(Fenced):
        scene.until_end(run, 0)
    assert scene.session.builds[name].builds().live == run.build
    assert [scene.seen(run)] == served
    for part in range(PARTS):
        with pytest.raises(ConfigError, match="is over: nothing more is written"):
            scene.child(run, part)
    assert scene.begin() == run, "a plan that comes late"
    with pytest.raises(ConfigError, match="is over: nothing more is written"):
        scene.child(run, 0)
    assert apart.finish(scene.session, run), "an end that comes late"
    assert not apart.abandon(scene.session, run), "and a way back that does"
    apart.promote(scene.session, run)
    assert [scene.seen(run)] == served
    assert scene.places() == []


def left_of(scene: Scene, run: Run) -> list[Any]:
    rows, dead = scene.session.backend.rows.scan(run.build), scene.session.backend.dead.list()
    names = [name for name in scene.session.backend.checkpoints.names() if name.startswith(run.build)]
    return [*rows, *names, *(letter for letter in dead if letter.subscriber.startswith(run.build))]


@pytest.mark.parametrize("step", [1, 3, 6])
def test_what_was_given_up_is_gone_and_stays_gone(step: int, tmp_path: Path) -> None:
    scene = Scene(tmp_path, "households")
    before = scene.session.builds["households"].builds()
    run = scene.begin()

    def give_up() -> None:
        scene.part(run, 1)
        assert left_of(scene, run)
        assert apart.abandon(scene.session, run)

    scene.met.writes = 0
    scene.met.before[step] = give_up
    with pytest.raises(Fenced):
        scene.until_end(run, 0)
    assert left_of(scene, run) == []
    with pytest.raises(ConfigError, match="is over"):
        apart.finish(scene.session, run)
    with pytest.raises(ConfigError, match="is no candidate any more"):
        apart.promote(scene.session, run)
    assert apart.abandon(scene.session, run)
    assert left_of(scene, run) == []
    assert scene.session.builds["households"].builds() == before


def test_a_build_that_lacks_a_part_is_never_found(tmp_path: Path) -> None:
    scene = Scene(tmp_path, "visits")
    run = scene.begin()
    scene.part(run, 0)
    scene.child(run, 1)
    scene.part(run, 2)
    before = scene.session.builds["visits"].builds()
    with pytest.raises(
        IntegrityError, match=rf"part 1 of '{run.build}' is at position \d+ of {scene.end}: fold it first"
    ):
        apart.finish(scene.session, run)
    assert scene.session.builds["visits"].builds() == before
    scene.part(run, 1)
    assert apart.finish(scene.session, run)
    assert scene.seen(run) == scene.expected


def test_two_replays_at_once_never_meet(tmp_path: Path) -> None:
    """The one that ends last is the candidate; what the other one made is gone, and its children are refused."""
    scene = Scene(tmp_path, "visits")
    one, other = scene.begin("one"), scene.begin("other")
    assert one.build != other.build
    for part in range(PARTS):
        scene.child(one, part)
        scene.part(other, part)
        scene.part(one, part)
    assert apart.finish(scene.session, one)
    assert apart.finish(scene.session, other)
    assert scene.seen(other) == scene.expected
    assert scene.session.builds["visits"].builds().candidate == other.build
    assert left_of(scene, one) == []
    with pytest.raises(ConfigError, match="is over"):
        apart.finish(scene.session, one)
    with pytest.raises(ConfigError, match="nothing was promoted"):
        apart.promote(scene.session, one)
    assert apart.abandon(scene.session, one)
    assert scene.seen(other) == scene.expected


def test_a_build_that_is_whole_survives_the_way_back(tmp_path: Path) -> None:
    scene = Scene(tmp_path, "visits")
    run = scene.begin()
    assert scene.whole(run) == scene.expected
    assert not apart.abandon(scene.session, run)
    assert scene.session.builds["visits"].builds().candidate == run.build
    assert scene.seen(run) == scene.expected


def test_other_code_does_not_go_on_with_it(tmp_path: Path) -> None:
    scene = Scene(tmp_path, "brackets")
    run = scene.begin()
    scene.child(run, 0)

    def changed(row: int, event: Earned) -> int:
        return row

    view = View("brackets", initial=0, evolve=changed, key=bracket)
    with App("town", deciders=forgetful.deciders, views=[view]).open(scene.backend) as session:
        for call in (lambda: apart.fold_part(session, run, 0, scene.archive()), lambda: apart.finish(session, run)):
            with pytest.raises(ConfigError, match="is not the one that began"):
                call()


@pytest.mark.parametrize("parts_", [0, apart.MAX_PARTS + 1])
def test_so_many_parts_are_refused(parts_: int, tmp_path: Path) -> None:
    scene = Scene(tmp_path, "brackets")
    with pytest.raises(ConfigError, match="parts must be 1 to"):
        apart.begin(scene.session, "brackets", "x", scene.archive(), parts_)


# Teeth: mistakes that the tests above must see.


def the_position_goes_first(patch: pytest.MonkeyPatch) -> None:
    real, whole, reached = apart._Place._write, apart._Place.write, list[int]()

    def write(place: Any, held_: Any, upto: int) -> None:
        reached[:] = [upto]
        whole(place, held_, upto)

    patch.setattr(apart._Place, "write", write)
    patch.setattr(apart._Place, "_write", lambda place, changes, position: real(place, changes, reached[0]))


def removed_rows_go_with_the_others(patch: pytest.MonkeyPatch) -> None:
    real = held.Held.changes
    patch.setattr(held.Held, "changes", lambda self: ([*real(self)[1], *real(self)[0]], []))


def rows_before_letters(patch: pytest.MonkeyPatch) -> None:
    """The lane's later events would be folded by a child that doesn't know of it."""
    patch.setattr(held.Held, "letters", lambda self: [])


def nobody_looks_into_the_store(patch: pytest.MonkeyPatch) -> None:
    real = held.Held.__init__

    def init(self: held.Held, *args: Any) -> None:
        real(self, *args)
        self._is_fresh = True

    patch.setattr(held.Held, "__init__", init)


def poison_is_forgotten_when_found_again(patch: pytest.MonkeyPatch) -> None:
    real = held.Held.__init__

    def init(self: held.Held, fold: Any, progress: Any, known: Any, stored: Any) -> None:
        real(self, fold, progress, [], stored)

    patch.setattr(held.Held, "__init__", init)


def old_index_entries_stay(patch: pytest.MonkeyPatch) -> None:
    real = held.Held._change
    patch.setattr(held.Held, "_change", lambda self, row, before: replace(real(self, row, before), dropped=()))


DEADLY = [
    (the_position_goes_first, "households"),
    (removed_rows_go_with_the_others, "lamps"),
    (rows_before_letters, "households"),
    (nobody_looks_into_the_store, "everybody"),
    (poison_is_forgotten_when_found_again, "visits"),
    (old_index_entries_stay, "households"),
]


@pytest.mark.parametrize(("bug", "name"), [pytest.param(*one, id=one[0].__name__) for one in DEADLY])
def test_the_deaths_catch(
    bug: Callable[[pytest.MonkeyPatch], None], name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bug(monkeypatch)
    with pytest.raises(AssertionError):
        killed_everywhere(tmp_path, name)


def careless(scene: Scene) -> None:
    scene.met.revision = lambda subscriber: scene.session.backend.checkpoints.load(subscriber).revision


def test_the_twins_catch_a_store_that_fences_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = Scene.begin
    monkeypatch.setattr(Scene, "begin", lambda scene, *args: (careless(scene), real(scene, *args))[1])
    with pytest.raises(AssertionError):
        test_of_two_children_of_one_part_one_is_fenced("households", tmp_path / "twins")
    with pytest.raises((pytest.fail.Exception, ConfigError)):  # it has written, and goes on until it looks at the build
        test_a_child_that_comes_late_after_promotion_changes_nothing("visits", 3, tmp_path / "late")


def test_a_build_that_two_runs_share_is_caught(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apart, "_build", lambda builds, run_id: builds.build_name(1, 10**6))
    with pytest.raises((AssertionError, ConfigError)):
        test_two_replays_at_once_never_meet(tmp_path)


def test_places_that_stay_are_caught(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without taking them away, a child may come and write whenever it likes."""
    monkeypatch.setattr(apart, "_forget", lambda session, run: None)
    with pytest.raises((AssertionError, ConfigError)):
        test_what_was_given_up_is_gone_and_stays_gone(3, tmp_path)
