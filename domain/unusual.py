"""What is unusual: values that lie far beyond what is normal, and stay there.

A value *deviates* if it lies beyond the band by half a width of it (DEVIATES); a series does if it did in three of the
last four windows, on the same side. How far is counted in widths of the series' own band, so that counters of different
units stand in one list; a band counts as no narrower than LEAST of the expected value.

That is enough where many VMs do it at once (domain.causes). A VM that does it alone is told from chance only beyond the
end where its values become rare (domain.baselines), which of some counters is many widths away: it has to stay beyond
that end by ALONE if someone asks about it, and by LISTED to be in a list that nobody asked for. NOTABLE asks for more,
and that the VM is far from its peers too, by median and MAD (Iglewicz and Hoaglin, "How to Detect and Handle Outliers",
1993). All were measured on real VMs (benchmarks.normal).

Knows arrays of values and bands. Refuses to know whose they are.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from domain.buckets import Floats

WINDOWS, OF_THEM = 4, 3
"""So many of the last so many windows."""

LEAST = 0.05
"""The narrowest band, as a share of the expected value."""

DEVIATES = 0.5
"""In widths beyond the band: from here on, a value deviates."""

ALONE, LISTED = 1.25, 1.5
"""In widths beyond the rare end: from here on, what a series does alone is unusual, and is listed."""

NOTABLE, FROM_PEERS = 8.0, 8.0
"""In widths beyond the rare end, and in robust standard deviations from the median of the peers."""


def distances(values: "Floats", lines: "Floats", least: "Floats | float" = 0.0) -> tuple["Floats", "Floats"]:
    """Return how far values lie beyond their bands, in widths of these; and how far their rare ends do.

    A distance is negative if the value is below its band, 0 if it is less than DEVIATES, and NaN where a value or its
    baseline is unknown. ``lines``: the first five of domain.baselines.Bands, each of the form of ``values``. ``least``:
    the narrowest widths.
    """
    import numpy as np  # noqa: PLC0415

    expected, low, high, rare_low, rare_high = lines
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        width = np.maximum(np.maximum(high - low, LEAST * np.abs(expected)), least)
        above = values > high
        beyond = np.where(above, values - high, np.minimum(values - low, 0.0))
        # A constant that is zero has a band of no width: any other value is as far as can be.
        far = np.where(beyond == 0, 0.0, beyond / width)
        rare = np.nan_to_num(np.where(above, rare_high - high, low - rare_low) / width, posinf=np.inf)
    far = np.where(np.abs(far) < DEVIATES, 0.0, far)
    return np.where(np.isnan(values) | np.isnan(expected), np.nan, far), rare


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
