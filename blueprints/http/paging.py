"""Page tokens: where the next page begins, in one opaque word that belongs to one question."""

import base64
import hashlib
import json
from collections.abc import Sequence

from domain.errors import BadParameters

Place = Sequence[int | str]


def token_of(place: Place, question: object) -> str:
    """Return the token of a page of a question's answer. ``question``: all that it asks, as JSON has it."""
    content = json.dumps([_fingerprint(question), *place], separators=(",", ":"))
    return base64.urlsafe_b64encode(content.encode()).decode().rstrip("=")


def place_of(token: str, question: object) -> Place:
    """Return the place that a question's token names. Raises refused() where the token is another question's, or none.

    A token gives access to nothing: it only says where in the answer to this very question to go on. Anybody can make
    one up, so who asks checks that the place is one.
    """
    try:
        padded = token + "=" * (-len(token) % 4)
        fingerprint, *place = json.loads(base64.b64decode(padded, b"-_", validate=True))
    except (ValueError, TypeError, RecursionError) as error:
        raise refused() from error
    if fingerprint != _fingerprint(question):
        raise refused()
    return list(place)


def refused() -> BadParameters:
    """Return the refusal of a token."""
    return BadParameters({"page": "is not the nextPage of an answer to the same question"})


def _fingerprint(question: object) -> str:
    return hashlib.sha256(json.dumps(question).encode()).hexdigest()[:12]
