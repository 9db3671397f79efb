"""Objects in an S3 bucket, each with its SHA-256, which S3 checks when it is stored and we when it is read.

Knows: botocore's S3 client. Implements Objects.
"""

from __future__ import annotations

import random
import time
from base64 import b64encode
from collections.abc import Iterator
from datetime import datetime
from hashlib import sha256
from importlib import import_module
from typing import Any, Final

from leftfold.adapters.boto import ATTEMPTS, client, translated
from leftfold.core.errors import ConfigError, IntegrityError, StoreUnavailable

PAUSE_S: Final = 0.1  # the first pause after S3 answered that another write to the name is under way; it doubles
PAGE_NAMES: Final = 1000  # S3's limit for a listing


class Bucket:
    """One bucket, under a prefix."""

    def __init__(self, client: Any, bucket: str, prefix: str = "", *, page_names: int = PAGE_NAMES) -> None:
        self._client, self._bucket, self._page_names = client, bucket, page_names
        self._prefix = prefix.strip("/") + "/" if prefix.strip("/") else ""

    def put(self, name: str, data: bytes) -> None:
        with translated(self._where(name)):
            self._put(name, data)

    def create(self, name: str, data: bytes, *, keep_until: datetime | None = None) -> bool:
        lock = {"ObjectLockMode": "COMPLIANCE", "ObjectLockRetainUntilDate": keep_until} if keep_until else {}
        client_error: Any = import_module("botocore.exceptions").ClientError
        with translated(self._where(name)):
            for attempt in range(ATTEMPTS):
                try:
                    self._put(name, data, IfNoneMatch="*", **lock)
                except client_error as error:
                    match _code(error):
                        case "PreconditionFailed" | "412":
                            return False
                        case "ConditionalRequestConflict" | "409":
                            time.sleep(random.uniform(0, PAUSE_S * 2**attempt))
                        case "InvalidRequest" if lock:
                            raise ConfigError(
                                f"s3:{self._bucket} keeps nothing until a day: make it with Object Lock."
                            ) from error
                        case _:
                            raise
                else:
                    return True
        raise StoreUnavailable(f"{self._where(name)}: others were writing it {ATTEMPTS} times in a row.")

    def get(self, name: str) -> bytes:
        errors: Any = import_module("botocore.exceptions")
        with translated(self._where(name)):
            try:
                answer = self._client.get_object(Bucket=self._bucket, Key=self._prefix + name, ChecksumMode="ENABLED")
                return bytes(answer["Body"].read())
            except errors.FlexibleChecksumError as error:
                raise IntegrityError(f"{self._where(name)} is damaged, says its SHA-256: restore it.") from error
            except errors.ClientError as error:
                if _code(error) in ("NoSuchKey", "404"):
                    raise IntegrityError(f"{self._where(name)} is gone: restore it from a backup.") from error
                raise

    def names(self, prefix: str = "", *, after: str = "") -> Iterator[str]:
        asked = {"Bucket": self._bucket, "Prefix": self._prefix + prefix, "MaxKeys": self._page_names}
        last = self._prefix + after if after else ""
        while True:
            with translated(self._where(prefix)):
                answer = self._client.list_objects_v2(**asked, **({"StartAfter": last} if last else {}))
            for one in answer.get("Contents", []):
                last = one["Key"]
                yield last[len(self._prefix) :]
            if not answer.get("IsTruncated"):
                return

    def _put(self, name: str, data: bytes, **more: Any) -> None:
        where = {"Bucket": self._bucket, "Key": self._prefix + name}
        self._client.put_object(**where, Body=data, ChecksumSHA256=_checksum(data), **more)

    def _where(self, name: str) -> str:
        return f"s3:{self._bucket}/{self._prefix}{name}"


def _checksum(data: bytes) -> str:
    return b64encode(sha256(data).digest()).decode()


def _code(error: Any) -> str:
    return str(error.response["Error"].get("Code", ""))


def open_bucket(bucket: str, *, prefix: str = "", region: str | None = None, endpoint: str | None = None) -> Bucket:
    """A bucket by the default chain of credentials. Raises ConfigError without boto3, region or a legal name."""
    return Bucket(client("s3", region=region, endpoint=endpoint, attempts=ATTEMPTS), bucket, prefix)
