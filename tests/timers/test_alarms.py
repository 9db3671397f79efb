"""Alarms on AWS: what is due within 15 minutes is a delayed message, what is due later a schedule of its own."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from leftfold import ConfigError, StoreUnavailable
from leftfold.adapters import boto
from leftfold.adapters.alarms import DELAY_S, name_of, whole_seconds
from leftfold.connect import open_alarms
from leftfold.ports.alarms import Alarm, Alarms
from tests.testbed.aws import Aws

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
ROLE = "arn:aws:iam::123456789012:role/rings"
ACCOUNT = "000000000000"
WITHIN_S = 120.0  # the stand-in looks at its schedules every 10 s; this is for a machine that swaps
ASK_AGAIN_S = 0.05

Opened = Callable[..., Alarms]


def alarm(seconds: float, *, tenant: str = "", timer: str = "overdue") -> Alarm:
    return Alarm(tenant, "payment/o1", timer, NOW + timedelta(seconds=seconds))


@pytest.fixture
def queue(aws: Aws) -> Any:
    url = aws.client("sqs").create_queue(QueueName=f"{aws.prefix}timers")["QueueUrl"]
    yield url
    aws.place.client("sqs").delete_queue(QueueUrl=url)


@pytest.fixture
def opened(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> Opened:
    """Alarms whose calls are recorded, on this test's own queue unless another is named."""

    def watched(service: str, **_: object) -> Any:
        return aws.client(service)

    monkeypatch.setattr(boto, "client", watched)

    def open_(name: str = f"{aws.prefix}timers", **options: str) -> Alarms:
        return open_alarms(
            f"sqs:{name}" + "".join(f"{'?&'[bool(i)]}{k}={v}" for i, (k, v) in enumerate(options.items()))
        )

    return open_


def scheduling(aws: Aws) -> dict[str, str]:
    return {"role": ROLE, "target": f"arn:aws:sqs:{aws.region}:{ACCOUNT}:{aws.prefix}timers"}


def asked(aws: Aws, operation: str) -> list[dict[str, Any]]:
    return [dict(call.parameters) for call in aws.calls.since().of(operation)]


@pytest.mark.parametrize(("seconds", "delay"), [(-5, 0), (0, 0), (0.2, 1), (1, 1), (59.001, 60), (DELAY_S, DELAY_S)])
def test_what_is_due_soon_is_a_message_delayed_until_then_and_no_less(
    aws: Aws, queue: str, opened: Opened, seconds: float, delay: int
) -> None:
    opened(**scheduling(aws)).set(alarm(seconds), NOW)
    (sent,) = asked(aws, "SendMessage")
    assert sent["DelaySeconds"] == delay
    assert msgspec.json.decode(sent["MessageBody"], type=Alarm) == alarm(seconds)
    assert not asked(aws, "CreateSchedule")


def test_a_queue_is_named_or_given_by_its_url(aws: Aws, queue: str, opened: Opened) -> None:
    for name in (f"{aws.prefix}timers", queue):
        opened(name).set(alarm(0), NOW)
    received = aws.client("sqs").receive_message(QueueUrl=queue, MaxNumberOfMessages=10)["Messages"]
    assert [msgspec.json.decode(one["Body"], type=Alarm) for one in received] == [alarm(0)] * 2
    assert len(asked(aws, "GetQueueUrl")) == 1


def test_alarms_that_several_sessions_share_outlive_the_first_that_closes(aws: Aws, queue: str) -> None:
    alarms = open_alarms(f"sqs:{queue}?endpoint={aws.endpoint}&region={aws.region}")
    for _ in range(2):
        alarms.set(alarm(0), NOW)
        alarms.close()
    received = aws.client("sqs").receive_message(QueueUrl=queue, MaxNumberOfMessages=10)["Messages"]
    assert len(received) == 2


