"""Objects in an S3 bucket.

Knows: botocore's S3 client, behind a door that opens on first use. Implements Objects.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from hashlib import sha256
from importlib import import_module
from typing import Any, Final

from leftfold.core.errors import ConfigError, IntegrityError, LeftfoldError, StoreUnavailable

ATTEMPTS: Final = 6  # of a request, pauses growing to some seconds: botocore's standard mode


class Bucket:
    """One bucket, under a prefix."""

    def __init__(self, client: Any, bucket: str, prefix: str = "") -> None:
        self._client, self._bucket = client, bucket
        self._prefix = prefix.strip("/") + "/" if prefix.strip("/") else ""

    def put(self, name: str, data: bytes) -> None:
        checksum = b64encode(sha256(data).digest()).decode()
        self._call(self._client.put_object, name, Body=data, ChecksumSHA256=checksum)

    def get(self, name: str) -> bytes:
        def read(**where: Any) -> bytes:
            return bytes(self._client.get_object(**where)["Body"].read())

        return bytes(self._call(read, name))

    def _call(self, method: Callable[..., Any], name: str, **more: Any) -> Any:
        errors: Any = import_module("botocore.exceptions")
        try:
            return method(Bucket=self._bucket, Key=self._prefix + name, **more)
        except errors.ClientError as error:
            raise self._judged(error.response, name) from error
        except (errors.NoCredentialsError, errors.ParamValidationError) as error:
            raise ConfigError(f"s3:{self._bucket}: {error}.") from error
        except errors.BotoCoreError as error:
            raise StoreUnavailable(f"s3:{self._bucket} can't answer now: {error}.") from error

    def _judged(self, response: dict[str, Any], name: str) -> LeftfoldError:
        code, message = response["Error"].get("Code", ""), response["Error"].get("Message", "")
        match code:
            case "NoSuchKey" | "404":
                return IntegrityError(f"s3:{self._bucket}/{self._prefix}{name} is gone: restore it from a backup.")
            case "NoSuchBucket":
                return ConfigError(f"there is no bucket {self._bucket!r}: make it, or mend objects= in the URL.")
            case "AccessDenied" | "InvalidAccessKeyId" | "SignatureDoesNotMatch" | "403":
                return ConfigError(f"s3:{self._bucket}: not allowed ({code}: {message}): check the role's policy.")
            case _:
                return StoreUnavailable(f"s3:{self._bucket} can't answer now ({code}: {message}).")


def open_bucket(bucket: str, *, prefix: str = "", region: str | None = None, endpoint: str | None = None) -> Bucket:
    """A bucket by the default chain of credentials. Raises ConfigError without boto3, region or a legal name."""
    try:
        session: Any = import_module("botocore.session").get_session()
        config: Any = import_module("botocore.config").Config(
            retries={"mode": "standard", "total_max_attempts": ATTEMPTS}
        )
    except ImportError as error:
        raise ConfigError("objects=s3: needs boto3: pip install 'leftfold[aws]'.") from error
    errors: Any = import_module("botocore.exceptions")
    try:
        client = session.create_client("s3", region_name=region, endpoint_url=endpoint, config=config)
    except (errors.BotoCoreError, ValueError) as error:
        raise ConfigError(f"objects=s3:{bucket}: {error}.") from error
    return Bucket(client, bucket, prefix)
