"""What each function may do: statements derived from what it uses, on its own things and its own tenants' rows alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from leftfold.cloud.graph import Channel, Function, Graph, Kind, machines
from leftfold.cloud.template import Json, arn, att, sub

Actions = tuple[str, ...]
Rights = Mapping[str, Actions]
"""By table: the actions on it."""

KEYLESS: Final = ("Scan", "DescribeTable")  # calls that name no key, so that no condition on keys can hold

# What each part of the code asks of the tables. `leftfold doctor` says it more broadly: there are operators, too.
APPENDS: Final[Rights] = {"events": ("GetItem", "PutItem", "Query")}
SNAPSHOTS: Final[Rights] = {"events": ("DeleteItem",)}  # the one before goes
GUARDS: Final[Rights] = {"events": ("ConditionCheckItem",)}  # streams that a decision rests on, and does not write
READS_LOG: Final[Rights] = {"events": ("BatchGetItem",), "log": ("Query",)}  # a page may only name its largest commits
PROGRESS: Final[Rights] = {  # checkpoint, lease, parked lanes, dead letters
    "log": ("BatchGetItem", "BatchWriteItem", "GetItem", "PutItem", "Query", "UpdateItem"),
}
HEALTH: Final[Rights] = {"log": ("Query",)}  # GET /health
ROWS: Final[Rights] = {"views": ("BatchGetItem", "DeleteItem", "PutItem", "UpdateItem")}
DROPS: Final[Rights] = {"log": ("DeleteItem",), "views": ("BatchWriteItem", "Query")}  # a build that another replaced
FLIPS: Final[Rights] = {"log": ("ConditionCheckItem",)}  # a build that serves from now on
PLACES: Final[Rights] = {  # a Scan, where the stream no longer shows all
    "events": ("DescribeTable", "Query", "Scan"),
    "log": ("PutItem", "Query", "UpdateItem"),
}
READS_ROWS: Final[Rights] = {"log": ("BatchGetItem", "GetItem", "Query"), "views": ("BatchGetItem", "Query")}
TABLES: Final[dict[Kind, tuple[Rights, ...]]] = {
    "commands": (APPENDS, HEALTH),
    "queries": (READS_ROWS, {"events": ("Query",)}),
    "sequencer": (PLACES,),
    "projector": (READS_LOG, PROGRESS, ROWS, DROPS),
    "reactor": (READS_LOG, PROGRESS, APPENDS),
    "publisher": (READS_LOG, PROGRESS, {"events": ("Query",)}),  # what of a stream was public before
    "ingest": (APPENDS,),
    "inbound": (APPENDS,),
    "archiver": (READS_LOG, {"log": ("BatchGetItem", "GetItem")}),  # and how far each subscriber is
    "timers": (APPENDS, READS_ROWS),
    "tasks": (APPENDS,),
    "replayer": (READS_LOG, PROGRESS, ROWS, DROPS, FLIPS),
}
"""By kind of function. tests/grants holds them to what deployed functions were seen to call."""

DECIDERS: Final = ("commands", "inbound", "reactor", "tasks")  # who handles the app's commands
WRITERS: Final = (*DECIDERS, "ingest", "timers")  # of commits, whose bodies may be large

DELIVERS_LOGS: Final = {
    **dict.fromkeys(
        (
            *("logs:CreateLogDelivery", "logs:GetLogDelivery", "logs:UpdateLogDelivery", "logs:DeleteLogDelivery"),
            *("logs:ListLogDeliveries", "logs:PutResourcePolicy", "logs:DescribeResourcePolicies"),
            "logs:DescribeLogGroups",
        ),
        "a state machine's log: these calls know no resource (Step Functions developer guide, logging)",
    )
}
ANY_RESOURCE: Final = {
    **DELIVERS_LOGS,
    "events:ListEventBuses": "a newer bus has an id in its ARN, which is found by its name among all",
    "dynamodb:ListStreams": "it knows no resource (service authorization reference), and no mapping is made without it",
}
"""Each action that is granted on every resource, and why: AWS knows no narrower form of it."""


def policy(statements: list[Json]) -> Json:
    return {"Version": "2012-10-17", "Statement": statements}


def allow(sid: str, actions: Actions | list[str], resources: object, **more: Json) -> Json:
    """One statement. Its actions are sorted and told once."""
    return {"Sid": sid, "Effect": "Allow", "Action": sorted(set(actions)), "Resource": resources, **more}


def statements(graph: Graph, function: Function) -> list[Json]:
    """All that the role of a function allows."""
    return [
        *_logs(graph, function),
        *_tables(graph, function),
        *_objects(graph, function),
        *_sources(graph, function),
        *_destinations(graph, function),
        *_alarms(graph, function),
        *_machines(graph, function),
        *key_statements(graph),
    ]


def leading_keys(graph: Graph) -> Json | None:
    """The condition that keeps a role to its tenants' rows; None where tenants come and go.

    `ForAllValues` alone would be true of a call that names no key: `Null` refuses that.
    """
    if graph.settings.tenants == "any":
        return None
    keys = [f"{tenant}|*" for tenant in sorted(graph.settings.fixed) or ("",)]
    return {
        "ForAllValues:StringLike": {"dynamodb:LeadingKeys": keys},
        "Null": {"dynamodb:LeadingKeys": "false"},
    }


def _logs(graph: Graph, function: Function) -> list[Json]:
    where = arn("logs", f"log-group:{log_group(graph, function)}:*")
    return [allow("Logs", ("logs:CreateLogStream", "logs:PutLogEvents"), [where])]


def log_group(graph: Graph, function: Function) -> str:
    return f"/aws/lambda/{graph.physical(function.name)}"


def _tables(graph: Graph, function: Function) -> list[Json]:
    condition = leading_keys(graph)
    found: list[Json] = []
    asked = (*TABLES[function.kind], *_of_domain(graph, function))
    for kind, table in graph.tables.items():
        actions = {action for one in asked for action in one.get(kind, ())}
        keyed = [f"dynamodb:{action}" for action in actions if action not in KEYLESS]
        keyless = [f"dynamodb:{action}" for action in actions if action in KEYLESS]
        where = [arn("dynamodb", f"table/{table}")]
        if keyed:
            found.append(
                allow(f"{kind.capitalize()}Rows", keyed, where, **({"Condition": condition} if condition else {}))
            )
        if keyless:
            found.append(allow(f"{kind.capitalize()}Table", keyless, where))
    return found


def _of_domain(graph: Graph, function: Function) -> Iterator[Rights]:
    """What appending asks beside, as the app's deciders and processes are."""
    if function.kind not in DECIDERS:
        return
    deciders = graph.model["deciders"]
    if any(one["snapshot_every"] for one in deciders):
        yield SNAPSHOTS
    sends = (
        function.kind in ("reactor", "tasks") and graph.has_runs
    )  # a refusal is noted if what it rests on still holds
    if sends or any(one["boundary"] for one in deciders):
        yield GUARDS


