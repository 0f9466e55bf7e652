"""Page tokens: one opaque word says where the next page begins. A token belongs to one question."""

import base64
import hashlib
import json
from collections.abc import Sequence

from domain.errors import BadParameters

Place = Sequence[int | str]


def token_of(place: Place, question: object) -> str:
    """Return the token of a page of the answer to a question. ``question``: all its parameters, in JSON's types."""
    content = json.dumps([_fingerprint(question), *place], separators=(",", ":"))
    return base64.urlsafe_b64encode(content.encode()).decode().rstrip("=")


def place_of(token: str, question: object) -> Place:
    """Return the place that a question's token names. Raises refused() if the token is malformed or another question's.

    A token gives no access. It only says where to continue in the answer to this question. Anybody can make up a token,
    so the calling code must check the place.
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
    """Return the error that refuses a token."""
    return BadParameters({"page": "is not the nextPage of an answer to the same question"})


def _fingerprint(question: object) -> str:
    return hashlib.sha256(json.dumps(question).encode()).hexdigest()[:12]
