"""Plays one Markdown document in the current folder, as a stranger would who types what it says, in its order.

python -m tests.docs.run DOCUMENT. A failure is told as DOCUMENT:LINE, and the exit status is 1.
"""

import importlib
import os
import subprocess
import sys
import tempfile
import traceback
import types
from pathlib import Path

from tests.docs.blocks import Block, Command, Malformed, blocks_of, commands_of, shows

HOME = Path.cwd().resolve()  # the stranger's folder
COMMAND_S = 120  # a documented command that takes longer isn't one to show


class Failure(Exception):
    """What the document says did not happen; the message begins with the line."""


def play(document: Path) -> None:
    main = types.ModuleType("__main__")  # annotations are looked up in the module that a class says it is from
    sys.modules["__main__"] = main
    sys.path.insert(0, "")
    sys.dont_write_bytecode = True  # a file that is rewritten within a second would keep its old bytecode
    for block in blocks_of(document.read_text()):
        match block.kind:
            case "run":
                exec(compile("\n" * (block.line - 1) + block.text, str(document), "exec"), main.__dict__)
            case "write":
                write(block)
            case "console":
                for command in commands_of(block):
                    run(command)
            case "show":
                pass


def write(block: Block) -> None:
    path = Path(block.title)
    if path.is_absolute() or ".." in path.parts:
        raise Failure(f"{block.line}: {path} is outside of the reader's folder")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(block.text)
    forget_modules()


def forget_modules() -> None:
    """So that a file that the document changes is read again, with all that imports it."""
    for name, module in list(sys.modules.items()):
        origin = getattr(module, "__file__", None) or next(iter(getattr(module, "__path__", ())), None)
        if origin and HOME in Path(origin).resolve().parents:
            del sys.modules[name]
    importlib.invalidate_caches()


def run(command: Command) -> None:
    """In a shell, and in the folder it leaves: `cd` holds for the rest of the document."""
    with tempfile.NamedTemporaryFile("r") as where:
        done = shell(f'{command.text}\nstatus=$?; pwd > "{where.name}"; exit $status')
        folder = where.read().removesuffix("\n")
    if done.returncode:
        raise Failure(f"{command.line}: `{command.text}` exits with {done.returncode}\n{done.stdout}")
    if not shows(command.shown, done.stdout):
        shown = "\n".join(command.shown)
        raise Failure(f"{command.line}: `{command.text}`\n--- shown\n{shown}\n--- printed\n{done.stdout}")
    os.chdir(folder or ".")


def shell(script: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        ["sh", "-c", script],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=COMMAND_S,
        check=False,
    )


def told(document: Path, fault: BaseException) -> str:
    """The fault as FILE:LINE, the line being the last one of the document that it passed through."""
    if isinstance(fault, Failure | Malformed):
        return f"{document}:{fault}"
    lines = [frame.lineno for frame in traceback.extract_tb(fault.__traceback__) if frame.filename == str(document)]
    line = fault.lineno if isinstance(fault, SyntaxError) and fault.filename == str(document) else (lines or [1])[-1]
    return f"{document}:{line}: {type(fault).__name__}\n{''.join(traceback.format_exception(fault))}"


def main() -> int:
    document = Path(sys.argv[1])
    sys.path.remove(os.environ.pop("PYTHONPATH"))  # a stranger doesn't have our tests
    try:
        play(document)
    except BaseException as fault:  # any: a documented example may fail in any way, sys.exit included
        print(told(document, fault))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
