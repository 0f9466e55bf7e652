"""The two kinds of error. They differ in what the caller should do next.

::

    SpotError
    ├── Invalid            never try the same again: the input is at fault
    │   ├── BadMessage         this message can't be read: quarantine the whole message
    │   ├── BadParameters      this query can't be answered: 400, every bad parameter named
    │   ├── NotFound           this counter, tenant or VM is unknown: 404
    │   ├── Unauthenticated    the caller is unknown: 401
    │   ├── Forbidden          this caller may not ask for this: 403
    │   ├── StateConflict      the request does not fit the present state: 409
    │   └── TooLong            the body is longer than what it is for can take: 413
    └── Unavailable        try again later: 503 with Retry-After, or raise so that the queue delivers again
        ├── TooMany            the caller asks too often: 429 with Retry-After
        └── Misconfigured      settings are missing or malformed: an operator must act first

The storage port (storage.documents) adds ``Corrupt``, an Unavailable that needs an operator too, and ``Conflict``: not
an error but an answer, which says that another process wrote first.
"""

from collections.abc import Mapping


class SpotError(Exception):
    """The root of the tree above."""


class Invalid(SpotError):
    """The input can never be accepted. Retrying does not help."""


class BadMessage(Invalid):
    """The whole message body can't be read. ``str()`` gives the reason in words."""


class BadParameters(Invalid):
    """A query with bad parameters.

    ``problems`` maps each bad parameter's name to a text that says what is wrong and what would be right.
    """

    def __init__(self, problems: Mapping[str, str]) -> None:
        """Store the problems. The error's text names them all."""
        super().__init__("; ".join(f"{name}: {problem}" for name, problem in problems.items()))
        self.problems = dict(problems)


class NotFound(Invalid):
    """No accepted sample names this counter, tenant or VM. ``str()`` says which."""


class Unauthenticated(Invalid):
    """The caller must be signed in and is not. ``str()`` says how to sign in."""


class Forbidden(Invalid):
    """The caller is known but may not ask for this. ``str()`` says why."""


class StateConflict(Invalid):
    """The request does not fit the present state. ``str()`` says what has to change first."""


class TooLong(Invalid):
    """The body is longer than what it is for can take. ``str()`` gives the limit."""


class Unavailable(SpotError):
    """A service that this call needs is down or busy. The same call may succeed later.

    ``retry_after`` is the time to wait before a retry, in seconds.
    """

    def __init__(self, message: str, retry_after: float = 5) -> None:
        """Store what is down, and when to retry."""
        super().__init__(message)
        self.retry_after = retry_after


class TooMany(Unavailable):
    """The caller asks too often. ``str()`` says what is too much of what."""


class Misconfigured(Unavailable):
    """Settings are missing or malformed. ``str()`` names all of them."""
