"""What roles allow for days that the deployed runs don't see, each with its reason, and in test_seldom.py its need."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Seldom:
    name: str
    why: str
    kinds: tuple[str, ...]
    grants: tuple[tuple[str, str], ...]  # statement and action

    def __str__(self) -> str:
        return self.name


LARGE_COMMIT: Final = Seldom(
    "a large commit",
    "events of one commit that are over 300 KB together go to the bucket, and are read from there",
    ("commands", "reactor", "timers", "tasks"),
    (("LargeBodies", "s3:PutObject"), ("LargeBodies", "s3:GetObject")),
)
AGAIN: Final = Seldom(
    "a command that comes again",
    "the commit that its id made is looked up, in a process that has not made it",
    ("reactor", "timers", "tasks"),
    (("EventsRows", "dynamodb:GetItem"),),
)
MANY_LANES: Final = Seldom(
    "many parked lanes",
    "more lanes than a checkpoint's item holds stand in items of their own, which come and go with the checkpoint",
    ("projector", "reactor", "replayer"),
    (("LogRows", "dynamodb:BatchGetItem"), ("LogRows", "dynamodb:BatchWriteItem")),
)
PARKED_ROW: Final = Seldom(
    "a row of a parked lane",
    "who reads rows is told what they are blocked by, who writes a head notes it: lanes and letters are looked at",
    ("queries", "archiver", "timers"),
    (("LogRows", "dynamodb:BatchGetItem"), ("LogRows", "dynamodb:Query")),
)
REPLACED: Final = Seldom(
    "a build that another replaced",
    "its rows are dropped when a further version of the view is deployed, or a replay begins anew",
    ("projector", "replayer"),
    (("ViewsRows", "dynamodb:BatchWriteItem"), ("ViewsRows", "dynamodb:Query"), ("LogRows", "dynamodb:DeleteItem")),
)
MOVED: Final = Seldom(
    "rows behind the archive's end",
    "what a replay finds in the log alone is folded as a projector does: rows are read, and their index entries move",
    ("replayer",),
    (("ViewsRows", "dynamodb:BatchGetItem"), ("ViewsRows", "dynamodb:DeleteItem")),
)
FORGOTTEN: Final = Seldom(
    "a stream that has forgotten",
    "what the table's stream no longer shows is looked for in the table itself, and the place in the stream written down",
    ("sequencer",),
    (("EventsTable", "dynamodb:Scan"), ("EventsRows", "dynamodb:Query"), ("LogRows", "dynamodb:UpdateItem")),
)
REFUSED: Final = Seldom(
    "a process's command that is refused",
    "the refusal is recorded on the condition that the stream which refused is still as it was",
    ("reactor",),
    (("EventsRows", "dynamodb:ConditionCheckItem"),),
)
COLD_ARCHIVER: Final = Seldom(
    "a cold archiver",
    "it compares the archive's last segment with the log before it goes on",
    ("archiver",),
    (("Segments", "s3:GetObject"),),
)
NEAR_RING: Final = Seldom(
    "an early ring",
    "a ring that comes before its time, by less than a queue's delay, is sent to the queue again",
    ("timers",),
    (("Rings", "sqs:SendMessage"),),
)
ANSWERED: Final = Seldom(
    "an answer that is there already",
    "somebody answered before the state machine came to wait: its task is told at once",
    ("tasks",),
    (("Machines", "states:SendTaskSuccess"),),
)

SELDOM: Final = (
    *(LARGE_COMMIT, AGAIN, MANY_LANES, PARKED_ROW, REPLACED, MOVED),
    *(FORGOTTEN, REFUSED, COLD_ARCHIVER, NEAR_RING, ANSWERED),
)
