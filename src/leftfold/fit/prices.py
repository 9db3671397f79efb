"""List prices of AWS, on-demand, us-east-1: one line a price, with the day it was looked up and where it stands.

Regions differ by up to half of it, contracts by more: `read` takes a file of your own for what differs.
"""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from leftfold.core.errors import ConfigError

REGION: Final = "us-east-1"


class Price(Struct, frozen=True):
    """What one of `unit` costs, in US dollars."""

    name: str
    usd: float
    unit: str
    looked_up: str
    source: str


_DYNAMODB: Final = "https://aws.amazon.com/dynamodb/pricing/on-demand/"
_LAMBDA: Final = "https://aws.amazon.com/lambda/pricing/"
_S3: Final = "https://aws.amazon.com/s3/pricing/"
_STATES: Final = "https://aws.amazon.com/step-functions/pricing/"

LIST: Final = (
    Price("dynamodb.write", 0.625e-6, "write request unit", "2026-11", _DYNAMODB),
    Price("dynamodb.read", 0.125e-6, "read request unit", "2026-11", _DYNAMODB),
    Price("lambda.request", 0.20e-6, "request", "2026-11", _LAMBDA),
    Price("lambda.gb_s", 0.0000133334, "GB-second on arm64", "2026-11", _LAMBDA),
    Price("s3.get", 0.0004e-3, "GET request", "2026-11", _S3),
    Price("s3.put", 0.005e-3, "PUT, COPY, POST or LIST request", "2026-11", _S3),
    Price("states.transition", 25e-6, "state transition of a Standard workflow", "2026-11", _STATES),
)

Prices = dict[str, Price]

PRICES: Final[Prices] = {price.name: price for price in LIST}


def read(text: str | bytes, source: str) -> Prices:
    """The list, with the prices that a JSON object names in place of its own: `{"dynamodb.write": 0.7e-6}`."""
    try:
        own: dict[str, float] = msgspec.json.decode(text, type=dict[str, float])
    except (msgspec.DecodeError, UnicodeError) as error:
        raise ConfigError(f'{source}: prices are a JSON object, as {{"dynamodb.write": 0.7e-6}}: {error}.') from error
    for name, usd in own.items():
        if name not in PRICES or not 0 <= usd < float("inf"):
            raise ConfigError(f"{source}: {name!r}: {usd} is no price of these: {', '.join(PRICES)}.")
    return PRICES | {name: replace(PRICES[name], usd=usd, looked_up="", source=source) for name, usd in own.items()}
