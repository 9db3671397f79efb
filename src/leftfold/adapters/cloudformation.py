"""CloudFormation: what a change would do to a stack, doing it, and what is heard of it meanwhile.

Knows: botocore's client for `cloudformation`, behind a door that opens on first use. Implements no port. A change set's name
is made of what it holds, so that a deployment that was stopped finds the one that it had made.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from hashlib import sha256
from typing import Any, Final, Literal

import msgspec
from msgspec import Struct

from leftfold.adapters.boto import ATTEMPTS, client, translated
from leftfold.core.errors import ConfigError, StoreUnavailable

POLL_S: Final = 2.0  # between two looks at a stack: CloudFormation throttles who looks more often
PREPARE_WITHIN_S: Final = 300.0  # of a change set of some hundred resources, which takes seconds
FOLLOW_WITHIN_S: Final = 4 * 3600.0  # that a stack is followed: CloudFormation waits for some resources for hours
TEMPLATE_BYTES: Final = (
    51_200  # of a template in the call itself (CloudFormation quotas); a larger one is named by a URL
)

Replacement = Literal["no", "perhaps", "yes"]

_REPLACEMENTS: Final[dict[str, Replacement]] = {"True": "yes", "Conditional": "perhaps"}
_DONE: Final = {"CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE"}
_GONE: Final = "DELETE_COMPLETE"
_STACK: Final = "AWS::CloudFormation::Stack"
_NEW: Final = "REVIEW_IN_PROGRESS"  # a stack of which there is only a change set
_UNCHANGED: Final = ("didn't contain changes", "no updates are to be performed")


class Change(Struct, frozen=True):
    """What happens to one resource. `policy` is what becomes of the old one, where it goes: `Delete`, `Retain`..."""

    action: str
    id: str
    type: str
    replacement: Replacement = "no"
    policy: str = ""


class Prepared(Struct, frozen=True):
    """A change set that is ready to be executed."""

    stack: str
    id: str
    changes: tuple[Change, ...]


class Happened(Struct, frozen=True):
    """One event of a stack, or of a resource in it."""

    id: str
    resource: str
    type: str
    status: str
    reason: str


class Stacks:
    """The stacks of one account and region."""

    def __init__(
        self,
        client: Any,
        *,
        sleep: Callable[[float], None] = time.sleep,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client, self._sleep, self._now = client, sleep, now

    def status(self, stack: str) -> str | None:
        """None where there is no such stack."""
        found = self._described(stack)
        return None if found is None or found["StackStatus"] == _NEW else str(found["StackStatus"])

    def template(self, stack: str) -> dict[str, Any]:
        """The template that the stack was made from, which must be JSON."""
        with translated(f"cloudformation:{stack}"):
            body: Any = self._client.get_template(StackName=stack, TemplateStage="Original")["TemplateBody"]
        found: dict[str, Any] = msgspec.json.decode(body) if isinstance(body, str) else dict(body)
        return found

    def prepare(
        self,
        stack: str,
        *,
        template: str,
        url: str | None = None,
        parameters: Mapping[str, str],
        tags: Mapping[str, str],
        adopt: bool = False,
    ) -> Prepared | None:
        """The change set from what the stack is to this template, at `url` where it is too large for the call.

        None where nothing changes. Parameters that the stack has and nobody gives stay as they are. With `adopt`, what is
        there under the name that the template gives it, and in no stack, is taken into this one. Raises ConfigError for a
        template that CloudFormation refuses, and for a stack that must be mended first.
        """
        before = self._described(stack)
        status = None if before is None or before["StackStatus"] == _NEW else str(before["StackStatus"])
        if status is not None and not (status in _DONE or status == "UPDATE_ROLLBACK_COMPLETE"):
            raise ConfigError(_mend(stack, status))
        given: list[dict[str, Any]] = [
            {"ParameterKey": key, "ParameterValue": value} for key, value in sorted(parameters.items())
        ]
        known = {one["ParameterKey"] for one in (before or {}).get("Parameters", ())} if status else set[str]()
        wanted: set[str] = set(msgspec.json.decode(template).get("Parameters", {}))
        given += [{"ParameterKey": key, "UsePreviousValue": True} for key in sorted((known & wanted) - set(parameters))]
        asked: dict[str, Any] = {
            "StackName": stack,
            "ChangeSetType": "CREATE" if status is None else "UPDATE",
            "Parameters": given,
            "Capabilities": ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM"],
            "Tags": [{"Key": key, "Value": value} for key, value in sorted(tags.items())],
        }
        if adopt:
            asked["ImportExistingResources"] = True
        asked["ChangeSetName"] = f"leftfold-{sha256(msgspec.json.encode([asked, template])).hexdigest()[:24]}"
        return self._ready(asked | ({"TemplateURL": url} if url else {"TemplateBody": template}))

    def execute(self, prepared: Prepared) -> None:
        """Begin. Again is no trouble: it is the same token."""
        with translated(f"cloudformation:{prepared.stack}"):
            token = sha256(prepared.id.encode()).hexdigest()[:32]
            self._client.execute_change_set(
                ChangeSetName=prepared.id, StackName=prepared.stack, ClientRequestToken=token
            )

    def last(self, stack: str) -> str | None:
        """The id of the stack's newest event; None where there is no such stack."""
        newest = next(self._events(stack), None) if self._described(stack) else None
        return None if newest is None else str(newest["EventId"])

    def follow(self, stack: str, *, after: str | None) -> Iterator[Happened]:
        """What happens to the stack after an event, until it has come to an end. Raises ConfigError for a bad one.

        The stack's own last event ends it: its status may for a moment still be the one before. One that somebody deletes
        comes to a good end, too: it may be gone before its last event is seen.
        """
        first_fault = ""
        until = self._now() + FOLLOW_WITHIN_S
        while self._now() < until:
            for event in self._since(stack, after):
                after = event.id
                if event.status.endswith("_FAILED") and not first_fault and "cancelled" not in event.reason:
                    first_fault = f"{event.resource} ({event.type}): {event.reason}"
                yield event
                if event.type == _STACK and event.resource == stack and not event.status.endswith("_IN_PROGRESS"):
                    if event.status not in _DONE and event.status != _GONE:
                        raise ConfigError(f"{_mend(stack, event.status)} What failed first: {first_fault}.")
                    return
            self._sleep(POLL_S)
        raise StoreUnavailable(
            f"cloudformation:{stack} is not done after {FOLLOW_WITHIN_S:g} s: it goes on without us."
        )

    def _described(self, stack: str) -> dict[str, Any] | None:
        try:
            with translated(f"cloudformation:{stack}"):
                found: dict[str, Any] = self._client.describe_stacks(StackName=stack)["Stacks"][0]
                return found
        except ConfigError as error:
            if "does not exist" in str(error):
                return None
            raise

    def _ready(self, asked: dict[str, Any]) -> Prepared | None:
        """The change set of this name, made unless it is there, and waited for."""
        stack, name = asked["StackName"], asked["ChangeSetName"]
        found = self._change_set(stack, name)
        if found is not None and found["ExecutionStatus"] != "AVAILABLE" and not _is_pending(found):
            self._delete(stack, name)
            found = None
        if found is None:
            self._create(asked)
        until = self._now() + PREPARE_WITHIN_S
        while (found := self._change_set(stack, name)) is None or _is_pending(found):
            if self._now() > until:
                raise StoreUnavailable(
                    f"cloudformation:{stack}: its change set is not ready after {PREPARE_WITHIN_S:g} s."
                )
            self._sleep(POLL_S)
        if found["Status"] != "CREATE_COMPLETE":
            self._delete(stack, name)
            reason = str(found.get("StatusReason", ""))
            if any(words in reason.lower() for words in _UNCHANGED):
                return None
            raise ConfigError(f"cloudformation:{stack} refuses the change: {reason}")
        changes = tuple(_change(one["ResourceChange"]) for one in found["Changes"] if "ResourceChange" in one)
        return Prepared(stack, str(found["ChangeSetId"]), changes)

    def _create(self, asked: dict[str, Any]) -> None:
        try:
            with translated(f"cloudformation:{asked['StackName']}"):
                self._client.create_change_set(**asked)
        except StoreUnavailable as error:
            if _code(error) != "AlreadyExistsException":  # else our own, its answer having been lost
                raise

    def _change_set(self, stack: str, name: str) -> dict[str, Any] | None:
        changes: list[dict[str, Any]] = []
        more: dict[str, str] = {}
        try:
            with translated(f"cloudformation:{stack}"):
                while True:
                    page = self._client.describe_change_set(StackName=stack, ChangeSetName=name, **more)
                    changes += page.get("Changes", [])
                    if not page.get("NextToken"):
                        return {**page, "Changes": changes}
                    more = {"NextToken": page["NextToken"]}
        except (ConfigError, StoreUnavailable) as error:
            if _code(error) == "ChangeSetNotFound" or "does not exist" in str(error):
                return None
            raise

    def _delete(self, stack: str, name: str) -> None:
        with translated(f"cloudformation:{stack}"):
            self._client.delete_change_set(StackName=stack, ChangeSetName=name)

    def _events(self, stack: str) -> Iterator[dict[str, Any]]:
        """The newest first, a page at a time."""
        more: dict[str, str] = {}
        while True:
            with translated(f"cloudformation:{stack}"):
                page = self._client.describe_stack_events(StackName=stack, **more)
            yield from page["StackEvents"]
            if not page.get("NextToken"):
                return
            more = {"NextToken": page["NextToken"]}

    def _since(self, stack: str, after: str | None) -> list[Happened]:
        """The oldest first."""
        found: list[Happened] = []
        try:
            for one in self._events(stack):
                if one["EventId"] == after:
                    break
                what = (one.get("LogicalResourceId", ""), one.get("ResourceType", ""), one.get("ResourceStatus", ""))
                found.append(Happened(one["EventId"], *what, one.get("ResourceStatusReason", "")))
        except ConfigError as error:
            if "does not exist" not in str(error):
                raise
            return [Happened("", stack, _STACK, _GONE, "")]  # a deleted stack tells nothing to who asks by its name
        return found[::-1]


