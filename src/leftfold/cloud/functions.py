"""A function's resources: its role, its log, itself, and where its asynchronous calls go when they are given up."""

from __future__ import annotations

from typing import Final

from leftfold.cloud.entries import handler_of
from leftfold.cloud.grants import RINGERS, calls_machines, has_failures, locks, log_group, policy, statements
from leftfold.cloud.graph import Function, Graph
from leftfold.cloud.template import Json, att, ref, sub, tagged

ASYNC_RETRIES: Final = 2  # of a call of a schedule that failed; the next one makes good what is left
ASYNC_AGE_S: Final = 300  # such a call is of no use when the next one is there


def resources(graph: Graph, function: Function) -> Json:
    """Logical id -> resource of one function."""
    found = {
        f"{function.id}Log": log_of(graph, log_group(graph, function)),
        f"{function.id}Role": role(graph, "lambda.amazonaws.com", policy(statements(graph, function))),
        f"{function.id}Function": _function(graph, function),
    }
    if graph.woken(function, "schedule"):
        found[f"{function.id}Calls"] = _calls(graph, function)
    return found


def role(graph: Graph, service: str, rights: Json) -> Json:
    """A role that one service may take, for this account's things alone."""
    trust: Json = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    if service != "lambda.amazonaws.com":  # Lambda says no source account when it takes a role
        trust["Condition"] = {"StringEquals": {"aws:SourceAccount": ref("AWS::AccountId")}}
    return {
        "Type": "AWS::IAM::Role",
        "Properties": {
            "AssumeRolePolicyDocument": policy([trust]),
            "Policies": [{"PolicyName": "leftfold", "PolicyDocument": rights}],
            "Tags": tags(graph),
        },
    }


def tags(graph: Graph) -> list[Json]:
    return tagged({"leftfold:app": graph.app, "leftfold:env": graph.settings.env} | graph.settings.tags)


def log_of(graph: Graph, name: str) -> Json:
    """A log that is kept for some days, and goes with its stack."""
    properties: Json = {"LogGroupName": name, "RetentionInDays": graph.settings.log_days, "Tags": tags(graph)}
    if graph.settings.kms:
        properties["KmsKeyId"] = graph.imported("Key")
    return {
        "Type": "AWS::Logs::LogGroup",
        "Properties": properties,
        "DeletionPolicy": "Delete",
        "UpdateReplacePolicy": "Delete",
    }


def _function(graph: Graph, function: Function) -> Json:
    asked = graph.of(function)
    properties: Json = {
        "FunctionName": graph.physical(function.name),
        "Description": f"{graph.app}: {function.name}",
        "Runtime": ref("Runtime"),
        "Architectures": [graph.settings.architecture],
        "Handler": handler_of(graph, function),
        "Code": {"S3Bucket": ref("CodeBucket"), "S3Key": ref("CodeKey")},
        "Role": att(f"{function.id}Role"),
        "MemorySize": asked.memory_mb,
        "Timeout": asked.timeout_s,
        "Environment": {"Variables": environment(graph, function) | asked.environment},
        "LoggingConfig": {"LogGroup": ref(f"{function.id}Log")},
        "Tags": tags(graph),
    }
    if function.kind == "timers":
        properties["RecursiveLoop"] = "Allow"  # a ring that came early is set again, in its own queue
    if asked.concurrency is not None:
        properties["ReservedConcurrentExecutions"] = asked.concurrency
    return {"Type": "AWS::Lambda::Function", "Properties": properties}


def environment(graph: Graph, function: Function) -> Json:
    """What the handler reads of its environment."""
    settings = graph.settings
    found: Json = {"LEFTFOLD_STORE": store(graph), "LEFTFOLD_NAMESPACE": namespace(graph)}
    if len(settings.fixed) == 1:
        found["LEFTFOLD_TENANT"] = settings.fixed[0]
    if function.kind in ("ingest", "inbound"):
        found["LEFTFOLD_ASIDE"] = _under(graph, "Aside", "s3:${Bucket}/aside")
    if function.kind in ("archiver", "replayer"):
        found["LEFTFOLD_ARCHIVE"] = _under(graph, "Archive", "s3:${Bucket}/archive")
    if function.kind == "archiver" and locks(graph):
        found["LEFTFOLD_KEEP_DAYS"] = str(settings.archive.keep_days)
    if function.kind in RINGERS and graph.has_runs:
        found["LEFTFOLD_ALARMS"] = alarms(graph)
    if calls_machines(graph, function):
        where = "arn:${AWS::Partition}:states:${AWS::Region}:${AWS::AccountId}:stateMachine:"
        found["LEFTFOLD_WORKFLOWS"] = sub(f"states:{where}{graph.machines}")
    return found


def alarms(graph: Graph) -> Json:
    """The URL of what rings: a queue, and schedules of the app's own group that send into it."""
    url = f"sqs:${{Queue}}?role=${{RingsRole.Arn}}&target=${{QueueArn}}&group={graph.group}"
    return {"Fn::Sub": [url, {"Queue": graph.imported("TimersQueueUrl"), "QueueArn": graph.imported("TimersQueue")}]}


def store(graph: Graph) -> Json:
    """The store's URL: the tables by their prefix, and the bucket for bodies that no item holds."""
    url = f"dynamodb:{graph.app}?prefix={graph.settings.env}-&objects=s3:${{Bucket}}/objects"
    return _under(graph, "Objects", url)


def namespace(graph: Graph) -> str:
    """Of metrics: environments of one account are counted apart."""
    return f"leftfold/{graph.settings.env}"


def _under(graph: Graph, which: str, text: str) -> Json:
    return {"Fn::Sub": [text, {"Bucket": graph.imported(f"{which}Bucket")}]}


def _calls(graph: Graph, function: Function) -> Json:
    properties: Json = {
        "FunctionName": ref(f"{function.id}Function"),
        "Qualifier": "$LATEST",
        "MaximumRetryAttempts": ASYNC_RETRIES,
        "MaximumEventAgeInSeconds": ASYNC_AGE_S,
    }
    if has_failures(graph, function):
        properties["DestinationConfig"] = {"OnFailure": {"Destination": graph.imported(f"{function.id}Failures")}}
    return {"Type": "AWS::Lambda::EventInvokeConfig", "Properties": properties}
