"""YAML with places: what a file says, as text, and the line on which it says it. What the text means is its reader's to say.

Aliases and tags are refused: no file of ours needs them, and a few lines of aliases can say gigabytes.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Final

from msgspec import Struct

from leftfold.core.errors import ConfigError
from leftfold.fit.numbers import SHOWN, shown

MAX_FILE_BYTES: Final = 262_144  # a questionnaire is 3 KB and a price file 20 KB; YAML is read at some 100 KB/s
MAX_DEPTH: Final = 8  # mappings in mappings: the deepest file of ours has three
NULLS: Final = frozenset({"", "~", "null", "Null", "NULL"})


class Scalar(Struct, frozen=True):
    """One value as it is written. `quoted`: "yes" in quotes is a text, not a yes."""

    text: str
    line: int
    quoted: bool = False

    @property
    def is_null(self) -> bool:
        return not self.quoted and self.text in NULLS


class Listing(Struct, frozen=True):
    """`- one` or `[one, two]`."""

    items: tuple[Node, ...]
    line: int


class Entry(Struct, frozen=True):
    """`key: value`, on the key's line. A key may come more than once: that is for the reader to refuse."""

    key: str
    value: Node
    line: int


class Mapping(Struct, frozen=True):
    """Keys and values, in the file's order."""

    entries: tuple[Entry, ...]
    line: int

    def get(self, key: str) -> Node | None:
        return next((entry.value for entry in self.entries if entry.key == key), None)

    def repeated(self) -> tuple[tuple[Entry, Entry], ...]:
        """Each key that comes again: its first entry and the later one."""
        first: dict[str, Entry] = {}
        again: list[tuple[Entry, Entry]] = []
        for entry in self.entries:
            if first.setdefault(entry.key, entry) is not entry:
                again.append((first[entry.key], entry))
        return tuple(again)


Node = Scalar | Listing | Mapping


class Faults:
    """Everything that is wrong with one file, each with its line: raised together, in the file's order."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._found: list[tuple[int, str]] = []

    def add(self, line: int, key: str, what: str, do: str) -> None:
        self._found.append((line, f"{self.name}:{line}: {named(key)}: {what}; {do}"))

    def check(self) -> None:
        """Raises ConfigError, with one line a fault."""
        if self._found:
            raise ConfigError("\n".join(said for _, said in sorted(self._found, key=lambda one: one[0])))


def named(key: str) -> str:
    """A key in its fault, which is one line."""
    return key if key.isprintable() and len(key) <= 2 * SHOWN else shown(key)


def near(word: str, known: Iterable[str], *, otherwise: str) -> str:
    """What to do about a word that nobody knows."""
    close = get_close_matches(word, list(known), n=1)
    return f"did you mean {close[0]!r}?" if close else otherwise


def document(text: str | bytes, name: str) -> Mapping:
    """The mapping that a file holds. Raises ConfigError, with the line, for what is no YAML or no mapping."""
    if len(text) > MAX_FILE_BYTES:
        raise ConfigError(f"{name}:1: the file has over {MAX_FILE_BYTES:,} bytes; no file of this form has.")
    try:
        decoded = text.decode("utf-8") if isinstance(text, bytes) else text
    except UnicodeDecodeError as error:
        line = text[: error.start].count(b"\n") + 1 if isinstance(text, bytes) else 1
        raise ConfigError(f"{name}:{line}: the file is not UTF-8; save it as UTF-8.") from error
    root = _tree(decoded, name)
    if not isinstance(root, Mapping):
        raise ConfigError(f"{name}:{root.line}: the file is no mapping; write lines of `key: value`.")
    return root


class _Open:
    """A listing or mapping whose end has not come yet."""

    def __init__(self, line: int, *, is_mapping: bool) -> None:
        self.line = line
        self.is_mapping = is_mapping
        self.items: list[Node] = []

    def close(self, name: str) -> Node:
        if not self.is_mapping:
            return Listing(tuple(self.items), self.line)
        entries: list[Entry] = []
        for key, value in zip(self.items[::2], self.items[1::2], strict=True):
            if not isinstance(key, Scalar):
                raise ConfigError(f"{name}:{key.line}: a key is a list or a mapping; write `key: value`.")
            entries.append(Entry(key.text, value, key.line))
        return Mapping(tuple(entries), self.line)


def _tree(text: str, name: str) -> Node:
    """Built from the parser's events with a stack of our own, so that no depth of a file exhausts Python's."""
    import yaml  # any Lambda function sees this room's types, and none reads YAML

    stack = [_Open(1, is_mapping=False)]
    documents = 0
    try:
        for event in yaml.parse(text, Loader=yaml.SafeLoader):
            line = event.start_mark.line + 1 if event.start_mark else 1
            documents += isinstance(event, yaml.DocumentStartEvent)
            _refuse(event, line, name, depth=len(stack), documents=documents)
            if isinstance(event, yaml.ScalarEvent):
                stack[-1].items.append(Scalar(event.value, line, quoted=event.style is not None))
            elif isinstance(event, yaml.CollectionStartEvent):
                stack.append(_Open(line, is_mapping=isinstance(event, yaml.MappingStartEvent)))
            elif isinstance(event, yaml.CollectionEndEvent):
                closed = stack.pop().close(name)
                stack[-1].items.append(closed)
    except (yaml.YAMLError, ValueError, OverflowError) as error:  # the last two of characters beyond Unicode's
        raise ConfigError(_broken(error, text, name)) from error
    return stack[0].items[0] if stack[0].items else Mapping((), 1)


def _refuse(event: object, line: int, name: str, *, depth: int, documents: int) -> None:
    import yaml

    if isinstance(event, yaml.AliasEvent):
        raise ConfigError(f"{name}:{line}: an alias ({shown(str(event.anchor))}); write the value itself.")
    if isinstance(event, yaml.ScalarEvent | yaml.CollectionStartEvent) and event.tag not in (None, "!"):
        raise ConfigError(f"{name}:{line}: a tag ({shown(str(event.tag))}); write the value without it.")
    if isinstance(event, yaml.ScalarEvent) and event.style in ("|", ">") and not event.value.strip():
        raise ConfigError(f"{name}:{line}: a text after {event.style} that is empty; write it on the key's line.")
    if isinstance(event, yaml.CollectionStartEvent) and depth > MAX_DEPTH:
        raise ConfigError(f"{name}:{line}: nested deeper than {MAX_DEPTH} levels; no file of this form is.")
    if documents > 1:
        raise ConfigError(f"{name}:{line}: a second document (---); write one file for each.")


def _broken(error: Exception, text: str, name: str) -> str:
    import yaml

    if isinstance(error, yaml.reader.ReaderError):  # of a character that may not be there there is no mark
        line = text[: error.position].count("\n") + 1
        return f"{name}:{line}: no YAML: the character {text[error.position]!a} may not be in a file; take it out."
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    problem = getattr(error, "problem", None) or "a character that there is not"
    said = " ".join(str(problem).split())
    do = "write blanks in place of the tab" if "\\t" in said else "quote the text, or mend the line above"
    return f"{name}:{mark.line + 1 if mark is not None else 1}: no YAML: {said}; {do}."
