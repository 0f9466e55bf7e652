"""Page tokens: where the next page begins, in one opaque word that belongs to one question."""

import base64
import hashlib
import json

from blueprints.parameters import SamplesParameters
from domain.errors import BadParameters
from domain.minutes import WINDOW
from domain.names import name_problem
from pipeline.queries import Position

NO_SECOND = 10_000_000_000
"""What a second is below: ten digits, as in the store's ids."""


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
        if fingerprint == _fingerprint(question) and _is_window(window) and _is_vm(vm):
            return Position(window, vm)
    except (ValueError, TypeError, RecursionError):
        pass
    raise BadParameters({"page": "is not the nextPage of an answer to the same question"})


def _is_window(value: object) -> bool:
    return type(value) is int and value in range(0, NO_SECOND, WINDOW)


def _is_vm(value: object) -> bool:
    """Whether it is a VM's name, or empty: the first one. Anybody can make a token up, so nothing less is believed."""
    return type(value) is str and (not value or name_problem(value) is None)


def _fingerprint(question: SamplesParameters) -> str:
    asked = [question.tenant, question.vm, question.key, question.start, question.end]
    return hashlib.sha256(json.dumps(asked).encode()).hexdigest()[:12]
