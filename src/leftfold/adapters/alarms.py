"""Alarms on AWS: a delayed message for what is due within 15 minutes, a one-off schedule for what is due later.

Knows: botocore's clients for SQS and EventBridge Scheduler, made on first use. Implements Alarms. A delayed message is
exact to about a second, a schedule to a minute; nothing is taken back, since a ring that nobody waits for does no harm.
"""

from __future__ import annotations

import math
import threading
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from importlib import import_module
from typing import Any, Final

import msgspec

from leftfold.adapters import boto
from leftfold.core.errors import ConfigError
from leftfold.ports.alarms import Alarm

DELAY_S: Final = 900  # the longest delay of an SQS message (SendMessage, DelaySeconds)
TRIES: Final = 2  # of a call: a reactor doesn't wait for an alarm long, since the sweep makes good what was not set

_encode = msgspec.json.Encoder(order="sorted").encode


class Rings:
    """A queue that is rung by its own delays and, where there is a `role`, by schedules whose target is `target`."""

    def __init__(
        self,
        queue: str,
        *,
        role: str | None = None,
        target: str | None = None,
        group: str = "default",
        region: str | None = None,
        endpoint: str | None = None,
    ) -> None:
        self._queue, self._role, self._target, self._group = queue, role, target, group
        self._region, self._endpoint = region, endpoint
        self._clients: dict[str, Any] = {}
        self._url = queue if "://" in queue else ""
        self._opening = threading.Lock()

    def set(self, alarm: Alarm, now: datetime) -> None:
        left_s = (alarm.at - now).total_seconds()
        if left_s <= DELAY_S:
            self._delay(alarm, max(0, math.ceil(left_s)))
        elif self._role and self._target:
            self._schedule(alarm, self._role, self._target)

    def close(self) -> None:
        with self._opening:  # what is set later, by another session that shares these, opens them anew
            clients, self._clients = self._clients, {}
        for client in clients.values():
            client.close()

    def _delay(self, alarm: Alarm, delay_s: int) -> None:
        client = self._client("sqs")
        with boto.translated(f"sqs:{self._queue}"):
            if not self._url:
                self._url = str(client.get_queue_url(QueueName=self._queue)["QueueUrl"])
            client.send_message(QueueUrl=self._url, MessageBody=_encode(alarm).decode(), DelaySeconds=delay_s)

    def _schedule(self, alarm: Alarm, role: str, target: str) -> None:
        client = self._client("scheduler")
        client_error: Any = import_module("botocore.exceptions").ClientError
        with boto.translated(f"scheduler:{self._group}"):
            try:
                client.create_schedule(
                    Name=name_of(alarm),
                    GroupName=self._group,
                    ScheduleExpression=f"at({whole_seconds(alarm.at):%Y-%m-%dT%H:%M:%S})",
                    ScheduleExpressionTimezone="UTC",
                    FlexibleTimeWindow={"Mode": "OFF"},
                    ActionAfterCompletion="DELETE",
                    Target={"Arn": target, "RoleArn": role, "Input": _encode(alarm).decode()},
                )
            except client_error as error:
                if error.response["Error"].get("Code") != "ConflictException":  # it is set already
                    raise

    def _client(self, service: str) -> Any:
        with self._opening:
            if service not in self._clients:
                self._clients[service] = boto.client(
                    service, region=self._region, endpoint=self._endpoint, attempts=TRIES
                )
            return self._clients[service]


def name_of(alarm: Alarm) -> str:
    """The schedule's name: the same alarm is one schedule, however often it is set. 64 characters are what a name holds."""
    told = msgspec.json.encode([alarm.tenant, alarm.stream, alarm.timer, alarm.at])
    return f"leftfold-{sha256(told).hexdigest()[:48]}"


def whole_seconds(at: datetime) -> datetime:
    """The first whole second from `at` on, in UTC: a schedule knows no fractions, and must not ring early."""
    at = at.astimezone(UTC)
    return at if at.microsecond == 0 else at.replace(microsecond=0) + timedelta(seconds=1)


def open_rings(
    queue: str, *, role: str | None, target: str | None, group: str, region: str | None, endpoint: str | None
) -> Rings:
    """A queue, by its name or URL. Nothing is called before the first alarm."""
    if (role is None) != (target is None):
        raise ConfigError("alarms: schedules need both role=ARN, who may send, and target=ARN, where to.")
    return Rings(queue, role=role, target=target, group=group, region=region, endpoint=endpoint)
