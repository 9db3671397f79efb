"""The least domain: what is told is booked. For tests that count what a store is asked."""

from msgspec import Struct


class Book(Struct, frozen=True):
    text: str


class Booked(Struct, frozen=True):
    text: str


class Account:
    category, initial = "account", 0

    def decide(self, command: Book, booked: int) -> list[Booked]:
        return [Booked(command.text)]

    def evolve(self, booked: int, event: Booked) -> int:
        return booked + 1
