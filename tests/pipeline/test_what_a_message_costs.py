"""No message costs more than a fixed multiple of its text: memory, calls of the store, and what is kept of it.

The worst messages of 256 KB that we could think of. The multiples that this file states are those that are promised.
(How long they take: ``python -m benchmarks.messages``.)
"""

import asyncio
import gzip
import random
import tracemalloc
from collections.abc import Callable

import msgspec
import pytest

from domain import wire
from domain.errors import BadMessage
from domain.refusals import MOST_KEPT
from domain.samples import MOST_TENANTS, vm_windows_of
from pipeline.ingest import Message, ingest
from pipeline.ingested import Ingested
from pipeline.refusals import KEPT_BYTES, MOST_WHOLE
from storage.schema import QUARANTINE
from storage.tables import Tables
from tests.builders import HORIZON, KEY, NOW, TENANT, VM, WINDOW_START, a_message, records_of
from tests.pipeline.memory import MemoryDocuments

SENT = 256 * 1024
TEXT = 6_000_000
"""Of zipped messages. (Of 16 MB the multiples are the same, and the test takes three times as long.)"""

MEMORY_A_BYTE = 56
"""Bytes of memory, at most, for a byte of a message's text."""

MEMORY_AT_LEAST = 2_000_000
CALLS_A_VM_WINDOW = 4

LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"
SAMPLE = '{"timestamp":%d,"MaskedTenantId":"%s","MaskedVMName":"%s","PerfName":"%s","PerfValue":1,"PerfType":"d"}'


def plain(element: Callable[[int], str]) -> bytes:
    """A message of elements, as many as fit into 256 KB."""
    return filled(element, SENT)


def filled(element: Callable[[int], str], size: int, before: str = "") -> bytes:
    parts: list[str] = []
    length = 0
    while length < size - 100 - len(before):
        parts.append(element(len(parts)))
        length += len(parts[-1]) + 1
    return f'{{{before}"metrics":[{",".join(parts)}]}}'.encode()


def zipped(element: Callable[[int], str]) -> bytes:
    """As many elements as 256 KB may unzip to. Before those that compress too well stands what does not compress."""
    size, before = TEXT, ""
    while True:
        text = filled(element, size, before)
        body = gzip.compress(text)
        if len(body) > SENT:
            size = int(size * SENT / len(body) * 0.98)
        elif len(text) > wire.UNZIPS_TO * len(body):
            noise = "".join(random.Random(1).choices(LETTERS, k=70_000))  # noqa: S311
            before = f'"noise":"{noise}",'
        else:
            return body


def sample(tenant: str = "t", vm: str = "v", name: str = "n") -> str:
    return SAMPLE % (WINDOW_START + 30, tenant, vm, name)


