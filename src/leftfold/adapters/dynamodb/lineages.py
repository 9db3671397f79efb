"""Lineages: which of many commits have to do with each other, and so must be written one after the other."""

from __future__ import annotations

from collections.abc import Sequence

from leftfold.core.commits import Commit


def lineages(commits: Sequence[Commit]) -> list[list[int]]:
    """The commits' places, by lineage, each in order. Those that name a common stream or command id are of one."""
    leader: dict[str, str] = {}

    def find(name: str) -> str:
        while leader[name] != name:
            leader[name] = leader[leader[name]]
            name = leader[name]
        return name

    for commit in commits:
        names = _names(commit)
        for name in names:
            leader.setdefault(name, name)
        for name in names[1:]:
            leader[find(name)] = find(names[0])
    lines: dict[str, list[int]] = {}
    for place, commit in enumerate(commits):
        lines.setdefault(find(_names(commit)[0]), []).append(place)
    return list(lines.values())


def _names(commit: Commit) -> list[str]:
    ids = [] if commit.command_id is None else [f"$cmd/{commit.command_id}"]
    return [commit.stream, *commit.expected, *ids]
