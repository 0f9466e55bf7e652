"""What must hold for any bytes that arrive as a message: samples, quarantine entries, or a clean refusal."""

import asyncio
import gzip
import json
import math
from collections.abc import Iterable

from domain import wire
from domain.errors import BadMessage
from domain.minutes import MINUTES_PER_WINDOW, identifier, utc_day
from domain.names import key_of, key_problem, name_problem, split_key
from domain.refusals import Refused
from domain.samples import Sample, VmWindow, collect
from domain.signed import MAGIC, Signer
from pipeline.ingest import Message, ingest
from pipeline.refusals import whole_of
from storage.tables import Tables
from storage.tables.quarantine import RefusedInput
from tests.builders import HORIZON, NOW
from tests.pipeline.memory import MemoryDocuments

SIGNER = Signer(bytes(32))
SIGNER.signed(b"")  # the library is loaded here, and not within a test's deadline


def check(body: bytes) -> None:
    """Raise AssertionError, or whatever the code raises that it must not, where a promise is broken."""
    try:
        decoded = wire.decode(body)
    except BadMessage as error:
        assert str(error).isprintable()
        assert [whole_of(kept) for kept in quarantined(body)] == [body]
        return
    assert body.startswith(MAGIC) or wire.decode(SIGNER.signed(body)) == decoded
    if not body.startswith((wire.GZIP_MAGIC, MAGIC)):
        assert wire.decode(gzip.compress(body, 1)) == decoded
    places = [*decoded.positions, *(refused.position for refused in decoded.refused.kept)]
    assert sorted(places) == list(range(len(places)))
    collected = collect(decoded.samples, HORIZON)
    for refused in (*decoded.refused.kept, *collected.refused.kept):
        check_refused(refused)
    out = {refused.position for refused in collected.refused.kept}
    accepted = [sample for position, sample in enumerate(decoded.samples) if position not in out]
    assert collected.samples == len({identity(sample) for sample in accepted})
    for window in collected.windows:
        check_window(window)
    own = [sample for window in collected.windows for sample in window.samples()]
    assert {identity(sample) for sample in own} == {identity(sample) for sample in accepted}
    assert series_of(collect(wire.decode(wire.encode_samples(own)).samples, HORIZON).windows) == series_of(
        collected.windows
    )
    assert len(quarantined(body)) == decoded.refused.count + collected.refused.count


def quarantined(body: bytes) -> list[RefusedInput]:
    """What is in quarantine after the message was ingested."""

    async def run() -> list[RefusedInput]:
        tables = Tables(MemoryDocuments())
        await ingest(tables, [Message(body, "m", NOW)], HORIZON)
        return [
            kept
            async for message in tables.quarantine.messages(utc_day(NOW))
            for kept in await tables.quarantine.inputs(message)
        ]

    return asyncio.run(run())


def check_refused(refused: Refused) -> None:
    assert refused.reason.isprintable()
    text = wire.as_text(refused.value)
    assert text.isascii()
    json.loads(text)


def check_window(window: VmWindow) -> None:
    assert name_problem(window.tenant) is None
    assert name_problem(window.vm) is None
    for key, row in window.series.items():
        assert key_problem(*split_key(key)) is None
        assert len(row) == MINUTES_PER_WINDOW
        assert all(value is None or math.isfinite(value) for value in row)


def identity(sample: Sample) -> tuple[str, str, str, int]:
    key = key_of(sample.PerfType, sample.PerfName)
    return sample.MaskedTenantId, sample.MaskedVMName, key, identifier(sample.timestamp)


def series_of(windows: Iterable[VmWindow]) -> dict[tuple[str, str, int], object]:
    return {(window.tenant, window.vm, window.window): window.series for window in windows}
