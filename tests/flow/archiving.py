"""The archiver's function, an hour later: what waits for a quarter of one is due."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta

from functions import bank
from msgspec.structs import replace

from leftfold.connect import connect
from leftfold.lambdas import archiver


class Later:
    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(hours=1)


archive = archiver(bank, store=replace(connect(os.environ["LEFTFOLD_STORE"]), clock=Later()))
