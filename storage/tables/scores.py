"""Scores: how good what was said of the future was, by tenant and zone. One partition holds all, for one short scan.

A document has a part for each kind of what is said, such as advice on log-ons; whoever learns that writes its part.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, TypeVar

import msgspec

from domain.forecast_scores import ForecastScore
from domain.logon_scores import Score
from domain.names import decode_name, encode_name
from storage.documents import Conflict
from storage.schema import STANDINGS
from storage.tables.digests import UTC, zone_id
from storage.tables.table import Table

Part = Literal["logons", "forecasts"]

_PARTITION = "scores"

_DECIMALS = 4


@dataclass(frozen=True, slots=True)
class PartScores:
    """A part of a tenant's scores in a zone, as figures by name: of the tenant, and of each pool."""

    tenant: Mapping[str, Any] = field(default_factory=dict)
    pools: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


class _Body(msgspec.Struct):
    tenant: dict[Part, dict[str, Any]]
    pools: dict[str, dict[Part, dict[str, Any]]]


@dataclass(frozen=True, slots=True)
class ScoresTable(Table):
    """The scores. ``zone`` is None for UTC."""

    async def read(self, tenant: str, part: Part) -> Mapping[str | None, PartScores]:
        """Return a part of a tenant's scores, by zone. What can't be read is left out."""
        found = await self._between(f"{encode_name(tenant)}_", f"{encode_name(tenant)}_~")
        return {zone: parts[part] for zone, parts in found.get(tenant, {}).items() if part in parts}

    async def every(self) -> Mapping[str, Mapping[str | None, Mapping[Part, PartScores]]]:
        """Return all scores, by tenant, zone and part. What can't be read is left out."""
        return await self._between("", "~")

    async def _between(self, first: str, last: str) -> dict[str, dict[str | None, dict[Part, PartScores]]]:
        found: dict[str, dict[str | None, dict[Part, PartScores]]] = {}
        async for document in self.documents.scan(STANDINGS, _PARTITION, first, last):
            tenant, zone = map(decode_name, document.id.split("_"))
            try:
                body = msgspec.convert(document.body, _Body)
            except ValueError:  # it is written again when the tenant is learned again
                continue
            found.setdefault(tenant, {})[None if zone == UTC else zone] = {
                part: PartScores(of, {pool: each[part] for pool, each in body.pools.items() if part in each})
                for part, of in body.tenant.items()
            }
        return found

    async def write(self, tenant: str, zone: str | None, part: Part, scores: PartScores) -> None:
        """Write a part of a tenant's scores, and leave the others as they are."""
        document_id = f"{encode_name(tenant)}_{zone_id(zone)}"
        while True:
            document = await self.documents.read(STANDINGS, _PARTITION, document_id)
            try:
                body = msgspec.convert(document.body if document else {"tenant": {}, "pools": {}}, _Body)
            except ValueError:
                body = _Body({}, {})
            body.tenant[part] = dict(scores.tenant)
            others = {
                name: {each: of for each, of in pool.items() if each != part} for name, pool in body.pools.items()
            }
            own = {name: {part: dict(of)} for name, of in scores.pools.items()}
            pools = {name: {**others.get(name, {}), **own.get(name, {})} for name in sorted({*others, *own})}
            body.pools = {name: of for name, of in pools.items() if of}
            built = msgspec.to_builtins(body)
            if document and document.body == built:
                return
            try:
                await self._write(STANDINGS, _PARTITION, document_id, built, document.etag if document else None)
            except Conflict:
                continue
            return

    async def delete(self, tenant: str) -> None:
        """Remove a tenant's scores."""
        first = f"{encode_name(tenant)}_"
        again = True
        while again:
            again = False
            async for document in self.documents.scan(STANDINGS, _PARTITION, first, f"{first}~"):
                try:
                    await self.documents.delete(STANDINGS, _PARTITION, document.id, document.etag)
                except Conflict:  # learning wrote it, or another run removed it
                    again = True


def figures_of(score: Score | ForecastScore) -> dict[str, Any]:
    """Return a score as figures."""
    return {
        name: round(value, _DECIMALS) if isinstance(value, float) else value for name, value in asdict(score).items()
    }


AScore = TypeVar("AScore", Score, ForecastScore)


def score_of(figures: Mapping[str, Any] | None, kind: type[AScore]) -> AScore | None:
    """Return a score from figures; None: these are no such figures."""
    try:
        return msgspec.convert(figures, kind)
    except ValueError:  # includes msgspec's ValidationError
        return None
