"""Learns the forecasts of a tenant or of the fleet, from the history that learning has read, and scores them."""

from datetime import date

from domain.forecast_scores import scored
from domain.forecasting import learn
from domain.forecasts import is_forecast, joined
from domain.histories import History
from pipeline.concurrency import cooperatively
from storage.tables import Tables
from storage.tables.scores import PartScores, figures_of


async def learn_forecasts(tables: Tables, tenant: str | None, zone: str | None, day: date, history: History) -> None:
    """Learn the forecasts from a day on; of a tenant, write their scores, too."""
    rows = [row for row, series in enumerate(history.series) if is_forecast(series)]
    if not rows:
        return
    series = [history.series[row] for row in rows]
    forecasts = joined(await cooperatively(learn(history.hours[rows], history.weekdays, day.weekday())))
    await tables.forecasts.write(tenant, zone, day, series, forecasts)
    if tenant is None:
        return
    of_pools: dict[str, list[int]] = {}
    for row, each in enumerate(series):
        if each.whose.kind == "pool" and each.whose.name is not None:
            of_pools.setdefault(each.whose.name, []).append(row)
    whole = scored(forecasts, range(len(series)))
    pools = {name: figures_of(score) for name, of in of_pools.items() if (score := scored(forecasts, of))}
    await tables.scores.write(tenant, zone, "forecasts", PartScores(figures_of(whole) if whole else {}, pools))
