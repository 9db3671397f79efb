"""The app: readings come in by the thousand, a few of them call for a decision, two views show what is going on."""

import device
from device import AlertCleared, AlertRaised, Check
from msgspec import Struct
from readings import Measured, readings

from leftfold import App, Recorded, Send, View, send


class Hour(Struct, frozen=True):
    """One device in one hour."""

    count: int = 0
    lowest: int = 0
    highest: int = 0
    total: int = 0

    @property
    def mean(self) -> float:
        return self.total / self.count if self.count else 0.0

def by_hour(event: Recorded[Measured]) -> str:
    return f"{event.key} {event.data.at:%Y-%m-%dT%H}"

def hour_row(row: Hour, event: Measured) -> Hour:
    new = event.temperature
    if not row.count:
        return Hour(1, new, new, new)
    return Hour(row.count + 1, min(row.lowest, new), max(row.highest, new), row.total + new)


class Alert(Struct, frozen=True):
    temperature: int = 0
    since: str = ""

def alert_row(row: Alert, event: AlertRaised | AlertCleared) -> Alert | None:
    """A device has a row as long as its alert is on."""
    match event:
        case AlertRaised(temperature, at): return Alert(temperature, at.isoformat())
        case AlertCleared(): return None


def watch(event: Recorded[Measured]) -> list[Send]:
    """Most readings are well, whatever the device's thresholds: only the others are worth a command."""
    low, high = device.WELL
    if low <= event.data.temperature <= high:
        return []
    return [send(device, event.key, Check(event.data.temperature, event.data.at))]


hourly = View("hourly", initial=Hour(), evolve=hour_row, key=by_hour)
alerts = View("alerts", initial=Alert(), evolve=alert_row)

sensors = App("sensors", deciders=[device], ingest=[readings], views=[hourly, alerts], reactions=[watch])
