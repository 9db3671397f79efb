"""A device's life: registered, its thresholds set, alerts raised and cleared. Temperatures are whole hundredths of a degree.

What a device measures is no part of it: readings are observed, not decided, and have streams of their own.
"""

from datetime import datetime

from msgspec import Struct

WELL = (2_00, 8_00)  # nobody may want an alert within this band, so that most readings need no look at their device


class Register(Struct, frozen=True): place: str
class SetThresholds(Struct, frozen=True): low: int; high: int
class Check(Struct, frozen=True): temperature: int; at: datetime
class Clear(Struct, frozen=True): by: str

class Registered(Struct, frozen=True): place: str
class ThresholdsSet(Struct, frozen=True): low: int; high: int
class AlertRaised(Struct, frozen=True): temperature: int; at: datetime
class AlertCleared(Struct, frozen=True): by: str

Command = Register | SetThresholds | Check | Clear
Event = Registered | ThresholdsSet | AlertRaised | AlertCleared

class Refused(Exception): ...

class Device(Struct, frozen=True):
    is_registered: bool = False
    low: int = WELL[0]
    high: int = WELL[1]
    alert: bool = False

    def bears(self, temperature: int) -> bool:
        return self.low <= temperature <= self.high

category = "device"
initial = Device()
refusals = (Refused,)

def decide(command: Command, device: Device) -> list[Event]:
    match command:
        case Register(place) if not device.is_registered: return [Registered(place)]
        case Register(): raise Refused("already registered")
        case Check(): return alerts(command, device)
        case _ if not device.is_registered: raise Refused("no such device")
        case SetThresholds(low, high) if low > WELL[0] or high < WELL[1]:
            raise Refused("thresholds lie outside of what is well")
        case SetThresholds(low, high): return [ThresholdsSet(low, high)]
        case Clear() if not device.alert: raise Refused("there is no alert")
        case Clear(by): return [AlertCleared(by)]

def alerts(check: Check, device: Device) -> list[Event]:
    """One alert at a time, until a person clears it. A device that nobody registered may send what it likes."""
    if device.alert or not device.is_registered or device.bears(check.temperature):
        return []
    return [AlertRaised(check.temperature, check.at)]

def evolve(device: Device, event: Event) -> Device:
    match event:
        case Registered(): return Device(True, device.low, device.high, device.alert)
        case ThresholdsSet(low, high): return Device(device.is_registered, low, high, device.alert)
        case AlertRaised(): return Device(device.is_registered, device.low, device.high, alert=True)
        case AlertCleared(): return Device(device.is_registered, device.low, device.high, alert=False)
