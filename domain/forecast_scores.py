"""Scores of forecasts: how good those of many series were on the last four weeks. See domain.forecasting, Score."""

from collections.abc import Sequence
from dataclasses import dataclass

from domain.exact import mean
from domain.forecasts import Forecasts


@dataclass(frozen=True, slots=True)
class ForecastScore:
    """How good forecasts were. ``series``: of how many there is a score.

    ``mase``: the median of their errors, each as a part of that of "same time yesterday". ``coverage``: the share of
    hours within the bands; None: no band is old enough.
    """

    series: int
    mase: float
    coverage: float | None


def scored(forecasts: Forecasts, rows: Sequence[int]) -> ForecastScore | None:
    """Return the score of some series; None: there is none of any."""
    import numpy as np  # noqa: PLC0415

    errors, covered = (line[list(rows)] for line in (forecasts.mase, forecasts.coverage))
    errors, covered = errors[~np.isnan(errors)], covered[~np.isnan(covered)]
    if not len(errors):
        return None
    return ForecastScore(len(errors), float(np.median(errors)), float(covered.mean()) if len(covered) else None)


def joined(scores: Sequence[ForecastScore]) -> ForecastScore | None:
    """Return the score of several together, such as of a tenant's zones: their means, by how many series each has."""
    number = sum(each.series for each in scores)
    if not number:
        return None
    covered = [each for each in scores if each.coverage is not None]
    errors = mean([each.mase * each.series for each in scores], number)
    shares = mean([(each.coverage or 0.0) * each.series for each in covered], sum(each.series for each in covered) or 1)
    return ForecastScore(number, errors, shares if covered else None)
