"""Arrays of numbers as short texts: byte by byte, deflated, in base64.

First come the first bytes of all numbers, then the second ones, and so on: those of the highest significance are nearly
all equal. numpy is imported where it is used, so that starting the app does not load it.
"""

import base64
import zlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from domain.buckets import Floats

_LEVEL = 1
"""Higher levels save a tenth of the bytes and take several times as long."""

_DOUBLES = "<f8"


def planes_of(array: "NDArray[Any]", kind: str) -> bytes:
    """Return the bytes of an array: the first byte of each number, then the second of each, and so on."""
    import numpy as np  # noqa: PLC0415

    plain = np.ascontiguousarray(array, dtype=kind)
    if plain.itemsize == 1:
        return plain.tobytes()
    return plain.view(np.uint8).reshape(len(plain), -1).T.tobytes() if len(plain) else b""


def array_of(planes: bytes, kind: str) -> "NDArray[Any]":
    """Return the array of these bytes. Raises ValueError."""
    import numpy as np  # noqa: PLC0415

    width = np.dtype(kind).itemsize
    if len(planes) % width:
        raise ValueError(f"these bytes are no array of {kind}")
    if width == 1:
        return np.frombuffer(planes, kind)
    bytes_ = np.frombuffer(planes, np.uint8).reshape(width, -1)
    return np.ascontiguousarray(bytes_.T).view(kind).reshape(-1)


def text_of(planes: bytes, strategy: int = zlib.Z_DEFAULT_STRATEGY) -> str:
    """Return bytes as a text. ``strategy``: zlib's."""
    deflate = zlib.compressobj(_LEVEL, strategy=strategy)
    return base64.b64encode(deflate.compress(planes) + deflate.flush()).decode()


def bytes_of(text: str) -> bytes:
    """Return the bytes of a text. Raises ValueError if it holds none."""
    try:
        return zlib.decompress(base64.b64decode(text, validate=True))
    except zlib.error as error:
        raise ValueError(f"this text holds no bytes: {error}") from error


def text_of_doubles(array: "Floats") -> str:
    """Return an array of doubles, row by row, as a text."""
    return text_of(planes_of(array.reshape(-1), _DOUBLES))


def doubles_of(text: str) -> "Floats":
    """Return the doubles of a text, in one row. Raises ValueError if it holds none."""
    import numpy as np  # noqa: PLC0415

    return array_of(bytes_of(text), _DOUBLES).astype(np.float64)
