"""A finding, and how templates are looked into."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

from msgspec import Struct

from leftfold.cloud.template import Json


class Finding(Struct, frozen=True):
    """What is wrong with a resource of a stack."""

    stack: str
    place: str
    what: str

    def __str__(self) -> str:
        return f"{self.stack} {self.place}: {self.what}"


def of_type(template: Json, kind: str) -> Iterator[tuple[str, Json]]:
    """Logical id and properties of each resource of a type."""
    for name, resource in template["Resources"].items():
        if resource["Type"] == kind:
            yield name, resource.get("Properties", {})


def at(part: Any, *path: str) -> Any:
    """What stands at a path of keys; None where there is nothing."""
    for name in path:
        part = cast("Json", part).get(name) if isinstance(part, dict) else None
    return part
