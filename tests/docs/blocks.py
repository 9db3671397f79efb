"""The fenced blocks of a Markdown text, and what is to be done with each.

```python                      run, in one namespace with the blocks before it
```python title="account.py"   written as that file (so is any other language with a title)
```console                     each `$ ` line is a command, and what follows it is its output
```python no-run: the reason   neither; the reason is required
```text and the rest           shown only
"""

import re
from dataclasses import dataclass
from typing import Literal

Kind = Literal["run", "write", "console", "show"]
FENCE = re.compile(r"^(?P<indent>\s*)(?P<ticks>`{3,}|~{3,})(?P<info>[^`]*)$")
TITLE = re.compile(r'\btitle="([^"]+)"')
LOOKALIKES = {  # a block that looks as if it were executed, under a name that isn't
    "py": "python",
    "python3": "python",
    "pycon": "python",
    "sh": "console",
    "bash": "console",
    "shell": "console",
}


class Malformed(Exception):
    """A document that cannot be played as it is meant."""


@dataclass(frozen=True)
class Block:
    line: int  # of its first line inside the fence, counted from 1
    kind: Kind
    text: str
    title: str = ""


def blocks_of(document: str) -> list[Block]:
    """The blocks in their order; raises Malformed with the line that needs a hand."""
    found: list[Block] = []
    lines = enumerate(document.splitlines(), 1)
    for number, line in lines:
        if not (opening := FENCE.match(line)):
            continue
        body = []
        for _, inside in lines:
            if (
                (closing := FENCE.match(inside))
                and closing["ticks"].startswith(opening["ticks"])
                and not closing["info"]
            ):
                break
            body.append(inside.removeprefix(opening["indent"]))
        else:
            raise Malformed(f"{number}: the fence is never closed")
        found.append(_block(number, opening["info"].strip(), "".join(f"{line}\n" for line in body)))
    return found


def _block(fence: int, info: str, text: str) -> Block:
    words, no_run, reason = info.partition("no-run")
    language = words.split()[0] if words.split() else ""
    title = TITLE.search(words)
    if no_run:
        if not re.match(r":\s*\S", reason):
            raise Malformed(f"{fence}: a block that isn't run says why: `no-run: reason`")
        return Block(fence + 1, "show", text)
    if title:
        return Block(fence + 1, "write", text, title[1])
    if language in LOOKALIKES:
        raise Malformed(f"{fence}: {language!r} is not run: say {LOOKALIKES[language]!r}, or `no-run: reason`")
    kinds: dict[str, Kind] = {"python": "run", "console": "console"}
    return Block(fence + 1, kinds.get(language, "show"), text)


@dataclass(frozen=True)
class Command:
    line: int
    text: str
    shown: list[str]  # the output that the document shows; none shown, none compared


def commands_of(block: Block) -> list[Command]:
    """`$ ` begins a command; a backslash at its end continues it on the next line."""
    found: list[Command] = []
    continued = False
    for number, line in enumerate(block.text.splitlines(), block.line):
        if continued:
            last = found.pop()
            found.append(Command(last.line, f"{last.text}\n{line.removeprefix('> ')}", []))
        elif line.startswith("$ "):
            found.append(Command(number, line.removeprefix("$ "), []))
        elif found:
            found[-1].shown.append(line)
        elif line.strip():
            raise Malformed(f"{number}: output before the first `$ ` command")
        continued = found[-1].text.endswith("\\") if found and not found[-1].shown else False
    return found


def shows(shown: list[str], output: str) -> bool:
    """Whether `output` is what was shown: `...` on a line stands for anything in it, alone for any lines.

    Two blanks or more stand for as many: what a table's `...` stands for says how wide its column is.
    """
    lines = [line.rstrip() for line in shown]
    while lines and not lines[-1]:
        lines.pop()
    pattern = "".join(
        r"(?:.*\n)*" if line.strip() == "..." else r".*".join(map(_escaped, line.split("..."))) + r"\n"
        for line in lines
    )
    actual = "".join(f"{line.rstrip()}\n" for line in output.rstrip().splitlines())
    return not lines or re.fullmatch(pattern, actual) is not None


def _escaped(text: str) -> str:
    return " {2,}".join(re.escape(part) for part in re.split(" {2,}", text))
