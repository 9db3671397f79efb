"""What Objects promise: whole objects under names, one winner where several create, names in order."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest

from leftfold.core.errors import IntegrityError
from leftfold.ports.objects import Objects
from leftfold.testing.contracts.base import HOSTILE_BYTES, all_at_once

MakeObjects = Callable[[], Objects]

CREATORS = 8


class ObjectsContract:
    """Subclass with the fixture `make_objects`: called again within a test it opens the same place."""

    @pytest.fixture
    def objects(self, make_objects: MakeObjects) -> Objects:
        return make_objects()

    def test_what_is_put_is_got(self, objects: Objects) -> None:
        for place, data in enumerate([*HOSTILE_BYTES, b""]):
            objects.put(f"some/where/{place}", data)
        assert [objects.get(f"some/where/{place}") for place in range(len(HOSTILE_BYTES) + 1)] == [*HOSTILE_BYTES, b""]

    def test_another_opening_sees_it(self, objects: Objects, make_objects: MakeObjects) -> None:
        objects.put("a", b"put")
        objects.create("b", b"created")
        assert (make_objects().get("a"), make_objects().get("b")) == (b"put", b"created")

    def test_putting_the_same_again_is_no_trouble(self, objects: Objects) -> None:
        objects.put("a", b"1")
        objects.put("a", b"1")
        assert objects.get("a") == b"1"
        assert list(objects.names()) == ["a"]

    def test_a_name_that_is_not_there_is_an_error(self, objects: Objects) -> None:
        objects.put("a/b", b"1")
        for name in ("b", "a", "a/c", "a/b/c"):
            with pytest.raises(IntegrityError):
                objects.get(name)

    def test_a_free_name_is_created_once_and_never_overwritten(self, objects: Objects) -> None:
        assert objects.create("log/1", b"first") is True
        assert objects.create("log/1", b"second") is False
        assert objects.create("log/1", b"first") is False
        assert objects.get("log/1") == b"first"

    def test_a_name_that_was_put_is_taken(self, objects: Objects) -> None:
        objects.put("a", b"put")
        assert objects.create("a", b"created") is False
        assert objects.get("a") == b"put"

    def test_of_many_creators_at_once_one_wins_and_its_bytes_are_there(
        self, objects: Objects, make_objects: MakeObjects
    ) -> None:
        for race in range(5):
            name = f"races/{race}"
            bodies = [b"%d" % creator * 10_000 for creator in range(CREATORS)]
            won = all_at_once([partial(make_objects().create, name, body) for body in bodies])
            assert sorted(won, key=bool) == [False] * (CREATORS - 1) + [True]
            assert objects.get(name) == bodies[won.index(True)]

    def test_nothing_stored_yet_has_no_names(self, objects: Objects) -> None:
        assert list(objects.names()) == list(objects.names("log/")) == list(objects.names("log/", after="log/1")) == []

    def test_names_come_in_order_whatever_the_order_of_writing(self, objects: Objects) -> None:
        names = ["log/10", "log/2", "log/0000", "b", "log-1", "log/3/1", "Z", "a_b", "log.x"]
        for name in names:
            objects.create(name, b"1")
        assert list(objects.names()) == sorted(names)

    def test_names_are_chosen_by_prefix_and_by_what_they_follow(self, objects: Objects) -> None:
        for name in ("log/1", "log/2", "log/3", "logs/1", "a/log/1"):
            objects.put(name, b"1")
        assert list(objects.names("log/")) == ["log/1", "log/2", "log/3"]
        assert list(objects.names("log/", after="log/1")) == ["log/2", "log/3"]
        assert list(objects.names("log/", after="log/15")) == ["log/2", "log/3"]
        assert list(objects.names("log/", after="log/3")) == []
        assert list(objects.names("lo", after="log/2")) == ["log/3", "logs/1"]

    def test_a_long_list_is_whole(self, objects: Objects) -> None:
        names = [f"log/{number:04d}" for number in range(40)]
        for name in reversed(names):
            objects.create(name, name.encode())
        assert list(objects.names("log/")) == names
        assert list(objects.names(after=names[17])) == names[18:]
