"""A template as a whole: its size, its references, its logs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from leftfold.cloud.checks.finding import Finding, at, of_type
from leftfold.cloud.template import TEMPLATE_BYTES, TEMPLATE_RESOURCES, Json, references, text_of

MOST_OUTPUTS: Final = 200  # of one template (CloudFormation quotas)
_EXPORT: Final = re.compile(r"[A-Za-z0-9:-]{1,255}\Z")  # or creating the stack is refused; no linter knows it
PSEUDO: Final = ("AWS::",)


def check(stack: str, template: Json, templates: Mapping[str, Json]) -> Iterator[Finding]:
    count, size = len(template["Resources"]), len(text_of(template).encode())
    if count > TEMPLATE_RESOURCES:
        yield Finding(stack, "Resources", f"{count} resources; the limit is {TEMPLATE_RESOURCES}")
    if size > TEMPLATE_BYTES:
        yield Finding(stack, "Resources", f"{size:,} bytes; the limit is {TEMPLATE_BYTES:,}")
    known = {*template["Resources"], *template.get("Parameters", {})}
    exported = {at(one, "Export", "Name") for other in templates.values() for one in other.get("Outputs", {}).values()}
    for name, resource in template["Resources"].items():
        for found in sorted(set(references(resource)) - known):
            if not found.startswith(PSEUDO):
                yield Finding(stack, name, f"refers to {found}, which is not there")
        for found in sorted(set(_imports(resource)) - exported):
            yield Finding(stack, name, f"imports {found}, which no stack exports")
    outputs = template.get("Outputs", {})
    if len(outputs) > MOST_OUTPUTS:
        yield Finding(stack, "Outputs", f"{len(outputs)} outputs; the limit is {MOST_OUTPUTS}")
    for name, told in outputs.items():
        if "Export" in told and not _EXPORT.match(str(at(told, "Export", "Name"))):
            yield Finding(stack, name, "an export's name has letters, digits, `-` and `:` alone: Export")
    for name, log in of_type(template, "AWS::Logs::LogGroup"):
        if not log.get("RetentionInDays"):
            yield Finding(stack, name, "keeps its lines for ever: RetentionInDays")


def _imports(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        known: Json = part  # pyright: ignore[reportUnknownVariableType]
        for key, value in known.items():
            if key == "Fn::ImportValue":
                yield str(value)
            else:
                yield from _imports(value)
    elif isinstance(part, list):
        items: list[Any] = part  # pyright: ignore[reportUnknownVariableType]
        for one in items:
            yield from _imports(one)