def _objects(graph: Graph, function: Function) -> list[Json]:
    """Large bodies, segments, records set aside: each in its own bucket."""
    actions = ("s3:GetObject", "s3:PutObject") if function.kind in WRITERS else ("s3:GetObject",)
    found: list[Json] = []
    if function.kind != "sequencer":  # it places commits, and reads none
        found.append(allow("LargeBodies", actions, [bucket("Objects", graph, "objects/*")]))
    if function.kind == "replayer":
        found.append(allow("Segments", ("s3:GetObject",), [bucket("Archive", graph, "archive/*")]))
        found.append(allow("SegmentNames", ("s3:ListBucket",), [bucket("Archive", graph)]))
    if function.kind == "archiver":
        keep = ("s3:PutObjectRetention",) if locks(graph) else ()
        found.append(
            allow("Segments", ("s3:GetObject", "s3:PutObject", *keep), [bucket("Archive", graph, "archive/*")])
        )
        found.append(allow("SegmentNames", ("s3:ListBucket",), [bucket("Archive", graph)]))
    if function.kind in ("ingest", "inbound"):
        found.append(allow("Aside", ("s3:PutObject",), [bucket("Aside", graph, "aside/*")]))
    return found


def locks(graph: Graph) -> bool:
    """Whether the archiver says of each segment how long nobody can delete it; else the bucket may say so by itself."""
    archive = graph.settings.archive
    return archive.keep_days is not None and archive.mode == "COMPLIANCE"


def bucket(which: str, graph: Graph, under: str = "") -> Json:
    """The ARN of one of the buckets, or of what is under a prefix in it."""
    place = f"arn:${{AWS::Partition}}:s3:::${{Bucket}}{f'/{under}' if under else ''}"
    return {"Fn::Sub": [place, {"Bucket": graph.imported(f"{which}Bucket")}]}


def _sources(graph: Graph, function: Function) -> list[Json]:
    """What Lambda's pollers ask with the function's role."""
    found: list[Json] = []
    reads = ("dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator")
    tables = graph.woken(function, "stream")
    if tables or function.kind == "sequencer":
        streams = [graph.imported(f"{camel_of(table)}Stream") for table in tables]
        found.append(allow("Stream", reads, streams))
        found.append(allow("Streams", ("dynamodb:ListStreams",), "*"))
    if function.kind == "ingest":
        asked = ("DescribeStream", "DescribeStreamSummary", "GetRecords", "GetShardIterator", "ListShards")
        found.append(allow("Records", [f"kinesis:{action}" for action in asked], [records_of(graph, function)]))
        where = bucket("Aside", graph)
        found.append(allow("GivenUpRecords", ("s3:PutObject",), [bucket("Aside", graph, "aws/lambda/*")]))
        found.append(allow("GivenUpNames", ("s3:ListBucket",), [where]))
    if function.kind in ("inbound", "timers"):
        taken = ("sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage")
        found.append(allow("Queue", taken, [graph.imported(f"{function.id}Queue")]))
    if has_failures(graph, function):
        found.append(allow("GivenUp", ("sqs:SendMessage",), [graph.imported(f"{function.id}Failures")]))
    return found


