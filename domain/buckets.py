"""Buckets: fixed logarithmic ranges of values, each with a number. Refuses to know what is counted by them.

The bucket of a value is the leading bits of its IEEE double: the sign, the exponent and six bits of the mantissa. So
each octave has 64 buckets, and the middle of a bucket is at most 0.78 % away from each of its values. No logarithm is
taken, so all machines agree. Values whose magnitude is below TINY are in the bucket of zero.

numpy is imported where it is used, so that starting the app does not load it.
"""

from typing import TYPE_CHECKING

from domain.exact import LARGEST

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float64]
    Flags = NDArray[np.bool_]

MANTISSA = 6
"""The bits of the mantissa that decide the bucket."""

_DROPPED = 52 - MANTISSA
ZERO = 1 << (63 - _DROPPED)
"""The bucket of zero. Buckets of positive values lie above it, those of negative values below it, in their order."""

BUCKET_BITS = 64 - _DROPPED
"""How many bits a bucket's number has."""

TINY = 1e-300


def buckets_of(values: "Floats") -> "Ints":
    """Return the bucket of each value."""
    import numpy as np  # noqa: PLC0415

    sizes = np.abs(values)
    magnitudes = np.where(sizes < TINY, 0.0, sizes).view(np.int64) >> _DROPPED
    return ZERO + np.where(values < 0, -magnitudes, magnitudes)


def bucket_numbers(values: "Sequence[float] | Floats") -> "Ints":
    """Return the bucket of each value by its number: 0 for zero's, counted up for greater and down for lower values."""
    import numpy as np  # noqa: PLC0415

    return buckets_of(np.asarray(values, np.float64)) - ZERO


def ends(buckets: "Ints") -> tuple["Floats", "Floats"]:
    """Return the buckets' lower and upper ends, of which the one nearer to zero belongs to the bucket."""
    import numpy as np  # noqa: PLC0415

    signed = buckets - ZERO
    sizes = np.abs(signed)
    near = (sizes << _DROPPED).view(np.float64)
    far = np.minimum(((sizes + 1) << _DROPPED).view(np.float64), LARGEST)
    far = np.where(sizes == 0, 0.0, far)
    return np.where(signed < 0, -far, near), np.where(signed < 0, -near, far)


def middles(buckets: "Ints", whole: "Flags") -> "Floats":
    """Return the middle of each bucket, or the middle integer where all values are integers."""
    import numpy as np  # noqa: PLC0415

    lows, highs = ends(buckets)
    near, far = np.minimum(np.abs(lows), np.abs(highs)), np.maximum(np.abs(lows), np.abs(highs))
    middle = near + (far - near) / 2
    first = np.ceil(near)
    integer = first + np.maximum(np.floor((far - 1 - first) / 2), 0.0)
    return np.where(highs <= 0, -1.0, 1.0) * np.where(whole, integer, middle)
