"""The generated handler modules of a bundle, as files."""

from __future__ import annotations

from typing import Final

from leftfold import lambdas
from leftfold.app import App

NOT_GENERATED: Final = {"inbound"}  # it takes more than the app: the user writes it


def handler_files(app: App, module: str, attribute: str) -> dict[str, bytes]:
    """`leftfold_NAME.py` for each handler that the app can have."""
    return {
        f"leftfold_{name}.py": _text(name, module, attribute).encode()
        for name in lambdas.__all__
        if name not in NOT_GENERATED
    }


def _text(name: str, module: str, attribute: str) -> str:
    first, _, rest = attribute.partition(".")
    app = f"{first}.{rest}" if rest else first
    return f"from leftfold.lambdas import {name}\nfrom {module} import {first}\n\nhandler = {name}({app})\n"
