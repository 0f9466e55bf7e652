"""The errors of the Cosmos DB SDK: which are transient, which ask to wait, and which error of the port each becomes.

Knows the service's status codes and sub-statuses. Refuses to know how often a call is retried.
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
    449,  # "retry with": another call writes the same item
    HTTPStatus.INTERNAL_SERVER_ERROR,
    HTTPStatus.BAD_GATEWAY,
    HTTPStatus.SERVICE_UNAVAILABLE,
    HTTPStatus.GATEWAY_TIMEOUT,
}
"""Status codes of transient failures ("Design resilient applications with Azure Cosmos DB SDKs")."""

_OWNER_NOT_FOUND = 1003
"""The sub-status of a 404 for a missing container or database."""

_NOT_FOUND_YET = {1002, 1013}
"""Sub-statuses of transient 404s: a replica is behind the session's token; a container is still being created."""

_PARTITION_FULL = 1014
"""The sub-status of a 403 for a logical partition that has reached 20 GB ("Troubleshoot Azure Cosmos DB forbidden
exceptions"). Other reasons for a 403 concern every document: a firewall, a missing role, a failover."""

_TOKEN_REFUSED = 5300
"""The sub-status of a 403 for, among other reasons, an expired token."""

SDK_ERRORS = (AzureError, OSError, TimeoutError)
NO_ANSWER = (ServiceRequestError, ServiceResponseError, IncompleteReadError, OSError, TimeoutError)
"""The SDK_ERRORS raised when no answer came, or only part of one. The service may have executed the call."""

_RETRY_AFTER = "x-ms-retry-after-ms"


def passes(error: Exception) -> bool:
    """Tell whether an error is transient, so that a retry may succeed. False for 429: the SDK has retried already."""
    match error:
        case CosmosResourceNotFoundError():
            return error.sub_status in _NOT_FOUND_YET
        case CosmosHttpResponseError():
            return error.status_code in PASSING
        case _:
            return isinstance(error, NO_ANSWER)


def is_denied(error: Exception) -> bool:
    """Tell whether the service or the token issuer rejected this process's credential."""
    match error:
        case ClientAuthenticationError() | CosmosHttpResponseError(status_code=HTTPStatus.UNAUTHORIZED):
            return True
        case CosmosHttpResponseError(status_code=HTTPStatus.FORBIDDEN):
            return bool(error.sub_status == _TOKEN_REFUSED)
    return False


def asked_to_wait(error: Exception) -> float | None:
    """Return how many seconds the service asks to wait, or None."""
    headers = error.headers if isinstance(error, CosmosHttpResponseError) else None
    asked = (headers or {}).get(_RETRY_AFTER)
    return None if asked is None else float(asked) / 1000


def _is_of_an_item(error: CosmosResourceNotFoundError) -> bool:
    """Tell whether the missing thing is an item. The SDK also reads the container before its first call."""
    request: Any = error.response.request if error.response is not None else None
    other = {_OWNER_NOT_FOUND, *_NOT_FOUND_YET}
    return request is not None and "/docs/" in request.url and error.sub_status not in other


def is_a_bad_request(error: BaseException | None) -> bool:
    """Tell whether the service rejected the content of a request, and not its container or partition key."""
    return (
        isinstance(error, CosmosHttpResponseError)
        and error.status_code == HTTPStatus.BAD_REQUEST
        and not error.sub_status  # 1001: wrong partition key; 1024: the container was recreated
    )


def translated(error: Exception, request: str, endpoint: str, database: str, longest: float) -> Exception:
    """Return the port's error for one of SDK_ERRORS. ``longest`` is the longest time of a call in seconds."""
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
