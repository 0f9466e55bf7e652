"""Page tokens: where the next page begins, in one opaque word that belongs to one question."""

import base64
import hashlib
import json

from blueprints.parameters import SamplesParameters
from domain.errors import BadParameters
from pipeline.queries import Position


def token_of(position: Position, question: SamplesParameters) -> str:
    """Return the token of a page that begins at this position."""
    content = json.dumps([_fingerprint(question), position.window, position.vm], separators=(",", ":"))
    return base64.urlsafe_b64encode(content.encode()).decode().rstrip("=")


def position_of(question: SamplesParameters) -> Position | None:
    """Return where the page begins that a question's token names; None: it names none. Raises BadParameters.

    A token gives access to nothing: it only says where in the answer to this very question to go on.
    """
    if question.page is None:
        return None
    try:
        padded = question.page + "=" * (-len(question.page) % 4)
        fingerprint, window, vm = json.loads(base64.b64decode(padded, b"-_", validate=True))
        if fingerprint == _fingerprint(question) and type(window) is int and type(vm) is str:
            return Position(window, vm)
    except (ValueError, TypeError, RecursionError):
        pass
    raise BadParameters({"page": "is not the nextPage of an answer to the same question"})


def _fingerprint(question: SamplesParameters) -> str:
    asked = [question.tenant, question.vm, question.key, question.start, question.end]
    return hashlib.sha256(json.dumps(asked).encode()).hexdigest()[:12]
