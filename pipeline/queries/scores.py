"""Scores as answers: how good what was said of the future was, by tenant and pool. For the system's status."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from domain import forecast_scores, tenant_habits
from domain.forecast_scores import ForecastScore
from domain.logon_scores import Score
from pipeline.queries.logon_answers import PastAdvice, past_advice
from storage.tables import Tables
from storage.tables.scores import Part, PartScores, score_of


@dataclass(frozen=True, slots=True)
class PastForecasts:
    """How forecasts of the last four weeks did, two days ahead."""

    series: int
    """Of how many series there is a score."""
    mase: float
    """The median of their errors, each as a part of the error of "same time yesterday"."""
    coverage: float | None
    """The share of hours that were within their bands; null: no band is old enough."""


@dataclass(frozen=True, slots=True)
class PoolScores:
    """How good what was said of a pool was. ``logons``: advice for the pool as a whole."""

    pool: str
    logons: PastAdvice | None
    forecasts: PastForecasts | None


@dataclass(frozen=True, slots=True)
class TenantScores:
    """How good what was said of a tenant was. ``logons``: advice for its VMs, one by one."""

    tenant: str
    logons: PastAdvice | None
    """null: no day could be scored."""
    forecasts: PastForecasts | None
    """null: there is too little history."""
    pools: list[PoolScores]


async def get_scores(tables: Tables) -> list[TenantScores]:
    """Return the scores of all tenants, in the order of their names."""
    return [_of_tenant(tenant, list(zones.values())) for tenant, zones in sorted((await tables.scores.every()).items())]


def _of_tenant(tenant: str, zones: list[Mapping[Part, PartScores]]) -> TenantScores:
    pools = sorted({pool for zone in zones for part in zone.values() for pool in part.pools})
    logons, forecasts = ([zone[part] for zone in zones if part in zone] for part in _PARTS)
    return TenantScores(
        tenant,
        _advice(each.tenant for each in logons),
        _forecasts(each.tenant for each in forecasts),
        [
            PoolScores(
                pool,
                _advice(each.pools.get(pool) for each in logons),
                _forecasts(each.pools.get(pool) for each in forecasts),
            )
            for pool in pools
        ],
    )


_PARTS: tuple[Part, Part] = ("logons", "forecasts")

_Figures = Iterable[Mapping[str, object] | None]
"""The figures of the zones."""


def _advice(of_zones: _Figures) -> PastAdvice | None:
    scores = [score for each in of_zones if (score := score_of(each, Score))]
    return past_advice(tenant_habits.joined(scores))


def _forecasts(of_zones: _Figures) -> PastForecasts | None:
    scores = [score for each in of_zones if (score := score_of(each, ForecastScore))]
    whole = forecast_scores.joined(scores)
    if whole is None:
        return None
    return PastForecasts(
        whole.series, round(whole.mase, 3), None if whole.coverage is None else round(whole.coverage, 3)
    )
