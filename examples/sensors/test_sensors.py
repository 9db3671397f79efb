"""The sensors, as those who look after them know them."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import device
import pytest
from device import AlertCleared, AlertRaised, Check, Clear, Device, Refused, Register, Registered, SetThresholds
from fleet import BROKEN, Fleet
from readings import Measured, readings
from sensors import Alert, Hour, alerts, hourly, sensors, watch

from leftfold import send
from leftfold.adapters.memory import Memory
from leftfold.aside import Aside
from leftfold.connect import open_objects
from leftfold.ingest import Record
from leftfold.lambdas import ingest
from leftfold.testing import given, happened, reaction, view

NOON = datetime(2025, 5, 1, 12, tzinfo=UTC)
DOOR = Registered("by the door")


def test_a_device_is_registered_once() -> None:
    given(device).when(Register("by the door")).then(DOOR)
    given(device, DOOR).when(Register("elsewhere")).raises(Refused, "already")


def test_thresholds_lie_outside_of_what_is_well() -> None:
    given(device, DOOR).when(SetThresholds(-5_00, 10_00)).then(device.ThresholdsSet(-5_00, 10_00))
    given(device, DOOR).when(SetThresholds(3_00, 10_00)).raises(Refused, "thresholds")
    given(device).when(SetThresholds(0, 10_00)).raises(Refused, "no such device")


def test_a_reading_beyond_the_thresholds_raises_one_alert() -> None:
    given(device, DOOR).when(Check(8_01, NOON)).then(AlertRaised(8_01, NOON))
    given(device, DOOR, device.ThresholdsSet(0, 10_00)).when(Check(8_01, NOON)).then()
    given(device, DOOR, AlertRaised(8_01, NOON)).when(Check(9_00, NOON)).then()


def test_a_person_clears_an_alert() -> None:
    given(device, DOOR, AlertRaised(8_01, NOON)).when(Clear("ann")).then(AlertCleared("ann"))
    given(device, DOOR).when(Clear("ann")).raises(Refused, "no alert")
    given(device, DOOR, AlertRaised(8_01, NOON), AlertCleared("ann")).when(Check(1_00, NOON)).then(AlertRaised(1_00, NOON))


def test_a_device_that_nobody_registered_raises_nothing() -> None:
    given(device).when(Check(50_00, NOON)).state(Device())


def test_only_what_may_call_for_an_alert_is_looked_at() -> None:
    reaction(watch).on(happened("reading", "d1", Measured(NOON, 8_00))).sends()
    reaction(watch).on(happened("reading", "d1", Measured(NOON, 8_01))).sends(send(device, "d1", Check(8_01, NOON)))


def test_an_hour_has_its_count_its_extremes_and_its_mean() -> None:
    seen = view(hourly).after(
        happened("reading", "d1", Measured(NOON, 5_00)),
        happened("reading", "d1", Measured(NOON.replace(minute=30), -1_00)),
        happened("reading", "d1", Measured(NOON.replace(hour=13), 7_00)),
    )
    hour = Hour(2, -1_00, 5_00, 4_00)
    seen.rows({"d1 2025-05-01T12": hour, "d1 2025-05-01T13": Hour(1, 7_00, 7_00, 7_00)})
    assert hour.mean == 2_00


def test_an_alert_has_a_row_until_it_is_cleared() -> None:
    raised = happened("device", "d1", AlertRaised(9_00, NOON))
    view(alerts).after(raised).rows({"d1": Alert(9_00, "2025-05-01T12:00:00+00:00")})
    view(alerts).after(raised, happened("device", "d1", AlertCleared("ann"))).rows({})


def record(sequence: int, data: bytes) -> Record:
    return Record("readings/shardId-000000000000", str(sequence), 0, NOON, "d1", data)


def sample(at: datetime, celsius: float) -> bytes:
    return json.dumps({"device": "d1", "at": at.isoformat(), "celsius": celsius}).encode()


def kept(folder: Path) -> list[dict[str, Any]]:
    """What was set aside there."""
    return [json.loads(path.read_bytes()) for path in folder.rglob("*.json")]


def test_a_warm_reading_raises_an_alert_on_every_store(every_store: str, tmp_path: Path) -> None:
    aside = Aside(open_objects(f"file:{tmp_path / 'aside'}"), "sensors")
    with sensors.open(every_store) as session:
        devices, taking = session.category(device), session.ingest(readings, aside=aside)
        devices.handle("d1", Register("by the door"))
        devices.handle("d1", SetThresholds(0, 10_00))
        came = [
            record(1, sample(NOON, 9.5)),
            record(2, sample(NOON, 10.01)),
            record(3, b"{"),
            record(4, sample(NOON.replace(month=4), 4.0)),
            record(5, sample(NOON, 11.0)),
        ]
        taken = taking.take(came)
        assert (taken.taken, taken.commits, taken.events, taken.malformed, taken.late) == (3, 1, 3, 1, 1)
        assert taking.take(came[:2]).repeated == 2  # delivered again
        session.catch_up()
        assert dict(session.view(alerts).scan()) == {"d1": Alert(10_01, NOON.isoformat())}
        assert dict(session.view(hourly).scan()) == {"d1 2025-05-01T12": Hour(3, 9_50, 11_00, 30_51)}
        (raised,) = (event for event in devices.events("d1") if isinstance(event.data, AlertRaised))
        assert raised.meta.causation_id == "reading/d1@2"
        assert session.trace(raised.id).by == "ingest:readings"
        devices.handle("d1", Clear("ann"))
        session.catch_up()
        assert dict(session.view(alerts).scan()) == {}
    assert sorted(one["reason"].partition(":")[0] for one in kept(tmp_path / "aside")) == ["late", "malformed"]


@pytest.mark.parametrize("again", [1, 2])
def test_a_fleet_is_taken_in_whole_and_once_on_every_store(every_store: str, again: int, tmp_path: Path) -> None:
    """By the Lambda handler, in batches as the service hands them over, each of them delivered once or twice."""
    store = Memory().open() if every_store == "memory:" else every_store  # the URL is empty at each opening
    fleet, aside = Fleet(devices=20, readings=2000), tmp_path / "aside"
    handler = ingest(sensors, store=store, aside=f"file:{aside}", write=lambda line: None)
    for batch in fleet.batches():
        for _ in range(again):
            assert handler(batch, None) == {"batchItemFailures": []}
    sent = [json.loads(data) for _, data in fleet.samples() if b"celsius" in data and b"-999" not in data]
    with sensors.open(store) as session:
        session.catch_up()
        log = [(event.key, event.data) for event in session.log() if isinstance(event.data, Measured)]
        counted = sum(hour.count for _, hour in session.view(hourly).scan())
    assert len(log) == len(sent) == counted == fleet.readings - len(kept(aside))
    for name in {one["device"] for one in sent}:
        mine = [one for one in sent if one["device"] == name]
        as_events = [Measured(datetime.fromisoformat(one["at"]), round(one["celsius"] * 100)) for one in mine]
        assert [data for key, data in log if key == name] == as_events
    assert 0 < len(kept(aside)) < 10 * fleet.readings / BROKEN
