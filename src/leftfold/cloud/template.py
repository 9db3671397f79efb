"""What templates are made of: references, names, and the bytes of a template."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from leftfold.core.errors import ConfigError

Json = dict[str, Any]

_OTHER: Final = re.compile(r"[^A-Za-z0-9]+")

NAME_CHARS: Final = (
    64  # of a function's name (Lambda), of a schedule's and a state machine's (80 there): the least of them
)
TEMPLATE_BYTES: Final = 1_000_000  # of a template in S3: 1 MB (CloudFormation quotas)
TEMPLATE_RESOURCES: Final = 500  # of one template (CloudFormation quotas)


def ref(name: str) -> Json:
    return {"Ref": name}


def att(name: str, attribute: str = "Arn") -> Json:
    return {"Fn::GetAtt": [name, attribute]}


def sub(text: str) -> Json:
    return {"Fn::Sub": text}


def imported(name: str) -> Json:
    """A value that another stack exports."""
    return {"Fn::ImportValue": name}


def arn(service: str, rest: str) -> Json:
    """The ARN of something in the stack's own account and region."""
    return sub(f"arn:${{AWS::Partition}}:{service}:${{AWS::Region}}:${{AWS::AccountId}}:{rest}")


def camel(*names: str) -> str:
    """A logical id: letters and digits, each word with a capital. `ingest`, `door_readings` -> `IngestDoorReadings`."""
    return "".join(word[:1].upper() + word[1:] for word in _OTHER.split("_".join(names)) if word)


def check_distinct(ids: Iterable[tuple[str, str]]) -> None:
    """Raise ConfigError where two names come to one logical id, as `a_b` and `a__b`: one would stand for the other."""
    known: dict[str, str] = {}
    for made, name in ids:
        if known.setdefault(made, name) != name:
            raise ConfigError(f"{known[made]!r} and {name!r} would both be {made} in the template: rename one of them.")


def short(name: str, chars: int = NAME_CHARS) -> str:
    """The name, or where it is too long its beginning and its digest."""
    if len(name) <= chars:
        return name
    return f"{name[: chars - 9]}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def tagged(tags: Mapping[str, str]) -> list[Json]:
    return [{"Key": key, "Value": value} for key, value in sorted(tags.items())]


def merged(base: Any, over: Any) -> Any:
    """`base` with `over` laid on it: objects key by key, null takes a key away, all else is replaced."""
    if not isinstance(base, dict) or not isinstance(over, dict):
        return over
    known: Json = dict(base)  # pyright: ignore[reportUnknownArgumentType]
    wanted: Json = over  # pyright: ignore[reportUnknownVariableType]
    for key, value in wanted.items():
        if value is None:
            known.pop(key, None)
        else:
            known[key] = merged(known.get(key), value)
    return known


def text_of(template: object) -> str:
    """The bytes of a template: sorted keys, two spaces, a newline at the end."""
    return json.dumps(template, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def references(part: object) -> Iterable[str]:
    """Every logical id and parameter that a part of a template refers to by Ref or GetAtt."""
    if isinstance(part, dict):
        known: Json = part  # pyright: ignore[reportUnknownVariableType]
        for key, value in known.items():
            if key == "Ref" and isinstance(value, str):
                yield value
            elif key == "Fn::GetAtt" and isinstance(value, list):
                yield str(value[0])  # pyright: ignore[reportUnknownArgumentType]
            else:
                yield from references(value)
    elif isinstance(part, list):
        items: list[Any] = part  # pyright: ignore[reportUnknownVariableType]
        for one in items:
            yield from references(one)
