"""A deployment: the bundle and the templates go up, and both stacks become what they say. CloudFormation does the work.

It may be stopped at any point and begun again: what is up is named by its content, a change set by what it holds, and a
stack that is being changed is followed to its end first.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from hashlib import sha256
from typing import Final, Literal

from msgspec import Struct

from leftfold.adapters.cloudformation import TEMPLATE_BYTES, Change, Happened, Prepared, Stacks
from leftfold.cloud.bundle import Bundle
from leftfold.cloud.graph import Graph
from leftfold.cloud.template import Json, text_of
from leftfold.core.errors import ConfigError
from leftfold.ports.objects import Objects

Stack = Literal["stateful", "stateless"]
Tell = Callable[[Happened], None]

ORDER: Final[tuple[Stack, ...]] = ("stateful", "stateless")  # the second imports what the first exports

KEEPS: Final = {
    *("AWS::DynamoDB::Table", "AWS::S3::Bucket", "AWS::Kinesis::Stream", "AWS::SQS::Queue"),
    *("AWS::KMS::Key", "AWS::Events::EventBus", "AWS::EventsV2::EventBus", "AWS::Scheduler::ScheduleGroup"),
}
"""Resources that hold something: one that is replaced or removed takes it along, or leaves it behind where nobody looks."""


class Plan(Struct, frozen=True):
    """What would become of one stack. `prepared` is None where nothing changes, or where it can't be said yet."""

    stack: Stack
    name: str
    changes: tuple[Change, ...]
    prepared: Prepared | None
    is_guess: bool = False

    @property
    def losses(self) -> tuple[Change, ...]:
        """The changes that part with something that holds data."""
        return tuple(
            one for one in self.changes if one.type in KEEPS and (one.action == "remove" or one.replacement != "no")
        )


class Deploying:
    """One deployment: a graph, its templates and its bundle. `objects` is the bucket `bucket`, at its top."""

    def __init__(
        self,
        graph: Graph,
        bundle: Bundle,
        templates: Mapping[str, Json],
        *,
        stacks: Stacks,
        objects: Objects,
        bucket: str,
        url_of: Callable[[str], str],
        parameters: Mapping[str, str] = {},
    ) -> None:
        self._graph, self._bundle, self._stacks = graph, bundle, stacks
        self._objects, self._url_of = objects, url_of
        self._templates = {name: text_of(one) for name, one in templates.items()}
        code = {"CodeBucket": bucket, "CodeKey": self.key, "Runtime": bundle.target.runtime}
        topic = graph.settings.alarms.topic  # else a stack that is there would keep the one that it has
        self._parameters = code | ({"AlarmTopic": topic} if topic else {}) | dict(parameters)

    @property
    def key(self) -> str:
        """The bundle's name in its bucket: the function changes if and only if this does."""
        return f"{self._graph.app}/{self._bundle.sha256}.zip"

    def upload(self) -> bool:
        """Put the bundle up. False where it was there already."""
        return self._objects.create(self.key, self._bundle.content)

    def name(self, stack: Stack) -> str:
        return self._graph.stack(stack)

    def settle(self, tell: Tell) -> None:
        """Follow what an earlier deployment, or somebody else, has begun."""
        for name in map(self.name, ORDER):
            seen = self._stacks.last(name)  # before its status: the end that is waited for comes after both
            if (self._stacks.status(name) or "").endswith("_IN_PROGRESS"):
                self._follow(name, seen, tell)

    def plan(self, stack: Stack) -> Plan:
        """What this deployment would change now.

        The second stack can't be asked for before the first exports what it imports: it is a guess then, read off its
        template where nothing is there yet.
        """
        return self._plan(stack, self._templates[stack])

    def _plan(self, stack: Stack, text: str) -> Plan:
        name = self.name(stack)
        if stack == "stateless" and self._stacks.status(self.name("stateful")) is None:
            return Plan(stack, name, tuple(_added(text)), None, is_guess=True)
        url = None
        if len(text.encode()) > TEMPLATE_BYTES:
            key = f"{self._graph.app}/{sha256(text.encode()).hexdigest()}.template.json"
            self._objects.create(key, text.encode())
            url = self._url_of(key)
        wanted = {key: value for key, value in self._parameters.items() if key in _parameters(text)}
        tags = {"leftfold:app": self._graph.app, "leftfold:env": self._graph.settings.env} | self._graph.settings.tags
        try:
            prepared = self._stacks.prepare(
                name, template=text, url=url, parameters=wanted, tags=tags, adopt=stack == "stateful"
            )
        except ConfigError as error:
            if stack == "stateless" and "No export named" in str(error):
                return Plan(stack, name, (), None, is_guess=True)
            raise
        return Plan(stack, name, prepared.changes if prepared else (), prepared)

    def steps(self, plans: Sequence[Plan]) -> Iterator[Plan]:
        """What is to be executed, one after the other, each as it is by then.

        CloudFormation takes no export away that is in use: what the second stack imports goes when that is done.
        """
        first, second = plans
        both = self._with_what_goes(first)
        yield first if both is None else self._plan("stateful", both)
        yield self.known(second)
        if both is not None:
            yield self.plan("stateful")

    def _with_what_goes(self, plan: Plan) -> str | None:
        """The first stack's template, and what only the present one has; None where the second stack misses nothing."""
        if (
            not any(one.action == "remove" for one in plan.changes)
            or self._stacks.status(self.name("stateless")) is None
        ):
            return None
        now, wanted = self._stacks.template(plan.name), json.loads(self._templates["stateful"])
        if set(now.get("Outputs", {})) <= set(wanted["Outputs"]):
            return None
        return text_of(wanted | {part: now.get(part, {}) | wanted[part] for part in ("Resources", "Outputs")})

    def known(self, plan: Plan) -> Plan:
        """The plan as it is now that the first stack is done. Raises ConfigError where it still imports what isn't there."""
        now = self.plan(plan.stack) if plan.is_guess else plan
        if now.is_guess:
            raise ConfigError(
                f"stack {now.name} imports what {self.name('stateful')} doesn't export: see its template."
            )
        return now

    def execute(self, plan: Plan, tell: Tell) -> None:
        """Raises ConfigError where CloudFormation gave up, with what failed first."""
        if plan.prepared is None:
            return
        after = self._stacks.last(plan.name)
        self._stacks.execute(plan.prepared)
        self._follow(plan.name, after, tell)

    def _follow(self, name: str, after: str | None, tell: Tell) -> None:
        for event in self._stacks.follow(name, after=after):
            tell(event)


def refuse_losses(plans: Iterable[Plan], allowed: Iterable[str] = ()) -> None:
    """Raise ConfigError for a resource with data that would be replaced or removed, unless it is allowed by its id."""
    named = set(allowed)
    lost = [one for plan in plans for one in plan.losses if one.id not in named]
    if lost:
        told = ", ".join(f"{one.id} ({one.type})" for one in lost)
        flags = " ".join(f"--replace {one.id}" for one in lost)
        raise ConfigError(f"this would replace or remove what holds data: {told}. If that is meant: {flags}.")


def _added(text: str) -> Iterable[Change]:
    for name, resource in json.loads(text)["Resources"].items():
        yield Change("add", name, resource["Type"])


def _parameters(text: str) -> Mapping[str, Json]:
    found: Mapping[str, Json] = json.loads(text).get("Parameters", {})
    return found
