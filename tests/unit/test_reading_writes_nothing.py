"""Whoever reads a view writes nothing, not even the name of its first build: the reader may have no right to."""

from __future__ import annotations

from dataclasses import dataclass

from leftfold import App, View


@dataclass(frozen=True)
class Paid:
    cents: int


class Till:
    category, initial = "till", 0

    def decide(self, command: Paid, cents: int) -> list[Paid]:
        return [command]

    def evolve(self, cents: int, event: Paid) -> int:
        return cents + event.cents


till = Till()
sums = View("sums", initial=0, evolve=till.evolve, indexes={"cents": lambda cents: cents})
shop = App("shop", deciders=[till], views=[sums])


def test_a_view_that_nobody_has_folded_yet_is_empty_and_stays_unnamed() -> None:
    with shop.open("memory:") as session:
        outcome = session.category(till).handle("ann", Paid(5))
        reading = session.view(sums).get("ann", after=outcome.receipt, stale="allow")
        assert (reading.row, reading.exists, reading.stale) == (0, False, True)
        assert [*session.view(sums).find(cents=(0, None))] == []
        assert [*session.view(sums).scan()] == []
        assert session.backend.catalog.builds("sums").live is None


def test_what_was_read_before_is_the_build_that_is_folded_then() -> None:
    with shop.open("memory:") as session:
        outcome = session.category(till).handle("ann", Paid(5))
        assert session.view(sums).get("ann") == 0
        session.catch_up()
        assert session.view(sums).get("ann", after=outcome.receipt) == 5
