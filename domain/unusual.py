"""What is unusual: values that lie far beyond what is normal, and stay there.

A value is unusual if it lies beyond the end where values become rare (domain.baselines) in three of the last four
windows, on the same side. How far is counted in widths of the series' own band, so that counters of different units
stand in one list; a band counts as no narrower than LEAST of the expected value. Most excursions of real VMs are short,
or end near: persistence, and the part of a width that LISTED asks for, leave a listing in 0.3 of a VM's weeks.
NOTABLE asks that the VM is far from its peers too, by median and MAD (Iglewicz and Hoaglin, "How to Detect and Handle
Outliers", 1993). Both were measured on real VMs where nothing is known to be wrong (benchmarks.normal).

Knows arrays of values and bands. Refuses to know whose they are.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from domain.histogram import Floats

WINDOWS, OF_THEM = 4, 3
"""Unusual in so many of the last so many windows."""

LEAST = 0.05
"""The narrowest band, as a share of the expected value."""

LISTED = 0.5
"""In widths beyond the rare end: from here on, a series is listed."""

NOTABLE, FROM_PEERS = 6.0, 5.0
"""In widths beyond the rare end, and in robust standard deviations from the median of the peers."""


def distances(values: "Floats", lines: "Floats", least: "Floats | float" = 0.0) -> "Floats":
    """Return how far values lie beyond their rare ends, in widths of their bands; negative if below; 0 if within.

    ``lines``: the first five of domain.baselines.Bands, each of the form of ``values``. ``least``: the narrowest
    widths. NaN where a value or its baseline is unknown.
    """
    import numpy as np  # noqa: PLC0415

    expected, low, high, rare_low, rare_high = lines
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        width = np.maximum(np.maximum(high - low, LEAST * np.abs(expected)), least)
        above, below = values - rare_high, rare_low - values
        beyond = np.where(above > 0, above, np.where(below > 0, -below, 0.0))
        # A constant that is zero has a band of no width: any other value is as far as can be.
        far = np.where(beyond == 0, 0.0, beyond / width)
    return np.where(np.isnan(values) | np.isnan(expected), np.nan, far)


def persistent(far: "Floats") -> "Floats":
    """Return how far each series lay in OF_THEM of its windows, at least, on one side; 0 if on none.

    ``far``: distances by series and window, the last WINDOWS of them.
    """
    import numpy as np  # noqa: PLC0415

    known = np.where(np.isnan(far), 0.0, far)
    in_order = np.sort(known, axis=1)
    least = in_order.shape[1] - OF_THEM
    if least < 0:
        return np.zeros(len(far))
    return np.asarray(np.maximum(in_order[:, least], 0.0) + np.minimum(in_order[:, OF_THEM - 1], 0.0), np.float64)
