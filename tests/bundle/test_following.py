"""What is heard of a stack that is being changed: each event once, in order, to the stack's own end."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from leftfold import ConfigError, StoreUnavailable
from leftfold.adapters.cloudformation import FOLLOW_WITHIN_S, Happened, Stacks

STACK = "AWS::CloudFormation::Stack"
Line = tuple[str, str, str]  # a resource, its status, why


class Slow:
    """CloudFormation as it answers while a stack changes: at each look there is a little more, and one event a page."""

    def __init__(self, *looks: list[Line]) -> None:
        self.looks, self.told = list(looks), list[dict[str, str]]()
        self.made, self.seconds = 0, 0.0

    def describe_stack_events(self, *, StackName: str, NextToken: str = "0") -> dict[str, Any]:
        if NextToken == "0" and self.looks:
            self.told += [self._event(StackName, *line) for line in self.looks.pop(0)]
        newest = self.told[::-1]
        at = int(NextToken)
        more = {"NextToken": str(at + 1)} if at + 1 < len(newest) else {}
        return {"StackEvents": newest[at : at + 1], **more}

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds

    def _event(self, stack: str, resource: str, status: str, reason: str) -> dict[str, str]:
        kind = STACK if resource == stack else "AWS::SQS::Queue"
        self.made += 1
        return {
            "EventId": str(self.made),
            "LogicalResourceId": resource,
            "ResourceType": kind,
            "ResourceStatus": status,
            "ResourceStatusReason": reason,
        }


def followed(client: Slow, after: str | None = None) -> list[tuple[str, str]]:
    stacks = Stacks(client, sleep=client.sleep, now=lambda: client.seconds)
    return [(event.resource, event.status) for event in stacks.follow("shop", after=after)]


BEGUN = ("shop", "CREATE_IN_PROGRESS", "")


def test_each_event_is_told_once_in_its_order_until_the_stack_is_done() -> None:
    client = Slow(
        [BEGUN],
        [],
        [("A", "CREATE_IN_PROGRESS", ""), ("B", "CREATE_IN_PROGRESS", "")],
        [("B", "CREATE_COMPLETE", "")],
        [("A", "CREATE_COMPLETE", ""), ("shop", "CREATE_COMPLETE", "")],
    )
    assert followed(client) == [
        ("shop", "CREATE_IN_PROGRESS"),
        ("A", "CREATE_IN_PROGRESS"),
        ("B", "CREATE_IN_PROGRESS"),
        ("B", "CREATE_COMPLETE"),
        ("A", "CREATE_COMPLETE"),
        ("shop", "CREATE_COMPLETE"),
    ]


def test_what_happened_before_is_not_told_again_and_ends_nothing() -> None:
    client = Slow(
        [BEGUN, ("shop", "CREATE_COMPLETE", "")],
        [],
        [("shop", "UPDATE_IN_PROGRESS", "")],
        [("shop", "UPDATE_COMPLETE", "")],
    )
    client.describe_stack_events(StackName="shop")
    assert followed(client, client.told[-1]["EventId"]) == [("shop", "UPDATE_IN_PROGRESS"), ("shop", "UPDATE_COMPLETE")]


def test_a_cleanup_is_no_end() -> None:
    cleaning = ("shop", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "")
    client = Slow([cleaning], [("A", "DELETE_COMPLETE", "")], [("shop", "UPDATE_COMPLETE", "")])
    assert len(followed(client)) == 3


def test_a_rollback_names_the_first_fault_and_not_what_was_cancelled_for_it() -> None:
    client = Slow(
        [BEGUN, ("B", "CREATE_FAILED", "Resource creation cancelled")],
        [("A", "CREATE_FAILED", "no such thing"), ("C", "CREATE_FAILED", "later")],
        [("shop", "ROLLBACK_IN_PROGRESS", ""), ("shop", "ROLLBACK_COMPLETE", "")],
    )
    with pytest.raises(
        ConfigError, match=r"shop is ROLLBACK_COMPLETE: .* What failed first: A \(AWS::SQS::Queue\): no such"
    ):
        followed(client)


def test_an_update_that_was_taken_back_is_told_as_such() -> None:
    client = Slow([("A", "UPDATE_FAILED", "too big")], [("shop", "UPDATE_ROLLBACK_COMPLETE", "")])
    with pytest.raises(ConfigError, match=r"shop is as it was before: .* A \(AWS::SQS::Queue\): too big"):
        followed(client)


def test_a_stack_that_never_ends_is_left_to_itself() -> None:
    client = Slow([BEGUN])
    with pytest.raises(StoreUnavailable, match="it goes on without us"):
        followed(client)
    assert client.seconds >= FOLLOW_WITHIN_S


def test_an_event_says_why() -> None:
    client = Slow([("shop", "CREATE_COMPLETE", "because")])
    (event,) = Stacks(client).follow("shop", after=None)
    assert event == Happened(event.id, "shop", STACK, "CREATE_COMPLETE", "because")


@pytest.mark.parametrize("is_seen", [True, False])
def test_a_stack_that_somebody_deletes_comes_to_a_good_end(is_seen: bool) -> None:
    class Going(Slow):
        def describe_stack_events(self, *, StackName: str, NextToken: str = "0") -> dict[str, Any]:
            if NextToken == "0" and not self.looks:
                told: Any = {"Error": {"Code": "ValidationError", "Message": f"Stack [{StackName}] does not exist"}}
                raise ClientError(told, "DescribeStackEvents")
            return super().describe_stack_events(StackName=StackName, NextToken=NextToken)

    deleting = [("shop", "DELETE_IN_PROGRESS", "")]
    client = Going(deleting, [("A", "DELETE_COMPLETE", "")], *([[("shop", "DELETE_COMPLETE", "")]] if is_seen else []))
    assert followed(client)[-2:] == [("A", "DELETE_COMPLETE"), ("shop", "DELETE_COMPLETE")]
