"""The two kinds of error, told apart by what the caller should do next.

::

    SpotError
    ├── Invalid            never try the same again: the input is at fault
    │   ├── BadMessage         this message can't be read: quarantine it whole
    │   ├── BadParameters      this query can't be answered: 400, every bad parameter named
    │   ├── NotFound           this counter, tenant or VM is not known: 404
    │   ├── Unauthenticated    nobody knows who asks: 401
    │   ├── Forbidden          this caller may not ask for this: 403
    │   └── StateConflict      this does not fit what is there: 409
    └── Unavailable        try again later: 503 with Retry-After, or raise so that the queue delivers again
        └── Misconfigured      settings are missing or malformed: an operator must act first

The storage port (storage.documents) adds ``Corrupt``, an Unavailable that waits for an operator as well, and
``Conflict``, which is no error but an answer: somebody else wrote first.
"""

from collections.abc import Mapping


class SpotError(Exception):
    """The root of the tree above."""


class Invalid(SpotError):
    """The input can never be accepted; trying again changes nothing."""


class BadMessage(Invalid):
    """A message body that can't be read as a whole. ``str()`` of it is the reason, in words."""


class BadParameters(Invalid):
    """A query with bad parameters.

    ``problems`` maps each bad parameter's name to what is wrong with it and what would be right.
    """

    def __init__(self, problems: Mapping[str, str]) -> None:
        """Keep every problem; the text of the error names them all."""
        super().__init__("; ".join(f"{name}: {problem}" for name, problem in problems.items()))
        self.problems = dict(problems)


class NotFound(Invalid):
    """A counter, tenant or VM that no accepted sample has named. ``str()`` says which."""


class Unauthenticated(Invalid):
    """Who asks is not known, and must be. ``str()`` says how to become known."""


class Forbidden(Invalid):
    """Who asks is known and may not ask for this. ``str()`` says why."""


class StateConflict(Invalid):
    """What is asked does not fit what is there; something else has to change first. ``str()`` says what."""


class Unavailable(SpotError):
    """Something this work needs is down or busy; the same call may succeed later.

    ``retry_after`` is how many seconds to wait before trying again.
    """

    def __init__(self, message: str, retry_after: float = 5) -> None:
        """Say what is down, and when to come back."""
        super().__init__(message)
        self.retry_after = retry_after


class Misconfigured(Unavailable):
    """Settings are missing or malformed; the text names every one of them."""
