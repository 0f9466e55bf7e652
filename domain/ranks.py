"""Ranks of values among others: which share lies below a value. Knows no VMs and no counters.

numpy is imported where it is used, so that starting the app does not load it.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from domain.buckets import Floats


def ranks_of_rows(values: "Floats") -> "Floats":
    """Return each value's rank in its row: which share lies below it, in percent, equal values counted half.

    NaN do not count; they have no rank.
    """
    import numpy as np  # noqa: PLC0415

    counts = (~np.isnan(values)).sum(axis=1, keepdims=True)
    order = np.argsort(values, axis=1, kind="stable")
    in_order = np.take_along_axis(values, order, axis=1)
    number = values.shape[1]
    places = np.arange(number)
    new = np.ones((len(values), number + 1), np.bool_)
    new[:, 1:-1] = in_order[:, 1:] != in_order[:, :-1]
    below = np.maximum.accumulate(np.where(new[:, :-1], places, 0), axis=1)
    up_to = np.minimum.accumulate(np.where(new[:, 1:], places + 1, number)[:, ::-1], axis=1)[:, ::-1]
    found: Floats = np.empty(values.shape)
    np.put_along_axis(found, order, 50 * (below + up_to) / np.maximum(counts, 1), axis=1)
    return found


def ranks(values: "Floats") -> "Floats":
    """Return each value's rank among them (ranks_of_rows)."""
    found: Floats = ranks_of_rows(values[None, :])[0]
    return found
