"""The tests of reading and restoring have teeth: each planted bug is seen by the one battery that all of them run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from msgspec.structs import replace

from leftfold import copying
from leftfold.adapters.memory import Memory
from leftfold.archive import Archive, Archiver, log as spanning_log, reader, spanning
from leftfold.core.errors import IntegrityError, LeftfoldError
from leftfold.ports.backend import Backend
from leftfold.testing.sample import Deposit, Open, account, bank
from tests.archive.damage import DAMAGE, altered, remade
from tests.archive.places import Shelf, filled, log, reacting

Plant = Callable[[pytest.MonkeyPatch], None]


def archived(events: int = 100) -> tuple[Backend, Shelf]:
    backend, shelf = filled(Memory().open(), events).backend, Shelf()
    Archiver(backend, shelf, segment_events=17).seal(force=True)
    return backend, shelf


def faults() -> Iterator[str]:
    """What a reader, a restore and a spanning log do wrong."""
    yield from unseen()
    yield from halves()
    yield from lost_ids()
    yield from done_again()
    yield from mixed()


def unseen() -> Iterator[str]:
    for what, damage in DAMAGE.items():
        _, shelf = archived()
        damage(shelf)
        if not raises(lambda shelf=shelf: Archive(shelf).check()):  # type: ignore[misc]
            yield f"not seen: {what}"


def halves() -> Iterator[str]:
    _, shelf = archived()
    remade(shelf, 3, altered)
    store = Memory().open()
    if not raises(lambda: copying.copy(Archive(shelf), store)) or store.log.end():
        yield "restored from a broken chain"
    source, shelf = archived()
    store = Memory().open()
    copying.copy(Archive(shelf), store)
    if log(store) != log(source):
        yield "another log"


def lost_ids() -> Iterator[str]:
    source, shelf, store = Memory().open(), Shelf(), Memory().open()
    accounts = bank.open(source).category(account)
    accounts.handle("ann", Open("Ann"), command_id="a")
    accounts.handle("bob", Open("Bob"), command_id="b", once="forever")
    Archiver(source, shelf).seal(force=True)
    copying.copy(Archive(shelf), store)
    restored = bank.open(store).category(account)
    if not restored.handle("ann", Deposit(1), command_id="a").repeated:
        yield "an id is forgotten"
    if not restored.handle("ann", Deposit(1), command_id="b", once="forever").repeated:
        yield "an id no longer counts in all streams"


def done_again() -> Iterator[str]:
    source, shelf, store = reacting(Memory().open()).backend, Shelf(), Memory().open()
    Archiver(source, shelf).seal(force=True)
    copying.copy(Archive(shelf), store)
    session = bank.open(store)
    session.category(account).handle("nobody", Open("Nobody"))
    session.catch_up()
    if session.category(account).state("nobody").balance:
        yield "what was refused was sent again"
    if [one.kind for one in session.operations.dead_letters()] != ["refused"]:
        yield "a dead letter is lost"


def mixed() -> Iterator[str]:
    backend, shelf = archived()
    both = spanning(backend, shelf)
    for after in range(backend.log.end()):
        if both.log.page(after=after, limit=20) != backend.log.page(after=after, limit=20):
            yield f"the spanning log has another page after {after}"
            break
    other = filled(Memory().open(), 200).backend
    if not raises(lambda: spanning(other, shelf).log.page()):
        yield "another store's archive is read as this one's"


def raises(call: Callable[[], object]) -> bool:
    try:
        call()
    except IntegrityError:
        return True
    return False


def checks_no_hash(patch: pytest.MonkeyPatch) -> None:
    linked = reader._check_linked
    patch.setattr(reader, "_check_linked", lambda one, after: linked(one, replace(after, previous=one.sha256)))


def accepts_a_gap(patch: pytest.MonkeyPatch) -> None:
    linked = reader._check_linked
    patch.setattr(reader, "_check_linked", lambda one, after: linked(one, replace(after, first=one.last + 1)))


def looks_at_no_head(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Archive, "_check_head", lambda self, head: None)


def compares_no_hash_with_the_head(patch: pytest.MonkeyPatch) -> None:
    check = Archive._check_head

    def weak(self: Archive, head: Any) -> None:
        if head.first in self._firsts:
            segment = self.opened(head.first)
            head = replace(head, last=segment.last, sha256=segment.sha256)
        check(self, head)

    patch.setattr(Archive, "_check_head", weak)


def begins_anywhere(patch: pytest.MonkeyPatch) -> None:
    check = Archive._check_link

    def weak(self: Archive, found: reader.Link) -> None:
        if found.first != self._firsts[0]:
            check(self, found)

    patch.setattr(Archive, "_check_link", weak)


def restores_before_it_checks(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Archive, "check", Archive.end)


def reads_one_segment_less(patch: pytest.MonkeyPatch) -> None:
    listed = Archive._list
    patch.setattr(Archive, "_list", lambda self: (listed(self), self._firsts.pop())[0])


def forgets_ids(patch: pytest.MonkeyPatch) -> None:
    made = copying._commit
    patch.setattr(copying, "_commit", lambda group: replace(made(group), command_id=None))


def forgets_forever(patch: pytest.MonkeyPatch) -> None:
    made = copying._commit
    patch.setattr(copying, "_commit", lambda group: replace(made(group), once="stream"))


def leaves_reactions_behind(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Archive, "subscribers", lambda self, end: [])


def leaves_letters_behind(patch: pytest.MonkeyPatch) -> None:
    seen = Archive.subscribers
    patch.setattr(Archive, "subscribers", lambda self, end: [replace(one, letters=()) for one in seen(self, end)])


def notes_no_reactions(patch: pytest.MonkeyPatch) -> None:
    from leftfold.archive import writer

    patch.setattr(writer, "carried", lambda backend, end: [])


def spans_one_too_few(patch: pytest.MonkeyPatch) -> None:
    page = Archive.page
    patch.setattr(Archive, "page", lambda self, *, after=0, limit=500: page(self, after=after + 1, limit=limit))


def takes_any_archive(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(spanning_log.SpanningLog, "_sealed_end", lambda self: self.archive.end())


BUGS: tuple[Plant, ...] = (
    *(checks_no_hash, accepts_a_gap, looks_at_no_head, compares_no_hash_with_the_head, begins_anywhere),
    *(restores_before_it_checks, reads_one_segment_less, forgets_ids, forgets_forever, leaves_reactions_behind),
    *(leaves_letters_behind, notes_no_reactions, spans_one_too_few, takes_any_archive),
)


def caught(bug: Plant) -> bool:
    with pytest.MonkeyPatch.context() as patch:
        bug(patch)
        try:
            return next(faults(), None) is not None
        except LeftfoldError:
            return True


def test_every_planted_bug_is_caught(record_property: Callable[[str, object], None]) -> None:
    assert list(faults()) == []
    found = [bug for bug in BUGS if caught(bug)]
    assert [bug.__name__ for bug in BUGS if bug not in found] == []
    record_property("figure", f"A4 teeth: {len(found)} of {len(BUGS)} caught")
