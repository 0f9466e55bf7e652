"""Invitations: the code with which a tenant's SPOC joins.

Knows how a code is drawn, written, read and hashed, and what the SPOC signs to prove that it holds its key. Does not
know which tenant a code is for, or whether it still counts (pipeline.joining).

A code is 26 characters of Crockford's base32 (https://www.crockford.com/base32.html), 130 random bits.
"""

import hashlib
import re
import secrets

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
CODE_CHARACTERS = 26
GROUP = 5

_PROOF = b"SPOTJOIN"
_BETWEEN = re.compile(r"[\s\u00ad\u2010-\u2015\u2212-]+")
"""What may stand between characters: blanks and dashes, also the dashes into which mail programs turn a minus."""

_READ = str.maketrans("OIL", "011")


def new_code() -> str:
    """Draw a code, normalised."""
    return "".join(secrets.choice(ALPHABET) for _ in range(CODE_CHARACTERS))


def shown(code: str) -> str:
    """Return a code as people read it, in groups with dashes: five, five, five, five, six."""
    most = CODE_CHARACTERS // GROUP - 1
    return "-".join([*(code[GROUP * n : GROUP * (n + 1)] for n in range(most)), code[GROUP * most :]])


def code_of(text: str) -> str:
    """Return a code, normalised, as somebody typed it.

    Case, dashes and blanks do not count; O is read as 0, I and L as 1. Raises ValueError.
    """
    code = _BETWEEN.sub("", text).upper().translate(_READ)
    if len(code) != CODE_CHARACTERS or not set(code) <= set(ALPHABET):
        raise ValueError(
            f"must be the code that the operator gave: {CODE_CHARACTERS} letters and digits, with or without dashes"
        )
    return code


def digest_of(code: str) -> str:
    """Return what is stored of a code: its SHA-256, 64 hexadecimal digits. Nobody can try so many codes."""
    return hashlib.sha256(code.encode("ascii")).hexdigest()


def to_prove(code: str) -> bytes:
    """Return the bytes that the SPOC signs with its new key. It shows that it has the key that it joins with."""
    return _PROOF + code.encode("ascii")
