"""``python -m benchmarks.messages``: times the worst messages, a signature, and a usual message.

The messages are those of tests/pipeline/test_what_a_message_costs.py, which limits their memory and calls to fixed
multiples. This prints their time per byte of text, as a multiple of that of a full message of samples, as the tenant's
collector (SPOC) packs it.
"""

import asyncio
import time

from benchmarks.fleet import HORIZON, NOW, message
from domain import wire
from domain.enrolment import Enrolment, Key, Register
from domain.packing import pack
from domain.signed import Signer
from pipeline.ingest import Message, ingest
from pipeline.trust import Trust
from storage.tables import Tables
from tests.pipeline.memory import MemoryDocuments
from tests.pipeline.test_what_a_message_costs import WORST, text_of

SENT = 256 * 1024
TIMES = 200


def seconds(body: bytes) -> float:
    """Return the processor time of ingesting a message into a store in memory, the shortest of three runs."""
    found = []
    for _ in range(3):
        tables = Tables(MemoryDocuments())
        began = time.process_time()
        asyncio.run(ingest(tables, [Message(body, "m", NOW)], HORIZON))
        found.append(time.process_time() - began)
    return min(found)


def verifying(body: bytes) -> float:
    """Return the mean processor time of verifying a signed message's sender."""
    signer = Signer(bytes(32))
    trust = Trust(Register.of([Enrolment("t", keys=(Key(signer.public, 0),))]), required=True)
    signed = signer.signed(body)
    trust.origin(signed)  # the first call loads the library
    began = time.process_time()
    for _ in range(TIMES):
        trust.origin(signed)
    return (time.process_time() - began) / TIMES


def main() -> None:
    batches = [wire.decode(message(0, vm)).samples for vm in range(60)]
    full = next(pack(batches, SENT)).body
    usual = seconds(full) / text_of(full)
    print(f"{'a full message of samples':45}{text_of(full):>12,} bytes of text{usual * 1e9:9.0f} ns a byte")
    share = verifying(full) / seconds(full)
    print(f"{'verifying its signature':45}{share:>12.3f} of ingesting it (at most 0.03)")
    for name, make in WORST.items():
        body = make()
        each = seconds(body) / text_of(body)
        print(f"{name:45}{text_of(body):>12,} bytes of text{each * 1e9:9.0f} ns a byte{each / usual:8.1f} times")


if __name__ == "__main__":
    main()
