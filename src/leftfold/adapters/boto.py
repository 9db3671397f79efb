"""What every adapter of an AWS service needs: a low-level client, and botocore's failures as ours.

Clients are made once for each opening: short time-outs, no resource layer. botocore is imported on first use.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from importlib import import_module
from typing import Any, Final

from leftfold.core.errors import ConfigError, LeftfoldError, StoreUnavailable, TooLarge

CONNECT_S: Final = 3.0
READ_S: Final = 10.0  # a transaction of 100 items takes well under a second
CONNECTIONS: Final = 32  # threads of one session that may call at once
ATTEMPTS: Final = 6  # of a request that may be sent twice, pauses growing to some seconds: botocore's standard mode

_DENIED = {
    *("AccessDenied", "AccessDeniedException", "InvalidAccessKeyId", "SignatureDoesNotMatch", "403"),
    *("UnrecognizedClientException", "InvalidSignatureException", "InvalidClientTokenId"),
    *("MissingAuthenticationTokenException", "IncompleteSignatureException"),
}
_MISSING = {
    *("ResourceNotFoundException", "NoSuchBucket", "QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue"),
    *("StateMachineDoesNotExist", "StateMachineDeleting"),
}
_WRONG = {
    *("ValidationException", "InvalidArgumentException", "InvalidParameterException", "SerializationException"),
    *("InvalidInputException", "RequestEntityTooLarge", "RequestEntityTooLargeException", "413"),
    *("InvalidArn", "InvalidName", "InvalidExecutionInput", "InvalidOutput", "InvalidToken", "ValidationError"),
}
_SIZE = ("size", "too large", "toolarge", "length less than", "exceed", "(413")  # as the services word it


_loaders: dict[str | None, Any] = {}  # of descriptions, by where they are looked for


def client(service: str, *, region: str | None, endpoint: str | None, attempts: int = 1) -> Any:
    """A botocore client by the default chain of credentials. Raises ConfigError where region or package is missing.

    `attempts` over 1 is for calls that are harmless twice: a client with 1 leaves retries to its caller.
    """
    try:
        session: Any = _session()
        config: Any = import_module("botocore.config").Config(
            connect_timeout=CONNECT_S,
            read_timeout=READ_S,
            max_pool_connections=CONNECTIONS,
            retries={"mode": "standard", "total_max_attempts": attempts},
        )
    except ImportError as error:
        raise ConfigError(f"{service} needs boto3: pip install 'leftfold[aws]'.") from error
    errors: Any = import_module("botocore.exceptions")
    try:
        return session.create_client(service, region_name=region, endpoint_url=endpoint, config=config)
    except errors.NoRegionError as error:
        raise ConfigError(
            f"{service}: no region: set AWS_DEFAULT_REGION, or say it: region= in a URL, --region where there is one."
        ) from error
    except errors.UnknownServiceError as error:
        raise ConfigError(f"{service}: the installed boto3 doesn't know this service: update it.") from error
    except (errors.BotoCoreError, ValueError) as error:
        raise ConfigError(f"{service}: no client can be made: {error}.") from error


def _session() -> Any:
    """A session of botocore. All share one reader of its descriptions: of DynamoDB's each would keep 10 MB of its own."""
    made: Any = import_module("botocore.session").get_session()
    path = made.get_config_variable("data_path")
    if path in _loaders:
        made.register_component("data_loader", _loaders[path])
    else:
        _loaders[path] = made.get_component("data_loader")
    return made


@contextmanager
def translated(where: str) -> Generator[None]:
    """Raise what a call raises as one of ours: StoreUnavailable for what may pass, ConfigError for what won't.

    `where` names the thing that was called, as `kinesis:readings`.
    """
    errors: Any = import_module("botocore.exceptions")
    try:
        yield
    except errors.ClientError as error:
        raise _judged(error.response, where) from error
    except (errors.NoCredentialsError, errors.PartialCredentialsError, errors.ParamValidationError) as error:
        raise ConfigError(f"{where}: {error}.") from error
    except errors.BotoCoreError as error:
        raise StoreUnavailable(f"{where} can't answer now: {error}.") from error


@contextmanager
def translated_batch(where: str) -> Generator[None]:
    """As `translated`, for a call of many entries: TooLarge where they are over a limit, so that each may go alone."""
    try:
        with translated(where):
            yield
    except ConfigError as error:
        if _tells_of_size(error.__cause__):
            raise TooLarge(str(error), field="body") from error
        raise


def _tells_of_size(error: Any) -> bool:
    """Judged by what the service says of the call: our own words name a bus or a stream, and it may be a `resize-...`."""
    said: dict[str, str] = getattr(error, "response", {}).get("Error", {"Message": str(error)})
    return said.get("Code", "") not in _DENIED | _MISSING and any(
        word in said.get("Message", "").lower() for word in _SIZE
    )


def _judged(response: dict[str, Any], where: str) -> LeftfoldError:
    code, message = response["Error"].get("Code", ""), response["Error"].get("Message", "")
    if code in _DENIED:
        return ConfigError(f"{where}: not allowed ({code}: {message}): check the role's policy.")
    if code in _MISSING:
        return ConfigError(f"{where}: it doesn't exist ({message}): make it, or mend its name.")
    if code in _WRONG:
        return ConfigError(f"{where}: refused ({code}: {message}).")
    return StoreUnavailable(f"{where} can't answer now ({code}: {message}).")
