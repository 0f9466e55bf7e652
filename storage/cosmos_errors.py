"""What the SDK of Cosmos DB raises, judged: which errors pass, which ask to wait, and which error of the port each is.

Knows the service's status codes and sub-statuses; refuses to know how often a call is tried.
"""

from http import HTTPStatus
from typing import Any

from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    IncompleteReadError,
    ServiceRequestError,
    ServiceResponseError,
)
from azure.cosmos.exceptions import (
    CosmosAccessConditionFailedError,
    CosmosHttpResponseError,
    CosmosResourceExistsError,
    CosmosResourceNotFoundError,
)

from domain.errors import Unavailable
from storage.documents import AlreadyExists, Changed, Gone, TooLarge

PASSING = {
    HTTPStatus.REQUEST_TIMEOUT,
    HTTPStatus.GONE,  # the partition is moving or being split
    449,  # "retry with": others write the same item
    HTTPStatus.INTERNAL_SERVER_ERROR,
    HTTPStatus.BAD_GATEWAY,
    HTTPStatus.SERVICE_UNAVAILABLE,
    HTTPStatus.GATEWAY_TIMEOUT,
}
"""Answers after which the same call may well succeed ("Design resilient applications with Azure Cosmos DB SDKs")."""

_OWNER_NOT_FOUND = 1003
"""The sub-status of a 404 that means the container or the database."""

_NOT_FOUND_YET = {1002, 1013}
"""Those that mean a replica behind the session that was asked for, and a container that is still being made."""

_PARTITION_FULL = 1014
"""The sub-status of a 403 that means that the logical partition has reached 20 GB ("Troubleshoot Azure Cosmos DB
forbidden exceptions"). Other reasons of a 403 concern every document: a firewall, a missing role, a failover."""

_TOKEN_REFUSED = 5300
"""The sub-status of a 403 that means, among others, an expired token."""

SDK_ERRORS = (AzureError, OSError, TimeoutError)
NO_ANSWER = (ServiceRequestError, ServiceResponseError, IncompleteReadError, OSError, TimeoutError)
"""Those of them that say that no answer came, or half of one. What was asked may have been done."""

_RETRY_AFTER = "x-ms-retry-after-ms"


def passes(error: Exception) -> bool:
    """Tell whether the same call may succeed soon. Throttled calls do not: the SDK has tried them again."""
    match error:
        case CosmosResourceNotFoundError():
            return error.sub_status in _NOT_FOUND_YET
        case CosmosHttpResponseError():
            return error.status_code in PASSING
        case _:
            return isinstance(error, NO_ANSWER)


def is_denied(error: Exception) -> bool:
    """Tell whether the service, or whoever gives tokens, does not know (any more) who calls."""
    match error:
        case ClientAuthenticationError() | CosmosHttpResponseError(status_code=HTTPStatus.UNAUTHORIZED):
            return True
        case CosmosHttpResponseError(status_code=HTTPStatus.FORBIDDEN):
            return bool(error.sub_status == _TOKEN_REFUSED)
    return False


def asked_to_wait(error: Exception) -> float | None:
    """Return for how many seconds the service asks to wait, if it does."""
    headers = error.headers if isinstance(error, CosmosHttpResponseError) else None
    asked = (headers or {}).get(_RETRY_AFTER)
    return None if asked is None else float(asked) / 1000


def _is_of_an_item(error: CosmosResourceNotFoundError) -> bool:
    """Tell whether an item was not found, and not the container, which the SDK asks for before its first call."""
    request: Any = error.response.request if error.response is not None else None
    other = {_OWNER_NOT_FOUND, *_NOT_FOUND_YET}
    return request is not None and "/docs/" in request.url and error.sub_status not in other


def is_a_bad_request(error: BaseException | None) -> bool:
    """Tell whether the service can make nothing of a request, though it is meant for this container."""
    return (
        isinstance(error, CosmosHttpResponseError)
        and error.status_code == HTTPStatus.BAD_REQUEST
        and not error.sub_status  # 1001: another partition key; 1024: the container was made anew
    )


def translated(error: Exception, request: str, endpoint: str, database: str, longest: float) -> Exception:
    """Return the port's error for one of SDK_ERRORS. ``longest``: seconds that a call takes at most."""
    match error:
        case CosmosResourceExistsError():
            return AlreadyExists(request)
        case CosmosAccessConditionFailedError():
            return Changed(request)
        case CosmosResourceNotFoundError() if _is_of_an_item(error):
            return Gone(request)
        case CosmosHttpResponseError(status_code=HTTPStatus.REQUEST_ENTITY_TOO_LARGE):
            return TooLarge(f"{request}: the document is too large")
        case CosmosHttpResponseError(status_code=HTTPStatus.FORBIDDEN, sub_status=code) if code == _PARTITION_FULL:
            return TooLarge(f"{request}: the partition is full")
    wait = 5.0
    reason = f"{request}: {type(error).__name__}: {error}"
    if isinstance(error, CosmosResourceNotFoundError):
        reason = f"{request}: the database {database} or its container does not exist"
    elif isinstance(error, CosmosHttpResponseError):
        reason = f"{request}: HTTP {error.status_code}: {error.http_error_message}"
        wait = max(1.0, asked_to_wait(error) or wait)
    elif isinstance(error, ClientAuthenticationError):
        reason = f"{request}: no access: {error.message}"
    elif isinstance(error, TimeoutError):
        reason = f"{request}: not done in {longest} s"
    return Unavailable(f"the store {endpoint} is not available: {reason}", wait)
