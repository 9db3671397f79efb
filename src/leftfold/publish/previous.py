"""The version of a stream's previous public event, found in the store by asking the rules again, and remembered."""

from __future__ import annotations

from typing import Any, Final

from leftfold.codec.envelope import Codec
from leftfold.core.attempt import Failed, attempt
from leftfold.core.events import Recorded, Stored
from leftfold.ports.store import PAGE_EVENTS, EventStore
from leftfold.publish.rules import Destination
from leftfold.subscriptions.feed import Interest, Unreadable, select

CACHE_STREAMS: Final = 10_000  # whose last public version is remembered: about 2 MB
LOOK_BACK: Final = 32  # events read at first; twice as many each time that none of them was public


class Previous:
    """What each stream published last. Nothing here is truth: it is read from the store wherever it isn't known.

    What is noted counts for the page under way; `settle` keeps what the checkpoint has passed.
    """

    def __init__(self, destination: Destination, interest: Interest, codec: Codec, store: EventStore) -> None:
        self._rules, self._interest = destination.rules, interest
        self._codec, self._store = codec, store
        self._known: dict[str, int] = {}
        self._page: dict[str, int] = {}
        self._noted: list[tuple[int, str, int]] = []

    def of(self, event: Recorded[Any]) -> int:
        """The version before the event's that these rules publish; 0 for the first."""
        stream = event.slots[0][0]
        found = self._page.get(stream)
        if found is None:
            found = self._known.get(stream)
        return self._look_back(stream, event.version) if found is None else found

    def note(self, event: Recorded[Any]) -> None:
        """The event is public: it is the previous one of the next."""
        stream = event.slots[0][0]
        self._page[stream] = event.version
        self._noted.append((event.position, stream, event.version))

    def forget(self, stream: str) -> None:
        """Events of the stream go by unseen: look again next time."""
        self._page.pop(stream, None)
        self._known.pop(stream, None)
        self._noted = [one for one in self._noted if one[1] != stream]

    def settle(self, reached: int) -> None:
        """Keep what stands at or before the position reached; what comes after it will be seen again."""
        for position, stream, version in self._noted:
            if position <= reached:
                self._known.pop(stream, None)  # the newest goes to the end, the oldest is dropped first
                self._known[stream] = version
        while len(self._known) > CACHE_STREAMS:
            del self._known[next(iter(self._known))]
        self._page.clear()
        self._noted.clear()

    def clear(self) -> None:
        """Somebody else has moved the subscriber meanwhile."""
        self._known.clear()
        self._page.clear()
        self._noted.clear()

    def _look_back(self, stream: str, version: int) -> int:
        size, end = LOOK_BACK, version - 1
        while end > 0:
            start = max(0, end - size)
            for stored in reversed(self._store.read(stream, after=start, limit=end - start)):
                if self._is_public(stored, stream):
                    return stored.version
            end, size = start, min(size * 2, PAGE_EVENTS)
        return 0

    def _is_public(self, stored: Stored, stream: str) -> bool:
        """An event that can't be read or mapped today counts: if it was given up, a gap is the truth."""
        seen = select(self._codec, [stored], self._interest)
        if not seen:
            return False
        (event,) = seen
        if isinstance(event, Unreadable):
            return True
        if event.slots[0][0] != stream:
            return False  # it is another stream's, and only stands here too
        made = attempt(self._rules[type(event.data)].of, event)
        return isinstance(made, Failed) or made is not None
