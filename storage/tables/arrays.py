"""Arrays of numbers as short texts: differences, byte by byte, deflated, in base64.

The bytes of one significance stand together, since those of the highest are nearly all equal. numpy is imported where
it is used, so that starting the app does not load it.
"""

import base64
import zlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_LEVEL = 1
"""Higher levels save a tenth of the bytes and take several times as long."""


def text_of(array: "NDArray[Any]", stored_as: str) -> str:
    """Return an array as a text. ``stored_as`` is a type of numpy that holds its numbers, such as ``<f8``."""
    import numpy as np  # noqa: PLC0415

    plain = np.ascontiguousarray(array, dtype=stored_as)
    planes = plain.view(np.uint8).reshape(len(plain), -1).T.tobytes() if len(plain) else b""
    return base64.b64encode(zlib.compress(planes, _LEVEL)).decode()


def array_of(text: str, stored_as: str, kind: "type[np.generic]") -> "NDArray[Any]":
    """Return the array of a text, as numbers of another ``kind``. Raises ValueError if it holds none."""
    import numpy as np  # noqa: PLC0415

    width = np.dtype(stored_as).itemsize
    try:
        planes = np.frombuffer(zlib.decompress(base64.b64decode(text, validate=True)), np.uint8)
    except zlib.error as error:
        raise ValueError(f"this is no array: {error}") from error
    if len(planes) % width:
        raise ValueError(f"this is no array of {stored_as}")
    return np.ascontiguousarray(planes.reshape(width, -1).T).view(stored_as).reshape(-1).astype(kind)
