"""Ids of documents: seconds that sort as numbers do, and names, encoded, behind them."""

import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec

from domain.names import decode_name, encode_name

LAST = 9_999_999_999
"""The last second that an id may hold."""

DIGITS = 10
"""Digits of a second in an id, so that ids sort as numbers do (until the year 2286)."""


def number(second: int) -> str:
    """Return a second as ids have it."""
    return f"{second:0{DIGITS}d}"


def numbered(second: int, name: str) -> str:
    """Return the id of a name at a second."""
    return f"{number(second)}_{encode_name(name)}"


def split_number(document_id: str) -> tuple[int, str]:
    """Return the second and the name of such an id."""
    return int(document_id[:DIGITS]), decode_name(document_id[DIGITS + 1 :])


def digest(body: Mapping[str, Any]) -> str:
    """Return an id that follows from what a document holds."""
    return hashlib.sha256(msgspec.json.encode(body)).hexdigest()[:32]