def camel_of(table: str) -> str:
    return table.capitalize()


def records_of(graph: Graph, function: Function) -> Json | str:
    """The ARN of the Kinesis stream that an ingest reads."""
    return graph.source(function.of).arn or graph.imported(f"{function.id}Records")


def has_failures(graph: Graph, function: Function) -> bool:
    """Whether a queue waits for what is given up on the way to this function: wake-ups of a stream, calls of a schedule."""
    return bool(graph.woken(function, "stream") or graph.woken(function, "schedule"))


def _destinations(graph: Graph, function: Function) -> list[Json]:
    if function.kind != "publisher":
        return []
    return [statement for channel in graph.channels for statement in _channel(graph, channel)]


ASKED: Final = {
    "eventbridge": ("events", ("events:DescribeEventBus", "events:PutEvents"), "event-bus/"),
    "eventbridgev2": ("events", ("events:PutEvents",), "event-busv2/"),
    "kinesis": ("kinesis", ("kinesis:DescribeStreamSummary", "kinesis:PutRecords"), "stream/"),
}
"""By scheme: the service, what publishing asks, and what its ARN has before the name."""


def _channel(graph: Graph, channel: Channel) -> list[Json]:
    service, actions, kind = ASKED[channel.scheme]
    if channel.place.startswith("arn:"):
        where: Json | str = channel.place
    else:
        region = channel.region or "${AWS::Region}"
        place = (
            f"{channel.place}/*" if channel.scheme == "eventbridgev2" else channel.place
        )  # an id that nobody knows yet
        where = sub(f"arn:${{AWS::Partition}}:{service}:{region}:${{AWS::AccountId}}:{kind}{place}")
    found = [allow(channel.id, actions, [where])]
    if channel.scheme == "eventbridgev2" and not channel.place.startswith("arn:"):
        found.append(allow(f"{channel.id}ByName", ("events:ListEventBuses",), "*"))
    if channel.claims.startswith("s3:"):
        name, _, prefix = channel.claims[3:].partition("/")
        place = f"arn:${{AWS::Partition}}:s3:::{name}/{f'{prefix}/' if prefix else ''}claims/*"
        found.append(allow(f"{channel.id}Claims", ("s3:PutObject",), [sub(place)]))
    return found


RINGERS: Final = ("reactor", "timers")  # who sets an alarm when a timer is set


def _alarms(graph: Graph, function: Function) -> list[Json]:
    """A delayed message, or a schedule of the app's own group, which sends one."""
    if function.kind not in RINGERS or not graph.has_runs:
        return []
    passed: Json = {"StringEquals": {"iam:PassedToService": "scheduler.amazonaws.com"}}
    return [
        allow("Rings", ("sqs:SendMessage",), [graph.imported("TimersQueue")]),
        allow("LateRings", ("scheduler:CreateSchedule",), [arn("scheduler", f"schedule/{graph.group}/*")]),
        allow("LateRingsRole", ("iam:PassRole",), [att("RingsRole")], Condition=passed),
    ]


def _machines(graph: Graph, function: Function) -> list[Json]:
    """Starting an execution, and letting one go on that waits for an event or an answer."""
    if not calls_machines(graph, function):
        return []
    where = [arn("states", f"stateMachine:{graph.machines}{name}") for name in machines(graph.model)]
    answers = ("states:SendTaskSuccess",) if awaits(graph) else ()
    starts = ("states:StartExecution",) if function.kind == "reactor" else ()
    return [allow("Machines", (*answers, *starts), where)]


def calls_machines(graph: Graph, function: Function) -> bool:
    """The reactor starts executions and lets them go on; a task that finds its answer there already does that, too."""
    return runs_machines(graph) and (function.kind == "reactor" or (function.kind == "tasks" and awaits(graph)))


def awaits(graph: Graph) -> bool:
    """Whether a workflow waits for an event or an answer."""
    return any(_awaits(workflow["steps"]) for workflow in graph.model["workflows"])


def _awaits(nodes: list[Json]) -> bool:
    for node in nodes:
        branches: Any = node.get("branches", [])
        inside: list[list[Json]] = [*branches.values()] if node["kind"] == "choice" else branches
        if node["kind"] == "await" or any(_awaits(one) for one in inside):
            return True
    return False


def runs_machines(graph: Graph) -> bool:
    """Whether workflows run as state machines."""
    return any(one.kind == "tasks" for one in graph.functions)


def key_statements(graph: Graph) -> list[Json]:
    """The app's own key, where tables, buckets and queues are encrypted by it."""
    if not graph.settings.kms:
        return []
    return [allow("Key", ("kms:Decrypt", "kms:GenerateDataKey"), [graph.imported("Key")])]
