"""Ids of documents: a second in digits of fixed length, so that ids sort by time, and then an encoded name."""

import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec

from domain.names import decode_name, encode_name

LAST = 9_999_999_999
"""The last second that an id can hold."""

DIGITS = 10
"""The number of digits of a second in an id, so that ids sort by time (until the year 2286)."""


def number(second: int) -> str:
    """Return a second as the digits of an id."""
    return f"{second:0{DIGITS}d}"


def numbered(second: int, name: str) -> str:
    """Return the id for a second and a name."""
    return f"{number(second)}_{encode_name(name)}"


def split_number(document_id: str) -> tuple[int, str]:
    """Return the second and the name of an id made by ``numbered``."""
    return int(document_id[:DIGITS]), decode_name(document_id[DIGITS + 1 :])


def digest(body: Mapping[str, Any]) -> str:
    """Return an id derived from a document's body."""
    return hashlib.sha256(msgspec.json.encode(body)).hexdigest()[:32]