def test_what_is_due_later_is_one_schedule_however_often_it_is_set(aws: Aws, queue: str, opened: Opened) -> None:
    alarms = opened(**scheduling(aws))
    late = alarm(DELAY_S + 0.5)
    for _ in range(3):
        alarms.set(late, NOW)
    opened(**scheduling(aws)).set(late, NOW)
    client = aws.client("scheduler")
    told = client.get_schedule(Name=name_of(late))
    client.delete_schedule(Name=name_of(late))
    assert told["ScheduleExpression"] == "at(2026-05-01T12:15:01)"  # a whole second, and none before its time
    assert told["ScheduleExpressionTimezone"] == "UTC"
    assert told["FlexibleTimeWindow"] == {"Mode": "OFF"}
    assert told["ActionAfterCompletion"] == "DELETE"
    assert msgspec.json.decode(told["Target"]["Input"], type=Alarm) == late
    assert told["Target"]["RoleArn"] == ROLE
    assert not asked(aws, "SendMessage")


def test_a_schedule_rings_the_queue_and_is_gone(aws: Aws, queue: str, opened: Opened) -> None:
    """As far as the stand-in goes: its ticker, its target, its deletion."""
    now = datetime.now(UTC)
    late = Alarm("acme", "payment/o1", "overdue", now)
    opened(**scheduling(aws)).set(late, now - timedelta(hours=1))
    client = aws.client("sqs")
    received: list[dict[str, Any]] = []
    until = time.monotonic() + WITHIN_S
    while not received and time.monotonic() < until:
        received = client.receive_message(QueueUrl=queue, WaitTimeSeconds=1).get("Messages", [])
    assert [msgspec.json.decode(one["Body"], type=Alarm) for one in received] == [late]
    schedules = aws.client("scheduler")
    while schedules.list_schedules(NamePrefix=name_of(late))["Schedules"]:  # it goes a moment after its ring
        assert time.monotonic() < until
        time.sleep(ASK_AGAIN_S)


def test_without_a_role_what_is_due_later_is_left_to_the_sweep(aws: Aws, queue: str, opened: Opened) -> None:
    opened().set(alarm(DELAY_S + 1), NOW)
    assert list(aws.calls.since().count) == ["CreateQueue"]


def test_each_alarm_has_a_schedule_name_of_its_own() -> None:
    alarms = [
        alarm(1000),
        alarm(1001),
        alarm(1000, tenant="acme"),
        alarm(1000, timer="late"),
        Alarm("", "payment/o2", "overdue", alarm(1000).at),
        Alarm("payment", "/o1", "overdue", alarm(1000).at),
    ]
    names = {name_of(one) for one in alarms}
    assert len(names) == len(alarms)
    assert max(len(name) for name in names) <= 64


def test_a_time_is_rounded_up_to_whole_seconds_in_utc() -> None:
    zone = datetime.fromisoformat("2026-05-01T14:00:00.000001+02:00")
    assert whole_seconds(zone) == NOW + timedelta(seconds=1)
    assert whole_seconds(NOW) == NOW


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("sqs:", "names no alarms"),
        ("sns:topic", "names no alarms"),
        ("sqs:q?role=r", "both role"),
        ("sqs:q?target=t", "both role"),
        ("sqs:q?color=red", "unknown"),
    ],
)
def test_a_url_that_can_ring_nothing_is_refused(url: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        open_alarms(url)


def test_a_queue_that_is_missing_is_said_and_an_answer_that_is_missing_may_come(aws: Aws, opened: Opened) -> None:
    with pytest.raises(ConfigError, match="doesn't exist"):
        opened("nowhere").set(alarm(1), NOW)


def test_a_queue_that_does_not_answer_may_answer_later(aws: Aws) -> None:
    alarms = open_alarms("sqs:http://127.0.0.1:9/q?region=eu-west-1&endpoint=http://127.0.0.1:9")
    with pytest.raises(StoreUnavailable):
        alarms.set(alarm(1), NOW)
    alarms.close()
