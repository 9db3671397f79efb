"""Low-level clients, made once for each session: botocore's own retries off, time-outs short, no resource layer."""

from __future__ import annotations

from importlib import import_module
from typing import Any, Final

from leftfold.core.errors import ConfigError

CONNECT_S: Final = 3.0
READ_S: Final = 10.0  # a transaction of 100 items takes well under a second
CONNECTIONS: Final = 32  # threads of one session that may call at once


def client(service: str, *, region: str | None, endpoint: str | None) -> Any:
    """A botocore client by the default chain of credentials. Raises ConfigError where region or package is missing."""
    try:
        session: Any = import_module("botocore.session").get_session()
        config: Any = import_module("botocore.config").Config(
            connect_timeout=CONNECT_S,
            read_timeout=READ_S,
            max_pool_connections=CONNECTIONS,
            retries={"total_max_attempts": 1},
        )
    except ImportError as error:
        raise ConfigError("DynamoDB needs boto3: pip install 'leftfold[aws]'.") from error
    errors: Any = import_module("botocore.exceptions")
    try:
        return session.create_client(service, region_name=region, endpoint_url=endpoint, config=config)
    except errors.NoRegionError as error:
        raise ConfigError("DynamoDB: no region: add region=eu-west-1 to the URL, or set AWS_REGION.") from error
    except (errors.BotoCoreError, ValueError) as error:
        raise ConfigError(f"DynamoDB: no client can be made: {error}.") from error