def open_stacks(*, region: str | None = None, endpoint: str | None = None) -> Stacks:
    """Raises ConfigError without boto3 or a region."""
    return Stacks(client("cloudformation", region=region, endpoint=endpoint, attempts=ATTEMPTS))


def object_url(bucket: str, key: str, *, region: str | None = None, endpoint: str | None = None) -> str:
    """Where CloudFormation reads an object of S3."""
    s3 = client("s3", region=region, endpoint=endpoint, attempts=ATTEMPTS)
    return f"{s3.meta.endpoint_url}/{bucket}/{key}"


def _is_pending(found: Mapping[str, Any]) -> bool:
    return found["Status"] in ("CREATE_PENDING", "CREATE_IN_PROGRESS")


def _change(told: Mapping[str, Any]) -> Change:
    return Change(
        action=str(told["Action"]).lower(),
        id=str(told["LogicalResourceId"]),
        type=str(told["ResourceType"]),
        replacement=_REPLACEMENTS.get(str(told.get("Replacement", "")), "no"),
        policy=str(told.get("PolicyAction", "")),
    )


def _code(error: BaseException) -> str:
    return str(getattr(error.__cause__, "response", {}).get("Error", {}).get("Code", ""))


def _mend(stack: str, status: str) -> str:
    if status.endswith("_IN_PROGRESS"):
        return f"stack {stack} is {status}: it is being changed; wait, or run this again to follow it."
    if status in ("UPDATE_ROLLBACK_FAILED",):
        return f"stack {stack} is {status}: mend what failed, then `aws cloudformation continue-update-rollback`."
    if status == "UPDATE_ROLLBACK_COMPLETE":
        return f"stack {stack} is as it was before: the change was taken back."
    return f"stack {stack} is {status}: look why, delete it (`aws cloudformation delete-stack`), and deploy again."
