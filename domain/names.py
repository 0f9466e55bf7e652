r"""Names of tenants, VMs and counters: which names are valid, and how a name is encoded in an id or a file name.

Masked names hold ``/``, ``+`` and ``=`` (base64). Cosmos DB forbids ``/ \ ? #`` in an id, and file systems forbid more.
The data hold names unchanged. Only ids and file names hold encoded names; the encoding is reversible.
"""

import re
from functools import lru_cache

MAX_NAME = 128
MAX_KEY = 255
MAX_ENCODED = 400
"""The longest encoded name. An id of two encoded names, a number and separators then stays below Cosmos DB's limit of
1,023 bytes."""

NAMES_KEPT = 32_768
"""The size of the caches of encoded and checked names. Every message of a fleet repeats the same names."""

_UNSAFE = re.compile(rb"[^A-Za-z0-9.-]")
_ESCAPE = re.compile(r"~([0-9A-F]{2})")


@lru_cache(NAMES_KEPT)
def encode_name(name: str) -> str:
    """Return a name with every byte but ASCII letters, digits, ``.`` and ``-`` written as ``~`` and two hex digits.

    The result is safe in a document id, a URL path and a file name. It never holds ``_`` or ``/``, so these can
    separate names. :func:`decode_name` reverses it.
    """
    return _UNSAFE.sub(lambda match: b"~%02X" % match[0][0], name.encode()).decode("ascii")


def decode_name(encoded: str) -> str:
    """Return the name that :func:`encode_name` encoded."""
    return _ESCAPE.sub(lambda match: chr(int(match[1], 16)), encoded).encode("latin-1").decode()


def name_problem(name: str, most: int = MAX_NAME) -> str | None:
    """Return what is wrong with a name, or None. ``most`` is the longest allowed length in characters."""
    return f"is longer than {most} characters" if len(name) > most else _problem(name)


@lru_cache(NAMES_KEPT)
def _problem(name: str) -> str | None:
    if not name.strip():
        return "is empty"
    if not name.isprintable():
        return "holds a control character or one that can't be printed"
    if len(encode_name(name)) > MAX_ENCODED:
        return f"is longer than {MAX_ENCODED} bytes when written in an id"
    return None


def key_of(perf_type: str, perf_name: str) -> str:
    """Return the counter's key, ``PerfType.PerfName``."""
    return f"{perf_type}.{perf_name}"


def split_key(key: str) -> tuple[str, str]:
    """Return ``(PerfType, PerfName)`` of a key. ``PerfType`` holds no dot, so the first dot separates them.

    Raises ValueError if the key has no dot or one side of the dot is empty.
    """
    perf_type, dot, perf_name = key.partition(".")
    if not (dot and perf_type and perf_name):
        raise ValueError(f"{key!r} is no PerfType.PerfName")
    return perf_type, perf_name


@lru_cache(NAMES_KEPT)
def key_problem(perf_type: str, perf_name: str) -> str | None:
    """Return what is wrong with a counter's two names, or None."""
    if "." in perf_type:
        return "PerfType holds a dot; it must not, since the first dot of a key ends PerfType"
    for field, value in (("PerfType", perf_type), ("PerfName", perf_name)):
        if problem := name_problem(value, MAX_KEY):
            return f"{field} {problem}"
    return None
