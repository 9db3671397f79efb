"""What `leftfold doctor` makes of a DynamoDB store: each setting with a verdict, and what its roles must be allowed."""

from __future__ import annotations

from typing import Any, Final, Literal

from msgspec import Struct

CLOCK_S: Final = 10.0  # apart: a sixth of what the sequencer allows for, and no machine that keeps time is so far off

Level = Literal["ok", "risk", "fault", "hint"]


class Point(Struct, frozen=True):
    """One thing that was looked at."""

    level: Level
    subject: str
    message: str


def points_of(about: dict[str, Any]) -> list[Point]:
    troubles: dict[str, str] = about["troubles"]
    points = [Point("fault", table, message) for table, message in troubles.items()]
    points += [Point("ok", table, "there, keyed as ours.") for table in about["tables"] if table not in troubles]
    if "stream" in about:
        points += [_stream(about["stream"]), _billing(about["billing"]), _recovery(about["point_in_time_recovery"])]
        points.append(_protection(about["deletion_protection"]))
    if about["clock_apart_s"] is not None:
        points.append(_clock(about["clock_apart_s"]))
    return points + _rights(about["rights"])


def _stream(view: str) -> Point:
    if view in ("NEW_IMAGE", "NEW_AND_OLD_IMAGES"):
        return Point("ok", "stream", f"{view}: the sequencer hears of every commit.")
    return Point(
        "fault",
        "stream",
        f"{view}: nothing that another process appended gets its place in the log. Enable the events table's stream with "
        "the view type NEW_IMAGE (a stream of another type must be disabled first).",
    )


def _billing(mode: str) -> Point:
    if mode == "PAY_PER_REQUEST":
        return Point("ok", "billing", "on demand.")
    return Point(
        "risk", "billing", f"{mode}: commands are throttled over what is provisioned. Choose on demand, or scale."
    )


def _recovery(enabled: bool | None) -> Point:
    if enabled:
        return Point("ok", "recovery", "the events table can be restored to any second of the last days.")
    told = "can't be looked at with these rights" if enabled is None else "off"
    return Point(
        "risk",
        "recovery",
        f"point-in-time recovery is {told}: enable it for the events table, else no mistake is undone.",
    )


def _protection(enabled: bool) -> Point:
    if enabled:
        return Point("ok", "protection", "the events table can't be deleted by accident.")
    return Point("risk", "protection", "one call deletes the events table: enable its deletion protection.")


def _clock(apart: float) -> Point:
    from leftfold.adapters.dynamodb.finding import SKEW_US  # needs botocore, which the other verbs do without

    told = f"{abs(apart):.0f} s {'ahead of' if apart > 0 else 'behind'} DynamoDB's"
    if abs(apart) <= CLOCK_S:
        return Point("ok", "clock", f"at most {CLOCK_S:g} s from DynamoDB's.")
    return Point(
        "risk",
        "clock",
        f"{told}: the log's order allows for {SKEW_US // 10**6} s between writers. Let NTP set this clock.",
    )


def _rights(rights: dict[str, Any]) -> list[Point]:
    """Hints, not findings: nobody can look at a role's policy without rights of its own."""
    found: list[Point] = []
    for part, asked in rights["parts"].items():
        told = "; ".join(f"{', '.join(actions)} on {table}" for table, actions in asked.items())
        found.append(Point("hint", f"IAM, {part}", f"{told}."))
    keys = rights["leading_keys"]
    found.append(
        Point(
            "hint",
            "IAM, tenant",
            f'the condition "ForAllValues:StringLike": {{"dynamodb:LeadingKeys": ["{keys}"]}} keeps a role to this '
            "tenant's items. Not the sequencer's: Scan and the stream show those of all tenants.",
        )
    )
    return found