def wide(size: int) -> bytes:
    """One element with as many names as there is room for."""
    names = ",".join(f'"{number:x}":0' for number in range(size // 11))
    return f'{{"metrics":[{{{names}}}]}}'.encode()


WORST: dict[str, Callable[[], bytes]] = {
    "many tiny numbers": lambda: plain(lambda _: "0"),
    "many empty lists": lambda: plain(lambda _: "[]"),
    "many empty objects": lambda: plain(lambda _: "{}"),
    "many short strings": lambda: plain(lambda _: '"\\u0100"'),
    "wide": lambda: wide(SENT),
    "deep": lambda: b'{"metrics":' + b"[" * (SENT // 2) + b"]" * (SENT // 2) + b"}",
    "deep elements": lambda: plain(lambda _: "[" * 500 + "]" * 500),
    "zipped numbers": lambda: zipped(lambda _: "12345678"),
    "zipped objects of one field": lambda: zipped(lambda _: '{"timestampppppppppp":12}'),
    "zipped samples that lack a field": lambda: zipped(lambda _: sample().replace("PerfType", "Perftype")),
    "zipped samples of one VM and minute": lambda: zipped(lambda _: sample()),
    "zipped samples of many tenants": lambda: zipped(lambda number: sample(tenant=f"{number % 9000:04}")),
    "zipped samples of many VMs": lambda: zipped(lambda number: sample(vm=f"{number % 9000:04}")),
    "zipped samples of many counters": lambda: zipped(lambda n: sample(vm=f"{n % 99}", name=f"{n // 99 % 999:04}")),
    "zipped samples of too many counters": lambda: zipped(lambda number: sample(name=f"{number % 9000:04}")),
    "a long string": lambda: zipped(lambda _: '"' + "\\u0100" * 900_000 + '"'),
    "one list in it": lambda: zipped(lambda _: "[" + "0,         " * 10_000 + "0]"),
    "a long heartbeat": lambda: b'{"metrics":[],"heartbeat":"%s"}' % (b"x" * SENT),
    "a wide heartbeat": lambda: b'{"metrics":[0],"heartbeat":[%s0]}' % (b"0," * (SENT // 2)),
    "a deep heartbeat": lambda: b'{"metrics":[0],"heartbeat":%s%s}' % (b"[" * 900, b"]" * 900),
    "many gzip files": lambda: gzip.compress(b"") * (SENT // 20),
    "no gzip": lambda: wire.GZIP_MAGIC + bytes(range(256)) * 1000,
}


@pytest.mark.parametrize("name", WORST)
def test_the_worst_message_costs_a_fixed_multiple_of_its_text_and_nothing_of_its_neighbours(name: str) -> None:
    body = WORST[name]()
    assert len(body) <= SENT + 1000
    memory = MemoryDocuments()
    calls = 0

    async def count(call: str, table: str, document_id: str) -> None:  # noqa: ARG001
        nonlocal calls
        calls += call.startswith("before")

    memory.hook = count
    good = a_message(records_of(TENANT, VM, KEY, [7.0] * 15))
    tracemalloc.start()
    done = asyncio.run(the_batch(memory, [good, body, good.replace(b"7.0", b"8.0")]))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    stored = sum(len(text) for text, *_ in memory._documents.values())
    assert peak - stored <= max(MEMORY_A_BYTE * text_of(body), MEMORY_AT_LEAST)
    assert done.windows <= vm_windows_of(len(body)) + 1
    assert len(done.tenants) <= MOST_TENANTS + 1
    assert calls <= CALLS_A_VM_WINDOW * (done.windows + 5)
    kept = [text for (table, *_), (text, *_) in memory._documents.items() if table == QUARANTINE]
    assert sum(map(len, kept)) <= 2 * KEPT_BYTES + 1.5 * min(len(body), MOST_WHOLE) + 100 * MOST_KEPT
    own = asyncio.run(Tables(memory).samples.read(TENANT, VM, WINDOW_START))
    assert own
    assert own.value.series[KEY] == [8.0] * 15


async def the_batch(memory: MemoryDocuments, bodies: list[bytes]) -> Ingested:
    return await ingest(Tables(memory), [Message(body, "m", NOW) for body in bodies], HORIZON)


def text_of(body: bytes) -> int:
    """How long a message's text is; of one that is no text, the bytes themselves; of a bomb, what is unzipped of it."""
    try:
        return len(wire.unpack(body))
    except BadMessage:
        return max(len(body), wire.SMALL)


def test_samples_that_compress_as_well_as_samples_can_are_no_bomb() -> None:
    """The longest names there are, equal values, in the order in which a SPOC writes them."""
    long = dict.fromkeys(("SiteName", "ResourcePoolName", "Region", "MachineSize"), "x" * 128)
    records = [
        {**record, **long, "PerfName": f"{number:03}".ljust(255, "p")}
        for number in range(300)
        for record in records_of("t" * 128, "v" * 128, KEY, [0] * 15)
    ]
    text = msgspec.json.encode({"metrics": records})
    body = gzip.compress(text, 9)
    assert len(text) > wire.SMALL
    assert len(wire.decode(body).samples) == 4500
    assert len(text) / len(body) < wire.UNZIPS_TO * 0.7


def test_a_bomb_is_refused_before_it_is_unzipped() -> None:
    body = gzip.compress(bytes(200_000_000))
    tracemalloc.start()
    with pytest.raises(BadMessage, match="unzips to more than"):
        wire.decode(body)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 3 * wire.MAX_BYTES
